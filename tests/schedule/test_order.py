"""Which order statements run in: the one that needs the least memory, and the graph's own where that is as good."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.names import symbols_of
from tensorgraph.schedule import order as module
from tensorgraph.schedule import plan
from tensorgraph.schedule.footprint import Footprint
from tensorgraph.schedule.order import GAIN, LEAST, Work, alive, orders, worth
from tensorgraph.testing.strategies import feeds, graphs
from tests.compiler.programs import assert_same_bits

BIG = 1 << 20


@contextmanager
def eagerness(gain: float, least: float) -> Iterator[None]:
    """How much an order must save."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GAIN", gain)
        patch.setattr(module, "LEAST", least)
        yield


WHOLE = replace(tg.Machine.reference, l2=1 << 40)  # no value is so large that it is computed in blocks


def work(rows: Sequence[tuple[Sequence[int], int]], kept: Sequence[int] = ()) -> Work:
    """Statements that read those before them, and the bytes that each takes."""
    reads = [list(before) for before, _ in rows]
    nothing = [0] * len(rows)
    lasting, over = [True] * len(rows), [False] * len(rows)
    return Work(reads, reads, [size for _, size in rows], nothing, lasting, over, frozenset(kept))


def test_what_is_alive() -> None:
    chain = work([([], 10), ([0], 20), ([1], 5), ([0, 2], 1)], kept=[3])
    assert alive(chain, range(4)) == 35  # 10 and 20 and 5
    over = replace(chain, takes=[10] * 4, beside=[0, 0, 7, 0], over=[True] * 4)
    assert alive(over, range(4)) == 27  # the third takes the place of the second, and needs 7 beside
    fresh = replace(chain, lasting=[True, True, False, False])
    assert alive(fresh, range(4)) == 30 + 6  # the workspace stays as it is, when less of it is used, too
    unread = work([([], 10), ([], 20), ([], 15)], kept=[2])
    assert alive(unread, range(3)) == 20  # what nothing reads is not kept


def test_the_operand_that_needs_more_is_computed_first() -> None:
    # a big value waits for a small one, whose computation needs three big ones
    rows = [([], BIG), ([], BIG), ([1], BIG), ([1, 2], BIG), ([3], 8), ([0, 4], 8)]
    own = work(rows, kept=[5])
    first, *_ = orders(own)
    assert alive(own, range(6)) == 4 * BIG
    assert alive(own, first) == 3 * BIG
    assert first.index(4) < first.index(0)


def test_what_frees_is_run_first() -> None:
    # many big values, each read by one that is small, but all of the big ones come first
    count = 8
    rows = [([], BIG) for _ in range(count)] + [([i], 8) for i in range(count)] + [(range(count, 2 * count), 8)]
    own = work(rows, kept=[2 * count])
    first, *_ = orders(own)
    assert alive(own, range(2 * count + 1)) >= count * BIG
    assert alive(own, first) < 2 * BIG


def test_small_statements_stay_where_they_are() -> None:
    # after the big value that waits stands one that has nothing to do with the others
    rows = [([], BIG), ([], 8), ([], BIG), ([2], BIG), ([2, 3], BIG), ([4], 8), ([], 8), ([0, 1, 5, 6], 8)]
    first, *_ = orders(work(rows, kept=[7]))
    assert first == [2, 3, 4, 5, 0, 1, 6, 7]


def test_a_gain_must_be_large_in_bytes_and_as_a_share() -> None:
    large = round(10 * LEAST / GAIN)
    assert worth(2 * LEAST, LEAST - 1)
    assert not worth(2 * LEAST, LEAST)
    assert not worth(large, large - 2 * LEAST)
    assert worth(large, large - 11 * LEAST)


def test_no_gain_no_move() -> None:
    rows = [([], BIG), ([], BIG), ([0], BIG), ([1], BIG), ([2, 3], BIG)]
    assert list(orders(work(rows, kept=[4]))) == []
    small = [([], 9), ([], 9), ([1], 9), ([1, 2], 9), ([3], 1), ([0, 4], 1)]
    assert list(orders(work(small, kept=[5]))) == []  # a few bytes are not worth it


@pytest.mark.parametrize("shape", ["chain", "fan", "tree"])
def test_many_statements(shape: str) -> None:
    count = 100_000
    before = {
        "chain": lambda i: [i - 1] if i else [],
        "fan": lambda i: [] if i < count - 1 else range(count - 1),
        "tree": lambda i: [2 * i - count, min(2 * i - count + 1, i - 1)] if 2 * i >= count else [],
    }[shape]
    long = work([(sorted(set(before(i))), BIG) for i in range(count)], kept=[count - 1])
    with eagerness(-1, 0):  # any order will do
        for order in orders(long):
            assert len(set(order)) == count
            assert alive(long, order) <= alive(long, range(count))


