"""Loops over blocks of rows: the same bits, less memory, and only where they pay."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import Options, compile_graph
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.rewrite.tiers import differs_by_laws
from tensorgraph.schedule import blocks as module
from tensorgraph.testing.equivalence import laws_used
from tensorgraph.testing.programs import run_kernel
from tensorgraph.testing.strategies import feeds, graphs
from tests.compiler.programs import assert_same_bits, random_program

TINY = replace(tg.Machine.reference, l2=64)


def assert_computed(kernel: Kernel, got: Sequence[Any], arrays: Sequence[np.ndarray]) -> None:
    """The same bits as the interpreter's; or where a loop adds up its rows, as near as that law says."""
    laws, graph = kernel.program.laws, kernel.graph
    if laws:
        assert differs_by_laws(graph, graph, laws, arrays, [np.asarray(y) for y in got]) is None
    else:
        assert_same_bits(got, [y for part in evaluate_graph(graph, arrays) for y in part])


@contextmanager
def eager() -> Iterator[None]:
    """Blocks of a few rows wherever two values can be handed over inside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GRAIN", replace(module.FINE, room=None))
        yield


def chain(x: tg.Tensor) -> tg.Tensor:
    u = tg.tanh(x / tg.sqrt(x * x + 1))
    v = u * 0.5 + x
    return u * tg.exp(-(v * v)) - x


def test_a_chain_is_one_loop_and_needs_no_more_memory_than_its_result() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    kernel = tg.compile([x], chain(x), machine=tg.Machine.reference)
    assert [len(block.nodes) for block in kernel.program.blocks] == [12]
    assert kernel.source.count("share(lane_of_block_1, range(0, n, lane), threads)") == 1
    array = np.linspace(-3, 3, 2_000_003)
    tracemalloc.start()
    (got,) = [kernel(array)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_same_bits([got], evaluate_graph(kernel.graph, [array])[0])
    assert kernel.memory.peak(n=array.size) == pytest.approx(peak, rel=0.1)
    assert peak < 1.4 * array.nbytes


@pytest.mark.parametrize("row", [(), (64,), ("k",)])
def test_the_rows_of_a_block_are_as_many_as_the_cache_holds(row: tuple[int | str, ...]) -> None:
    x = tg.placeholder(("n", *row), "float64", name="x")
    (block,) = tg.compile([x], chain(x), machine=tg.Machine.reference).program.blocks
    cells = 100 if row == ("k",) else 64 if row else 1
    big = tg.compile([x], chain(x), machine=replace(tg.Machine.reference, l2=1 << 24)).program.blocks[0]
    most = big.count({"n": 10**7, "k": 100}) * cells * 8
    assert module.STREAMS * most < 1 << 24 < 12 * most
    assumed = module.GRAIN.row if row else 1  # of rows of unknown length
    count = module.GRAIN.call // (8 * assumed)
    assert block.count({"n": 10**7, "k": 100}) == count  # the cache is small, but calls are long


@pytest.mark.parametrize("row", [(), (64,), ("k",)])
def test_lanes_are_runs_of_blocks_that_cover_all_rows(row: tuple[int | str, ...]) -> None:
    x = tg.placeholder(("n", *row), "float64", name="x")
    for machine in (tg.Machine.reference, TINY):
        with eager() if machine is TINY else nullcontext():
            (block,) = tg.compile([x], chain(x), machine=machine).program.blocks
        cut = block.cut
        for n, k in product((0, 1, 2, 50, 64, 65, 1000, 10**7), (0, 1, 100, 10**6)):
            known: dict[str, int] = {"n": n, "k": k, "THREADS": cut.cores}
            for name, text in cut.texts().items():
                known[name] = eval(text, dict(known))
            numbers = cut.numbers({"n": n, "k": k})
            assert numbers == {name: known[name] for name in numbers}
            rows, lane, lanes, threads = numbers.values()
            assert rows <= n
            assert lane % max(rows, 1) == 0
            assert len(range(0, n, lane)) == (lanes if n else 0)
            assert 1 <= threads <= lanes <= cut.most


def test_a_loop_says_what_it_computes() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    y = x
    for _ in range(5):
        y = tg.exp(tg.tanh(y))
    six = tg.log(tg.sqrt(tg.exp(tg.tanh(tg.cos(tg.sin(x))))))
    six = tg.log(tg.sqrt(tg.exp(tg.tanh(tg.cos(tg.sin(six))))))
    said = [
        [line for line in kernel.source.splitlines() if "stays in the cache" in line]
        for kernel in (tg.compile([x], out, machine=tg.Machine.reference) for out in (y, six, chain(x)))
    ]
    head = "    # a block of rows at a time stays in the cache: "
    assert said == [
        [f"{head}tanh, exp"],
        [f"{head}sin, cos, tanh, exp, sqrt, log"],
        [f"{head}multiply, add, sqrt, divide, tanh, negative and others"],
    ]


def test_few_rows_take_no_loop() -> None:
    x = tg.placeholder((100,), "float64", name="x")
    assert tg.compile([x], chain(x), machine=tg.Machine.reference).program.blocks == ()
    x = tg.placeholder(("n", 3), "float64", name="x")  # short rows
    assert tg.compile([x], chain(x), machine=tg.Machine.reference).program.blocks == ()
    x = tg.placeholder((1_000_000,), "float64", name="x")
    kernel = tg.compile([x], chain(x), machine=tg.Machine.reference)
    assert "if " not in kernel.source[kernel.source.index("def compute") :]
    array = np.linspace(-3, 3, 1_000_000)
    assert_same_bits([kernel(array)], evaluate_graph(kernel.graph, [array])[0])


def test_what_is_needed_whole_waits_until_the_loop_is_over() -> None:
    x = tg.placeholder(("n", 64), "float32", name="x")
    centred = x - tg.mean(x, axis=1, keepdims=True)
    y = centred / tg.sqrt(tg.mean(centred * centred, axis=1, keepdims=True) + 1e-5)
    total = tg.sum(y * x)
    kernel = tg.compile([x], [total, tg.gradients(total, [x])[0]], machine=tg.Machine.reference)
    assert len(kernel.program.blocks) == 1
    for rows in (3, 20_001):
        array = np.random.default_rng(rows).normal(size=(rows, 64)).astype("f4")
        assert_computed(kernel, kernel(array), [array])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_graphs_give_the_same_bits(data: st.DataObject) -> None:
    graph = data.draw(graphs(size=12, inputs=3, outputs=3))
    arrays = data.draw(feeds(graph))
    try:
        evaluate_graph(graph, arrays)
    except (ValueError, IndexError):
        reject()  # no value: the largest of nothing
    with eager():
        kernel = compile_graph(graph, "kernel", list(range(len(graph.outputs))), Options(machine=TINY))
        for _ in range(2):
            assert_computed(kernel, run_kernel(kernel, arrays), arrays)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_with_updates(seed: int) -> None:
    program = random_program(seed, symbolic=seed % 2 == 0)
    with eager():
        kernel = tg.compile(program.inputs, program.outputs, program.updates, machine=TINY)
        rng = np.random.default_rng(seed)
        for size in (4, 0, 1, 33) if seed % 2 == 0 else (4, 4):
            arrays = program.feeds(rng, size)
            assert differs_by_laws(program.graph(), kernel.graph, laws_used(kernel.stages), arrays) is None
            assert_computed(kernel, run_kernel(kernel, arrays), arrays)
            kernel(*arrays)


def test_eager_blocks_are_found_in_random_programs() -> None:
    with eager():
        found = 0
        for seed in range(40):
            program = random_program(seed, symbolic=True)
            found += len(tg.compile(program.inputs, program.outputs, program.updates, machine=TINY).program.blocks)
    assert found > 25


def test_an_error_in_a_block_names_the_users_line() -> None:
    x = tg.placeholder((1_000_000,), "float64", name="x")
    kernel = tg.compile([x], chain(x), machine=tg.Machine.reference, debug_nans=True)
    array = np.ones(1_000_000)
    array[700_000] = np.inf
    with pytest.raises(FloatingPointError, match=r"divide.*test_blocks\.py:\d+"):
        kernel(array)


def test_a_row_that_is_read_along_another_axis_is_needed_whole() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    a = tg.placeholder(("n", "n"), "float64", name="a")
    u = tg.sin(x) * 2
    outer = tg.exp(a * u + tg.cos(x)) - x  # u and x stand for columns here
    y = tg.sum(outer * u[:, None], axis=1) + u
    arrays = [np.linspace(0, 1, 37), np.random.default_rng(0).normal(size=(37, 37))]
    with eager():
        kernel = tg.compile([x, a], [y, outer], machine=TINY)
        assert len(kernel.program.blocks) > 0
        assert_computed(kernel, kernel(*arrays), arrays)


def test_sums_of_products_join_the_loop_of_their_operands() -> None:
    """A product of rows with rows is one number a row: it is computed in the block that has the rows."""
    x = tg.placeholder(("n", 512), "float32", name="x")
    u = tg.tanh(x) + tg.exp(-x)
    y = u / tg.sqrt(tg.sum(u * u, axis=1, keepdims=True))
    kernel = tg.compile([x], y, machine=tg.Machine.reference)
    (block,) = kernel.program.blocks
    assert "vecdot" in [node.op.name for node in block.nodes]
    array = np.random.default_rng(0).normal(size=(3001, 512)).astype("f4")
    assert_computed(kernel, [kernel(array)], [array])


RESHAPED = {
    "split": ((6, 4), lambda y: y.reshape((y.shape[0], 2, 2))),
    "split, n rows": (("n", 4), lambda y: y.reshape((y.shape[0], 2, 2))),
    "merged, n rows": (("n", 2, 2), lambda y: y.reshape((y.shape[0], 4))),
    "split, of another size": ((6, "2*m"), lambda y: y.reshape((6, 2, y.shape[1] // 2))),
    "split, of both": (("n", "2*m"), lambda y: y.reshape((y.shape[0], 2, y.shape[1] // 2))),
    "merged, as many as rows": (("n", 2, "n"), lambda y: y.reshape((y.shape[0], 2 * y.shape[2]))),
    "a column and a row": (("n", 3, 1), lambda y: y.reshape((y.shape[0], 1, 3))),
}


@pytest.mark.parametrize("name", RESHAPED)
def test_a_reshape_inside_is_of_the_rows_of_a_block(name: str) -> None:
    shape, reshaped = RESHAPED[name]
    x = tg.placeholder(shape, "float64", name="x")
    y = tg.exp(x)
    inner = reshaped(y)
    out = inner * tg.sum(inner, axis=-1, keepdims=True)
    with eager():
        kernel = tg.compile([x], [out if name != "a column and a row" else y * inner], machine=TINY)
    assert [line for line in kernel.source.splitlines() if ".reshape((len(" in line]
    sizes = {"n": 6, "2*m": 4}
    array = np.random.default_rng(0).normal(size=[sizes.get(str(n), n) for n in shape])
    assert_computed(kernel, kernel(array), [array])


def test_what_is_alive_at_a_time_decides_how_many_rows_fit() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    powers = [tg.exp(x * float(i)) for i in range(2, 8)]
    total, quotient = powers[0], powers[-1]
    for power in powers[1:]:
        total = total + power
    for power in reversed(powers[:-1]):
        quotient = quotient / power
    (block,) = tg.compile([x], tg.sin(total) * quotient, machine=tg.Machine.reference).program.blocks
    assert block.cut.row == 8 * (6 + 1 + 1 + module.STREAMS)  # the powers, their sum, and what replaces it


def test_rows_of_a_composed_length() -> None:
    x = tg.placeholder((2 * tg.Dim.symbol("n") + 1, 64), "float64", name="x")
    (block,) = tg.compile([x], chain(x), machine=tg.Machine.reference).program.blocks
    known: dict[str, int] = {"n": 5000, "THREADS": block.cut.cores}
    for name, text in block.cut.texts().items():
        known[name] = eval(text, dict(known))
    assert block.cut.numbers({"n": 5000}).items() <= known.items()
