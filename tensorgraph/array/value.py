"""`Value`: a node seen as an array: its type, and its value where that can be known."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.errors import DTypeError, ShapeError, SymbolicError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.leaves import Constant, Placeholder
from tensorgraph.ir.node import SYMBOLIC, TRACED, VARIABLE, Node, topological
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array, Shape

__all__ = ["Value"]

PENDING = 1000  # a concrete history deeper than this is computed and dropped


class Value:
    """Base of tensors: the recorded node, its type, and the value of a concrete one."""

    __slots__ = ("__weakref__", "node")

    node: Node

    def __init__(self, node: Node) -> None:
        if node.depth > PENDING and not node.flags & (SYMBOLIC | VARIABLE | TRACED):
            node = _known(evaluate([node])[0])
        self.node = node

    # ---- what it is
    @property
    def shape(self) -> Shape:
        """Sizes of the axes; a symbolic one is a `Dim`."""
        return self.node.types[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the elements."""
        return self.node.types[0].dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.node.types[0].shape)

    @property
    def size(self) -> DimLike:
        """Number of elements."""
        return self.node.types[0].size

    @property
    def concrete(self) -> bool:
        """Whether its value can be asked for now."""
        return self.node.concrete

    # ---- values of concrete tensors
    def numpy(self) -> Array:
        """The value, as a read-only array.

        Raises
        ------
        SymbolicError
            If it depends on placeholders.
        """
        return self._value("numpy()")

    def _value(self, asked: str) -> Array:
        node = self.node
        if node.flags & SYMBOLIC:
            raise self._symbolic(asked)
        if isinstance(node.op, Constant):
            return node.op.value
        if node.memo is not None:
            return node.memo  # type: ignore[no-any-return]
        value = evaluate([node])[0].view()
        value.flags.writeable = False
        if not node.flags & VARIABLE:
            node.remember(value)
        return value

    def _symbolic(self, asked: str) -> SymbolicError:
        names = [repr(n.op.label) for n in topological([self.node]) if isinstance(n.op, Placeholder)]
        word = "placeholder" if len(names) == 1 else "placeholders"
        what = f"depends on {word} {', '.join(names)}" if names else "has a size that is not known"
        error = SymbolicError(
            f"{asked}: {self.node.type} has no value yet, it {what}: compile it and call, or feed values"
        )
        return located(error)  # type: ignore[return-value]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        value = self._value("np.asarray")
        if dtype is not None and value.dtype != dtype:
            if copy is False:
                raise ValueError(f"a {value.dtype} tensor cannot become {np.dtype(dtype)} without a copy")
            return value.astype(dtype)
        return value.copy() if copy else value

    def __float__(self) -> float:
        return float(self._value("float()"))

    def __int__(self) -> int:
        return int(self._value("int()"))

    def __complex__(self) -> complex:
        return complex(self._value("complex()"))

    def __bool__(self) -> bool:
        value = self._value("bool()")
        if value.size != 1:
            raise located(ShapeError(f"bool(): {self.node.type} has {value.size} truth values: use any() or all()"))
        return bool(value)

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.ndim:
            raise located(DTypeError(f"index: {self.node.type} is no integer"))
        return int(self._value("index"))

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self._value("item()").item()

    def tolist(self) -> Any:
        """The value as nested lists."""
        return self._value("tolist()").tolist()

    def __dlpack__(self, **kwargs: Any) -> Any:
        """Export a concrete tensor; consumers get a copy, as the value must not change."""
        return self._value("__dlpack__").copy().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __format__(self, spec: str) -> str:
        return format(self._value("format()").item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        if self.node.flags & SYMBOLIC:
            label = f" {self.node.op.label!r}" if isinstance(self.node.op, Placeholder) else f" of {self.node.op.name}"
            return f"<Tensor{label}: {self.node.type}>"
        text = np.array2string(self._value("repr"), prefix="Tensor(", separator=", ")
        return f"Tensor({text}, {self.dtype.name})"

    def __str__(self) -> str:
        return repr(self) if self.node.flags & SYMBOLIC else str(self._value("str()"))


def _known(array: Array) -> Node:
    """A constant node that takes over an array nobody else writes."""
    array = array.view() if array.flags.owndata else array.copy()
    array.flags.writeable = False
    return Node(Constant(array))
