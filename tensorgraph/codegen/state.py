"""The state of a kernel: where the arrays of its variables lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tensorgraph.codegen.runtime import joined
from tensorgraph.codegen.workspace import state_layout
from tensorgraph.ir.leaves import Constant, Storage, TurnedStorage, Variable, Watcher
from tensorgraph.ir.node import Node
from tensorgraph.ir.types import Array
from tensorgraph.schedule.program import Arena, Program

__all__ = ["State"]

ALIGNMENT = 64  # bytes: a cache line


class State:
    """The variables and large constants of one program, with those side by side that it updates together."""

    def __init__(self, program: Program) -> None:
        self._layout = state_layout(program)
        self._updated = [_storage(variable) for variable, _ in program.graph.updates]
        self._storages = [_storage(variable) for variable in program.graph.variables]
        self._stored: set[Storage] = set()  # transposed by this kernel

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` told when an array is moved."""
        for storage in self._storages:
            storage.watch(watcher)

    def settle(self) -> None:
        """Bring variables side by side that belong there, and apart that share memory; all in row-major order."""
        for storage in self._storages:
            if not self._settled(storage):
                storage.value = np.array(storage.value, order="C")
        for storage in _overlapping(self._updated, self._storages):
            storage.value = storage.value.copy()
        for entry in self._layout:
            if isinstance(entry, Arena):
                _gather([_storage(node) for node in entry.members])

    def _settled(self, storage: Storage) -> bool:
        """Whether an array may stay as it lies.

        A weight that is only read here, and would be quicker to read transposed, stays in a row that another kernel has
        made, and is not stored so again if another has undone it: products take both orders.
        """
        value = storage.value
        if not value.flags.writeable or value.flags.c_contiguous:
            return bool(value.flags.writeable)
        if not isinstance(storage, TurnedStorage) or not value.flags.f_contiguous or storage in self._updated:
            return False
        base = value.base
        if storage in self._stored or (base is not None and base.size > value.size):
            return True
        self._stored.add(storage)
        return False

    def arrays(self) -> list[Array]:
        """What a workspace is made over."""
        return [_array(entry) for entry in self._layout]


def _storage(node: Node) -> Storage:
    assert isinstance(node.op, Variable)
    return node.op.storage


def _array(entry: Arena | Node) -> Array:
    if isinstance(entry, Arena):
        row: Array = joined([_storage(node).value for node in entry.members])
        return row
    if isinstance(entry.op, Constant):
        return np.asarray(entry.op.value, order="C")
    return _storage(entry).value


def _gather(storages: Sequence[Storage]) -> None:
    """Move values into one row, unless they lie so already."""
    arrays = [storage.value for storage in storages]
    if joined(arrays) is not None:
        return
    dtype = arrays[0].dtype
    size = sum(array.size for array in arrays)
    spare = ALIGNMENT // dtype.itemsize + 1
    row = np.empty(size + spare, dtype)
    at = -row.ctypes.data % ALIGNMENT // dtype.itemsize
    for storage, array in zip(storages, arrays, strict=True):
        part = row[at : at + array.size].reshape(array.shape)
        part[...] = array
        storage.value = part
        at += array.size


def _overlapping(updated: Iterable[Storage], storages: Iterable[Storage]) -> list[Storage]:
    """Updated variables that share memory with another one: each must have its own."""
    spans = sorted((*np.lib.array_utils.byte_bounds(s.value), i, s) for i, s in enumerate(storages) if s.value.size)
    written = {id(storage) for storage in updated}
    found = []
    end, last = 0, None
    for low, high, _, storage in spans:
        if last is not None and low < end:
            found.append(storage if id(storage) in written else last)
        if high > end:
            end, last = high, storage
    return [storage for storage in found if id(storage) in written]
