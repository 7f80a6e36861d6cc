"""Samples of operations that move elements, index, or only pass values on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from tensorgraph.array import functions as f
from tensorgraph.array.tensor import Tensor, apply, asarray
from tensorgraph.autodiff.custom import custom_gradient
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import Array
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import meta
from tensorgraph.ops import shape as sh
from tensorgraph.testing.draws import Shape
from tensorgraph.testing.samples import Sample, of_shapes

__all__ = ["indexing_samples", "meta_samples", "movement_samples"]

Function: TypeAlias = "Callable[..., Tensor]"


def _both(op: type[Op], note: str, function: Function, *shapes: Shape, layout: str = "strided") -> list[Sample]:
    """Real and complex."""
    return [of_shapes(op, function, shapes, kind, layout, note) for kind in "fc"]


# ---- movement


def movement_samples() -> list[Sample]:
    """Samples of shapes changed: merged, split, permuted, repeated, joined, padded."""
    return [
        *_both(sh.Reshape, "merge", lambda x: f.reshape(x, (-1,)), (2, 3)),
        *_both(sh.Reshape, "split", lambda x: f.reshape(x, (2, 1, 3)), (6,), layout="reversed"),
        *_both(sh.Reshape, "mix", lambda x: f.reshape(x, (3, 2)), (2, 3), layout="transposed"),
        *_both(sh.Reshape, "scalar", lambda x: f.reshape(x, ()), (1, 1)),
        *_both(sh.Reshape, "empty", lambda x: f.reshape(x, (3, 0)), (0, 2)),
        *_both(sh.PermuteDims, "reverse", lambda x: f.permute_dims(x, (2, 1, 0)), (2, 1, 3)),
        *_both(sh.PermuteDims, "cycle", lambda x: f.permute_dims(x, (1, 2, 0)), (2, 2, 3), layout="transposed"),
        *_both(sh.PermuteDims, "negative", lambda x: f.moveaxis(x, -1, 0), (2, 3)),
        *_both(sh.PermuteDims, "empty", f.matrix_transpose, (0, 2)),
        *_both(sh.BroadcastTo, "new", lambda x: f.broadcast_to(x, (2, 3)), (3,)),
        *_both(sh.BroadcastTo, "ones", lambda x: f.broadcast_to(x, (2, 2, 3)), (2, 1)),
        *_both(sh.BroadcastTo, "scalar", lambda x: f.broadcast_to(x, (2, 2)), ()),
        *_both(sh.BroadcastTo, "to_nothing", lambda x: f.broadcast_to(x, (0, 2)), (1, 2)),
        *_both(sh.ExpandDims, "front", lambda x: f.expand_dims(x, 0), (3,)),
        *_both(sh.ExpandDims, "several", lambda x: f.expand_dims(x, (-1, 1)), (2, 3)),
        *_both(sh.Squeeze, "one", lambda x: f.squeeze(x, -1), (3, 1)),
        *_both(sh.Squeeze, "several", lambda x: f.squeeze(x, (0, -2)), (1, 2, 1, 0)),
        *_both(sh.Concat, "three", lambda x, y, z: f.concat([x, y, z], axis=-1), (2, 1), (2, 3), (2, 0)),
        *_both(sh.Concat, "twice", lambda x: f.concat([x, x], axis=0), (2, 2)),
        *_both(sh.Concat, "stack", lambda x, y: f.stack([x, y], axis=1), (3,), (3,)),
        *_both(sh.Pad, "sides", lambda x: f.pad(x, ((1, 0), (0, 2)), constant_values=3), (2, 2)),
        *_both(sh.Pad, "empty", lambda x: f.pad(x, 1), (0,)),
        *_both(sh.Pad, "value", lambda x, v: apply(sh.Pad(((2, 1),)), x, v), (3,), ()),
        Sample(sh.Concat, "mixed", lambda x, y: f.concat([x, y]), lambda rng: (rng.random(2), rng.random(3) + 1j)),
        Sample(sh.Arange, "count", lambda: f.arange(5), lambda rng: ()),
        Sample(sh.Arange, "down", lambda: f.arange(7, -4, -3, dtype="float32"), lambda rng: ()),
        Sample(sh.Arange, "none", lambda: f.arange(3, 1), lambda rng: ()),
    ]


# ---- indexing

ROWS = np.array([2, 0, 2])
GRID = np.array([[1, -1], [0, 1]])


def _placed(op: type[Op], note: str, function: Function, shapes: Sequence[Shape], *indices: Array) -> list[Sample]:
    """Operands of these shapes, and integer arrays after them."""
    return [
        Sample(op, s.label, function, lambda rng, s=s: (*s.draw(rng), *indices))  # type: ignore[misc]
        for s in _both(op, note, function, *shapes)
    ]


def indexing_samples() -> list[Sample]:
    """Samples of reading and writing: slices, negative steps, repeated places, arrays that broadcast."""
    every = slice(None)
    return [
        *_both(ix.Slice, "middle", lambda x: x[1:3], (4,)),
        *_both(ix.Slice, "backwards", lambda x: x[::-2, 1], (4, 2)),
        *_both(ix.Slice, "new_axis", lambda x: x[-1, None, :, ::2], (2, 2, 3)),
        *_both(ix.Slice, "nothing", lambda x: x[2:1], (3, 2)),
        *_both(ix.Slice, "element", lambda x: x[0, -1], (2, 3)),
        *_placed(ix.Gather, "rows", lambda x, i: f.take(x, i, axis=0), [(3, 2)], ROWS),
        *_placed(ix.Gather, "last", lambda x, i: f.take(x, i, axis=-1), [(2, 3)], GRID),
        *_placed(ix.Gather, "mixed", lambda x, i: x[i, every, 1], [(3, 2, 2)], ROWS),
        *_placed(ix.Gather, "pairs", lambda x, i, j: x[i, j], [(3, 2)], ROWS, GRID[:, :1]),
        *_placed(ix.Gather, "along", lambda x, i: f.take_along_axis(x, i, axis=0), [(2, 2)], GRID % 2),
        *_placed(ix.Gather, "nothing", lambda x, i: x[i], [(3, 2)], ROWS[:0]),
        *_both(ix.IndexSet, "slice", lambda x, v: x.at[1:].set(v), (3, 2), (2, 2)),
        *_both(ix.IndexSet, "broadcast", lambda x, v: x.at[:, ::-2].set(v), (2, 3), (2, 1)),
        *_both(ix.IndexSet, "element", lambda x, v: x.at[-1, 0].set(v), (2, 3), ()),
        *_placed(ix.IndexSet, "repeated", lambda x, v, i: x.at[i].set(v), [(3,), (3,)], ROWS),
        *_placed(ix.IndexSet, "repeated_rows", lambda x, v, i: x.at[i].set(v), [(3, 2), (3, 1)], ROWS),
        *_both(ix.IndexAdd, "slice", lambda x, v: x.at[:2].add(v), (3, 2), (2,)),
        *_placed(ix.IndexAdd, "repeated", lambda x, v, i: x.at[i].add(v), [(3,), (3,)], ROWS),
        *_placed(ix.IndexAdd, "grid", lambda x, v, i: x.at[every, i].add(v), [(2, 2), (2, 2)], GRID),
    ]


# ---- identities


def meta_samples() -> list[Sample]:
    """Samples of nodes that pass a value on."""

    @custom_gradient
    def square(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        return x * x, lambda g: 2 * g * f.conj(x)

    return [
        *_both(meta.Alias, "value", lambda x: apply(meta.Alias(), x), (2, 3)),
        *_both(meta.StopGradient, "value", lambda x: f.stop_gradient(asarray(x)), (2, 3)),
        *_both(meta.Barrier, "one", lambda x, y: apply(meta.Barrier(1), x, y * y), (2,), (3,)),
        *_both(meta.Override, "square", square, (3,)),
    ]
