"""``check=True``: stages and statements against the interpreter; mistakes are planted, and named."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import CompileError
from tensorgraph.ops.elementwise import Multiply, Negative
from tensorgraph.ops.transcendental import Tanh
from tensorgraph.passes import simplify as simplify_module
from tensorgraph.rewrite import Law, law, laws_at
from tensorgraph.rewrite.law import Sides
from tensorgraph.schedule.lanes import InLanes
from tests.array.lines import above
from tests.compiler.programs import random_program

emit_module = import_module("tensorgraph.codegen.emit")

REPORT = "this is a mistake of tensorgraph, not of the program: please report it"


@law(kinds="i")
def one_more(k: tg.Tensor) -> Sides:
    """abs(k) = k + 1"""
    return abs(k), k + 1


@law
def halved(x: tg.Tensor) -> Sides:
    """tanh(x) = 0.5 * x"""
    return tg.tanh(x), 0.5 * x


@law
def nearly(x: tg.Tensor) -> Sides:
    """sqrt(x) = x**0.5000001"""
    return tg.sqrt(x), tg.pow(x, 0.5000001)


def plant(monkeypatch: pytest.MonkeyPatch, planted: Law) -> None:
    def with_planted(root, fast_math, when, operands):
        fits = root in planted.roots and (operands is None or planted.takes(operands))
        return (*laws_at(root, fast_math, when, operands), *([planted] if fits else []))

    monkeypatch.setattr(simplify_module, "laws_at", with_planted)


def refused(call) -> str:
    with pytest.raises(CompileError) as error:
        call()
    return str(error.value)


def test_a_wrong_law_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, one_more)
    k = tg.placeholder(("n",), "int64", name="k")
    with tg.scope("hidden"):
        y = abs(tg.negative(-k))
        line = above()
    message = refused(lambda: tg.compile([k], [k * 3, tg.sum(y * 1)], name="step", check=True))
    value = int(np.random.default_rng(0).integers(0, 4, 3)[0])
    wrong = "law one_more (abs(k) = k + 1; exact) made add of abs of int64[n]"
    why = f"at (0,): {value + 1} is not {value}, for n=3"
    assert message == f"step: check: stage 'simplify' changes a value: {wrong}: {why}; {REPORT} ({line}, in hidden)"


def test_a_law_that_is_wrong_by_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, nearly)
    x = tg.placeholder((40,), "float64", name="x")
    y = tg.sqrt(x)
    line = above()
    message = refused(lambda: tg.compile([x], tg.mean(y) * 2, check=True))
    start = "kernel: check: stage 'simplify' changes a value: law nearly (sqrt(x) = x**0.5000001; exact) made "
    assert message.startswith(f"{start}power of sqrt of float64[40]: at (")
    assert message.endswith(f" units in the last place apart, allowed are 0; {REPORT} ({line})")


def test_without_the_check_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, halved)
    x = tg.placeholder((2,), "float64", name="x")
    np.testing.assert_array_equal(tg.compile([x], tg.tanh(x))([2.0, 4.0]), [1.0, 2.0])


def test_a_wrong_law_in_a_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, halved)
    x = tg.placeholder(("n",), "float64", name="x")
    w = tg.Parameter(np.zeros(()), name="w")
    loss = tg.sum(tg.tanh(x * w))
    line = above()
    (gradient,) = tg.gradients(loss, [w])
    message = refused(lambda: tg.compile([x], loss, {w: w - gradient}, check=True))
    assert message.startswith("kernel: check: stage 'simplify' changes a value: law halved")
    assert message.endswith(f"({line})")


def test_a_wrong_stage_without_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(graph):
        return tg.Graph(graph.inputs, [graph.outputs[0], (tg.Tensor(graph.outputs[1]) + 1).node])

    monkeypatch.setattr(import_module("tensorgraph.compiler.compile"), "fold_constants", wrong)
    x = tg.placeholder((), "int64", name="x")
    y = x * 3
    line = above()
    message = refused(lambda: tg.compile([x], [x, y], check=True))
    value = 3 * int(np.random.default_rng(0).integers(0, 4, ()))
    what = f"multiply of int64[] and int64[], at (): {value + 1} is not {value}"
    assert message == f"kernel: check: stage 'fold constants' changes a value: {what}; {REPORT} ({line})"


def test_a_wrong_statement_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "statements", lambda self, types, known: ("np.sinh({0}, {out})",))
    x = tg.placeholder(("n", 2), "float32", name="x")
    y = tg.tanh(x + 1)
    line = above()
    message = refused(lambda: tg.compile([x], tg.exp(y) * y, name="step", check=True))
    start = "step: check: the source computes tanh of float32[n, 2] wrongly: at ("
    assert message.startswith(start)
    assert message.endswith(f", for n=3; {REPORT} ({line})")


def test_a_statement_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "statements", lambda self, types, known: ("np.tanhh({0}, {out})",))
    x = tg.placeholder((2,), "float32", name="x")
    y = tg.tanh(x + 1)
    line = above()
    message = refused(lambda: tg.compile([x], tg.exp(y) * y, check=True))
    why = "AttributeError: module 'numpy' has no attribute 'tanhh'"
    assert message == f"kernel: check: the source of tanh of float32[2] raises {why}; {REPORT} ({line})"


def test_a_wrong_update(monkeypatch: pytest.MonkeyPatch) -> None:
    p = tg.Parameter(np.ones(3), name="p")
    q = tg.Parameter(np.ones(2), name="q")
    value = -p
    line = above()
    monkeypatch.setattr(Negative, "statements", lambda self, types, known: ("np.abs({0}, {out})",))
    message = refused(lambda: tg.compile([], [], {p: value, q: q * 2}, check=True))
    assert message.startswith("kernel: check: the source gives the next value of parameter 'p' wrongly: at (0,): ")
    assert message.endswith(f"; {REPORT} ({line})")
    np.testing.assert_array_equal(p.numpy(), np.ones(3))


def test_jit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Multiply, "statements", lambda self, types, known: ("np.add({0}, {1}, {out})",))
    f = tg.jit(lambda x: tg.exp(x * x) + 1, check=True)
    line = above()
    message = refused(lambda: f(np.array([3.0, 4.0])))
    assert message.startswith("kernel: check: the source computes multiply of float64[2] and float64[2] wrongly: at (")
    assert message.endswith(f"; {REPORT} ({line})")


def test_inputs_that_operations_refuse() -> None:
    def only_large(x):
        if x.max() < 1e6:
            raise ValueError("too small")
        return x

    x = tg.placeholder((2,), "float64", name="x")
    message = refused(lambda: tg.compile([x], tg.custom_op(only_large)(x), check=True))
    head = "check: no inputs could be drawn that the operations take (ValueError: only_large: too small"
    assert message.startswith(head)
    assert message.endswith(f"; compile without check=, and use tg.testing.assert_equivalent with yours ({above(3)})")


def test_a_real_step_stands_the_check_and_the_state_stays() -> None:
    x = tg.placeholder(("batch", 1, 8, 8), "float32", name="x")
    y = tg.placeholder(("batch",), "int64", name="y")
    layers = [tg.nn.Conv2d(1, 3, 3), tg.nn.BatchNorm2d(3), tg.nn.ReLU(), tg.nn.MaxPool2d(2), tg.nn.Flatten()]
    model = tg.nn.Sequential(*layers, tg.nn.Linear(27, 10))
    loss = tg.nn.functional.cross_entropy(model(x), y)
    updates = tg.optim.Adam(1e-2).updates(loss, model.parameters())
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    kernel = tg.compile([x, y], loss, updates, name="step", check=True)
    stage = kernel.stages[-1]
    assert stage.name == "check"
    count = len(kernel.program.statements)
    assert stage.value == f"4 stages and {count} statements agree with the interpreter, for batch=3 and batch=5"
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(np.asarray(value), before[name], strict=True)
    assert kernel.source == tg.compile([x, y], loss, updates, name="step").source


def test_options_together() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    p = tg.Parameter(np.ones(3), name="p")
    options = {"check": True, "debug_nans": True, "fast_math": True}
    kernel = tg.compile([x], tg.log(tg.exp(x)) + tg.sum(p), {p: p * tg.mean(x)}, **options)
    np.testing.assert_allclose(kernel([1.0, 2.0]), [4.0, 5.0])
    assert [stage.name for stage in kernel.stages][-3:] == ["plan", "emit", "check"]


def test_special_kinds_of_inputs() -> None:
    key = tg.placeholder((2,), "uint32", name="key")
    mask = tg.placeholder(("n",), "bool", name="mask")
    z = tg.placeholder(("n",), "complex64", name="z")
    table = tg.placeholder((1, "m"), "float32", name="table")
    k = tg.placeholder(("n",), "int64", name="k")
    noise = tg.random.normal(key, (4,), dtype="float32")
    outputs = [tg.where(mask, tg.abs(z), 0.0), tg.take(table, k, axis=0), noise, tg.asin(tg.real(z)[:0])]
    kernel = tg.compile([key, mask, z, table, k], outputs, check=True)
    assert kernel.stages[-1].value.endswith("for n=3, m=4 and n=5, m=6")


@pytest.mark.parametrize("seed", range(6))
def test_random_programs_stand_the_check(seed: int) -> None:
    program = random_program(seed, symbolic=True)
    updates = dict(program.updates)
    kernel = tg.compile(program.inputs, program.outputs, updates, check=True)
    assert kernel.stages[-1].name == "check"


def test_a_last_bit_may_follow_the_layout_of_an_operand() -> None:
    c = tg.asarray(np.random.default_rng(0).normal(size=(7, 333))[:, ::-1])
    x = tg.placeholder((), "float64", name="x")
    outputs = [f(tg.flip(c, axis=1)) * x for f in (tg.exp, tg.sin, tg.cos, tg.tanh, tg.expm1)]
    assert tg.compile([x], outputs, check=True).stages[-1].name == "check"


def test_a_wrong_loop_is_found_on_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as no kernel would have for so few: the check plans loops over single rows."""
    lines = emit_module.loop_lines
    for begin in (1, 7):  # all but the first row, or none of them
        change = lambda line, begin=begin: line.replace("range(0,", f"range({begin},")  # noqa: E731
        monkeypatch.setattr(emit_module, "loop_lines", lambda *given, change=change: [*map(change, lines(*given))])
        x = tg.placeholder(("n",), "float64", name="x")
        y = tg.exp(tg.tanh(x))
        output = tg.sin(y)
        line = above()
        message = refused(lambda output=output, x=x: tg.compile([x], output, check=True))
        assert message.startswith("kernel: check: the source gives output 0 wrongly: at (0,): nan is not ")
        assert message.endswith(f", for n=3; {REPORT} ({line})")


def test_a_wrong_sum_over_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InLanes, "idle", lambda self, dtype: "1")
    x = tg.placeholder(("n",), "float64", name="x")
    message = refused(lambda: tg.compile([x], tg.sum(tg.exp(tg.tanh(x))), check=True))
    assert message.startswith("kernel: check: the source gives output 0 wrongly: at (): ")
    assert "nor within what rounding can do" in message


def test_functions_that_cannot_be_compared() -> None:
    drawn = iter(range(1000))

    def count(x):
        return x + next(drawn)

    def broken(x):
        raise RuntimeError("no disk")

    x = tg.placeholder((2,), "float64", name="x")
    y = tg.custom_op(count)(x)
    line = above()
    why = "gives another result each time for the same operands, so nothing can be compared"
    advice = "compile without check=, or make it a function of its operands"
    message = refused(lambda: tg.compile([x], tg.exp(y), check=True))
    assert message == f"kernel: check: count {why}: {advice} ({line})"
    z = tg.custom_op(broken, infer=lambda t: t)(x)
    message = refused(lambda: tg.compile([x], z, check=True))
    assert "no inputs could be drawn that the operations take (RuntimeError: no disk)" in message
