"""Long lines of emitted source, broken at commas inside brackets."""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["WIDTH", "broken", "commented", "listed"]

WIDTH = 120
TOKEN = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[](){}[,]""")  # a string, a bracket, or a comma


def commented(code: str, comment: str, indent: str = "    ") -> list[str]:
    """Code with a comment behind it, or above it where that would be too long."""
    line = f"{indent}{code}  # {comment}"
    if len(line) <= WIDTH:
        return [line]
    return [*_wrapped_comment(comment, indent), *broken(indent + code)]


def _wrapped_comment(comment: str, indent: str) -> list[str]:
    lines = [f"{indent}#"]
    for word in comment.split(" "):
        if len(lines[-1]) + 1 + len(word) > WIDTH and not lines[-1].endswith("#"):
            lines.append(f"{indent}#")
        lines[-1] += f" {word}"
    return lines


def broken(line: str) -> list[str]:
    """The line, broken after commas inside brackets so that each part fits if it can."""
    if len(line) <= WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    lines: list[str] = []
    start = 0
    room = WIDTH
    best = 0
    for end in (*_breaks(line), len(line)):
        if end - start > room and best > start:
            lines.append(line[start:best].rstrip())
            start = best
            room = WIDTH - len(indent) - 4
        best = end
    parts = [*lines, line[start:]]
    return [parts[0], *(f"{indent}    {part.lstrip()}" for part in parts[1:])]


def _breaks(line: str) -> list[int]:
    """Positions after commas inside brackets, where Python allows a new line; only of the outermost if they will do."""
    found: list[tuple[int, int]] = []
    depth = 0
    for token in TOKEN.finditer(line):
        text = token[0]
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth -= 1
        elif text == "," and depth:
            found.append((token.end(), depth))
    outer = [end for end, depth in found if depth == 1]
    room = WIDTH - 12  # beside an indent, and that of what follows
    fits = all(after - before <= room for before, after in pairwise([0, *outer, len(line)]))
    return outer if fits else [end for end, _ in found]


def listed(items: list[str], opening: str = "(", closing: str = ")") -> str:
    """``(a, b)``; a tuple of one has its comma."""
    return f"{opening}{', '.join(items)}{',' if len(items) == 1 and opening == '(' else ''}{closing}"
