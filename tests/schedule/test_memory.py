"""Pieces of the workspace: which one a value is given, and when another may have it."""

from __future__ import annotations

import numpy as np

import tensorgraph as tg
from tensorgraph.ir.dims import Dim
from tensorgraph.ir.names import Namer
from tensorgraph.ir.types import TensorType
from tensorgraph.schedule.memory import PAGE, WASTE, Pool
from tests.compiler.programs import assert_same_bits

BYTE, FLOAT = np.dtype("int8"), np.dtype("float64")


def pool(*sizes: int, own: bool = False) -> Pool:
    """A pool with free pieces of so many bytes."""
    made = Pool(["n"], Namer())
    for buffer in [made.take(TensorType(BYTE, (size,)), own=own) for size in sizes]:
        made.free(buffer)
    return made


def slot(made: Pool, *shape: int | Dim, own: bool = False) -> int:
    return made.take(TensorType(BYTE, shape), own=own).slot


def test_the_smallest_piece_that_is_large_enough() -> None:
    made = pool(300, 100, 200, 400)
    assert [slot(made, 200), slot(made, 200), slot(made, 200), slot(made, 50), slot(made, 50)] == [2, 0, 3, 1, 4]


def test_the_largest_grows_where_none_is_large_enough() -> None:
    made = pool(100, 300, 200)
    assert slot(made, 500) == 1
    assert made.slots == ((100,), (300, 500), (200,))
    assert slot(made, 301) == 2  # of those that are left
    assert slot(made, 1) == 0


def test_a_piece_that_grew_counts_as_what_it_is() -> None:
    made = pool(100, 200)
    grown = made.take(TensorType(BYTE, (500,)))
    made.free(grown)
    assert [slot(made, 90), slot(made, 450)] == [0, 1]
    made = pool(500)
    smaller = made.take(TensorType(BYTE, (100,)))
    made.free(smaller)
    assert slot(made, 400) == smaller.slot == 0  # still of 500
    assert made.slots == ((500, 100, 400),)


def test_small_values_leave_large_pieces_alone() -> None:
    large = WASTE * (PAGE + 8)
    assert slot(pool(large), PAGE + 8) == 0
    assert slot(pool(large), PAGE + 7) == 1
    assert slot(pool(PAGE), 1) == 0
    assert slot(pool(PAGE + 1), 1) == 1


def test_sizes_that_are_not_known_are_compared_at_an_example() -> None:
    n = Dim.symbol("n")
    made = pool(63, 64, 65)
    assert slot(made, n) == 1
    assert slot(made, n) == 2
    assert slot(made, n) == 0
    assert made.slots == ((63, n), (64, n), (65, n))
    rows = pool(1000, 2000)
    rows.know({"rows": 1500})
    assert slot(rows, Dim.symbol("rows")) == 1


def test_pieces_that_every_thread_has_are_not_for_others() -> None:
    made = pool(100, 200, own=True)
    assert made.own == {0, 1}
    assert slot(made, 100) == 2
    assert slot(made, 100, own=True) == 0
    assert slot(pool(100), 100, own=True) == 1  # and the other way round


def test_the_memory_of_an_operand_is_preferred() -> None:
    made = Pool([], Namer())
    first, second = (made.take(TensorType(BYTE, (100,))) for _ in range(2))
    made.free(first)
    made.free(second)
    assert made.take(TensorType(BYTE, (100,)), [second]) is second
    taken = made.take(TensorType(BYTE, (100,)), [second])  # which is not free
    assert taken is first
    third = made.take(TensorType(FLOAT, (100,)), own=True)
    made.free(third)
    assert made.take(TensorType(FLOAT, (100,)), [third], own=True) is third


def test_a_piece_has_one_buffer_for_each_type() -> None:
    made = pool(800)
    (own,) = made.buffers
    other = made.take(TensorType(FLOAT, (100,)))
    made.free(other)
    again = made.take(TensorType(BYTE, (800,)))
    assert (own.slot, other.slot) == (0, 0)
    assert again is own
    assert made.buffers == [own, other]
    assert len({buffer.name for buffer in made.buffers}) == 2


def test_operations_of_several_statements_write_over_their_operand() -> None:
    """In an update, as elsewhere: one temporary is needed, for what is subtracted from."""
    p = tg.Parameter(np.linspace(-2, 2, 300), name="p")
    w = tg.placeholder((300,), "float64", name="w")
    step = tg.compile([w], [], {p: p * 2 - tg.sigmoid(p * w)})
    assert [len(update.temps) for update in step.program.updates] == [1]
    value, array = p.numpy().copy(), np.linspace(1, 2, 300)
    step(array)
    assert_same_bits([p.numpy()], [value * 2 - np.reciprocal(np.exp(-(value * array)) + 1)])
