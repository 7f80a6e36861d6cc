"""step, emitted by tensorgraph: needs nothing but NumPy.

Takes x: float32[batch, 4].
Gives float32[].

Planned for Machine('reference': 2 cores; L1 48 KiB, L2 1 MiB, L3 32 MiB; call 0.28 us; memory 45 GB/s; gemm
127, 62 GFLOP/s).
"""

from __future__ import annotations

import operator
from collections import deque
from functools import partial
from typing import Any

import numpy as np

c_1 = np.array(1, np.int64)
c_0_9 = np.array(0.9, np.float64)
c_1_0 = np.array(1.0, np.float64)
c_0_999 = np.array(0.999, np.float64)
c_0_1 = np.array(0.1, np.float32)
c_0_999_2 = np.array(0.999, np.float32)
c_0_001 = np.array(0.001, np.float32)
c_1e_08 = np.array(1e-08, np.float32)
np_add = np.add
np_add_reduce = np.add.reduce
np_divide = np.divide
np_dot = np.dot
np_multiply = np.multiply
np_power = np.power
np_sqrt = np.sqrt
np_subtract = np.subtract
np_vecdot = np.vecdot


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
    parameters, exp_avg_all, exp_avg_sq_all, learning_rate, step = state
    w = parameters[0:1200].reshape((4, 300))  # float32[4, 300]
    b = parameters[1200:1500]  # float32[300]
    pieces = carve(1200*batch, max(8, 4*batch), 8, 6000, 4, 4, 6000)
    m0 = np.ndarray((batch, 300), np.float32, pieces[0])
    m1 = np.ndarray((batch,), np.float32, pieces[1])
    m2 = np.ndarray((), np.float32, pieces[2])
    values = np.ndarray((1,), np.int64, pieces[1])
    d_step = values[0:1].reshape(())  # int64[]
    m5 = np.ndarray((), np.float64, pieces[2])
    m6 = np.ndarray((), np.float64, pieces[3])
    m7 = np.ndarray((), np.float32, pieces[4])
    gradients = np.ndarray((1500,), np.float32, pieces[3])
    d_w = gradients[0:1200].reshape((4, 300))  # float32[4, 300]
    d_b = gradients[1200:1500].reshape((1, 300))  # float32[1, 300]
    m11 = np.ndarray((), np.float32, pieces[5])
    m12 = np.ndarray((1500,), np.float32, pieces[6])
    dim_size = np.asarray(300*batch)  # int64[]
    astype = np.asarray(dim_size.astype(np.float32))  # float32[]
    d_multiply = np.asarray(np.divide(2.0, astype))  # float32[]
    d_add = np.array(np.broadcast_to(np.float32(1.0), (1, batch)))  # float32[1, batch]
    b_row = b.reshape((1, 300))

    update = []

    # 1500 elements of w, b
    update += [
        partial(np.subtract, gradients, exp_avg_all, m12),
        partial(np.multiply, c_0_1, m12, m12),
        partial(np.add, exp_avg_all, m12, exp_avg_all),
        partial(np.multiply, c_0_999_2, exp_avg_sq_all, m12),
        partial(np.multiply, gradients, gradients, gradients),
        partial(np.multiply, c_0_001, gradients, gradients),
        partial(np.add, m12, gradients, exp_avg_sq_all),
        partial(np.sqrt, exp_avg_sq_all, m12),
        partial(np.divide, m12, m11, m12),
        partial(np.add, m12, c_1e_08, m12),
        partial(np.divide, exp_avg_all, m12, m12),
        partial(np.multiply, m7, m12, m12),
        partial(np.subtract, parameters, m12, parameters),
    ]

    # 1 element of step
    step_flat = step.reshape(-1)
    update += [
        partial(step_flat.__setitem__, ..., values),
    ]
    return (learning_rate, step, w, m0, m1, m2, d_step, m5, m6, m7, d_w, d_b, m11, astype, d_multiply, d_add, b_row,
        update)


def compute(x, memory):
    """The outputs; the next values of the state are written to it."""
    (learning_rate, step, w, m0, m1, m2, d_step, m5, m6, m7, d_w, d_b, m11, astype, d_multiply, d_add, b_row,
        update) = memory
    matmul = np_dot(x, w, m0)  # float32[batch, 300]
    add = np_add(matmul, b_row, m0)  # float32[batch, 300]
    vecdot = np_vecdot(add, add, m1)  # float32[batch]
    sum_1 = np_add_reduce(vecdot, axis=(0,), out=m2)  # float32[]
    loss = np_divide(sum_1, astype)  # float32[]

    # adam
    add_2 = np_add(step, c_1, d_step)  # int64[]
    m5[...] = add_2
    astype_2 = m5  # float64[]
    power = np_power(c_0_9, astype_2, m6)  # float64[]
    subtract = np_subtract(c_1_0, power, m6)  # float64[]
    divide = np_divide(learning_rate, subtract, m6)  # float64[]
    m7[...] = divide  # float32[]

    # gradient
    d_matmul = x.T  # float32[4, batch]
    d_multiply_2 = np_multiply(d_multiply, add, m0)  # float32[batch, 300]
    np_dot(d_matmul, d_multiply_2, d_w)  # float32[4, 300]

    # adam
    power_2 = np_power(c_0_999, astype_2, m5)  # float64[]
    subtract_3 = np_subtract(c_1_0, power_2, m5)  # float64[]
    sqrt_2 = np_sqrt(subtract_3, m5)  # float64[]
    m11[...] = sqrt_2  # float32[]

    # gradient
    np_dot(d_add, d_multiply_2, d_b)  # float32[1, 300]

    outputs = (loss,)
    deque(map(operator.call, update), 0)  # all at once, whatever interrupts
    return outputs
