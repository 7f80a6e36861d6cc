"""``debug_nans=True``: the first NaN, and the user's line of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import NaNError, TensorGraphError
from tests.array.lines import above
from tests.compiler.programs import assert_same_bits, random_program

NONE = "and its operands have none: look for 0/0, inf - inf, 0*inf or a number outside the operation's domain"


def refused(call) -> str:
    with pytest.raises(NaNError) as error:
        call()
    assert isinstance(error.value, FloatingPointError)
    assert isinstance(error.value, TensorGraphError)
    return str(error.value)


def test_an_operation_that_makes_one() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    with tg.scope("hidden"):
        y = tg.log(x)
        line = above()
    kernel = tg.compile([x], tg.sum(y * 2), name="loss", debug_nans=True)
    assert kernel([1.0, np.e]) == 2.0
    message = f"loss: log: float64[n] gave a NaN at (2,), {NONE} ({line}, in hidden)"
    assert refused(lambda: kernel([1.0, 2.0, -1.0])) == message
    assert kernel([1.0, np.e]) == 2.0


def test_infinities_are_none() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    kernel = tg.compile([x], 1 / x, debug_nans=True)
    assert kernel([0.0]) == np.inf
    y = tg.placeholder(("n",), "float64", name="y")
    kernel = tg.compile([x, y], tg.exp(x - y), debug_nans=True)
    line = above()
    assert kernel([np.inf], [1.0]) == np.inf
    message = f"kernel: subtract: float64[n] and float64[n] gave a NaN at (0,), {NONE} ({line})"
    assert refused(lambda: kernel([np.inf], [np.inf])) == message


def test_operands_that_had_one() -> None:
    x = tg.placeholder(("n", 2), "float32", name="x")
    w = tg.Parameter(np.ones((2, 2), "f4"), name="w")
    kernel = tg.compile([x], tg.relu(x.mT @ (x @ w)), debug_nans=True)
    line = above()
    good, bad = np.ones((3, 2), "f4"), np.array([[1, 1], [1, np.nan]], "f4")
    head = "kernel: matmul: float32[n, 2] and float32[2, 2] gave a NaN at"
    why = "because input 'x' was given one at (1, 1): mend what is fed"
    assert refused(lambda: kernel(bad)) == f"{head} (1, 0), {why} ({line})"
    w.assign([[1.0, 2.0], [np.nan, 3.0]])
    why = "because parameter 'w' had one at (1, 0) before this call: assign it another value"
    assert refused(lambda: kernel(good)) == f"{head} (0, 0), {why} ({line})"
    w.assign(np.ones((2, 2), "f4"))
    kernel(good)


def test_constants_and_views_that_have_one() -> None:
    x = tg.placeholder((3,), "float64", name="x")
    y = tg.exp(x) + tg.asarray([0.0, np.nan, 0.0])
    kernel = tg.compile([x], y, debug_nans=True)
    head = "kernel: add: float64[3] and float64[3] gave a NaN at"
    assert refused(lambda: kernel(np.ones(3))) == f"{head} (1,), because a constant has one at (1,) ({above(3)})"
    z = tg.flip(x) * 2.0
    kernel = tg.compile([x], [z, x], debug_nans=True)
    why = "because input 'x' was given one at (0,): mend what is fed"
    message = f"kernel: multiply: float64[3] and float64[] gave a NaN at (2,), {why} ({above(3)})"
    assert refused(lambda: kernel([np.nan, 1.0, 2.0])) == message


def test_a_nan_that_is_not_read_on() -> None:
    x = tg.placeholder((3,), "float64", name="x")
    kernel = tg.compile([x], tg.sum(tg.where(tg.isnan(x), 0.0, x)), debug_nans=True)
    assert kernel([1.0, np.nan, 2.0]) == 3.0


def test_gradients_name_the_forward_line() -> None:
    x = tg.placeholder((2,), "float64", name="x")
    root = tg.sqrt(x)
    line = above()
    kernel = tg.compile([x], tg.gradients(tg.sum(root * 0.0), [x]), debug_nans=True)
    head = "kernel: in the gradient of sqrt, divide: float64[] and float64[2] gave a NaN at (1,)"
    assert refused(lambda: kernel([1.0, 0.0])) == f"{head}, {NONE} ({line})"
    np.testing.assert_array_equal(kernel([1.0, 4.0]), [[0.0, 0.0]])


def training(**options) -> tuple[tg.Kernel, list[tg.Parameter], str]:
    x = tg.placeholder(("n",), "float64", name="x")
    p, q = tg.Parameter(np.ones(3), name="p"), tg.Parameter(np.ones(2), name="q")
    count = tg.Parameter(np.zeros(()), name="count", trainable=False)
    step = tg.sum(tg.sqrt(x))
    line = above()
    updates = {count: count + 1, p: p - 0.1 * tg.log(step) * p, q: q / (q - 1 + step)}
    return tg.compile([x], step * 1.0, updates, name="step", **options), [p, q, count], line


def test_the_state_is_left() -> None:
    kernel, parameters, line = training(debug_nans=True)
    plain, same, _ = training()
    for fed in ([4.0], [1.0, 9.0]):
        assert kernel(fed) == plain(fed)
    before = [p.numpy().copy() for p in parameters]
    message = f"step: sqrt: float64[n] gave a NaN at (1,), {NONE} ({line})"
    assert refused(lambda: kernel([1.0, -1.0])) == message
    parameters[1].assign([0.0, 1.0])
    before[1] = np.array([0.0, 1.0])
    file, _, number = line.partition(":")
    message = f"step: divide: float64[2] and float64[2] gave a NaN at (0,), {NONE} ({file}:{int(number) + 2})"
    assert refused(lambda: kernel([1.0])) == message
    for parameter, value in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(parameter.numpy(), value, strict=True)
    parameters[1].assign(same[1].numpy())
    assert kernel([2.0]) == plain([2.0])
    for parameter, value in zip(parameters, same, strict=True):
        np.testing.assert_array_equal(parameter.numpy(), value.numpy(), strict=True)


def test_a_nan_in_the_next_value_only() -> None:
    p, q = tg.Parameter(np.ones(3), name="p"), tg.Parameter(np.array([1.0, -1.0]), name="q")
    step = tg.compile([], [], {p: p + 1, q: tg.log(q)}, name="step", debug_nans=True)
    line = above()
    assert refused(step) == f"step: log: float64[2] gave a NaN at (1,), {NONE} ({line})"
    np.testing.assert_array_equal(p.numpy(), np.ones(3))
    np.testing.assert_array_equal(q.numpy(), [1.0, -1.0])


def test_several_results_and_users_functions() -> None:
    def half(x):
        return x / 2, np.sqrt(x)

    def strict(x):
        raise FloatingPointError("of my own")

    x = tg.placeholder((2,), "float64", name="x")
    op = tg.custom_op(half, infer=lambda t: (t, t))
    first, second = op(x)
    line = above()
    kernel = tg.compile([x], first + second, debug_nans=True)
    assert refused(lambda: kernel([1.0, -1.0])) == f"kernel: half: float64[2] gave a NaN at (1,), {NONE} ({line})"
    kernel = tg.compile([x], first, debug_nans=True)  # the other result is not read
    kernel([1.0, -1.0])
    kernel = tg.compile([x], tg.custom_op(strict)(x), debug_nans=True)
    with pytest.raises(FloatingPointError, match=r"^of my own\n") as error:
        kernel([1.0, 1.0])
    assert type(error.value) is FloatingPointError


def test_jit() -> None:
    f = tg.jit(lambda x: tg.log(x) + 1, debug_nans=True)
    line = above()
    assert f(np.array([1.0])).numpy() == 1.0
    assert refused(lambda: f(np.array([-1.0]))) == f"kernel: log: float64[1] gave a NaN at (0,), {NONE} ({line})"
    assert np.isnan(tg.jit(tg.log)(np.array([-1.0])).numpy())


def test_scalars_and_complex_numbers() -> None:
    x = tg.placeholder((), "complex128", name="x")
    kernel = tg.compile([x], tg.log(x) * x, debug_nans=True)
    assert np.isfinite(kernel(1j))
    message = refused(lambda: kernel(complex(np.nan, 1)))
    why = "because input 'x' was given one: mend what is fed"
    assert message == f"kernel: log: complex128[] gave a NaN, {why} ({above(4)})"


def test_saved_modules_refuse_too(tmp_path: Path) -> None:
    kernel, _, _ = training(debug_nans=True)
    kernel.save(tmp_path / "step.py")
    code = "import step, numpy as np; s = step.init_state(); print(step.step(s, np.array([4.0]))); "
    code += "step.step(s, np.array([-4.0]))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stdout == "2.0\n"
    assert result.stderr.splitlines()[-1] == "FloatingPointError: NaN at (0,)"


def test_every_computed_value_is_looked_at() -> None:
    kernel, _, _ = training(debug_nans=True)
    computed = [s for s in kernel.program.statements if not s.copied and not (s.node.op.view and s.buffer is None)]
    assert kernel.source.count("    refuse_nan(") == len(computed)
    assert "refuse_nan" not in training()[0].source


@pytest.mark.parametrize("seed", range(8))
def test_results_are_those_of_the_plain_kernel(seed: int) -> None:
    program = random_program(seed, symbolic=True)
    arrays = program.feeds(np.random.default_rng(seed), 4)
    values = [p.numpy().copy() for p, _ in program.updates]
    results = []
    for debug in (False, True):
        for (p, _), value in zip(program.updates, values, strict=True):
            p.assign(value)
        kernel = tg.compile(program.inputs, program.outputs, program.updates, debug_nans=debug)
        try:
            outputs = kernel(*arrays)
        except NaNError:
            assert any(np.isnan(y).any() for y in results[0])
            return
        results.append([*outputs, *(p.numpy().copy() for p, _ in program.updates)])
    assert_same_bits(*results)
