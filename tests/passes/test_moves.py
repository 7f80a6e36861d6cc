"""Chains of operations that move elements: simplified, they move them to the same places."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import TensorGraphError
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.dims import dim_key
from tensorgraph.passes.simplify import simplify
from tests.compiler.programs import assert_same_bits

Move = Callable[[np.random.Generator, tg.Tensor], tg.Tensor]
SEEDS = range(300)


def permuted(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    return tg.permute_dims(x, tuple(int(k) for k in rng.permutation(x.ndim)))


def flat(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    """Two neighbouring axes as one."""
    if x.ndim < 2:
        return tg.reshape(x, (-1,))
    k = int(rng.integers(x.ndim - 1))
    return tg.reshape(x, (*x.shape[:k], x.shape[k] * x.shape[k + 1], *x.shape[k + 2 :]))


def with_ones(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    """Reshaped: some ones more, and some less."""
    shape = [n for n in x.shape if dim_key(n) != 1 or rng.random() < 0.5]
    for _ in range(rng.integers(3)):
        shape.insert(int(rng.integers(len(shape) + 1)), 1)
    return tg.reshape(x, tuple(shape))


def expanded(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    return tg.expand_dims(x, int(rng.integers(x.ndim + 1)))


def squeezed(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    ones = [k for k, n in enumerate(x.shape) if dim_key(n) == 1]
    return tg.squeeze(x, int(rng.choice(ones))) if ones else x


def repeated(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    shape = tuple(3 if dim_key(n) == 1 and rng.random() < 0.5 else n for n in x.shape)
    return tg.broadcast_to(x, (2, *shape) if rng.random() < 0.4 else shape)


def sliced(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    """By slices, numbers and new axes."""
    index: list[object] = []
    for n in x.shape[: int(rng.integers(x.ndim + 1))]:
        start, stop = (None if rng.random() < 0.4 else int(rng.integers(-3, 4)) for _ in range(2))
        step = rng.choice([None, 1, 2, -1, -2])
        number = rng.random() < 0.15 and isinstance(n, int) and n > 0
        index.append(int(rng.integers(-n, n)) if number else slice(start, stop, step))
        if rng.random() < 0.1:
            index.append(None)
    return x[tuple(index)]


def largest(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    axes = [k for k, n in enumerate(x.shape) if isinstance(n, int) and n > 0]
    return tg.max(x, axis=int(rng.choice(axes)), keepdims=bool(rng.random() < 0.5)) if axes else x


def total(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    return tg.sum(x, axis=int(rng.integers(x.ndim)), keepdims=bool(rng.random() < 0.5)) if x.ndim else x


def with_another(rng: np.random.Generator, x: tg.Tensor) -> tg.Tensor:
    """An operation on elements: with a part of itself that broadcasts, a row of numbers, or a number."""
    other: tg.Tensor | np.ndarray | float = 2.0
    if x.ndim and isinstance(x.shape[0], int) and x.shape[0]:
        other = x[(slice(0, 1),) * min(x.ndim, 2)]
    if x.ndim and isinstance(x.shape[-1], int) and rng.random() < 0.3:
        other = np.arange(1.0, x.shape[-1] + 1).reshape((1,) * (x.ndim - 1) + (-1,))
    return (x + other, tg.maximum(other, x), -x)[rng.integers(3)]


MOVES: tuple[Move, ...] = (
    permuted, flat, with_ones, expanded, squeezed, repeated, sliced, sliced, largest, total, with_another,
)  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_chains(seed: int) -> None:
    """Of small integers, whose sums no order rounds: every law is exact on them, but for the sign of zero."""
    rng = np.random.default_rng(seed)
    sizes = [int(rng.choice([1, 2, 3, 0], p=[0.3, 0.3, 0.3, 0.1])) for _ in range(rng.integers(1, 4))]
    x = tg.placeholder(("n" if seed % 2 else sizes[0], *sizes[1:]), "float64", name="x")
    made = [x]
    for _ in range(6):
        try:
            made.append(MOVES[rng.integers(len(MOVES))](rng, made[-1]))
        except TensorGraphError:
            continue  # an index out of range, the largest of nothing
    graph = tg.Graph([x.node], [y.node for y in made[-2:]])
    arrays = [rng.integers(1, 9, sizes).astype("float64")]
    try:
        expected, _ = evaluate_graph(graph, arrays)
    except (ValueError, IndexError):
        pytest.skip("the size that it is tried with does not fit")
    found, _ = evaluate_graph(simplify(graph).graph, arrays)
    assert_same_bits([y + 0.0 for y in found], [y + 0.0 for y in expected])


def a_slice(rng: np.random.Generator, size: object) -> slice:
    """By bounds that are numbers, or half of a size that is not known."""
    half = [] if isinstance(size, int) else [size // 2]
    return slice(*rng.choice([None, None, *range(-6, 7), *half], 2), rng.choice([None, 1, 2, -1, -2, -3]))


@pytest.mark.parametrize("size", [5, "n"])
def test_slices_of_slices(size: int | str) -> None:
    rng = np.random.default_rng(3)
    x = tg.placeholder((size,), "float64", name="x")
    merged = 0
    for _ in range(600):
        y = x[a_slice(rng, x.shape[0])]
        graph = tg.Graph([x.node], [y[a_slice(rng, y.shape[0])].node])
        made = simplify(graph)
        merged += "slice_slice" in {law.name for law in made.laws}
        for length in (5,) if size == 5 else (5, 2, 0):
            arrays = [np.arange(float(length))]
            assert_same_bits(evaluate_graph(made.graph, arrays)[0], evaluate_graph(graph, arrays)[0])
    assert merged > 200 or size != 5


DTYPES = ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64", "complex64",
          "complex128")  # fmt: skip


def edges(dtype: np.dtype) -> np.ndarray:
    """Numbers that narrower dtypes do not hold."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        numbers = [0, 1, info.max, info.max - 1, info.min, info.min + 1, 2**11 + 1, 2**24 + 1, 2**53 + 1]
        return np.array([n for n in numbers if info.min <= n <= info.max], dtype)
    info = np.finfo(dtype)
    real = np.array([0.0, -0.0, 1.5, info.max, info.tiny, 1 + info.eps, np.inf, np.nan], info.dtype)
    return real.astype(dtype) if dtype.kind == "f" else np.concatenate([real.astype(dtype), (real * 1j).astype(dtype)])


def holds(values: np.ndarray, dtype: str) -> bool:
    """Whether these numbers are numbers of another dtype."""
    there = values.astype(dtype)
    back = there.astype(values.dtype)
    return back.tobytes() == values.tobytes() and (there.dtype.kind not in "iu" or there.tolist() == values.tolist())


@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.filterwarnings("ignore")
def test_casts_of_casts(first: str) -> None:
    """The first is left out where it holds every value, and nowhere else."""
    values = edges(np.dtype(first))
    for middle, last in itertools.product(DTYPES, DTYPES):
        x = tg.placeholder(values.shape, first, name="x")
        try:
            y = tg.astype(tg.astype(x, middle), last)
        except TensorGraphError:
            continue  # complex numbers as real ones
        graph = tg.Graph([x.node], [y.node])
        made = simplify(graph)
        assert_same_bits(evaluate_graph(made.graph, [values])[0], evaluate_graph(graph, [values])[0])
        two = len({first, middle}) == len({middle, last}) == 2
        spared = two and holds(values, middle) and (last == first or np.dtype(last).kind in "fc")
        assert ("cast_cast" in {one.name for one in made.laws}) == spared, (middle, last)
