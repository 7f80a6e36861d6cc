"""Elementwise primitives: operands broadcast, every output element follows from one element of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from tensorgraph.errors import DTypeError
from tensorgraph.ir.dims import same_shape
from tensorgraph.ir.op import Domain, Interval, Op
from tensorgraph.ir.types import DTYPES, Array, Shape, TensorType, broadcast_shapes

ORDERED = Domain(kinds="biuf", ties=True, analytic=False)
LOGICAL = Domain(ties=True, analytic=False)
BITS = Domain(kinds="biu", analytic=False)


class Elementwise(Op):
    """Base: the dtype rule is the ufunc's, the shape rule is broadcasting."""

    __slots__ = ()
    ufunc: ClassVar[np.ufunc | None] = None
    overwrites: ClassVar[tuple[int, ...]] = (0,)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.ufunc is not None and not cls.numpy:
            operands = ", ".join(f"{{{i}}}" for i in range(cls.ufunc.nin))
            cls.numpy = f"np.{cls.ufunc.__name__}({operands}{{out}})"

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The result's dtype for operand dtypes."""
        assert self.ufunc is not None
        return ufunc_dtype(self.ufunc, dtypes)

    def infer(self, *types: TensorType) -> TensorType:
        """Broadcast the shapes; the dtype is NumPy's."""
        dtype = self.dtype(*[t.dtype for t in types])
        return TensorType(dtype, types[0].shape if len(types) == 1 else _broadcast(types))

    def axes(self, *types: TensorType) -> str:
        """Every axis passes through."""
        return ", ".join(["..."] * len(types)) + " -> ..."

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """The ufunc, with the result's memory in its place: quicker by position than by name."""
        if not isinstance(self.ufunc, np.ufunc):
            return super().statements(types, known)
        operands = ", ".join(f"{{{i}}}" for i in range(self.ufunc.nin))
        by = "out=" if self.ufunc in {np.maximum, np.minimum} else ""  # there NumPy deprecates it by position
        return (f"np.{self.ufunc.__name__}({operands}, {by}{{out}})",)


def _broadcast(types: tuple[TensorType, ...]) -> Shape:
    first = types[0].shape
    for other in types[1:]:
        if not same_shape(first, other.shape):
            return broadcast_shapes(*[t.shape for t in types])
    return first


@cache
def ufunc_dtype(ufunc: np.ufunc, dtypes: tuple[np.dtype[Any], ...]) -> np.dtype[Any]:
    """The dtype of a ufunc's last result for operands of these dtypes."""
    try:
        found: np.dtype[Any] = ufunc.resolve_dtypes((*dtypes, *[None] * ufunc.nout))[-1]
    except TypeError:
        names = " and ".join(d.name for d in dtypes)
        raise DTypeError(f"are not supported: np.{ufunc.__name__} takes no {names}") from None
    if found.name not in DTYPES:
        raise DTypeError(f"would give {found.name}, which is not supported")
    return found


# ---- arithmetic


class Add(Elementwise):
    """x + y."""

    ufunc = np.add


class Subtract(Elementwise):
    """x - y."""

    ufunc = np.subtract


class Multiply(Elementwise):
    """x * y."""

    ufunc = np.multiply


class Divide(Elementwise):
    """x / y."""

    ufunc = np.true_divide
    numpy = "np.divide({0}, {1}{out})"
    domain = Domain((Interval(), Interval(0.0, np.inf, open=True)))


class FloorDivide(Elementwise):
    """The floor of x / y."""

    ufunc = np.floor_divide
    domain = Domain((Interval(), Interval(0.0, np.inf, open=True)), kinds="biuf", kinks=(0.0,), analytic=False)


class Remainder(Elementwise):
    """x - floor(x / y) * y, with the sign of y."""

    ufunc = np.remainder
    domain = Domain((Interval(), Interval(0.0, np.inf, open=True)), kinds="biuf", analytic=False)


class Power(Elementwise):
    """x to the power y."""

    ufunc = np.power
    domain = Domain((Interval(0.0, np.inf, open=True), Interval()))


