"""gradient, emitted by tensorgraph: needs nothing but NumPy.

Takes logits: float32[batch, 10], labels: int64[batch].
Gives float32[], float32[batch, 10].
"""

from __future__ import annotations

from typing import Any

import numpy as np


def carve(*sizes: int) -> list[Any]:
    """One block of memory, cut into pieces of so many bytes that begin at multiples of 64."""
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + -(-size // 64) * 64)
    block = np.empty(starts[-1] + 64, np.uint8)
    first = -block.ctypes.data % 64
    return [block[first + start : first + start + size] for start, size in zip(starts, sizes, strict=False)]


def workspace(state, batch):
    """Memory of one call at a time, and views of it."""
    pieces = carve(max(4*batch, 40*batch), 40*batch, 4*batch, max(4, 4*batch, 40*batch), 4*batch)
    m0 = np.ndarray((batch, 1), np.float32, pieces[0])
    m1 = np.ndarray((batch, 10), np.float32, pieces[1])
    m2 = np.ndarray((batch, 10), np.float32, pieces[0])
    m3 = np.ndarray((batch, 1), np.float32, pieces[2])
    m4 = np.ndarray((batch, 1), np.float32, pieces[3])
    m5 = np.ndarray((), np.float32, pieces[3])
    m6 = np.ndarray((batch, 10), np.float32, pieces[3])
    m7 = np.ndarray((batch, 1), np.float32, pieces[4])
    arange = np.arange(0, 0 + (batch) * 1, 1, dtype=np.int64)  # int64[batch]
    expand_dims = np.expand_dims(arange, (1,))  # int64[batch, 1]
    dim_size = np.asarray(batch)  # int64[]
    astype = dim_size.astype(np.float32)  # float32[]
    d_gather = np.broadcast_to(np.float32(0.0), (batch, 10))  # float32[batch, 10]
    d_divide = np.divide(-1.0, astype)  # float32[]
    d_subtract = np.negative(d_divide)  # float32[]
    return (m0, m1, m2, m3, m4, m5, m6, m7, expand_dims, astype, d_gather, d_divide, d_subtract)


def compute(logits, labels, memory):
    """The outputs."""
    m0, m1, m2, m3, m4, m5, m6, m7, expand_dims, astype, d_gather, d_divide, d_subtract = memory
    max_1 = np.maximum.reduce(logits, axis=(1,), out=m0, keepdims=True)  # float32[batch, 1]
    subtract = np.subtract(logits, max_1, m1)  # float32[batch, 10]
    exp = np.exp(subtract, m2)  # float32[batch, 10]
    sum_1 = np.add.reduce(exp, axis=(1,), out=m3, keepdims=True)  # float32[batch, 1]
    log = np.log(sum_1, m4)  # float32[batch, 1]
    rows_1 = np.subtract(subtract, log, m1)  # float32[batch, 10]
    slice_1 = labels[:, None]  # int64[batch, 1]
    gather = np.asarray(rows_1[expand_dims, slice_1], order="C")  # float32[batch, 1]
    sum_2 = np.add.reduce(gather, axis=(0, 1), out=m5)  # float32[]
    del gather
    divide = np.divide(sum_2, astype, m5)  # float32[]
    loss = np.negative(divide)  # float32[]

    # gradient
    np.copyto(m1, d_gather)
    np.add.at(m1, np.s_[expand_dims, slice_1], d_divide)
    d_gather_2 = m1  # float32[batch, 10]
    np.copyto(m6, d_gather)
    np.add.at(m6, np.s_[expand_dims, slice_1], d_subtract)
    d_subtract_2 = m6  # float32[batch, 10]
    d_subtract_3 = np.add.reduce(d_subtract_2, axis=(1,), out=m7, keepdims=True)  # float32[batch, 1]
    d_log = np.divide(d_subtract_3, sum_1, m3)  # float32[batch, 1]
    d_exp = np.multiply(d_log, exp, m2)  # float32[batch, 10]
    d_subtract_4 = np.add(d_gather_2, d_exp)  # float32[batch, 10]

    return (loss, d_subtract_4)
