"""Weights that are read transposed are stored so: by whom it is decided, and that nobody can tell."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.ir.leaves import Storage, TurnedStorage, Variable
from tensorgraph.passes.layout import LEAST
from tensorgraph.testing.programs import run_kernel
from tests.compiler.programs import assert_same_bits

WIDE = 128  # 128 x 64 is large enough


def turned(kernel: Kernel) -> list[str]:
    """The variables that a kernel stores transposed."""
    ops = [v.op for v in kernel.graph.variables]
    return sorted(op.label for op in ops if isinstance(op, Variable) and isinstance(op.storage, TurnedStorage))


def model(dtype: str = "float32") -> tuple[tg.Tensor, tg.Tensor, tg.Parameter, tg.Parameter]:
    """Inputs and targets, and a weight and a bias."""
    rng = np.random.default_rng(0)
    x = tg.placeholder(("batch", WIDE), dtype, name="x")
    y = tg.placeholder(("batch", 64), dtype, name="y")
    w = tg.Parameter(rng.normal(size=(64, WIDE)).astype(dtype) / 10, name="w")
    return x, y, w, tg.Parameter(np.zeros(64, dtype), name="b")


def arrays(batch: int, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(batch)
    return rng.normal(size=(batch, WIDE)).astype(dtype), rng.normal(size=(batch, 64)).astype(dtype)


RULES = {
    "sgd": lambda: tg.optim.SGD(0.1),
    "momentum": lambda: tg.optim.SGD(0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda: tg.optim.Adam(0.01),
    "adamw": lambda: tg.optim.AdamW(0.01),
    "rmsprop": lambda: tg.optim.RMSprop(0.01),
    "adagrad": lambda: tg.optim.Adagrad(0.01),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
def test_training_gives_the_same_parameters(rule: str, dtype: str) -> None:
    """As by NumPy's arrays in the order that the user sees."""
    results = []
    for least in (LEAST, 1 << 40):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tensorgraph.passes.layout.LEAST", least)
            x, y, w, b = model(dtype)
            loss = tg.mean(tg.square(tg.tanh(x @ w.mT + b) - y))
            step = tg.compile([x, y], loss, RULES[rule]().updates(loss, [w, b]))
        assert ("w" in turned(step)) == (least == LEAST)
        assert all(name == "w" or name.startswith("w.") for name in turned(step))
        losses = [step(*arrays(batch, dtype)) for batch in (5, 33, 5, 1)]
        results.append([*losses, w.numpy(), b.numpy()])
    eps = np.finfo(dtype).eps
    for found, wanted in zip(*results, strict=True):
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=3e4 * eps, atol=300 * eps)


def test_the_user_sees_the_weight_as_it_was_made() -> None:
    x, y, w, b = model()
    before = w.numpy().copy()
    loss = tg.mean(tg.square(x @ w.mT + b - y))
    step = tg.compile([x, y], loss, {w: w - 0.5 * tg.gradients(loss, w)}, name="step", check=True)
    assert turned(step) == ["w"]
    assert "parameters" not in step.source
    assert "w_flat = w.reshape(-1)" in step.source
    given = arrays(9)
    expected = before - 0.5 * 2 * (given[0] @ before.T - given[1]).T @ given[0] / (9 * 64)
    step(*given)
    assert w.numpy().shape == (64, WIDE)
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-4, atol=1e-6)
    assert float(w[3, 5]) == w.numpy()[3, 5]
    w.assign(before)
    np.testing.assert_array_equal(w.numpy(), before)
    step(*given)  # from there
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_kernels_of_one_model_agree_and_nothing_is_moved() -> None:
    """Training, the loss and the prediction, called in turn."""
    x, y, w, b = model()
    out = tg.tanh(x @ w.mT + b)
    loss = tg.mean(tg.square(out - y))
    predict, value = tg.compile([x], out), tg.compile([x, y], loss)
    step = tg.compile([x, y], loss, tg.optim.Adam(0.01).updates(loss, [w, b]))
    assert turned(predict) == turned(value) == ["w"]
    given = arrays(7)
    predict(given[0])
    step(*given)
    places = [p.numpy().ctypes.data for p in (w, b)]
    for _ in range(3):
        before = value(*given)
        np.testing.assert_allclose(np.mean((predict(given[0]) - given[1]) ** 2), before, rtol=1e-5)
        step(*given)
        assert value(*given) < before
        assert [p.numpy().ctypes.data for p in (w, b)] == places


