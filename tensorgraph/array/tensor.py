"""`Tensor`: the notation in which users and derivatives write mathematics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tensorgraph.array.value import Value
from tensorgraph.errors import DTypeError, SymbolicError, TensorGraphError, UnsupportedError
from tensorgraph.ir.leaves import Constant, constant
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array, as_dtype, scalar_dtype
from tensorgraph.ops import elementwise as ops

__all__ = ["Tensor", "TensorLike", "apply", "as_array", "asarray", "node_of", "promote"]

TensorLike: TypeAlias = "Tensor | npt.ArrayLike"
Key: TypeAlias = Any  # what may stand in brackets

_COMPARISONS = (ops.Equal, ops.NotEqual, ops.Less, ops.LessEqual, ops.Greater, ops.GreaterEqual)


class Tensor(Value):
    """An array whose computation is recorded.

    Arithmetic, NumPy functions and the functions of this library applied to a Tensor give Tensors. One that
    depends on no placeholder is *concrete*: it is computed when its value is asked for (``np.asarray(t)``,
    ``float(t)``, ``print(t)``). Comparison is elementwise; Tensors hash by identity.

    Parameters
    ----------
    node
        The recorded operation. Use `asarray`, `placeholder` or `Parameter` to make one from values.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.asarray([1.0, 2.0, 3.0])
    >>> (x * x).sum()
    Tensor(14., float64)
    """

    __slots__ = ()

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a tensor with no axes")
        return self.shape[0].__index__()

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a tensor with no axes")
        if not isinstance(self.shape[0], int):
            raise located(
                SymbolicError(f"iteration: the first axis of {self.node.type} has no size yet: index or reduce it")
            )
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, item: TensorLike) -> bool:
        return bool(_f.any(self == item))

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return Tensor, (self.node,)

    # ---- NumPy's and the standard's protocols
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _protocol.ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _protocol.function(function, args, kwargs)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return _protocol.namespace(api_version)

    # ---- operators
    def __add__(self, other: TensorLike) -> Tensor:
        return apply(ops.Add(), self, other)

    def __radd__(self, other: TensorLike) -> Tensor:
        return apply(ops.Add(), other, self)

    def __sub__(self, other: TensorLike) -> Tensor:
        return apply(ops.Subtract(), self, other)

    def __rsub__(self, other: TensorLike) -> Tensor:
        return apply(ops.Subtract(), other, self)

    def __mul__(self, other: TensorLike) -> Tensor:
        return apply(ops.Multiply(), self, other)

    def __rmul__(self, other: TensorLike) -> Tensor:
        return apply(ops.Multiply(), other, self)

    def __truediv__(self, other: TensorLike) -> Tensor:
        return apply(ops.Divide(), self, other)

    def __rtruediv__(self, other: TensorLike) -> Tensor:
        return apply(ops.Divide(), other, self)

    def __floordiv__(self, other: TensorLike) -> Tensor:
        return apply(ops.FloorDivide(), self, other)

    def __rfloordiv__(self, other: TensorLike) -> Tensor:
        return apply(ops.FloorDivide(), other, self)

    def __mod__(self, other: TensorLike) -> Tensor:
        return apply(ops.Remainder(), self, other)

    def __rmod__(self, other: TensorLike) -> Tensor:
        return apply(ops.Remainder(), other, self)

    def __divmod__(self, other: TensorLike) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __pow__(self, other: TensorLike) -> Tensor:
        return apply(ops.Power(), self, other)

    def __rpow__(self, other: TensorLike) -> Tensor:
        return apply(ops.Power(), other, self)

    def __matmul__(self, other: TensorLike) -> Tensor:
        return _f.matmul(self, other)

    def __rmatmul__(self, other: TensorLike) -> Tensor:
        return _f.matmul(other, self)

    def __neg__(self) -> Tensor:
        return apply(ops.Negative(), self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return apply(ops.Abs(), self)

    def __invert__(self) -> Tensor:
        return apply(ops.BitwiseInvert(), self)

    def __and__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseAnd(), self, other)

    def __rand__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseAnd(), other, self)

    def __or__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseOr(), self, other)

    def __ror__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseOr(), other, self)

    def __xor__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseXor(), self, other)

    def __rxor__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseXor(), other, self)

    def __lshift__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseLeftShift(), self, other)

    def __rlshift__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseLeftShift(), other, self)

    def __rshift__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseRightShift(), self, other)

    def __rrshift__(self, other: TensorLike) -> Tensor:
        return apply(ops.BitwiseRightShift(), other, self)

    def __eq__(self, other: TensorLike) -> Tensor:  # type: ignore[override]
        return apply(ops.Equal(), self, other)

    def __ne__(self, other: TensorLike) -> Tensor:  # type: ignore[override]
        return apply(ops.NotEqual(), self, other)

    def __lt__(self, other: TensorLike) -> Tensor:
        return apply(ops.Less(), self, other)

    def __le__(self, other: TensorLike) -> Tensor:
        return apply(ops.LessEqual(), self, other)

    def __gt__(self, other: TensorLike) -> Tensor:
        return apply(ops.Greater(), self, other)

    def __ge__(self, other: TensorLike) -> Tensor:
        return apply(ops.GreaterEqual(), self, other)

    def __round__(self, decimals: int = 0) -> Tensor:
        return _f.round(self, decimals)

    # ---- indexing
    def __getitem__(self, key: Key) -> Tensor:
        return _f.getitem(self, key)

    def __setitem__(self, key: Key, value: TensorLike) -> None:
        raise located(UnsupportedError("a Tensor does not change: write y = x.at[i].set(v) for x[i] = v"))

    @property
    def at(self) -> _f.At:
        """Pure assignment: ``x.at[i].set(v)`` and ``x.at[i].add(v)`` give a changed copy."""
        return _f.At(self)

    # ---- methods, as NumPy's arrays have them
    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return _f.permute_dims(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return _f.matrix_transpose(self)

    @property
    def real(self) -> Tensor:
        """Real parts."""
        return _f.real(self)

    @property
    def imag(self) -> Tensor:
        """Imaginary parts."""
        return _f.imag(self)

    def astype(self, dtype: Any, copy: bool = True) -> Tensor:
        """See `tensorgraph.astype`."""
        return _f.astype(self, dtype)

    def reshape(self, *shape: Any) -> Tensor:
        """See `tensorgraph.reshape`; the shape as one tuple or as several sizes."""
        return _f.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """See `tensorgraph.permute_dims`; without axes, in reverse order."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return _f.permute_dims(self, order) if order else self.T

    def flatten(self) -> Tensor:
        """One axis."""
        return _f.reshape(self, (-1,))

    ravel = flatten

    def squeeze(self, axis: int | Sequence[int] | None = None) -> Tensor:
        """See `tensorgraph.squeeze`."""
        return _f.squeeze(self, axis)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """See `tensorgraph.swapaxes`."""
        return _f.swapaxes(self, axis1, axis2)

    def sum(self, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.sum`."""
        return _f.sum(self, axis, dtype=dtype, keepdims=keepdims)

    def prod(self, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.prod`."""
        return _f.prod(self, axis, dtype=dtype, keepdims=keepdims)

    def mean(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.mean`."""
        return _f.mean(self, axis, keepdims=keepdims)

    def var(self, axis: Axes = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.var`, whose ``correction`` NumPy calls ``ddof``."""
        return _f.var(self, axis, correction=ddof, keepdims=keepdims)

    def std(self, axis: Axes = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.std`, whose ``correction`` NumPy calls ``ddof``."""
        return _f.std(self, axis, correction=ddof, keepdims=keepdims)

    def max(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.max`."""
        return _f.max(self, axis, keepdims=keepdims)

    def min(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.min`."""
        return _f.min(self, axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.argmax`."""
        return _f.argmax(self, axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.argmin`."""
        return _f.argmin(self, axis, keepdims=keepdims)

    def any(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.any`."""
        return _f.any(self, axis, keepdims=keepdims)

    def all(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """See `tensorgraph.all`."""
        return _f.all(self, axis, keepdims=keepdims)

    def clip(self, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
        """See `tensorgraph.clip`."""
        return _f.clip(self, min, max)

    def round(self, decimals: int = 0) -> Tensor:
        """See `tensorgraph.round`."""
        return _f.round(self, decimals)

    def conj(self) -> Tensor:
        """See `tensorgraph.conj`."""
        return _f.conj(self)

    def dot(self, other: TensorLike) -> Tensor:
        """See `tensorgraph.dot`."""
        return _f.dot(self, other)

    def take(self, indices: TensorLike, axis: int | None = None) -> Tensor:
        """See `tensorgraph.take`."""
        return _f.take(self, indices, axis=axis)


Axes: TypeAlias = "int | Sequence[int] | None"


# ---- from values to tensors


def as_array(value: Any, dtype: np.dtype[Any] | None) -> Array:
    """A fresh, native, supported array; never an object array."""
    try:
        array = np.array(value, dtype=dtype)
    except (ValueError, TypeError) as error:
        raise located(UnsupportedError(f"asarray: {_short(value)} is no array of numbers: {error}")) from None
    except OverflowError:
        raise located(DTypeError(f"asarray: {_short(value)} does not fit {dtype}")) from None
    if array.dtype.kind == "O" or array.dtype.kind in "SUV":
        raise located(UnsupportedError(f"asarray: {_short(value)} is no array of numbers"))
    return array.astype(_dtype(array.dtype), copy=False)


def _dtype(dtype: Any) -> np.dtype[Any]:
    try:
        return as_dtype(dtype)
    except TensorGraphError as error:
        raise located(error) from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."


def asarray(value: TensorLike, dtype: Any = None, *, copy: bool | None = None) -> Tensor:
    """A tensor of known values.

    Parameters
    ----------
    value
        Array, nested lists, Python number, or Tensor (returned as it is, unless the dtype differs).
    dtype
        Data type; by default that of the value, as in NumPy.
    copy
        Values are copied, so that a later change of the array changes nothing here; False shares memory
        with an array, which must then stay as it is.

    Raises
    ------
    UnsupportedError
        If the value is no array of numbers.

    Examples
    --------
    >>> asarray([1, 2, 3])
    Tensor([1, 2, 3], int64)
    """
    if isinstance(value, Tensor):
        return value if dtype is None or value.dtype == dtype else _f.astype(value, dtype)
    if isinstance(value, (list, tuple)) and _has_tensors(value):
        return asarray(_f.stack([asarray(v) for v in value]), dtype)
    if copy is False and isinstance(value, np.ndarray) and dtype in (None, value.dtype) and value.dtype.isnative:
        return Tensor(Node(Constant(_readonly(value.view()))))
    return Tensor(Node(Constant(_readonly(as_array(value, None if dtype is None else _dtype(dtype))))))


def _has_tensors(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, (list, tuple)) and any(map(_has_tensors, value)))


def _readonly(array: Array) -> Array:
    array.flags.writeable = False
    return array


# ---- applying operations


def apply(op: Op, *operands: TensorLike) -> Tensor:
    """Record an operation with one result; Python scalars take the dtype of the tensors beside them."""
    nodes = [o.node if isinstance(o, Tensor) else None for o in operands]
    if None in nodes:
        return Tensor(Node(op, *_mixed(op, operands)))
    return Tensor(Node(op, *nodes))  # type: ignore[arg-type]


def _mixed(op: Op, operands: Sequence[TensorLike]) -> list[Node]:
    weak = [isinstance(o, (bool, int, float, complex)) and not isinstance(o, np.generic) for o in operands]
    if all(weak):
        return [asarray(o).node for o in operands]
    strong = [None if w else asarray(o).node for o, w in zip(operands, weak, strict=True)]
    dtypes = [n.types[0].dtype for n in strong if n is not None]
    dtype = dtypes[0] if len(dtypes) == 1 else np.result_type(*dtypes)
    return [n if n is not None else _weak(op, o, dtype) for n, o in zip(strong, operands, strict=True)]


def _weak(op: Op, scalar: Any, dtype: np.dtype[Any]) -> Node:
    try:
        return constant(scalar, scalar_dtype(dtype, scalar))
    except OverflowError:
        if isinstance(op, _COMPARISONS):
            return constant(scalar)
        if isinstance(op, ops.Divide):
            return constant(scalar, np.dtype(np.float64))  # integers are divided in float64
        raise located(DTypeError(f"{op.name}: {scalar} does not fit {dtype.name}; cast the tensor first")) from None


def promote(*operands: TensorLike) -> list[Tensor]:
    """Operands as tensors of their common dtype, Python scalars being weak."""
    mixed = [Tensor(node) for node in _mixed(ops.Add(), operands)]
    try:
        dtype = np.result_type(*[t.dtype for t in mixed])
    except TypeError as error:
        raise located(DTypeError(str(error))) from None
    return [t if t.dtype == dtype else _f.astype(t, dtype) for t in mixed]


def node_of(value: TensorLike) -> Node:
    """The node of a tensor, or of a constant made from a value."""
    return asarray(value).node


# Methods call the public functions, and those are written in Tensors: one floor, two files.
import tensorgraph.array.functions as _f  # noqa: E402
import tensorgraph.array.protocol as _protocol  # noqa: E402
