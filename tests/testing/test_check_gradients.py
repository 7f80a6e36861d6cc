"""check_gradients finds what is wrong, says where, and passes what is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.autodiff import engine
from tensorgraph.autodiff.rules import RULES, Adjoint, Each, Partial
from tensorgraph.errors import GradientError, TensorGraphError
from tensorgraph.ir.op import Op
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import linalg as la
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.ops import transcendental as t
from tensorgraph.testing import SAMPLES, GradientMismatch, check_gradients
from tensorgraph.testing.numeric import central_difference, complex_step

X = np.array([0.3, -1.2, 2.0])


def message(call: Callable[[], Any], kind: type[Exception] = GradientMismatch) -> str:
    """The whole message, with figures as # and the line as HERE."""
    with pytest.raises(kind) as caught:
        call()
    text = re.sub(r"test_check_gradients\.py:\d+", "HERE", str(caught.value))
    return re.sub(r"-?\d+\.\d+(e[-+]\d+)?|(?<=condition )\d+", "#", text)


def half(x: Any) -> Any:
    """A function whose derivative is half of what it should be."""

    @tg.custom_gradient
    def f(x: Any) -> Any:
        return x * x, lambda g: g * x

    return f(x)


# ---- what it says


def test_message_of_the_reverse_mode() -> None:
    text = message(lambda: check_gradients(lambda p: half(p["w"][1]), {"w": [1.0, X]}, modes=["reverse"]))
    assert text == (
        "check_gradients: argument 0['w'][1], index (0,), reverse mode, order 1: the derivative of the result times a "
        "random cotangent is # and the complex step gives #; condition #; the custom gradient of f is to blame (HERE): "
        "its operand 0, index (0,), reverse mode, order 1: the derivative is # and the complex step gives # (HERE)"
    )


def test_message_of_the_forward_mode() -> None:
    text = message(lambda: check_gradients(lambda x, y: y * half(x), X, 2.0, modes=["forward"]))
    assert text == (
        "check_gradients: result 0, index (0,), along a random direction, forward mode, order 1: the derivative is # "
        "and the complex step gives #; condition #; the custom gradient of f is to blame (HERE): its operand 0, index "
        "(0,), reverse mode, order 1: the derivative is # and the complex step gives # (HERE)"
    )


def test_message_of_the_second_order() -> None:
    @tg.custom_gradient
    def f(x: Any) -> Any:
        return x**3, lambda g: g * 3 * tg.stop_gradient(x**2)

    for modes, named in ((["reverse"], "reverse over reverse"), (["forward"], "forward over forward")):
        assert f"{named} mode, order 2" in message(lambda modes=modes: check_gradients(f, X, modes=modes))
    check_gradients(f, X, order=1)


def test_message_names_fields() -> None:
    class Point(NamedTuple):
        x: Any
        y: Any

    text = message(lambda: check_gradients(lambda p: p.x + half(p.y), Point(1.0, 2.0)))
    assert text.startswith("check_gradients: argument 0.y, index (), reverse mode, order 1: ")


def test_message_of_no_argument() -> None:
    text = message(lambda: check_gradients(lambda i: i, 3), GradientError)
    assert text == (
        "check_gradients: no argument is floating-point, so there is nothing to differentiate: give arguments such as "
        "# or np.ones(3) (HERE)"
    )


def test_message_of_no_result() -> None:
    text = message(lambda: check_gradients(tg.argmax, X), GradientError)
    assert text == (
        "check_gradients: no result is floating-point, so there is nothing to differentiate: return what is to be "
        "differentiated (HERE)"
    )


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"modes": ["sideways"]}, "mode 'sideways'"),
        ({"modes": "sideways"}, "mode 'sideways'"),
        ({"modes": []}, "no mode"),
        ({"order": 0}, "order 0"),
        ({"order": "2"}, "order '2'"),
        ({"order": 1.5}, "order 1.5"),
    ],
)
def test_message_of_wrong_options(options: dict[str, Any], given: str) -> None:
    given = re.sub(r"\d+\.\d+", "#", given)
    text = message(lambda: check_gradients(tg.sin, X, **options), GradientError)
    assert text == f"check_gradients: {given}: modes are 'reverse' and 'forward', orders 1 and up (HERE)"


def test_one_mode_is_given_by_its_name() -> None:
    assert {row.mode for row in check_gradients(tg.sin, X, modes="reverse").checks} == {
        "reverse",
        "reverse over reverse",
    }


