"""normalize, emitted by tensorgraph: needs nothing but NumPy.

Takes x: float64[batch, 8].
Gives float64[batch, 8].
"""

from __future__ import annotations

from typing import Any

import numpy as np

c_1e_05 = np.array(1e-05, np.float64)


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
    scale, = state
    pieces = carve(max(64, 64*batch), 64*batch, 64)
    m0 = np.ndarray((8,), np.float64, pieces[0])
    m1 = np.ndarray((batch, 8), np.float64, pieces[1])
    m2 = np.ndarray((batch, 8), np.float64, pieces[0])
    m3 = np.ndarray((8,), np.float64, pieces[2])
    dim_size = np.asarray(batch)  # int64[]
    astype = dim_size.astype(np.float64)  # float64[]
    return (scale, m0, m1, m2, m3, astype)


def compute(x, memory):
    """The outputs."""
    scale, m0, m1, m2, m3, astype = memory
    sum_1 = np.add.reduce(x, axis=(0,), out=m0)  # float64[8]
    divide = np.divide(sum_1, astype, m0)  # float64[8]
    centred = np.subtract(x, divide, m1)  # float64[batch, 8]
    multiply = np.multiply(scale, centred, m2)  # float64[batch, 8]
    multiply_2 = np.multiply(centred, centred, m1)  # float64[batch, 8]
    sum_2 = np.add.reduce(multiply_2, axis=(0,), out=m3)  # float64[8]
    divide_2 = np.divide(sum_2, astype, m3)  # float64[8]
    add = np.add(divide_2, c_1e_05, m3)  # float64[8]
    sqrt = np.sqrt(add, m3)  # float64[8]
    divide_3 = np.divide(multiply, sqrt)  # float64[batch, 8]

    return (divide_3,)
