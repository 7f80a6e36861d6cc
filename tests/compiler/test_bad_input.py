"""Awkward arrays, graphs and states: the right result, or an error that names the user's line."""

from __future__ import annotations

import copy
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import tensorgraph as tg
from tensorgraph import nn
from tensorgraph.errors import InputError, ShapeError, TensorGraphError
from tests.array.lines import above


def trained(*labels: str) -> tuple[list[tg.Parameter], tg.Kernel]:
    """Parameters and a kernel that adds x to each of them."""
    x = tg.placeholder((), "float64", name="x")
    parameters = [tg.Parameter(np.arange(i + 1.0), name=label) for i, label in enumerate(labels)]
    return parameters, adding(parameters, x)


def adding(parameters: list[tg.Parameter], x: tg.Tensor | None = None) -> tg.Kernel:
    x = tg.placeholder((), "float64", name="x") if x is None else x
    return tg.compile([x], [], {p: p + x for p in parameters}, name="adding")


# ---- inputs


def test_every_layout_of_an_update_is_read() -> None:
    p = tg.Parameter(np.zeros((3, 4)), name="p")
    x = tg.placeholder((3, 4), "float64", name="x")
    step = tg.compile([x], tg.sum(x * p), {p: p + x})
    array = np.arange(12.0).reshape(3, 4)
    frozen = array.copy()
    frozen.flags.writeable = False
    wide = np.zeros((6, 8))
    wide[::2, ::2] = array
    given = [frozen, np.asfortranarray(array), wide[::2, ::2], array[::-1][::-1], array.astype(">f8"), array.tolist()]
    given.append(np.broadcast_to(array, (2, 3, 4))[1])
    for i, value in enumerate(given):
        assert step(value) == pytest.approx(i * np.sum(array * array))
    np.testing.assert_array_equal(p.numpy(), len(given) * array)


def test_an_input_that_is_the_memory_of_a_parameter() -> None:
    x = tg.placeholder((2, 2), "float64", name="x")
    p, q = tg.Parameter(np.arange(4.0).reshape(2, 2), name="p"), tg.Parameter(np.ones((2, 2)), name="q")
    step = tg.compile([x], tg.sum(x), {p: p + x.mT, q: q * x})
    step(np.zeros((2, 2)))
    q.assign(np.ones((2, 2)))
    assert step(p.numpy()) == 6.0  # read before it is written
    np.testing.assert_array_equal(p.numpy(), [[0, 3], [3, 6]])
    np.testing.assert_array_equal(q.numpy(), [[0, 1], [2, 3]])
    step(p.numpy().T)
    np.testing.assert_array_equal(q.numpy(), [[0, 3], [6, 18]])


def test_one_array_for_two_inputs() -> None:
    x, y = (tg.placeholder((3,), "float64", name=name) for name in "xy")
    kernel = tg.compile([x, y], [x + y, x * y, x])
    array = np.array([1.0, 2.0, 3.0])
    total, product, same = kernel(array, array)
    np.testing.assert_array_equal(total, 2 * array)
    np.testing.assert_array_equal(product, array**2)
    assert not any(np.shares_memory(a, array) for a in (total, product, same))
    np.testing.assert_array_equal(array, [1.0, 2.0, 3.0])


def test_wrong_shapes_leave_the_state() -> None:
    x = tg.placeholder((), "float64", name="x")
    made = above()
    p = tg.Parameter(np.zeros(2), name="p")
    step = adding([p], x)
    step(1.0)
    for value, why in [
        (np.ones(3), "shape [3]: 1 axes instead of 0"),
        (np.array(1j), "complex128[]: cast it with .astype('float64')"),
    ]:
        with pytest.raises(InputError) as error:
            step(value)
        head = f"adding: input 'x' is float64[] and was given {why}; the placeholder was made at {made}"
        assert str(error.value) == f"{head} ({above(2)})"
    np.testing.assert_array_equal(p.numpy(), [1.0, 1.0])


# ---- outputs


