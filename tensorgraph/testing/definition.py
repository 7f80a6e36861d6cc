"""The line that an error names where Hypothesis, and not the user, makes the call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, TypeVar

__all__ = ["at_definition"]

T = TypeVar("T")
CALL = (lambda call: call()).__code__


def at_definition(function: Any, call: Callable[[], T]) -> T:
    """The result of a call made from a frame that bears the file and line where the function is defined.

    Errors name the nearest line outside this package. Between a test and its check there are only frames of
    Hypothesis and pytest: their lines would tell the user nothing.

    Examples
    --------
    >>> at_definition(lambda x: x, lambda: 1)
    1
    """
    code = _code(function)
    if code is None:
        return call()
    frame = CALL.replace(
        co_filename=code.co_filename, co_firstlineno=code.co_firstlineno, co_name=code.co_name
    )  # its one instruction is on its first line
    found: T = FunctionType(frame, {})(call)
    return found


def _code(function: Any) -> CodeType | None:
    """Of a function, of what it wraps, or of a model's ``forward``."""
    for made in (function, getattr(function, "func", None), getattr(type(function), "forward", None)):
        code = getattr(inspect.unwrap(made) if callable(made) else None, "__code__", None)
        if isinstance(code, CodeType):
            return code
    return None
