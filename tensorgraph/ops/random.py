"""Random numbers: each element a function of a key and of its flat index, shifted by `offset`.

So a part of a draw is a draw of that part: rows a to b of ``[n, m]`` are what ``offset + a * m`` gives for
``[b - a, m]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tensorgraph.errors import DTypeError, ShapeError
from tensorgraph.ir.dims import Dim, DimLike, Shape
from tensorgraph.ir.node import SYMBOLIC
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.numerics.philox import (
    fold_in,
    normal_quantile,
    normal_tail,
    philox,
    philox_blocks,
    random_bernoulli,
    random_bits,
    random_exponential,
    random_fraction,
    random_gumbel,
    random_normal,
    random_permutation,
    random_randint,
    random_truncated_normal,
    random_uniform,
    random_words,
    split,
)

_BITS = (random_bits, philox_blocks, philox)
_FRACTION = (random_fraction, random_words, *_BITS)
BLOCK = 8192  # counters that are encrypted at a time: four words each
HELD = 136  # bytes that the encryption of one holds
KEYS = Domain(kinds="u", analytic=False)


def check_key(key: TensorType) -> None:
    """Refuse what is no key."""
    if key.dtype != np.uint32 or key.shape != (2,):
        raise DTypeError("is no key, which is uint32[2]: make one with random.key(seed)")


def _drawing(counters: int, words: int, result: int, later: int) -> int:
    """The most that a draw allocates beside its result: while words are drawn, or in later steps."""
    return max(min(counters, BLOCK) * HELD + words - result, later)


@dataclass(frozen=True, eq=False, repr=False)
class _Draw(Op):
    """Base: the only operand is a key."""

    shape: Shape
    domain = KEYS
    wide: ClassVar[bool] = False  # whether an element takes two words
    later: ClassVar[tuple[int, int, int]] = (0, 0, 0)  # bytes per element after the draw: of 2, 4 and 8 bytes

    @property
    def flags(self) -> int:  # type: ignore[override]
        """Values wait for sizes."""
        return SYMBOLIC if any(isinstance(n, Dim) for n in self.shape) else 0

    def result_dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers."""
        return np.dtype("uint32")

    def infer(self, *types: TensorType) -> TensorType:
        """The shape and dtype asked for."""
        check_key(types[0])
        return TensorType(self.result_dtype(), self.shape)

    def axes(self, *types: TensorType) -> str:
        """New axes: each element depends on its position."""
        return f"k! -> {' '.join(f'a{i}' for i in range(len(self.shape)))}"

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """The words, and what is made of them."""
        result = TensorType(self.result_dtype(), self.shape)
        size, width = int(result.size), result.dtype.itemsize
        words = size * (2 if self.wide or (result.dtype == np.float64) else 1)
        later = size * self.later[max(width.bit_length() - 2, 0)]
        return _drawing(-(-words // 4), 4 * words, int(result.nbytes), later)


@dataclass(frozen=True, eq=False, repr=False)
class RandomBits(_Draw):
    """Random words of 32 bits."""

    offset: DimLike = 0
    numpy = "random_bits({0}, {shape}, {offset})"
    helpers = _BITS


@dataclass(frozen=True, eq=False, repr=False)
class _Floats(_Draw):
    """Base: floating-point numbers."""

    dtype: np.dtype[Any]

    def result_dtype(self) -> np.dtype[Any]:
        """The dtype asked for."""
        if self.dtype.kind != "f":
            raise DTypeError(f"cannot give {self.dtype.name}: {self.name} draws real floating-point numbers")
        return self.dtype


@dataclass(frozen=True, eq=False, repr=False)
class RandomUniform(_Floats):
    """Uniform in ``low <= x < high``."""

    low: float
    high: float
    offset: DimLike = 0
    later = 8, 8, 16
    numpy = "random_uniform({0}, {shape}, {dtype}, {low}, {high}, {offset})"
    helpers = (random_uniform, *_FRACTION)


@dataclass(frozen=True, eq=False, repr=False)
class RandomNormal(_Floats):
    """Standard normal."""

    offset: DimLike = 0
    later = 14, 12, 24
    numpy = "random_normal({0}, {shape}, {dtype}, {offset})"
    helpers = (random_normal, *_FRACTION)


@dataclass(frozen=True, eq=False, repr=False)
class RandomExponential(_Floats):
    """Exponential, of mean 1."""

    offset: DimLike = 0
    later = 10, 8, 16
    numpy = "random_exponential({0}, {shape}, {dtype}, {offset})"
    helpers = (random_exponential, *_FRACTION)


@dataclass(frozen=True, eq=False, repr=False)
class RandomGumbel(_Floats):
    """Standard Gumbel."""

    offset: DimLike = 0
    later = 12, 8, 16
    numpy = "random_gumbel({0}, {shape}, {dtype}, {offset})"
    helpers = (random_gumbel, *_FRACTION)


@dataclass(frozen=True, eq=False, repr=False)
class RandomTruncatedNormal(_Floats):
    """Standard normal, between `lower` and `upper`."""

    lower: float
    upper: float
    offset: DimLike = 0
    later = 94, 92, 88
    numpy = "random_truncated_normal({0}, {lower}, {upper}, {shape}, {dtype}, {offset})"
    helpers = (random_truncated_normal, normal_tail, normal_quantile, *_FRACTION)


@dataclass(frozen=True, eq=False, repr=False)
class RandomInt(_Draw):
    """Integers in ``low <= x < high``."""

    dtype: np.dtype[Any]
    low: int
    high: int
    offset: DimLike = 0
    wide = True
    later = 56, 56, 56
    numpy = "random_randint({0}, {shape}, {low}, {high}, {dtype}, {offset})"
    helpers = (random_randint, random_words, *_BITS)

    def result_dtype(self) -> np.dtype[Any]:
        """The dtype asked for."""
        if self.dtype.kind not in "iu":
            raise DTypeError(f"cannot give {self.dtype.name}: {self.name} draws integers")
        return self.dtype


@dataclass(frozen=True, eq=False, repr=False)
class RandomBernoulli(_Draw):
    """True with probability `p`."""

    p: float
    offset: DimLike = 0
    numpy = "random_bernoulli({0}, {shape}, {p}, {offset})"
    helpers = (random_bernoulli, *_BITS)

    def result_dtype(self) -> np.dtype[Any]:
        """Bool."""
        return np.dtype(bool)


@dataclass(frozen=True, eq=False, repr=False)
class RandomPermutation(Op):
    """The numbers ``0 .. count`` in random order."""

    count: DimLike
    numpy = "random_permutation({0}, {count})"
    helpers = (random_permutation, random_words, *_BITS)
    domain = KEYS

    @property
    def flags(self) -> int:  # type: ignore[override]
        """Values wait for sizes."""
        return SYMBOLIC if isinstance(self.count, Dim) else 0

    def infer(self, *types: TensorType) -> TensorType:
        """One axis."""
        check_key(types[0])
        return TensorType(np.dtype("int64"), (self.count,))

    def axes(self, *types: TensorType) -> str:
        """A new axis, needed whole: an order is one thing."""
        return "k! -> a0"

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """A word of 64 bits per number, made of two."""
        count = int(self.count)
        return _drawing(-(-count // 2), 8 * count, 8 * count, 16 * count)


@dataclass(frozen=True, eq=False, repr=False)
class RandomSplit(Op):
    """`count` new keys; each depends on its number, not on how many there are."""

    count: DimLike
    numpy = "split({0}, {count})"
    helpers = (split, philox_blocks, philox)
    domain = KEYS

    @property
    def flags(self) -> int:  # type: ignore[override]
        """Values wait for sizes."""
        return SYMBOLIC if isinstance(self.count, Dim) else 0

    def infer(self, *types: TensorType) -> TensorType:
        """One row per key."""
        check_key(types[0])
        return TensorType(np.dtype("uint32"), (self.count, 2))

    def axes(self, *types: TensorType) -> str:
        """New axes."""
        return "k! -> a0 a1"

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """Four words per key, of which two are kept."""
        count = int(self.count)
        return _drawing(count, 16 * count, 8 * count, 16 * count)


class RandomFoldIn(Op):
    """The key of an integer."""

    __slots__ = ()
    numpy = "fold_in({0}, {1})"
    helpers = (fold_in, philox)
    domain = Domain(kinds="u", analytic=False)

    def infer(self, *types: TensorType) -> TensorType:
        """A key."""
        key, data = types
        if key.dtype != np.uint32 or key.shape != (2,):
            raise DTypeError("do not fit: the first operand must be a key, uint32[2]: make one with random.key(seed)")
        if data.shape or data.dtype.kind not in "iu":
            raise ShapeError("do not fit: the second operand must be one integer")
        return key

    def axes(self, *types: TensorType) -> str:
        """The key is needed whole."""
        return "k!,  -> r"