def test_outputs_that_are_inputs_parameters_constants_and_views() -> None:
    x = tg.placeholder((2, 3), "float64", name="x")
    p = tg.Parameter(np.ones(3), name="p")
    c = tg.asarray(np.arange(400.0))
    kernel = tg.compile([x], [x, x, x.mT, x[0], p, p[1:], c, c[:3], tg.asarray(2.0)], {p: p + 1})
    array = np.arange(6.0).reshape(2, 3)
    for i in range(2):
        found = kernel(array)
        expected = [array, array, array.T, array[0], np.ones(3) + i, np.ones(2) + i, np.arange(400.0), np.arange(3.0)]
        for a, b in zip(found, [*expected, np.array(2.0)], strict=True):
            np.testing.assert_array_equal(a, b, strict=True)
            a[...] = -1.0  # outputs are the caller's own
    np.testing.assert_array_equal(array, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(p.numpy(), np.ones(3) + 2)


def test_outputs_stay_when_the_kernel_is_called_again() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    kernel = tg.compile([x], [tg.exp(x), tg.exp(x)[:1], tg.reshape(tg.exp(x), (-1, 1))])
    first = kernel([0.0, 1.0])
    kept = [a.copy() for a in first]
    kernel([5.0, 6.0])
    for a, b in zip(first, kept, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(first) for b in first[:i])


def test_doubled_placeholders() -> None:
    x, y = tg.placeholder((2,), "float64", name="x"), tg.placeholder((2,), "float64", name="x")
    for call, message in [
        (lambda: tg.compile([x, y], x - y), "two inputs are called 'x': give each placeholder a name of its own"),
        (lambda: tg.compile([x, x], x), "placeholder 'x' is given twice among the inputs"),
        (lambda: tg.compile([], {}), "compile: there is nothing to compute: give outputs or updates"),
    ]:
        with pytest.raises(TensorGraphError) as error:
            call()
        assert str(error.value) == f"{message} (test_bad_input.py:{call.__code__.co_firstlineno})"


# ---- parameters


def test_two_parameters_over_one_array_each_get_their_own() -> None:
    array = np.zeros(3)
    p, q = tg.Parameter(array, name="p"), tg.Parameter(array, name="q")
    q.node.op.storage.value = p.node.op.storage.value  # as a careless loader might
    tg.compile([], [], {p: p + 1, q: q + 10})()
    np.testing.assert_array_equal(p.numpy(), np.full(3, 1.0))
    np.testing.assert_array_equal(q.numpy(), np.full(3, 10.0))
    np.testing.assert_array_equal(array, np.zeros(3))


@pytest.mark.parametrize(
    ("first", "second"),
    [([0, 1, 2], [0, 1, 2]), ([0, 1, 2], [2, 1, 0]), ([0, 1], [1, 2]), ([0, 2], [1, 3]), ([0], [0, 1, 2, 3])],
    ids=["the same", "in another order", "overlapping", "disjoint", "one inside"],
)
def test_kernels_see_each_others_updates(first: list[int], second: list[int]) -> None:
    parameters = [tg.Parameter(np.full((i + 1, 2), float(i)), name=f"p{i}") for i in range(4)]
    one, two = (adding([parameters[i] for i in chosen]) for chosen in (first, second))
    x = tg.placeholder((), "float64", name="x")
    total = tg.compile([x], [tg.sum(p) * x for p in parameters])
    expected = np.arange(4.0)
    for i in range(6):
        step, chosen = (one, first) if i % 2 else (two, second)
        step(10.0**i)
        expected[chosen] += 10.0**i
        for p, value, found in zip(parameters, expected, total(1.0), strict=True):
            np.testing.assert_array_equal(p.numpy(), np.full(p.shape, value))
            assert found == value * p.numpy().size
    for step, chosen in ((one, first), (one, first), (two, second), (two, second)):  # not in turn
        step(1.0)
        expected[chosen] += 1.0
        np.testing.assert_array_equal([p.numpy().flat[0] for p in parameters], expected)


def test_parameters_assigned_between_calls() -> None:
    parameters, step = trained("p", "q", "r")
    step(1.0)
    for i, p in enumerate(parameters):
        p.assign(np.full(i + 1, 5.0))
    step(2.0)
    for i, p in enumerate(parameters):
        np.testing.assert_array_equal(p.numpy(), np.full(i + 1, 7.0))
    parameters[1].assign([1, 2])  # integers are cast
    step(0.5)
    np.testing.assert_array_equal(parameters[1].numpy(), [1.5, 2.5])
    with pytest.raises(ShapeError) as error:
        parameters[1].assign(np.ones(3))
    message = "parameter 'q' is float64[2] and cannot take a value of shape [3]"
    assert str(error.value) == f"{message} ({above(2)})"
    np.testing.assert_array_equal(parameters[1].numpy(), [1.5, 2.5])


def test_values_read_from_a_parameter_do_not_change_it() -> None:
    (p, _), step = trained("p", "q")
    step(1.0)
    with pytest.raises(ValueError, match="read-only"):
        p.numpy()[0] = 3.0


def model_and_step() -> tuple[nn.Sequential, tg.Kernel]:
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.Linear(4, 2, rng=1))
    x = tg.placeholder(("n", 3), "float32", name="x")
    loss = tg.mean(model(x) ** 2)
    return model, tg.compile([x], loss, tg.optim.Adam(1e-2).updates(loss, model.parameters()))


