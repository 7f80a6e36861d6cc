"""Where two arrays differ: by units in the last place, by the places of NaN, by the sign of zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.errors import InputError
from tensorgraph.ir.types import Array

__all__ = ["Ulp", "difference", "ulp_for"]

Ulp: TypeAlias = "float | Mapping[str, float]"


def ulp_for(ulp: Ulp, dtype: np.dtype[Any]) -> float:
    """How many units in the last place are allowed for a dtype."""
    if not isinstance(ulp, Mapping):
        return float(ulp)
    unknown = [name for name in ulp if name not in {"float16", "float32", "float64", "complex64", "complex128"}]
    if unknown:
        raise InputError(f"ulp= has {unknown[0]!r}: name floating-point data types, such as 'float32'")
    return float(ulp.get(dtype.name, 0.0))


def difference(found: Array, wanted: Array, *, ulp: Ulp = 0, atol: float = 0.0, dtypes: bool = True) -> str | None:
    """Say how two arrays differ; None if they are equal.

    Parameters
    ----------
    found, wanted
        What to compare.
    ulp
        Units in the last place that may lie between two numbers: one figure, or one per dtype. With 0 the sign
        of zero counts as well.
    atol
        This much more is allowed.
    dtypes
        Whether data types must be the same.

    Examples
    --------
    >>> difference(np.array([1.0, np.nan]), np.array([1.0, 2.0]))
    'at (1,): nan is not 2.0: NaN on one side only'
    >>> difference(np.float64(0.1) + 0.2, np.float64(0.3), ulp=1) is None
    True
    """
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape or (dtypes and found.dtype != wanted.dtype):
        return f"{found.dtype}{list(found.shape)} is not {wanted.dtype}{list(wanted.shape)}"
    allowed = ulp_for(ulp, wanted.dtype)
    if wanted.dtype.kind not in "fc" or found.dtype.kind not in "fc":
        return _first(found, wanted, found != wanted, "")
    nan = np.isnan(found) != np.isnan(wanted)
    if nan.any():
        return _first(found, wanted, nan, ": NaN on one side only")
    with np.errstate(all="ignore"):
        same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
        apart = np.abs(found - wanted)
        units = np.where(same | (apart <= atol), 0.0, apart / np.spacing(np.abs(wanted)))
        units = np.where(np.isnan(units), np.inf, units)
    if np.any(units > allowed):
        at = np.unravel_index(int(np.argmax(units)), units.shape)
        why = f": {units[at]:.3g} units in the last place apart, allowed are {allowed:g}"
        return _first(found, wanted, units == units[at], why)
    if allowed == 0 and atol == 0:
        signs = _signs(found) != _signs(wanted)
        return _first(found, wanted, signs & ~np.isnan(wanted), ": the sign of zero differs")
    return None


def _signs(array: Array) -> Array:
    """The signs of the real and the imaginary part."""
    if array.dtype.kind != "c":
        return np.signbit(array)
    return np.asarray(np.signbit(array.real) + 2 * np.signbit(array.imag))


def _first(found: Array, wanted: Array, where: Array, why: str) -> str | None:
    if not np.any(where):
        return None
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(where)), np.shape(where)))
    return f"at {at}: {found[at]} is not {wanted[at]}{why}"
