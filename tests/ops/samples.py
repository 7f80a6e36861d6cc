"""Sample operands of every primitive: for axis maps, the text form and the evaluator."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter
from typing import Any

import numpy as np

from tensorgraph.ir.op import Op, Operand
from tensorgraph.ir.types import Array
from tensorgraph.ops import (
    elementwise,
    indexing,
    linalg,
    meta,
    ordering,
    reduction,
    scan,
    segment,
    shape,
    special,
    transcendental,
)  # fmt: skip
from tensorgraph.ops.registry import all_ops

Sample = tuple[Op, tuple[Array, ...]]
rng = np.random.default_rng(7)
DTYPES = {"b": "bool", "i": "int32", "u": "uint8", "f": "float32", "c": "complex64"}


def draw(cls: type[Op], position: int, shape_: tuple[int, ...], kind: str) -> Array:
    """Values inside the domain of one input."""
    interval = cls.domain.interval(position)
    low, high = max(interval.low, -3.0), min(interval.high, 3.0)
    values = low + (high - low) * (0.1 + 0.8 * rng.random(shape_))
    if kind == "c":
        return (values + 0.25j * values).astype(np.complex64)
    if kind in "iu":
        values = np.ceil(np.abs(values) if kind == "u" or cls is elementwise.Power else values)
    return np.asarray(values > 0.5 if kind == "b" else values.astype(DTYPES[kind]))


def arity(cls: type[Op]) -> int:
    """Number of inputs that the spelling names."""
    return len({field for _, field, _, _ in Formatter().parse(cls.numpy) if field and field.isdigit()})


def floats(*sizes: int) -> Array:
    return rng.normal(size=sizes).astype(np.float32)


def _special(cls: type[Op]) -> list[tuple[Op, tuple[Any, ...]]]:
    x, s, v = floats(2, 3, 4), slice(None), floats(5)
    rows = np.array([[0, 1], [2, 0]])
    at = Operand
    table: dict[type[Op], list[tuple[Op, tuple[Any, ...]]]] = {
        elementwise.Cast: [
            (elementwise.Cast(np.dtype(d)), (x * 5,)) for d in ("int8", "bool", "complex128", "float16")
        ],
        elementwise.Where: [(elementwise.Where(), (x[:, :, 0] > 0, x[:, :, 1], x[:1, :, 2]))],
        transcendental.Sinc: [(transcendental.Sinc(k), (x,)) for k in range(4)],
        meta.StopGradient: [(meta.StopGradient(), (x,))],
        meta.Barrier: [(meta.Barrier(1), (x, v)), (meta.Barrier(1), (x,))],
        linalg.Matmul: [
            (linalg.Matmul(), (floats(2, 3), floats(3, 4))),
            (linalg.Matmul(), (floats(5, 1, 2, 3), floats(4, 3, 6))),
            (linalg.Matmul(), (np.ones((2, 3), bool), np.ones((3, 0), np.int8))),
        ],
        linalg.Vecdot: [
            (linalg.Vecdot(), (floats(4), floats(4))),
            (linalg.Vecdot(), (floats(2, 3), floats(3))),
            (linalg.Vecdot(), (floats(5, 1, 3), floats(4, 3).astype("f8"))),
            (linalg.Vecdot(), (floats(3) + 1j * floats(3), floats(2, 3).astype("c8"))),
            (linalg.Vecdot(), (floats(3) + 1j * floats(3), floats(3) - 1j * floats(3))),
            (linalg.Vecdot(), (np.ones((2, 0), bool), np.ones((1, 0), np.int8))),
            (linalg.Vecdot(), (np.ones(3, bool), np.ones(3, bool))),
        ],
        reduction.ArgMax: [(reduction.ArgMax(1, keep), (x,)) for keep in (False, True)],
        reduction.ArgMin: [(reduction.ArgMin(2, keep), (x,)) for keep in (False, True)],
        shape.Reshape: [
            (shape.Reshape(t), (x,)) for t in ((24,), (6, 4), (2, 12), (2, 3, 2, 2), (4, 3, 2), (1, 2, 3, 4, 1), (8, 3))
        ]
        + [
            (shape.Reshape(()), (floats(1, 1),)),
            (shape.Reshape((1,)), (np.float32(2.0),)),
            (shape.Reshape((5, 0)), (floats(0, 7),)),
        ],
        shape.PermuteDims: [(shape.PermuteDims(o), (x,)) for o in ((2, 0, 1), (0, 2, 1))],
        shape.BroadcastTo: [
            (shape.BroadcastTo((3, 5)), (v,)),
            (shape.BroadcastTo((2, 7, 4)), (x[:, :1],)),
            (shape.BroadcastTo((1, 3)), (np.float32(2.0),)),
        ],
        shape.ExpandDims: [(shape.ExpandDims((0, 2)), (floats(3, 4),)), (shape.ExpandDims((0,)), (np.float32(2.0),))],
        shape.Squeeze: [(shape.Squeeze((0, 2)), (floats(1, 3, 1),)), (shape.Squeeze((0,)), (floats(1),))],
        shape.Concat: [
            (shape.Concat(1), (floats(2, 3), floats(2, 4), floats(2, 0))),
            (shape.Concat(0), (floats(3), np.array([1, 2]))),
        ],
        shape.Pad: [
            (shape.Pad(((1, 2), (0, 0))), (floats(2, 3), np.float32(7))),
            (shape.Pad(((0, 1),)), (np.array([1, 2]), np.int64(-1))),
        ],
        shape.Arange: [
            (shape.Arange(2, 3, 4, np.dtype("int32")), ()),
            (shape.Arange(5, -2, 3, np.dtype("float64")), ()),
        ],
        indexing.Slice: [
            (indexing.Slice(i), (x,))
            for i in (
                (1,), (s, 2), (slice(1, None),), (None, s, slice(None, None, -1)),
                (slice(0, 2, 1), None, 0, slice(3, 0, -2)),
                (slice(1, 1),), (0, 0, 0),
            )
        ],
        indexing.Gather: [
            (indexing.Gather((at(1),)), (v, rows)),
            (indexing.Gather((at(1),)), (x[:, 0], np.array([0, 1, 1]))),
            (indexing.Gather((s, at(1))), (x, rows)),
            (indexing.Gather((at(1), s, at(2))), (x, rows % 2, rows)),
            (indexing.Gather((None, at(1), at(2))), (x, rows % 2, rows[0])),
            (indexing.Gather((at(1), at(2))), (x, np.array([0, -1]), np.array(1))),
        ],
        indexing.IndexSet: [
            (indexing.IndexSet((1,)), (x, floats(3, 4))),
            (indexing.IndexSet((at(2),)), (v, np.float32(1), np.array([0, 3]))),
            (indexing.IndexSet((s, slice(0, 2))), (x, floats(4))),
        ],
        ordering.Sort: [(ordering.Sort(1), (x,))],
        ordering.ArgSort: [(ordering.ArgSort(0), (x,))],
        ordering.SearchSorted: [(ordering.SearchSorted("left"), (np.sort(v), floats(2, 2)))],
        scan.CumulativeSum: [(scan.CumulativeSum(1), (x,))],
        scan.CumulativeProd: [(scan.CumulativeProd(2), (x,))],
        special.Polygamma: [(special.Polygamma(k), (np.abs(x) + 1,)) for k in range(3)],
        segment.SegmentSum: [(segment.SegmentSum(3), (v, np.array([0, 2, 2, 0, 1])))],
        segment.SegmentProd: [(segment.SegmentProd(3), (v, np.array([0, 2, 2, 0, 1])))],
        segment.SegmentMax: [(segment.SegmentMax(3), (v, np.array([0, 2, 2, 0, 1])))],
        segment.SegmentMin: [(segment.SegmentMin(3), (v, np.array([0, 2, 2, 0, 1])))],
        indexing.IndexAdd: [
            (indexing.IndexAdd((slice(1, 2),)), (x, floats(3, 4))),
            (indexing.IndexAdd((at(2), s, at(3))), (x, floats(2, 3), np.array([1, 1]), np.array([0, 0]))),
        ],
    }  # fmt: skip
    return table.get(cls, [])


def _elementwise(cls: type[elementwise.Elementwise]) -> Iterator[Sample]:
    shapes: tuple[tuple[int, ...], ...] = ((2, 3), (3,), (2, 1))
    for kind in cls.domain.kinds:
        arrays = tuple(draw(cls, i, shapes[i], kind) for i in range(arity(cls)))
        try:
            op = cls()
            op.infer(*[_type(a) for a in arrays])
        except TypeError:
            continue  # the domain is where it may be sampled; the dtype rule is NumPy's
        yield op, arrays


def _type(array: Array) -> Any:
    from tensorgraph.ir.types import TensorType

    return TensorType.of(np.asarray(array))


def samples(cls: type[Op]) -> list[Sample]:
    """Pairs of an op of this class and its operands."""
    found = _special(cls)
    if not found and issubclass(cls, reduction.Reduction):
        axes: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (0, 2), (0, 1, 2))
        found = [(cls(axis, keep), (floats(2, 3, 4),)) for axis in axes for keep in (False, True)]
    if not found and issubclass(cls, elementwise.Elementwise):
        found = list(_elementwise(cls))
    return [(op, tuple(np.asarray(a) for a in arrays)) for op, arrays in found]


# Windows and random draws have operands with rules of their own, and are sampled by the tests of those functions.
ELSEWHERE = ("tensorgraph.ops.conv", "tensorgraph.ops.pool", "tensorgraph.ops.random")

SYMBOLIC: set[type[Op]] = {shape.DimSize}  # no values without sizes: tested by themselves
ALL: list[Sample] = [sample for cls in all_ops() for sample in samples(cls)]