def test_copies_of_a_compiled_model_are_its_own() -> None:
    model, step = model_and_step()
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("f4")
    step(x)
    state = {name: value.copy() for name, value in model.state_dict().items()}
    others = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    step(x)
    for other in others:
        for name, value in other.state_dict().items():
            np.testing.assert_array_equal(value, state[name], strict=True)
        assert len(pickle.dumps(other)) < 20_000  # not the whole arena with every part of it
        other.parameters()[0].assign(np.zeros((4, 3)) if other.parameters()[0].shape == (4, 3) else np.zeros((3, 4)))
    changed = [name for name, value in model.state_dict().items() if not np.array_equal(value, state[name])]
    assert "0.weight" in changed
    assert np.any(model.parameters()[0].numpy())


def test_state_saved_after_training_is_what_was_trained(tmp_path: Path) -> None:
    model, step = model_and_step()
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("f4")
    for _ in range(3):
        step(x)
    kept = model.state_dict()
    copied = {name: value.copy() for name, value in kept.items()}
    model.save(tmp_path / "model.npz")
    other, step_of_other = model_and_step()
    step_of_other(x)
    other.load(tmp_path / "model.npz")
    step(x)
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, copied[name], strict=True)
        np.testing.assert_array_equal(kept[name], copied[name], strict=True)  # a state_dict does not follow
    before = other.parameters()[0].numpy().copy()
    step_of_other(x)  # and training goes on from what was loaded
    assert not np.array_equal(other.parameters()[0].numpy(), before)


# ---- errors in a step


@pytest.mark.parametrize("place", range(4))
def test_an_exception_anywhere_leaves_the_state(place: int) -> None:
    calls = -1

    def fussy(v):
        nonlocal calls
        calls += 1
        if calls == place:
            raise RuntimeError(f"at {place}")
        return v

    op = tg.custom_op(fussy, vjp=lambda g, result, v: (op(g),))
    x = tg.placeholder((2,), "float64", name="x")
    w, b = tg.Parameter(np.ones((2, 2)), name="w"), tg.Parameter(np.ones(2), name="b")
    count = tg.Parameter(np.zeros((), "int64"), name="count", trainable=False)
    loss = tg.sum(op(x @ op(w)) + b)
    gradients = tg.gradients(loss, [w, b])
    updates = {w: w - 0.1 * gradients[0], b: b - op(gradients[1]), count: count + 1}
    step = tg.compile([x], loss, updates)
    state = [p.numpy().copy() for p in (w, b, count)]
    with pytest.raises(RuntimeError, match=f"^at {place}\n"):
        step([1.0, 2.0])
    for p, value in zip((w, b, count), state, strict=True):
        np.testing.assert_array_equal(p.numpy(), value, strict=True)
    step([1.0, 2.0])
    assert count.numpy() == 1
    assert not np.array_equal(w.numpy(), state[0])


