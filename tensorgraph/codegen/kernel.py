"""`Kernel`: emitted source, loaded, with its memory and its state."""

from __future__ import annotations

import hashlib
import linecache
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.codegen.emit import state_nodes
from tensorgraph.codegen.module import save_module
from tensorgraph.errors import InputError, TensorGraphError
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder, Variable
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import Tree, unflatten_tree
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.schedule.program import Program

__all__ = ["Kernel", "Stage"]

REMEMBERED = 4  # sets of sizes whose memory is kept between calls


@dataclass(frozen=True, slots=True)
class Stage:
    """What one step of the compiler gave, and how long it took in seconds."""

    name: str
    value: Graph | Program | str
    seconds: float

    def __str__(self) -> str:
        return f"# {self.name} ({self.seconds * 1e3:.1f} ms)\n{self.value}"


class Kernel:
    """A compiled graph.

    Call it with arrays by position or by name. Outputs come in the structure given to `compile`, as fresh
    arrays; state is updated when everything has been computed.

    Attributes
    ----------
    source
        The NumPy that runs.
    graph
        The graph as it was compiled.
    stages
        What each step of the compiler gave: graph, program, source.
    """

    def __init__(self, name: str, program: Program, source: str, stages: Sequence[Stage], structure: Tree) -> None:
        self.name = name
        self.program = program
        self.source = source
        self.stages = tuple(stages)
        self._structure = structure
        self._state = state_nodes(program.graph)
        namespace = _loaded(name, source, program)
        self._buffers: Callable[..., tuple[Array, ...]] = namespace["buffers"]
        self._compute: Callable[..., tuple[Any, Any]] = namespace["compute"]
        self._inputs = [_Input(node.op.label, node.op.type, node) for node in program.graph.inputs if isinstance(node.op, Placeholder)]
        self._memory: dict[tuple[int, ...], list[tuple[Array, ...]]] = {}

    @property
    def graph(self) -> Graph:
        """The graph as it was compiled."""
        return self.program.graph

    def __call__(self, *args: Any, **kwargs: Any) -> Tree:
        arrays = self._bound(args, kwargs)
        sizes = bind_sizes((i.name, i.type, a.shape) for i, a in zip(self._inputs, arrays, strict=True))
        key = tuple(sizes.values())
        memory = self._taken(key, sizes)
        with np.errstate(all="ignore"):
            outputs, values = self._compute(*arrays, [_value(node.op) for node in self._state], memory)
        self._commit(values)
        self._memory[key].append(memory)
        return unflatten_tree(self._structure, [np.asarray(output) for output in outputs])

    def _taken(self, key: tuple[int, ...], sizes: Mapping[str, int]) -> tuple[Array, ...]:
        """Memory that no other call is using."""
        free = self._memory.get(key)
        if free is None:
            while len(self._memory) >= REMEMBERED:
                self._memory.pop(next(iter(self._memory)), None)
            free = self._memory.setdefault(key, [])
        try:
            return free.pop()
        except IndexError:
            return self._buffers(**sizes)

    def _commit(self, values: Sequence[Array]) -> None:
        """Write all next values; an interrupt in between is held until the rest is written."""
        pairs = [(variable.op.storage.value, v) for (variable, _), v in zip(self.graph.updates, values, strict=True)]  # type: ignore[attr-defined]
        try:
            for target, value in pairs:
                np.copyto(target, value)
        except BaseException:
            for target, value in pairs:  # the values are still there: writing them again is harmless
                np.copyto(target, value)
            raise

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Array]:
        """One array per input, checked."""
        if len(args) > len(self._inputs):
            raise located(InputError(f"{self.name} takes {len(self._inputs)} inputs and was given {len(args)}"))
        given = dict(zip((i.name for i in self._inputs), args, strict=False))
        for name, value in kwargs.items():
            if name in given:
                raise located(InputError(f"{self.name}: input {name!r} is given twice"))
            if all(name != i.name for i in self._inputs):
                known = ", ".join(repr(i.name) for i in self._inputs) or "none"
                raise located(InputError(f"{self.name} has no input {name!r}: its inputs are {known}"))
            given[name] = value
        missing = [repr(i.name) for i in self._inputs if i.name not in given]
        if missing:
            raise located(InputError(f"{self.name}: nothing is given for input {', '.join(missing)}"))
        arrays = [i.read(given[i.name]) for i in self._inputs]
        try:
            bind_sizes((i.name, i.type, a.shape) for i, a in zip(self._inputs, arrays, strict=True))
        except TensorGraphError as error:
            raise located(type(error)(f"{self.name}: {error.args[0]}{self._made(error)}")) from None
        return arrays

    def _made(self, error: TensorGraphError) -> str:
        """Where the input that a message is about was made."""
        for i in self._inputs:
            if f"input {i.name!r}" in error.args[0] and i.node.location:
                return f"; it was made at {i.node.location}"
        return ""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a module that runs with NumPy alone, and its state beside it.

        Parameters
        ----------
        path
            Where the module goes, for example ``"step.py"``. Parameters and large constants go to an npz file
            of the same name.

        Raises
        ------
        OSError
            If a file cannot be written; what was there before stays.
        """
        save_module(self.program, self.name, self.source, Path(path))

    def __repr__(self) -> str:
        takes = ", ".join(f"{i.name}: {i.type}" for i in self._inputs)
        return f"<Kernel {self.name}({takes}): {len(self.program.statements)} statements>"


@dataclass(frozen=True, slots=True)
class _Input:
    name: str
    type: TensorType
    node: Node

    def read(self, value: Any) -> Array:
        """The value as an array of the right dtype; only conversions that lose nothing are made."""
        array = np.asarray(value)
        if array.dtype == self.type.dtype:
            return array
        weak = not isinstance(value, (np.ndarray, np.generic)) and not hasattr(value, "__array__")
        wanted = self.type.dtype
        if array.dtype.kind in "OSUV" or not np.can_cast(array.dtype, wanted, "same_kind" if weak else "safe"):
            if not (weak and array.dtype.kind in "iub" and np.can_cast(array.dtype, wanted, "unsafe") and _fits(array, wanted)):
                where = f"; it was made at {self.node.location}" if self.node.location else ""
                raise located(
                    InputError(f"input {self.name!r} is {self.type} and was given {array.dtype.name}: cast with .astype{where}")
                )
        return array.astype(wanted)


def _fits(array: Array, dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iuf" and bool(np.all(array.astype(dtype) == array))


def _value(op: Op) -> Array:
    if isinstance(op, Variable):
        return op.storage.value
    assert isinstance(op, Constant)
    return op.value


def _loaded(name: str, source: str, program: Program) -> dict[str, Any]:
    """Run the module's text; tracebacks and debuggers find it in `linecache`."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    filename = f"<tensorgraph {name} {digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": f"tensorgraph_{name}", "__file__": filename}
    exec(compile(source, filename, "exec"), namespace)
    for node in program.graph.nodes:
        if node.op.helpers and type(node.op).__name__ == "Custom":  # user functions keep their own globals
            namespace.update({helper.__name__: helper for helper in node.op.helpers})
    return namespace


