"""A wrong rule, planted on purpose, is found inside a composition and named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.autodiff import engine
from tensorgraph.autodiff.rules import RULES, Adjoint, Each, Partial
from tensorgraph.ir.op import Op
from tensorgraph.ops import meta
from tensorgraph.ops import reduction as r
from tensorgraph.testing import SAMPLES, GradientMismatch, check_gradients
from tests.testing.test_check_gradients import MISTAKES

RIGHT = dict(RULES)


def by_rule(rule: Any, n: Any, g: Any, i: int, *xs: Any) -> Any:
    if isinstance(rule, Each):
        return rule.function(n, g, i, *xs)
    if isinstance(rule, Adjoint):
        function = rule.functions[i]
        return None if function is None else function(n, g, *xs)
    return g * tg.conj(rule.functions[i](n, *xs))


def too_large(op: type[Op]) -> Each:
    """The rule, half as much again; where it is zero, a half."""

    def wrong(n: Any, g: Any, i: int, *xs: Any) -> Any:
        found = by_rule(RIGHT[op], n, g, i, *xs)
        if op.name in {"floor", "ceil", "trunc", "rint", "floor_divide", "sign"}:
            return g * 0.5
        return None if found is None else found * 1.5

    return Each(wrong)


def first_of(op: type[Op]) -> Any:
    """A sample with some elements and a derivative that is not zero."""
    for sample in SAMPLES[op]:
        operands = sample.draw(np.random.default_rng(0))
        if sample.differentiable and all(0 < a.size < 60 for a in operands):
            return sample
    raise AssertionError(op.name)


PLANTED = sorted((op for op in RULES if op is not meta.Alias), key=lambda op: op.name)


@pytest.mark.parametrize("op", PLANTED, ids=lambda op: op.name)
def test_the_operation_is_blamed(op: type[Op], monkeypatch: pytest.MonkeyPatch) -> None:
    sample = first_of(op)
    operands = sample.draw(np.random.default_rng(0))

    def f(*xs: Any) -> Any:
        y = tg.where(tg.abs(tg.real(y := sample.function(*xs))) < 1e3, y, 0)  # an empty segment has no extreme
        return tg.sin(0.7 * (y if y.dtype.kind == "f" else tg.real(y) + tg.imag(y)))

    check_gradients(f, *operands, order=1)
    monkeypatch.setitem(engine.RULES, op, too_large(op))  # type: ignore[arg-type]
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(f, *operands, order=1, modes=["reverse"])
    assert caught.value.op == op.name
    assert f"the rule of {op.name}" in str(caught.value)


def test_there_are_enough() -> None:
    assert len(PLANTED) > 60


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_mistakes_are_blamed(name: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    op, rule = MISTAKES[name]
    monkeypatch.setitem(engine.RULES, op, rule)  # type: ignore[arg-type]
    found = set()
    for sample in SAMPLES[op]:
        if sample.differentiable:
            try:
                check_gradients(sample.function, *sample.draw(np.random.default_rng(0)), modes=[mode])
            except GradientMismatch as error:
                found.add(error.op)
    assert found == {op.name}


def test_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine.RULES, r.Sum, too_large(r.Sum))  # type: ignore[arg-type]
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(lambda x: tg.sum(tg.exp(x)), np.array([0.5, 1.0]))
    text = re.sub(r"-?\d+\.\d+(e[-+]\d+)?", "#", re.sub(r"test_blame\.py:\d+", "HERE", str(caught.value)))
    assert text == (
        "check_gradients: argument 0, index (0,), reverse mode, order 1: the derivative of the result times a random "
        "cotangent is # and the complex step gives #; condition #; the rule of sum is to blame (HERE): its operand 0, "
        "index (0,), reverse mode, order 1: the derivative is # and the complex step gives # (HERE)"
    )


def test_a_custom_gradient_is_blamed() -> None:
    @tg.custom_gradient
    def cube(x: Any) -> Any:
        return x**3, lambda g: g * 2 * x**2

    with pytest.raises(GradientMismatch, match="the custom gradient of cube is to blame") as caught:
        check_gradients(lambda x: tg.exp(cube(tg.sin(x))), 0.5)
    assert caught.value.op == "cube"


def test_a_custom_gradient_is_blamed_for_its_second_order() -> None:
    @tg.custom_gradient
    def cube(x: Any) -> Any:
        return x**3, lambda g: g * 3 * tg.stop_gradient(x**2)

    with pytest.raises(GradientMismatch, match="order 2") as caught:
        check_gradients(lambda x: tg.exp(cube(tg.sin(x))), 0.5)
    assert caught.value.op == "cube"


def test_a_custom_operation_is_blamed() -> None:
    def squash(x: Any) -> Any:
        return np.tanh(x)

    op = tg.custom_op(squash, vjp=lambda g, y, x: g * (1 + y * y))
    with pytest.raises(GradientMismatch, match="the rule of squash is to blame") as caught:
        check_gradients(lambda x: tg.sum(op(tg.sin(x))), np.array([0.5, 1.0]))
    assert caught.value.op == "squash"


def test_the_rule_inside_a_derivative_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorgraph.ops import conv

    monkeypatch.setitem(engine.RULES, conv.ConvInputGrad, too_large(conv.ConvInputGrad))  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, 5)), rng.normal(size=(2, 2, 3))
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(lambda x, w: tg.sin(tg.nn.functional.conv1d(x, w)), x, w)
    assert caught.value.op == conv.ConvInputGrad.name


def test_partial_is_a_rule() -> None:
    assert isinstance(RIGHT[r.Sum], Adjoint)
    assert any(isinstance(rule, Partial) for rule in RIGHT.values())