def test_the_error_is_a_failed_assertion() -> None:
    assert issubclass(GradientMismatch, AssertionError)
    assert issubclass(GradientMismatch, TensorGraphError)


def test_an_operation_without_a_rule() -> None:
    with pytest.raises(GradientError, match="there is no derivative rule"):
        check_gradients(tg.custom_op(np.sin), X)


# ---- what it passes


def test_structures_of_arguments_and_results() -> None:
    def f(p: Any, i: Any, *, _unused: None = None) -> Any:
        return {"a": p["w"][i] * p["b"], "n": tg.argmax(p["w"]), "c": (tg.exp(1j * p["w"]),)}

    check_gradients(f, {"w": X, "b": 2.0}, np.array([0, 0, 2]))


def test_single_precision_is_widened() -> None:
    check_gradients(lambda x: tg.sum(tg.tanh(x) ** 2), X.astype("float32"))


def test_control_flow_on_values() -> None:
    check_gradients(lambda x: x**2 if float(x) > 0 else -x, 3.0)
    check_gradients(lambda x: x**2 if float(x) > 0 else -x, -3.0)


def test_parameters_are_held_constant() -> None:
    w = tg.Parameter(X, dtype="float64")
    check_gradients(lambda x: tg.sum(tg.sin(x * w)), 0.7)


def test_large_and_small_values() -> None:
    check_gradients(lambda x: x**3 * 1e200, np.array([1e-6, 1.0, 1e6]) * 1e-30 + 1.0)
    check_gradients(tg.log, np.array([1e-3, 1.0, 1e8]))
    check_gradients(lambda x: tg.exp(x) * 1e-200, X)


@pytest.mark.parametrize("scale", [1.0, 1e-40, 1e-200])
def test_what_is_wrong_is_found_however_small_it_is(scale: float) -> None:
    @tg.custom_gradient
    def wrong(x: Any) -> Any:
        return tg.exp(x) * scale, lambda g: g * x * scale

    with pytest.raises(GradientMismatch):
        check_gradients(wrong, X)


@pytest.mark.parametrize("f", [tg.prod, lambda x: tg.sum(x**3), lambda x: tg.sum(x * 0.0)])
def test_derivatives_that_are_nought_have_no_error(f: Callable[..., Any]) -> None:
    """What is left of a complex step is no error relative to itself."""
    report = check_gradients(f, np.array([0.0, 2.0, 0.0]))
    assert report.worst < 1e-14, str(report)


def test_constants_in_single_precision_make_no_noise() -> None:
    """They are what they are: the derivative is seen as sharply as without them."""
    weights = np.float32([1.0, 2.0, 3.0])

    def off(by: float) -> Callable[[Any], Any]:
        @tg.custom_gradient
        def f(x: Any) -> Any:
            return tg.sum(tg.abs(x) * weights), lambda g: g * tg.sign(x) * weights * (1 + by)

        return f

    check_gradients(off(0.0), X, order=1)
    with pytest.raises(GradientMismatch):
        check_gradients(off(1e-9), X, order=1)


def test_tolerances_allow_more() -> None:
    def nearly(x: Any) -> Any:
        @tg.custom_gradient
        def f(x: Any) -> Any:
            return x * x, lambda g: g * x * (2 + 1e-6)

        return f(x)

    with pytest.raises(GradientMismatch):
        check_gradients(nearly, X, order=1)
    check_gradients(nearly, X, order=1, rtol=1e-6)
    check_gradients(nearly, X, order=1, atol=1e-5)


def test_every_seed_is_reproducible() -> None:
    texts = {message(lambda: check_gradients(half, X, seed=7)) for _ in range(3)}
    assert len(texts) == 1


# ---- mistakes that it must find

