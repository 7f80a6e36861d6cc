"""`Kernel`: emitted source, loaded, with its memory and its state."""

from __future__ import annotations

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
from tensorgraph.codegen.explain import Explanation, explained
from tensorgraph.codegen.inputs import Inputs
from tensorgraph.codegen.load import loaded, note
from tensorgraph.codegen.module import save_module
from tensorgraph.codegen.nans import nan_error
from tensorgraph.codegen.profile import Profile, measured
from tensorgraph.codegen.sizes import workspace_sizes
from tensorgraph.codegen.state import State
from tensorgraph.codegen.team import CASTING
from tensorgraph.errors import InputError
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import Tree, unflatten_tree
from tensorgraph.ir.types import Array
from tensorgraph.ops.custom import Custom
from tensorgraph.rewrite.law import Law
from tensorgraph.schedule.footprint import Footprint
from tensorgraph.schedule.machine import Machine
from tensorgraph.schedule.program import Program

__all__ = ["Kernel", "Stage"]

REMEMBERED = 4  # sets of shapes whose memory is kept between calls

Memory: TypeAlias = "tuple[Any, ...]"
Shapes: TypeAlias = "tuple[tuple[int, ...], ...]"
Made: TypeAlias = "tuple[Callable[..., Kernel], tuple[Any, ...]]"  # what compiled a kernel, and of what


@dataclass(frozen=True, slots=True)
class Stage:
    """What one step of the compiler gave. It prints as that, below a line with name and time.

    Attributes
    ----------
    name
        What the step is called.
    value
        A graph, a program, or text.
    seconds
        How long it took.
    laws
        The laws it used, and how often.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder((3,), "float64", name="x")
    >>> [stage.name for stage in tg.compile(x, tg.exp(x)).stages]
    ['trace', 'drop identities', 'fold constants', 'simplify', 'lay out', 'plan', 'emit']
    """

    name: str
    value: Graph | Program | str
    seconds: float
    laws: Mapping[Law, int] = field(default_factory=dict)

    def __str__(self) -> str:
        used = "".join(f"\n# {law.statement} ({law.tier}), {n} times" for law, n in self.laws.items())
        return f"# {self.name} ({self.seconds * 1e3:.1f} ms){used}\n{self.value}"


@dataclass(frozen=True, slots=True)
class Space:
    """The memory of one call at a time, how it is run without warnings, and where it waits for the next."""

    memory: Memory
    run: Callable[..., Sequence[Any]]
    free: list[Space]


def _quiet() -> Context:
    """A context in which NumPy warns of nothing, and takes little memory for itself.

    Running in a context that was made before takes a sixth of the time of ``np.errstate``.
    """
    context = Context()
    context.run(np.seterr, all="ignore")
    context.run(np.setbufsize, CASTING)
    return context


def _quietly(compute: Callable[..., Sequence[Any]], *operands: Any) -> Sequence[Any]:
    """Compute without warnings in the caller's context, which users' functions may ask."""
    with np.errstate(all="ignore"):
        return compute(*operands)


