"""Arrays as Python text: the same bits, and the same order in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tensorgraph.ir.types import Array

__all__ = ["array_code", "arrays_code"]

LONG = 256  # elements: longer arrays are written as bytes
DIGITS = 8  # bytes of the widest real number that Python's own floats hold


def arrays_code(arrays: Iterable[Array], name: str = "arrays") -> list[str]:
    """Lines that define a list of arrays; read-only ones are so again.

    Examples
    --------
    >>> arrays_code([np.arange(2), np.float32(1)])
    ['arrays = [np.array([0, 1], np.int64), np.array(1.0, np.float32)]']
    """
    known = [np.asarray(a) for a in arrays]
    fixed = [i for i, a in enumerate(known) if not a.flags.writeable and not _repeats(a)]
    lines = [f"{name} = [{', '.join(map(array_code, known))}]"]
    return [*lines, *(f"{name}[{i}].flags.writeable = False" for i in fixed)]


def array_code(array: Array) -> str:
    """An expression for an array: the same dtype, byte order, shape and bits, and the same order in memory.

    Examples
    --------
    >>> array_code(np.array([1.0, np.nan], np.float32))
    'np.array([1.0, np.nan], np.float32)'
    >>> array_code(np.arange(3)[::-1])
    'np.array([0, 1, 2], np.int64)[::-1]'
    >>> array_code(np.array([[1, 2], [3, 4]], ">i4").T)
    "np.array([[1, 2], [3, 4]], '>i4').T"
    """
    array = np.asarray(array)
    if _repeats(array):
        once = array[tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)]
        return f"np.broadcast_to({array_code(once)}, {array.shape})"
    backwards = [n > 1 and step < 0 for n, step in zip(array.shape, array.strides, strict=True)]
    if any(backwards):
        last = max(i for i, turned in enumerate(backwards) if turned)
        index = ["::-1" if turned else ":" for turned in backwards[: last + 1]]
        if not any(backwards[:-1]) and len(index) > 1:
            index = ["...", "::-1"]
        turned = tuple(slice(None, None, -1) if turned else slice(None) for turned in backwards)
        return f"{array_code(array[turned])}[{', '.join(index)}]"
    return _permuted(array)


def _repeats(array: Array) -> bool:
    """Whether several elements are one in memory."""
    return bool(array.size) and any(n > 1 and step == 0 for n, step in zip(array.shape, array.strides, strict=True))


def _permuted(array: Array) -> str:
    """An array whose axes may lie in another order."""
    if array.flags.c_contiguous:
        return _contiguous(array)
    order = sorted(range(array.ndim), key=lambda i: (-array.strides[i], -array.shape[i]))
    inner = array.transpose(order)
    if not inner.flags.c_contiguous:  # there is something between its elements
        return f"np.repeat({_contiguous(array)}, 2, axis=-1)[..., ::2]"
    if order == list(reversed(range(array.ndim))):
        return f"{_contiguous(inner)}.T"
    return f"{_contiguous(inner)}.transpose({', '.join(str(order.index(i)) for i in range(array.ndim))})"


def _contiguous(array: Array) -> str:
    dtype = _dtype_code(array.dtype)
    if not array.size:
        return f"np.zeros({array.shape}, {dtype})"
    text = _texts(array.dtype)
    if array.size <= LONG:
        nested = _nested(array, text)
        if nested is not None:
            return f"np.array({nested}, {dtype})"
    elif (first := text(array.flat[0])) is not None and _uniform(array):
        return f"np.full({array.shape}, {first}, {dtype})"
    written = f'np.frombuffer(bytearray.fromhex("{array.tobytes().hex()}"), {dtype})'
    return written if array.ndim == 1 else f"{written}.reshape({array.shape})"


def _uniform(array: Array) -> bool:
    """Whether all elements are the same bits."""
    return array.tobytes() == array.ravel()[:1].tobytes() * array.size


def _dtype_code(dtype: np.dtype[Any]) -> str:
    if not dtype.isnative or dtype.kind not in "biufc":
        return repr(dtype.str)
    return f"np.{dtype.name if dtype.kind != 'b' else 'bool_'}"


def _texts(dtype: np.dtype[Any]) -> Callable[[Any], str | None]:
    """How a number is written; None for one that Python's own numbers do not hold."""
    native = dtype.newbyteorder("=")

    def real(x: Any) -> str | None:
        if np.isnan(x):
            return "np.nan" if type(x)(np.nan).tobytes() == x.tobytes() else None
        return repr(float(x)) if np.isfinite(x) else ("np.inf" if x > 0 else "-np.inf")

    def wide(x: Any) -> str | None:
        parts = real(x.real), real(x.imag)
        return None if None in parts else f"complex({parts[0]}, {parts[1]})"

    def number(x: Any) -> str | None:
        x = native.type(x)
        if x.dtype.itemsize > DIGITS * (2 if x.dtype.kind == "c" else 1):
            return None
        return real(x) if x.dtype.kind == "f" else wide(x)

    if dtype.kind in "fc":
        return number
    return (lambda x: repr(x.item())) if dtype.kind in "biu" else lambda x: None


def _nested(array: Array, text: Callable[[Any], str | None]) -> str | None:
    """Nested lists; None if a number has no text of its own."""
    if not array.ndim:
        return text(array[()])
    parts: Sequence[str | None] = [_nested(array[i, ...], text) for i in range(len(array))]
    return None if any(part is None for part in parts) else f"[{', '.join(p for p in parts if p is not None)}]"
