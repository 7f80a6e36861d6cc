"""Special functions, elementwise: of integers in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tensorgraph.errors import DTypeError
from tensorgraph.ir.op import Domain, Interval
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.numerics.special import (
    digamma,
    digamma_positive,
    erf,
    erf_single,
    erf_small,
    erfc,
    erfc_positive,
    erfinv,
    lgamma,
    lgamma_positive,
    ndtri,
    polygamma,
    quantile_core,
    special_horner,
    special_horner_into,
    special_narrow,
    special_wide,
    zeta_tail,
)

_BASE = (special_wide, special_narrow)
_RATIONAL = (*_BASE, special_horner, special_horner_into)
REAL = Domain(kinds="biuf", analytic=False)
POSITIVE = Domain((Interval(0.0, np.inf, open=True),), kinds="biuf", analytic=False)


class _Special(Elementwise):
    """Base: floating-point numbers keep their dtype."""

    __slots__ = ()
    domain = REAL
    held: ClassVar[int]  # bytes per element that the function holds at a time, of float64

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """Real floating point."""
        if dtypes[0].kind == "c":
            raise DTypeError(f"is not supported: {self.name} takes real numbers")
        return dtypes[0] if dtypes[0].kind == "f" else np.dtype("float64")

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """What its steps hold, and what is computed in float64 and cast."""
        (x,) = types
        narrow = x.dtype.kind == "f" and x.dtype.itemsize < 8
        return int(x.size) * (self.held + (16 - x.dtype.itemsize if narrow else 0 if x.dtype.kind == "f" else 8))


class Erf(_Special):
    """The error function."""

    numpy = "erf({0})"
    helpers = (erf, erf_small, erf_single, erfc_positive, *_RATIONAL)
    held = 65

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """In single precision, in which GELU is computed, one call in memory that is there already."""
        return ("erf_single({0}, {out}, {s0}, {s1}, {s2}, {s3})",) if types[0].dtype == np.float32 else ()

    def scratch(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """What the series needs beside the result."""
        (x,) = types
        return (x, x, x, TensorType(np.dtype(bool), x.shape)) if x.dtype == np.float32 else ()

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """None in single precision, and less in half, which is computed in single."""
        (x,) = types
        per = {4: 0, 2: 20}.get(x.dtype.itemsize) if x.dtype.kind == "f" else None
        return super().temporaries(types) if per is None else int(x.size) * per


class Erfc(_Special):
    """1 - erf(x) without cancellation."""

    numpy = "erfc({0})"
    helpers = (erfc, erf_small, erfc_positive, *_RATIONAL)
    held = 65


class Erfinv(_Special):
    """The inverse of the error function."""

    numpy = "erfinv({0})"
    helpers = (erfinv, quantile_core, *_RATIONAL)
    held = 89
    domain = Domain((Interval(-1.0, 1.0, open=True),), kinds="biuf", analytic=False)


class Ndtri(_Special):
    """The inverse of the standard normal distribution function."""

    numpy = "ndtri({0})"
    helpers = (ndtri, quantile_core, *_RATIONAL)
    held = 89
    domain = Domain((Interval(0.0, 1.0, open=True),), kinds="biuf", analytic=False)


class Lgamma(_Special):
    """The logarithm of the absolute value of the gamma function."""

    numpy = "lgamma({0})"
    helpers = (lgamma, lgamma_positive, *_RATIONAL)
    held = 66
    domain = POSITIVE


class Digamma(_Special):
    """The derivative of `Lgamma`."""

    numpy = "digamma({0})"
    helpers = (digamma, digamma_positive, *_RATIONAL)
    held = 81
    domain = POSITIVE


@dataclass(frozen=True, eq=False, repr=False)
class Polygamma(_Special):
    """The derivative of `Digamma`, `order` times; below 0 only once."""

    order: int
    numpy = "polygamma({order}, {0})"
    helpers = (polygamma, zeta_tail, *_BASE)
    held = 41
    domain = POSITIVE