class Kernel:
    """A compiled graph.

    Call it with arrays by position or by name. Outputs come in the structure given to `compile`, as fresh
    arrays; state is updated when everything has been computed. Threads may call it at the same time; if it
    updates state, they take turns. Kernels that update the same parameters need a lock around both. A kernel can
    be pickled, with the parameters that it updates; ``copy.copy`` is of the same parameters, ``copy.deepcopy`` of new.

    Attributes
    ----------
    name
        What messages and saved modules call it.
    source
        The NumPy that runs.
    graph
        The graph as it was compiled.
    program
        Its statements in order, and their memory.
    memory
        What a call needs of it.
    stages
        What each step of the compiler gave: graph, program, source.

    Raises
    ------
    InputError
        By a call, if an input is missing, unknown, given twice, or of a shape or dtype that does not fit.
    NaNError
        By a call, at the first NaN, if it was compiled with ``debug_nans=True``.

    Examples
    --------
    >>> import numpy as np
    >>> import tensorgraph as tg
    >>> x, y = (tg.placeholder(("n",), "float64", name=name) for name in "xy")
    >>> kernel = tg.compile([x, y], {"dot": tg.sum(x * y), "sum": x + y}, name="both")
    >>> kernel
    <Kernel both(x: float64[n], y: float64[n]): 2 statements>
    >>> kernel([1.0, 2.0], y=[3.0, 4.0])
    {'dot': array(11.), 'sum': array([4., 6.])}
    """

    def __init__(
        self, name: str, program: Program, module: Module, stages: Sequence[Stage], structure: Tree, made: Made
    ) -> None:
        self.name = name
        self._made_by = made
        self.program = program
        self.source = module.source
        self.stages = tuple(stages)
        self._module = module
        self._structure = structure
        self._inputs = Inputs(name, program.graph)
        self._count, self._ready = len(self._inputs), self._inputs.checker()
        self._state = State(program)
        self._turn = RLock() if program.updates else None
        self._filename, namespace = loaded(name, self.source, module.functions)
        self._workspace: Callable[..., Memory] = namespace["workspace"]
        self._compute: Callable[..., Sequence[Any]] = namespace["compute"]
        self._sizes = workspace_sizes(program)
        self._free: dict[Shapes, list[Space]] = {}
        self._custom = any(isinstance(s.node.op, Custom) for s in program.statements)
        self._profile: Profile | None = None
        self._state.watch(self)

    def __reduce__(self) -> Made:
        """A copy, and what is unpickled, is compiled anew where it is: for the machine that it is to run on."""
        return self._made_by

    @property
    def graph(self) -> Graph:
        """The graph as it was compiled."""
        return self.program.graph

    @property
    def memory(self) -> Footprint:
        """The memory that a call needs, and what for: it prints as a table, and ``memory.peak()`` is a number."""
        return Footprint(self.program)

    def __call__(self, *args: Any, **kwargs: Any) -> Tree:
        # a small network is a count of calls, and this is one of them: it looks at everything once
        shapes = None if kwargs or len(args) != self._count else self._ready(*args)
        arrays: Sequence[Array] = args
        if shapes is None:
            arrays = self._inputs.read(args, kwargs)
            shapes = tuple([array.shape for array in arrays])
        if self._turn is None:
            outputs = self._computed(arrays, shapes)
        else:
            with self._turn:
                outputs = self._computed(arrays, shapes)
        if self._structure == 0:
            return np.asarray(outputs[0])
        return unflatten_tree(self._structure, [np.asarray(output) for output in outputs])

    def _computed(self, arrays: Sequence[Array], shapes: Shapes) -> Sequence[Any]:
        """The outputs, in memory that no other call is using."""
        try:
            space = self._free[shapes].pop()
        except (KeyError, IndexError):
            space = self._made(shapes, arrays)
        try:
            outputs = space.run(self._compute, *arrays, space.memory)
        except Exception as error:
            refused = nan_error(error, self.name, self._filename, self._module, self.program, arrays)
            if refused is not None:
                raise refused from None
            note(error, self.name, self._filename, self._module)
            raise
        space.free.append(space)
        return outputs

    def moved(self) -> None:
        """Forget all memory: a variable has been moved, and views of it are bound there."""
        self._free = {}

    def _made(self, shapes: Shapes, arrays: Sequence[Array]) -> Space:
        """A new workspace: these shapes are new, or all workspaces for them are in use."""
        free = self._free.get(shapes)
        if free is None:
            self._inputs.sizes(arrays)  # do they fit?
            self._state.settle()  # may move variables, and so make `moved` be called
            while len(self._free) >= REMEMBERED:
                self._free.pop(next(iter(self._free)), None)
            free = self._free.setdefault(shapes, [])
        sizes = self._inputs.sizes(arrays) if self._sizes else {}
        with np.errstate(all="ignore"):
            memory = self._workspace(self._state.arrays(), **{symbol: sizes[symbol] for symbol in self._sizes})
        return Space(memory, _quietly if self._custom else _quiet().run, free)

    def profile(self, *args: Any, repeat: int | None = None, **kwargs: Any) -> Profile:
        """Measure every statement.

        What is measured is the same source with the clock read after each statement. It runs on copies of the
        state, which stays as it is.

        Parameters
        ----------
        *args, **kwargs
            Arrays, as in a call.
        repeat
            How many calls to measure; by default as many as take a fifth of a second, and at least five.

        Returns
        -------
        profile
            Medians, in seconds. `explain` shows them beside what was predicted.

        Raises
        ------
        InputError
            If an input is missing or does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> import tensorgraph as tg
        >>> x = tg.placeholder(("n",), "float64", name="x")
        >>> profile = tg.compile([x], tg.sum(tg.exp(x))).profile(np.zeros(1000), repeat=10)
        >>> len(profile.statements), profile.calls, profile.total > 0
        (2, 10, True)
        """
        arrays = self._inputs.read(args, kwargs)
        with self._turn or nullcontext():
            sizes = self._inputs.sizes(arrays)
            self._state.settle()
            state = [array.copy() if array.flags.writeable else array for array in self._state.arrays()]
        self._profile = found = measured(self.program, self.name, self._module, arrays, state, sizes, repeat)
        return found

    def explain(self, *inputs: Any, machine: Machine | None = None, **sizes: int) -> Explanation:
        """Say of every statement what it costs, and why it stands alone.

        Parameters
        ----------
        *inputs
            Arrays, as in a call: the statements are then measured as well, as by `profile`.
        machine
            Where the costs are predicted; by default, where the kernel was planned for.
        **sizes
            Without inputs, the size of each symbol: ``explain(batch=32)``. Not needed after a `profile`.

        Returns
        -------
        explanation
            Prints as a table; `Explanation.rows` has it as data.

        Raises
        ------
        InputError
            If a size is missing or unknown, or an input does not fit; if both are given.

        Examples
        --------
        >>> import tensorgraph as tg
        >>> x = tg.placeholder(("n",), "float64", name="x")
        >>> table = tg.compile([x], tg.sum(tg.exp(x))).explain(n=1000, machine=tg.Machine.reference)
        >>> [(row.name, row.op, row.flops, row.why) for row in table.rows]
        [('exp', 'exp', 1000, 'x is an input'), ('sum_1', 'sum', 1000, 'a reduction')]
        """
        if machine is not None and not isinstance(machine, Machine):
            raise located(InputError(f"explain: machine={machine!r} is no tg.Machine"))
        if inputs and sizes:
            both = ", ".join(f"{symbol}={size}" for symbol, size in sizes.items())
            raise located(InputError(f"explain: give inputs or sizes, and not both: {both} follow from the inputs"))
        profile = self.profile(*inputs) if inputs else self._profile
        if profile is not None and not inputs and sizes and sizes != profile.sizes:
            profile = None
        given = profile.sizes if profile is not None else sizes
        return explained(self.program, self.name, self._module.lines(), machine or self.program.machine, given, profile)

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

        Examples
        --------
        >>> import runpy
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> import tensorgraph as tg
        >>> x = tg.placeholder(("n",), "float64", name="x")
        >>> total = tg.Parameter(np.zeros(()), name="total")
        >>> step = tg.compile([x], tg.max(x), updates={total: total + tg.sum(x)}, name="step")
        >>> with TemporaryDirectory() as folder:
        ...     step.save(Path(folder) / "step.py")
        ...     module = runpy.run_path(str(Path(folder) / "step.py"))
        ...     state = module["init_state"]()
        >>> module["step"](state, np.array([1.0, 2.0])), state["total"]
        (array(2.), array(3.))
        """
        save_module(self.program, self.name, self._module, self._structure, Path(path))

    def __repr__(self) -> str:
        return f"<Kernel {self.name}({self._inputs}): {len(self.program.statements)} statements>"