def test_thread_settings_stay() -> None:
    def settings() -> list[tuple[str, int]]:
        return [(library["filepath"], library["num_threads"]) for library in threadpool_info()]

    def fails(v):
        raise RuntimeError("no")

    x = tg.placeholder(("n", 64), "float64", name="x")
    kernel = tg.compile([x], tg.sum(x.mT @ x))
    failing = tg.compile([x], tg.custom_op(fails)(x.mT @ x))
    array = np.ones((64, 64))
    kernel(array)
    before = settings()
    assert before
    kernel(array)
    kernel.profile(array, repeat=2)
    kernel.explain(array)
    with pytest.raises(RuntimeError, match=r"^no\n"):
        failing(array)
    assert settings() == before


def test_floating_point_settings_stay() -> None:
    x = tg.placeholder((2,), "float64", name="x")
    kernel = tg.compile([x], 1 / x)
    with np.errstate(divide="raise", invalid="raise"):
        before = np.geterr()
        assert kernel([0.0, 1.0])[0] == np.inf
        kernel.profile([0.0, 1.0], repeat=2)
        assert np.geterr() == before


# ---- options


def test_a_machine_that_is_none() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    with pytest.raises(InputError) as error:
        tg.compile([x], x * 2, machine="fast")  # type: ignore[arg-type]
    assert str(error.value) == f"compile: machine='fast' is no tg.Machine ({above()})"
    kernel = tg.compile([x], x * 2)
    with pytest.raises(InputError) as error:
        kernel.explain(n=3, machine="fast")  # type: ignore[arg-type]
    assert str(error.value) == f"explain: machine='fast' is no tg.Machine ({above()})"


def test_explain_of_inputs_and_of_sizes_at_once() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    kernel = tg.compile([x], x * 2)
    with pytest.raises(InputError) as error:
        kernel.explain(np.ones(3), n=7)
    why = "explain: give inputs or sizes, and not both: n=7 follow from the inputs"
    assert str(error.value) == f"{why} ({above(2)})"


def test_a_mask_is_not_lost() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    made = above()
    kernel = tg.compile([x], x * 2)
    with pytest.raises(InputError) as error:
        kernel(np.ma.array([1.0, 2.0], mask=[False, True]))
    line = above()
    what = "an array with a mask, which would be lost: fill it with .filled(...)"
    assert str(error.value) == (
        f"kernel: input 'x' is float64[n] and was given {what}; the placeholder was made at {made} ({line})"
    )


def test_what_refuses_to_be_an_array_says_why() -> None:
    class Tracked:
        def __array__(self, *given: object, **more: object) -> np.ndarray:
            raise RuntimeError("detach it first")

    x = tg.placeholder(("n",), "float64", name="x")
    kernel = tg.compile([x], x * 2)
    with pytest.raises(InputError, match="was given a Tracked that is no array: detach it first"):
        kernel(Tracked())


def test_a_saved_module_takes_what_its_kernel_takes(tmp_path: Path) -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    kernel = tg.compile([x], x * 2, name="double")
    kernel.save(tmp_path / "double.py")
    scope = runpy.run_path(str(tmp_path / "double.py"))
    wide = np.array([1.0, 9.0, 2.0, 9.0])
    for given in ([1.0, 2.0], np.array([1.0, 2.0], ">f8"), np.array([1, 2], "f4"), np.array([1, 2], "i4"), wide[::2]):
        assert scope["double"](scope["init_state"](), given).tolist() == kernel(given).tolist() == [2.0, 4.0]
    with pytest.raises(ValueError, match="cast it with"):
        scope["double"](scope["init_state"](), np.array([1j, 2j]))


def test_fast_math_hides_no_nan() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    kernel = tg.compile([x], [tg.exp(tg.log(x)), tg.sqrt(x) * tg.sqrt(x)], fast_math=True)
    assert len(kernel.stages[3].laws) == 2
    for found in kernel([2.0, 0.0, -1.0, np.nan, np.inf]):
        np.testing.assert_array_equal(found, [2.0, 0.0, np.nan, np.nan, np.inf])
