"""`assert_equivalent`: two programs give the same, or the smallest case in which they do not is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st

from tensorgraph.codegen.kernel import Kernel, Stage
from tensorgraph.compiler.compile import Options, compile_graph
from tensorgraph.errors import InputError, TensorGraphError, UnsupportedError
from tensorgraph.interpret.agreement import differs_from_interpreter, results_difference
from tensorgraph.interpret.difference import Ulp
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.node import Node, topological
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.tiers import differs_by_laws
from tensorgraph.testing.minimise import minimise
from tensorgraph.testing.programs import Program, as_program, run_kernel
from tensorgraph.testing.reproduce import array_code, code
from tensorgraph.testing.strategies.graphs import feeds

__all__ = [
    "Inequivalent", "assert_equivalent", "compiled_difference", "kernel_difference", "laws_used",
]  # fmt: skip

EXAMPLES = 25


class Inequivalent(TensorGraphError, AssertionError):  # noqa: N818 (what a failed assertion says)
    """Two programs that give different results."""


def assert_equivalent(
    f: Any,
    g: Any = None,
    *,
    inputs: Sequence[Any] | st.SearchStrategy[Any] | None = None,
    ulp: Ulp = 4,
    atol: float = 0.0,
    dtypes: bool | None = None,
    examples: int = EXAMPLES,
) -> None:
    """Assert that two programs give the same results.

    Parameters
    ----------
    f, g
        Kernels, Graphs, functions of tensors, of NumPy arrays, of PyTorch tensors or of JAX arrays. Without `g`,
        what the compiler makes of `f` is held against the interpreter.
    inputs
        Arrays, one per argument; or a Hypothesis strategy of lists of them. If `f` or `g` is a kernel or a graph
        they may be left out and are drawn, hostile values among them.
    ulp
        Units in the last place that may lie between two numbers: one figure, or one per dtype, as in
        ``{"float32": 8, "float64": 2}``. NaN equals NaN, and only NaN.
    atol
        This much more is allowed, absolutely.
    dtypes
        Whether data types must agree; by default, where both sides are kernels or graphs.
    examples
        How many inputs are drawn.

    Raises
    ------
    Inequivalent
        Names the result, the index and both values, and prints a program that shows the difference, as small as
        it could be made.
    InputError
        If inputs are needed or do not fit.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder(("n",), "float32", name="x")
    >>> assert_equivalent(tg.compile(x, tg.softmax(x)))
    >>> assert_equivalent(lambda x: tg.exp(tg.log(x)), lambda x: x, inputs=[np.array([0.5, 2.0])])
    """
    if isinstance(inputs, st.SearchStrategy):
        drawn = inputs
    elif inputs is not None:
        _compare(f, g, [np.asarray(a) for a in inputs], ulp, atol, dtypes)
        return
    else:
        drawn = _drawn(f, g)
    _search(drawn, examples, lambda arrays: _compare(f, g, arrays, ulp, atol, dtypes))


def _drawn(f: Any, g: Any) -> st.SearchStrategy[Any]:
    graph = next((p.graph for p in map(as_program, [f] if g is None else [f, g]) if p.graph is not None), None)
    if graph is None:
        message = "assert_equivalent: functions do not say what they take: give inputs=, arrays or a strategy of them"
        raise located(InputError(message))
    return feeds(graph)


def _search(drawn: st.SearchStrategy[Any], examples: int, check: Callable[[list[Array]], None]) -> None:
    """Try many inputs; shrink those that fail."""

    @seed(0)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False,
    )  # fmt: skip
    @given(drawn)
    def run(arrays: Any) -> None:
        try:
            check([np.asarray(a) for a in (arrays if isinstance(arrays, (list, tuple)) else [arrays])])
        except TensorGraphError:
            raise
        except (ValueError, IndexError, OverflowError, ZeroDivisionError):
            reject()  # neither side has a value there, such as the largest of nothing

    run()


def _compare(f: Any, g: Any, arrays: list[Array], ulp: Ulp, atol: float, dtypes: bool | None) -> None:
    left = as_program(f, arrays)
    if g is None:
        if left.graph is None:
            message = f"assert_equivalent: {left.name} cannot be recorded as a graph for these inputs: give g as well"
            raise located(InputError(message))
        _compare_compiled(left, arrays, ulp, atol, f if isinstance(f, Kernel) else None)
        return
    right = as_program(g, arrays)
    same_types = left.exact and right.exact if dtypes is None else dtypes
    why = results_difference(left.run(arrays), right.run(arrays), ulp, atol, same_types)
    if why is None:
        return
    head = f"assert_equivalent: {left.name} and {right.name} differ: {why}"
    if left.graph is not None and right.graph is not None and left.graph == right.graph:
        _compare_compiled(left, arrays, ulp, atol)
    raise located(Inequivalent(f"{head}\n{_shown(left, right, arrays, ulp, atol, same_types)}"))


# ---- compiled against interpreted


def compiled_difference(graph: Graph, arrays: Sequence[Array], ulp: Ulp = 0, atol: float = 0.0) -> str | None:
    """How the kernel of a graph differs from the interpreter."""
    kernel = compile_graph(graph, "kernel", list(range(len(graph.outputs))), Options(locations=False))
    return kernel_difference(kernel, arrays, ulp, atol)


def kernel_difference(kernel: Kernel, arrays: Sequence[Array], ulp: Ulp = 0, atol: float = 0.0) -> str | None:
    """How a kernel differs from the interpreter: its passes, or its source, by more than their laws may do."""
    traced, graph = kernel.stages[0].value, kernel.graph
    assert isinstance(traced, Graph)
    why = differs_by_laws(traced, graph, laws_used(kernel.stages), arrays)
    if why is not None:
        return why
    found, planned = run_kernel(kernel, arrays), kernel.program.laws
    why = differs_from_interpreter(found, graph, arrays, ulp, atol)
    return differs_by_laws(graph, graph, planned, arrays, found) if why and planned else why


def laws_used(stages: Iterable[Stage]) -> list[Law]:
    """The laws by which stages rewrote the graph."""
    return [law for stage in stages if isinstance(stage.value, Graph) for law in stage.laws]


def _compare_compiled(
    program: Program, arrays: list[Array], ulp: Ulp, atol: float, kernel: Kernel | None = None
) -> None:
    graph = program.graph
    assert graph is not None
    if kernel is None:
        why = compiled_difference(graph, arrays, ulp, atol)
    else:
        why = kernel_difference(kernel, arrays, ulp, atol)
    if why is None:
        return
    small, fed = minimise(graph, arrays, lambda g, a: compiled_difference(g, a, ulp, atol) is not None)
    still = compiled_difference(small, fed, ulp, atol) or why
    head = f"assert_equivalent: the kernel of {program.name} differs from the interpreter: {still}"
    check = "from tensorgraph.testing import assert_equivalent\nassert_equivalent(graph, inputs=arrays)"
    raise located(Inequivalent(f"{head}\n{_written(small, fed)}\n{check}"))


# ---- what a failure shows


def _written(graph: Graph, arrays: Sequence[Array]) -> str:
    try:
        return code(graph, arrays)
    except UnsupportedError:
        return f"{graph}\narrays = [{', '.join(map(array_code, arrays))}]"


def _shown(left: Program, right: Program, arrays: list[Array], ulp: Ulp, atol: float, dtypes: bool) -> str:
    """Both graphs with what they share cut away; else the one that is known; else the inputs."""
    graphs = [p.graph for p in (left, right) if p.graph is not None]
    if len(graphs) == 2 and left.exact and right.exact:
        first, second, fed = _without_shared(graphs[0], graphs[1], arrays, ulp, atol, dtypes)
        parts = [_written(first, fed), _written(second, fed)]
        return f"# the first\n{parts[0]}\n# the second\n{parts[1]}"
    return f"inputs: [{', '.join(map(array_code, arrays))}]"


def _without_shared(
    first: Graph, second: Graph, arrays: list[Array], ulp: Ulp, atol: float, dtypes: bool
) -> tuple[Graph, Graph, list[Array]]:
    """One output of each graph that differs, its inputs in common."""

    def differs(a: Graph, b: Graph) -> bool:
        one, other = ([y for part in evaluate_graph(g, arrays) for y in part] for g in (a, b))
        return results_difference(one, other, ulp, atol, dtypes) is not None

    if [n.type for n in first.inputs] != [n.type for n in second.inputs]:
        return first, second, arrays
    for i in range(min(len(first.outputs), len(second.outputs))):
        one, other = (Graph(g.inputs, [g.outputs[i]]) for g in (first, second))
        if differs(one, other):
            return _cut_shared(one, other, arrays)
    return first, second, arrays


def _cut_shared(first: Graph, second: Graph, arrays: list[Array]) -> tuple[Graph, Graph, list[Array]]:
    """The inputs that neither output needs left away."""
    needed = set(topological(first.outputs)) | {
        mine
        for mine, other in zip(first.inputs, second.inputs, strict=True)
        if other in set(topological(second.outputs))
    }
    places = [i for i, node in enumerate(first.inputs) if node in needed]

    def kept(nodes: Sequence[Node]) -> list[Node]:
        return [nodes[i] for i in places]

    fed = [arrays[i] for i in places]
    return Graph(kept(first.inputs), first.outputs), Graph(kept(second.inputs), second.outputs), fed
