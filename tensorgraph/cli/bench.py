"""The command that measures tensorgraph beside other libraries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tensorgraph.errors import InputError

__all__ = ["bench", "sources"]


def bench(arguments: Sequence[str], places: Sequence[Path] | None = None) -> int:
    """Run ``python -m tests.benchmarks.peers`` in the sources, and give its exit status.

    Parameters
    ----------
    arguments
        For it.
    places
        Where the sources may be: the current folder, and the one that the package is in.

    Raises
    ------
    InputError
        If they are in none.
    """
    root = sources([Path.cwd(), Path(__file__).parents[2]] if places is None else places)
    absolute = [_absolute(before, argument) for before, argument in zip(["", *arguments], arguments, strict=False)]
    return subprocess.run([sys.executable, "-m", "tests.benchmarks.peers", *absolute], cwd=root, check=False).returncode


def sources(places: Sequence[Path]) -> Path:
    """The first folder that holds the benchmarks.

    Raises
    ------
    InputError
        If none does.
    """
    for place in places:
        if (place / "tests" / "benchmarks" / "peers" / "__main__.py").is_file():
            return place
    raise InputError(
        "bench: the benchmarks are not part of an installed package: run it in a copy of tensorgraph's sources, "
        "installed with pip install -e '.[bench,peers]'"
    )


def _absolute(before: str, argument: str) -> str:
    """A path that was given for here, as the benchmarks run elsewhere."""
    return str(Path(argument).resolve()) if before in ("--json", "--out") else argument