def test_a_kernel_that_only_reads_takes_the_weight_as_another_has_stored_it() -> None:
    x, y, w, b = model()
    out = x @ w.mT + b
    loss = tg.mean(tg.square(out - y)) + 1e-3 * tg.sum(w * w)  # which reads the weight as it is
    step = tg.compile([x, y], loss, tg.optim.SGD(0.01).updates(loss, [w, b]))
    predict = tg.compile([x], out)
    assert turned(step) == []
    assert turned(predict) == ["w"]
    given = arrays(7)
    predict(given[0])
    step(*given)
    place = w.numpy().ctypes.data
    for _ in range(2):  # nothing is moved to and fro
        np.testing.assert_allclose(predict(given[0]), given[0] @ w.numpy().T + b.numpy(), rtol=2e-4, atol=1e-5)
        step(*given)
        assert w.numpy().ctypes.data == place


def refused(outputs: Sequence[tg.Tensor], inputs: Sequence[tg.Tensor], updates: object = ()) -> bool:
    kernel = tg.compile(list(inputs), list(outputs), updates)  # type: ignore[arg-type]
    return turned(kernel) == []


def test_what_is_not_turned() -> None:
    x, y, w, _ = model()
    z = tg.placeholder(("batch", 64), "float32", name="z")
    out = x @ w.mT
    assert not refused([out], [x])
    assert refused([out, w], [x])  # the weight is an output
    assert refused([out, w.mT], [x])
    assert refused([out, tg.sum(w, axis=0)], [x])  # something else reads it
    assert refused([out, tg.exp(w.mT)], [x])
    assert refused([z @ w], [z])  # it is read as it is
    assert refused([out, z @ w], [x, z])
    small = tg.Parameter(np.ones((8, WIDE), np.float32), name="small")
    assert refused([x @ small.mT], [x])
    whole = tg.Parameter(np.ones((64, WIDE), np.int64), name="whole")
    assert refused([tg.astype(x, "int64") @ whole.mT], [x])
    many = tg.Parameter(np.ones((2, 64, WIDE), np.float32), name="many")
    assert refused([x @ many.mT], [x])
    loss = tg.mean(tg.square(out - y))
    gradient = tg.gradients(loss, w)
    assert not refused([loss], [x, y], {w: w - gradient})
    assert refused([loss, gradient], [x, y], {w: w - gradient})  # the gradient is an output
    norm = tg.sqrt(tg.sum(gradient * gradient))
    assert refused([loss], [x, y], {w: w - gradient / norm})  # and is read by others here
    assert refused([loss], [x, y], {w: w - 0.1 * tg.sum(gradient, axis=0)})  # a row for each row
    other = tg.Parameter(np.ones((64, WIDE), np.float32), name="other")
    assert refused([loss], [x, y], {w: w - gradient * other})  # which nothing turns
    assert refused([loss], [x, y], {w: other})
    assert refused([loss], [x, y], {w: w - gradient, other: w})  # the old value is copied elsewhere


def test_two_weights_that_are_updated_with_each_other() -> None:
    x, y, w, _ = model()
    slow = tg.Parameter(np.zeros((64, WIDE), np.float32), name="slow")
    loss = tg.mean(tg.square(x @ w.mT - y))
    new = w - 0.1 * tg.gradients(loss, w)
    step = tg.compile([x, y], loss, {w: new, slow: 0.9 * slow + 0.1 * new}, check=True)
    assert turned(step) == []  # the new value goes to two places: it is left
    before = w.numpy().copy()
    given = arrays(4)
    step(*given)
    np.testing.assert_allclose(slow.numpy(), 0.1 * w.numpy(), rtol=1e-5)
    assert not np.array_equal(w.numpy(), before)


