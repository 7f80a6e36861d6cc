"""Arguments that few samples reach: windows that end exactly at the end, empty segments, ties, indices side by side."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import mpmath
import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import ShapeError, TensorGraphError
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import TensorType
from tensorgraph.ops import conv, pool, shape
from tensorgraph.ops.elementwise import Clip
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.ops.numerics.basic import logsumexp, sinc_derivative
from tensorgraph.ops.numerics.pool import pool_output_size
from tensorgraph.ops.numerics.segment import scatter_add_rows, segment_prod, segment_sum
from tensorgraph.ops.windows import window_count
from tensorgraph.passes.fold import fold_constants
from tensorgraph.testing import check_gradients

# ---- windows


def windows(n: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int, ceil_mode: bool) -> int:
    """By the definition: those that fit; in ceil mode one more, if input is left and it does not start beyond."""
    low, high = padding
    ends = [stride * i + dilation * (kernel - 1) + 1 for i in range(n + low + high + 1)]
    fitting = sum(end <= n + low + high for end in ends)
    left = fitting > 0 and ends[fitting - 1] < n + low + high
    return fitting + (ceil_mode and left and stride * fitting < n + low)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_counts_of_windows(ceil_mode: bool) -> None:
    for n, kernel, stride, low, high, dilation in product(range(7), (1, 2, 3), (1, 2, 3), (0, 1), (0, 1, 2), (1, 2)):
        if max(low, high) > kernel // 2:
            continue  # which public functions refuse
        wanted = windows(n, kernel, stride, (low, high), dilation, ceil_mode)
        if wanted:  # else types refuse it
            assert pool_output_size(n, kernel, stride, (low, high), dilation, ceil_mode) == wanted
            assert window_count(0, n, kernel, stride, (low, high), dilation, ceil_mode) == wanted


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_means_of_windows(ceil_mode: bool, count_include_pad: bool) -> None:
    """The fast forms are the definitions: where windows overhang, padding counts and what is beyond it does not."""
    for n, kernel, stride, low, high in product(range(1, 6), (1, 2, 3), (1, 2, 3), (0, 1), (0, 1)):
        if max(low, high) > kernel // 2 or n + low + high < kernel:
            continue
        options: dict[str, Any] = {
            "stride": (stride,), "padding": ((low, high),), "dilation": (1,), "kernel": (kernel,),
            "ceil_mode": ceil_mode, "count_include_pad": count_include_pad,
        }  # fmt: skip
        x = np.random.default_rng(n).normal(size=(1, 1, n))
        y = pool.AvgPool(**options).evaluate(x)
        np.testing.assert_allclose(Op.evaluate(pool.AvgPool(**options), x), y, rtol=1e-13, err_msg=str(options))
        back = pool.AvgPoolGrad(**options, size=(n,))
        np.testing.assert_allclose(Op.evaluate(back, y), back.evaluate(y), rtol=1e-13, err_msg=str(options))


@pytest.mark.parametrize(("groups", "outputs"), [(2, 4), (3, 6), (2, 2), (1, 3)])
def test_several_outputs_of_each_group(groups: int, outputs: int) -> None:
    """Depthwise convolutions with a multiplier, too: the fast forms are the definitions."""
    rng = np.random.default_rng(outputs)
    x, g = rng.normal(size=(3, groups, 6)), rng.normal(size=(3, outputs, 4))
    w = rng.normal(size=(outputs, 1, 3))
    plain: dict[str, Any] = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": groups}
    for op, operands in (
        (conv.Conv(**plain), (x, w)),
        (conv.ConvInputGrad(**plain, size=(6,)), (g, w)),
        (conv.ConvWeightGrad(**plain, kernel=(3,)), (x, g)),
    ):
        np.testing.assert_allclose(Op.evaluate(op, *operands), op.evaluate(*operands), rtol=1e-12, atol=1e-12)


def test_dtypes_of_gradients_of_windows() -> None:
    """Those of the cotangent, or the wider of two."""
    x, g = np.arange(6.0, dtype=np.float32).reshape(1, 1, 6), np.ones((1, 1, 3))
    op = pool.MaxPoolGrad(stride=(2,), padding=((0, 0),), dilation=(1,), kernel=(2,), ceil_mode=False)
    for operands in ((g, x), (g, x.astype("int64")), (g * 1j, x)):
        found = Op.evaluate(op, *operands)
        assert found.dtype == operands[0].dtype
        np.testing.assert_array_equal(found, op.evaluate(*operands))
    none = conv.ConvInputGrad(stride=(1,), padding=((0, 0),), dilation=(1,), groups=1, size=(6,))
    assert Op.evaluate(none, np.ones((0, 1, 5)), np.ones((1, 1, 2), np.float32)).dtype == np.float64
    assert Op.evaluate(none, np.ones((0, 1, 5), np.float32), np.ones((1, 1, 2))).dtype == np.float64


# ---- segments


@pytest.mark.parametrize("width", [1, 40])
def test_segments_without_rows(width: int) -> None:
    rows = np.arange(1.0, 4.0)[:, None] * np.ones(width)
    np.testing.assert_array_equal(segment_sum(rows, np.array([7, -1, 9]), 2), np.zeros((2, width)))
    np.testing.assert_array_equal(segment_prod(rows, np.array([7, -1, 9]), 2), np.ones((2, width)))
    np.testing.assert_array_equal(segment_sum(rows[:0], np.array([], int), 2), np.zeros((2, width)))
    np.testing.assert_array_equal(segment_prod(rows, np.array([2, 0, 2]), 3)[:, 0], [2, 1, 3])
    np.testing.assert_array_equal(segment_sum(rows, np.array([0, 1, 0]), 0), np.zeros((0, width)))


def test_rows_counted_from_the_end() -> None:
    found = scatter_add_rows((3, 2), np.array([-1, 0, -3]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    np.testing.assert_array_equal(found, [[8, 10], [0, 0], [1, 2]])
    for outside in ([-4, 0], [3, 0], [0, -4], [-1, 3]):
        with pytest.raises(IndexError, match=r"^scatter_add_rows: index -?\d \.\. -?\d is out of bounds for 3 rows$"):
            scatter_add_rows((3, 2), np.array(outside), np.ones((2, 2)))


def test_products_of_few_segments() -> None:
    """Of no rows, and of one."""
    none = tg.grad(lambda x: tg.sum(tg.segment_prod(x, np.zeros(0, int), 2)))(tg.asarray(np.zeros((0, 2))))
    assert none.shape == (0, 2)
    one = tg.grad(lambda x: tg.sum(tg.segment_prod(x, np.zeros(1, int), 2)))(tg.asarray(np.full((1, 2), 3.0)))
    np.testing.assert_array_equal(one.numpy(), [[1, 1]])


def test_products_of_segments_in_any_order() -> None:
    """Known or unknown, rows go back to where they were."""
    ids, x = np.array([1, 2, 0, 2, 1, 0, 2]), np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0])
    wanted = [np.prod(x[(ids == ids[i]) & (np.arange(7) != i)]) for i in range(7)]
    found = tg.grad(lambda x: tg.sum(tg.segment_prod(x, ids, 3)))(tg.asarray(x))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-14)


# ---- derivatives


@pytest.mark.parametrize("f", [tg.remainder, tg.floor_divide])
def test_remainders_of_large_quotients(f: Any) -> None:
    check_gradients(f, np.array([5.3, -7.1, 0.4, 9.9]), np.array([2.1, 1.7, -0.3, -4.2]))


@pytest.mark.parametrize(("x", "wanted"), [(0.0, (0, 1, 0)), (2.0, (0, 0, 1)), (1.0, (1, 0, 0))])
def test_clip_to_one_number(x: float, wanted: tuple[int, int, int]) -> None:
    """The three cotangents add up to one: nothing is counted twice."""
    found = tg.grad(tg.clip, (0, 1, 2))(tg.asarray(x), tg.asarray(1.0), tg.asarray(1.0))
    assert tuple(map(float, found)) == wanted


@pytest.mark.parametrize(("a", "b", "wanted"), [
    (-np.inf, 1.0, (0, 1)), (np.inf, 1.0, (1, 0)), (1.0, -np.inf, (1, 0)), (1.0, np.inf, (0, 1)),
])  # fmt: skip
def test_logaddexp_of_infinity(a: float, b: float, wanted: tuple[int, int]) -> None:
    assert tuple(map(float, tg.grad(tg.logaddexp, (0, 1))(tg.asarray(a), tg.asarray(b)))) == wanted


def test_an_exponent_that_is_a_parameter() -> None:
    x, p = tg.asarray(2.0), tg.Parameter(np.array(3.0), dtype="float64", name="p")
    assert float(tg.gradients(tg.pow(x, p), x)) == 12.0
    assert float(tg.gradients(tg.pow(x, p), p)) == pytest.approx(8 * np.log(2))


@pytest.mark.parametrize(("a", "b", "wanted"), [
    (1 + 1j, 0j, np.conj(np.log(1 + 1j))), (0j, 2 + 0j, 0), (0j, 0j, 0), (2j, 1 + 0j, np.conj(2j * np.log(2j))),
])  # fmt: skip
def test_complex_exponents(a: complex, b: complex, wanted: complex) -> None:
    found = tg.grad(lambda b: tg.real(tg.pow(a, b)))(tg.asarray(np.asarray(b)))
    assert complex(found) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("size", [1.0, 1e-200, 1e200])
def test_angles_of_small_and_large_vectors(size: float) -> None:
    """Whose squares are no numbers of double precision."""
    found = tg.grad(tg.atan2, (0, 1))(tg.asarray(3 * size), tg.asarray(4 * size))
    np.testing.assert_allclose([float(g) * size for g in found], [0.16, -0.12], rtol=1e-14)


def test_results_of_two_kinds() -> None:
    """A derivative passes an operation that gives positions beside its values."""
    f = tg.custom_op(
        lambda x: (x * 2, np.argsort(x)),
        infer=lambda x: (x, TensorType(np.dtype("int64"), x.shape)),
        vjp=lambda g, y, x: (2 * g[0],),
    )
    found = tg.grad(lambda x: tg.sum(f(x)[0] ** 2))(tg.asarray(np.array([1.0, -3.0])))
    np.testing.assert_array_equal(found.numpy(), [8, -24])


def test_a_real_factor_of_complex_numbers() -> None:
    x, z = tg.asarray(np.array([1.0, 2.0])), np.array([1 + 2j, 3 - 4j])
    found = tg.grad(lambda x: tg.sum(tg.imag(x * z)))(x)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found.numpy(), [2, -4])


def test_rows_that_are_not_taken_do_not_count() -> None:
    """Of a matrix product only the rows and columns that a where lets through are multiplied."""
    a, b = np.array([[1.0, 2.0], [np.inf, np.nan]]), np.array([[3.0, 4.0], [5.0, 6.0]])
    taken = np.array([[True, True], [False, False]])
    da, db = tg.grad(lambda a, b: tg.sum(tg.where(taken, a @ b, 0)), (0, 1))(tg.asarray(a), tg.asarray(b))
    np.testing.assert_array_equal(da.numpy(), [[7, 11], [0, 0]])
    np.testing.assert_array_equal(db.numpy(), [[1, 1], [2, 2]])


# ---- numbers


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_of_sinc_near_zero(order: int) -> None:
    points = np.array([0.0, 1e-9, -1e-3, 0.2, -0.5, 0.8, 1.0, -1.6, 2.0, 7.5, -7.5])
    with mpmath.workdps(40):
        wanted = [float(mpmath.diff(lambda t: mpmath.sinc(mpmath.pi * t), z, order)) for z in points]
    size = np.pi**order
    np.testing.assert_allclose(sinc_derivative(points, order), wanted, rtol=1e-11, atol=1e-13 * size)


def test_logsumexp_of_large_numbers() -> None:
    x = np.array([[1000.0, 1000.0], [-1000.0, -1000.0], [np.inf, 1.0], [-np.inf, -np.inf], [np.nan, 1.0]])
    with np.errstate(all="ignore"):
        found = logsumexp(x, (1,), False)
    np.testing.assert_allclose(found, [1000 + np.log(2), -1000 + np.log(2), np.inf, -np.inf, np.nan], rtol=1e-15)
    assert logsumexp(x[:2], (0, 1), True).shape == (1, 1)


# ---- movement and indexing

X = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
ROWS, COLUMNS = np.array([1, 0, 1]), np.array([2, 2, 0])
ALL = slice(None)
INDICES: dict[str, Any] = {
    "side by side": (ALL, ROWS, COLUMNS),
    "apart": (ROWS, ALL, COLUMNS),
    "around": (ALL, ROWS, ALL, COLUMNS),
    "beside a number": (ALL, ROWS, 1),
    "a number between": (ROWS, 1, COLUMNS),
    "last": (..., ROWS, COLUMNS),
    "a new axis": (None, ROWS, ALL, COLUMNS),
    "three": (ALL, ROWS, COLUMNS, COLUMNS),
    "broadcast": (ALL, ROWS[:, None], COLUMNS),
}


@pytest.mark.parametrize("name", INDICES)
def test_index_arrays_side_by_side_and_apart(name: str) -> None:
    found = tg.asarray(X)[INDICES[name]]
    wanted = X[INDICES[name]]
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found.numpy(), wanted)


REFUSED: dict[str, tuple[Op, tuple[tuple[str, tuple[int, ...]], ...], str]] = {
    "bounds of complex numbers": (
        Clip(),
        (("float64", (3,)), ("float64", ()), ("complex128", ())),
        "clip: float64[3] and float64[] and complex128[] are not ordered: clip takes no complex numbers",
    ),
    "vector by matrix": (
        Matmul(),
        (("float64", (3,)), ("float64", (3, 2))),
        "matmul: float64[3] and float64[3, 2] need at least two axes each",
    ),
    "matrix by vector": (
        Matmul(),
        (("float64", (2, 3)), ("float64", (3,))),
        "matmul: float64[2, 3] and float64[3] need at least two axes each",
    ),
    "vector by number": (
        Vecdot(),
        (("float64", (3,)), ("float64", ())),
        "vecdot: float64[3] and float64[] need at least one axis each",
    ),
    "padding of another dtype": (
        shape.Pad(((0, 0),)),
        (("float64", (3,)), ("float32", ())),
        "pad: float64[3] and float32[] differ: the padding value must be a scalar of float64",
    ),
    "negative padding before": (
        shape.Pad(((-1, 0),)),
        (("float64", (3,)), ("float64", ())),
        "pad: float64[3] and float64[] cannot be padded by ((-1, 0),): widths are at least 0; slice to crop",
    ),
    "negative padding after": (
        shape.Pad(((0, -1),)),
        (("float64", (3,)), ("float64", ())),
        "pad: float64[3] and float64[] cannot be padded by ((0, -1),): widths are at least 0; slice to crop",
    ),
    "operands of other sizes": (
        shape.Concat(0),
        (("float64", (3, 2)), ("float64", (3, 1))),
        "concat: float64[3, 2] and float64[3, 1] do not join along axis 0: operand 1 differs from the first in another "
        "axis",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_types_that_are_refused(name: str) -> None:
    op, types, message = REFUSED[name]
    nodes = [Node(Placeholder(f"x{i}", TensorType(np.dtype(d), s))) for i, (d, s) in enumerate(types)]
    with pytest.raises(TensorGraphError) as caught:
        Node(op, *nodes)
    assert re.sub(r" \(test_edges\.py:\d+\)$", "", str(caught.value)) == message


def test_one_operand_is_joined_to_itself() -> None:
    x = tg.asarray(X)
    np.testing.assert_array_equal(tg.concat([x], axis=1).numpy(), X)


RESHAPED: dict[str, tuple[tuple[int, ...], str]] = {
    "two sizes to find": ((-1, -1), "only one size may be -1, and no other negative"),
    "another negative size": ((-2, 3), "only one size may be -1, and no other negative"),
    "no whole number": ((-1, 7), ""),
}


@pytest.mark.parametrize("name", RESHAPED)
def test_shapes_that_are_refused(name: str) -> None:
    sizes, why = RESHAPED[name]
    with pytest.raises(ShapeError, match=rf"reshape: float64\[2, 3, 4, 5\] cannot become .*{why}"):
        tg.reshape(X, sizes)


def test_the_size_to_find_may_stand_anywhere() -> None:
    for sizes in ((-1,), (-1, 6), (6, -1), (2, -1, 5), (-1, 120), (1, -1)):
        np.testing.assert_array_equal(tg.reshape(X, sizes).numpy(), X.reshape(sizes))


def test_symbolic_sizes_have_no_value() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    for sizes in ((x.shape[0],), (x.shape[0], 2), (2, x.shape[0])):
        assert not tg.broadcast_to(1.0, sizes).node.concrete
    assert tg.broadcast_to(1.0, (2, 3)).node.concrete


# ---- folding


def test_large_constants_are_folded_where_they_do_not_grow() -> None:
    x, large = tg.placeholder((), "float64", name="x"), tg.asarray(np.ones(1 << 18))
    grown = tg.broadcast_to(tg.asarray(1.0), (1 << 18,)) + 1
    graph = fold_constants(Graph([x.node], [(x * -large).node, (x * grown).node]))
    negated = graph.outputs[0].inputs[1]
    assert isinstance(negated.op, Constant)
    assert not isinstance(graph.outputs[1].inputs[1].op, Constant)
