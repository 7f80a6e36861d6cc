"""NumPy's protocols: ``np.exp(t)`` and ``np.sum(t, axis=0)`` record instead of computing."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from inspect import Signature, signature
from types import ModuleType
from typing import Any

import numpy as np

import tensorgraph.array.functions as f
import tensorgraph.array.numpy_names as names
from tensorgraph.array.numpy_functions import FUNCTIONS, UNKNOWN_SHAPE, Recorder, refuse
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import DTypeError, UnsupportedError
from tensorgraph.ir.provenance import located

__all__ = ["function", "namespace", "ufunc"]

_INSTEAD = "call it on arrays (t.numpy() of a tensor whose value is known), or wrap it with tensorgraph.custom_op"
_NO_CHANGE = "a tensor does not change; write y = x.at[i].set(v), or .add(v)"
_FEED = "a tensor cannot be written into an array; write y = x.numpy() of one whose value is known"
_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")


# ---- ufuncs


def ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Record a call of a ufunc, or of its ``reduce`` or ``outer``."""
    name = f"np.{ufunc.__name__}" if method == "__call__" else f"np.{ufunc.__name__}.{method}"
    if kwargs.get("out", (None,))[0] is not None:
        refuse(
            f"{name}(out=)", "an array cannot take a tensor in place; write x = x + t for x += t, and leave out= away"
        )
    given = {key: value for key, value in kwargs.items() if key != "out" and not _default(key, value)}
    if method == "reduce":
        return _reduce(name, ufunc, inputs[0], given)
    if method not in ("__call__", "outer"):
        refuse(name, _NO_CHANGE if method == "at" else _INSTEAD)
    recorder = UFUNCS.get(ufunc)
    if recorder is None or (method == "outer" and ufunc.nin != 2):
        refuse(name, _INSTEAD)
    dtype = given.pop("dtype", None)
    for key in given:
        if key != "axis" or ufunc is not np.vecdot:
            refuse(
                f"{name}({key}=)",
                "leave the argument away" + ("; choose with where(mask, x, y)" if key == "where" else ""),
            )
    operands = inputs if dtype is None else [_operand(name, x, np.dtype(dtype)) for x in inputs]
    if method == "outer":
        a, b = asarray(operands[0]), asarray(operands[1])
        operands = (f.reshape(a, (*a.shape, *[1] * b.ndim)), b)
    result = recorder(*operands, **given)
    if dtype is not None and isinstance(result, Tensor) and result.dtype != dtype:
        refuse(f"{name}(dtype={np.dtype(dtype).name})", f"its result is {result.dtype.name}; cast that with astype")
    return result


def _default(key: str, value: Any) -> bool:
    """Whether an argument says what holds without it."""
    if isinstance(value, str):
        return (key, value) in (("casting", "same_kind"), ("order", "K"))
    return value is True if key in ("where", "subok") else value is None and key in ("dtype", "signature")


def _operand(name: str, x: Any, dtype: np.dtype[Any]) -> Tensor:
    """An operand cast as ``dtype=`` asks."""
    if isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic):
        return asarray(x, dtype)
    tensor = asarray(x)
    if not np.can_cast(tensor.dtype, dtype, "same_kind"):
        message = f"{name}(dtype={dtype.name}): {tensor.node.type} is not of the same kind; cast it with astype"
        raise located(DTypeError(message))
    return f.astype(tensor, dtype)


def _reduce(name: str, ufunc: np.ufunc, x: TensorLike, given: dict[str, Any]) -> Tensor:
    recorder = REDUCTIONS.get(ufunc)
    if recorder is None:
        refuse(name, _INSTEAD)
    x = asarray(x)
    axis, keepdims, dtype = given.pop("axis", 0), given.pop("keepdims", False), given.pop("dtype", None)
    for key in given:
        refuse(f"{name}({key}=)", "leave the argument away")
    if x.ndim == 0 and axis in (0, -1):
        axis = ()  # as NumPy: a scalar is its own reduction
    return recorder(x if dtype is None else f.astype(x, dtype), axis, keepdims=keepdims)  # type: ignore[no-any-return]


def _divmod(x1: TensorLike, x2: TensorLike) -> tuple[Tensor, Tensor]:
    return f.floor_divide(x1, x2), f.remainder(x1, x2)


def _fabs(x: TensorLike) -> Tensor:
    x = asarray(x)
    return f.abs(f.astype(x, np.float64) if x.dtype.kind in "biu" else x)


def _reciprocal(x: TensorLike) -> Tensor:
    x = asarray(x)
    if x.dtype.kind in "biu":
        refuse(f"np.reciprocal of {x.dtype.name}", "it rounds to integers; write 1 / x")
    return f.reciprocal(x)


