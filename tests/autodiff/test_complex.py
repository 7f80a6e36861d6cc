"""Derivatives with respect to complex numbers are PyTorch's: dL/da + i dL/db."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.testing import check_gradients

RNG = np.random.default_rng(11)
Z = RNG.normal(size=(2, 3)) + 1j * RNG.normal(size=(2, 3))
W = RNG.normal(size=(3, 2)) + 1j * RNG.normal(size=(3, 2))
S = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))

SHARED = [
    "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "abs", "real", "imag", "conj", "square", "reciprocal",
    "negative", "positive",
]  # fmt: skip

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    **{name: lambda m, z, name=name: getattr(m, name)(z) for name in SHARED},
    "sgn": lambda m, z: m.sgn(z) if hasattr(m, "sgn") else m.sign(z),
    "z * z": lambda m, z: z * z,
    "z * conj(z)": lambda m, z: z * m.conj(z),
    "1 / z": lambda m, z: 1 / z,
    "z**3": lambda m, z: z**3,
    "z**2.5": lambda m, z: z**2.5,
    "z**0": lambda m, z: z**0,
    "z**z": lambda m, z: z**z,
    "2**z": lambda m, z: 2**z,
    "abs squared": lambda m, z: m.abs(z) ** 2,
    "phase": lambda m, z: z / m.abs(z),
    "real * z": lambda m, z: m.real(z) * z,
    "angle": lambda m, z: m.atan2(m.imag(z), m.real(z)),
    "sum": lambda m, z: m.sum(z) * z,
    "prod": lambda m, z: m.prod(z),
    "mean": lambda m, z: m.mean(z) * z,
    "z / z[0]": lambda m, z: z / z[0],
    "where": lambda m, z: m.where(m.real(z) > 0, z * z, m.exp(z)),
    "product with real": lambda m, z: z * (m.abs(z) + 1),
}


@pytest.mark.peers
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_those_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    f = FUNCTIONS[name]

    def real_loss(m: Any, y: Any) -> Any:
        weight = 0.3 - 0.7j
        if y.dtype.is_complex if m is torch else y.dtype.kind == "c":
            return m.sum(m.real(y * weight)) + m.sum(m.abs(y) ** 2)
        return m.sum(y * y + 2 * y)

    x = torch.tensor(Z, requires_grad=True)
    real_loss(torch, f(torch, x)).backward()
    found = tg.grad(lambda z: real_loss(tg, f(tg, z)))(tg.asarray(Z))
    np.testing.assert_allclose(found.numpy(), x.grad.resolve_conj().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.peers
def test_matrix_products_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    a, b = torch.tensor(Z, requires_grad=True), torch.tensor(W, requires_grad=True)
    (torch.abs(a @ b) ** 2).sum().backward()
    da, db = tg.grad(lambda a, b: tg.sum(tg.abs(a @ b) ** 2), (0, 1))(tg.asarray(Z), tg.asarray(W))
    np.testing.assert_allclose(da.numpy(), a.grad.resolve_conj().numpy(), rtol=1e-12)
    np.testing.assert_allclose(db.numpy(), b.grad.resolve_conj().numpy(), rtol=1e-12)


@pytest.mark.peers
def test_products_of_vectors_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    a, b = torch.tensor(Z, requires_grad=True), torch.tensor(Z[:1] * (2 - 1j), requires_grad=True)
    (torch.abs(torch.linalg.vecdot(a, b)) ** 2).sum().backward()
    da, db = tg.grad(lambda a, b: tg.sum(tg.abs(tg.vecdot(a, b)) ** 2), (0, 1))(
        tg.asarray(Z), tg.asarray(Z[:1] * (2 - 1j))
    )
    np.testing.assert_allclose(da.numpy(), a.grad.resolve_conj().numpy(), rtol=1e-12)
    np.testing.assert_allclose(db.numpy(), b.grad.resolve_conj().numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n != "sgn"])
def test_derivatives_to_second_order(name: str) -> None:
    check_gradients(lambda z: FUNCTIONS[name](tg, z), Z)


def test_a_real_input_keeps_a_real_derivative() -> None:
    x = tg.asarray([0.3, -1.0])
    found = tg.grad(lambda x: tg.sum(tg.real(tg.exp(1j * x) * (2 + 1j))))(x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.real(1j * np.exp(1j * x.numpy()) * (2 + 1j)))
    check_gradients(lambda x: tg.exp(1j * x) * x, x)


def test_the_convention() -> None:
    a, b = 3.0, 4.0
    assert complex(tg.grad(lambda z: tg.real(z))(a + b * 1j)) == 1  # noqa: PLW0108 (the name is the point)
    assert complex(tg.grad(lambda z: tg.imag(z))(a + b * 1j)) == 1j  # noqa: PLW0108
    assert complex(tg.grad(lambda z: tg.abs(z) ** 2)(a + b * 1j)) == pytest.approx(2 * (a + b * 1j))
    assert complex(tg.grad(tg.abs)(a + b * 1j)) == pytest.approx((a + b * 1j) / 5)


def test_zero_has_derivative_zero() -> None:
    assert complex(tg.grad(tg.abs)(0j)) == 0
    assert complex(tg.grad(lambda z: tg.real(tg.sign(z)))(0j)) == 0
    assert complex(tg.grad(tg.vector_norm)(0j)) == 0


def test_a_complex_loss_is_seeded_with_one() -> None:
    assert complex(tg.grad(lambda z: z * z)(1 + 2j)) == 2 * (1 - 2j)  # of the real part, as PyTorch's backward(1)


def test_jvp_is_the_directional_derivative() -> None:
    value, tangent = tg.jvp(lambda z: z * tg.conj(z) + z**2, (1 + 2j,), (0.5 - 1j,))
    z, t = 1 + 2j, 0.5 - 1j
    assert complex(value) == z * z.conjugate() + z**2
    assert complex(tangent) == pytest.approx(t * z.conjugate() + z * t.conjugate() + 2 * z * t)
