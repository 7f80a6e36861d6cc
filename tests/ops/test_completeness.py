"""What every primitive has."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from tensorgraph.array import functions, random
from tensorgraph.interpret import evaluate_graph
from tensorgraph.ir.axes import AxisMap
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Placeholder
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.registry import all_ops
from tests.ops.samples import ALL, ELSEWHERE, SYMBOLIC, Sample, samples

# The public function, where it bears another name than the class; None for what users never write.
PUBLIC: dict[str, str | None] = {
    "arange": "arange",
    "barrier": None,
    "dim_size": None,
    "gather": "getitem",
    "index_add": "At",
    "index_set": "At",
    "is_finite": "isfinite",
    "is_inf": "isinf",
    "is_nan": "isnan",
    "power": "pow",
    "rint": "round",
    "slice": "getitem",
}


@pytest.mark.parametrize("cls", all_ops(), ids=lambda cls: str(cls.name))
def test_every_primitive_says_what_it_is(cls: type[Op]) -> None:
    assert inspect.getdoc(cls), "a docstring"
    assert cls.__doc__ != Op.__doc__
    assert cls.numpy, "a spelling"
    assert isinstance(cls.domain, Domain)
    assert cls.axes is not Op.axes, "an axis map"
    assert cls.infer is not Op.infer, "a type rule"
    internal = cls.name.endswith(("_grad", "_select"))  # what derivatives are made of
    public = None if internal else PUBLIC.get(cls.name, cls.name)
    if cls.name.startswith("random_"):
        wanted = cls.name.removeprefix("random_")
        assert {"int": "randint"}.get(wanted, wanted) in random.__all__, "a public function"
        return
    assert public is None or public in functions.__all__, "a public function"
    assert samples(cls) or cls in SYMBOLIC or cls.__module__ in ELSEWHERE, "sample operands in tests/ops/samples.py"


def test_no_two_primitives_have_one_name() -> None:
    names = [cls.name for cls in all_ops()]
    assert len(set(names)) == len(names)


def typed(sample: Sample) -> list[TensorType]:
    return [TensorType.of(array) for array in sample[1]]


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: str(sample[0]))
def test_axis_maps_agree_with_the_type_rule(sample: Sample) -> None:
    op, types = sample[0], typed(sample)
    result = op.infer(*types)
    results = result if isinstance(result, tuple) else (result,)
    parsed = AxisMap.parse(op.axes(*types))
    sizes = parsed.sizes(types, results)
    assert set(parsed.contracted) <= set(sizes) | {label for term in parsed.inputs for axis in term for label in axis}


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: str(sample[0]))
def test_values_have_the_inferred_type(sample: Sample) -> None:
    op, arrays = sample
    with np.errstate(all="ignore"):
        value = np.asarray(op.evaluate(*arrays))
    assert TensorType.of(value) == op.infer(*typed(sample))


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: str(sample[0]))
def test_text_form_reads_back(sample: Sample) -> None:
    op, arrays = sample
    inputs = [Node(Placeholder(f"x{i}", kind)) for i, kind in enumerate(typed(sample))]
    graph = Graph(inputs, [Node(op, *inputs)]).verify()
    again = Graph.parse(str(graph), constants=graph.constants())
    assert again == graph
    assert str(again) == str(graph)
    value, _ = evaluate_graph(graph, list(arrays))
    expected, _ = evaluate_graph(again, list(arrays))
    assert value[0].tobytes() == expected[0].tobytes()


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: str(sample[0]))
def test_operations_count_and_compare(sample: Sample) -> None:
    op, types = sample[0], typed(sample)
    flops = op.flops(*types)
    assert isinstance(flops, int)
    assert flops >= 0
    again = type(op)(**op.attributes())
    assert again == op
    assert hash(again) == hash(op)
    assert op != "op"