UFUNCS: dict[np.ufunc, Recorder] = {
    np.absolute: f.abs,
    np.add: f.add,
    np.arccos: f.acos,
    np.arccosh: f.acosh,
    np.arcsin: f.asin,
    np.arcsinh: f.asinh,
    np.arctan: f.atan,
    np.arctan2: f.atan2,
    np.arctanh: f.atanh,
    np.bitwise_and: f.bitwise_and,
    np.bitwise_or: f.bitwise_or,
    np.bitwise_xor: f.bitwise_xor,
    np.cbrt: f.cbrt,
    np.ceil: f.ceil,
    np.conjugate: f.conj,
    np.cos: f.cos,
    np.cosh: f.cosh,
    np.divide: f.divide,
    np.divmod: _divmod,
    np.equal: f.equal,
    np.exp: f.exp,
    np.exp2: f.exp2,
    np.expm1: f.expm1,
    np.fabs: _fabs,
    np.floor: f.floor,
    np.floor_divide: f.floor_divide,
    np.greater: f.greater,
    np.greater_equal: f.greater_equal,
    np.hypot: f.hypot,
    np.invert: f.bitwise_invert,
    np.isfinite: f.isfinite,
    np.isinf: f.isinf,
    np.isnan: f.isnan,
    np.left_shift: f.bitwise_left_shift,
    np.less: f.less,
    np.less_equal: f.less_equal,
    np.log: f.log,
    np.log10: f.log10,
    np.log1p: f.log1p,
    np.log2: f.log2,
    np.logaddexp: f.logaddexp,
    np.logical_and: f.logical_and,
    np.logical_not: f.logical_not,
    np.logical_or: f.logical_or,
    np.logical_xor: f.logical_xor,
    np.matmul: f.matmul,
    np.maximum: f.maximum,
    np.minimum: f.minimum,
    np.multiply: f.multiply,
    np.negative: f.negative,
    np.not_equal: f.not_equal,
    np.positive: f.positive,
    np.power: f.pow,
    np.reciprocal: _reciprocal,
    np.remainder: f.remainder,
    np.right_shift: f.bitwise_right_shift,
    np.rint: names.rint,
    np.sign: f.sign,
    np.signbit: f.signbit,
    np.sin: f.sin,
    np.sinh: f.sinh,
    np.sqrt: f.sqrt,
    np.square: f.square,
    np.subtract: f.subtract,
    np.tan: f.tan,
    np.tanh: f.tanh,
    np.trunc: f.trunc,
    np.vecdot: f.vecdot,
}

REDUCTIONS: dict[np.ufunc, Recorder] = {
    np.add: f.sum,
    np.logical_and: f.all,
    np.logical_or: f.any,
    np.maximum: f.max,
    np.minimum: f.min,
    np.multiply: f.prod,
}


# ---- functions


def function(function: Recorder, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Record a call of a NumPy function."""
    module = (function.__module__ or "numpy").replace("numpy", "np", 1)
    name = f"{module}.{function.__name__}"
    recorder = FUNCTIONS.get(function)
    if recorder is None:
        refuse(name, ADVICE.get(function, _INSTEAD))
    form = _form(recorder)
    given = {key: value for key, value in kwargs.items() if key in form.parameters or not _means_nothing(key, value)}
    try:
        form.bind(*args, **given)
    except TypeError as error:
        why = str(error).removeprefix("got an ").removeprefix("a ")
        raise located(UnsupportedError(f"{name}: {why}; on tensors it is {name}{_shown(form)}")) from None
    return recorder(*args, **given)


def _means_nothing(key: str, value: Any) -> bool:
    """Whether an argument we do not have asks for nothing: ``out=None``, ``optimize=True``."""
    return value is None or value is np._NoValue or key in ("optimize", "subok") or (key == "where" and value is True)


@cache
def _form(recorder: Recorder) -> Signature:
    return signature(recorder)


def _shown(form: Signature) -> str:
    """The signature without annotations."""
    plain = [parameter.replace(annotation=parameter.empty) for parameter in form.parameters.values()]
    return str(form.replace(parameters=plain, return_annotation=form.empty))


ADVICE: dict[Recorder, str] = {
    np.argwhere: UNKNOWN_SHAPE,
    np.compress: UNKNOWN_SHAPE,
    np.extract: UNKNOWN_SHAPE,
    np.flatnonzero: UNKNOWN_SHAPE,
    np.nonzero: UNKNOWN_SHAPE,
    np.unique: UNKNOWN_SHAPE,
    np.copyto: _FEED,
    np.fill_diagonal: _NO_CHANGE,
    np.put: _NO_CHANGE,
    np.put_along_axis: _NO_CHANGE,
    np.putmask: _NO_CHANGE,
}


# ---- the Array API


def namespace(api_version: str | None) -> ModuleType:
    """The package, whose functions bear the Array API's names."""
    if api_version is not None and api_version not in _VERSIONS:
        known = ", ".join(_VERSIONS)
        message = f"__array_namespace__: version {api_version!r} of the Array API is not known: use one of {known}"
        raise located(UnsupportedError(message))
    return sys.modules["tensorgraph"]
