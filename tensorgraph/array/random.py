"""Random numbers by ``jax.random``'s names: no hidden state, every draw is a function of a key.

A key is a tensor ``uint32[2]``. The same key gives the same numbers, however a program is compiled, cut into tiles or
spread over threads: element i of a draw depends on the key and on i alone. So every draw wants a key of its own, from
`split` or `fold_in`. The generator is Philox4x32-10 (Salmon and others, "Parallel random numbers: as easy as 1, 2, 3",
2011). A key kept from step to step is a ``Parameter(key, trainable=False)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.array.axes import one_axis
from tensorgraph.array.cumulative import cumulative_sum
from tensorgraph.array.elementwise import less, minimum
from tensorgraph.array.indexing import take
from tensorgraph.array.ordering import searchsorted, top_k
from tensorgraph.array.reduction import argmax
from tensorgraph.array.shape import broadcast_to, reshape
from tensorgraph.array.tensor import Tensor, TensorLike, apply, asarray
from tensorgraph.array.transcendental import log
from tensorgraph.errors import DTypeError, InputError, ShapeError, TensorGraphError
from tensorgraph.ir.dims import Dim, DimLike
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Shape, as_dtype, as_shape, broadcast_shapes
from tensorgraph.ops import random as ops
from tensorgraph.ops.numerics.philox import random_key

__all__ = [
    "bernoulli", "bits", "categorical", "choice", "exponential", "fold_in", "gumbel", "key", "normal", "permutation",
    "randint", "split", "truncated_normal", "uniform",
]  # fmt: skip


def _shape(name: str, shape: Any) -> Shape:
    try:
        found = as_shape(shape)
        if any(isinstance(n, int) and n < 0 for n in found):
            raise ShapeError(f"{list(found)} has a negative size")
    except TensorGraphError as error:
        raise located(type(error)(f"random.{name}: {error.args[0]}")) from None
    return found


def _dtype(name: str, dtype: Any, kinds: str, what: str) -> np.dtype[Any]:
    found = as_dtype(dtype)
    if found.kind not in kinds:
        raise located(DTypeError(f"random.{name}: draws {what}, not {found.name}"))
    return found


def _floating(name: str, dtype: Any) -> np.dtype[Any]:
    return _dtype(name, dtype, "f", "real floating-point numbers")


def key(seed: int, /) -> Tensor:
    """The key of a seed, of which the low 64 bits count.

    Raises
    ------
    DTypeError
        If the seed is no integer.

    Examples
    --------
    >>> key(7)
    Tensor([7, 0], uint32)
    """
    try:
        return asarray(random_key(seed.__index__()))
    except (AttributeError, TypeError):
        raise located(DTypeError(f"random.key: a seed is an integer, not {seed!r}")) from None


def split(key: TensorLike, num: DimLike = 2) -> Tensor:
    """New keys, independent of one another and of `key`; key i does not depend on how many there are.

    Parameters
    ----------
    key
        Key.
    num
        How many.

    Returns
    -------
    Tensor
        ``uint32[num, 2]``; unpack it: ``k1, k2 = split(key)``.

    Examples
    --------
    >>> split(key(7), 3).shape
    (3, 2)
    """
    (count,) = _shape("split", num)
    return apply(ops.RandomSplit(count), asarray(key))


def fold_in(key: TensorLike, data: TensorLike) -> Tensor:
    """The key of an integer: of a step, or the number of a layer.

    Parameters
    ----------
    key
        Key.
    data
        An integer, of which the low 64 bits count.

    Examples
    --------
    >>> fold_in(key(7), 1).dtype
    dtype('uint32')
    """
    if isinstance(data, int) and not -(1 << 63) <= data < 1 << 63:
        data = np.uint64(data & 0xFFFFFFFFFFFFFFFF)
    return apply(ops.RandomFoldIn(), asarray(key), asarray(data))


def bits(key: TensorLike, shape: Any = ()) -> Tensor:
    """Random words, uint32.

    Examples
    --------
    >>> bits(key(7), (2,)).dtype
    dtype('uint32')
    """
    return apply(ops.RandomBits(_shape("bits", shape)), asarray(key))


def uniform(
    key: TensorLike, shape: Any = (), dtype: Any = np.float64, minval: TensorLike = 0.0, maxval: TensorLike = 1.0
) -> Tensor:
    """Uniform numbers in ``minval <= x < maxval``.

    Parameters
    ----------
    key
        Key.
    shape
        Sizes, perhaps symbolic.
    dtype
        float64 (53 random bits), float32 (24) or float16 (11).
    minval, maxval
        Bounds; derivatives with respect to them are those of ``minval + u * (maxval - minval)``. As tensors they
        broadcast to `shape`.

    Raises
    ------
    DTypeError
        If the dtype is no real floating-point one, or the first operand is no key.

    Examples
    --------
    >>> uniform(key(7), (2,), "float32").shape
    (2,)
    """
    kind, sizes = _floating("uniform", dtype), _shape("uniform", shape)
    if _number(minval) and _number(maxval):
        return apply(ops.RandomUniform(sizes, kind, float(minval), float(maxval)), asarray(key))  # type: ignore[arg-type]
    low, high = asarray(minval, kind), asarray(maxval, kind)
    return broadcast_to(low + apply(ops.RandomUniform(sizes, kind, 0.0, 1.0), asarray(key)) * (high - low), sizes)


def _number(value: TensorLike) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating))


def normal(key: TensorLike, shape: Any = (), dtype: Any = np.float64) -> Tensor:
    """Standard normal numbers. Parameters as for `uniform`.

    Examples
    --------
    >>> normal(key(7), (2, 3)).shape
    (2, 3)
    """
    return apply(ops.RandomNormal(_shape("normal", shape), _floating("normal", dtype)), asarray(key))


def truncated_normal(key: TensorLike, lower: float, upper: float, shape: Any = (), dtype: Any = np.float64) -> Tensor:
    """Standard normal numbers on condition that they lie between two bounds.

    Raises
    ------
    InputError
        If the bounds are not in order.

    Examples
    --------
    >>> bool((truncated_normal(key(7), -1, 1, (99,)) <= 1).all())
    True
    """
    if not lower < upper:
        raise located(InputError(f"random.truncated_normal: lower {lower} must be less than upper {upper}"))
    kind = _floating("truncated_normal", dtype)
    sizes = _shape("truncated_normal", shape)
    return apply(ops.RandomTruncatedNormal(sizes, kind, float(lower), float(upper)), asarray(key))


def exponential(key: TensorLike, shape: Any = (), dtype: Any = np.float64) -> Tensor:
    """Exponentially distributed numbers of mean 1. Parameters as for `uniform`.

    Examples
    --------
    >>> bool((exponential(key(7), (99,)) >= 0).all())
    True
    """
    return apply(ops.RandomExponential(_shape("exponential", shape), _floating("exponential", dtype)), asarray(key))


def gumbel(key: TensorLike, shape: Any = (), dtype: Any = np.float64) -> Tensor:
    """Standard Gumbel numbers: the argmax of logits plus these draws from their softmax. Parameters as for `uniform`.

    Examples
    --------
    >>> gumbel(key(7), (2,)).shape
    (2,)
    """
    return apply(ops.RandomGumbel(_shape("gumbel", shape), _floating("gumbel", dtype)), asarray(key))


def randint(key: TensorLike, shape: Any, minval: int, maxval: int, dtype: Any = np.int64) -> Tensor:
    """Integers in ``minval <= x < maxval``.

    Parameters
    ----------
    key, shape
        As for `uniform`.
    minval, maxval
        Bounds that the dtype holds.
    dtype
        An integer dtype.

    Raises
    ------
    InputError
        If the range is empty or the dtype does not hold it.

    Examples
    --------
    >>> bool((randint(key(7), (99,), 0, 6) < 6).all())
    True
    """
    kind = _dtype("randint", dtype, "iu", "integers")
    limits = np.iinfo(kind)
    low, high = int(minval), int(maxval)
    if not low < high:
        raise located(InputError(f"random.randint: minval {low} must be less than maxval {high}"))
    if low < limits.min or high - 1 > limits.max:
        raise located(InputError(f"random.randint: {kind.name} does not hold the numbers from {low} to {high - 1}"))
    return apply(ops.RandomInt(_shape("randint", shape), kind, low, high), asarray(key))


def bernoulli(key: TensorLike, p: TensorLike = 0.5, shape: Any = None) -> Tensor:
    """True with probability `p`, to 32 bits.

    Parameters
    ----------
    key
        Key.
    p
        Probability; a tensor of them is broadcast to `shape`.
    shape
        Sizes, perhaps symbolic; that of `p` by default.

    Examples
    --------
    >>> bernoulli(key(7), 1.0, (2,))
    Tensor([ True,  True], bool)
    """
    if _number(p):
        return apply(ops.RandomBernoulli(_shape("bernoulli", () if shape is None else shape), float(p)), asarray(key))  # type: ignore[arg-type]
    chances = asarray(p)
    sizes = chances.shape if shape is None else _shape("bernoulli", shape)
    return less(uniform(key, sizes), broadcast_to(chances, sizes))


def permutation(key: TensorLike, x: TensorLike | Dim, axis: int = 0) -> Tensor:
    """An array in random order along an axis, or the numbers ``0 .. x`` in random order.

    Parameters
    ----------
    key
        Key.
    x
        A size, or an array whose slices along `axis` change places.
    axis
        Along which to shuffle.

    Examples
    --------
    >>> sorted(permutation(key(7), 4).tolist())
    [0, 1, 2, 3]
    """
    if isinstance(x, (int, np.integer, Dim)):
        (count,) = _shape("permutation", x)
        return apply(ops.RandomPermutation(count), asarray(key))
    values = asarray(x)
    place = one_axis("random.permutation", axis, values.ndim)
    return take(values, apply(ops.RandomPermutation(values.shape[place]), asarray(key)), axis=place)


def categorical(key: TensorLike, logits: TensorLike, axis: int = -1, shape: Any = None) -> Tensor:
    """Positions along an axis, with probabilities that are the softmax of `logits` along it.

    Parameters
    ----------
    key
        Key.
    logits
        Logarithms of probabilities, up to a constant.
    axis
        Along which they are.
    shape
        Of the result; the shape of `logits` without the axis must broadcast to it. That shape by default.

    Examples
    --------
    >>> categorical(key(7), [0.0, -float("inf")], shape=(3,))
    Tensor([0, 0, 0], int64)
    """
    weights = asarray(logits)
    place = one_axis("random.categorical", axis, weights.ndim)
    batch = tuple(n for i, n in enumerate(weights.shape) if i != place)
    sizes = batch if shape is None else _shape("categorical", shape)
    try:
        broadcast_shapes(batch, sizes)
    except ShapeError as error:
        raise located(
            ShapeError(f"random.categorical: {list(batch)} and shape {list(sizes)} {error.args[0]}")
        ) from None
    back = place - weights.ndim + 1  # the axis, counted from the end of the result: -0 is the last
    at = len(sizes) + back
    wide = (*sizes[:at], weights.shape[place], *sizes[at:])
    return argmax(gumbel(key, wide, weights.dtype if weights.dtype.kind == "f" else np.float64) + weights, at)


def choice(
    key: TensorLike,
    a: TensorLike | Dim,
    shape: Any = (),
    replace: bool = True,
    p: TensorLike | None = None,
    axis: int = 0,
) -> Tensor:
    """Slices of an array along an axis, or of the numbers ``0 .. a``, drawn at random.

    Parameters
    ----------
    key
        Key.
    a
        A size, or an array.
    shape
        How many: takes the place of the axis. Known sizes, without replacement.
    replace
        Whether a slice may be drawn twice.
    p
        Probability of each; equal by default.
    axis
        Along which to draw.

    Raises
    ------
    ShapeError
        If more are asked for than there are, without replacement, or `p` does not have one element for each.

    Examples
    --------
    >>> sorted(choice(key(7), [10, 20], (2,), replace=False).tolist())
    [10, 20]
    """
    values = None if isinstance(a, (int, np.integer, Dim)) else asarray(a)
    place = 0 if values is None else one_axis("random.choice", axis, values.ndim)
    size = _shape("choice", a)[0] if values is None else values.shape[place]
    sizes = _shape("choice", shape)
    chances = None if p is None else asarray(p)
    if chances is not None and chances.shape != (size,):
        raise located(ShapeError(f"random.choice: {chances.node.type} must have one probability for each of {size}"))
    if replace:
        drawn = _with_replacement(asarray(key), size, sizes, chances)
    else:
        total = 1
        for n in sizes:
            if not isinstance(n, int) or not isinstance(size, int):
                raise located(ShapeError("random.choice: without replacement, sizes must be known"))
            total *= n
        if isinstance(size, int) and total > size:
            raise located(ShapeError(f"random.choice: {total} cannot be drawn from {size} without replacement"))
        if chances is None:
            order = apply(ops.RandomPermutation(size), asarray(key))[:total]
        else:  # the largest of perturbed logarithms: drawing without replacement, one after another
            order = top_k(log(chances) + gumbel(key, (size,), chances.dtype), total)[1]
        drawn = reshape(order, sizes)
    return drawn if values is None else take(values, drawn, axis=place)


def _with_replacement(key: Tensor, size: DimLike, shape: Shape, chances: Tensor | None) -> Tensor:
    if chances is not None and isinstance(size, int):
        bounds = cumulative_sum(chances)
        found = searchsorted(bounds, uniform(key, shape, chances.dtype) * bounds[-1], side="right")
        return minimum(found, size - 1)
    if not isinstance(size, int) or size < 1:
        raise located(ShapeError(f"random.choice: there must be something to draw from, not {size}"))
    return randint(key, shape, 0, size)
