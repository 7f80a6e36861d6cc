"""Laws are applied to a fixpoint, in time linear in the nodes."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.array.creation import dim_scalar
from tensorgraph.array.tensor import Tensor
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ops import elementwise as e
from tensorgraph.passes.simplify import simplify
from tensorgraph.rewrite import LAWS
from tensorgraph.rewrite.law import Sides, law
from tensorgraph.rewrite.laws import laws_at
from tensorgraph.rewrite.tiers import differs_by_laws
from tests.compiler.programs import assert_same_bits


def graph_of(f, *shapes, dtype="float32") -> tg.Graph:
    inputs = [tg.placeholder(shape, dtype, name=f"x{i}") for i, shape in enumerate(shapes)]
    return tg.Graph([x.node for x in inputs], [f(*inputs).node])


def names(graph: tg.Graph) -> list[str]:
    return [node.op.name for node in graph.nodes if not node.op.leaf]


def test_to_a_fixpoint() -> None:
    graph = graph_of(lambda x: tg.negative(tg.negative(x * 1) / 1) ** 2.0, ("n",))
    result = simplify(graph)
    assert names(result.graph) == ["multiply"]
    used = {one.name: count for one, count in result.laws.items()}
    assert used == {"mul_one": 1, "div_one": 1, "neg_neg": 1, "power_two": 1}
    again = simplify(result.graph)
    assert again.graph == result.graph
    assert again.laws == {}


def test_zeros_of_the_other_sign_are_other_constants() -> None:
    x = tg.placeholder((2,), "float64", name="x")
    graph = tg.Graph([x.node], [(x - 0.0).node, (x - (-0.0)).node, (x + (-0.0)).node])
    made = simplify(graph).graph
    assert [node is x.node for node in made.outputs] == [True, False, True]
    zeros = np.array([-0.0, 0.0])
    assert_same_bits(evaluate_graph(made, [zeros])[0], evaluate_graph(graph, [zeros])[0])


@pytest.mark.parametrize("wrap", [lambda s, x: s * (3.0 * x), lambda s, x: 3.0 * (s * x), lambda s, x: s * (s * x)])
def test_scalars_known_and_unknown_meet(wrap) -> None:
    x, s = tg.placeholder(("n", 3), "float64", name="x"), tg.placeholder((), "float64", name="s")
    part = 1.0 / dim_scalar(x.shape[0], x.dtype)
    graph = tg.Graph([x.node, s.node], [wrap(part, x).node, wrap(s, x).node])
    made = simplify(graph)
    arrays = [np.linspace(1, 2, 6).reshape(2, 3), np.array(1.5)]
    assert "scalars_first" in {one.name for one in made.laws}
    assert differs_by_laws(graph, made.graph, list(made.laws), arrays) is None


(SCALARS_FIRST,) = (one for one in LAWS if one.name == "scalars_first")
SCALARS = {
    "2**40": (lambda n, s: 2.0**40, True), "2**41": (lambda n, s: 2.0**41, False),
    "2**-40": (lambda n, s: 2.0**-40, True), "2**-41": (lambda n, s: 2.0**-41, False),
    "negative": (lambda n, s: -3.0, True), "size": (lambda n, s: n, True), "inverse size": (lambda n, s: 1.0 / n, True),
    "unknown": (lambda n, s: s, False), "its inverse": (lambda n, s: 1.0 / s, False),
    "part of it": (lambda n, s: s / n, False), "size over it": (lambda n, s: n / s, False),
    "quotient of quotients": (lambda n, s: 1.0 / (1.0 / n), False), "root": (lambda n, s: tg.sqrt(n), False),
}  # fmt: skip


@pytest.mark.parametrize("name", SCALARS)
def test_scalars_that_are_surely_moderate_are_multiplied_first(name: str) -> None:
    made, moderate = SCALARS[name]
    x, s = tg.placeholder(("n", 3), "float64", name="x"), tg.placeholder((), "float64", name="s")
    y = made(dim_scalar(x.shape[0], x.dtype), s) * (1.0 * x)
    assert (SCALARS_FIRST.apply(y.node) is not None) == moderate


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("a", "b", "fits"), [(30, 10, True), (30, 11, False), (-30, -10, True), (-30, -11, False)])
def test_products_of_scalars_stay_moderate(a: int, b: int, sign: float, fits: bool) -> None:
    x = tg.placeholder(("n", 3), "float64", name="x")
    y = 2.0**a * (sign * 2.0**b * x)
    assert (SCALARS_FIRST.apply(y.node) is not None) == fits


@pytest.mark.parametrize(("dtype", "digits"), [("float16", 11), ("float32", 24), ("float64", 53)])
def test_sums_of_copies_are_products_while_their_number_is_exact(dtype: str, digits: int) -> None:
    for count, made in ((2**digits, ["multiply"]), (2**digits + 1, ["broadcast_to", "sum"])):
        graph = graph_of(lambda x, n=count: tg.sum(tg.broadcast_to(x, (n,))), (), dtype=dtype)
        assert names(simplify(graph).graph) == made


@pytest.mark.parametrize("shape", [(2, 3), (3,), (2, 1), (1, 3), ()])
@pytest.mark.parametrize("turned", [False, True])
def test_sums_of_products_of_one_shape_are_products_of_vectors(shape: tuple[int, ...], turned: bool) -> None:
    x, y = tg.placeholder((2, 3), "float64", name="x"), tg.placeholder(shape, "float64", name="y")
    graph = tg.Graph([x.node, y.node], [tg.sum(y * x if turned else x * y).node])
    result = simplify(graph)
    assert ("sum_of_products" in {one.name for one in result.laws}) == (shape == (2, 3))
    arrays = [np.arange(6.0).reshape(2, 3), np.resize(np.arange(1.0, 7), shape)]
    assert_same_bits(evaluate_graph(result.graph, arrays)[0], evaluate_graph(graph, arrays)[0])


def test_what_laws_make_is_folded_and_merged() -> None:
    graph = graph_of(lambda x: tg.where(tg.asarray(True), x, 2 * x) / 4 - x * 0.25, (3,))
    result = simplify(graph).graph
    assert names(result) == ["multiply", "subtract"]
    assert names(simplify(graph_of(lambda x: x + tg.asarray(2.0) ** 2.0, (3,), dtype="float64")).graph) == ["add"]


def test_results_keep_their_place_in_the_source() -> None:
    x = tg.placeholder((3,), "float32", name="x")
    with tg.scope("layer"):
        y = tg.negative(tg.exp(x) - x)
    (made,) = simplify(tg.Graph([x.node], [y.node])).graph.outputs
    assert made.op.name == "subtract"
    assert made.scope == "layer"
    assert made.location == y.node.location


def test_gradients_keep_their_primal() -> None:
    x = tg.placeholder((3,), "float32", name="x")
    y = tg.sum(tg.exp(x * 1))
    (dx,) = tg.gradients(y, [x])
    result = simplify(tg.Graph([x.node], [y.node, dx.node])).graph
    primals = {node.primal for node in result.nodes if node.primal is not None}
    assert primals <= set(result.nodes)


def test_updates_and_outputs() -> None:
    p = tg.Parameter(np.ones(3), name="p")
    x = tg.placeholder((3,), "float64", name="x")
    graph = tg.Graph([x.node], [x.node, (x * 1).node, (x * 1).node], [(p.node, (p * 1 + x).node)])
    result = simplify(graph).graph
    arrays = [np.array([1.0, -0.0, np.nan])]
    for found, wanted in zip(evaluate_graph(result, arrays), evaluate_graph(graph, arrays), strict=True):
        assert_same_bits(found, wanted)
    assert result.outputs == (result.inputs[0],) * 3


@law
def forth(x: Tensor, y: Tensor) -> Sides:
    """x + y = y + x (as -(-x - y))"""
    return x + y, y + x


def test_laws_that_undo_each_other() -> None:
    graph = graph_of(lambda x, y: x + y, (3,), (3,))
    with pytest.raises(RuntimeError) as caught:
        simplify(graph, laws=lambda root: [forth] if root is e.Add else [])
    assert str(caught.value) == "simplify: laws undo each other; used most: forth 1,217 times"


def test_only_laws_that_are_used_most_are_named() -> None:
    graph = graph_of(lambda x, y: tg.negative(tg.negative(abs(abs(x * 1 / 1 - 0)))) + y, (3,), (3,))
    with pytest.raises(RuntimeError) as caught:
        simplify(graph, laws=lambda root: [forth] if root is e.Add else laws_at(root, False))
    named = str(caught.value).partition("used most: ")[2].split(", ")
    assert len([part for part in named if part.endswith("times")]) == 4
    assert named[0].startswith("forth 1")


def chain(length: int) -> tg.Graph:
    x = y = tg.placeholder(("n",), "float32", name="x")
    for i in range(length // 4):
        y = tg.tanh(y * 1) + (x if i % 2 else 0.5)
        y = y / 2
    return tg.Graph([x.node], [y.node])


def test_long_chains() -> None:
    graph = chain(100_000)
    result = simplify(graph)
    assert len(result.graph.nodes) < len(graph.nodes)
    assert simplify(result.graph).laws == {}


def test_time_is_linear_in_nodes() -> None:
    seconds = {}
    for length in (1_250, 5_000):
        graph = chain(length)
        simplify(graph)  # what is made once is made
        taken = []
        for _ in range(3):
            start = process_time()
            simplify(graph)
            taken.append(process_time() - start)
        seconds[length] = min(taken)
    assert seconds[5_000] < 8 * seconds[1_250]
    assert seconds[5_000] < 1  # of the 2 seconds that all of compilation may take


def test_a_large_product_of_a_column_and_a_row_is_elementwise() -> None:
    """BLAS is slower there, and much quicker below."""
    sizes = {(1000, 100): "matmul", (1000, 1000): "multiply"}
    for (rows, columns), expected in sizes.items():
        graph = graph_of(tg.matmul, (rows, 1), (1, columns))
        assert names(simplify(graph).graph) == [expected]
    assert names(simplify(graph_of(tg.matmul, ("n", 1), (1, 1000))).graph) == ["matmul"]
