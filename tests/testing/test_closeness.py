from __future__ import annotations

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.testing import assert_close

ONE = np.float64(1.0)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (tg.asarray([1.0, 2.0]), np.array([1.0, 2.0])),
        (np.array([np.nan, np.inf, -np.inf, 0.0]), np.array([np.nan, np.inf, -np.inf, -0.0])),
        (ONE + 4 * np.spacing(ONE), ONE),
        (np.array([1, 2]), np.array([1, 2])),
        (np.array([]), np.array([])),
        (np.complex128(1 + 1e-17j), np.complex128(1)),
    ],
)
def test_close(actual: object, expected: object) -> None:
    assert_close(actual, expected)


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        (np.ones(2), np.ones(3), "assert_close: float64[2] is not float64[3]"),
        (np.ones(2, "float32"), np.ones(2), "assert_close: float32[2] is not float64[2]"),
        (
            np.array([1.0, 2.5]),
            np.array([1.0, 2.0]),
            "assert_close: at (1,): np.float64(2.5) is not np.float64(2.0): 1.13e+15 units in the last place apart, "
            "allowed are 4",
        ),
        (
            np.array([np.nan]),
            np.array([1.0]),
            "assert_close: at (0,): np.float64(nan) is not np.float64(1.0): inf units in the last place apart, "
            "allowed are 4",
        ),
        (
            np.array(3),
            np.array(4),
            "assert_close: at (): np.int64(3) is not np.int64(4): inf units in the last place apart, allowed are 4",
        ),
    ],
)
def test_not_close(actual: object, expected: object, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_close(actual, expected)
    assert str(caught.value) == message
