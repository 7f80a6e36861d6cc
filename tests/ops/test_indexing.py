"""Reading and writing parts, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgraph.array.functions as tg
from tensorgraph.array.leaves import Parameter, placeholder
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.errors import IndexingError, ShapeError
from tensorgraph.interpret import evaluate
from tests.array.lines import above

SHAPE = (4, 3, 5)
X = np.arange(60).reshape(SHAPE)


@st.composite
def keys(draw: st.DrawFn, shape: tuple[int, ...] = SHAPE, arrays: bool = True) -> tuple[Any, ...]:
    """Keys as NumPy takes them: slices, integers, None, ..., index arrays and masks."""
    block = draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)) if arrays else ()
    items: list[Any] = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        kinds = ["slice", "int", "full"] + (["array", "mask"] if arrays else [])
        kind = draw(st.sampled_from(kinds))
        if kind == "slice":
            items.append(draw(st.slices(size)))
        elif kind == "int":
            items.append(draw(st.integers(-size, size - 1)))
        elif kind == "array":
            items.append(draw(hnp.arrays(np.int64, block, elements=st.integers(-size, size - 1))))
        elif kind == "mask" and not any(isinstance(i, np.ndarray) for i in items):
            count = int(np.prod(block, dtype=int)) if block and len(block) == 1 and block[0] <= size else 1
            mask = np.zeros(size, bool)
            mask[draw(st.permutations(range(size)))[:count]] = True
            items.append(mask if not block or len(block) == 1 else slice(None))
        else:
            items.append(slice(None))
    for _ in range(draw(st.integers(0, 2))):
        items.insert(draw(st.integers(0, len(items))), None)
    if len([i for i in items if i is not None]) < len(shape) and draw(st.booleans()):
        items.append(Ellipsis)
    return tuple(items)


@given(keys())
def test_reading_agrees_with_numpy(key: tuple[Any, ...]) -> None:
    try:
        expected = X[key]
    except IndexError:
        with pytest.raises(IndexingError):
            asarray(X)[key]
        return
    found = asarray(X)[key]
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found.numpy(), expected)


@given(keys())
def test_arrays_that_are_tensors_index_as_well(key: tuple[Any, ...]) -> None:
    recorded = tuple(asarray(i) if isinstance(i, np.ndarray) else i for i in key)
    try:
        expected = X[key]
    except IndexError:
        return
    np.testing.assert_array_equal(asarray(X)[recorded].numpy(), expected)


@given(st.tuples(*[st.integers(0, 4)] * 2), st.data())
def test_slices_of_symbolic_sizes_agree_with_numpy(sizes: tuple[int, int], data: st.DataObject) -> None:
    bound = st.none() | st.integers(-6, 6)
    step = st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3])
    key = tuple(data.draw(st.builds(slice, bound, bound, step)) for _ in sizes)
    x = placeholder(("n", "m"), "int64", name="x")
    array = np.arange(sizes[0] * sizes[1]).reshape(sizes)
    y = x[key]
    (found,) = evaluate([y.node], {x.node: array})
    np.testing.assert_array_equal(found, array[key])
    assert y.node.type.with_sizes({"n": sizes[0], "m": sizes[1]}).shape == array[key].shape


@pytest.mark.parametrize("last", [-1, -2, 0, 1])
def test_integers_on_symbolic_axes(last: int) -> None:
    x = placeholder(("n",), "int64", name="x")
    (found,) = evaluate([x[last].node], {x.node: np.arange(5)})
    assert found == np.arange(5)[last]
    rows = placeholder(("k",), "int64", name="rows")
    (found,) = evaluate([x[rows].node], {x.node: np.arange(5) * 2, rows.node: np.array([4, 0, -1])})
    assert found.tolist() == [8, 0, 8]


@given(keys(), st.booleans(), st.data())
def test_writing_agrees_with_numpy(key: tuple[Any, ...], add: bool, data: st.DataObject) -> None:
    try:
        selected = X[key]
    except IndexError:
        return
    values = data.draw(st.just(np.int64(7)) | hnp.arrays(np.int64, selected.shape, elements=st.integers(-9, 9)))
    expected = X.copy()
    if add:
        np.add.at(expected, key, values)
        found = asarray(X).at[key].add(values)
    else:
        expected[key] = values
        found = asarray(X).at[key].set(values)
    np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_array_equal(X, np.arange(60).reshape(SHAPE))


@given(hnp.arrays(bool, st.sampled_from([(4,), (4, 3), SHAPE])))
def test_masks_that_are_known_read_and_write(mask: Any) -> None:
    np.testing.assert_array_equal(asarray(X)[mask].numpy(), X[mask])
    np.testing.assert_array_equal(asarray(X)[asarray(mask)].numpy(), X[mask])
    expected = X.copy()
    expected[mask] += 3
    np.testing.assert_array_equal(asarray(X).at[mask].add(3).numpy(), expected)


def test_masks_that_are_not_known_write_but_do_not_read() -> None:
    x = placeholder((4,), name="x")
    array = np.array([1.0, -1.0, 2.0, -3.0])

    def value(t: Tensor) -> list[float]:
        (found,) = evaluate([t.node], {x.node: array})
        return found.tolist()  # type: ignore[no-any-return]

    assert value(x.at[x < 0].set(0.0)) == [1, 0, 2, 0]
    assert value(x.at[x < 0].add(10.0)) == [1, 9, 2, 7]
    with pytest.raises(IndexingError) as caught:
        x[x > 0]
    assert str(caught.value) == (
        f"index: a mask must be known, for it decides the shape; bool[4] is not: use where(mask, x, 0) ({above(2)})"
    )
    w = Parameter([1.0, -1.0], name="w")
    assert w.at[w < 0].set(5.0).tolist() == [1, 5]


def test_other_methods_of_places() -> None:
    x = asarray([1, 2, 3])
    assert x.at[1:].multiply(10).tolist() == [1, 20, 30]
    assert x.at[[0, 0]].add(5).tolist() == [11, 2, 3]
    assert x.at[[0, 0]].set([5, 6]).tolist() == [6, 2, 3]
    assert x.at[-1].get().item() == 3
    assert x.at[0].set(2.9).dtype == np.int64


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (4, "index: 4 is out of bounds for axis 0 of int64[4, 3, 5]"),
        ((0, -4), "index: -4 is out of bounds for axis 1 of int64[4, 3, 5]"),
        ([0, 9], "index: 9 is out of bounds for axis 0 of int64[4, 3, 5]"),
        ((0, 0, 0, 0), "index: int64[4, 3, 5] has 3 axes and 4 were indexed"),
        ((..., ...), "index: only one ... is allowed"),
        (1.5, "index: 1.5 is no integer, slice, None, ..., integer array or bool mask"),
        ("a", "index: 'a' is no integer, slice, None, ..., integer array or bool mask"),
        (slice(0, 2, 0), "index: a slice step is a number other than 0, not 0"),
        (slice(0, "a"), "index: 'a' is no integer"),
        (np.ones(3, bool), "index: a mask of shape [3] does not fit int64[4, 3, 5]"),
        (
            ([0, 1], [0, 1, 2]),
            "gather: int64[4, 3, 5] and int64[2] and int64[3] cannot be indexed: "
            "the index arrays do not broadcast: axis -1 is 2 and 3",
        ),
    ],
)
def test_keys_that_are_none(key: Any, message: str) -> None:
    with pytest.raises(IndexingError) as caught:
        asarray(X)[key]
    assert str(caught.value) == f"{message} ({above()})"


def test_values_that_do_not_fit() -> None:
    with pytest.raises(ShapeError) as caught:
        asarray(X).at[0].set(np.ones(4))
    assert str(caught.value) == (
        "index_set: int64[4, 3, 5] and int64[4] do not fit: the values must broadcast to [3, 5], "
        f"what the index selects ({above(3)})"
    )


@given(st.integers(0, 2), st.data())
def test_take_and_take_along_axis(axis: int, data: st.DataObject) -> None:
    size = SHAPE[axis]
    indices: Any = data.draw(
        hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, max_side=3), elements=st.integers(-size, size - 1))
    )
    np.testing.assert_array_equal(tg.take(X, indices, axis=axis).numpy(), np.take(X, indices, axis))
    np.testing.assert_array_equal(tg.take(X, abs(indices)).numpy(), np.take(X, abs(indices)))
    along = [n if i != axis else 2 for i, n in enumerate(SHAPE)]
    along[data.draw(st.integers(0, 2))] = 1
    rows = data.draw(hnp.arrays(np.int64, tuple(along), elements=st.integers(0, size - 1)))
    np.testing.assert_array_equal(tg.take_along_axis(X, rows, axis=axis).numpy(), np.take_along_axis(X, rows, axis))
