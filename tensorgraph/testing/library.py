"""Samples of convolution, pooling, special functions, cumulative operations, sorting, segments and random numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgraph.array import functions as f
from tensorgraph.array import random
from tensorgraph.array.tensor import Tensor, apply
from tensorgraph.ir.op import Domain, Op
from tensorgraph.ir.types import Array
from tensorgraph.ops import conv as cv
from tensorgraph.ops import ordering as od
from tensorgraph.ops import pool as pl
from tensorgraph.ops import random as rn
from tensorgraph.ops import scan
from tensorgraph.ops import segment as sg
from tensorgraph.ops import special as sp
from tensorgraph.testing.draws import Shape
from tensorgraph.testing.samples import Sample, of_shapes

__all__ = ["library_samples"]

Function = Callable[..., Tensor]


def library_samples() -> list[Sample]:
    """All of them."""
    return [*_windows(), *_pools(), *_special(), *_along(), *_segments(), *_random()]


def _of(
    op: type[Op], note: str, function: Function, *shapes: Shape, kinds: str = "f", layout: str = "strided"
) -> list[Sample]:
    return [of_shapes(op, function, shapes, kind, layout, note) for kind in kinds]


# ---- convolution and pooling

PLAIN: dict[str, Any] = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,)}
WIDE: dict[str, Any] = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2)}


def _windows() -> list[Sample]:
    line = cv.ConvWeightGrad(groups=1, kernel=(3,), **PLAIN)
    grouped = cv.ConvWeightGrad(groups=2, kernel=(2, 2), **WIDE)
    around = {"padding": ((0, 1), (2, 0)), "dilation": (1, 2)}
    every, smooth = "fci", "fc"
    return [
        *_of(cv.Conv, "line", f.conv, (2, 2, 5), (3, 2, 2), kinds=every),
        *_of(cv.Conv, "steps", _with(f.conv, stride=2, padding=1), (1, 2, 4, 3), (2, 2, 3, 2), kinds=every),
        *_of(cv.Conv, "gaps", _with(f.conv, **around), (1, 1, 3, 4), (1, 1, 2, 2)),
        *_of(cv.Conv, "groups", _with(f.conv, groups=2), (1, 4, 3), (2, 2, 2), kinds=every, layout="transposed"),
        *_of(cv.Conv, "depthwise", _with(f.conv, groups=2, padding="same"), (2, 2, 3), (4, 1, 2)),
        *_of(cv.Conv, "last", _with(f.conv, layout="NHWC"), (1, 3, 3, 2), (2, 2, 2, 2), layout="reversed"),
        *_of(cv.Conv, "space", f.conv, (1, 1, 2, 3, 2), (1, 1, 2, 2, 1)),
        *_of(cv.Conv, "nothing", f.conv, (0, 2, 3), (1, 2, 2)),
        *_of(
            cv.ConvInputGrad, "steps", _with(f.conv_transpose, stride=2, output_padding=1), (1, 2, 3), (2, 2, 2),
            kinds=every,
        ),
        *_of(
            cv.ConvInputGrad, "groups", _with(f.conv_transpose, groups=2, padding=1), (2, 2, 2, 2), (2, 1, 3, 2),
            kinds=smooth,
        ),
        *_of(cv.ConvWeightGrad, "line", lambda x, g: apply(line, x, g), (2, 2, 5), (2, 1, 3), kinds=every),
        *_of(cv.ConvWeightGrad, "groups", lambda x, g: apply(grouped, x, g), (1, 2, 3, 2), (1, 4, 2, 2), kinds=smooth),
        *_of(cv.Unfold, "line", lambda x: f.unfold(x, 2), (2, 2, 3), kinds=every),
        *_of(cv.Unfold, "plane", lambda x: f.unfold(x, (2, 1), stride=2, padding=1, dilation=(1, 2)), (1, 2, 3, 3)),
        *_of(cv.Fold, "line", lambda y: f.fold(y, 3, 2), (2, 4, 2), kinds=every),
        *_of(cv.Fold, "plane", lambda y: f.fold(y, (3, 3), (2, 1), stride=2, padding=1), (1, 4, 6)),
    ]  # fmt: skip


def _with(function: Function, **arguments: Any) -> Function:
    return lambda *operands: function(*operands, **arguments)


def _pools() -> list[Sample]:
    window: dict[str, Any] = {"kernel": (2, 3), "ceil_mode": True, **WIDE, "dilation": (1, 1)}
    line: dict[str, Any] = {"kernel": (2,), "ceil_mode": False, **PLAIN, "stride": (2,)}
    image: Shape = (1, 2, 4, 3)
    pooled: Shape = (1, 2, 3, 3)
    return [
        *_of(pl.MaxPool, "line", lambda x: f.max_pool(x, 2), (2, 2, 5), kinds="fi"),
        *_of(pl.MaxPool, "overhang", lambda x: f.max_pool(x, (2, 3), stride=2, padding=1, ceil_mode=True), image),
        *_of(pl.MaxPool, "gaps", lambda x: f.max_pool(x, 2, stride=1, dilation=2, layout="NHWC"), (1, 4, 3, 2)),
        *_of(pl.MaxPoolGrad, "line", lambda g, x: apply(pl.MaxPoolGrad(**line), g, x), (2, 1, 2), (2, 1, 5)),
        *_of(pl.MaxPoolGrad, "overhang", lambda g, x: apply(pl.MaxPoolGrad(**window), g, x), pooled, image),
        *_of(pl.MaxPoolSelect, "line", lambda y, x: apply(pl.MaxPoolSelect(**line), y, x), (2, 1, 5), (2, 1, 5)),
        *_of(pl.MaxPoolSelect, "overhang", lambda y, x: apply(pl.MaxPoolSelect(**window), y, x), image, image),
        *_of(pl.AvgPool, "line", lambda x: f.avg_pool(x, 2), (2, 2, 5), kinds="fc"),
        *_of(pl.AvgPool, "overhang", lambda x: f.avg_pool(x, (2, 3), stride=2, padding=1, ceil_mode=True), image),
        *_of(pl.AvgPool, "inside", lambda x: f.avg_pool(x, 3, stride=1, padding=1, count_include_pad=False), image),
        *_of(
            pl.AvgPoolGrad, "overhang",
            lambda g: apply(pl.AvgPoolGrad(**window, count_include_pad=False, size=(4, 3)), g), pooled, kinds="fc",
        ),
        *_of(pl.AdaptiveMaxPool, "plane", lambda x: f.adaptive_max_pool(x, (3, 2)), image, kinds="fi"),
        *_of(pl.AdaptiveMaxPoolGrad, "plane", lambda g, x: apply(pl.AdaptiveMaxPoolGrad(), g, x), (1, 2, 3, 2), image),
        *_of(
            pl.AdaptiveMaxPoolSelect, "plane", lambda y, x: apply(pl.AdaptiveMaxPoolSelect((3, 2)), y, x), image, image
        ),
        *_of(pl.AdaptiveAvgPool, "plane", lambda x: f.adaptive_avg_pool(x, (3, 2)), image, kinds="fc"),
        *_of(pl.AdaptiveAvgPoolGrad, "line", lambda g: apply(pl.AdaptiveAvgPoolGrad((5,)), g), (2, 1, 3), kinds="fc"),
    ]  # fmt: skip


# ---- elementwise

SPECIAL: Sequence[tuple[type[Op], Function]] = (
    (sp.Erf, f.erf), (sp.Erfc, f.erfc), (sp.Erfinv, f.erfinv), (sp.Ndtri, f.ndtri), (sp.Lgamma, f.lgamma),
    (sp.Digamma, f.digamma), (sp.Polygamma, lambda x: f.polygamma(1, x)), (sp.Polygamma, lambda x: f.polygamma(3, x)),
)  # fmt: skip


def _special() -> list[Sample]:
    layouts: Sequence[tuple[Shape, str]] = (((), "contiguous"), ((2, 3), "strided"), ((0,), "contiguous"))
    return [
        s
        for i, (op, function) in enumerate(SPECIAL)
        for shape, layout in layouts
        for s in _of(op, f"number{i}", function, shape, layout=layout)
    ]


# ---- along an axis


AXES: Sequence[tuple[Shape, int, str]] = (
    ((4,), 0, "reversed"), ((3, 2), 0, "transposed"), ((2, 5), 1, "strided"), ((2, 0), 1, "contiguous"),
)  # fmt: skip
AXIS: Sequence[tuple[type[Op], Function, str]] = (
    (scan.CumulativeSum, f.cumulative_sum, "fci"), (scan.CumulativeProd, f.cumulative_prod, "fci"),
    (od.Sort, f.sort, "fi"), (od.ArgSort, f.argsort, "fi"),
)  # fmt: skip
ZEROS = np.array([[1.5, 0.0, -0.5, 0.0, 2.0], [0.0, 1.0, 2.0, -1.0, 0.5]])


def _along() -> list[Sample]:
    made = [
        sample
        for op, function, kinds in AXIS
        for shape, axis, layout in AXES
        for sample in _of(op, f"axis_{axis}", _with(function, axis=axis), shape, kinds=kinds, layout=layout)
    ]
    for side in ("left", "right"):
        made += _of(od.SearchSorted, side, _found(side), (4,), (2, 3), kinds="fi")
    made.append(Sample(scan.CumulativeProd, "zeros", _with(f.cumulative_prod, axis=1), lambda rng: (ZEROS.copy(),)))
    return made


def _found(side: str) -> Function:
    return lambda x, y: f.searchsorted(f.sort(x), y, side=side)


# ---- by rows

IDS = np.array([3, 0, 3, -1, 0, 3, 9])
SEGMENTS: Sequence[tuple[type[Op], Function, str]] = (
    (sg.SegmentSum, f.segment_sum, "fci"), (sg.SegmentProd, f.segment_prod, "fci"),
    (sg.SegmentMax, f.segment_max, "fi"), (sg.SegmentMin, f.segment_min, "fi"),
)  # fmt: skip


def _segments() -> list[Sample]:
    shapes: tuple[Shape, ...] = ((7,), (7, 2))
    made = [
        _numbered(op, function, shape, kind) for op, function, kinds in SEGMENTS for shape in shapes for kind in kinds
    ]
    rows = np.array([0.0, 2.0, 3.0, 1.0, 0.0, 0.5, 1.0])
    made.append(
        Sample(sg.SegmentProd, "zeros", lambda x, ids: f.segment_prod(x, ids, 4), lambda rng: (rows.copy(), IDS))
    )
    return made


def _numbered(op: type[Op], function: Function, shape: Shape, kind: str) -> Sample:
    plain = of_shapes(op, function, [shape], kind, domain=Domain())

    # An extreme of no rows is infinite, which no numeric derivative survives: those rows are left away.
    def call(x: Tensor, ids: Tensor) -> Tensor:
        return function(x, ids, 4)[[0, 3]]

    def draw(rng: np.random.Generator) -> tuple[Array, ...]:
        return (*plain.draw(rng), IDS)

    return Sample(op, plain.label, call, draw)


# ---- random numbers

KEY = np.array([1, 2], np.uint32)


def _random() -> list[Sample]:
    def drawn(op: type[Op], label: str, function: Function) -> Sample:
        return Sample(op, label, function, lambda rng: (KEY,))

    return [
        drawn(rn.RandomBits, "matrix", lambda k: random.bits(k, (2, 3))),
        drawn(rn.RandomUniform, "matrix", lambda k: random.uniform(k, (2, 3), "float32", -1, 1)),
        drawn(rn.RandomUniform, "scalar", random.uniform),
        drawn(rn.RandomNormal, "odd", lambda k: random.normal(k, (5,), "float32")),
        drawn(rn.RandomExponential, "nothing", lambda k: random.exponential(k, (2, 0))),
        drawn(rn.RandomGumbel, "vector", lambda k: random.gumbel(k, (3,), "float16")),
        drawn(rn.RandomTruncatedNormal, "infinite", lambda k: random.truncated_normal(k, 1, np.inf, (3,))),
        drawn(rn.RandomInt, "die", lambda k: random.randint(k, (3,), 1, 7, "int8")),
        drawn(rn.RandomBernoulli, "coin", lambda k: random.bernoulli(k, 0.25, (2, 2))),
        drawn(rn.RandomPermutation, "numbers", lambda k: random.permutation(k, 5)),
        drawn(rn.RandomSplit, "three", lambda k: random.split(k, 3)),
        drawn(rn.RandomFoldIn, "step", lambda k: random.fold_in(k, 12)),
    ]
