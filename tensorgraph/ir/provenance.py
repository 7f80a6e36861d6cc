"""Where a node came from: the user's file and line, the layer, the forward node.

Finding the line of a code position is slow and seldom wanted, so a node keeps the frame's code object
and instruction offset, and `Site.location` decodes them when somebody asks.
"""

from __future__ import annotations

import dis
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from tensorgraph.errors import TensorGraphError

if TYPE_CHECKING:
    from tensorgraph.ir.node import Node

__all__ = ["Context", "Location", "Site", "context", "current_context", "find_site", "locate", "located", "scope"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Location(NamedTuple):
    """A place in the user's code, and the variable that the result was assigned to there."""

    file: str
    line: int
    variable: str | None = None

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


Site: TypeAlias = "tuple[CodeType, int] | Location | None"


class Context(NamedTuple):
    """What new nodes inherit: the layer's path, and in a derivative the forward node and its site."""

    scope: str = ""
    primal: Node | None = None
    site: Site = None


_context: ContextVar[Context] = ContextVar("tensorgraph_context", default=Context())  # noqa: B039 (immutable)
current_context = _context.get


@contextmanager
def context(new: Context) -> Iterator[None]:
    """Record nodes under this context."""
    token = _context.set(new)
    try:
        yield
    finally:
        _context.reset(token)


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Record nodes under a name, inside the names already open: ``encoder/conv1``.

    Parameters
    ----------
    name
        One part of the path. It appears in error messages, drawings and emitted source.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> with tg.scope("encoder"):
    ...     y = tg.exp(tg.placeholder((3,), "float32", name="x"))
    >>> y.node.scope
    'encoder'
    """
    outer = _context.get()
    with context(outer._replace(scope=f"{outer.scope}/{name}" if outer.scope else name)):
        yield


def find_site() -> Site:
    """The nearest frame outside this package."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename.startswith(_PACKAGE):
        outer = frame.f_back
        if outer is None:
            return None
        frame = outer
    return frame.f_code, frame.f_lasti


def locate(site: Site) -> Location | None:
    """Decode a site into file, line and variable."""
    return _decode(*site) if type(site) is tuple else site  # type: ignore[return-value]


@lru_cache(maxsize=4096)
def _decode(code: CodeType, offset: int) -> Location:
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
    return Location(code.co_filename, line, _stores(code).get(offset))


@lru_cache(maxsize=256)
def _stores(code: CodeType) -> dict[int, str]:
    """For each instruction directly before ``name = …``: the name its result is given."""
    found: dict[int, str] = {}
    before: int | None = None
    for instruction in dis.get_instructions(code):
        if before is not None and instruction.opname.startswith("STORE_") and instruction.argval is not None:
            name = instruction.argval[0] if isinstance(instruction.argval, tuple) else instruction.argval
            if isinstance(name, str) and not instruction.opname.startswith(("STORE_ATTR", "STORE_SUBSCR")):
                # the offset may be that of one of the instruction's inline caches
                found.update(dict.fromkeys(range(before, instruction.offset, 2), name))
        before = instruction.offset
    return found


def located(error: TensorGraphError) -> TensorGraphError:
    """The same error, its message ending with the user's line and the layer's path."""
    current = _context.get()
    place = locate(current.site or find_site())
    parts = [str(place)] if place else []
    if current.scope:
        parts.append(f"in {current.scope}")
    return type(error)(f"{error.args[0]} ({', '.join(parts)})") if parts else error
