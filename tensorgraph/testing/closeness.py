"""Comparing floating-point arrays by units in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["assert_close"]


def assert_close(actual: Any, expected: Any, *, ulp: float = 4) -> None:
    """Assert that two arrays have the same shape and dtype and nearly the same values.

    Parameters
    ----------
    actual, expected
        Tensors or arrays. NaN equals NaN, and an infinity itself; the sign of zero does not count.
    ulp
        How many units in the last place of the expected value may be between them; for complex numbers, of
        its modulus.

    Raises
    ------
    AssertionError
        Names the element that is farthest off.

    Examples
    --------
    >>> assert_close(np.float64(0.1) + 0.2, np.float64(0.3), ulp=1)
    """
    found, wanted = np.asarray(actual), np.asarray(expected)
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        kinds = f"{found.dtype}{list(found.shape)} is not {wanted.dtype}{list(wanted.shape)}"
        raise AssertionError(f"assert_close: {kinds}")
    if wanted.dtype.kind not in "fc":
        distance = np.where(found == wanted, 0.0, np.inf)
    else:
        with np.errstate(all="ignore"):
            same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
            distance = np.where(same, 0.0, np.abs(found - wanted) / np.spacing(np.abs(wanted)))
            distance = np.where(np.isnan(distance), np.inf, distance)
    if np.any(distance > ulp):
        at = tuple(int(i) for i in np.unravel_index(np.argmax(distance), distance.shape))
        off = f"{distance[at]:.3g} units in the last place apart, allowed are {ulp:g}"
        raise AssertionError(f"assert_close: at {at}: {found[at]!r} is not {wanted[at]!r}: {off}")
