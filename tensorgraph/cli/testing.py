"""Commands that test: the gradients of a user's function, and the compiler itself."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console

from tensorgraph.errors import InputError, TensorGraphError
from tensorgraph.testing.checking import check_target
from tensorgraph.testing.fuzz import Interrupted
from tensorgraph.testing.fuzz import fuzz as run_fuzz

__all__ = ["check", "fuzz", "load_target"]

INTERRUPTED = 130  # as shells say it of Ctrl-C


def check(target: str, types: Sequence[str], order: int, examples: int, seed: int) -> None:
    """Check the gradients of a function or a Module, and print a report."""
    found = load_target(target)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(
        str(check_target(found, target.rpartition(":")[2], types, order=order, examples=examples, number=seed))
    )


def fuzz(minutes: float, seed: int, out: Path) -> int:
    """Send random graphs through the compiler; the exit status: 1 if a stage is wrong, 130 after Ctrl-C."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        report = run_fuzz(minutes, seed=seed, out=out, tell=console.print)
    except Interrupted as interrupted:
        console.print(str(interrupted.report))
        return INTERRUPTED
    console.print(str(report))
    return 1 if report.findings else 0


def load_target(target: str) -> Any:
    """What ``PATH.py:NAME`` or ``MODULE:NAME`` names.

    Parameters
    ----------
    target
        A file or a module, a colon, and a name in it, perhaps with dots.

    Raises
    ------
    InputError
        Says which part is wrong.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise InputError(f"{target!r} names nothing: write PATH.py:NAME or MODULE:NAME")
    module = _from_file(Path(place)) if place.endswith(".py") else _imported(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = ", ".join(n for n in vars(module) if not n.startswith("_") and callable(getattr(module, n)))
            raise InputError(f"{place} has no {name!r}; it has {known or 'nothing to call'}")
        found = getattr(found, part)
    return found


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    name = f"_checked_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))  # it may import its neighbours
    sys.modules[name] = module  # dataclasses look it up
    try:
        spec.loader.exec_module(module)
    except TensorGraphError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _imported(name: str) -> ModuleType:
    sys.path.insert(0, "")  # as python -m does
    try:
        return importlib.import_module(name)
    except TensorGraphError:
        raise
    except Exception as error:
        raise InputError(f"module {name} cannot be imported: {type(error).__name__}: {error}") from error
