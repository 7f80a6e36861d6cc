"""normalize, emitted by tensorgraph: needs nothing but NumPy.

Takes x: float64[batch, 8].
Gives float64[batch, 8].
"""

from __future__ import annotations

import numpy as np


def buffers(batch):
    """Memory that calls take turns in."""
    return (
        np.empty((8,), np.float64),  # m0
        np.empty((batch, 8), np.float64),  # m1
        np.empty((batch, 8), np.float64),  # m2
    )


def compute(x, state, memory):
    """Outputs, then next values of the state."""
    scale, = state
    m0, m1, m2 = memory
    batch = x.shape[0]
    sum_1 = np.sum(x, axis=(0,), keepdims=False, out=m0)  # float64[8]
    dim_size = np.asarray(batch)  # int64[]
    astype = dim_size.astype(np.float64)  # float64[]
    divide = np.divide(sum_1, astype, out=m0)  # float64[8]
    centred = np.subtract(x, divide, out=m1)  # float64[batch, 8]
    multiply = np.multiply(scale, centred, out=m2)  # float64[batch, 8]
    multiply_2 = np.multiply(centred, centred, out=m1)  # float64[batch, 8]
    sum_2 = np.sum(multiply_2, axis=(0,), keepdims=False, out=m0)  # float64[8]
    divide_2 = np.divide(sum_2, astype, out=m0)  # float64[8]
    add = np.add(divide_2, 1e-05, out=m0)  # float64[8]
    sqrt = np.sqrt(add, out=m0)  # float64[8]
    divide_3 = np.divide(multiply, sqrt)  # float64[batch, 8]

    return (divide_3,), ()
