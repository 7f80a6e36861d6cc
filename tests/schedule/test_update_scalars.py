"""Scalars that updates read, wherever they come from: the next values are those of the state before the call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.ir.types import TensorType

X, K, S = np.array([1.0, 2.0, 4.0]), np.array(1), np.array(0.25)
x = tg.placeholder((3,), "float64", name="x")
k = tg.placeholder((), "int64", name="k")
s = tg.placeholder((), "float64", name="s")
total = tg.custom_op(lambda v: v.sum(), infer=lambda t: TensorType(t.dtype, ()))

SCALARS: dict[str, tuple[Callable[[], tg.Tensor], float]] = {
    "input": (lambda: s, 0.25),
    "reduction": (lambda: tg.sum(x), 7.0),
    "function": (lambda: total(x), 7.0),
    "taken": (lambda: tg.take(x, k, axis=0), 2.0),
    "element": (lambda: x[2], 4.0),
    "reshaped": (lambda: tg.reshape(tg.sum(x, keepdims=True), ()), 7.0),
    "reshaped input": (lambda: tg.squeeze(x[1:2], 0), 2.0),
    "of an input": (lambda: tg.reshape(tg.reshape(s, (1,)), ()) * 1.0, 0.25),
    "constant": (lambda: tg.asarray(0.5), 0.5),
}


@pytest.mark.parametrize("given", [False, True], ids=["read", "read and given"])
@pytest.mark.parametrize("name", SCALARS)
def test_scalars_of_a_call(name: str, given: bool) -> None:
    make, value = SCALARS[name]
    scalar = make()
    p, q = tg.Parameter(np.ones(3), name="p"), tg.Parameter(np.full((2, 2), 2.0), name="q")
    step = tg.compile([x, k, s], [scalar] if given else [], {p: p - scalar * p, q: q - scalar * q})
    for done in (1, 2):
        outputs = step(X, K, S)
        np.testing.assert_allclose(p.numpy(), np.full(3, (1 - value) ** done))
        np.testing.assert_allclose(q.numpy(), np.full((2, 2), 2 * (1 - value) ** done))
        assert outputs == ([value] if given else [])


def test_scalars_of_the_state() -> None:
    p, q = tg.Parameter(np.array([3.0, 5.0]), name="p"), tg.Parameter(np.ones(3), name="q")
    w, r = tg.Parameter(np.array([[7.0]]), name="w"), tg.Parameter(np.array(2.0), name="r")
    t = tg.Parameter(np.zeros(3), name="t")
    sums = q * p[1] + tg.reshape(w, ()) + r
    step = tg.compile([], [], {p: p * 2, w: w + 1, r: r * 3, q: sums, t: t + r * tg.squeeze(w)})
    expected_q, expected_t = np.ones(3), np.zeros(3)
    for i in range(3):
        expected_t += 2 * 3**i * (7 + i)
        expected_q = expected_q * 5 * 2**i + 7 + i + 2 * 3**i
        step()
        np.testing.assert_array_equal(q.numpy(), expected_q)
        np.testing.assert_array_equal(t.numpy(), expected_t)


def test_an_element_of_the_state_outside_updates() -> None:
    p = tg.Parameter(np.array([3.0, 5.0]), name="p")
    step = tg.compile([x], [x * p[1], p[0]], {p: p + 1})
    for i in range(3):
        scaled, first = step(X)
        np.testing.assert_array_equal(scaled, X * (5 + i))
        assert first == 3 + i


@pytest.mark.parametrize(("count", "named"), [(1, "p0"), (8, "{8}"), (9, "{8} and 1 more"), (30, "{8} and 22 more")])
def test_an_update_says_of_what_it_is(count: int, named: str) -> None:
    parameters = [tg.Parameter(np.ones(3), name=f"p{i}") for i in range(count)]
    source = tg.compile([], [], {p: p * 0.5 for p in parameters}).source
    eight = ", ".join(f"p{i}" for i in range(8))
    said = [line for line in source.splitlines() if " elements of " in line]
    assert said == [f"    # {3 * count} elements of {named.replace('{8}', eight)}"]


@pytest.mark.parametrize("extra", [-1, 0, 1, 7])
def test_large_updates_go_part_by_part(extra: int) -> None:
    """The last part is shorter; all are updated once."""
    block = tg.compile([], [], {(p := tg.Parameter(np.zeros(8), name="p")): p + 1}).program.updates[0].block
    p, w = (tg.Parameter(np.arange(2.0 * block + extra), name=name) for name in "pw")
    step = tg.compile([], [], {p: tg.sin(p * 2) - tg.sin(w) * p, w: w * 3})
    wanted = np.sin(p.numpy() * 2) - np.sin(w.numpy()) * p.numpy(), w.numpy() * 3
    step()
    np.testing.assert_array_equal([p.numpy(), w.numpy()], wanted)


def test_variables_that_take_the_values_of_others() -> None:
    p, q, r = (tg.Parameter(np.array(value), name=name) for name, value in zip("pqr", np.eye(3), strict=True))
    step = tg.compile([], [], {p: q, q: p * 2 + r, r: q})
    step()
    np.testing.assert_array_equal([p.numpy(), q.numpy(), r.numpy()], [[0, 1, 0], [2, 0, 1], [0, 1, 0]])
    step()
    np.testing.assert_array_equal([p.numpy(), q.numpy(), r.numpy()], [[2, 0, 1], [0, 3, 0], [2, 0, 1]])


def test_updates_are_printed() -> None:
    p, q = (tg.Parameter(np.zeros(8), name=name) for name in "pq")
    program = tg.compile([], [], {p: tg.sin(p) + 1, q: tg.sin(q) + 1}).program
    assert str(program).splitlines()[-1] == "parameters: sin, add over 16 elements of 2"