def test_a_weight_used_twice() -> None:
    x, _, w, _ = model()
    square = tg.Parameter(np.random.default_rng(0).normal(size=(WIDE, WIDE)).astype("f4") / 10, name="square")
    out = tg.tanh(tg.tanh(x @ square.mT) @ square.mT) @ w.mT
    loss = tg.mean(out * out)
    updates = [(p, p - 0.1 * g) for p, g in zip((square, w), tg.gradients(loss, [square, w]), strict=True)]
    step = tg.compile([x], loss, updates, check=True)  # its gradient is a sum of two products
    assert turned(step) == ["square", "w"]
    for _ in range(2):
        run = run_kernel(step, [arrays(6)[0]])
        assert_same_bits(run_kernel(step, [arrays(6)[0]]), run)


def test_saved_modules_have_the_state_as_the_user_knows_it(tmp_path: Path) -> None:
    x, y, w, b = model()
    loss = tg.mean(tg.square(tg.tanh(x @ w.mT + b) - y))
    step = tg.compile([x, y], loss, tg.optim.Adam(0.01).updates(loss, [w, b]), name="step")
    predict = tg.compile([x], tg.tanh(x @ w.mT + b), name="predict")
    assert turned(step) != []
    given = arrays(5)
    for kernel in (step, predict):
        kernel.save(tmp_path / f"{kernel.name}.py")
    np.savez(tmp_path / "given.npz", x=given[0], y=given[1])
    script = """
import sys
sys.path.insert(0, ".")
import numpy as np
import predict, step
given = np.load("given.npz")
state = step.init_state()
assert state["w"].shape == (64, 128), state["w"].shape
losses = [step.step(state, given["x"], given["y"]) for _ in range(3)]
assert state["w"].shape == (64, 128)
step.save("later.npz", state)
again = step.load("later.npz")
losses += [step.step(again, given["x"], given["y"]), step.step(state, given["x"], given["y"])]
other = predict.init_state()
other.update(w=state["w"], b=state["b"])
np.savez("found.npz", losses=losses, w=state["w"], out=predict.predict(other, given["x"]))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, cwd=tmp_path)
    losses = [step(*given) for _ in range(3)]
    losses += [step(*given)] * 2
    found = np.load(tmp_path / "found.npz")
    np.testing.assert_array_equal(found["losses"], losses)
    np.testing.assert_array_equal(found["w"], w.numpy())
    np.testing.assert_array_equal(found["out"], predict(given[0]))


def test_models_are_saved_and_copied_as_before(tmp_path: Path) -> None:
    layer = tg.nn.Linear(WIDE, 64, rng=0)
    x = tg.placeholder(("batch", WIDE), "float32", name="x")
    loss = tg.mean(tg.square(layer(x)))
    step = tg.compile([x], loss, tg.optim.Adam(0.01).updates(loss, layer.parameters()))
    step(arrays(4)[0])
    weight = layer.state_dict()["weight"]
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(again.state_dict()["weight"], weight)
    for name in ("layer.npz", "layer.safetensors"):
        layer.save(tmp_path / name)
        other = tg.nn.Linear(WIDE, 64, rng=1)
        other.load(tmp_path / name)
        np.testing.assert_array_equal(other.state_dict()["weight"], weight)


def test_storage_turned() -> None:
    storage = Storage(np.arange(6.0).reshape(2, 3))
    turned_storage = TurnedStorage(storage)
    turned_storage.value = np.zeros((3, 2))
    assert storage.value.shape == (2, 3)
    storage.value[1, 2] = 5
    assert turned_storage.value[2, 1] == 5
    again = pickle.loads(pickle.dumps(turned_storage))
    np.testing.assert_array_equal(again.value, turned_storage.value)
    assert again.trainable


def test_a_weight_that_one_row_is_multiplied_with_is_left() -> None:
    """One row reads it once, and along its rows either way; another product is reason enough to turn it."""
    _, _, w, b = model()
    for batches, expected in ((1,), []), ((1, 33), ["w"]):
        loss = tg.asarray(np.float32(0))
        inputs = []
        for batch in batches:
            x = tg.placeholder((batch, WIDE), "float32", name=f"x{batch}")
            loss += tg.mean(tg.square(tg.tanh(x @ w.mT + b)))
            inputs.append(x)
        assert turned(tg.compile(inputs, loss, tg.optim.SGD(0.1).updates(loss, [w, b]))) == expected
