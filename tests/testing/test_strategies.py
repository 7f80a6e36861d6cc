"""What strategies draw is what they promise, shrinks, and prints as code."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import tensorgraph as tg
from tensorgraph.interpret.difference import difference
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.node import Node, topological
from tensorgraph.ir.types import DTYPES
from tensorgraph.ops.registry import all_ops
from tensorgraph.schedule.plan import plan
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


@pytest.mark.parametrize(("dtype", "low", "high"), [
    ("float16", -1000, 3000), ("float16", 2000, 1e5), ("float32", 1e9, 1e9 + 1e4), ("float64", -1e17, 1e18),
    ("float64", -1e300, 1e308), ("float32", 0.1, 0.9), ("float64", 2, 2), ("int32", 3, 3), ("int64", 2.5, 2**60),
    ("float32", None, -100), ("uint8", None, 3), ("int8", None, -100), ("float64", 7, None),
])  # fmt: skip
@given(data=st.data())
def test_numbers_keep_their_bounds(dtype: str, low: float | None, high: float | None, data: st.DataObject) -> None:
    a = data.draw(s.tensors(dtype, (3,), low=low, high=high))
    assert np.all(np.isfinite(a))
    assert all((low is None or x >= low) and (high is None or x <= high) for x in a.tolist())


@given(s.tensors("float16", (3,), values="smooth", low=-1000, high=3000))
def test_smooth_numbers_are_those_that_there_are(a: np.ndarray) -> None:
    assert np.all(np.abs(2 * a - np.round(2 * a)) >= 0.25)


def test_a_lone_name_is_one_operation_or_data_type() -> None:
    graph = find(s.graphs(ops="exp", dtypes="float32"), lambda g: len(g.nodes) > 1)
    assert {node.op.name for node in graph.nodes} >= {"exp"}
    assert {node.type.dtype.name for node in graph.inputs} == {"float32"}
    find(s.graphs(ops=type(tg.exp(1.0).node.op), dtypes=np.float64), lambda g: len(g.nodes) > 1)
    assert "tg.sin(" in repr(find(s.functions(ops="sin"), lambda f: len(f.graph.nodes) > 2))


def reached(name: str) -> bool:
    """Whether a graph of this operation, or recipe, is drawn that is not empty."""
    quick = settings(max_examples=200, database=None, derandomize=True, deadline=None)
    try:
        find(s.graphs(ops=[name]), lambda g: any(n.inputs for n in g.nodes), settings=quick)
    except NoSuchExample:
        return False
    return True


@pytest.mark.parametrize("name", ["squeeze", "gradient", "conv_weight_grad", "max_pool_select", "tanh"])
def test_an_operation_alone_is_reached(name: str) -> None:
    assert reached(name)


@pytest.mark.slow
def test_every_operation_alone_is_reached() -> None:
    assert [name for name in known_names() if not reached(name)] == []


@given(s.shapes(max_size=0))
def test_shapes_without_elements(shape: tuple[int, ...]) -> None:
    assert np.prod(shape) == 0


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
    ("updates alike", lambda g: any(len(u.state[0].members) > 1 for u in plan(g).updates)),
    ("updates that share an operation", lambda g: bool(shared_between_updates(g))),
    ("updates that read another's old value", lambda g: any(
        v is not p and v in topological([value]) for p, value in g.updates for v, _ in g.updates)),
])  # fmt: skip
def test_graphs_reach(what: str, holds) -> None:
    drawn = settings(max_examples=4000, database=None, derandomize=True, deadline=None, phases=[Phase.generate])
    find(s.graphs(), holds, settings=drawn)


def shared_between_updates(graph: tg.Graph) -> set[Node]:
    """Operations below the next values of two variables, and below no output."""
    below = [{n for n in topological([value]) if n.inputs} for _, value in graph.updates]
    apart = set(topological(graph.outputs))
    return {n for i, one in enumerate(below) for other in below[:i] for n in one & other} - apart


def test_a_failing_graph_shrinks_to_its_operation() -> None:
    drawn = settings(max_examples=4000, database=None, deadline=None)
    shrunk = []
    for number in range(3):  # what shrinking comes to depends on where it began
        found = find(
            s.graphs(), lambda g: any(n.op.name == "tanh" for n in g.nodes), settings=drawn, random=Random(number)
        )
        inner = [n.op.name for n in found.nodes if n.inputs]
        assert "tanh" in inner
        shrunk.append(len(inner))
        if shrunk[-1] <= 4:
            return
    raise AssertionError(shrunk)


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


@given(s.modules())
def test_models_print_as_the_code_that_makes_them(model: DrawnModel) -> None:
    scope: dict[str, Any] = {}
    exec(repr(model), scope)
    for mine, other in zip(model.module().parameters(), scope["model"].parameters(), strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())
    assert scope["x"].shape[1:] == model.shape[1:]
    assert scope["model"](scope["x"]).ndim == 2


@given(s.training_steps(3))
def test_training_runs_and_prints_as_the_code_that_trains(training: Training) -> None:
    losses = training.losses()
    assert len(losses) == len(training.batches)
    assert training.losses() == losses
    scope: dict[str, Any] = {}
    exec(repr(training), scope)
    assert scope["losses"] == losses
    assert training.graph() == training.compiled()[0].stages[0].value


def known_names(*, smooth: bool = False) -> list[str]:
    recipes = [recipe for recipe in all_recipes() if recipe.smooth or not smooth]
    return sorted({op.name for recipe in recipes for op in recipe.ops} | {recipe.name for recipe in recipes})


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
    (lambda: s.tensors("float64", values="smooth", low=0.95, high=1.05), "tensors: no float64 from 0.95 to 1.05 is "
     "away from integers and halves: widen the bounds"),
    (lambda: s.tensors("float16", low=1e6, high=1e6 + 10), "tensors: there is no float16 from 1000000.0 to 1000010.0: "
     "widen the bounds"),
    (lambda: s.tensors("float32", low=1e9 + 1, high=1e9 + 3), "tensors: there is no float32 from 1000000001.0 to "
     "1000000003.0: widen the bounds"),
    (lambda: s.tensors("float32", (5,), low=1e9, high=1e9 + 200, unique=True), "tensors: unique=True, but of ordinary "
     "float32 there are 4 and the array has 5 elements: widen the bounds or ask for fewer elements"),
    (lambda: s.tensors(low="a"), "tensors: low=a, high=None: bounds are finite numbers, or None"),
    (lambda: s.tensors("float33"), f"tensors: 'float33' is no data type: use one of {', '.join(DTYPES)}"),
    (lambda: s.tensors(["float32"]), "tensors: ['float32'] is no data type"),
    (lambda: s.graphs(dtypes="float33"), f"graphs: 'float33' is no data type: use one of {', '.join(DTYPES)}"),
    (lambda: s.feeds(3), "feeds: a int is no graph: give a Graph, such as kernel.graph"),
    (lambda: s.feeds(tg.Graph([], []), "odd"), "feeds: values has no 'odd': use some of ordinary, smooth, extreme, "
     "kinks, special, repeated"),
    (lambda: s.shapes(max_size=-1), "shapes: max_size=-1 is negative: give at least 0"),
    (lambda: s.shapes(max_size=0, max_rank=0), "shapes: an array without axes has more than max_size=0 elements: raise "
     "max_size"),
    (lambda: s.shapes(max_size=0, min_side=1), "shapes: 1 axes of at least 1 have more than max_size=0 elements: raise "
     "max_size or lower min_rank or min_side"),
    (lambda: s.shapes(min_rank=1.5), "shapes: min_rank=1.5 is no integer: give one of at least 0"),
    (lambda: s.shapes(max_side="a"), "shapes: max_side='a' is no integer: give one of at least 0"),
    (lambda: s.broadcastable_shapes(max_rank=-1), "broadcastable_shapes: max_rank=-1 is negative: give at least 0"),
    (lambda: s.dtypes(""), "dtypes: no kind of data type is given: use letters of 'biufc'"),
    (lambda: s.functions(size=0), "functions: size=0: a function applies at least one operation"),
    (lambda: s.graphs(inputs=0), "graphs: inputs=0: a graph needs at least one"),
    (lambda: s.graphs(outputs=0), "graphs: outputs=0: a graph needs at least one"),
    (lambda: s.graphs(ops=[tg.exp]), f"graphs: ops has {tg.exp!r}, which is no operation: give classes of operations, "
     "or names"),
    (lambda: s.graphs(ops=[]), f"graphs: ops is empty: use some of {', '.join(known_names())}"),
    (lambda: s.graphs(ops=["fft", "exp"]), f"graphs: no recipe makes fft: use some of {', '.join(known_names())}"),
    (lambda: s.graphs(ops="fft"), f"graphs: no recipe makes fft: use some of {', '.join(known_names())}"),
    (lambda: s.functions(ops="floor"), "functions: no differentiable recipe makes floor: use some of "
     f"{', '.join(known_names(smooth=True))}"),
    (lambda: s.training_steps(models=tg.nn.Linear(2, 2)), "training_steps: models= is a Linear, which is no strategy: "
     "give one that draws models, such as modules()"),
    (lambda: s.training_steps(batch=0), "training_steps: batch=0: there is at least one"),
    (lambda: s.modules(width=0), "modules: width=0: a model has at least one"),
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
    (lambda: s.tensors(low=2, high=1), "tensors: low=2 is more than high=1: raise high or lower low"),
    (lambda: s.axes(0, several=False, none=False), "axes: an array of rank 0 has no axis: allow none=True or "
     "several=True, or give a rank"),
    (lambda: s.dtypes("x"), "dtypes: 'x' is no kind of data type: use letters of 'biufc'"),
    (lambda: s.graphs(size=0), "graphs: size=0: a graph needs at least one"),
    (lambda: s.graphs(dtypes=[]), "graphs: dtypes is empty: name at least one, such as 'float64'"),
    (lambda: s.conv_arguments(4), "conv_arguments: rank=4: windows have one to three axes"),
    (lambda: s.pool_arguments("min"), "pool_arguments: kind='min': pools are 'max' or 'avg'"),
    (lambda: s.training_steps(0), "training_steps: steps=0: there is at least one"),
])  # fmt: skip
def test_impossible_constraints(call, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^{re.escape(message)} \(test_strategies\.py:\d+\)$"):
        call()


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
