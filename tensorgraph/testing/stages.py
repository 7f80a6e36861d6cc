"""Every stage of the compiler held against the interpreter, on one graph."""

from __future__ import annotations

import importlib.util
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.codegen.kernel import Kernel
from tensorgraph.errors import NaNError
from tensorgraph.interpret.agreement import differs_from_interpreter
from tensorgraph.interpret.evaluate import evaluate, evaluate_graph
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Variable
from tensorgraph.ir.types import Array
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.tiers import differs_by_laws
from tensorgraph.testing.compiled import final_graph, laws_used
from tensorgraph.testing.programs import run_kernel
from tensorgraph.testing.ways import Way, way_of

__all__ = ["check_stages"]

Stage: TypeAlias = "tuple[str, Callable[[], str | None]]"


def check_stages(
    graph: Graph,
    arrays: Sequence[Array],
    *,
    way: str = "plain",
    saved: bool = False,
    count: Counter[str] | None = None,
) -> str | None:
    """Compile a graph and hold every stage against the interpreter.

    Parameters
    ----------
    graph, arrays
        What to compile, and what to compute it on.
    way
        How to compile it: one of `tensorgraph.testing.ways.WAYS`.
    saved
        Whether to pickle the kernel, and to write it to a file, and hold these as well.
    count
        Counts the stages that were held.

    Returns
    -------
    str or None
        ``"STAGE: how it differs"`` for the first stage that does.

    Raises
    ------
    Exception
        What the interpreter raises for these arrays.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder(("n",), "float32", name="x")
    >>> check_stages(tg.Graph([x.node], [tg.exp(x * 2).node]), [np.ones(3, np.float32)]) is None
    True
    """
    evaluate_graph(graph, arrays)  # where it has no value there is nothing to hold
    for stage, why in _stages(graph, arrays, way_of(way), saved):
        try:
            wrong = why()
        except Exception as error:
            return f"{stage}: raised {type(error).__name__}: {error}"
        if count is not None:
            count[stage] += 1
        if wrong is not None:
            return f"{stage}: {wrong}"
    return None


def _stages(graph: Graph, arrays: Sequence[Array], way: Way, saved: bool) -> Iterator[Stage]:
    """Names of stages, and how to find what is wrong with each; a stage is only made when its turn comes."""

    def interpreted(value: Graph) -> str | None:
        found = [y for part in evaluate_graph(value.verify(), arrays) for y in part]
        return differs_from_interpreter(found, graph, arrays)

    yield "text", lambda: interpreted(_read_back(graph))
    yield "pickle", lambda: interpreted(_same(pickle.loads(pickle.dumps(graph)), graph, "pickle"))
    made: list[Kernel] = []

    def compiled() -> Kernel:
        if not made:
            made.append(way.compiled(graph))
        return made[0]

    try:
        stages = list(compiled().stages)
    except Exception:
        stages = []  # told when the kernel is run
    for i, stage in enumerate(stages):
        if isinstance(stage.value, Graph):
            value, laws = stage.value, laws_used(stages[: i + 1])
            yield stage.name, lambda value=value, laws=laws: _rewritten(graph, value, laws, arrays, way)  # type: ignore[misc]
    yield "kernel", lambda: _held(compiled(), arrays)
    yield "kernel, called again", lambda: _called_again(compiled(), arrays)
    if saved:
        yield "pickled kernel", lambda: _held(pickle.loads(pickle.dumps(compiled())), arrays)
        yield "saved module", lambda: _saved(compiled(), arrays)


# ---- text and pickle


def _read_back(graph: Graph) -> Graph:
    text = str(graph)
    read = _same(Graph.parse(text, graph.constants()), graph, "text")
    for mine, other in zip(graph.variables, read.variables, strict=True):
        other.op.storage.value = np.array(mine.op.storage.value)  # type: ignore[attr-defined]
    return read


def _same(read: Graph, graph: Graph, how: str) -> Graph:
    if read != graph:
        raise AssertionError(f"the graph read back from its {how} is another one:\n{read}")
    return read


# ---- passes


def _rewritten(graph: Graph, value: Graph, laws: Sequence[Law], arrays: Sequence[Array], way: Way) -> str | None:
    """How a stage differs from the graph that was given by more than its laws may do."""
    value = value.verify()
    if len(value.outputs) > len(graph.outputs):  # next values as outputs too
        value = Graph(value.inputs, value.outputs[: len(graph.outputs)], value.updates)
    if way.laws_of_reals and any(law.tier == "reals" for law in laws) and not _finite(graph, value, arrays):
        return None  # such a law promises something only where nothing overflows
    return differs_by_laws(graph, value, laws, arrays)


