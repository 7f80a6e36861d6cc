"""The reference evaluator."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import tensorgraph.array.functions as tg
from tensorgraph.array.leaves import Parameter, placeholder
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.errors import InputError, SymbolicError, VerifyError
from tensorgraph.interpret import evaluate, evaluate_graph
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.node import Node
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.custom import Custom
from tests.array.lines import above


def test_a_graph_gives_outputs_and_next_values() -> None:
    x, w = placeholder(("n", 2), "float32", name="x"), Parameter([1.0, 2.0], name="w")
    graph = Graph([x.node], [(x * w).node, tg.sum(x).node], [(w.node, (w - 1).node)])
    array = np.array([[1, 2], [3, 4]], np.float32)
    outputs, states = evaluate_graph(graph, [array])
    assert [o.tolist() for o in outputs] == [[[1, 4], [3, 8]], 10.0]
    assert [s.tolist() for s in states] == [[0, 1]]
    assert w.tolist() == [1, 2]


def test_an_inner_node_can_be_fed() -> None:
    x = placeholder((2,), name="x")
    y = tg.exp(x)
    (found,) = evaluate([(y + 1).node], {y.node: np.array([1.0, 2.0])})
    assert found.tolist() == [2, 3]


def test_what_is_missing_is_named() -> None:
    x, y = placeholder((2,), name="x"), placeholder((2,), name="other")
    with pytest.raises(SymbolicError) as caught:
        evaluate([(x + y).node], {x.node: np.ones(2)})
    assert str(caught.value) == "placeholder 'other' (float64[2]) has no value: feed it, or compile and call"


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3,), (2, 2)), "input 'y' is float64[n, 2] and was given shape [2, 2]: axis 0 is 2, but n is 3 in x"),
        (((3,), (3, 4)), "input 'y' is float64[n, 2] and was given shape [3, 4]: axis 1 is 4 instead of 2"),
        (((3, 1), (3, 2)), "input 'x' is float64[n] and was given shape [3, 1]: 2 axes instead of 1"),
    ],
)
def test_shapes_that_do_not_fit(shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    x, y = placeholder(("n",), name="x"), placeholder(("n", 2), name="y")
    graph = Graph([x.node, y.node], [x.node, y.node])
    with pytest.raises(InputError) as caught:
        evaluate_graph(graph, [np.zeros(s) for s in shapes])
    assert str(caught.value) == message


@pytest.mark.parametrize(("size", "length", "n"), [("2*n + 1", 7, 3), ("n + 2", 5, 3), ("3*n", 9, 3)])
def test_sizes_are_solved_from_composed_dimensions(size: str, length: int, n: int) -> None:
    x = placeholder((size,), name="x")
    y = placeholder(("n",), name="y")
    found = evaluate([(tg.sum(x) + tg.sum(y)).node], {x.node: np.ones(length), y.node: np.ones(n)})
    assert found[0] == length + n
    alone = evaluate([tg.sum(x).node], {x.node: np.ones(length)})
    assert alone[0] == length
    with pytest.raises(InputError, match=rf"^input 'x' is float64\[.*\] and was given shape \[{length}\]: "):
        evaluate([(tg.sum(x) + tg.sum(y)).node], {x.node: np.ones(length), y.node: np.ones(n + 1)})


def test_a_type_rule_that_lies_is_found() -> None:
    def halve(x: Any) -> Any:
        return x[:1]

    node = Node(Custom(halve, lambda t: TensorType(t.dtype, (2,)), None), asarray(np.ones(3)).node)
    with pytest.raises(VerifyError, match=r"should give float64\[2\] and gave float64\[1\]$"):
        evaluate([node])


def test_an_error_of_numpy_names_operation_and_line() -> None:
    rows = placeholder((2,), "int64", name="rows")
    y = asarray([1.0, 2.0])[rows]
    with pytest.raises(IndexError) as caught:
        evaluate([y.node], {rows.node: np.array([0, 5])})
    assert str(caught.value) == f"gather: index 5 is out of bounds for axis 0 with size 2 ({above(3)})"


def test_values_known_already_are_not_computed_again() -> None:
    calls = [0]

    def count(x: Any) -> Any:
        calls[0] += 1
        return x + 1

    t = Tensor(Node(Custom(count, None, None), asarray(1.0).node))
    assert float(t) == 2.0
    assert evaluate([(t * 3).node, t.node]) == [6.0, 2.0]
    assert calls == [1]


def test_a_chain_of_100_000_nodes() -> None:
    x = placeholder((), name="x")
    t: Tensor = x
    for _ in range(100_000):
        t = t + 1.0
    (found,) = evaluate([t.node], {x.node: np.array(0.5)})
    assert found == 100_000.5
    again = pickle.loads(pickle.dumps(t))
    assert again.node.depth == t.node.depth


def test_roots_may_be_leaves_and_repeat() -> None:
    x = placeholder((), name="x")
    value = np.array(2.0)
    assert evaluate([x.node, x.node, asarray(3).node], {x.node: value}) == [2.0, 2.0, 3]
    assert evaluate([]) == []
