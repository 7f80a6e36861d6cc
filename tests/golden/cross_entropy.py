"""gradient, emitted by tensorgraph: needs nothing but NumPy.

Takes logits: float32[batch, 10], labels: int64[batch].
Gives float32[], float32[batch, 10].

Planned for Machine('reference': 2 cores; L1 48 KiB, L2 1 MiB, L3 32 MiB; call 0.28 us; memory 45 GB/s; gemm
127, 62 GFLOP/s).
"""

from __future__ import annotations

from typing import Any

import numpy as np

np_add_reduce = np.add.reduce
np_asarray = np.asarray
np_copyto = np.copyto
np_divide = np.divide
np_empty = np.empty
np_exp = np.exp
np_log = np.log
np_maximum_reduce = np.maximum.reduce
np_multiply = np.multiply
np_negative = np.negative
np_subtract = np.subtract


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
    pieces = carve(max(4*batch, 40*batch), 40*batch, 4*batch, max(4, 4*batch))
    m0 = np.ndarray((batch, 1), np.float32, pieces[0])
    m1 = np.ndarray((batch, 10), np.float32, pieces[1])
    m2 = np.ndarray((batch, 10), np.float32, pieces[0])
    m3 = np.ndarray((batch, 1), np.float32, pieces[2])
    m4 = np.ndarray((batch, 1), np.float32, pieces[3])
    m5 = np.ndarray((), np.float32, pieces[3])
    arange = np.arange(0, 0 + (batch) * 1, 1, dtype=np.int64)  # int64[batch]
    expand_dims = np.expand_dims(arange, (1,))  # int64[batch, 1]
    dim_size = np.asarray(batch)  # int64[]
    astype = np.asarray(dim_size.astype(np.float32))  # float32[]
    d_subtract = np.asarray(np.divide(1.0, astype))  # float32[]
    d_divide = np.asarray(np.divide(-1.0, astype))  # float32[]
    return (m0, m1, m2, m3, m4, m5, expand_dims, astype, d_subtract, d_divide)


def compute(logits, labels, memory):
    """The outputs."""
    m0, m1, m2, m3, m4, m5, expand_dims, astype, d_subtract, d_divide = memory
    batch = logits.shape[0]
    max_1 = np_maximum_reduce(logits, axis=(1,), out=m0, keepdims=True)  # float32[batch, 1]
    subtract = np_subtract(logits, max_1, m1)  # float32[batch, 10]
    exp = np_exp(subtract, m2)  # float32[batch, 10]
    sum_1 = np_add_reduce(exp, axis=(1,), out=m3, keepdims=True)  # float32[batch, 1]
    log = np_log(sum_1, m4)  # float32[batch, 1]
    rows = np_subtract(subtract, log, m1)  # float32[batch, 10]
    slice_1 = labels[:, None]  # int64[batch, 1]
    gather = np_asarray(rows[expand_dims, slice_1], order="C")  # float32[batch, 1]
    sum_2 = np_add_reduce(gather, axis=(0, 1), out=m5)  # float32[]
    del gather
    divide = np_divide(sum_2, astype, m5)  # float32[]
    loss = np_negative(divide)  # float32[]

    # gradient
    d_log = np_divide(d_subtract, sum_1, m3)  # float32[batch, 1]
    d_exp = np_multiply(d_log, exp, m2)  # float32[batch, 10]
    d_subtract_2 = np_empty((batch, 10), np.float32)  # float32[batch, 10]
    np_copyto(d_subtract_2, d_exp)
    d_subtract_2[expand_dims, slice_1] += d_divide

    return (loss, d_subtract_2)
