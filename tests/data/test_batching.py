from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.data import batches
from tensorgraph.errors import DataError

NUMBERS = np.arange(10)
SQUARES = NUMBERS**2


def test_in_order() -> None:
    found = [(x.tolist(), y.tolist()) for x, y in batches(NUMBERS, SQUARES, batch_size=4)]
    assert found == [([0, 1, 2, 3], [0, 1, 4, 9]), ([4, 5, 6, 7], [16, 25, 36, 49]), ([8, 9], [64, 81])]


def test_drop_last() -> None:
    assert [x.tolist() for (x,) in batches(NUMBERS, batch_size=4, drop_last=True)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(list(batches(NUMBERS, batch_size=5, drop_last=True))) == 2
    assert list(batches(NUMBERS, batch_size=11, drop_last=True)) == []


def test_unshuffled_batches_are_views() -> None:
    images = np.zeros((10, 3))
    for (batch,) in batches(images, batch_size=4):
        assert np.shares_memory(batch, images)


def test_shuffled_rows_stay_together() -> None:
    found = list(batches(NUMBERS, SQUARES, batch_size=3, seed=0))
    x, y = (np.concatenate(column) for column in zip(*found, strict=True))
    np.testing.assert_array_equal(x**2, y)
    ((whole,),) = batches(NUMBERS, batch_size=10, seed=0)
    assert x.tolist() == whole.tolist() != NUMBERS.tolist()
    assert sorted(x.tolist()) == NUMBERS.tolist()


def test_a_number_repeats_and_a_generator_goes_on() -> None:
    def epoch(seed: int | np.random.Generator) -> list[int]:
        return np.concatenate([x for (x,) in batches(NUMBERS, batch_size=3, seed=seed)]).tolist()

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)
    rng = np.random.default_rng(1)
    first, second = epoch(rng), epoch(rng)
    assert first == epoch(1)
    assert first != second


def test_lists_and_nothing_to_cut() -> None:
    assert [x.tolist() for (x,) in batches([1, 2, 3], batch_size=2)] == [[1, 2], [3]]
    assert list(batches(np.zeros((0, 4)), batch_size=2)) == []


@given(st.integers(0, 40), st.integers(1, 50), st.booleans(), st.none() | st.integers(0, 5))
def test_every_row_once(rows: int, batch_size: int, drop_last: bool, seed: int | None) -> None:
    found = [x for (x,) in batches(np.arange(rows), batch_size=batch_size, drop_last=drop_last, seed=seed)]
    seen = [value for batch in found for value in batch.tolist()]
    assert len(set(seen)) == len(seen) == (rows - rows % batch_size if drop_last else rows)
    assert all(len(batch) == batch_size for batch in found[:-1])


@pytest.mark.parametrize(
    ("arrays", "batch_size", "text"),
    [
        ((), 1, "batches: no arrays were given"),
        ((NUMBERS, SQUARES, NUMBERS[1:]), 1, "batches: the arrays differ in length: 10, 10, 9"),
        ((NUMBERS, np.float32(1)), 1, "batches: array 1 is a single float32 value, it has no axis to cut"),
        ((NUMBERS,), 0, "batches: batch_size is 0, it must be at least 1"),
    ],
)
def test_errors_come_at_the_call(arrays: tuple[np.ndarray, ...], batch_size: int, text: str) -> None:
    with pytest.raises(DataError) as caught:
        batches(*arrays, batch_size=batch_size)
    assert str(caught.value) == text
    assert isinstance(caught.value, ValueError)
