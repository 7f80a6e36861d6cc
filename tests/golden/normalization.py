"""normalize, emitted by tensorgraph: needs nothing but NumPy.

Takes x: float64[batch, 8].
Gives float64[batch, 8].
"""

from __future__ import annotations

import numpy as np


def buffers(batch):
    """Memory that calls take turns in."""
    return (
        np.empty((1, 8), np.float64),  # m0
        np.empty((8,), np.float64),  # m1
        np.empty((batch, 8), np.float64),  # m2
        np.empty((batch, 8), np.float64),  # m3
    )


def compute(x, state, memory):
    """Outputs, then next values of the state."""
    scale, = state
    m0, m1, m2, m3 = memory
    batch = x.shape[0]
    broadcast_to = np.broadcast_to(np.float64(1.0), (1, batch))  # float64[1, batch]
    matmul = np.matmul(broadcast_to, x, out=m0)  # float64[1, 8]
    squeeze = np.squeeze(matmul, (0,))  # float64[8]
    dim_size = np.asarray(batch)  # int64[]
    astype = dim_size.astype(np.float64)  # float64[]
    divide = np.divide(squeeze, astype, out=m1)  # float64[8]
    centred = np.subtract(x, divide, out=m2)  # float64[batch, 8]
    multiply = np.multiply(scale, centred, out=m3)  # float64[batch, 8]
    multiply_2 = np.multiply(centred, centred, out=m2)  # float64[batch, 8]
    matmul_2 = np.matmul(broadcast_to, multiply_2, out=m0)  # float64[1, 8]
    squeeze_2 = np.squeeze(matmul_2, (0,))  # float64[8]
    divide_2 = np.divide(squeeze_2, astype, out=m1)  # float64[8]
    add = np.add(divide_2, 1e-05, out=m1)  # float64[8]
    sqrt = np.sqrt(add, out=m1)  # float64[8]
    divide_3 = np.divide(multiply, sqrt)  # float64[batch, 8]

    return (divide_3,), ()
