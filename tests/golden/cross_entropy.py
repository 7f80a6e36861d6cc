"""gradient, emitted by tensorgraph: needs nothing but NumPy.

Takes logits: float32[batch, 10], labels: int64[batch].
Gives float32[], float32[batch, 10].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def index_add(x: NDArray[Any], values: NDArray[Any], index: tuple[Any, ...], distinct: bool) -> NDArray[Any]:
    """A copy of `x` with `values` added at `index`, repeated places included unless they are `distinct`."""
    result = np.array(x)
    if not distinct and any(isinstance(item, np.ndarray) for item in index):
        np.add.at(result, index, values)
    else:
        result[index] += values
    return result


def buffers(batch):
    """Memory that calls take turns in."""
    return (
        np.empty((batch, 1), np.float32),  # m0
        np.empty((batch, 10), np.float32),  # m1
        np.empty((batch, 10), np.float32),  # m2
        np.empty((batch, 1), np.float32),  # m3
        np.empty((), np.float32),  # m4
    )


def compute(logits, labels, state, memory):
    """Outputs, then next values of the state."""
    m0, m1, m2, m3, m4 = memory
    batch = logits.shape[0]
    max_1 = np.max(logits, axis=(1,), keepdims=True, out=m0)  # float32[batch, 1]
    subtract = np.subtract(logits, max_1, out=m1)  # float32[batch, 10]
    exp = np.exp(subtract, out=m2)  # float32[batch, 10]
    sum_1 = np.sum(exp, axis=(1,), keepdims=True, out=m0)  # float32[batch, 1]
    log = np.log(sum_1, out=m3)  # float32[batch, 1]
    rows = np.subtract(subtract, log, out=m1)  # float32[batch, 10]
    arange = np.arange(0, 0 + (batch) * 1, 1, dtype=np.int64)  # int64[batch]
    expand_dims = np.expand_dims(arange, (1,))  # int64[batch, 1]
    del arange
    slice_1 = labels[:, None]  # int64[batch, 1]
    gather = np.asarray(rows[expand_dims, slice_1], order="C")  # float32[batch, 1]
    sum_2 = np.sum(gather, axis=(0, 1), keepdims=False, out=m4)  # float32[]
    del gather
    dim_size = np.asarray(batch)  # int64[]
    astype = dim_size.astype(np.float32)  # float32[]
    divide = np.divide(sum_2, astype, out=m4)  # float32[]
    loss = np.negative(divide)  # float32[]

    # gradient
    d_subtract = np.divide(1.0, astype, out=m4)  # float32[]
    d_log = np.divide(d_subtract, sum_1, out=m0)  # float32[batch, 1]
    d_exp = np.multiply(d_log, exp, out=m2)  # float32[batch, 10]
    d_divide = np.divide(-1.0, astype, out=m4)  # float32[]
    # float32[batch, 10]
    d_subtract_2 = np.asarray(index_add(d_exp, d_divide, np.s_[expand_dims, slice_1], True), order="C")

    return (loss, d_subtract_2), ()