RIGHT: dict[type[Op], Any] = dict(RULES)
MISTAKES: dict[str, tuple[type[Op], Any]] = {
    "add: second sign": (e.Add, Adjoint(lambda n, g, a, b: g, lambda n, g, a, b: -g)),
    "multiply: same factor": (e.Multiply, Partial(lambda n, a, b: b, lambda n, a, b: b)),
    "divide: sign": (e.Divide, Adjoint(lambda n, g, a, b: g / b, lambda n, g, a, b: g * n.y / b)),
    "power: exponent": (e.Power, Partial(lambda n, a, b: b * a**b, lambda n, a, b: n.y * tg.log(a))),
    "sin: no cotangent": (t.Sin, Adjoint(lambda n, g, x: tg.cos(x))),
    "exp: constant": (t.Exp, Partial(lambda n, x: tg.stop_gradient(n.y))),
    "tanh: second order": (t.Tanh, Partial(lambda n, x: 1 - tg.stop_gradient(n.y) * n.y)),
    "sigmoid": (t.Sigmoid, Partial(lambda n, x: n.y * n.y)),
    "log2: base": (t.Log2, Partial(lambda n, x: 1 / x)),
    "acosh: nearly": (t.Acosh, Partial(lambda n, x: (1 + 1e-9) / (tg.sqrt(x - 1) * tg.sqrt(x + 1)))),
    "abs": (e.Abs, Adjoint(lambda n, g, x: g)),
    "conj": (e.Conj, Adjoint(lambda n, g, x: g)),
    "imag: sign": (e.Imag, Adjoint(lambda n, g, x: g * -1j)),
    "maximum: swapped": (
        e.Maximum,
        Adjoint(lambda n, g, a, b: tg.where(a < b, g, 0), lambda n, g, a, b: tg.where(b < a, g, 0)),
    ),
    "where: swapped": (
        e.Where,
        Adjoint(None, lambda n, g, c, a, b: tg.where(c, 0, g), lambda n, g, c, a, b: tg.where(c, g, 0)),
    ),
    "clip: no bounds": (
        e.Clip,
        Adjoint(
            *[lambda n, g, x, lo, hi, k=k: tg.where((x > lo) & (x < hi), g, 0) if k == 0 else 0 * g for k in range(3)]
        ),
    ),
    "sum: halved": (r.Sum, Adjoint(lambda n, g, x: RIGHT[r.Sum].functions[0](n, g, x) * 0.5)),
    "prod: division": (
        r.Prod,
        Adjoint(
            lambda n, g, x: (
                tg.broadcast_to(
                    tg.reshape(g * n.y, [1 if k in n.op.axis else s for k, s in enumerate(x.shape)]), x.shape
                )
                / x
            )
        ),
    ),
    "permute: not inverted": (
        sh.PermuteDims,
        Adjoint(lambda n, g, x: tg.reshape(tg.permute_dims(g, n.op.order), x.shape)),
    ),
    "reshape: reversed": (sh.Reshape, Adjoint(lambda n, g, x: tg.reshape(tg.flip(g), x.shape))),
    "index_set: kept": (
        ix.IndexSet,
        Each(lambda n, g, i, x, *rest: g if i == 0 else RIGHT[ix.IndexSet].function(n, g, i, x, *rest)),
    ),
    "gather: not added": (
        ix.Gather,
        Each(lambda n, g, i, x, *at: RIGHT[ix.Gather].function(n, g, i, x, *at) * 1.5 if i == 0 else None),
    ),
    "matmul: no conjugate": (la.Matmul, Adjoint(lambda n, g, a, b: g @ b.mT, lambda n, g, a, b: a.mT @ g)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_rule_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    op, rule = MISTAKES[name]
    samples = [s for s in SAMPLES[op] if s.differentiable]
    monkeypatch.setitem(engine.RULES, op, rule)

    def found(mode: str) -> bool:
        for sample in samples:
            try:
                check_gradients(sample.function, *sample.draw(np.random.default_rng(0)), modes=[mode])
            except GradientMismatch:
                return True
        return False

    assert found("reverse")
    assert found("forward")


# ---- the numeric derivatives themselves


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (np.exp, 1.0, np.e),
        (np.sin, 0.0, 1.0),
        (np.log, 0.5, 2.0),
        (lambda x: x**9, 2.0, 9 * 256.0),
        (np.floor, 0.5, 0.0),
    ],
)
def test_central_differences_bound_their_error(f: Callable[[Any], Any], x: float, slope: float) -> None:
    found = central_difference(lambda h: np.asarray(f(x + h)), 2.0**-7, np.asarray(2e-16 * abs(f(x))))
    assert abs(found.value - slope) <= found.error
    assert found.error < 1e-8 * max(abs(slope), 1)


def test_the_complex_step_is_exact() -> None:
    found = complex_step(lambda h: np.exp(np.asarray(1.0 + h)))
    assert abs(found.value - np.e) <= 4e-16
