"""Reductions over the rows of a loop: in parts, which do not depend on the number of threads."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.ir.tree import flatten_tree
from tests.compiler.programs import assert_same_bits
from tests.schedule.test_blocks import TINY, assert_computed, chain, eager


def by_threads(kernel: Kernel, threads: int, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What it gives where so many threads share its loops."""
    kernel._workspace.__globals__["THREADS"] = threads
    kernel.moved()  # another workspace
    return [np.asarray(y) for y in flatten_tree(kernel(*arrays))[0]]


def reduced(kernel: Kernel) -> list[str]:
    return [each.node.op.name for each in kernel.program.reduced]


def test_a_sum_over_rows_joins_the_loop_so_that_what_it_adds_is_never_kept() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    kernel = tg.compile([x], tg.sum(chain(x)), machine=tg.Machine.reference)
    assert reduced(kernel) == ["sum"]
    assert [law.name for law in kernel.stages[-2].laws] == ["sum_of_parts"]
    array = np.linspace(-3, 3, 2_000_003)
    tracemalloc.start()
    got = kernel(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kernel.memory.peak(n=array.size) == pytest.approx(peak, rel=0.1)
    assert peak < array.nbytes / 3
    exact = tg.compile([x], chain(x))(array).astype(np.longdouble).sum()
    assert abs(float(got - exact)) < 1e-9


REDUCTIONS: dict[str, Callable[[tg.Tensor], tg.Tensor]] = {
    "sum": lambda y: tg.sum(y, axis=0),
    "sum of all": tg.sum,
    "sum, axes kept": lambda y: tg.sum(y, axis=(0, 2), keepdims=True),
    "max": lambda y: tg.max(y, axis=0),
    "min of all": tg.min,
    "any": lambda y: tg.any(y > 1, axis=0),
    "all": lambda y: tg.all(y > -3, axis=(0, 1)),
    "integers": lambda y: tg.sum(tg.astype(tg.floor(y), "int32"), axis=0),
    "largest integer": lambda y: tg.max(tg.astype(tg.floor(y * 9), "int8"), axis=0),
    "smallest integer": lambda y: tg.min(tg.astype(tg.floor(y * 9 + 50), "uint8"), axis=0),
    "largest bool": lambda y: tg.max(y > 0, axis=0),
    "smallest bool": lambda y: tg.min(y > -9, axis=0),
    "complex": lambda y: tg.sum(tg.astype(y, "complex64") * 1j, axis=0),
    "mean": lambda y: tg.mean(y, axis=(0, 1)),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("known", [False, True])
def test_every_reduction_is_right_and_the_same_for_any_number_of_threads(name: str, known: bool) -> None:
    x = tg.placeholder((37 if known else "n", 2, 3), "float32", name="x")
    y = tg.tanh(tg.exp(tg.sin(x)) * 3) - 1.5
    with eager():
        kernel = tg.compile([x], [REDUCTIONS[name](y), y * 2], machine=TINY)
    assert len(reduced(kernel)) == 1
    for n in (37,) if known else (0, 1, 2, 37, 100):
        array = np.random.default_rng(n).normal(size=(n, 2, 3)).astype("f4")
        if not n and name.partition(" ")[0] in {"max", "min", "largest", "smallest"}:
            with pytest.raises(ValueError, match="no identity"):
                kernel(array)
            continue
        results = [by_threads(kernel, threads, [array]) for threads in (1, 2, 3, 5)]
        assert_computed(kernel, results[0], [array])
        for other in results[1:]:
            assert_same_bits(other, results[0])


def test_special_values_reach_the_result() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    y = tg.negative(tg.abs(x) * 2) * 1
    with eager():
        kernel = tg.compile([x], [tg.max(y), tg.min(y), tg.sum(y)], machine=TINY)
    assert len(reduced(kernel)) == 3
    for bad in (np.nan, np.inf, -0.0, 1e308):
        array = np.ones(50)
        array[33] = bad
        assert_computed(kernel, kernel(array), [array])


def test_what_is_not_cut() -> None:
    x = tg.placeholder(("n", 4), "float16", name="x")
    z = tg.placeholder(("n", 4), "float64", name="z")
    for y, whole in ((x, tg.sum), (z, tg.prod), (z, tg.logsumexp), (z, tg.std)):
        chained = tg.tanh(tg.exp(tg.sin(y)))
        with eager():
            kernel = tg.compile([y], whole(chained, axis=0), machine=TINY)
        assert "prod" not in reduced(kernel)
        if whole is not tg.std:  # which is made of sums
            assert reduced(kernel) == []
        array = np.random.default_rng(0).normal(size=(9, 4)).astype(y.dtype)
        assert_computed(kernel, [kernel(array)], [array])


def test_readers_of_a_reduction_follow_the_loop() -> None:
    x = tg.placeholder(("n", 4), "float64", name="x")
    y = tg.tanh(tg.exp(tg.sin(x)))
    centred = y - tg.mean(y, axis=0)  # a second loop, which reads what the first has added
    out = tg.exp(centred / tg.sqrt(tg.mean(centred * centred, axis=0) + 1)) * 2
    with eager():
        kernel = tg.compile([x], [tg.sum(out), out], machine=TINY)
    assert len(kernel.program.blocks) >= 3
    array = np.random.default_rng(0).normal(size=(41, 4))
    first = by_threads(kernel, 1, [array])
    assert_computed(kernel, first, [array])
    assert_same_bits(by_threads(kernel, 3, [array]), first)


def test_a_sum_goes_where_its_update_wants_it() -> None:
    x = tg.placeholder(("n", 3), "float64", name="x")
    p = tg.Parameter(np.ones(3), name="p")
    q = tg.Parameter(np.zeros(3), name="q")
    y = tg.tanh(tg.exp(tg.sin(x * p)))
    updates = [(p, p - 0.1 * tg.max(y, axis=0)), (q, q - 0.1 * tg.min(y, axis=0))]
    with eager():
        kernel = tg.compile([x], [tg.max(y)], updates, machine=TINY)
    assert sorted(reduced(kernel)) == ["max", "max", "min"]
    array = np.random.default_rng(0).normal(size=(23, 3))
    value = np.tanh(np.exp(np.sin(array)))
    kernel(array)
    np.testing.assert_array_equal(p.numpy(), 1 - 0.1 * value.max(axis=0))
    np.testing.assert_array_equal(q.numpy(), 0 - 0.1 * value.min(axis=0))


def test_a_nan_in_a_sum_names_the_sum_and_the_users_line() -> None:
    x = tg.placeholder((1_000_000,), "float64", name="x")
    y = tg.exp(tg.tanh(x)) + x
    for _ in range(4):
        y = y * 1.5 + x
    kernel = tg.compile([x], tg.sum(y), machine=tg.Machine.reference, debug_nans=True)
    assert reduced(kernel) == ["sum"]
    array = np.zeros(1_000_000)
    array[10], array[11] = 1.7e308, -1.7e308  # inf - inf, first met where they are added
    with pytest.raises(FloatingPointError) as caught:
        kernel(array)
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "tg.sum(y), machine" in text)
    cause = "and its operands have none: look for 0/0, inf - inf, 0*inf or a number outside the operation's domain"
    assert str(caught.value) == (f"kernel: sum: float64[1000000] gave a NaN, {cause} (test_lanes.py:{line})")


def test_tables_know_reductions_of_loops() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    kernel = tg.compile([x], tg.sum(chain(x)), machine=tg.Machine.reference, name="total")
    rows = {row.name: row for row in kernel.explain(n=10**6).rows}
    assert rows["sum_1_lanes"].why == "by rows in the loop of block_1"
    assert rows["sum_1_lanes"].op == "sum"
    assert rows["sum_1_lanes"].flops == 10**6
    assert rows["sum_1"].flops < 100
    profile = kernel.profile(np.linspace(-1, 1, 10**6), repeat=3)
    assert len(profile.statements) == len(kernel.program.statements) == 14


def test_kernels_without_threads_have_loops_too() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    alone = tg.compile([x], tg.sum(chain(x)), machine=replace(tg.Machine.reference, threads=False))
    both = tg.compile([x], tg.sum(chain(x)), machine=tg.Machine.reference)
    assert "THREADS = 1 " in alone.source
    array = np.linspace(-3, 3, 1_000_003)
    assert_same_bits([alone(array)], [both(array)])
