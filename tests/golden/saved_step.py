"""step, emitted by tensorgraph: needs nothing but NumPy.

Takes x: float32[batch, 4], y: float32[batch, 2].
Gives float32[].

Planned for Machine('reference': 2 cores; L1 48 KiB, L2 1 MiB, L3 32 MiB; call 0.28 us; memory 45 GB/s; gemm
127, 62 GFLOP/s).
"""

from __future__ import annotations

import os
from pathlib import Path
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


def arranged(state: dict[str, Any], wanted: dict[str, tuple[str, tuple[int, ...]]], rows: Any) -> list[Any]:
    """Put the arrays of a state into memory of their own, side by side where they are named together.

    Of a name that ends in ``.T`` the transposition lies there in row-major order.
    """
    arrays = dict(zip(wanted, held(state, wanted), strict=True))
    arrays.update({f"{name}.T": array.T for name, array in list(arrays.items())})
    found = []
    for names in rows:
        row = np.concatenate([arrays[name].reshape(-1) for name in names])
        parts: list[Any] = []
        for name in names:
            start = sum(part.size for part in parts)
            parts.append(row[start : start + arrays[name].size].reshape(arrays[name].shape))
            state[name.removesuffix(".T")] = parts[-1].T if name.endswith(".T") else parts[-1]
        found.append(row if len(names) > 1 else parts[0])
    return found


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


def borrow(spaces: dict[int, Any], state: dict[str, Any], wanted: Any, rows: Any, make: Any) -> tuple[Any, Any]:
    """A workspace over this state that no call is using: the arrays it was made over, and what `make` gave."""
    for number, (arrays, _) in list(spaces.items()):
        if all(state.get(name) is array for name, array in arrays.items()):
            space: tuple[Any, Any] | None = spaces.pop(number, None)
            if space is not None:
                return space
    memory = make(arranged(state, wanted, rows))
    return {name: state[name] for name in wanted}, memory


def checked(label: str, array: Any, dtype: str, shape: tuple[Any, ...], text: str) -> Any:
    """An input as an array in row-major order; ValueError if it does not fit. A size of None is any."""
    array = np.asarray(array, order="C")
    found = f"{array.dtype}{list(array.shape)}"
    if array.dtype != dtype and np.can_cast(array.dtype, dtype, "safe"):
        array = array.astype(dtype)
    if array.dtype != dtype:
        raise ValueError(f"input {label!r} is {text} and was given {found}: cast it with .astype({dtype!r})")
    fits = array.ndim == len(shape) and all(n in {None, m} for n, m in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"input {label!r} is {text} and was given {found}: its shape must be [{wanted}]")
    return array


def give_back(spaces: dict[int, Any], space: tuple[Any, Any]) -> None:
    """The workspace may be used again."""
    while len(spaces) >= 4:
        spaces.pop(next(iter(spaces)), None)
    spaces[id(space)] = space


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


STATE = {
    "w1": ("float32", (4, 3)),
    "b1": ("float32", (3,)),
    "w2": ("float32", (3, 2)),
    "b2": ("float32", (2,)),
}
ROWS = (
    ("w1", "b1", "w2", "b2"),
)  # what lies side by side
SPACES = {}  # workspaces that no call is using


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
    spaces = SPACES.setdefault((x.shape, y.shape), {})
    with np.errstate(all="ignore"):
        memory = borrow(spaces, state, STATE, ROWS, lambda arrays: workspace(arrays, batch))
        outputs = compute(x, y, memory[1])
    give_back(spaces, memory)
    return np.asarray(outputs[0])
