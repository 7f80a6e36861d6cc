"""What is given to a kernel, as arrays of the right types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.errors import InputError, TensorGraphError
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Placeholder
from tensorgraph.ir.node import Node
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array, TensorType

__all__ = ["Inputs"]

Shape: TypeAlias = "tuple[int, ...]"


@dataclass(frozen=True, slots=True)
class _Input:
    name: str
    type: TensorType
    node: Node

    def made(self) -> str:
        """Where its placeholder was made."""
        return f"; the placeholder was made at {self.node.location}" if self.node.location else ""


class Inputs:
    """The inputs of one kernel."""

    def __init__(self, kernel: str, graph: Graph) -> None:
        self._kernel = kernel
        self._inputs = [_Input(n.op.label, n.type, n) for n in graph.inputs if isinstance(n.op, Placeholder)]
        self._names = [i.name for i in self._inputs]

    def __len__(self) -> int:
        return len(self._inputs)

    def __str__(self) -> str:
        return ", ".join(f"{i.name}: {i.type}" for i in self._inputs)

    def read(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Array]:
        """One array per input, in order, of its dtype and in row-major order."""
        values = args if not kwargs and len(args) == len(self._inputs) else self._ordered(args, kwargs)
        return [self._converted(i, value) for i, value in zip(self._inputs, values, strict=True)]

    def checker(self) -> Callable[..., tuple[Shape, ...] | None]:
        """A function that gives the shapes of inputs which need no reading: arrays of the right dtypes, in order.

        It is in the way of every call, so it is written out for these inputs: half the time of a loop.
        """
        names = [f"x{number}" for number in range(len(self._inputs))]
        # NumPy keeps one object per dtype, and so do types: other descriptions of a dtype are rare
        tests = [f"type({x}) is ndarray and {x}.dtype is {x}_dtype and {x}.flags.c_contiguous" for x in names]
        shapes = "".join(f"{x}.shape, " for x in names)
        text = f"lambda {', '.join(names)}: ({shapes}) if {' and '.join(tests) or True} else None"
        known = {f"{x}_dtype": i.type.dtype for x, i in zip(names, self._inputs, strict=True)}
        function: Callable[..., tuple[Shape, ...] | None] = eval(text, {"ndarray": np.ndarray, **known})
        return function

    def sizes(self, arrays: Sequence[Array]) -> dict[str, int]:
        """The symbolic sizes that these arrays have; `InputError` if a shape does not fit."""
        try:
            return bind_sizes((i.name, i.type, a.shape) for i, a in zip(self._inputs, arrays, strict=True))
        except TensorGraphError as error:
            text = str(error.args[0])
            made = next((i.made() for i in self._inputs if text.startswith(f"input {i.name!r} ")), "")
            raise located(InputError(f"{self._kernel}: {text}{made}")) from None

    def _ordered(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the inputs."""
        if len(args) > len(self._inputs):
            count = f"{len(self._inputs)} input{'s' if len(self._inputs) != 1 else ''}"
            raise self._wrong(f"takes {count} and was given {len(args)}")
        given = dict(zip(self._names, args, strict=False))
        for name, value in kwargs.items():
            if name in given:
                raise self._wrong(f"was given input {name!r} twice, by position and by name")
            if name not in self._names:
                raise self._wrong(
                    f"has no input {name!r}: its inputs are {', '.join(map(repr, self._names)) or 'none'}"
                )
            given[name] = value
        missing = [i for i in self._inputs if i.name not in given]
        if missing:
            raise self._wrong(f"was given nothing for input {', '.join(f'{i.name!r} ({i.type})' for i in missing)}")
        return [given[name] for name in self._names]

    def _wrong(self, why: str) -> TensorGraphError:
        return located(InputError(f"{self._kernel} {why}"))

    def _converted(self, i: _Input, value: Any) -> Array:
        """The value as an array of the right dtype; only conversions that lose nothing are made."""
        if isinstance(value, np.ma.MaskedArray):
            raise self._misfit(i, "an array with a mask, which would be lost: fill it with .filled(...)")
        weak = not hasattr(value, "dtype") and not hasattr(value, "__array__")
        try:
            array = np.asarray(value)
        except TensorGraphError:
            raise
        except (TypeError, ValueError, RuntimeError) as error:
            raise self._misfit(i, f"a {type(value).__name__} that is no array: {error}") from None
        if array.dtype.kind not in "biufc":
            raise self._misfit(i, f"a {type(value).__name__} that is no array of numbers")
        if array.dtype == i.type.dtype or (_weakly_fits if weak else _fits)(array, i.type.dtype):
            return np.asarray(array, i.type.dtype, order="C")
        found = f"{array.dtype.name}[{', '.join(map(str, array.shape))}]"
        if array.dtype.kind in "iu" and i.type.dtype.kind in "iu" and weak:
            raise self._misfit(i, f"numbers that {i.type.dtype.name} cannot hold")
        raise self._misfit(i, f"{found}: cast it with .astype({i.type.dtype.name!r})")

    def _misfit(self, i: _Input, what: str) -> TensorGraphError:
        return located(InputError(f"{self._kernel}: input {i.name!r} is {i.type} and was given {what}{i.made()}"))


def _fits(array: Array, dtype: np.dtype[Any]) -> bool:
    return np.can_cast(array.dtype, dtype, "safe")


def _weakly_fits(array: Array, dtype: np.dtype[Any]) -> bool:
    """Whether Python's numbers fit: they have no width of their own."""
    if not array.size:
        return True
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return bool(limits.min <= array.min() and array.max() <= limits.max)
    return np.can_cast(array.dtype, dtype, "same_kind")
