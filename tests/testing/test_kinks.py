"""At and near kinks a right derivative passes, and the report says so; a wrong one does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import GradientError
from tensorgraph.testing import GradientMismatch, check_gradients

ZEROS = np.array([0.0, 1.0, -1.0])
TIES = np.array([1.0, 3.0, 3.0, 3.0])
IMAGE = np.array([[[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [2.0, 2.0, 2.0]]]])

AT_KINKS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "abs": (tg.abs, (ZEROS,)),
    "sign": (tg.sign, (ZEROS,)),
    "relu": (tg.relu, (ZEROS,)),
    "floor": (tg.floor, (ZEROS,)),
    "ceil": (tg.ceil, (ZEROS,)),
    "trunc": (tg.trunc, (ZEROS,)),
    "round": (tg.round, (ZEROS + 0.5,)),
    "remainder": (tg.remainder, (np.array([2.0, -1.0]), 1.0)),
    "floor_divide": (tg.floor_divide, (np.array([2.0, -1.0]), 1.0)),
    "clip": (lambda x: tg.clip(x, 0.0, 1.0), (ZEROS,)),
    "clip to bounds": (tg.clip, (ZEROS, 0.0, 1.0)),
    "where": (lambda x: tg.where(x > 0, tg.log(x), 0), (np.array([0.0, 1.0]),)),
    "where of equal": (lambda x: tg.where(x == 0, x, 2 * x), (ZEROS,)),
    "maximum": (tg.maximum, (ZEROS, 0.0)),
    "minimum": (tg.minimum, (ZEROS, ZEROS)),
    "hypot": (tg.hypot, (0.0, 0.0)),
    "max": (tg.max, (TIES,)),
    "min": (lambda x: tg.min(x, axis=0), (np.ones((3, 2)),)),
    "norm": (lambda x: tg.vector_norm(x, ord=1), (ZEROS,)),
    "sort": (tg.sort, (TIES,)),
    "top_k": (lambda x: tg.top_k(x, 2)[0] ** 2, (TIES,)),
    "segment_max": (lambda x: tg.segment_max(x, np.array([0, 0, 1, 1]), 2), (TIES,)),
    "max pooling": (lambda x: tg.nn.functional.max_pool2d(x, 2, stride=1), (IMAGE,)),
    "adaptive pooling": (lambda x: tg.nn.functional.adaptive_max_pool2d(x, 2), (IMAGE,)),
    "sums that cancel": (lambda x: tg.relu(x) - tg.relu(-x), (0.0,)),
    "a square of a tie": (lambda x: tg.max(x) ** 2, (TIES,)),
    "leaky": (lambda x: tg.nn.functional.leaky_relu(x) * x, (ZEROS,)),
    "complex modulus": (tg.abs, (np.array([0.0, 1 + 1j]),)),
    "two layers": (lambda x: tg.relu(tg.abs(x) - 1.0) * x, (ZEROS,)),
}


@pytest.mark.parametrize("name", AT_KINKS)
def test_at_a_kink(name: str) -> None:
    f, args = AT_KINKS[name]
    report = check_gradients(f, *args)
    assert any("at a kink of " in note for note in report.notes), str(report)


@pytest.mark.parametrize("name", AT_KINKS)
@pytest.mark.parametrize("off", [1e-3, 1e-6, -1e-8, 1e-11, 1e-14])
def test_near_a_kink(name: str, off: float) -> None:
    f, args = AT_KINKS[name]
    rng = np.random.default_rng(0)
    check_gradients(f, *[np.asarray(a) + off * rng.uniform(0.5, 1, np.shape(a)) for a in args], order=1)


def test_the_report_lists_the_elements() -> None:
    report = check_gradients(tg.relu, ZEROS, order=1, modes=["reverse"])
    assert len(report.notes) == 1
    assert report.notes[0].startswith(
        "argument 0, reverse mode, order 1, index (0,): at a kink of relu (test_kinks.py:"
    )
    assert report.notes[0].endswith("): judged from one side")


def test_away_from_kinks_there_is_nothing_to_say() -> None:
    assert check_gradients(tg.relu, ZEROS + 0.5).notes == ()


def user(rule: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    @tg.custom_gradient
    def relu(x: Any) -> Any:
        return tg.relu(x), lambda g: rule(g, x)

    return relu


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_any_subgradient_passes(share: float) -> None:
    check_gradients(user(lambda g, x: g * tg.where(x > 0, 1, tg.where(x == 0, share, 0))), ZEROS, order=1)


@pytest.mark.parametrize("share", [-0.1, 1.2, np.nan])
def test_what_is_no_subgradient_does_not(share: float) -> None:
    with pytest.raises(GradientMismatch, match=r"there is a kink or a jump|relu"):
        check_gradients(user(lambda g, x: g * tg.where(x > 0, 1, tg.where(x == 0, share, 0))), ZEROS, order=1)


@pytest.mark.parametrize("off", [1e-3, 1e-6, 1e-8])
def test_a_wrong_side_is_seen_near_a_kink(off: float) -> None:
    with pytest.raises(GradientMismatch):
        check_gradients(user(lambda g, x: g * tg.where(x > 1e-2, 1, 0)), off, order=1)


@pytest.mark.parametrize("share", [0.5, 0.0, 1.0])
def test_ties_shared_or_not(share: float) -> None:
    def gradient(a: Any, b: Any) -> Any:
        return (share if a == b else float(a > b)), (1 - share if a == b else float(b > a))

    check_gradients(np.maximum, 1.0, 1.0, gradient=gradient)


def test_a_kink_of_a_function_that_is_not_known() -> None:
    report = check_gradients(lambda x: np.sum(np.abs(x)), ZEROS, gradient=np.sign, order=1, modes=["reverse"])
    assert report.notes == (
        "argument 0, reverse mode, order 1, index (0,): at a kink of the function: judged from one side",
    )
    with pytest.raises(GradientMismatch, match=r"there is a kink or a jump: -\S+ and \S+ from its two sides"):
        check_gradients(lambda x: np.sum(np.abs(x)), ZEROS, gradient=lambda x: np.where(x == 0, 1.5, np.sign(x)))


def test_what_is_stopped_is_held() -> None:
    report = check_gradients(lambda x: tg.sum(x * tg.stop_gradient(tg.exp(x))), ZEROS + 0.5)
    [note] = report.notes
    assert note.startswith("held constant, as the derivative holds it: stop_gradient (test_kinks.py:")


# ---- points that are moved

SINGULAR: dict[str, tuple[Callable[..., Any], Any]] = {
    "an infinite slope": (tg.sqrt, np.array([0.0, 4.0])),
    "a cusp": (lambda x: tg.sqrt(tg.abs(x)), 0.0),
    "a branch point": (lambda x: x**1.5, 0.0),
    "beside a pole": (tg.log, 1e-300),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_where_nothing_settles_the_point_is_moved_and_the_report_says_so(name: str) -> None:
    f, x = SINGULAR[name]
    report = check_gradients(f, x, order=1)
    where = "argument 0, index (0,)" if np.ndim(x) else "argument 0, index ()"
    moved = "no numeric derivative settles there: every argument was moved by up to 0.016 of itself"
    assert report.notes[0] == f"{where}: {moved}"
    assert str(report).splitlines()[-len(report.notes)] == f"note: {report.notes[0]}"


def test_a_wrong_derivative_is_found_where_the_point_is_moved() -> None:
    @tg.custom_gradient
    def root(x: Any) -> Any:
        return tg.sqrt(x), lambda g: g / tg.sqrt(x)

    with pytest.raises(GradientMismatch, match="the custom gradient of root is to blame"):
        check_gradients(root, np.array([0.0, 4.0]), order=1)
    with pytest.raises(GradientMismatch):
        check_gradients(lambda x: np.sqrt(np.abs(x)), 0.0, gradient=lambda x: 0.0)


@pytest.mark.peers
def test_a_point_is_moved_for_pytorch_too() -> None:
    torch = pytest.importorskip("torch")
    report = check_gradients(torch.sqrt, torch.zeros(2), order=1)
    assert "every argument was moved by up to 0.016 of itself" in report.notes[0]


def test_kinks_too_dense_for_any_step() -> None:
    """No operation is blamed for slopes that were taken across kinks."""
    with pytest.raises(GradientError, match="no numeric derivative settles, nor at points near"):
        check_gradients(lambda x: tg.floor(x * 1e12) / 1e12, 0.3, order=1)
    check_gradients(lambda x: tg.abs(tg.sin(x * 1e7)), 0.3, order=1)
