"""Arithmetic, rounding, comparison, logic and bits, by the Array API's names.

Each takes tensors or anything that `tensorgraph.asarray` takes, and gives a tensor of the broadcast shape.
Operands that do not broadcast raise `ShapeError`, dtypes that are not supported `DTypeError`. Dtypes promote
as in NumPy 2.
"""

from __future__ import annotations

from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.ops import elementwise as ops

__all__ = [
    "abs",
    "add",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "conj",
    "divide",
    "equal",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "pow",
    "real",
    "remainder",
    "sign",
    "signbit",
    "subtract",
    "trunc",
]


def abs(x: TensorLike, /) -> Tensor:
    """Absolute values; of complex numbers, the moduli.

    Examples
    --------
    >>> abs([-1.5, 2.0])
    Tensor([1.5, 2. ], float64)
    """
    return apply(ops.Abs(), asarray(x))


def add(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X + y.

    Examples
    --------
    >>> add([1.0, 2.0], 3)
    Tensor([4., 5.], float64)
    """
    return apply(ops.Add(), x1, x2)


def bitwise_and(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X & y, bit by bit.

    Examples
    --------
    >>> bitwise_and([1, 3], 2)
    Tensor([0, 2], int64)
    """
    return apply(ops.BitwiseAnd(), x1, x2)


def bitwise_invert(x: TensorLike, /) -> Tensor:
    """Every bit flipped; of bool, the negation.

    Examples
    --------
    >>> bitwise_invert([0, 1])
    Tensor([-1, -2], int64)
    """
    return apply(ops.BitwiseInvert(), asarray(x))


def bitwise_left_shift(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X shifted left by y bits.

    Examples
    --------
    >>> bitwise_left_shift([1, 3], 2)
    Tensor([ 4, 12], int64)
    """
    return apply(ops.BitwiseLeftShift(), x1, x2)


def bitwise_or(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X | y, bit by bit.

    Examples
    --------
    >>> bitwise_or([1, 3], 2)
    Tensor([3, 3], int64)
    """
    return apply(ops.BitwiseOr(), x1, x2)


def bitwise_right_shift(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X shifted right by y bits.

    Examples
    --------
    >>> bitwise_right_shift([8, 3], 2)
    Tensor([2, 0], int64)
    """
    return apply(ops.BitwiseRightShift(), x1, x2)


def bitwise_xor(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X ^ y, bit by bit.

    Examples
    --------
    >>> bitwise_xor([1, 3], 2)
    Tensor([3, 1], int64)
    """
    return apply(ops.BitwiseXor(), x1, x2)


def ceil(x: TensorLike, /) -> Tensor:
    """The smallest integers not below.

    Examples
    --------
    >>> ceil([1.2, -1.2])
    Tensor([ 2., -1.], float64)
    """
    return apply(ops.Ceil(), asarray(x))


def conj(x: TensorLike, /) -> Tensor:
    """Complex conjugates; real tensors are returned as they are.

    Examples
    --------
    >>> conj([1 + 2j])
    Tensor([1.-2.j], complex128)
    """
    x = asarray(x)
    return apply(ops.Conj(), x) if x.dtype.kind == "c" else x


def divide(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X / y; of integers, in float64.

    Examples
    --------
    >>> divide([1, 2], 2)
    Tensor([0.5, 1. ], float64)
    """
    return apply(ops.Divide(), x1, x2)


def equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x == y.

    Examples
    --------
    >>> equal([1, 2], 2)
    Tensor([False,  True], bool)
    """
    return apply(ops.Equal(), x1, x2)


def floor(x: TensorLike, /) -> Tensor:
    """The largest integers not above.

    Examples
    --------
    >>> floor([1.2, -1.2])
    Tensor([ 1., -2.], float64)
    """
    return apply(ops.Floor(), asarray(x))


def floor_divide(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The floor of x / y.

    Examples
    --------
    >>> floor_divide([7, -7], 2)
    Tensor([ 3, -4], int64)
    """
    return apply(ops.FloorDivide(), x1, x2)


def greater(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x > y.

    Examples
    --------
    >>> greater([1, 2], 1)
    Tensor([False,  True], bool)
    """
    return apply(ops.Greater(), x1, x2)


def greater_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x >= y.

    Examples
    --------
    >>> greater_equal([1, 2], 2)
    Tensor([False,  True], bool)
    """
    return apply(ops.GreaterEqual(), x1, x2)


def hypot(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """sqrt(x**2 + y**2) without overflow.

    Examples
    --------
    >>> hypot([3.0], 4.0)
    Tensor([5.], float64)
    """
    return apply(ops.Hypot(), x1, x2)


def imag(x: TensorLike, /) -> Tensor:
    """Imaginary parts.

    Examples
    --------
    >>> imag([1 + 2j])
    Tensor([2.], float64)
    """
    return apply(ops.Imag(), asarray(x))


def isfinite(x: TensorLike, /) -> Tensor:
    """Whether neither infinite nor NaN.

    Examples
    --------
    >>> isfinite([1.0, float("inf")])
    Tensor([ True, False], bool)
    """
    return apply(ops.IsFinite(), asarray(x))


def isinf(x: TensorLike, /) -> Tensor:
    """Whether infinite.

    Examples
    --------
    >>> isinf([1.0, float("inf")])
    Tensor([False,  True], bool)
    """
    return apply(ops.IsInf(), asarray(x))


def isnan(x: TensorLike, /) -> Tensor:
    """Whether NaN.

    Examples
    --------
    >>> isnan([1.0, float("nan")])
    Tensor([False,  True], bool)
    """
    return apply(ops.IsNan(), asarray(x))


def less(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x < y.

    Examples
    --------
    >>> less([1, 2], 2)
    Tensor([ True, False], bool)
    """
    return apply(ops.Less(), x1, x2)


def less_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x <= y.

    Examples
    --------
    >>> less_equal([1, 2], 1)
    Tensor([ True, False], bool)
    """
    return apply(ops.LessEqual(), x1, x2)


def logical_and(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether both are true.

    Examples
    --------
    >>> logical_and([True, False], True)
    Tensor([ True, False], bool)
    """
    return apply(ops.LogicalAnd(), x1, x2)


def logical_not(x: TensorLike, /) -> Tensor:
    """Whether false.

    Examples
    --------
    >>> logical_not([True, False])
    Tensor([False,  True], bool)
    """
    return apply(ops.LogicalNot(), asarray(x))


def logical_or(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether one is true.

    Examples
    --------
    >>> logical_or([True, False], False)
    Tensor([ True, False], bool)
    """
    return apply(ops.LogicalOr(), x1, x2)


def logical_xor(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether exactly one is true.

    Examples
    --------
    >>> logical_xor([True, False], True)
    Tensor([False,  True], bool)
    """
    return apply(ops.LogicalXor(), x1, x2)


def maximum(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The larger of both; NaN if either is. A tie shares the gradient equally.

    Examples
    --------
    >>> maximum([1.0, 3.0], 2.0)
    Tensor([2., 3.], float64)
    """
    return apply(ops.Maximum(), x1, x2)


def minimum(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The smaller of both; NaN if either is. A tie shares the gradient equally.

    Examples
    --------
    >>> minimum([1.0, 3.0], 2.0)
    Tensor([1., 2.], float64)
    """
    return apply(ops.Minimum(), x1, x2)


def multiply(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X * y.

    Examples
    --------
    >>> multiply([1.0, 2.0], 3)
    Tensor([3., 6.], float64)
    """
    return apply(ops.Multiply(), x1, x2)


def negative(x: TensorLike, /) -> Tensor:
    """-x.

    Examples
    --------
    >>> negative([1.0, -2.0])
    Tensor([-1.,  2.], float64)
    """
    return apply(ops.Negative(), asarray(x))


def not_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x != y.

    Examples
    --------
    >>> not_equal([1, 2], 2)
    Tensor([ True, False], bool)
    """
    return apply(ops.NotEqual(), x1, x2)


def pow(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X to the power y.

    Examples
    --------
    >>> pow([2.0, 3.0], 2)
    Tensor([4., 9.], float64)
    """
    return apply(ops.Power(), x1, x2)


def real(x: TensorLike, /) -> Tensor:
    """Real parts; real tensors are returned as they are.

    Examples
    --------
    >>> real([1 + 2j])
    Tensor([1.], float64)
    """
    x = asarray(x)
    return apply(ops.Real(), x) if x.dtype.kind == "c" else x


def remainder(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X - floor(x / y) * y, with the sign of y.

    Examples
    --------
    >>> remainder([7, -7], 3)
    Tensor([1, 2], int64)
    """
    return apply(ops.Remainder(), x1, x2)


def sign(x: TensorLike, /) -> Tensor:
    """-1, 0 or 1; of complex numbers, x / abs(x).

    Examples
    --------
    >>> sign([-2.0, 0.0])
    Tensor([-1.,  0.], float64)
    """
    return apply(ops.Sign(), asarray(x))


def signbit(x: TensorLike, /) -> Tensor:
    """Whether the sign bit is set: true of -0.0.

    Examples
    --------
    >>> signbit([-0.0, 1.0])
    Tensor([ True, False], bool)
    """
    return apply(ops.Signbit(), asarray(x))


def subtract(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """X - y.

    Examples
    --------
    >>> subtract([1.0, 2.0], 3)
    Tensor([-2., -1.], float64)
    """
    return apply(ops.Subtract(), x1, x2)


def trunc(x: TensorLike, /) -> Tensor:
    """The integer parts.

    Examples
    --------
    >>> trunc([1.7, -1.7])
    Tensor([ 1., -1.], float64)
    """
    return apply(ops.Trunc(), asarray(x))
