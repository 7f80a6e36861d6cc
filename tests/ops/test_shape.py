"""Changing shape, joining, padding and making tensors, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgraph.array.functions as tg
from tensorgraph.array.leaves import placeholder
from tensorgraph.array.tensor import asarray
from tensorgraph.errors import AxisError, ShapeError, TensorGraphError
from tensorgraph.interpret import evaluate

X = np.arange(24.0).reshape(2, 3, 4)
SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3)


def same(found: Any, expected: Any) -> None:
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found.numpy(), expected)


@given(SHAPES, st.data())
def test_permute_move_swap_flip(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    order = data.draw(st.permutations(range(len(shape))))
    axis = st.integers(-len(shape), len(shape) - 1)
    a, b = data.draw(axis), data.draw(axis)
    same(tg.permute_dims(x, order), np.transpose(x, order))
    same(tg.moveaxis(x, a, b), np.moveaxis(x, a, b))
    same(tg.swapaxes(x, a, b), np.swapaxes(x, a, b))
    same(tg.flip(x, axis=a), np.flip(x, a))
    same(tg.flip(x), np.flip(x))


@given(SHAPES, st.data())
def test_expand_and_squeeze(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    same(tg.expand_dims(x, axis), np.expand_dims(x, axis))
    same(tg.expand_dims(x, (0, -1)), np.expand_dims(x, (0, -1)))
    same(tg.squeeze(x), np.squeeze(x))
    same(tg.squeeze(tg.expand_dims(x, axis), axis), x)


@given(SHAPES, st.data())
def test_join_and_cut(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    count = data.draw(st.integers(1, 3))
    parts = [np.full(shape, i, dtype) for i, dtype in zip(range(count), ("int8", "float32", "int64"), strict=False)]
    same(tg.concat(parts, axis=axis), np.concatenate(parts, axis))
    same(tg.concat(parts, axis=None), np.concatenate(parts, None))
    same(tg.stack(parts, axis=axis), np.stack(parts, axis))
    joined = np.concatenate(parts, axis)
    for found, expected in zip(tg.split(joined, count, axis), np.split(joined, count, axis), strict=True):
        same(found, expected)
    cuts = sorted(data.draw(st.lists(st.integers(0, joined.shape[axis]), max_size=3)))
    for found, expected in zip(tg.split(joined, cuts, axis), np.split(joined, cuts, axis), strict=True):
        same(found, expected)
    for found, expected in zip(tg.unstack(joined, axis=axis), np.unstack(joined, axis=axis), strict=True):
        same(found, expected)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=3, max_size=3))
def test_pad_agrees_with_numpy(mode: Any, widths: list[tuple[int, int]]) -> None:
    same(tg.pad(X, widths, mode), np.pad(X, widths, mode))


def test_pad_reads_its_widths_and_its_value() -> None:
    for widths in (1, (1, 2), ((1, 2), (0, 1), (3, 0))):
        same(tg.pad(X, widths, constant_values=7), np.pad(X, widths, constant_values=7))
    x = placeholder(("n",), name="x")
    y = tg.pad(x, (1, 2))
    assert str(y.shape) == "(n + 3,)"
    assert evaluate([y.node], {x.node: np.ones(2)})[0].tolist() == [0, 1, 1, 0, 0]


@given(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3))
def test_broadcast(shapes: hnp.BroadcastableShapes) -> None:
    arrays = [np.arange(np.prod(s, dtype=int)).reshape(s) for s in shapes.input_shapes]
    for array, found in zip(arrays, tg.broadcast_arrays(*arrays), strict=True):
        same(found, np.broadcast_to(array, shapes.result_shape))


@given(st.integers(-5, 5), st.integers(-5, 9), st.integers(-3, 3).filter(bool))
def test_arange(start: int, stop: int, step: int) -> None:
    same(tg.arange(start, stop, step), np.arange(start, stop, step))
    same(tg.arange(start + 0.5, stop, step), np.arange(start + 0.5, stop, step))
    n = placeholder(("n",), name="x")
    count = tg.arange(0, n.shape[0] + 1, abs(step))
    found = evaluate([count.node, n.node], {n.node: np.zeros(7)})[0]
    np.testing.assert_array_equal(found, np.arange(0, 8, abs(step)))


@given(st.integers(0, 4), st.integers(0, 4), st.integers(-3, 3))
def test_matrices(rows: int, columns: int, k: int) -> None:
    same(tg.eye(rows, columns, k=k), np.eye(rows, columns, k))
    x = np.arange(rows * columns).reshape(rows, columns)
    same(tg.tril(x, k=k), np.tril(x, k))
    same(tg.triu(x, k=k), np.triu(x, k))
    for found, expected in zip(
        tg.meshgrid(np.arange(rows), np.arange(columns)), np.meshgrid(np.arange(rows), np.arange(columns)), strict=True
    ):
        same(found, expected)


def test_making() -> None:
    same(tg.zeros((2, 0)), np.zeros((2, 0)))
    same(tg.ones(3, dtype="int8"), np.ones(3, "int8"))
    same(tg.full((2,), 7), np.full((2,), 7))
    same(tg.full_like(X, 7), np.full_like(X, 7))
    same(tg.linspace(0, 1, 5, endpoint=False), np.linspace(0, 1, 5, endpoint=False))
    same(tg.one_hot([0, 2, 5, -1], 3, axis=0), np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]], np.float32))


def test_reshape_of_symbolic_sizes() -> None:
    x = placeholder(("batch", 4, 6), name="x")
    assert str(x.reshape(-1, 24).shape) == "(batch, 24)"
    assert str(x.reshape(("batch", -1)).shape) == "(batch, 24)"
    assert str(x.reshape(-1).shape) == "(24*batch,)"
    assert str(tg.concat([x, x], axis=0).shape) == "(2*batch, 4, 6)"
    assert x.reshape(("batch", 4, 6)) is x


def failing(case: str) -> Callable[[], object]:
    t, s = asarray(X), placeholder(("n", 3), name="s")
    table: dict[str, Callable[[], object]] = {
        "reshape": lambda: t.reshape(5, 5),
        "two": lambda: t.reshape(-1, -1),
        "rest": lambda: t.reshape(5, -1),
        "symbol": lambda: s.reshape(2, -1),
        "order": lambda: tg.permute_dims(t, (0, 1)),
        "axis": lambda: tg.swapaxes(t, 0, 3),
        "squeeze": lambda: t.squeeze(1),
        "broadcast": lambda: tg.broadcast_to(t, (2, 3)),
        "nothing": lambda: tg.concat([]),
        "join": lambda: tg.concat([t, t[:1]], axis=1),
        "split": lambda: tg.split(t, 2, 1),
        "move": lambda: tg.moveaxis(t, (0, 1), (0,)),
        "widths": lambda: tg.pad(t, ((1, 1), (2, 2))),
        "negative": lambda: tg.pad(t, -1),
        "mode": lambda: tg.pad(t, 1, "mirror"),
        "symbolic pad": lambda: tg.pad(s, 1, "edge"),
        "step": lambda: tg.arange(0, 5, 0),
        "triangle": lambda: tg.tril(asarray([1])),
    }
    return table[case]


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        ("reshape", ShapeError, "reshape: float64[2, 3, 4] cannot become [5, 5]: 24 elements are not 25"),
        (
            "two",
            ShapeError,
            "reshape: float64[2, 3, 4] cannot become [-1, -1]: only one size may be -1, and no other negative",
        ),
        ("rest", ShapeError, "reshape: float64[2, 3, 4] cannot become [5, -1]: 24 does not divide by 5"),
        ("symbol", ShapeError, "reshape: float64[n, 3] cannot become [2, -1]: 3*n does not divide by 2"),
        ("order", ShapeError, "permute_dims: float64[2, 3, 4] has 3 axes, and (0, 1) does not name each of them once"),
        ("axis", AxisError, "swapaxes: axis 3 does not exist: axes run from -3 to 2"),
        (
            "squeeze",
            ShapeError,
            "squeeze: float64[2, 3, 4] has size 3 at axis 1: only an axis of size 1 can be squeezed",
        ),
        ("broadcast", ShapeError, "broadcast_to: float64[2, 3, 4] does not broadcast to [2, 3]"),
        ("nothing", ShapeError, "concat: there is nothing to join"),
        (
            "join",
            ShapeError,
            "concat: float64[2, 3, 4] and float64[1, 3, 4] do not join along axis 1: "
            "operand 1 differs from the first in another axis",
        ),
        ("split", ShapeError, "split: float64[2, 3, 4] does not divide into 2 equal parts along axis 1"),
        ("move", AxisError, "moveaxis: 2 axes have 1 destinations"),
        ("widths", ShapeError, "pad: float64[2, 3, 4] needs 3 pairs of widths, not ((1, 1), (2, 2))"),
        (
            "negative",
            ShapeError,
            "pad: float64[2, 3, 4] and float64[] cannot be padded by ((-1, -1), (-1, -1), (-1, -1)): "
            "widths are at least 0; slice to crop",
        ),
        ("mode", ShapeError, "pad: unknown mode 'mirror': use constant, edge, reflect, symmetric or wrap"),
        ("symbolic pad", ShapeError, "pad: mode 'edge' needs known sizes, and axis 0 of float64[n, 3] is symbolic"),
        ("step", ShapeError, "arange: step is 0 and must be a number other than 0"),
        ("triangle", ShapeError, "tril: int64[1] is no matrix: it needs at least two axes"),
    ],
)
def test_errors(case: str, kind: type[TensorGraphError], message: str) -> None:
    call = failing(case)
    with pytest.raises(kind) as caught:
        call()
    text, _, place = str(caught.value).rpartition(" (")
    assert text == message
    assert place.startswith("test_shape.py:")
