"""Mistakes that other libraries really had, as functions of a user: the checker finds them, and ours are right.

Each gives the derivative that the issue reports, at the issue's own point or one like it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.testing import GradientMismatch, check_gradients

ROWS = np.array([[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]])
ZEROS = np.zeros(2)


@dataclass(frozen=True)
class Bug:
    """What another library did: `wrong` carries its derivative, `right` is the same function in ours."""

    issue: str
    wrong: Callable[..., Any]
    right: Callable[..., Any]
    at: tuple[Any, ...]
    order: int = 1


def with_vjp(value: Callable[..., Any], vjp: Callable[..., Any]) -> Callable[..., Any]:
    """The function with a derivative of its own: ``vjp(g, *arguments)``."""

    @tg.custom_gradient
    def f(*arguments: Any) -> Any:
        return value(*arguments), lambda g: vjp(g, *arguments)

    return f


def naive_norm(x: Any) -> Any:
    """x / norm(x) times the cotangent: 0 / 0 at the origin."""
    return with_vjp(tg.vector_norm, lambda g, x: g * x / tg.vector_norm(x))(x)


def naive_sqrt(x: Any) -> Any:
    return with_vjp(tg.sqrt, lambda g, x: g * 0.5 * x**-0.5)(x)


def leaky_where(x: Any) -> Any:
    """The cotangent of the branch not taken is 0, and is multiplied by infinity."""
    norms = naive_sqrt(tg.sum(x * x, axis=1))
    return tg.sum(with_vjp(lambda n: tg.where(n > 0.5, n, 1.0), lambda g, n: tg.where(n > 0.5, g, 0.0))(norms))


def right_where(x: Any) -> Any:
    norms = tg.sqrt(tg.sum(x * x, axis=1))
    return tg.sum(tg.where(norms > 0.5, norms, 1.0))


def naive_power(x: Any, exponent: int) -> Any:
    """b * x**(b - 1), also where b is 0."""
    return with_vjp(lambda x: tg.pow(x, tg.asarray(float(exponent))),
                    lambda g, x: g * exponent * naive_power(x, exponent - 1))(x)  # fmt: skip


def exponent_of_zero(y: Any) -> Any:
    """0**y with 0**y * log(0)."""
    return with_vjp(lambda y: tg.pow(0.0, y), lambda g, y: g * tg.pow(0.0, y) * tg.log(tg.zeros_like(y)))(y)


def fraction_to_the_zero(x: Any) -> Any:
    """(x - floor(x))**0 is 1 everywhere; its derivative came as 0 times infinity."""
    rest = lambda x: x - tg.floor(x)  # noqa: E731
    return with_vjp(lambda x: rest(x) ** 0, lambda g, x: g * 0.0 * rest(x) ** -1.0)(x)


def softplus(x: Any) -> Any:
    return tg.softplus(3 * x) / 3


def broadcast_twice(z: Any) -> Any:
    """A gradient that was not summed over the broadcast axis, but added to each element."""
    return with_vjp(sums, lambda g, z: g * 2000 * tg.exp(z))(z)


def sums(z: Any) -> Any:
    return tg.sum(tg.exp(z) - 0) + tg.sum(tg.exp(z) - tg.zeros(1000))


def log_density(c: Any) -> Any:
    """Of a normal distribution with covariance [[a, b], [b, a]] at a point, up to a constant."""
    determinant = c[0] * c[0] - c[1] * c[1]
    return -0.5 * ((c[0] * 1.25 - 2 * c[1] * 0.5) / determinant + tg.log(determinant))


def nested(x: Any) -> Any:
    """x times the derivative of x + y in y, which is 1."""
    inner = tg.grad(lambda y: x + y)
    return x * inner(x)


def nan_mean(x: Any) -> Any:
    known = ~tg.isnan(x)
    return tg.sum(tg.where(known, x * x, 0.0)) / tg.sum(tg.astype(known, "float64"))


BUGS = [
    Bug("jax#3058, jax#4177, autograd#183, pytorch#2421: the squared norm at 0",
        lambda x: naive_norm(x) ** 2, lambda x: tg.vector_norm(x) ** 2, (ZEROS,)),
    Bug("jax#347, jax#5798, autograd#396: where with a branch not taken", leaky_where, right_where, (ROWS,)),
    Bug("autograd#116: derivatives of x**2 at 0", lambda x: naive_power(x, 2), lambda x: x**2, (0.0,), 4),
    Bug("autograd#149, tfjs#346: the exponent of 0", exponent_of_zero, lambda y: tg.pow(0.0, y), (2.0,)),
    Bug("jax#12409, jax#7440: the power 0 of 0",
        fraction_to_the_zero, lambda x: (x - tg.floor(x)) ** 0, (np.array([1.0]),)),
    Bug("pytorch#61568: softplus with a factor above its threshold",
        with_vjp(softplus, lambda g, x: tg.where(x > 0.2, g, g * tg.sigmoid(3 * x))), softplus, (0.2736,)),
    Bug("pytorch#13669: a broadcast that is not summed", broadcast_twice, sums, (1.0,)),
    Bug("autograd#401: the sign of the covariance's gradient",
        with_vjp(log_density, lambda g, c: -tg.grad(log_density)(c) * g), log_density, (np.array([2.0, 0.5]),)),
    Bug("autograd#612: the norm of complex numbers",
        with_vjp(tg.vector_norm, lambda g, x: g * tg.conj(x) / tg.vector_norm(x)), tg.vector_norm,
        (np.array([0.3 + 0.8j, -0.5 + 0.1j]),)),
    Bug("AutoGrad.jl#75: an inner derivative that takes the outer variable for its own",
        with_vjp(lambda x: x * 1.0, lambda g, x: 2 * g), nested, (5.0,)),
]  # fmt: skip


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.issue)
def test_the_checker_finds_it(bug: Bug) -> None:
    with pytest.raises(GradientMismatch):
        check_gradients(bug.wrong, *bug.at, order=bug.order, modes=["reverse"])


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.issue)
def test_ours_is_right(bug: Bug) -> None:
    check_gradients(bug.right, *bug.at, order=bug.order, modes=["reverse"])
    found = np.asarray(bug.right(*map(tg.asarray, bug.at)))
    np.testing.assert_allclose(np.asarray(bug.wrong(*map(tg.asarray, bug.at))), found, rtol=1e-12)


def test_the_gradients_are_the_known_ones() -> None:
    """Also where no numeric derivative reaches: jax#9040 has NaN for the first of these."""
    np.testing.assert_array_equal(tg.grad(nan_mean)(np.array([np.nan, 1.0, 2.0])).numpy(), [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(tg.grad(lambda x: tg.vector_norm(x) ** 2)(ZEROS).numpy(), ZEROS)
    rows = tg.grad(right_where)(ROWS).numpy()
    np.testing.assert_allclose(rows, [[1 / 5**0.5, 2 / 5**0.5], [0.6, 0.8], [0.0, 0.0]])
    assert float(tg.grad(sums)(1.0)) == pytest.approx(1001 * np.e)
    assert float(tg.grad(softplus)(0.2736)) == pytest.approx(0.69440615)
    assert float(tg.grad(nested)(5.0)) == 1.0
