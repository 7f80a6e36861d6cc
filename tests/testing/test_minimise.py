"""Graphs, pairs of graphs and arrays are made smaller while they show what they showed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.testing import minimise
from tensorgraph.testing import strategies as s
from tensorgraph.testing.minimise import minimise_arrays
from tensorgraph.testing.pairs import joined, minimise_pair


@given(st.data())
def test_minimising_keeps_what_it_looks_for(data: st.DataObject) -> None:
    graph = data.draw(s.graphs(size=5))
    arrays = data.draw(s.feeds(graph, values="ordinary"))
    names = sorted({n.op.name for n in graph.nodes if n.inputs and len(n.types) == 1})
    if not names:
        return
    name = data.draw(st.sampled_from(names))
    small, fed = minimise(graph, arrays, lambda g, a: any(n.op.name == name for n in g.nodes))
    assert [n.op.name for n in small.nodes if n.inputs].count(name) >= 1
    assert len(fed) == len(small.inputs)
    assert len(small.nodes) <= len(graph.nodes)


def test_axes_become_shorter_where_the_operations_take_it() -> None:
    x = tg.placeholder((1000, 6), "float64", name="x")
    graph = tg.Graph([x.node], [tg.sum(tg.exp(x) * 2, axis=1).node])
    small, (fed,) = minimise(graph, [np.full((1000, 6), 0.3)], lambda g, a: any(n.op.name == "sum" for n in g.nodes))
    assert fed.shape == small.inputs[0].type.shape == (1, 1)
    reshaped = tg.Graph([x.node], [tg.reshape(x, (3000, 2)).node])
    small, (fed,) = minimise(reshaped, [np.ones((1000, 6))], lambda g, a: bool(g.nodes[-1].inputs))
    assert fed.shape == (1000, 6)
    np.testing.assert_array_equal(fed, 0)


def test_inputs_of_another_byte_order_are_cut_and_become_plain() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    graph = tg.Graph([x.node], [tg.tanh(tg.exp(x[::2])).node])
    fed = np.arange(6.0).astype(">f8")
    small, (plain,) = minimise(graph, [fed], lambda g, a: any(n.op.name == "tanh" for n in g.nodes))
    assert [n.op.name for n in small.nodes if n.inputs] == ["tanh"]
    assert plain.dtype.isnative


def test_time_is_limited() -> None:
    x = tg.placeholder((2,), "float64", name="x")
    graph = tg.Graph([x.node], [tg.exp(x).node])
    assert minimise(graph, [np.ones(2)], lambda g, a: True, seconds=0)[0] is graph


def test_arrays_alone() -> None:
    rng = np.random.default_rng(0)
    asked: list[list[np.ndarray]] = []

    def shows(fed: list[np.ndarray]) -> bool:
        asked.append(fed)
        return fed[0].shape[1] == fed[1].shape[0] and bool(np.max(fed[0]) > 1)

    a, b = minimise_arrays([rng.normal(size=(300, 40)), rng.normal(size=(40, 2))], shows, trials=60)
    assert a.size * b.size <= 40
    assert max(np.max(a), 1) > 1
    assert len(asked) <= 60


@given(st.data())
def test_a_pair_keeps_apart_what_it_looks_for(data: st.DataObject) -> None:
    """The results of one graph, and the same with an operation put on top of one of them."""
    graph = data.draw(s.graphs(size=5, symbolic=False))
    arrays = data.draw(s.feeds(graph, values="ordinary"))
    other = tg.Graph(graph.inputs, [*graph.outputs[:-1], tg.logical_not(tg.Tensor(graph.outputs[-1]) != 0).node])
    pair = joined(graph, other, arrays)
    assert pair is not None
    counts = len(pair.first.outputs), len(pair.second.outputs)
    assert pair.first.outputs == graph.outputs + tuple(v for _, v in graph.updates)

    def tells(first: tg.Graph, second: tg.Graph, fed: list[np.ndarray]) -> bool:
        evaluate_graph(first, fed)
        return any(n.op.name == "logical_not" for n in second.nodes)

    small, fed = minimise_pair(pair, arrays, tells)
    assert len(small.first.outputs) <= counts[0]
    assert len(small.graph.nodes) <= len(pair.graph.nodes)
    assert [a.shape for a in fed] == [n.type.shape for n in small.graph.inputs]


def test_graphs_that_call_their_sizes_otherwise_are_joined() -> None:
    x, y = tg.placeholder(("n",), name="x"), tg.placeholder(("m",), name="y")
    one, other = tg.Graph([x.node], [tg.exp(x).node]), tg.Graph([y.node], [tg.exp(y).node, y.node])
    pair = joined(one, other, [np.ones(3, np.float32)])
    assert pair is not None
    assert [n.type.shape for n in pair.graph.inputs] == [(3,)]
    assert len(pair.second.outputs) == 2
    assert joined(one, tg.Graph([], []), []) is None
    z = tg.placeholder(("n",), "int64", name="z")
    assert joined(one, tg.Graph([z.node], [z.node]), [np.ones(3)]) is None


def test_all_that_two_graphs_share_is_cut_away_at_once() -> None:
    """Cutting where both read it would leave the rest, which only one reads now, to that one."""
    x = tg.placeholder((3,), "float64", name="x")
    early = tg.cos(tg.sin(x) * 2)
    late = tg.exp(tg.tanh(early))
    one, other = (tg.Graph([x.node], [y.node]) for y in (late / (1 + early), tg.sin(late)))
    arrays = [np.array([0.5, 1.0, 2.0])]
    pair = joined(one, other, arrays)
    assert pair is not None

    def tells(first: tg.Graph, second: tg.Graph, fed: list[np.ndarray]) -> bool:
        found = [evaluate_graph(graph, fed)[0][0] for graph in (first, second)]
        return any(n.op.name == "divide" for n in first.nodes) and not np.array_equal(*found)

    small, _ = minimise_pair(pair, arrays, tells)
    assert {n.op.name for n in small.graph.nodes if n.inputs} == {"divide", "add", "sin"}


def test_sizes_that_are_symbols_become_shorter_before_they_are_numbers() -> None:
    """A shape in an attribute follows a symbol, and is a number once that is one."""
    x = tg.placeholder(("n", 4), "float64", name="x")
    graph = tg.Graph([x.node], [(x.T @ tg.broadcast_to(tg.sum(x), x.shape)).node])

    def shows(graph: tg.Graph, arrays: list[np.ndarray]) -> bool:
        evaluate_graph(graph, arrays)
        return {"broadcast_to", "matmul", "sum"} <= {n.op.name for n in graph.nodes} and len(arrays) == 1

    small, (array,) = minimise(graph, [np.ones((70, 4))], shows)
    assert array.size == 1
    assert max(node.type.shape for node in small.nodes) == (1, 4)


def test_what_cannot_be_made_with_its_sizes_as_numbers_stays_as_it_is() -> None:
    """Of an unknown number there may be a largest one; of none there is not."""
    x = tg.placeholder(("n",), "float64", name="x")
    graph = tg.Graph([x.node], [tg.argmax(x, axis=0).node])
    small, _ = minimise(graph, [np.zeros(0)], lambda one, _: any(n.op.name == "argmax" for n in one.nodes))
    assert small == graph
