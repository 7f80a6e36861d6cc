"""Statements that put a result into memory: the interpreter's bits, whatever was there, and nothing allocated."""

from __future__ import annotations

import inspect
import tracemalloc
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.exceptions import ComplexWarning

import tensorgraph as tg
from tensorgraph.errors import DTypeError
from tensorgraph.ir.leaves import Placeholder
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op, Operand
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.ops import elementwise, indexing, linalg, ordering, reduction, scan, shape, transcendental
from tensorgraph.ops.registry import all_ops
from tensorgraph.ops.special import Erf
from tensorgraph.schedule.places import in_memory, may_overwrite
from tests.array.lines import above
from tests.compiler.programs import same_bits
from tests.ops.samples import ALL, Sample, draw, floats
from tests.ops.statements import Prepared, dirty, ways_of

HOSTILE = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45, 3.4e38, -1.0, 1.0, 2.5, -2.5, 0.5])
INDEX = np.array([[0, 2], [1, -1]])
ALL_OF = slice(None)
S, R = Operand, np.random.default_rng(3)


def hostile() -> Iterator[Sample]:
    """Elementwise operations on special values, of every dtype that they take."""
    pairs = np.repeat(HOSTILE, len(HOSTILE)), np.tile(HOSTILE, len(HOSTILE))
    for cls in all_ops():
        if not issubclass(cls, elementwise.Elementwise) or inspect.signature(cls).parameters or cls.ufunc is None:
            continue
        for dtype in ("float32", "float64", "float16", "complex64", "int32", "uint8", "bool"):
            if np.dtype(dtype).kind in cls.domain.kinds:
                with np.errstate(all="ignore"):
                    rows = [
                        (p if np.dtype(dtype).kind in "fc" else np.nan_to_num(p, posinf=3, neginf=2)) for p in pairs
                    ]
                    typed = [np.clip(r, -100, 100).astype(dtype) if dtype[0] in "iu" else r.astype(dtype) for r in rows]
                operands = tuple((typed * 2)[: getattr(cls.ufunc, "nin", 3)])
                if cls is elementwise.Power and dtype == "int32":  # negative powers of integers are an error
                    operands = operands[0], abs(operands[1])
                try:
                    cls().infer(*map(TensorType.of, operands))
                except DTypeError:  # no bools
                    continue
                yield cls(), operands


def special() -> list[Sample]:
    x, matrix = R.normal(size=(3, 4, 5)).astype("f4"), R.normal(size=(4, 4))
    c = (R.normal(size=(3, 4)) + 1j * R.normal(size=(3, 4))).astype("c16")
    where, cast = elementwise.Where(), elementwise.Cast
    infinite = np.array([[-np.inf, -np.inf], [np.inf, 1], [np.nan, 2], [-np.inf, 3]], "f4")
    s = ALL_OF
    return [
        (where, (c.real > 0, c, c[:1])),
        (where, (c.real > 0, c.real, np.arange(4))),
        (where, (np.array(True), np.arange(4, dtype="i4"), np.float32(2))),
        (where, (x > 0, x, np.array(np.nan, "f4"))),
        *((cast(np.dtype(d)), (c,)) for d in ("float32", "complex64", "bool", "int16")),
        *((cast(np.dtype(d)), (np.array([np.nan, 0.0, -0.0, 1e-40, 2.5]),)) for d in ("bool", "float16", "complex64")),
        (elementwise.Imag(), (matrix,)),
        (transcendental.Relu(), (matrix > 0,)),
        *((transcendental.Sigmoid(), (np.arange(-3, 4).astype(d),)) for d in ("int8", "int32", "uint16")),
        *((transcendental.Softplus(), (np.arange(-3, 4).astype(d),)) for d in ("int8", "int32", "uint16")),
        *((op(), (HOSTILE.astype("f4"),)) for op in (transcendental.Sigmoid, transcendental.Softplus)),
        (transcendental.Relu(), (HOSTILE,)),
        *((reduction.LogSumExp(axis, keep), (infinite,)) for axis in ((), (0,), (1,), (0, 1)) for keep in (0, 1)),
        (reduction.LogSumExp((1,)), (np.zeros((3, 0)),)),
        (indexing.Gather((S(1),)), (x, INDEX)),
        (indexing.Gather((S(1),)), (x.T, INDEX)),
        (indexing.Gather((s, S(1))), (x, np.array([-4, 3, 3]))),
        (indexing.Gather((s, s, S(1))), (x, np.zeros((2, 0), int))),
        (indexing.Gather((S(1),)), (np.zeros((0, 2)), np.zeros(0, int))),
        (indexing.IndexSet((s, 1)), (x, np.float32(3))),
        (indexing.IndexSet((S(2), s, S(3))), (x, floats(2, 2, 4), INDEX, INDEX)),
        (indexing.IndexAdd((slice(1, None), 0)), (x, floats(2, 5))),
        (indexing.IndexAdd((S(2),)), (matrix, R.normal(size=(5, 4)), np.array([1, 1, 0, -1, 1]))),
        (indexing.IndexAdd((s, S(2)), True), (matrix, R.normal(size=(4, 2)), np.array([1, -1]))),
        (shape.Pad(((1, 0), (0, 0), (2, 3))), (x, np.float32(7))),
        (shape.Pad(((0, 0), (0, 2))), (matrix, np.float64(np.nan))),
        (shape.Pad(((2, 1),)), (np.zeros(0), np.float64(1))),
        (shape.Reshape((60,)), (x.T,)),
        *((ordering.Sort(axis), (np.tile(HOSTILE.reshape(3, 4), (2, 1)),)) for axis in (0, 1)),
        (scan.CumulativeSum(0), (np.arange(12, dtype="i4").reshape(3, 4),)),
    ]  # fmt: skip


