"""Which operations a test run has recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorgraph.ir.node import Node
from tensorgraph.ops.registry import all_ops

__all__ = ["OpRecorder", "format_exercised"]


class OpRecorder:
    """Notes the operation of every node that is made, between `start` and `stop`.

    Attributes
    ----------
    names
        Of the operations so far.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> recorder = OpRecorder()
    >>> recorder.start()
    >>> y = tg.tanh(tg.asarray([1.0])) * 2
    >>> recorder.stop()
    >>> sorted(recorder.names & {"tanh", "multiply", "exp"})
    ['multiply', 'tanh']
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._plain: Any = None

    def start(self) -> None:
        """Begin to note."""
        plain = self._plain = Node.__init__
        names = self.names

        def noted(node: Node, op: Any, *inputs: Node) -> None:
            plain(node, op, *inputs)
            names.add(op.name)

        setattr(Node, "__init__", noted)  # noqa: B010 (an assignment would have another type)

    def stop(self) -> None:
        """Make nodes as before."""
        if self._plain is not None:
            Node.__init__ = self._plain  # type: ignore[method-assign]
            self._plain = None


def format_exercised(names: Iterable[str], width: int = 100) -> list[str]:
    """Lines that tell the operations of the library exercised, and those not.

    Examples
    --------
    >>> format_exercised(["tanh"])[0].partition(":")[0].split(" of ")[0]
    '1'
    """
    known = [op.name for op in all_ops()]
    noted = set(names)
    done, rest = [n for n in known if n in noted], [n for n in known if n not in noted]
    lines = [f"{len(done)} of {len(known)} operations exercised"]
    for title, listed in (("exercised", done), ("not exercised", rest)):
        lines += _wrapped(f"{title}: {', '.join(listed) or 'none'}", width)
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
