"""step, emitted by tensorgraph: needs nothing but NumPy.

Takes x: float32[batch, 4], y: float32[batch, 2].
Gives float32[].
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np


def checked(label: str, array: Any, dtype: str, shape: tuple[Any, ...], text: str) -> Any:
    """An input as an array in row-major order; ValueError if it does not fit. A size of None is any."""
    array = np.asarray(array, order="C")
    found = f"{array.dtype}{list(array.shape)}"
    if array.dtype != dtype:
        raise ValueError(f"input {label!r} is {text} and was given {found}: cast it with .astype({dtype!r})")
    fits = array.ndim == len(shape) and all(n in {None, m} for n, m in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"input {label!r} is {text} and was given {found}: its shape must be [{wanted}]")
    return array


def held(state: dict[str, Any], wanted: dict[str, tuple[str, tuple[int, ...]]]) -> list[Any]:
    """The arrays of a state in order; ValueError if one is missing or of another type."""
    arrays = []
    for name, (dtype, shape) in wanted.items():
        if name not in state:
            raise ValueError(f"the state has no {name!r}: it must have {', '.join(wanted)}")
        array = np.asarray(state[name], order="C")
        if array.dtype != dtype or array.shape != shape:
            found = f"{array.dtype}{list(array.shape)}"
            raise ValueError(f"{name!r} of the state is {found}, and must be {dtype}{list(shape)}")
        arrays.append(array)
    return arrays


def load_state(path: Any, wanted: dict[str, tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
    """Read a state; ValueError if the file is none, or is of another program."""
    import zipfile  # slow to import, and needed only here

    if not zipfile.is_zipfile(path):
        Path(path).stat()  # where there is no file, say so
        raise ValueError(f"{path} is no npz file")
    try:
        with np.load(path, allow_pickle=False) as file:
            state = {name: file[name] for name in file.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    try:
        return dict(zip(wanted, held(state, wanted), strict=True))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save_state(path: Any, state: dict[str, Any], wanted: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    """Write a state to an npz file, which appears only when it is whole."""
    arrays = dict(zip(wanted, held(state, wanted), strict=True))
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        with part.open("xb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def buffers(batch):
    """Memory that calls take turns in."""
    return (
        np.empty((batch, 3), np.float32),  # m0
        np.empty((batch, 2), np.float32),  # m1
        np.empty((1, 1), np.float32),  # m2
        np.empty((), np.float32),  # m3
        np.empty((batch, 3), np.float32),  # m4
        np.empty((batch, 3), np.float32),  # m5
        np.empty((4, 3), np.float32),  # m6
        np.empty((1, 3), np.float32),  # m7
        np.empty((3,), np.float32),  # m8
        np.empty((3, 2), np.float32),  # m9
        np.empty((1, 2), np.float32),  # m10
        np.empty((2,), np.float32),  # m11
    )


def compute(x, y, state, memory):
    """Outputs, then next values of the state."""
    w1, b1, w2, b2 = state
    m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11 = memory
    batch = x.shape[0]

    # hidden
    matmul = np.matmul(x, w1, out=m0)  # float32[batch, 3]
    add = np.add(matmul, b1, out=m0)  # float32[batch, 3]
    tanh = np.tanh(add, out=m0)  # float32[batch, 3]

    # out
    matmul_2 = np.matmul(tanh, w2, out=m1)  # float32[batch, 2]
    predicted = np.add(matmul_2, b2, out=m1)  # float32[batch, 2]

    subtract = np.subtract(predicted, y, out=m1)  # float32[batch, 2]
    reshape = np.reshape(subtract, (1, 2*batch))  # float32[1, 2*batch]
    reshape_2 = np.reshape(subtract, (2*batch, 1))  # float32[2*batch, 1]
    matmul_3 = np.matmul(reshape, reshape_2, out=m2)  # float32[1, 1]
    squeeze = np.squeeze(matmul_3, (0, 1))  # float32[]
    dim_size = np.asarray(2*batch)  # int64[]
    astype = dim_size.astype(np.float32)  # float32[]
    loss = np.divide(squeeze, astype)  # float32[]

    # gradient, hidden
    d_matmul = np.transpose(x, (1, 0))  # float32[4, batch]

    # gradient
    d_multiply = np.divide(2.0, astype, out=m3)  # float32[]
    d_multiply_2 = np.multiply(d_multiply, subtract, out=m1)  # float32[batch, 2]

    # gradient, out
    d_matmul_2 = np.transpose(w2, (1, 0))  # float32[2, 3]
    d_matmul_3 = np.matmul(d_multiply_2, d_matmul_2, out=m4)  # float32[batch, 3]

    # gradient, hidden
    d_tanh = np.multiply(tanh, tanh, out=m5)  # float32[batch, 3]
    d_tanh_2 = np.subtract(1.0, d_tanh, out=m5)  # float32[batch, 3]
    d_tanh_3 = np.multiply(d_matmul_3, d_tanh_2, out=m5)  # float32[batch, 3]
    d_matmul_4 = np.matmul(d_matmul, d_tanh_3, out=m6)  # float32[4, 3]

    multiply = np.multiply(0.1, d_matmul_4, out=m6)  # float32[4, 3]
    subtract_2 = np.subtract(w1, multiply, out=m6)  # float32[4, 3]

    # gradient, hidden
    d_add = np.broadcast_to(np.float32(1.0), (1, batch))  # float32[1, batch]
    d_add_2 = np.matmul(d_add, d_tanh_3, out=m7)  # float32[1, 3]
    d_add_3 = np.squeeze(d_add_2, (0,))  # float32[3]

    multiply_2 = np.multiply(0.1, d_add_3, out=m8)  # float32[3]
    subtract_3 = np.subtract(b1, multiply_2, out=m8)  # float32[3]

    # gradient, out
    d_matmul_5 = np.transpose(tanh, (1, 0))  # float32[3, batch]
    d_matmul_6 = np.matmul(d_matmul_5, d_multiply_2, out=m9)  # float32[3, 2]

    multiply_3 = np.multiply(0.1, d_matmul_6, out=m9)  # float32[3, 2]
    subtract_4 = np.subtract(w2, multiply_3, out=m9)  # float32[3, 2]

    # gradient, out
    d_add_4 = np.matmul(d_add, d_multiply_2, out=m10)  # float32[1, 2]
    d_add_5 = np.squeeze(d_add_4, (0,))  # float32[2]

    multiply_4 = np.multiply(0.1, d_add_5, out=m11)  # float32[2]
    subtract_5 = np.subtract(b2, multiply_4, out=m11)  # float32[2]

    return (loss,), (subtract_2, subtract_3, subtract_4, subtract_5)


STATE = {
    "w1": ("float32", (4, 3)),
    "b1": ("float32", (3,)),
    "w2": ("float32", (3, 2)),
    "b2": ("float32", (2,)),
}
UPDATED = (
    "w1",
    "b1",
    "w2",
    "b2",
)


def init_state():
    """The state as it was when this file was written: arrays by name."""
    return load(Path(__file__).with_suffix(".npz"))


def load(path):
    """Read a state that `save` wrote."""
    return load_state(path, STATE)


def save(path, state):
    """Write a state; the file appears only when it is whole."""
    save_state(path, state, STATE)


def step(state, x, y):
    """Run once: gives the outputs, and puts the next values into the state."""
    x = checked("x", x, "float32", (None, 4), "float32[batch, 4]")
    y = checked("y", y, "float32", (None, 2), "float32[batch, 2]")
    batch = x.shape[0]
    y = checked("y", y, "float32", (batch, 2), "float32[batch, 2]")
    with np.errstate(all="ignore"):
        outputs, values = compute(x, y, held(state, STATE), buffers(batch))
    state.update(dict(zip(UPDATED, [np.array(value) for value in values], strict=True)))
    return np.asarray(outputs[0])