def written() -> list[Sample]:
    return [(op, arrays) for op, arrays in [*ALL, *hostile(), *special()] if ways_of(op, arrays)]


def computed(op: Op, arrays: tuple[Array, ...]) -> Array:
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore", category=ComplexWarning):
        return np.array(op.evaluate(*arrays), order="C")


def name(sample: object) -> str:
    return f"{sample[0]}-{sample[1][0].dtype}" if isinstance(sample, tuple) else ""


@pytest.mark.parametrize("sample", written(), ids=name)
def test_statements_give_the_interpreters_bits(sample: Sample) -> None:
    op, arrays = sample[0], tuple(map(np.asarray, sample[1]))
    for laid in (arrays, tuple(np.asarray(a.T.copy().T) for a in arrays), tuple(a[..., ::-1].copy()[..., ::-1]
                 if a.ndim else a for a in arrays)):  # fmt: skip
        expected = computed(op, laid)
        out = dirty(TensorType.of(expected))
        assert same_bits(Prepared(op, laid, out).run(), expected)


@pytest.mark.parametrize("sample", written(), ids=name)
def test_the_result_may_lie_in_the_memory_of_some_operands(sample: Sample) -> None:
    op, arrays = sample[0], tuple(map(np.asarray, sample[1]))
    node = Node(op, *(Node(Placeholder(f"x{i}", TensorType.of(a))) for i, a in enumerate(arrays)))
    expected = computed(op, arrays)
    for k in may_overwrite(node, in_memory(node)):
        if k < len(arrays) and TensorType.of(arrays[k]) == node.type:
            operands = [np.array(a) for a in arrays]
            assert same_bits(Prepared(op, operands, operands[k]).run(), expected), k


@pytest.mark.parametrize(("axis", "index", "message"), [
    (0, [0, 3], "index 3 is out of bounds for axis 0 with size 3"),
    (0, [-4], "index -4 is out of bounds for axis 0 with size 3"),
    (1, [0, 9, 4], "index 9 is out of bounds for axis 1 with size 4"),
])  # fmt: skip
def test_an_index_out_of_bounds_is_an_error(axis: int, index: list[int], message: str) -> None:
    op = indexing.Gather((*[ALL_OF] * axis, Operand(1)))
    for x in (np.zeros((3, 4)), np.zeros((4, 3)).T):
        out = np.empty(op.infer(TensorType.of(x), TensorType.of(np.array(index))).shape)
        with pytest.raises(IndexError) as error:
            Prepared(op, (x, np.array(index)), out).run()
        assert str(error.value) == message


def test_an_index_out_of_bounds_names_the_users_line() -> None:
    x, k = tg.placeholder((3, 4), name="x"), tg.placeholder((2,), "int64", name="k")
    rows = x[k]
    line = above()
    kernel = tg.compile([x, k], tg.exp(tg.sin(rows)))
    assert "take_rows" in kernel.source
    np.testing.assert_array_equal(kernel(np.eye(3, 4), [-1, 0]), np.exp(np.sin(np.eye(3, 4)[[-1, 0]])))
    with pytest.raises(IndexError) as error:
        kernel(np.zeros((3, 4)), [0, 3])
    assert str(error.value) == "index 3 is out of bounds for axis 0 with size 3"
    assert error.value.__notes__ == [f"kernel: in gather ({line})"]


# ---- what they allocate

