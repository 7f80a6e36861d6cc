"""What a kernel says of its statements: costs, times, and why they stand alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import InputError
from tensorgraph.schedule.measure import one_thread
from tests.array.lines import above
from tests.compiler.programs import assert_same_bits, random_program

REFERENCE = tg.Machine.reference


def training_step(locations: bool = True) -> tuple[tg.Kernel, list[tg.Parameter]]:
    x = tg.placeholder(("batch", 4), "float32", name="x")
    y = tg.placeholder(("batch", 2), "float32", name="y")
    w1, b1 = tg.Parameter(np.ones((4, 3), "f4"), name="w1"), tg.Parameter(np.zeros(3, "f4"), name="b1")
    w2, b2 = tg.Parameter(np.ones((3, 2), "f4"), name="w2"), tg.Parameter(np.zeros(2, "f4"), name="b2")
    predicted = tg.tanh(x @ w1 + b1) @ w2 + b2
    loss = tg.mean((predicted - y) ** 2)
    parameters = [w1, b1, w2, b2]
    updates = [(p, p - 0.1 * g) for p, g in zip(parameters, tg.gradients(loss, parameters), strict=True)]
    return tg.compile([x, y], loss, updates, name="step", locations=locations), parameters


X, Y = np.ones((5, 4), "f4"), np.ones((5, 2), "f4")


def test_the_whole_table(golden: Callable[[str, str], None]) -> None:
    kernel, _ = training_step()
    with one_thread():
        golden("explanation.txt", f"{kernel.explain(batch=3200, machine=REFERENCE)}\n")


def test_rows_are_data() -> None:
    kernel, _ = training_step(locations=False)
    rows = kernel.explain(batch=32, machine=REFERENCE).rows
    source = kernel.source.splitlines()
    for row in rows[:-1]:
        assert row.name.split(",")[0] in source[row.line - 1] or row.op in {"matmul", "multiply"}
    first, last = rows[0], rows[-1]
    assert (first.name, first.op, first.type, first.flops) == ("matmul", "matmul", "float32[batch, 3]", 2 * 32 * 4 * 3)
    assert first.bytes == 4 * (32 * 4 + 4 * 3 + 32 * 3)
    assert first.measured is None
    assert 0 < first.share <= 1
    assert source[first.line - 1].strip().startswith("matmul = np_dot(x, w1, ")
    assert (last.name, last.op, last.type) == ("parameters", "multiply, subtract", "float32[23]")
    assert last.flops == 2 * 23
    assert source[last.line - 1] == "    # 23 elements of w1, b1, w2, b2"
    assert last.why == "4 parameters side by side, at once"
    with pytest.raises(AttributeError):
        first.line = 3


def reasons(outputs, *inputs, updates=()) -> dict[str, str]:
    kernel = tg.compile(list(inputs), outputs, updates)
    return {row.name: row.why for row in kernel.explain(n=8, machine=REFERENCE).rows}


def test_why_statements_stand_alone() -> None:
    x = tg.placeholder(("n", 3), "float32", name="x")
    y = tg.placeholder(("n", 3), "float32", name="y")
    w = tg.Parameter(np.ones((3, 3), "f4"), name="w")
    product = x @ w
    a = tg.exp(product)
    b = tg.sin(a)
    c = tg.cos(a)
    d = b * c
    peak = tg.max(d, axis=1)
    e = d - peak[:, None]
    found = reasons([tg.sum(e * y), tg.cumulative_sum(e, axis=0)], x, y)
    assert found["product"] == "matrix product"
    assert found["a"] == "in place of product"
    assert found["b"] == "a is read again by c"
    assert found["c"] == "in place of a"
    assert found["d"] == "in place of b"
    assert found["peak"] == "a reduction"
    assert found["e"] == "in place of d"


def test_other_reasons() -> None:
    x = tg.placeholder(("n", 3), "float32", name="x")
    row = tg.sin(tg.sum(x, axis=0))
    outer = row * x
    mask = outer > 0
    kept = tg.cos(x)
    more = kept + 1
    custom = tg.custom_op(lambda v: v)(more * 2)
    w = tg.Parameter(np.ones((4, 3), "f4"), name="w")
    scaled = tg.exp(w)
    found = reasons([tg.astype(mask, "float32") + x.mT.mT * 2, kept, custom, tg.sum(scaled)], x)
    assert found["row"] == "squeeze is a view of matmul"
    assert found["outer"] == "another shape: row is float32[3]; x is an input"
    assert found["mask"] == "another dtype: outer is float32[n, 3]"
    assert found["kept"] == "fresh memory: an output"
    assert found["more"] == "kept is an output"
    assert found["custom"] == "a user's function"
    assert found["scaled"] == "w is a parameter"


def test_sizes_that_are_wrong() -> None:
    kernel, _ = training_step()
    fixed = tg.compile([tg.placeholder((3,), name="v")], tg.Parameter(np.ones(3)) + 1)
    for call, message in [
        (lambda: kernel.explain(**{}), "explain: give the size of batch, as in explain(batch=32)"),
        (lambda: kernel.explain(batch=3, n=4), "explain: there is no size 'n': its sizes are batch"),
        (lambda: kernel.explain(batch=-1), "explain: batch=-1 is no size: give a whole number, 0 or more"),
        (lambda: kernel.explain(batch=1.5), "explain: batch=1.5 is no size: give a whole number, 0 or more"),
        (lambda: fixed.explain(n=4), "explain: there is no size 'n': all its sizes are known"),
        (lambda: kernel.profile(X, Y, repeat=0), "profile: repeat=0 is no number of calls: give 1 or more"),
        (lambda: kernel.profile(X, repeat=1), "step was given nothing for input 'y' (float32[batch, 2])"),
    ]:
        with pytest.raises(InputError) as error:
            call()
        assert str(error.value) == f"{message} (test_explain.py:{call.__code__.co_firstlineno})"


def test_a_profile_is_shown_beside_the_prediction() -> None:
    kernel, parameters = training_step()
    before = [p.numpy().copy() for p in parameters]
    profile = kernel.profile(X, Y, repeat=7)
    for p, value in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(p.numpy(), value)  # its steps are those of copies
    assert profile.calls == 7
    assert dict(profile.sizes) == {"batch": 5}
    assert len(profile.statements) == len(kernel.program.statements)
    assert len(profile.updates) == len(kernel.program.updates) == 1
    assert all(seconds >= 0 for seconds in (*profile.statements, *profile.updates))
    table = kernel.explain()
    assert [row.measured for row in table.rows] == [*profile.statements, *profile.updates]
    assert table.profile is profile
    assert str(profile).splitlines()[0] in str(table)
    assert kernel.explain(batch=5).profile is profile
    assert kernel.explain(batch=6).profile is None  # other sizes than were measured
    assert kernel.explain(X[:2], Y[:2]).sizes == {"batch": 2}


def test_clocks_take_little_of_long_statements() -> None:
    x = tg.placeholder((300_000,), "float64", name="x")
    profile = tg.compile([x], tg.sum(tg.cos(tg.sin(x))[:100])).profile(np.linspace(0, 1, 300_000), repeat=21)
    within = sum(profile.statements)
    assert 0.5 * profile.total < within < 2.0 * profile.total
    assert min(profile.statements[:2]) > 10 * profile.statements[-1]  # the sum is short beside sines


def test_a_profile_leaves_the_state() -> None:
    kernel, parameters = training_step()
    kernel(X, Y)
    arrays = [p.numpy() for p in parameters]
    before = [a.copy() for a in arrays]
    where = [a.ctypes.data for a in arrays]
    kernel.profile(X, Y, repeat=3)
    for parameter, value, address in zip(parameters, before, where, strict=True):
        np.testing.assert_array_equal(parameter.numpy(), value, strict=True)
        assert parameter.numpy().ctypes.data == address
    wanted = kernel.program.graph  # and the step goes on as if nothing had been measured
    assert wanted is kernel.graph
    other, same = training_step()
    other(X, Y)
    kernel(X, Y)
    other(X, Y)
    for parameter, value in zip(parameters, same, strict=True):
        np.testing.assert_array_equal(parameter.numpy(), value.numpy(), strict=True)


def test_a_profile_that_fails_leaves_the_state() -> None:
    calls = 0

    def fussy(x):
        nonlocal calls
        calls += 1
        if calls > 3:
            raise RuntimeError("not now")
        return x

    p, q = tg.Parameter(np.zeros(2), name="p"), tg.Parameter(np.ones(2), name="q")
    x = tg.placeholder((2,), name="x")
    kernel = tg.compile([x], [x], {p: p + x, q: tg.custom_op(fussy)(q + x)}, name="step")
    line = above()
    with pytest.raises(RuntimeError, match=r"^not now\n") as error:
        kernel.profile([1.0, 1.0], repeat=3)
    assert error.value.__notes__ == [f"step: in fussy ({line})"]
    np.testing.assert_array_equal(p.numpy(), [0, 0])
    np.testing.assert_array_equal(q.numpy(), [1, 1])


def test_names_of_the_user_that_are_those_of_clocks() -> None:
    tick = tg.placeholder((3,), name="tick")
    times = tg.placeholder((3,), name="times")
    kernel = tg.compile([tick, times], tg.sin(tick) + times)
    assert len(kernel.profile(np.ones(3), np.ones(3), repeat=2).statements) == 2


@pytest.mark.parametrize("seed", range(8))
def test_random_programs_are_explained(seed: int) -> None:
    program = random_program(seed, symbolic=True)
    kernel = tg.compile(program.inputs, program.outputs, program.updates)
    arrays = program.feeds(np.random.default_rng(seed), 4)
    before = [p.numpy().copy() for p, _ in program.updates]
    kernel.profile(*arrays, repeat=2)
    rows = kernel.explain().rows
    assert len(rows) == len(kernel.program.statements) + len(kernel.program.updates)
    lines = kernel.source.splitlines()
    assert all(row.why for row in rows)
    assert [row.line for row in rows[: len(kernel.program.statements)]] == sorted(
        row.line for row in rows[: len(kernel.program.statements)]
    )
    for row, statement in zip(rows, kernel.program.statements, strict=False):
        assert lines[row.line - 1].strip()
        assert kernel.program.targets(statement.node)[0] in row.name
    assert_same_bits([p.numpy() for p, _ in program.updates], before)


def test_statements_of_a_loop() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    u = tg.tanh(x / tg.sqrt(x * x + 1))
    v = u * 0.5 + x
    kernel = tg.compile([x], u * tg.exp(-(v * v)) - x, machine=tg.Machine.reference)
    few, many = kernel.explain(n=1000), kernel.explain(n=2_000_000)
    assert {row.why for row in many.rows} == {"by rows in the loop of block_1"}
    assert [row.flops for row in many.rows] == [2_000_000] * 12
    assert 100 < many.predicted / few.predicted < 2000  # short calls cost more than they compute
    array = np.linspace(-1, 1, 200_000)
    measured = kernel.explain(array).profile
    assert measured is not None
    assert len(measured.statements) == 12
    assert 0.2 * measured.clocked < sum(measured.statements) <= measured.clocked
