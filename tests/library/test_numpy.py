"""NumPy's functions of the library record on tensors, with NumPy's signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.array.numpy_library import LIBRARY

X = np.array([[3.0, 1.0, 2.0], [0.5, 4.0, -1.0]])

CALLS: dict[str, Callable[[Any], Any]] = {
    "cumsum": np.cumsum,
    "cumsum of an axis": lambda x: np.cumsum(x, 1, "float32"),
    "cumprod": lambda x: np.cumprod(x, axis=0),
    "cumulative_sum": lambda x: np.cumulative_sum(x, axis=1, include_initial=True),
    "cumulative_prod": lambda x: np.cumulative_prod(x, axis=1),
    "sort": np.sort,
    "sort of all": lambda x: np.sort(x, axis=None, kind="stable"),
    "argsort": lambda x: np.argsort(x, 0, stable=True),
    "searchsorted": lambda x: np.searchsorted([0.0, 2.0], x, "right"),
    "roll": lambda x: np.roll(x, 2),
    "roll of axes": lambda x: np.roll(x, (1, 2), axis=(0, 1)),
    "tile": lambda x: np.tile(x, (2, 1, 2)),
    "repeat": lambda x: np.repeat(x, [2, 0, 1], axis=1),
    "diff": lambda x: np.diff(x, 2),
    "diff of more": lambda x: np.diff(x, prepend=np.zeros((2, 1))),
    "kron": lambda x: np.kron(np.eye(2), x),
    "diagonal": np.diagonal,
    "trace": lambda x: np.trace(x, 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_recorded_as_numpy_computes(name: str) -> None:
    expected = np.asarray(CALLS[name](X))
    actual = CALLS[name](tg.asarray(X))
    assert isinstance(actual, tg.Tensor)
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(actual, expected)


def test_every_function_of_the_table_is_called_here() -> None:
    assert {function.__name__ for function in LIBRARY} <= {name.split()[0] for name in CALLS}