class Negative(Elementwise):
    """-x."""

    ufunc = np.negative


class Abs(Elementwise):
    """The absolute value; the modulus of a complex number."""

    ufunc = np.absolute
    numpy = "np.abs({0}{out})"
    domain = Domain(kinks=(0.0,), analytic=False)


class Sign(Elementwise):
    """-1, 0 or 1; x / abs(x) of a complex number."""

    ufunc = np.sign
    domain = Domain(kinks=(0.0,), analytic=False)


class Hypot(Elementwise):
    """sqrt(x**2 + y**2) without overflow."""

    ufunc = np.hypot
    domain = Domain((Interval(0.0, np.inf, open=True),), kinds="biuf", analytic=False)


# ---- rounding


class Floor(Elementwise):
    """The largest integer not above x."""

    ufunc = np.floor
    domain = Domain(kinds="biuf", analytic=False)


class Ceil(Elementwise):
    """The smallest integer not below x."""

    ufunc = np.ceil
    domain = Domain(kinds="biuf", analytic=False)


class Trunc(Elementwise):
    """The integer part of x."""

    ufunc = np.trunc
    domain = Domain(kinds="biuf", analytic=False)


class Rint(Elementwise):
    """The nearest integer; halves to even."""

    ufunc = np.rint
    domain = Domain(analytic=False)


# ---- comparison and logic


class Equal(Elementwise):
    """x == y."""

    ufunc = np.equal
    domain = LOGICAL


class NotEqual(Elementwise):
    """x != y."""

    ufunc = np.not_equal
    domain = LOGICAL


class Less(Elementwise):
    """x < y."""

    ufunc = np.less
    domain = ORDERED


class LessEqual(Elementwise):
    """x <= y."""

    ufunc = np.less_equal
    domain = ORDERED


class Greater(Elementwise):
    """x > y."""

    ufunc = np.greater
    domain = ORDERED


class GreaterEqual(Elementwise):
    """x >= y."""

    ufunc = np.greater_equal
    domain = ORDERED


class LogicalAnd(Elementwise):
    """Whether both are true."""

    ufunc = np.logical_and
    domain = LOGICAL


class LogicalOr(Elementwise):
    """Whether one is true."""

    ufunc = np.logical_or
    domain = LOGICAL


class LogicalXor(Elementwise):
    """Whether exactly one is true."""

    ufunc = np.logical_xor
    domain = LOGICAL


class LogicalNot(Elementwise):
    """Whether it is false."""

    ufunc = np.logical_not
    domain = LOGICAL


class IsNan(Elementwise):
    """Whether it is NaN."""

    ufunc = np.isnan
    domain = LOGICAL


class IsInf(Elementwise):
    """Whether it is infinite."""

    ufunc = np.isinf
    domain = LOGICAL


class IsFinite(Elementwise):
    """Whether it is neither infinite nor NaN."""

    ufunc = np.isfinite
    domain = LOGICAL


class Signbit(Elementwise):
    """Whether the sign bit is set: true of -0.0."""

    ufunc = np.signbit
    domain = Domain(kinds="biuf", analytic=False)


class BitwiseAnd(Elementwise):
    """x & y, bit by bit."""

    ufunc = np.bitwise_and
    domain = BITS


class BitwiseOr(Elementwise):
    """x | y, bit by bit."""

    ufunc = np.bitwise_or
    domain = BITS


class BitwiseXor(Elementwise):
    """x ^ y, bit by bit."""

    ufunc = np.bitwise_xor
    domain = BITS


class BitwiseInvert(Elementwise):
    """~x, bit by bit."""

    ufunc = np.invert
    domain = BITS


class BitwiseLeftShift(Elementwise):
    """x shifted left by y bits."""

    ufunc = np.left_shift
    domain = Domain((Interval(), Interval(0, 7)), kinds="iu", analytic=False)


