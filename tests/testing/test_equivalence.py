"""Programs that differ are told apart, and what cannot be compared is said to be so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.errors import InputError
from tensorgraph.interpret.difference import difference
from tensorgraph.testing import Inequivalent, assert_equivalent, tensors
from tests.testing.planted import deep

X = tg.placeholder(("n",), "float64", name="x")
W = tg.placeholder((), "float32", name="w")
DRAWN = tensors("float64", (2,)).map(lambda a: [a])


def message(check: Callable[[], object], error: type[Exception] = InputError) -> str:
    """What an error says, with HERE for a line of this file."""
    with pytest.raises(error) as caught:
        check()
    return re.sub(rf"{Path(__file__).name}:\d+", "HERE", str(caught.value))


def head(check: Callable[[], object]) -> str:
    return message(check, Inequivalent).partition("\n")[0]


# ---- comparing


@pytest.mark.parametrize(("found", "wanted", "allowed", "why"), [
    (np.array([1.0, np.nan]), np.array([1.0, np.nan]), {}, None),
    (np.array([0.0]), np.array([-0.0]), {}, "at (0,): 0.0 is not -0.0: the sign of zero differs"),
    (np.array([0.0]), np.array([-0.0]), {"ulp": 1}, None),
    (np.float32([1.0]), np.array([1.0]), {}, "float32[1] is not float64[1]"),
    (np.float32([1.0]), np.array([1.0]), {"dtypes": False}, None),
    (np.array([1 + 2**-50]), np.array([1.0]), {"ulp": 3}, "at (0,): 1.0000000000000009 is not 1.0: 4 units in the last "
     "place apart, allowed are 3"),
    (np.array([1 + 2**-50]), np.array([1.0]), {"ulp": {"float64": 4}}, None),
    (np.array([1 + 2**-50]), np.array([1.0]), {"atol": 1e-15}, None),
    (np.array([np.inf]), np.array([1.0]), {"ulp": 9}, "at (0,): inf is not 1.0: inf units in the last place apart, "
     "allowed are 9"),
    (np.array([1, 2]), np.array([1, 3]), {"ulp": 9}, "at (1,): 2 is not 3"),
])  # fmt: skip
def test_differences(found, wanted, allowed, why) -> None:
    assert difference(found, wanted, **allowed) == why


def test_kernels_graphs_and_functions() -> None:
    x, y = deep()
    kernel = tg.compile(x, y)
    assert_equivalent(kernel)
    assert_equivalent(kernel, tg.Graph([x.node], [y.node]))
    assert_equivalent(tg.sinh, np.sinh, inputs=tensors("float64", (2,)))
    assert_equivalent(lambda x: x * 2, inputs=[np.ones(3)])
    assert_equivalent(lambda x: x * 2, inputs=np.ones(3))
    assert_equivalent(tg.jit(lambda x: x * 2), lambda x: x + x, inputs=[np.ones(3)])


def test_state_is_left_as_it_was() -> None:
    p = tg.Parameter(np.ones(2), name="p")
    x = tg.placeholder((2,), name="x")
    for options in ({}, {"debug_nans": True}):
        kernel = tg.compile(x, x * p, updates={p: p + x}, **options)
        assert_equivalent(kernel)
        np.testing.assert_array_equal(p.numpy(), [1, 1])


def test_inputs_of_another_byte_order_are_the_same_numbers() -> None:
    swapped = np.arange(6.0).astype(">f8")
    assert_equivalent(tg.compile(X, X[::2] * 2), inputs=[swapped])
    assert_equivalent(tg.compile(X, X[::2] * 2), lambda x: x[::2] + x[::2], inputs=[swapped])
    with pytest.raises(Inequivalent):
        assert_equivalent(tg.compile(X, X[::2] * 2), lambda x: x[::2] * 3, inputs=[swapped])


def test_a_function_of_arrays_is_called_with_arrays() -> None:
    seen: list[type] = []

    def variance(x: Any) -> Any:
        seen.append(type(x))
        return np.var(x, axis=0)

    assert_equivalent(lambda x: tg.var(x, axis=0), variance, inputs=[np.arange(6.0).reshape(3, 2)])
    assert np.ndarray in seen


def test_pytorch_functions() -> None:
    torch = pytest.importorskip("torch")
    assert_equivalent(tg.tanh, torch.tanh, inputs=tensors("float64", (3,)), ulp=8)
    assert_equivalent(lambda x: tg.sum(tg.relu(x)), lambda x: torch.relu(x).sum(), inputs=[np.array([1.0, -2.0])])
    with pytest.raises(Inequivalent, match="differ"):
        assert_equivalent(tg.exp, lambda x: torch.exp(x) + 1, inputs=[np.ones(2)])


def test_results_are_kept_apart_from_the_memory_of_a_program() -> None:
    buffer = np.zeros(2)

    def into(factor: float) -> Callable[[Any], Any]:
        def f(x: Any) -> Any:
            np.multiply(x, factor, out=buffer)
            return buffer

        return f

    assert_equivalent(into(2.0), into(2.0), inputs=[np.ones(2)])
    with pytest.raises(Inequivalent):
        assert_equivalent(into(2.0), into(3.0), inputs=[np.ones(2)])


def test_assumptions_of_a_function_are_assumptions() -> None:
    def positive(x: Any) -> Any:
        assume(float(np.asarray(x).min()) > 0)
        return np.sqrt(np.asarray(x)) ** 2

    assert_equivalent(positive, lambda x: x, inputs=DRAWN)


# ---- differences


@pytest.mark.parametrize("order", [1, -1])
def test_arguments_that_are_written_to(order: int) -> None:
    def zeroed(x: Any) -> Any:
        x[...] = 0
        return x * 1

    mine = np.ones(3)
    pair = [zeroed, lambda x: x * 1][::order]
    assert message(lambda: assert_equivalent(*pair, inputs=[mine])) == (
        "assert_equivalent: zeroed writes to argument 0: let it work on a copy and return the result (HERE)"
    )
    np.testing.assert_array_equal(mine, 1)


def test_pytorch_tensors_that_are_written_to() -> None:
    torch = pytest.importorskip("torch")

    def doubled(y: Any, x: Any) -> Any:
        return torch.Tensor.mul_(x, 2) + y

    mine = np.ones(3)
    assert message(lambda: assert_equivalent(doubled, lambda y, x: 2 * x + y, inputs=[mine, mine])) == (
        "assert_equivalent: doubled of torch writes to argument 1: let it work on a copy and return the result (HERE)"
    )
    np.testing.assert_array_equal(mine, 1)


def positive_only(x: Any) -> Any:
    if np.any(np.asarray(x) > 0):
        raise IndexError("boom")
    return x * 2


def raises(x: Any) -> Any:
    raise ZeroDivisionError("division by zero")


def test_an_exception_on_one_side_is_a_difference() -> None:
    def doubled(x: Any) -> Any:
        return x * 2

    both = "doubled gives float64[2], and positive_only raises IndexError: boom (HERE)"
    assert head(lambda: assert_equivalent(doubled, positive_only, inputs=[np.ones(2)])) == f"assert_equivalent: {both}"
    assert head(lambda: assert_equivalent(doubled, positive_only, inputs=DRAWN)) == f"assert_equivalent: {both}"
    assert head(lambda: assert_equivalent(raises, doubled, inputs=DRAWN)) == (
        "assert_equivalent: raises raises ZeroDivisionError: division by zero, and doubled gives float64[2] (HERE)"
    )
    with pytest.raises(Inequivalent) as caught:
        assert_equivalent(raises, doubled, inputs=DRAWN)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_exception_of_a_kernel_is_a_difference() -> None:
    kernel = tg.compile(X, tg.custom_op(lambda x: x[5], infer=lambda t: tg.TensorType(t.dtype, ()))(X))
    found = head(lambda: assert_equivalent(kernel, lambda x: tg.sum(x) * 0, inputs=[np.ones(2)]))
    assert found.startswith("assert_equivalent: 'kernel' raises IndexError: ")
    assert found.endswith(", and <lambda> gives float64[] (HERE)")


def test_points_where_both_raise_are_left_out() -> None:
    assert_equivalent(positive_only, lambda x: positive_only(x) * 1, inputs=DRAWN)
    rows = tg.placeholder((5, 3), "float32", name="rows")
    i = tg.placeholder((7,), "int64", name="i")
    assert_equivalent(tg.compile([rows, i], tg.take(rows, i, axis=0)))


def test_a_refused_nan_is_no_difference() -> None:
    kernel = tg.compile(X, tg.sum(tg.sqrt(X) * 2), debug_nans=True)
    assert_equivalent(kernel)
    assert_equivalent(kernel, lambda x: tg.sum(tg.sqrt(x) + tg.sqrt(x)), ulp=64)
    masked = tg.compile(X, tg.sum(tg.where(X > 0, tg.log(X), 0)), debug_nans=True)
    assert_equivalent(masked)
    assert head(lambda: assert_equivalent(masked, lambda x: tg.sum(x) * 0, inputs=[np.array([-1.0])])).startswith(
        "assert_equivalent: 'kernel' raises NaNError: "
    )


# ---- whole messages


def once() -> Callable[[Any], Any]:
    called: list[Any] = []

    def f(x: Any) -> Any:
        called.append(x)
        return x + (len(called) == 1)

    return f


def test_functions_that_are_not_deterministic() -> None:
    rng = np.random.default_rng(0)

    def noise(x: Any) -> Any:
        return x * rng.random()

    wanted = (
        r"assert_equivalent: noise is not deterministic: called again with the same arrays, result 0 at \(0,\): [\d.]+ "
        r"is not [\d.]+: fix its seeds or keys, and let it keep no state between calls \(HERE\)"
    )
    for inputs in ([np.ones(2)], DRAWN.filter(lambda pair: bool(np.all(pair[0] != 0)))):
        assert re.fullmatch(wanted, message(lambda given=inputs: assert_equivalent(noise, lambda x: x, inputs=given)))
    assert message(lambda: assert_equivalent(once(), lambda x: x, inputs=[np.ones(2)])) == (
        "assert_equivalent: f and <lambda> differ in one call and not in the next: one is not deterministic: fix its "
        "seeds or keys, and let it keep no state between calls (HERE)"
    )


def test_heads_of_differences() -> None:
    assert head(lambda: assert_equivalent(tg.exp, tg.expm1, inputs=[np.zeros(1)])) == (
        "assert_equivalent: exp and expm1 differ: result 0 at (0,): 1.0 is not 0.0: inf units in the last place apart, "
        "allowed are 4 (HERE)"
    )
    assert head(lambda: assert_equivalent(lambda x: x, lambda x: [x, x], inputs=DRAWN)) == (
        "assert_equivalent: f (<lambda>) and g (<lambda>) differ: 1 results are not 2 (HERE)"
    )
    assert head(lambda: assert_equivalent(tg.sum, tg.exp, inputs=DRAWN)) == (
        "assert_equivalent: sum and exp differ: result 0 float64[] is not float64[2] (HERE)"
    )
    kernel, graph = tg.compile(X, X * 2), tg.Graph([X.node], [tg.astype(X, "float32").node])
    assert head(lambda: assert_equivalent(kernel, graph)) == (
        "assert_equivalent: 'kernel' and graph differ: result 0 float64[1] is not float32[1] (HERE)"
    )
    assert head(lambda: assert_equivalent(kernel, tg.compile(X, X * np.nan), inputs=[np.ones(1)])) == (
        "assert_equivalent: f ('kernel') and g ('kernel') differ: result 0 at (0,): 2.0 is not nan: NaN on one side "
        "only (HERE)"
    )


KERNEL = tg.compile(X, X * 2)


@pytest.mark.parametrize(("check", "wanted"), [
    (lambda: assert_equivalent(tg.exp, tg.exp),
     "functions do not say what they take: give inputs=, arrays or a strategy of them"),
    (lambda: assert_equivalent(3, tg.exp, inputs=[np.ones(1)]),
     "a int computes nothing: give a kernel, a Graph or a function"),
    (lambda: assert_equivalent(lambda x: float(x) + 1, inputs=[np.ones(())]),
     "<lambda> cannot be recorded as a graph for these inputs (it raises SymbolicError: float(): float64[] has no "
     "value yet, it depends on placeholder 'x': compile it and call, or feed values (HERE)): compute with tensors, or "
     "give g as well"),
    (lambda: assert_equivalent(lambda x: 1.5, inputs=[np.ones(2)]),
     "<lambda> cannot be recorded as a graph for these inputs (it gives a float, which is no tensor): compute with "
     "tensors, or give g as well"),
    (lambda: assert_equivalent(lambda x: None, inputs=[np.ones(2)]),
     "<lambda> cannot be recorded as a graph for these inputs (it gives nothing): compute with tensors, or give g as "
     "well"),
    (lambda: assert_equivalent(lambda x: None, lambda x: None, inputs=[np.ones(2)]),
     "neither f (<lambda>) nor g (<lambda>) gives a result: let them return arrays"),
    (lambda: assert_equivalent(KERNEL, inputs=[np.ones(2), np.ones(2)]), "'kernel' takes 1 input (x) and was given 2"),
    (lambda: assert_equivalent(KERNEL, tg.compile([X, W], [X * 2])),
     "g ('kernel') takes 2 inputs (x, w) and was given 1"),
    (lambda: assert_equivalent(KERNEL, lambda x, y: x, inputs=[np.ones(2)]),
     "<lambda> cannot be called with 1 array: missing a required argument: 'y'"),
    (lambda: assert_equivalent(KERNEL, lambda x: x, inputs=[[1.0], [2.0]]),
     "'kernel' takes 1 input (x) and was given 2"),
    (lambda: assert_equivalent(lambda: tg.asarray(1.0), lambda x: x, inputs=[np.ones(2), np.ones(2)]),
     "f (<lambda>) cannot be called with 2 arrays: too many positional arguments"),
    (lambda: assert_equivalent(KERNEL, inputs=[np.ones((1, 3))]),
     "'kernel': input 'x' is float64[n] and was given shape [1, 3]: 2 axes instead of 1"),
    (lambda: assert_equivalent(tg.Graph([W.node], [W.node]), inputs=[1.0]),
     "graph: input 'w' is float32[] and was given float64[]: cast it with .astype('float32')"),
    (lambda: assert_equivalent(KERNEL, inputs=[object()]),
     "input 0 is a object that is no array: inputs= are arrays, one per argument"),
    (lambda: assert_equivalent(KERNEL, inputs=[[[1.0], [1.0, 2.0]]]),
     "input 0 is a list that is no array: inputs= are arrays, one per argument"),
    (lambda: assert_equivalent(tg.exp, tg.exp, inputs=[np.ones(2)], ulp={"int8": 1}),
     "ulp= has 'int8': name floating-point data types, such as 'float32'"),
    (lambda: assert_equivalent(tg.exp, tg.exp, inputs=[np.ones(2)], ulp=-1),
     "ulp=-1: two results are at least 0 units in the last place apart"),
    (lambda: assert_equivalent(tg.exp, tg.exp, inputs=[np.ones(2)], atol=-0.5),
     "atol=-0.5: two results are at least 0 apart"),
    (lambda: assert_equivalent(KERNEL, examples=0), "examples=0: draw at least one"),
    (lambda: assert_equivalent(raises, raises, inputs=[np.ones(2)]),
     "there is nothing to compare: f (raises) raises ZeroDivisionError: division by zero and g (raises) raises "
     "ZeroDivisionError: division by zero"),
    (lambda: assert_equivalent(raises, raises, inputs=DRAWN),
     "there is nothing to compare for any inputs drawn: f (raises) raises ZeroDivisionError: division by zero and g "
     "(raises) raises ZeroDivisionError: division by zero"),
    (lambda: assert_equivalent(tg.exp, tg.exp, inputs=st.nothing()),
     "there is nothing to compare for any inputs drawn"),
])  # fmt: skip
def test_what_cannot_be_compared(check, wanted: str) -> None:
    assert message(check) == f"assert_equivalent: {wanted} (HERE)"
