"""Products against NumPy, and einsum over random subscripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tensorgraph.array.functions as tg
from tensorgraph.array.leaves import placeholder
from tensorgraph.array.tensor import asarray
from tensorgraph.errors import AxisError, ShapeError, TensorGraphError
from tensorgraph.interpret import evaluate
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.linalg import Vecdot

rng = np.random.default_rng(3)


def ints(*shape: int) -> Any:
    return rng.integers(-4, 5, shape)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (4, 3, 2)), ((2, 0), (0, 3)), ((0, 3), (3, 2)), ((4, 1, 3), (3,)), ((3,), (4, 3, 2)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["int8", "float32", "complex64", "bool"])
def test_matmul_of_all_ranks(a: tuple[int, ...], b: tuple[int, ...], dtype: str) -> None:
    x, y = ints(*a).astype(dtype), ints(*b).astype(dtype)
    found, expected = tg.matmul(x, y), np.asarray(x @ y)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize(
    ("a", "b"),
    [((), ()), ((), (3,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((2, 5, 3), (4, 3, 2)), ((2, 5, 3), (3,))],
)
def test_dot(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, y = ints(*a), ints(*b)
    np.testing.assert_array_equal(tg.dot(x, y).numpy(), np.dot(x, y))


def test_inner_outer_vecdot_norm() -> None:
    x, y = ints(2, 3), ints(4, 3)
    np.testing.assert_array_equal(tg.inner(x, y).numpy(), np.inner(x, y))
    np.testing.assert_array_equal(tg.outer(x, y).numpy(), np.outer(x, y))
    z = x + 1j * ints(2, 3)
    np.testing.assert_array_equal(tg.vecdot(z, y[0]).numpy(), np.vecdot(z, y[0]))
    for order in (0, 1, 2, 3, np.inf, -np.inf):
        for axis in (0, 1):
            expected = np.linalg.norm(z, order, axis)
            np.testing.assert_allclose(tg.vector_norm(z, axis=axis, ord=order).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "axis"),
    [
        ((3,), (3,), -1), ((2, 3), (3,), -1), ((5, 1, 3), (4, 3), -1), ((2, 0), (0,), -1), ((0, 3), (3,), -1),
        ((3, 2), (3, 2), 0), ((2, 3, 4), (3, 1), -2), ((2, 3, 4), (2, 3, 4), 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtypes", ["int8 int8", "float32 float64", "complex64 float64", "bool bool", "bool int16"])
def test_vecdot_is_that_of_numpy(a: tuple[int, ...], b: tuple[int, ...], axis: int, dtypes: str) -> None:
    x, y = (ints(*shape).astype(dtype) for shape, dtype in zip((a, b), dtypes.split(), strict=True))
    x = x + 1j * ints(*a).astype(x.real.dtype) if x.dtype.kind == "c" else x
    found, expected = tg.vecdot(x, y, axis=axis), np.asarray(np.vecdot(x, y, axis=axis))
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found.numpy(), expected)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    shared = draw(st.lists(st.integers(1, 3), max_size=2))
    left, right = (draw(st.lists(st.integers(1, 3), max_size=2)) for _ in range(2))
    order_a = draw(st.permutations(range(len(left) + len(shared))))
    order_b = draw(st.permutations(range(len(shared) + len(right))))
    a = np.transpose(ints(*left, *shared), order_a)
    b = np.transpose(ints(*shared, *right), order_b)
    axes = ([order_a.index(len(left) + i) for i in range(len(shared))], [order_b.index(i) for i in range(len(shared))])
    return a, b, axes


@given(pairs())
def test_tensordot(pair: tuple[Any, Any, Any]) -> None:
    a, b, axes = pair
    np.testing.assert_array_equal(tg.tensordot(a, b, axes=axes).numpy(), np.tensordot(a, b, axes))


SIZES = {"a": 2, "b": 3, "c": 1, "d": 4, "e": 2}


@st.composite
def contractions(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """Subscripts with repeated letters, axes of size one, and ``...``."""
    terms = draw(st.lists(st.text("abcde", max_size=3), min_size=1, max_size=4))
    dots = [draw(st.sampled_from(["", "", "..."])) for _ in terms]
    extra = [draw(st.sampled_from([(), (2,), (1,), (3, 2), (3, 1)])) if d else () for d in dots]
    narrow = [draw(st.booleans()) and term.count(letter) == 1 for term in terms for letter in term]
    flags = iter(narrow)
    arrays = [
        ints(*e, *[1 if next(flags) else SIZES[letter] for letter in term])
        for term, e in zip(terms, extra, strict=True)
    ]
    letters = sorted(set("".join(terms)))
    left = ",".join(d + t for d, t in zip(dots, terms, strict=True))
    if draw(st.booleans()):
        return left, arrays
    kept = draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))]
    return f"{left}->{'...' if any(dots) else ''}{''.join(kept)}", arrays


@given(contractions())
def test_einsum_agrees_with_numpy(case: tuple[str, list[Any]]) -> None:
    subscripts, arrays = case
    try:
        expected = np.asarray(np.einsum(subscripts, *arrays))
    except ValueError:
        assume(False)
    found = tg.einsum(subscripts, *arrays)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found.numpy(), expected)


def test_einsum_of_symbolic_sizes() -> None:
    x = placeholder(("n", "k"), "int64", name="x")
    y = tg.einsum("nk,mk->nm", x, x)
    array = ints(3, 2)
    np.testing.assert_array_equal(evaluate([tg.einsum("ij,kj->ik", x, x).node], {x.node: array})[0], array @ array.T)
    assert str(y.shape) == "(n, n)"


def failing(case: str) -> Callable[[], object]:
    t = asarray(np.ones((2, 3)))
    table: dict[str, Callable[[], object]] = {
        "terms": lambda: tg.einsum("ij,jk", t),
        "axes": lambda: tg.einsum("ijk", t),
        "result": lambda: tg.einsum("ij->ik", t),
        "sizes": lambda: tg.einsum("ij,ij", t, t.T),
        "matmul": lambda: t @ t,
        "scalar": lambda: t @ asarray(2.0),
        "batch": lambda: tg.matmul(np.ones((2, 3, 4)), np.ones((3, 4, 5))),
        "count": lambda: tg.tensordot(t, t, axes=3),
        "vectors": lambda: tg.vecdot(t, np.ones(2)),
        "vector": lambda: tg.vecdot(t, 2.0),
        "vector axis": lambda: tg.vecdot(t, np.ones(2), axis=-2),
        "vector batch": lambda: tg.vecdot(t, np.ones((3, 3))),
        "pairs": lambda: tg.tensordot(t, t, axes=([0], [0, 1])),
        "axis": lambda: tg.tensordot(t, t, axes=([2], [0])),
    }
    return table[case]


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        ("terms", ShapeError, "einsum: 'ij,jk': 2 terms for 1 operands"),
        ("axes", ShapeError, "einsum: 'ijk': term 'ijk' names 3 axes and its operand float64[2, 3] has 2"),
        ("result", ShapeError, "einsum: 'ij->ik': the result 'ik' must name axes of the operands, each once"),
        ("sizes", ShapeError, "einsum: 'ij,ij': axis i is 2 and 3"),
        ("matmul", ShapeError, "matmul: float64[2, 3] and float64[2, 3] do not multiply: 3 columns meet 2 rows"),
        (
            "scalar",
            ShapeError,
            "matmul: float64[2, 3] and float64[]: an operand has no axes; multiply with * instead",
        ),
        ("batch", ShapeError, "matmul: float64[2, 3, 4] and float64[3, 4, 5] do not broadcast: axis -1 is 2 and 3"),
        (
            "vectors",
            ShapeError,
            "vecdot: float64[2, 3] and float64[2] do not multiply: their last axes are 3 and 2",
        ),
        (
            "vector",
            ShapeError,
            "vecdot: float64[2, 3] and float64[]: an operand has no axes; multiply with * instead",
        ),
        ("vector axis", AxisError, "vecdot: axis -2 does not exist: axes run from -1 to 0"),
        ("vector batch", ShapeError, "vecdot: float64[2, 3] and float64[3, 3] do not broadcast: axis -1 is 2 and 3"),
        ("count", ShapeError, "tensordot: float64[2, 3] and float64[2, 3] have no 3 axes to pair"),
        ("pairs", ShapeError, "tensordot: 1 axes cannot pair with 2"),
        ("axis", AxisError, "tensordot: axis 2 does not exist: axes run from -2 to 1"),
    ],
)
def test_errors(case: str, kind: type[TensorGraphError], message: str) -> None:
    call = failing(case)
    with pytest.raises(kind) as caught:
        call()
    text, _, place = str(caught.value).rpartition(" (")
    assert text == message
    assert place.startswith("test_linalg.py:")


@pytest.mark.parametrize(
    ("kinds", "function"),
    [
        (("float64[n]", "float64[n]"), "dot"),
        (("float32[n]", "float64[n]"), "vecdot"),  # np.dot would not write a product of two dtypes into memory
        (("complex128[n]", "complex128[n]"), "vecdot"),  # of a conjugate
        (("float64[m, n]", "float64[n]"), "vecdot"),
    ],
)
def test_a_product_of_vectors_is_spelled_as_the_quickest_call(kinds: tuple[str, str], function: str) -> None:
    types = [TensorType.parse(kind) for kind in kinds]
    assert Vecdot().statements(types, [None, None]) == (f"np.{function}({{0}}, {{1}}, {{out}})",)


@pytest.mark.parametrize("kinds", [("float64[]", "float64[3]"), ("float64[3]", "float64[]")])
def test_a_number_is_no_operand_of_a_product_of_vectors(kinds: tuple[str, str]) -> None:
    with pytest.raises(ShapeError, match=r"^need at least one axis each"):
        Vecdot().infer(*map(TensorType.parse, kinds))
