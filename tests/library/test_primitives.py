"""What each primitive of convolution, pooling, sorting, segments and random numbers states about itself."""

from __future__ import annotations

import builtins
import dis
import inspect
from types import FunctionType

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.interpret import evaluate_graph
from tensorgraph.ir.axes import AxisMap
from tensorgraph.ir.op import Op
from tensorgraph.testing import Sample
from tensorgraph.testing.library import library_samples

SAMPLES = library_samples()
OPS = sorted({sample.op for sample in SAMPLES}, key=lambda op: op.name)


def traced(sample: Sample, symbolic: bool = False) -> tuple[tg.Graph, tuple[np.ndarray, ...]]:
    """The sample as a graph, its batch perhaps of unknown size."""
    arrays = sample.draw(np.random.default_rng(3))
    shapes = [("batch", *a.shape[1:]) if symbolic and i == 0 else a.shape for i, a in enumerate(arrays)]
    inputs = [tg.placeholder(s, a.dtype, name=f"x{i}") for i, (s, a) in enumerate(zip(shapes, arrays, strict=True))]
    outputs = [sample.function(*inputs)]
    return tg.Graph([x.node for x in inputs], [y.node for y in outputs]).verify(), arrays


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_text_reads_back_and_axes_fit(sample: Sample) -> None:
    graph, arrays = traced(sample)
    assert any(isinstance(node.op, sample.op) for node in graph.nodes)
    again = tg.Graph.parse(str(graph), constants=graph.constants())
    assert again == graph
    assert str(again) == str(graph)
    for node in graph.nodes:
        if isinstance(node.op, sample.op):
            types = [source.type for source in node.inputs]
            AxisMap.parse(node.op.axes(*types)).sizes(types, node.types)
            flops = node.op.flops(*types)
            assert isinstance(flops, int)
            assert flops >= 0
            assert type(node.op)(**node.op.attributes()) == node.op
    (left,), (right,) = evaluate_graph(graph, arrays)[0], evaluate_graph(again, arrays)[0]
    assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_spelling_agrees_with_the_definition(sample: Sample) -> None:
    """Convolution and pooling are evaluated by nested loops; emitted code calls the fast form."""
    graph, arrays = traced(sample)
    for node in graph.nodes:
        if isinstance(node.op, sample.op):
            operands = [evaluate_graph(tg.Graph(graph.inputs, [i]), arrays)[0][0] for i in node.inputs]
            fast = np.asarray(Op.evaluate(node.op, *operands))
            slow = np.asarray(node.op.evaluate(*operands))
            assert fast.dtype == slow.dtype == node.type.dtype
            np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_emitted_module_agrees(sample: Sample) -> None:
    graph, arrays = traced(sample)
    kernel = tg.compile([tg.Tensor(x) for x in graph.inputs], [tg.Tensor(y) for y in graph.outputs])
    expected = evaluate_graph(graph, arrays)[0][0]
    (actual,) = kernel(*arrays)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_helpers_are_all_that_a_spelling_calls(op: type[Op]) -> None:
    """Emitted modules contain the text of the helpers and nothing else."""
    known = {helper.__name__ for helper in op.helpers}
    for helper in op.helpers:
        assert isinstance(helper, FunctionType)
        codes = [helper.__code__]
        while codes:
            code = codes.pop()
            codes.extend(c for c in code.co_consts if inspect.iscode(c))
            used = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
            assert used <= known | {"np", *vars(builtins)}, helper.__name__


BATCHED = [
    s
    for s in SAMPLES
    if s.op.name.startswith(("conv", "unfold", "fold", "max", "avg", "adaptive"))
    and "nothing" not in s.label
    and not s.op.name.endswith(("grad", "select"))
]


@pytest.mark.parametrize("sample", BATCHED, ids=str)
def test_batch_of_unknown_size(sample: Sample) -> None:
    graph, arrays = traced(sample, symbolic=True)
    assert tg.Graph.parse(str(graph)) == graph
    y = tg.Tensor(graph.outputs[0])
    assert str(y.shape[0]) == "batch"
    inputs = [tg.Tensor(x) for x in graph.inputs]
    gradients = tg.gradients(tg.sum(y * y), inputs) if y.dtype.kind == "f" else []
    whole = tg.Graph(graph.inputs, [y.node, *(g.node for g in gradients)]).verify()
    assert tg.Graph.parse(str(whole), constants=whole.constants()) == whole
    values = evaluate_graph(whole, arrays)[0]
    np.testing.assert_array_equal(values[0], evaluate_graph(traced(sample)[0], arrays)[0][0])
    for gradient, array in zip(values[1:], arrays, strict=False):
        assert gradient.shape == array.shape
