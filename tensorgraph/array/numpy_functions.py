"""NumPy's functions, with NumPy's signatures, as recorded when they are called on tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

import tensorgraph.array.functions as f
import tensorgraph.array.numpy_names as names
from tensorgraph.array.axes import Axes
from tensorgraph.array.numpy_library import LIBRARY
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import UnsupportedError
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.provenance import located

__all__ = ["FUNCTIONS", "UNKNOWN_SHAPE", "Recorder", "refuse"]

Recorder: TypeAlias = Callable[..., Any]

UNKNOWN_SHAPE = "the shape of its result depends on values; keep the shape with where(mask, x, 0)"


def refuse(what: str, instead: str) -> NoReturn:
    """Raise the error of a NumPy function that cannot be recorded."""
    raise located(UnsupportedError(f"{what} is not supported on tensors: {instead}"))


def _cast(a: TensorLike, dtype: Any) -> TensorLike:
    return a if dtype is None else f.astype(a, dtype)


def _sum(a: TensorLike, axis: Axes = None, dtype: Any = None, *, keepdims: bool = False) -> Tensor:
    return f.sum(a, axis, dtype=dtype, keepdims=keepdims)


def _prod(a: TensorLike, axis: Axes = None, dtype: Any = None, *, keepdims: bool = False) -> Tensor:
    return f.prod(a, axis, dtype=dtype, keepdims=keepdims)


def _mean(a: TensorLike, axis: Axes = None, dtype: Any = None, *, keepdims: bool = False) -> Tensor:
    return f.mean(_cast(a, dtype), axis, keepdims=keepdims)


def _var(
    a: TensorLike,
    axis: Axes = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    correction: float | None = None,
) -> Tensor:
    return f.var(_cast(a, dtype), axis, correction=ddof if correction is None else correction, keepdims=keepdims)


def _std(
    a: TensorLike,
    axis: Axes = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    correction: float | None = None,
) -> Tensor:
    return f.std(_cast(a, dtype), axis, correction=ddof if correction is None else correction, keepdims=keepdims)


def _max(a: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    return f.max(a, axis, keepdims=keepdims)


def _min(a: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    return f.min(a, axis, keepdims=keepdims)


def _any(a: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    return f.any(a, axis, keepdims=keepdims)


def _all(a: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    return f.all(a, axis, keepdims=keepdims)


def _argmax(a: TensorLike, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    return f.argmax(a, axis, keepdims=keepdims)


def _argmin(a: TensorLike, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    return f.argmin(a, axis, keepdims=keepdims)


def _count_nonzero(a: TensorLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    return f.count_nonzero(a, axis, keepdims=keepdims)


def _round(a: TensorLike, decimals: int = 0) -> Tensor:
    return f.round(a, decimals)


def _clip(a: TensorLike, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Tensor:
    return f.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


def _where(condition: TensorLike, x: TensorLike | None = None, y: TensorLike | None = None) -> Tensor:
    if x is None or y is None:
        refuse("np.where(condition)", UNKNOWN_SHAPE)
    return f.where(f.astype(condition, bool), x, y)


def _nan_to_num(
    x: TensorLike, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    return f.nan_to_num(x, nan, posinf, neginf)


def _sinc(x: TensorLike) -> Tensor:
    return f.sinc(x)


def _real(val: TensorLike) -> Tensor:
    return f.real(val)


def _imag(val: TensorLike) -> Tensor:
    return f.imag(val)


def _reshape(a: TensorLike, shape: Any, order: str = "C", *, copy: bool | None = None) -> Tensor:
    if order != "C":
        refuse(f"np.reshape(order={order!r})", "transpose first")
    return f.reshape(a, shape)


def _expand_dims(a: TensorLike, axis: int | Sequence[int]) -> Tensor:
    return f.expand_dims(a, axis)


def _squeeze(a: TensorLike, axis: Axes = None) -> Tensor:
    return f.squeeze(a, axis)


def _swapaxes(a: TensorLike, axis1: int, axis2: int) -> Tensor:
    return f.swapaxes(a, axis1, axis2)


def _moveaxis(a: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    return f.moveaxis(a, source, destination)


def _flip(m: TensorLike, axis: Axes = None) -> Tensor:
    return f.flip(m, axis)


def _broadcast_to(array: TensorLike, shape: Any) -> Tensor:
    return f.broadcast_to(array, shape)


def _broadcast_arrays(*args: TensorLike) -> tuple[Tensor, ...]:
    return tuple(f.broadcast_arrays(*args))


def _stack(arrays: Sequence[TensorLike], axis: int = 0, *, dtype: Any = None) -> Tensor:
    return asarray(_cast(f.stack(arrays, axis=axis), dtype))


def _split(ary: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    return f.split(ary, indices_or_sections, axis)


def _vstack(tup: Sequence[TensorLike], *, dtype: Any = None) -> Tensor:
    return asarray(_cast(names.vstack(tup), dtype))


def _hstack(tup: Sequence[TensorLike], *, dtype: Any = None) -> Tensor:
    return asarray(_cast(names.hstack(tup), dtype))


def _atleast_1d(*arys: TensorLike) -> Tensor | tuple[Tensor, ...]:
    return names.atleast_1d(arys[0]) if len(arys) == 1 else tuple(names.atleast_1d(x) for x in arys)


def _atleast_2d(*arys: TensorLike) -> Tensor | tuple[Tensor, ...]:
    return names.atleast_2d(arys[0]) if len(arys) == 1 else tuple(names.atleast_2d(x) for x in arys)


def _pad(array: TensorLike, pad_width: Any, mode: str = "constant", *, constant_values: complex = 0) -> Tensor:
    return f.pad(array, pad_width, mode, constant_values=constant_values)


def _take(a: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    return f.take(a, indices, axis=axis)


def _take_along_axis(arr: TensorLike, indices: TensorLike, axis: int | None = -1) -> Tensor:
    return (
        f.take_along_axis(names.ravel(arr), indices, axis=0)
        if axis is None
        else f.take_along_axis(arr, indices, axis=axis)
    )


def _tril(m: TensorLike, k: int = 0) -> Tensor:
    return f.tril(m, k=k)


def _triu(m: TensorLike, k: int = 0) -> Tensor:
    return f.triu(m, k=k)


def _zeros_like(a: TensorLike, dtype: Any = None, *, shape: Any = None) -> Tensor:
    return f.zeros_like(a if shape is None else f.zeros(shape, dtype=asarray(a).dtype), dtype=dtype)


def _ones_like(a: TensorLike, dtype: Any = None, *, shape: Any = None) -> Tensor:
    return f.ones_like(a if shape is None else f.zeros(shape, dtype=asarray(a).dtype), dtype=dtype)


def _full_like(a: TensorLike, fill_value: TensorLike, dtype: Any = None, *, shape: Any = None) -> Tensor:
    like = asarray(a)
    value = f.astype(fill_value, like.dtype if dtype is None else dtype)
    return f.broadcast_to(value, like.shape if shape is None else shape)


def _copy(a: TensorLike) -> Tensor:
    return asarray(a)


def _meshgrid(*xi: TensorLike, copy: bool = True, indexing: str = "xy") -> tuple[Tensor, ...]:
    return tuple(f.meshgrid(*xi, indexing=indexing))


def _dot(a: TensorLike, b: TensorLike) -> Tensor:
    return f.dot(a, b)


def _inner(a: TensorLike, b: TensorLike) -> Tensor:
    return f.inner(a, b)


def _outer(a: TensorLike, b: TensorLike) -> Tensor:
    return f.outer(a, b)


def _tensordot(a: TensorLike, b: TensorLike, axes: Any = 2) -> Tensor:
    return f.tensordot(a, b, axes=axes)


def _einsum(subscripts: str, /, *operands: TensorLike) -> Tensor:
    if not isinstance(subscripts, str):
        refuse("np.einsum with lists of axes", "write the axes as text, such as 'ij,jk->ik'")
    return f.einsum(subscripts, *operands)


def _matrix_norm(x: TensorLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    return names.norm(x, ord, (-2, -1), keepdims)


def _array_equal(a1: TensorLike, a2: TensorLike) -> Tensor:
    a, b = asarray(a1), asarray(a2)
    return f.all(a == b) if a.shape == b.shape else asarray(False)


def _shape(a: Tensor) -> tuple[DimLike, ...]:
    return asarray(a).shape


def _ndim(a: Tensor) -> int:
    return asarray(a).ndim


def _size(a: Tensor, axis: int | None = None) -> DimLike:
    return asarray(a).size if axis is None else asarray(a).shape[axis]


def _result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    return np.result_type(*[x.dtype if isinstance(x, Tensor) else x for x in arrays_and_dtypes])


def _iscomplexobj(x: Any) -> bool:
    return asarray(x).dtype.kind == "c"


FUNCTIONS: dict[Recorder, Recorder] = {
    np.all: _all,
    np.allclose: names.allclose,
    np.amax: names.amax,
    np.amin: names.amin,
    np.any: _any,
    np.argmax: _argmax,
    np.argmin: _argmin,
    np.around: names.around,
    np.array_equal: _array_equal,
    np.astype: f.astype,
    np.atleast_1d: _atleast_1d,
    np.atleast_2d: _atleast_2d,
    np.broadcast_arrays: _broadcast_arrays,
    np.broadcast_to: _broadcast_to,
    np.clip: _clip,
    np.column_stack: names.column_stack,
    np.concatenate: names.concatenate,
    np.copy: _copy,
    np.count_nonzero: _count_nonzero,
    np.diagonal: names.diagonal,
    np.dot: _dot,
    np.einsum: _einsum,
    np.empty_like: _zeros_like,
    np.expand_dims: _expand_dims,
    np.flip: _flip,
    np.full_like: _full_like,
    np.hstack: _hstack,
    np.imag: _imag,
    np.inner: _inner,
    np.isclose: names.isclose,
    np.iscomplexobj: _iscomplexobj,
    np.linalg.matmul: f.matmul,
    np.linalg.matrix_norm: _matrix_norm,
    np.linalg.matrix_transpose: f.matrix_transpose,
    np.linalg.norm: names.norm,
    np.linalg.outer: f.outer,
    np.linalg.tensordot: f.tensordot,
    np.linalg.vecdot: f.vecdot,
    np.linalg.vector_norm: f.vector_norm,
    np.matrix_transpose: f.matrix_transpose,
    np.max: _max,
    np.mean: _mean,
    np.meshgrid: _meshgrid,
    np.min: _min,
    np.moveaxis: _moveaxis,
    np.nan_to_num: _nan_to_num,
    np.ndim: _ndim,
    np.ones_like: _ones_like,
    np.outer: _outer,
    np.pad: _pad,
    np.prod: _prod,
    np.ravel: names.ravel,
    np.real: _real,
    np.reshape: _reshape,
    np.result_type: _result_type,
    np.round: _round,
    np.shape: _shape,
    np.sinc: _sinc,
    np.size: _size,
    np.split: _split,
    np.squeeze: _squeeze,
    np.stack: _stack,
    np.std: _std,
    np.sum: _sum,
    np.swapaxes: _swapaxes,
    np.take: _take,
    np.take_along_axis: _take_along_axis,
    np.tensordot: _tensordot,
    np.trace: names.trace,
    np.transpose: names.transpose,
    np.tril: _tril,
    np.triu: _triu,
    np.unstack: f.unstack,
    np.var: _var,
    np.vdot: names.vdot,
    np.vstack: _vstack,
    np.where: _where,
    np.zeros_like: _zeros_like,
    **LIBRARY,
}