def _finite(before: Graph, after: Graph, arrays: Sequence[Array]) -> bool:
    """Whether all numbers on the way are finite, on both sides."""
    return all(np.isfinite(v).all() for graph in (before, after) for v in _floats(graph, arrays))


def _floats(graph: Graph, arrays: Sequence[Array], leaves: bool = True) -> list[Array]:
    """The values of floating-point nodes."""
    nodes = [n for n in graph.nodes if len(n.types) == 1 and n.type.dtype.kind in "fc" and (leaves or not n.op.view)]
    nodes = nodes if leaves else [n for n in nodes if n.inputs]
    return evaluate(nodes, dict(zip(graph.inputs, arrays, strict=True)))


# ---- kernels


def _held(kernel: Kernel, arrays: Sequence[Array]) -> str | None:
    """How a call of a kernel differs from what the interpreter says of the graph after the last pass."""
    graph = final_graph(kernel)
    before = _state(graph)
    try:
        found = run_kernel(kernel, arrays)
    except NaNError as error:
        return _refused(kernel, arrays, error, before)
    if kernel.options.get("debug_nans") and any(np.isnan(v).any() for v in _floats(kernel.graph, arrays, leaves=False)):
        return "a NaN is computed, and debug_nans does not tell"
    return _against(found, graph, kernel, arrays)


def _against(found: Sequence[Array], graph: Graph, kernel: Kernel, arrays: Sequence[Array]) -> str | None:
    why, planned = differs_from_interpreter(found, graph, arrays), kernel.program.laws
    return differs_by_laws(graph, graph, planned, arrays, found) if why and planned else why


def _refused(kernel: Kernel, arrays: Sequence[Array], error: Exception, before: Sequence[Array]) -> str | None:
    """What is wrong with a NaN that a kernel refuses."""
    if not any(np.isnan(v).any() for v in _floats(kernel.graph, arrays)):
        return f"raised NaNError where no value is NaN: {error}"
    after = _state(kernel.graph)
    if any(a.tobytes() != b.tobytes() for a, b in zip(before, after, strict=True)):
        return f"the state is not what it was before a NaN was refused: {error}"
    return None


def _state(graph: Graph) -> list[Array]:
    return [np.array(v.op.storage.value) for v in graph.variables if isinstance(v.op, Variable)]


def _called_again(kernel: Kernel, arrays: Sequence[Array]) -> str | None:
    """The same after a call with other numbers: nothing of it is left in the memory that calls share."""
    others = [np.zeros_like(a) for a in arrays], [np.ones_like(a) for a in arrays]
    for other in others:
        try:
            run_kernel(kernel, other)
        except Exception:  # there is no value for them: so much the better a test of the next call
            continue
    return _held(kernel, arrays)


# ---- saved modules


def _saved(kernel: Kernel, arrays: Sequence[Array]) -> str | None:
    """How the file that a kernel writes differs: a call, and another from the state that it wrote and read again."""
    graph = final_graph(kernel)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved.py"
        kernel.save(path)
        module = _imported(path)
        state = module.init_state()
        why = _called(module, state, kernel, graph, arrays)
        if why is not None:
            return why
        module.save(path.with_suffix(".state.npz"), state)
        with _held_by_variables(kernel, state):
            why = _called(module, module.load(path.with_suffix(".state.npz")), kernel, graph, arrays)
        return why and f"in a call after saving and loading the state: {why}"


def _called(module: ModuleType, state: Any, kernel: Kernel, graph: Graph, arrays: Sequence[Array]) -> str | None:
    """How a call of a module differs from what the interpreter says, for the values that variables hold now."""
    try:
        evaluate_graph(graph, arrays)
    except Exception:  # the state has become what no call takes, such as an index that is too large
        return None
    try:
        outputs = [np.array(y) for y in module.kernel(state, *arrays)]
    except FloatingPointError as error:
        return _refused(kernel, arrays, error, _state(graph))
    names = [kernel.program.names[variable] for variable, _ in kernel.graph.updates]
    return _against([*outputs, *(np.array(state[name]) for name in names)], graph, kernel, arrays)


@contextmanager
def _held_by_variables(kernel: Kernel, state: Mapping[str, Array]) -> Iterator[None]:
    """The interpreter sees a state of the saved module."""
    held = [(v.op.storage, v) for v in kernel.graph.variables if isinstance(v.op, Variable)]
    before = [storage.value for storage, _ in held]
    try:
        for storage, variable in held:
            storage.value = np.array(state[kernel.program.names[variable]])
        yield
    finally:
        for (storage, _), value in zip(held, before, strict=True):
            storage.value = value


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("saved", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
