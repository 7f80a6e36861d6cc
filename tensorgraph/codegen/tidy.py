"""Names that nothing reads: an assignment to one is only its call, or nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

__all__ = ["identifiers", "tidied"]

NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")  # no attributes
ASSIGNED = re.compile(r"(\s+)([A-Za-z_]\w*) = (.*)$")


def identifiers(lines: Iterable[str]) -> Counter[str]:
    """The names in lines of source, comments left out, and how often each stands there."""
    return Counter(name for line in lines for name in NAME.findall(line.partition("#")[0]))


def tidied(lines: Sequence[str], names: Collection[str], starts: Sequence[int] = ()) -> tuple[list[str], list[int]]:
    """Lines of a function, and the positions in them that `starts` named, without names that nothing reads.

    Parameters
    ----------
    lines
        The function.
    names
        What values are called: others are left alone.
    starts
        Positions of lines.
    """
    count = identifiers(lines)
    kept: list[str] = []
    now: list[int] = []
    for line in lines:
        now.append(len(kept))
        found = ASSIGNED.match(line)
        if found is None or found[2] not in names or count[found[2]] > 1:
            kept.append(line)
        elif "(" in found[3].partition("  # ")[0]:
            kept.append(f"{found[1]}{found[3]}")
    return kept, [now[start] for start in starts]