@st.composite
def works(draw: st.DrawFn) -> Work:
    count = draw(st.integers(1, 12))
    reads = [sorted(draw(st.sets(st.integers(0, i - 1), max_size=3))) if i else [] for i in range(count)]
    numbers = st.lists(st.integers(0, 5), min_size=count, max_size=count)
    over = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    kept = frozenset(draw(st.sets(st.integers(0, count - 1), min_size=1)))
    lasting = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return Work(reads, reads, [n * BIG for n in draw(numbers)], [n * BIG for n in draw(numbers)], lasting, over, kept)


@given(works())
def test_orders_are_possible_and_need_less(drawn: Work) -> None:
    own = alive(drawn, range(len(drawn.takes)))
    found = list(orders(drawn))
    assert found == list(orders(drawn))
    for order in found:
        assert sorted(order) == list(range(len(drawn.takes)))
        at = {i: k for k, i in enumerate(order)}
        assert all(at[j] < at[i] for i, before in enumerate(drawn.after) for j in before)
        assert alive(drawn, order) < own
    assert found == sorted(found, key=lambda order: alive(drawn, order))


def test_the_best_order_comes_first() -> None:
    """Of two that need less than the graph's own; which of the ways finds it is different from work to work."""
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        rows = [
            (sorted({int(rng.integers(i)) for _ in range(rng.integers(3))} if i else []), BIG * int(rng.integers(4)))
            for i in range(16)
        ]
        drawn = work(rows, kept=[15])
        peaks = [alive(drawn, order) for order in orders(drawn)]
        assert peaks == sorted(peaks)
        found += [peaks[0] < peaks[1]] if len(peaks) == 2 else []
    assert sum(found) > 10


def needy(size: int = 100_000) -> tuple[tg.Tensor, tg.Tensor]:
    """A big value that waits while a small one is computed from big ones."""
    x = tg.placeholder((), name="x")
    numbers = tg.arange(size, dtype="float64")
    waits = tg.exp(numbers * x)
    y = tg.sin(numbers * (x + 1))
    small = tg.sum(tg.cos(y) * y + y * y)
    return x, waits * small + tg.exp(waits)


def test_a_program_whose_own_order_is_bad() -> None:
    x, y = needy()
    kernel = tg.compile([x], y, machine=WHOLE)
    with eagerness(0, math.inf):
        own = tg.compile([x], y, machine=WHOLE)
    assert kernel.memory.peak() < 0.85 * own.memory.peak()  # four arrays instead of five
    assert_same_bits([kernel(0.5)], [own(0.5)])
    assert kernel.source == tg.compile([x], y, machine=WHOLE).source


def test_users_functions_keep_their_order() -> None:
    calls = []

    def noted(name: str):
        def f(x):
            calls.append(name)
            return x * 1

        return tg.custom_op(f)

    x = tg.placeholder((100_000,), name="x")
    first = noted("first")(tg.exp(x))
    second = tg.sum(noted("second")(tg.sin(x) * tg.cos(x)))
    with eagerness(0, 0):
        kernel = tg.compile([x], first * second + tg.exp(first))
    kernel(np.ones(100_000))
    assert calls == ["first", "second"]


def computable(graph: tg.Graph, arrays: Sequence[np.ndarray]) -> bool:
    """Whether NumPy takes these inputs: of nothing there is no largest."""
    try:
        evaluate_graph(graph, arrays)
    except ValueError:
        return False
    return True


@given(st.data())
def test_any_order_gives_the_same_bits(data: st.DataObject) -> None:
    graph = data.draw(graphs(size=12))
    arrays = data.draw(feeds(graph))
    with eagerness(0, 0):
        moved = plan(graph)
    with eagerness(0, math.inf):
        own = plan(graph)
    assume(computable(graph, arrays))
    sizes = dict.fromkeys(symbols_of(graph), 64)
    assert Footprint(moved).peak(**sizes) <= Footprint(own).peak(**sizes)
    inputs = [tg.Tensor(node) for node in graph.inputs]
    outputs = [tg.Tensor(node) for node in graph.outputs]
    with eagerness(0, 0):
        results = tg.compile(inputs, outputs)(*arrays)
    with eagerness(0, math.inf):
        assert_same_bits(results, tg.compile(inputs, outputs)(*arrays))
