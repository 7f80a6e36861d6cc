"""Folding of constants, and dropping of identities."""

from __future__ import annotations

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.ir.leaves import Constant
from tensorgraph.passes import drop_identities, fold_constants
from tests.array.lines import above


def graph_of(inputs: list[tg.Tensor], *outputs: tg.Tensor) -> tg.Graph:
    return tg.Graph([x.node for x in inputs], [y.node for y in outputs])


def test_known_parts_become_constants() -> None:
    x = tg.placeholder((2,), name="x")
    table = tg.asarray([1.0, 2.0])
    folded = fold_constants(graph_of([x], x + tg.exp(table) * 2)).verify()
    assert [node.op.name for node in folded.nodes] == ["placeholder", "constant", "add"]
    constant = folded.nodes[1].op
    assert isinstance(constant, Constant)
    np.testing.assert_array_equal(constant.value, np.exp([1.0, 2.0]) * 2)


def test_what_changes_is_not_folded() -> None:
    p = tg.Parameter([1.0], name="p")
    x = tg.placeholder(("n",), name="x")
    graph = graph_of([x], p * 2, tg.broadcast_to(1.0, x.shape))
    assert fold_constants(graph) == graph


@pytest.mark.parametrize(("size", "names"), [(8192, ["constant"]), (8193, ["arange"])])
def test_what_would_be_large_is_not_folded(size: int, names: list[str]) -> None:
    folded = fold_constants(graph_of([], tg.arange(size)))
    assert [node.op.name for node in folded.nodes] == names


def test_what_is_repeated_is_not_stored() -> None:
    folded = fold_constants(graph_of([], tg.broadcast_to(tg.asarray(1.0) + 1, (3,))))
    assert [node.op.name for node in folded.nodes] == ["constant", "broadcast_to"]


def test_a_large_result_no_larger_than_its_operands_is_folded() -> None:
    folded = fold_constants(graph_of([], tg.asarray(np.ones(20_000)) * 2))
    assert [node.op.name for node in folded.nodes] == ["constant"]


def test_folding_keeps_effects_out_of_values() -> None:
    p = tg.Parameter(np.zeros(()), name="p")
    y = tg.Tensor((tg.asarray(1.0) + 1).node.with_effects([(p.node, (p + 1).node)]))
    graph = fold_constants(graph_of([], y))
    assert len(graph.updates) == 1
    assert tg.compile([], y)() == 2
    assert p.numpy() == 1


def test_identities_go() -> None:
    x = tg.placeholder((2,), name="x")
    graph = drop_identities(graph_of([x], tg.stop_gradient(tg.stop_gradient(x) * 2))).verify()
    assert [node.op.name for node in graph.nodes] == ["placeholder", "constant", "multiply"]


def test_merged_after_folding() -> None:
    x = tg.placeholder((), name="x")
    graph = fold_constants(graph_of([x], x + tg.exp(tg.asarray(0.0)), x + 1.0)).verify()
    assert graph.outputs[0] is graph.outputs[1]


def test_an_error_while_folding_names_the_line() -> None:
    def picky(x):
        raise ValueError("not this one")

    y = tg.custom_op(picky)(tg.asarray([1.0, 2.0]))
    line = above()
    with pytest.raises(ValueError, match=r"^picky: not this one") as error:
        fold_constants(graph_of([], y))
    assert str(error.value) == f"picky: not this one ({line})"
