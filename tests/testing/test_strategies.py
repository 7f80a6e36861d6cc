"""What strategies draw is what they promise, shrinks, and prints as code."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.interpret.difference import difference
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ops.registry import all_ops
from tensorgraph.testing import strategies as s
from tensorgraph.testing.reproduce import code
from tensorgraph.testing.strategies.arrays import LAYOUTS
from tensorgraph.testing.strategies.graphs import DrawnFunction, DrawnGraph, all_recipes
from tensorgraph.testing.strategies.models import DrawnModel, Training
from tensorgraph.testing.strategies.windows import ConvArguments, PoolArguments

# Operations that no recipe names first, and what reaches them.
REACHED = {"dim_size": "a mean over a symbolic axis", "adaptive_max_pool_select": "a second derivative"}


@given(s.shapes(min_rank=1, max_rank=3, min_side=1, max_side=5, max_size=20))
def test_shapes_keep_their_bounds(shape: tuple[int, ...]) -> None:
    assert 1 <= len(shape) <= 3
    assert all(1 <= n <= 5 for n in shape)
    assert np.prod(shape) <= 20


@given(s.broadcastable_shapes(3))
def test_broadcastable_shapes_broadcast(shapes: tuple[tuple[int, ...], ...]) -> None:
    np.broadcast_shapes(*shapes)


@given(st.data())
def test_axes_are_axes(data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, 4))
    axis = data.draw(s.axes(rank))
    np.sum(np.zeros((2,) * rank), axis=axis)


@given(st.data())
def test_indices_index_tensors_as_arrays(data: st.DataObject) -> None:
    shape = data.draw(s.shapes(max_rank=3))
    index = data.draw(s.indices(shape))
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    np.testing.assert_array_equal(np.asarray(tg.asarray(array)[index]), array[index])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_reached(layout: str) -> None:
    a = find(s.tensors("float64", (3, 3), layouts=layout), lambda a: True)
    assert {
        "contiguous": a.flags.c_contiguous and a.flags.writeable, "strided": a.strides[-1] == 16,
        "reversed": a.strides[-1] < 0, "transposed": a.flags.f_contiguous, "read-only": not a.flags.writeable,
    }[layout]  # fmt: skip


@pytest.mark.parametrize(("values", "reached"), [
    ("special", np.isnan), ("special", np.isinf), ("extreme", lambda a: (a != 0) & (np.abs(a) < 2.3e-308)),
    ("extreme", lambda a: np.abs(a) > 1e300), ("kinks", lambda a: (a > 0) & (a < 1e-15)),
    ("special", lambda a: (a == 0) & np.signbit(a)), ("smooth", lambda a: a > 1), ("ordinary", lambda a: a < -3),
])  # fmt: skip
def test_values_are_reached(values: str, reached) -> None:
    find(s.tensors("float64", (2,), values=values), lambda a: bool(np.any(reached(a))))


@given(s.tensors(s.dtypes("f"), (4,), values="smooth", unique=True))
def test_smooth_numbers_keep_away_from_kinks(a: np.ndarray) -> None:
    off = np.abs(2 * a.astype(float) - np.round(2 * a.astype(float))) / 2
    assert np.all(off >= 0.125)
    assert len(set(a.tolist())) == 4


@given(s.conv_arguments())
def test_convolutions_have_results(arguments: ConvArguments) -> None:
    x, w = np.ones(arguments.x), np.ones(arguments.w)
    assert min(tg.conv(x, w, **arguments.options).shape[1:]) >= 1


@given(st.sampled_from(["max", "avg"]).flatmap(lambda k: st.tuples(st.just(k), s.pool_arguments(k))))
def test_pools_have_results(pair: tuple[str, PoolArguments]) -> None:
    pool = tg.max_pool if pair[0] == "max" else tg.avg_pool
    assert min(pool(np.ones(pair[1].x), **pair[1].options).shape[1:]) >= 1


@given(s.graphs())
def test_graphs_are_well_formed_and_print_as_code(graph: DrawnGraph) -> None:
    graph.verify()
    scope: dict[str, object] = {}
    exec(repr(graph), scope)
    assert scope["graph"] == graph


@given(st.data())
def test_code_builds_what_computes_the_same(data: st.DataObject) -> None:
    graph = data.draw(s.graphs(size=5))
    arrays = data.draw(s.feeds(graph))
    scope: dict[str, object] = {}
    exec(code(graph, arrays), scope)
    for given_, read in zip(arrays, scope["arrays"], strict=True):
        assert given_.dtype == read.dtype
        assert given_.tobytes() == read.tobytes()
    try:
        wanted = evaluate_graph(graph, arrays)
    except ValueError:
        return
    found = evaluate_graph(scope["graph"], scope["arrays"])
    for a, b in zip([*found[0], *found[1]], [*wanted[0], *wanted[1]], strict=True):
        assert difference(a, b) is None


def test_every_operation_has_a_recipe() -> None:
    made = {op.name for recipe in all_recipes() for op in recipe.ops} | set(REACHED)
    assert {op.name for op in all_ops()} - made == set()


@pytest.mark.parametrize(("what", "holds"), [
    ("reuse", lambda g: any(sum(n in m.inputs for m in g.nodes) > 1 for n in g.nodes if n.inputs)),
    ("several outputs", lambda g: len(set(g.outputs)) > 1),
    ("symbolic sizes", lambda g: any(n.types[0].symbolic for n in g.nodes)),
    ("broadcasting", lambda g: any(n.op.name == "multiply" and {0, 1} == {i.type.ndim for i in n.inputs}
                                   for n in g.nodes)),
    ("an update", lambda g: bool(g.updates)),
])  # fmt: skip
def test_graphs_reach(what: str, holds) -> None:
    find(s.graphs(), holds)


def test_a_failing_graph_shrinks_to_its_operation() -> None:
    found = find(s.graphs(), lambda g: any(n.op.name == "tanh" for n in g.nodes))
    inner = [n.op.name for n in found.nodes if n.inputs]
    assert "tanh" in inner
    assert len(inner) <= 4


@given(s.functions())
def test_functions_have_finite_gradients(f: DrawnFunction) -> None:
    points = [np.full(shape, 0.375) for shape in f.shapes]
    value, pull = tg.vjp(f, *points)
    assert value.shape == ()
    for g, p in zip(pull(tg.asarray(1.0)), points, strict=True):
        assert g.shape == p.shape


def test_functions_print_as_code() -> None:
    f = find(s.functions(1, ops=["sin"], shape=(2,)), lambda f: "sin" in repr(f))
    scope: dict[str, object] = {}
    exec(repr(f), scope)
    np.testing.assert_array_equal(scope["f"](tg.asarray([1.0, 2.0])).numpy(), f([1.0, 2.0]).numpy())


@given(s.modules())
def test_models_compute(model: DrawnModel) -> None:
    x = np.ones((2, *model.shape[1:]), np.float32)
    assert np.asarray(model.module()(tg.asarray(x))).shape[0] == 2


@given(s.training_steps(3))
def test_training_runs(training: Training) -> None:
    assert len(training.losses()) == len(training.batches)
    assert training.losses() == training.losses()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: s.shapes(min_rank=3, max_rank=2), "shapes: min_rank=3 is more than max_rank=2: raise max_rank or lower "
     "min_rank"),
    (lambda: s.shapes(min_side=-1), "shapes: min_side=-1 is negative: give at least 0"),
    (lambda: s.broadcastable_shapes(0), "broadcastable_shapes: count=0: ask for at least one shape"),
    (lambda: s.broadcastable_shapes(min_side=5), "broadcastable_shapes: min_side=5 is more than max_side=4: raise "
     "max_side or lower min_side"),
    (lambda: s.tensors(shape=(-1,)), "tensors: shape (-1,) has a negative length: give lengths of at least 0"),
    (lambda: s.tensors(shape=3), "tensors: 3 is no shape: give a tuple of integers, such as (2, 3)"),
    (lambda: s.tensors("bool", (5,), unique=True), "tensors: unique=True, but of ordinary bool there are 2 and the "
     "array has 5 elements: widen the bounds or ask for fewer elements"),
    (lambda: s.tensors(values="special", unique=True), "tensors: unique=True with values='special': ask for ordinary "
     "or smooth numbers"),
    (lambda: s.tensors("uint8", low=-5, high=-1), "tensors: there is no uint8 from -5 to -1: widen the bounds"),
    (lambda: s.tensors("float64", low=0.01, high=0.02), "tensors: there is no multiple of 1/32 from 0.01 to 0.02: "
     "widen the bounds"),
    (lambda: s.tensors("float64", values="smooth", low=0.95, high=1.05), "tensors: no number from 0.95 to 1.05 is "
     "away from integers and halves: widen the bounds"),
    (lambda: s.tensors(low=float("nan")), "tensors: low=nan, high=None: bounds are finite numbers, or None"),
    (lambda: s.tensors(layouts=()), "tensors: layouts is empty: use some of contiguous, strided, reversed, transposed, "
     "read-only"),
    (lambda: s.indices((2, -1)), "indices: shape (2, -1) has a negative length: give lengths of at least 0"),
    (lambda: s.axes(-1), "axes: rank=-1: an array has at least 0 axes"),
    (lambda: s.conv_arguments(layouts=("NHCW",)), "conv_arguments: 'NHCW' is no layout: use 'NCHW', 'NHWC' or both"),
    (lambda: s.pool_arguments(layouts=()), "pool_arguments: layouts is empty: use 'NCHW', 'NHWC' or both"),
    (lambda: s.conv_arguments(max_kernel=0), "conv_arguments: max_kernel=0: a kernel has at least one tap per axis"),
    (lambda: s.pool_arguments(max_kernel=0), "pool_arguments: max_kernel=0: a window has at least one element per "
     "axis"),
    (lambda: s.graphs(ops=["bitwise_and"], dtypes=["float64"]), "graphs: bitwise_and cannot be applied to float64: "
     "name others as well"),
    (lambda: s.functions(0), "functions: arguments=0: a function has at least one"),
    (lambda: s.functions(shape=(-1,)), "functions: shape (-1,) has a negative length: give lengths of at least 0"),
    (lambda: s.modules(layers=0), "modules: layers=0: a model has at least one"),
    (lambda: s.shapes(min_rank=2, min_side=9, max_side=9), "shapes: 2 axes of at least 9 have more than max_size=64 "
     "elements: raise max_size or lower min_rank or min_side"),
    (lambda: s.tensors(values="odd"), "tensors: values has no 'odd': use some of ordinary, smooth, extreme, kinks, "
     "special, repeated"),
    (lambda: s.tensors(low=2, high=1), "tensors: low=2 is not below high=1: leave room between them"),
    (lambda: s.axes(0, several=False, none=False), "axes: an array of rank 0 has no axis: allow none=True or "
     "several=True, or give a rank"),
    (lambda: s.dtypes("x"), "dtypes: 'x' is no kind of data type: use letters of 'biufc'"),
    (lambda: s.graphs(size=0), "graphs: size=0: a graph needs at least one"),
    (lambda: s.graphs(dtypes=[]), "graphs: dtypes is empty: name at least one, such as 'float64'"),
    (lambda: s.conv_arguments(4), "conv_arguments: rank=4: windows have one to three axes"),
    (lambda: s.pool_arguments("min"), "pool_arguments: kind='min': pools are 'max' or 'avg'"),
    (lambda: s.training_steps(0), "training_steps: steps=0, batch=3: there is at least one of each"),
])  # fmt: skip
def test_impossible_constraints(call, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(message)} \(test_strategies\.py:\d+\)$"):
        call()


def test_unknown_operations_are_named() -> None:
    with pytest.raises(ValueError, match="graphs: no recipe makes fft: use some of abs, acos"):
        s.graphs(ops=["fft"])
    with pytest.raises(ValueError, match="functions: no differentiable recipe makes floor: use some of acos"):
        s.functions(ops=["floor"])


@given(st.data())
def test_unique_elements_differ(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([0, 5, 17, 90]))
    dtype = data.draw(st.sampled_from(["float32", "complex64", "int64"] if size < 18 else ["float64"]))
    found = data.draw(s.tensors(dtype, (size,), unique=True))
    assert len(set(found.tolist())) == size


@given(st.data())
def test_sizes_that_others_follow_from_are_never_negative(data: st.DataObject) -> None:
    x = tg.placeholder(("n-1",), "float64", name="x")
    (fed,) = data.draw(s.feeds(tg.Graph([x.node], [tg.exp(x).node])))
    assert fed.ndim == 1
