"""step, emitted by tensorgraph: needs nothing but NumPy.

Takes x: float32[batch, 4], y: float32[batch, 2].
Gives float32[].

Planned for Machine('reference': 2 cores; L1 48 KiB, L2 1 MiB, L3 32 MiB; call 0.28 us; memory 45 GB/s; gemm
127, 62 GFLOP/s).
"""

from __future__ import annotations

from typing import Any

import numpy as np

c_1_0 = np.array(1.0, np.float32)
c_0_1 = np.array(0.1, np.float32)
np_add = np.add
np_divide = np.divide
np_dot = np.dot
np_multiply = np.multiply
np_subtract = np.subtract
np_tanh = np.tanh


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
    parameters, = state
    w1 = parameters[0:12].reshape((4, 3))  # float32[4, 3]
    b1 = parameters[12:15]  # float32[3]
    w2 = parameters[15:21].reshape((3, 2))  # float32[3, 2]
    b2 = parameters[21:23]  # float32[2]
    pieces = carve(12*batch, 8*batch, max(4, 12*batch), max(92, 12*batch))
    m0 = np.ndarray((batch, 3), np.float32, pieces[0])
    m1 = np.ndarray((batch, 2), np.float32, pieces[1])
    m2 = np.ndarray((), np.float32, pieces[2])
    m3 = np.ndarray((batch, 3), np.float32, pieces[2])
    m4 = np.ndarray((batch, 3), np.float32, pieces[3])
    gradients = np.ndarray((23,), np.float32, pieces[3])
    d_w1 = gradients[0:12].reshape((4, 3))  # float32[4, 3]
    d_b1 = gradients[12:15].reshape((1, 3))  # float32[1, 3]
    d_w2 = gradients[15:21].reshape((3, 2))  # float32[3, 2]
    d_b2 = gradients[21:23].reshape((1, 2))  # float32[1, 2]
    reshape = m1.reshape((2*batch,))  # float32[2*batch]
    dim_size = np.asarray(2*batch)  # int64[]
    astype = np.asarray(dim_size.astype(np.float32))  # float32[]
    d_multiply = np.asarray(np.divide(2.0, astype))  # float32[]
    d_matmul_2 = w2.T  # float32[2, 3]
    d_add = np.array(np.broadcast_to(np.float32(1.0), (1, batch)))  # float32[1, batch]
    d_matmul_5 = m0.T  # float32[3, batch]
    b1_row = b1.reshape((1, 3))
    b2_row = b2.reshape((1, 2))
    return (parameters, w1, w2, m0, m1, m2, m3, m4, gradients, d_w1, d_b1, d_w2, d_b2, reshape, astype, d_multiply,
        d_matmul_2, d_add, d_matmul_5, b1_row, b2_row)


def compute(x, y, memory):
    """The outputs; the next values of the state are written to it."""
    (parameters, w1, w2, m0, m1, m2, m3, m4, gradients, d_w1, d_b1, d_w2, d_b2, reshape, astype, d_multiply, d_matmul_2,
        d_add, d_matmul_5, b1_row, b2_row) = memory

    # hidden
    matmul = np_dot(x, w1, m0)  # float32[batch, 3]
    add = np_add(matmul, b1_row, m0)  # float32[batch, 3]
    tanh = np_tanh(add, m0)  # float32[batch, 3]

    # out
    matmul_2 = np_dot(tanh, w2, m1)  # float32[batch, 2]
    predicted = np_add(matmul_2, b2_row, m1)  # float32[batch, 2]

    subtract = np_subtract(predicted, y, m1)  # float32[batch, 2]
    vecdot = np_dot(reshape, reshape, m2)  # float32[]
    loss = np_divide(vecdot, astype)  # float32[]

    # gradient, hidden
    d_matmul = x.T  # float32[4, batch]

    # gradient
    d_multiply_2 = np_multiply(d_multiply, subtract, m1)  # float32[batch, 2]

    # gradient, out
    d_matmul_3 = np_dot(d_multiply_2, d_matmul_2, m3)  # float32[batch, 3]

    # gradient, hidden
    d_tanh = np_multiply(tanh, tanh, m4)  # float32[batch, 3]
    d_tanh_2 = np_subtract(c_1_0, d_tanh, m4)  # float32[batch, 3]
    d_tanh_3 = np_multiply(d_matmul_3, d_tanh_2, m3)  # float32[batch, 3]
    np_dot(d_matmul, d_tanh_3, d_w1)  # float32[4, 3]
    np_dot(d_add, d_tanh_3, d_b1)  # float32[1, 3]

    # gradient, out
    np_dot(d_matmul_5, d_multiply_2, d_w2)  # float32[3, 2]
    np_dot(d_add, d_multiply_2, d_b2)  # float32[1, 2]

    outputs = (loss,)

    # 23 elements of w1, b1, w2, b2
    np_multiply(c_0_1, gradients, gradients)
    np_subtract(parameters, gradients, parameters)
    return outputs
