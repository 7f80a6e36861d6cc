"""`Kernel`: emitted source, loaded, with its memory and its state."""

from __future__ import annotations

import hashlib
import linecache
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.codegen.emit import Module, state_nodes
from tensorgraph.codegen.inputs import Inputs
from tensorgraph.codegen.module import save_module
from tensorgraph.codegen.sizes import buffer_sizes
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Variable
from tensorgraph.ir.op import Op
from tensorgraph.ir.tree import Tree, unflatten_tree
from tensorgraph.ir.types import Array
from tensorgraph.rewrite.law import Law
from tensorgraph.schedule.program import Program

__all__ = ["Kernel", "Stage"]

REMEMBERED = 4  # sets of shapes whose memory is kept between calls

Memory: TypeAlias = "tuple[Array, ...]"


@dataclass(frozen=True, slots=True)
class Stage:
    """What one step of the compiler gave, how long it took in seconds, and the laws it used with their number."""

    name: str
    value: Graph | Program | str
    seconds: float
    laws: Mapping[Law, int] = field(default_factory=dict)

    def __str__(self) -> str:
        used = "".join(f"\n# {law.statement} ({law.tier}), {n} times" for law, n in self.laws.items())
        return f"# {self.name} ({self.seconds * 1e3:.1f} ms){used}\n{self.value}"


class Kernel:
    """A compiled graph.

    Call it with arrays by position or by name. Outputs come in the structure given to `compile`, as fresh
    arrays; state is updated when everything has been computed. Threads may call it at the same time; if it
    updates state, they take turns.

    Attributes
    ----------
    source
        The NumPy that runs.
    graph
        The graph as it was compiled.
    stages
        What each step of the compiler gave: graph, program, source.
    """

    def __init__(self, name: str, program: Program, module: Module, stages: Sequence[Stage], structure: Tree) -> None:
        self.name = name
        self.program = program
        self.source = module.source
        self.stages = tuple(stages)
        self._module = module
        self._structure = structure
        self._inputs = Inputs(name, program.graph)
        self._state = [node.op for node in state_nodes(program.graph)]
        self._updated = [v.op.storage for v, _ in program.graph.updates if isinstance(v.op, Variable)]
        self._turn = RLock() if self._updated else nullcontext()
        self._filename, namespace = _loaded(name, self.source, module.functions)
        self._buffers: Callable[..., Memory] = namespace["buffers"]
        self._compute: Callable[..., tuple[Sequence[Any], Sequence[Array]]] = namespace["compute"]
        self._sizes = buffer_sizes(program)
        self._memory: dict[tuple[Any, ...], list[Memory]] = {}

    @property
    def graph(self) -> Graph:
        """The graph as it was compiled."""
        return self.program.graph

    def __call__(self, *args: Any, **kwargs: Any) -> Tree:
        arrays = self._inputs.read(args, kwargs)
        free = self._free(arrays)
        with self._turn:
            memory = self._taken(free, arrays)
            try:
                with np.errstate(all="ignore"):
                    outputs, values = self._compute(*arrays, [_value(op) for op in self._state], memory)
            except Exception as error:
                self._explain(error)
                raise
            self._commit(values)
        free.append(memory)
        return unflatten_tree(self._structure, [np.asarray(output) for output in outputs])

    def _free(self, arrays: Sequence[Array]) -> list[Memory]:
        """Memory for these shapes that no call is using."""
        shapes = tuple([array.shape for array in arrays])
        free = self._memory.get(shapes)
        if free is None:
            self._inputs.sizes(arrays)  # the shapes are new: do they fit?
            while len(self._memory) >= REMEMBERED:
                self._memory.pop(next(iter(self._memory)), None)
            free = self._memory.setdefault(shapes, [])
        return free

    def _taken(self, free: list[Memory], arrays: Sequence[Array]) -> Memory:
        try:
            return free.pop()
        except IndexError:  # all of it is in use
            sizes = self._inputs.sizes(arrays) if self._sizes else {}
            return self._buffers(**{symbol: sizes[symbol] for symbol in self._sizes})

    def _commit(self, values: Sequence[Array]) -> None:
        """Write all next values; an interrupt in between is held until the rest is written."""
        pairs = [(storage.value, value) for storage, value in zip(self._updated, values, strict=True)]
        try:
            for target, value in pairs:
                np.copyto(target, value)
        except BaseException:
            for target, value in pairs:  # the values are still there: writing them again is harmless
                np.copyto(target, value)
            raise

    def _explain(self, error: Exception) -> None:
        """Note the user's line on an error that emitted source raised."""
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self._filename:
                node = self._module.locate(trace.tb_lineno)
                if node is not None and trace.tb_frame.f_code.co_name == "compute":
                    origin = node if node.primal is None else node.primal
                    where = f" ({origin.location})" if origin.location else ""
                    what = "" if node.primal is None else "the gradient of "
                    error.add_note(f"{self.name}: in {what}{origin.op.name}{where}")
                    return
            trace = trace.tb_next

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a module that runs with NumPy alone, and its state beside it.

        Parameters
        ----------
        path
            Where the module goes, for example ``"step.py"``. Parameters and large constants go to an npz file
            of the same name. The module has ``init_state()``, a function called as this kernel is, which
            takes the state and then the inputs, and ``load`` and ``save`` for states.

        Raises
        ------
        CompileError
            If the graph calls a user's function that cannot stand in a file of its own.
        OSError
            If a file cannot be written; what was there before stays.
        """
        save_module(self.program, self.name, self._module, self._structure, Path(path))

    def __repr__(self) -> str:
        return f"<Kernel {self.name}({self._inputs}): {len(self.program.statements)} statements>"


def _value(op: Op) -> Array:
    value = op.storage.value if isinstance(op, Variable) else op.value if isinstance(op, Constant) else None
    assert value is not None
    return value if value.flags.c_contiguous else np.asarray(value, order="C")


def _loaded(name: str, source: str, functions: Mapping[str, Callable[..., Any]]) -> tuple[str, dict[str, Any]]:
    """Run the module's text; tracebacks and debuggers find it in `linecache`."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    filename = f"<tensorgraph {name} {digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": f"tensorgraph_{name}", "__file__": filename}
    exec(compile(source, filename, "exec"), namespace)
    namespace.update(functions)  # users' functions keep their own globals
    return filename, namespace