class BitwiseRightShift(Elementwise):
    """x shifted right by y bits."""

    ufunc = np.right_shift
    domain = Domain((Interval(), Interval(0, 7)), kinds="iu", analytic=False)


# ---- selection


class Maximum(Elementwise):
    """The larger; NaN if either is."""

    ufunc = np.maximum
    domain = ORDERED


class Minimum(Elementwise):
    """The smaller; NaN if either is."""

    ufunc = np.minimum
    domain = ORDERED


class Where(Elementwise):
    """x where the condition holds, else y."""

    numpy = "np.where({0}, {1}, {2})"
    domain = Domain(kinds="biufc")

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The common dtype of both branches."""
        if dtypes[0] != np.bool_:
            raise DTypeError(f"need a bool condition, not {dtypes[0].name}: compare with 0 first")
        return np.result_type(*dtypes[1:])

    overwrites = (1,)

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """Integer arithmetic on the bits, many times quicker than ``np.copyto(where=)``: y + c * (x - y) in xor."""
        if not _has_bits(types):
            others = "np.logical_not({0}, {s0})", "np.copyto({out}, {2}, where={s0})"
            return "np.copyto({out}, {1})", *others
        if _is_zero(known[2]):
            return ("np.multiply({1:bits}, {0}, {out:bits})",)
        mixed = "np.bitwise_xor({1:bits}, {2:bits}, {out:bits})"
        chosen = "np.multiply({out:bits}, {0}, {out:bits})"
        return mixed, chosen, "np.bitwise_xor({out:bits}, {2:bits}, {out:bits})"

    def scratch(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """Where the condition does not hold, if that is needed."""
        return () if _has_bits(types) else (TensorType(types[0].dtype, types[0].shape),)


def _has_bits(types: Sequence[TensorType]) -> bool:
    """Whether both branches of a choice are integers of the same width, or can be seen as such."""
    return types[1].dtype == types[2].dtype and types[1].dtype.itemsize <= 8


def _is_zero(value: Array | None) -> bool:
    """Whether all bits are zero: -0.0 is another number."""
    return value is not None and not any(value.tobytes())


class Clip(Elementwise):
    """x held between low and high."""

    ufunc = np.clip  # type: ignore[assignment]
    numpy = "np.clip({0}, {1}, {2}{out})"
    domain = Domain(
        (Interval(), Interval(-np.inf, 0.0), Interval(0.0, np.inf)), kinds="biuf", ties=True, analytic=False
    )

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The common dtype of all three."""
        if any(d.kind == "c" for d in dtypes):
            raise DTypeError("are not ordered: clip takes no complex numbers")
        return np.result_type(*dtypes)


# ---- parts of complex numbers


class Conj(Elementwise):
    """The complex conjugate."""

    ufunc = np.conjugate
    domain = Domain(analytic=False)


class Real(Elementwise):
    """The real part."""

    numpy = "np.real({0})"
    view = True
    domain = Domain(analytic=False)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of the parts."""
        return real_dtype(dtypes[0])


class Imag(Elementwise):
    """The imaginary part."""

    numpy = "np.imag({0})"
    view = True
    domain = Domain(analytic=False)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of the parts."""
        return real_dtype(dtypes[0])

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """Zeros, of a real number; otherwise it is a view."""
        return () if types[0].dtype.kind == "c" else ("np.copyto({out}, {=0})",)


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the real part."""
    return np.dtype({"complex64": "float32", "complex128": "float64"}.get(dtype.name, dtype.name))


# ---- dtype


@dataclass(frozen=True, eq=False, repr=False)
class Cast(Elementwise):
    """The same values in another dtype."""

    to: np.dtype[Any]
    name = "astype"
    numpy = "{0}.astype({to})"
    domain = Domain(analytic=False)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype asked for."""
        return self.to

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """A copy that casts."""
        if self.to.kind == "b":
            return ("np.not_equal({0}, {=0}, {out})",)
        real = types[0].dtype.kind == "c" != self.to.kind
        return ("{out}[...] = np.real({0})" if real else "{out}[...] = {0}",)