NO_OUT = "NumPy's function has no place for the result"
STEPS = "made of many steps, whose intermediate results it keeps"
LOWERED = "computed by a function, until it is lowered to columns and products"
ALLOCATES = {
    **{f"adaptive_{kind}": LOWERED for kind in (
        "avg_pool", "avg_pool_grad", "max_pool", "max_pool_grad", "max_pool_select")},
    **dict.fromkeys(["avg_pool", "avg_pool_grad", "max_pool", "max_pool_grad", "max_pool_select"], LOWERED),
    **dict.fromkeys(["conv", "conv_transpose", "conv_weight_grad", "fold", "unfold"], LOWERED),
    **dict.fromkeys(["erfc", "erfinv", "ndtri", "lgamma", "digamma", "polygamma", "sinc"], STEPS),
    **dict.fromkeys(["random_bits", "random_uniform", "random_normal", "random_exponential", "random_gumbel",
                     "random_truncated_normal", "random_int", "random_bernoulli", "random_permutation",
                     "random_split", "random_fold_in"], STEPS),
    **dict.fromkeys(["segment_sum", "segment_prod", "segment_max", "segment_min"], STEPS),
    **dict.fromkeys(["argsort", "searchsorted"], NO_OUT),
    "arange": "known with the sizes, and made with the workspace",
    "dim_size": "known with the sizes, and made with the workspace",
    "barrier": "gives what it is given",
    "broadcast_to": "a view", "expand_dims": "a view", "permute_dims": "a view", "squeeze": "a view",
    "slice": "a view", "stop_gradient": "a view", "real": "a view",
}  # fmt: skip


def large() -> list[Sample]:
    """Operands of half a megabyte."""
    x, kinds = floats(300, 400), {"f": "float32", "i": "int32", "u": "uint8", "b": "bool", "c": "complex64"}
    rows = R.integers(-300, 300, 200)
    found: list[Sample] = [
        (elementwise.Where(), (x > 0, x, -x)), (elementwise.Where(), (x > 0, x.astype("c16"), np.ones((), "c16"))),
        (elementwise.Clip(), (x, np.float32(-1), np.float32(1))),
        (elementwise.Cast(np.dtype("float64")), (x,)), (elementwise.Cast(np.dtype("bool")), (x,)),
        (elementwise.Cast(np.dtype("float32")), (x.astype("c8"),)), (elementwise.Imag(), (x,)),
        (elementwise.Power(), (np.abs(x), np.float32(1.7))),
        (linalg.Vecdot(), (x, x)), (linalg.Vecdot(), (x.ravel(), x.ravel())), (linalg.Vecdot(), (x * 1j, x * 1j)),
        (linalg.Matmul(), (x, floats(400, 300))), (linalg.Matmul(), (floats(20, 50, 60), floats(60, 70))),
        (shape.Concat(1), (x, x)), (shape.Pad(((1, 1), (2, 2))), (x, np.float32(0))), (shape.Reshape((-1,)), (x.T,)),
        (indexing.Gather((S(1),)), (x, rows)), (indexing.IndexSet((S(2),)), (x, floats(200, 400), rows)),
        (indexing.IndexAdd((S(2),)), (x, floats(200, 400), rows)), (indexing.IndexAdd((slice(1, 9),)), (x, x[:8])),
        (reduction.ArgMax(1), (x,)), (reduction.ArgMin(1), (x,)), (reduction.LogSumExp((1,)), (x,)),
        (scan.CumulativeSum(0), (x,)), (scan.CumulativeProd(1), (x,)), (ordering.Sort(0), (x,)),
        (ordering.Sort(1), (x,)), (transcendental.Sigmoid(), (x,)), (transcendental.Softplus(), (x,)),
        (transcendental.Relu(), (x,)), (Erf(), (x.astype(np.float32),)),
    ]  # fmt: skip
    for cls in all_ops():
        if issubclass(cls, elementwise.Elementwise) and isinstance(cls.ufunc, np.ufunc):
            kind = next(k for k in "fibc" if k in cls.domain.kinds)
            found.append((cls(), tuple(draw(cls, i, (300, 400), kind) for i in range(cls.ufunc.nin))))
        if issubclass(cls, reduction.Reduction) and cls is not reduction.LogSumExp:
            found += [(cls(axis), (x.astype(kinds[k]),)) for axis in ((0,), (1,), (0, 1)) for k in "fi"]
    return found


LARGE = large()


@pytest.mark.parametrize("sample", LARGE, ids=name)
def test_statements_allocate_next_to_nothing(sample: Sample) -> None:
    op, arrays = sample[0], tuple(map(np.asarray, sample[1]))
    prepared = Prepared(op, arrays, dirty(TensorType.of(computed(op, arrays))))
    size = np.setbufsize(1536)  # as kernels do
    try:
        prepared.run()
        tracemalloc.start()
        prepared.run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        np.setbufsize(size)
    assert peak <= 16 * 1024


def test_what_still_allocates_is_known() -> None:
    measured = {type(op) for op, _ in LARGE}
    inner = {"pick", "alias", "override", "custom", "constant", "variable", "placeholder"}
    assert {cls.name for cls in all_ops() if cls not in measured} - inner == set(ALLOCATES)
