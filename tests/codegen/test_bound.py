"""What is made with the workspace follows the memory that it is a view of, in every call."""

from __future__ import annotations

import numpy as np

import tensorgraph as tg


def test_a_repeated_row_in_a_product() -> None:
    x = tg.placeholder(("n", 3), "float64", name="x")
    w = tg.placeholder((2, 4), "float64", name="w")
    row = tg.exp(tg.sum(x, axis=1))
    product = tg.broadcast_to(row[:, None], (x.shape[0], 2)) @ w
    kernel = tg.compile([x, w], product, check=True)
    rng = np.random.default_rng(0)
    for n in (3, 5, 3):
        a, b = rng.normal(size=(n, 3)), rng.normal(size=(2, 4))
        expected = np.exp(a.sum(1))[:, None] * b.sum(0)
        np.testing.assert_allclose(kernel(a, b), expected)


def test_a_repeated_constant_in_a_product_is_copied_once() -> None:
    x = tg.placeholder(("n", 3), "float64", name="x")
    ones = tg.broadcast_to(tg.asarray(1.0), (1, x.shape[0]))
    kernel = tg.compile([x], ones @ x)
    np.testing.assert_array_equal(kernel(np.ones((4, 3))), [[4.0, 4.0, 4.0]])
    assert "np.array(np.broadcast_to(" in kernel.source


def test_rows_of_a_part_are_no_view() -> None:
    """NumPy copies them, so they must be made in every call; rows of whole ones are a view."""
    x = tg.placeholder((3, 4), "float64", name="x")
    y = tg.exp(x)
    kernel = tg.compile([x], [tg.sum(tg.reshape(part, (-1,)) * 2) for part in (y[:, 1:3], y[1:], y[1:, :], y[::2])])
    for array in (np.ones((3, 4)), np.arange(12.0).reshape(3, 4) / 9):
        e = np.exp(array)
        np.testing.assert_allclose(kernel(array), [2 * part.sum() for part in (e[:, 1:3], e[1:], e[1:], e[::2])])
