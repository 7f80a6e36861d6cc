"""How what the compiler makes of a graph differs from what the interpreter says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tensorgraph.codegen.inputs import Inputs
from tensorgraph.codegen.kernel import Kernel, Stage
from tensorgraph.compiler.compile import Options, compile_graph
from tensorgraph.interpret.agreement import differs_from_interpreter
from tensorgraph.interpret.difference import Ulp
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.types import Array
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.tiers import differs_by_laws
from tensorgraph.testing.programs import run_kernel

__all__ = ["compiled_difference", "final_graph", "kernel_difference", "laws_used"]


def compiled_difference(
    graph: Graph, arrays: Sequence[Array], ulp: Ulp = 0, atol: float = 0.0, **options: Any
) -> str | None:
    """How the kernel of a graph, compiled with these options, differs from the interpreter."""
    made = Options(locations=False, **options)
    kernel = compile_graph(graph, "kernel", list(range(len(graph.outputs))), made)
    return kernel_difference(kernel, arrays, ulp, atol)


def kernel_difference(kernel: Kernel, arrays: Sequence[Array], ulp: Ulp = 0, atol: float = 0.0) -> str | None:
    """How a kernel differs from the interpreter: its passes, or its source, by more than their laws may do."""
    traced = kernel.stages[0].value
    assert isinstance(traced, Graph)
    graph = final_graph(kernel)
    read = Inputs(kernel.name, graph).read(arrays, {})
    why = differs_by_laws(traced, graph, laws_used(kernel.stages), read)
    if why is not None:
        return why
    found, planned = run_kernel(kernel, arrays), kernel.program.laws
    why = differs_from_interpreter(found, graph, read, ulp, atol)
    return differs_by_laws(graph, graph, planned, read, found) if why and planned else why


def final_graph(kernel: Kernel) -> Graph:
    """The graph after the last pass, with the outputs that were asked for: a kernel may compute more of them."""
    traced, graph = kernel.stages[0].value, kernel.graph
    assert isinstance(traced, Graph)
    more = len(graph.outputs) > len(traced.outputs)
    return Graph(graph.inputs, graph.outputs[: len(traced.outputs)], graph.updates) if more else graph


def laws_used(stages: Iterable[Stage]) -> list[Law]:
    """The laws by which stages rewrote the graph."""
    return [law for stage in stages if isinstance(stage.value, Graph) for law in stage.laws]
