"""Which results share memory, and that none is overwritten while it is read."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.op import Op
from tensorgraph.ops.custom import Custom
from tensorgraph.schedule import Program, plan
from tensorgraph.testing import SAMPLES, Sample
from tests.compiler.programs import assert_same_bits

MATRIX = np.arange(9.0).reshape(3, 3) / 7
ALL_SAMPLES = [sample for samples in SAMPLES.values() for sample in samples]


def planned(inputs: list[tg.Tensor], *outputs: tg.Tensor) -> Program:
    return plan(tg.Graph([x.node for x in inputs], [y.node for y in outputs]))


def test_a_chain_needs_one_buffer() -> None:
    x = tg.placeholder(("n", 3), name="x")
    y = x
    for _ in range(5):
        y = tg.sin(y) + 1
    program = planned([x], tg.sum(y))
    assert [str(b.type) for b in program.buffers] == ["float64[n, 3]"]
    assert str(program).splitlines()[:3] == ["m0: float64[n, 3] in piece 0", "sin = sin -> m0", "y = add -> m0"]
    assert str(program).splitlines()[-1] == "sum_1 = sum -> fresh"


def test_types_do_not_share() -> None:
    x = tg.placeholder((3,), "float32", name="x")
    program = planned([x], tg.sum(tg.sin(x)) + tg.sum(tg.logical_not(x > 0)))
    assert [str(b.type) for b in program.buffers] == ["float32[3]", "float32[]", "bool[3]", "int64[]"]


def test_a_value_that_is_read_again_keeps_its_buffer() -> None:
    x = tg.placeholder((3,), name="x")
    a = tg.sin(x)
    b = tg.cos(a)
    program = planned([x], tg.exp(a * b))
    places = {s.node: s.buffer for s in program.statements}
    assert places[a.node] is not places[b.node]


OVERLAPS: dict[str, Callable[[tg.Tensor], tg.Tensor]] = {
    "transposed": lambda y: y + tg.matrix_transpose(y),
    "transposed first": lambda y: tg.matrix_transpose(y) - y,
    "reversed": lambda y: y * y[::-1],
    "reshaped": lambda y: y + tg.reshape(tg.reshape(y, (9,))[::-1], (3, 3)),
    "row of itself": lambda y: y - y[1],
    "column of itself": lambda y: y / (2 + y[:, :1]),
    "view of a view": lambda y: tg.where(y > 0.5, y[:, ::-1], y),
    "clipped by its transpose": lambda y: tg.clip(y, tg.matrix_transpose(y), y[::-1] + 1),
    "itself twice": lambda y: y * y + y,
    "broadcast": lambda y: tg.broadcast_to(y[0], (3, 3)) + y,
    "three": lambda y: tg.where(tg.matrix_transpose(y) > y, y, tg.matrix_transpose(y)),
    "matrix product": lambda y: y @ y + y @ tg.matrix_transpose(y),
    "real part": lambda y: tg.real(y * 1j) + tg.imag(tg.exp(y * 1j)) + tg.imag(y * 1j)[::-1],
    "accumulated": lambda y: tg.cumulative_sum(y, axis=0) + y if hasattr(tg, "cumulative_sum") else y,
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_operands_that_share_memory_with_the_result(name: str) -> None:
    x = tg.placeholder((3, 3), name="x")
    y = OVERLAPS[name](tg.sin(x))
    for _ in range(2):
        y = OVERLAPS[name](tg.cos(y))
    kernel = tg.compile([x], tg.exp(y))
    y = tg.sin(tg.asarray(MATRIX))
    y = OVERLAPS[name](y)
    for _ in range(2):
        y = OVERLAPS[name](tg.cos(y))
    assert_same_bits([kernel(MATRIX)], [np.asarray(tg.exp(y))])


def test_a_custom_function_that_returns_its_argument() -> None:
    def same(x):
        return x

    def part(x):
        return x[::-1], x[:1]

    passed = tg.custom_op(same)
    parts = tg.custom_op(part, infer=lambda t: (t, tg.TensorType(t.dtype, (1, *t.shape[1:]))))
    x = tg.placeholder((3, 3), name="x")
    y = tg.sin(x)
    z = passed(passed(y))  # shares the memory of y
    back, first = parts(y)
    w = tg.cos(y) + 1  # y has been read for the last time by name
    kernel = tg.compile([x], [z + w, z, back * first, passed(x)])
    s = np.sin(MATRIX)
    expected = [s + (np.cos(s) + 1), s, s[::-1] * s[:1], MATRIX]
    for _ in range(2):
        got = kernel(MATRIX)
        assert_same_bits(got, expected)
        got[1][...] = got[3][...] = 5


@pytest.mark.parametrize("sample", ALL_SAMPLES, ids=str)
def test_only_views_share_memory_with_operands(sample: Sample) -> None:
    arrays = sample.draw(np.random.default_rng(1))
    inputs = [tg.placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)]
    nodes = tg.Graph([x.node for x in inputs], [sample.function(*inputs).node]).nodes
    values = dict(zip((x.node for x in inputs), map(np.asarray, arrays), strict=True))
    for node in nodes:
        if node not in values and not node.op.leaf and len(node.types) == 1:
            operands = [s.op.value if isinstance(s.op, Constant) else values[s] for s in node.inputs]
            value = values[node] = np.asarray(node.op.evaluate(*operands))
            if not (node.op.view or isinstance(node.op, Custom)) and type(node.op).evaluate is Op.evaluate:
                assert not any(np.shares_memory(value, a) for a in operands), node.op


def test_what_is_freed() -> None:
    x = tg.placeholder(("n", 3), name="x")
    y = tg.erf(x)  # NumPy has no statement that writes it into memory given for it
    program = planned([x], tg.sum(tg.erf(y[1:] * 2)))
    freed = {s.node.op.name: [program.names[n] for n in s.frees] for s in program.statements if s.frees}
    assert freed == {"slice": ["y"], "multiply": ["slice_1"]}


def layers(
    count: int, wrap: Callable[..., Callable[..., tg.Tensor]], op: Callable[[tg.Tensor], tg.Tensor]
) -> tg.Kernel:
    x = tg.placeholder((1000, 50), name="x")

    def block(y: tg.Tensor) -> tg.Tensor:
        for _ in range(6):
            y = op(y) * 1.5
        return y

    y = x
    for _ in range(count):
        y = wrap(block)(y)
    whole = replace(tg.Machine.reference, l2=1 << 40)  # no value is so large that it is computed in blocks
    return tg.compile([x], tg.gradients(tg.sum(y), [x])[0], machine=whole)


@pytest.mark.parametrize("op", [tg.sin, tg.sigmoid], ids=["buffers", "fresh memory"])
def test_checkpoints_compute_again_and_need_less(op: Callable[[tg.Tensor], tg.Tensor]) -> None:
    array = np.linspace(0, 1, 50_000).reshape(1000, 50)
    peaks, results, counts = [], [], []
    for wrap in (lambda f: f, tg.checkpoint):
        kernel = layers(6, wrap, op)
        tracemalloc.start()
        results.append(kernel(array))
        peaks.append(tracemalloc.get_traced_memory()[1] / array.nbytes)
        tracemalloc.stop()
        counts.append(sum(s.node.op.name in {"sin", "sigmoid"} for s in kernel.program.statements))
    assert_same_bits(results[1:], results[:1])
    assert counts[0] in {35, 36}  # the derivative of a sine does not read it
    assert counts[1] >= 60
    assert peaks[1] < 0.6 * peaks[0], peaks
    names = [s.node.op.name for s in kernel.program.statements]
    assert names.index("barrier") >= 5 * 12  # after the forward pass, of which the last block is not kept
    assert kernel.source.count("computed again from here") == 6


def test_a_warm_call_allocates_only_its_results() -> None:
    x = tg.placeholder(("n",), name="x")
    kernel = tg.compile([x], tg.sum(tg.exp(tg.sin(x) * 2) + tg.cos(x)))
    array = np.ones(100_000)
    kernel(array)
    tracemalloc.start()
    kernel(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024


def test_rows_of_a_transposition_do_not_lie_one_after_the_other() -> None:
    """NumPy copies them to reshape them: that is done in every call, and not once on the memory."""
    x = tg.placeholder((3, 4), "float64", name="x")
    rows = tg.reshape(tg.exp(x).T[1:], (9,))
    kernel = tg.compile([x], [tg.sin(rows), tg.cos(rows)])
    for array in (np.zeros((3, 4)), np.arange(12.0).reshape(3, 4)):
        expected = np.exp(array).T[1:].reshape(9)
        np.testing.assert_array_equal(kernel(array), [np.sin(expected), np.cos(expected)])


def test_a_size_that_only_one_statement_names() -> None:
    x, y = tg.placeholder(("k",), "float64", name="x"), tg.placeholder(("n",), "float64", name="y")
    written = tg.exp(x).at[: y.shape[0]].set(7.0)
    for result, expected in ((written, [7.0, 7.0, 1.0]), (written * 2, [14.0, 14.0, 2.0])):
        kernel = tg.compile([x, y], result)  # in memory of its own, and in the workspace
        np.testing.assert_array_equal(kernel(np.zeros(3), np.zeros(2)), expected)


def test_a_custom_function_beside_others_is_called_in_the_context_of_the_caller() -> None:
    asked: ContextVar[str] = ContextVar("asked", default="nothing")

    def told(x: np.ndarray) -> np.ndarray:
        heard.append(asked.get())
        return x.copy()

    heard: list[str] = []
    x = tg.placeholder((3,), "float64", name="x")
    kernel = tg.compile([x], tg.exp(tg.custom_op(told)(x)) + 1)
    asked.set("the caller")
    kernel(np.zeros(3))
    assert heard[-1] == "the caller"
