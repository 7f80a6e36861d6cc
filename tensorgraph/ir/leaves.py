"""The leaves of graphs: placeholders, constants, and variables, whose values are stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol
from weakref import WeakSet

import numpy as np

from tensorgraph.ir.node import SYMBOLIC, VARIABLE, Node
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import Array, TensorType

__all__ = ["Constant", "Leaf", "Placeholder", "Storage", "TurnedStorage", "Variable", "constant", "is_uniform"]

LARGE = 1024  # bytes: larger constants are merged by identity and printed by name
FULL = 64 * 1024  # bytes: but those of one number only if they are larger than this


def is_uniform(array: Array) -> bool:
    """Whether all elements are the same number, bit for bit."""
    elements = array.reshape(-1)
    return elements.tobytes() == elements[:1].tobytes() * elements.size


class Leaf(Op):
    """A value that is given, not computed. Equal only to itself; constants merge by value when a graph is made."""

    __slots__ = ()
    leaf = True
    type: TensorType

    def infer(self, *types: TensorType) -> TensorType:
        """The type it was made with."""
        return self.type

    def axes(self, *types: TensorType) -> str:
        """No inputs: every axis is new."""
        return "-> " + " ".join(f"a{i}" for i in range(self.type.ndim))

    def flops(self, *types: TensorType) -> int:
        """Nothing is computed."""
        return 0


@dataclass(frozen=True, eq=False, repr=False)
class Placeholder(Leaf):
    """An input of graphs, fed when they run."""

    label: str
    type: TensorType
    numpy = "placeholder({label})"
    flags = SYMBOLIC


class Storage:
    """The place where a variable's value is: compiled updates write it.

    Attributes
    ----------
    value
        The array that holds the value now. Whoever holds on to the array itself must `watch`, and look again when
        another takes its place.
    trainable
        Whether optimizers update it; running statistics and keys are not.
    """

    __slots__ = ("__weakref__", "_value", "_watchers", "trainable")

    def __init__(self, value: Array, trainable: bool = True) -> None:
        self._watchers: WeakSet[Watcher] = WeakSet()
        self.value = value
        self.trainable = trainable

    @property
    def value(self) -> Array:
        """The array that holds the value now."""
        return self._value

    @value.setter
    def value(self, value: Array) -> None:
        self._value = value
        for watcher in list(self._watchers):
            watcher.moved()

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` when another array takes the value's place."""
        self._watchers.add(watcher)

    def __reduce__(self) -> tuple[Any, ...]:
        return Storage, (self.value, self.trainable)


class TurnedStorage(Storage):
    """The storage of a matrix with its axes exchanged: what is written to one is seen in the other.

    Parameters
    ----------
    of
        The storage.
    """

    __slots__ = ("of",)

    def __init__(self, of: Storage) -> None:
        self.of = of
        self.trainable = of.trainable

    @property
    def value(self) -> Array:
        """The array that holds the value now, transposed."""
        return self.of.value.T

    @value.setter
    def value(self, value: Array) -> None:
        self.of.value = value.T

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` when another array takes the value's place."""
        self.of.watch(watcher)

    def __reduce__(self) -> tuple[Any, ...]:
        return TurnedStorage, (self.of,)


class Watcher(Protocol):
    """Whoever must know that a value is in another array now."""

    def moved(self) -> None:
        """Look again where the value is."""


@dataclass(frozen=True, eq=False, repr=False)
class Variable(Leaf):
    """A value with storage: a parameter, or another piece of state."""

    label: str
    type: TensorType
    storage: Storage
    numpy = "parameter({label})"
    flags = VARIABLE

    def key(self) -> object:
        """Equal only for the same storage."""
        return Variable, id(self.storage)


@dataclass(frozen=True, eq=False, repr=False)
class Constant(Leaf):
    """A known value, held as a read-only array of its own."""

    value: Array
    numpy = "constant({name})"

    @property
    def type(self) -> TensorType:  # type: ignore[override]
        """The array's type."""
        return TensorType(self.value.dtype, self.value.shape)

    @cached_property
    def uniform(self) -> bool:
        """Whether all elements are the same number, bit for bit."""
        return is_uniform(self.value)

    @property
    def large(self) -> bool:
        """Whether it is too large to be compared or printed."""
        size = self.value.nbytes
        return size > FULL or (size > LARGE and not self.uniform)

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits of the SHA-256 of type and contents."""
        text = hashlib.sha256(f"{self.type}".encode())
        text.update(np.ascontiguousarray(self.value).data)
        return text.hexdigest()[:8]

    def key(self) -> object:
        """Equal bytes if small (so 0.0 is not -0.0, and NaN equals itself), else the same array."""
        if self.large:
            return Constant, id(self.value)
        return Constant, self.value.dtype, self.value.shape, self.value.tobytes()

    def __repr__(self) -> str:
        return f"Constant({self.digest})" if self.large else f"Constant({self.value!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.value,)


def _restored(value: Array) -> Constant:
    """A pickled or copied array forgets that it is read-only."""
    value.flags.writeable = False
    return Constant(value)


def constant(value: Any, dtype: np.dtype[Any] | None = None) -> Node:
    """A node for a known value, which is copied."""
    array = np.array(value, dtype=dtype)
    array.flags.writeable = False
    return Node(Constant(array))
