"""`Kernel`: emitted source, loaded, with its memory and its state."""

from __future__ import annotations

import hashlib
import linecache
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.codegen.emit import Module
from tensorgraph.codegen.inputs import Inputs
from tensorgraph.codegen.module import save_module
from tensorgraph.codegen.sizes import workspace_sizes
from tensorgraph.codegen.state import State
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.tree import Tree, unflatten_tree
from tensorgraph.ir.types import Array
from tensorgraph.ops.custom import Custom
from tensorgraph.rewrite.law import Law
from tensorgraph.schedule.footprint import Footprint
from tensorgraph.schedule.program import Program

__all__ = ["Kernel", "Stage"]

BUFFER = 1536  # elements of the buffers that NumPy casts operands in: with its default a call would take up to 64 kB
REMEMBERED = 4  # sets of shapes whose memory is kept between calls

Memory: TypeAlias = "tuple[Any, ...]"


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


@dataclass(frozen=True, slots=True)
class Space:
    """The memory of one call at a time, and the context in which it runs."""

    memory: Memory
    context: Context

    def run(self, compute: Callable[..., Sequence[Any]], *operands: Any) -> Sequence[Any]:
        """Compute without warnings: a context that was made before takes a sixth of the time of ``np.errstate``."""
        return self.context.run(compute, *operands)


def _quiet() -> Context:
    """A context in which NumPy warns of nothing, and takes little memory for itself."""
    context = Context()
    context.run(np.seterr, all="ignore")
    context.run(np.setbufsize, BUFFER)
    return context


def _quietly(space: Space, compute: Callable[..., Sequence[Any]], *operands: Any) -> Sequence[Any]:
    """Compute without warnings in the caller's context, which users' functions may ask."""
    with np.errstate(all="ignore"):
        return compute(*operands)


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
        self._state = State(program)
        self._turn = RLock() if program.updates else nullcontext()
        self._filename, namespace = _loaded(name, self.source, module.functions)
        self._workspace: Callable[..., Memory] = namespace["workspace"]
        self._compute: Callable[..., Sequence[Any]] = namespace["compute"]
        self._sizes = workspace_sizes(program)
        self._free: dict[tuple[Any, ...], list[Space]] = {}
        self._run = _quietly if any(isinstance(s.node.op, Custom) for s in program.statements) else Space.run
        self._state.watch(self)

    @property
    def graph(self) -> Graph:
        """The graph as it was compiled."""
        return self.program.graph

    @property
    def memory(self) -> Footprint:
        """The memory that a call needs, and what for: it prints as a table, and ``memory.peak()`` is a number."""
        return Footprint(self.program)

    def __call__(self, *args: Any, **kwargs: Any) -> Tree:
        arrays = self._inputs.read(args, kwargs)
        with self._turn:
            free = self._spaces(arrays)
            space = self._taken(free, arrays)
            try:
                outputs = self._run(space, self._compute, *arrays, space.memory)
            except Exception as error:
                self._explain(error)
                raise
            free.append(space)
        return unflatten_tree(self._structure, [np.asarray(output) for output in outputs])

    def moved(self) -> None:
        """Forget all memory: a variable has been moved, and views of it are bound there."""
        self._free = {}

    def _spaces(self, arrays: Sequence[Array]) -> list[Space]:
        """Workspaces for these shapes that no call is using."""
        shapes = tuple([array.shape for array in arrays])
        free = self._free.get(shapes)
        if free is None:
            self._inputs.sizes(arrays)  # the shapes are new: do they fit?
            self._state.settle()  # may move variables, and so make `moved` be called
            while len(self._free) >= REMEMBERED:
                self._free.pop(next(iter(self._free)), None)
            free = self._free.setdefault(shapes, [])
        return free

    def _taken(self, free: list[Space], arrays: Sequence[Array]) -> Space:
        try:
            return free.pop()
        except IndexError:  # all of them are in use
            sizes = self._inputs.sizes(arrays) if self._sizes else {}
            with np.errstate(all="ignore"):
                memory = self._workspace(self._state.arrays(), **{symbol: sizes[symbol] for symbol in self._sizes})
            return Space(memory, _quiet())

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


def _loaded(name: str, source: str, functions: Mapping[str, Callable[..., Any]]) -> tuple[str, dict[str, Any]]:
    """Run the module's text; tracebacks and debuggers find it in `linecache`."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    filename = f"<tensorgraph {name} {digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": f"tensorgraph_{name}", "__file__": filename}
    exec(compile(source, filename, "exec"), namespace)
    namespace.update(functions)  # users' functions keep their own globals
    return filename, namespace
