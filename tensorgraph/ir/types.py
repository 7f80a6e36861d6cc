"""`TensorType`: the dtype and shape of a value, known before it is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tensorgraph.errors import DTypeError, ShapeError
from tensorgraph.ir.dims import Dim, DimLike, Shape, dim_key, evaluate_dim, parse_dim, same_shape

__all__ = [
    "DTYPES", "Array", "Shape", "TensorType", "as_dtype", "as_shape", "broadcast_shapes", "format_shape",
    "scalar_dtype",
]  # fmt: skip

Array: TypeAlias = NDArray[Any]

DTYPES: tuple[str, ...] = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip


@lru_cache(maxsize=256)
def _known_dtype(dtype: Any) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"{dtype!r} is no data type: use one of {', '.join(DTYPES)}") from None
    if found.name not in DTYPES:
        raise DTypeError(f"data type {found.name} is not supported: use one of {', '.join(DTYPES)}")
    return np.dtype(found.name)  # NumPy's own object of it, so that a kernel knows an input's dtype by identity


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """The NumPy dtype named by `dtype`, in native byte order; `DTypeError` if it is none of ours."""
    return _known_dtype(dtype)


def scalar_dtype(dtype: np.dtype[Any], scalar: complex) -> np.dtype[Any]:
    """The dtype in which a Python scalar meets a tensor of `dtype`: weak, as in NumPy 2 (NEP 50)."""
    kind: Any = type(scalar)
    return _weak(dtype, kind)


@lru_cache(maxsize=256)
def _weak(dtype: np.dtype[Any], kind: type) -> np.dtype[Any]:
    return np.result_type(dtype, kind(0))


def as_shape(shape: Any) -> Shape:
    """A shape from an int, a name, a `Dim`, or a sequence of these."""
    items = (shape,) if isinstance(shape, (int, np.integer, str, Dim)) else tuple(shape)
    return tuple(_as_dim(item) for item in items)


def _as_dim(item: Any) -> DimLike:
    if isinstance(item, Dim):
        return item
    if isinstance(item, str):
        return parse_dim(item)
    if isinstance(item, (bool, np.bool_)) or not hasattr(item, "__index__"):
        raise ShapeError(f"{item!r} is no dimension: use a size of at least 0 or a name such as 'batch'")
    return int(item.__index__())


def format_shape(shape: Iterable[DimLike]) -> str:
    """``[batch, 784]``."""
    return f"[{', '.join(map(str, shape))}]"


class TensorType:
    """The dtype and shape of a tensor.

    Parameters
    ----------
    dtype
        A supported NumPy dtype.
    shape
        Sizes: each an ``int`` or a `Dim`.

    Examples
    --------
    >>> TensorType(np.dtype("float32"), as_shape(("batch", 784)))
    float32[batch, 784]
    """

    __slots__ = ("dtype", "shape")

    dtype: np.dtype[Any]
    shape: Shape

    def __init__(self, dtype: np.dtype[Any], shape: Shape) -> None:
        _set_dtype(self, dtype)
        _set_shape(self, shape)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a TensorType does not change: cannot set {name!r}")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> DimLike:
        """Number of elements."""
        total: DimLike = 1
        for n in self.shape:
            total = total * n
        return total

    @property
    def nbytes(self) -> DimLike:
        """Number of bytes of the elements."""
        return self.size * self.dtype.itemsize

    @property
    def symbolic(self) -> bool:
        """Whether a size is not known yet."""
        return any(isinstance(n, Dim) for n in self.shape)

    def key(self) -> object:
        """Equal for equal types only; never undecided."""
        return self.dtype, tuple(map(dim_key, self.shape))

    def with_sizes(self, sizes: Mapping[str, int]) -> TensorType:
        """The type with symbols replaced by their sizes."""
        return TensorType(self.dtype, tuple(evaluate_dim(n, sizes) for n in self.shape))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorType):
            return NotImplemented
        return self.dtype == other.dtype and same_shape(self.shape, other.shape)

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        return f"{self.dtype.name}{format_shape(self.shape)}"

    def __reduce__(self) -> tuple[object, ...]:
        return _read, (self.dtype.name, self.shape)

    @staticmethod
    def of(array: Array) -> TensorType:
        """The type of a NumPy array."""
        return TensorType(as_dtype(array.dtype), array.shape)

    @staticmethod
    def parse(text: str) -> TensorType:
        """Read ``float32[batch, 784]`` back."""
        name, _, rest = text.strip().partition("[")
        inner = rest.rstrip().removesuffix("]")
        return TensorType(as_dtype(name), tuple(parse_dim(part) for part in _split(inner)))


def _read(name: str, shape: Shape) -> TensorType:
    """Of a pickle: its dtype is then NumPy's own object again."""
    return TensorType(as_dtype(name), shape)


_set_dtype, _set_shape = (getattr(TensorType, name).__set__ for name in ("dtype", "shape"))


def _split(inner: str) -> list[str]:
    """Split at commas outside parentheses: ``max(n - 1, 0), 3`` is two dimensions."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(inner):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(inner[start:i])
            start = i + 1
    return [*parts, inner[start:]] if inner.strip() else []


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape these broadcast to, by NumPy's rules.

    A symbol broadcasts with itself and with a literal 1 only.

    Raises
    ------
    ShapeError
        Says at which axis (counted from the end) and why.
    """
    first = shapes[0]
    if all(same_shape(first, other) for other in shapes[1:]):
        return first
    rank = max(map(len, shapes))
    result: list[DimLike] = []
    for axis in range(-rank, 0):
        size: DimLike = 1
        for shape in shapes:
            if len(shape) >= -axis:
                size = _meet(size, shape[axis], axis)
        result.append(size)
    return tuple(result)


def _meet(left: DimLike, right: DimLike, axis: int) -> DimLike:
    if isinstance(left, int) and left == 1:
        return right
    if (isinstance(right, int) and right == 1) or dim_key(left) == dim_key(right):
        return left
    why = "; a symbolic size broadcasts only with itself and with 1" if not (type(left) is type(right) is int) else ""
    raise ShapeError(f"do not broadcast: axis {axis} is {left} and {right}{why}")
