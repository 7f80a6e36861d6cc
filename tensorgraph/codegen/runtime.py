"""Functions that emitted modules contain: they run with NumPy alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "arranged", "borrow", "call", "carve", "checked", "give_back", "held", "joined", "load_state", "refuse_nan",
    "save_state",
]  # fmt: skip


def call(function: Any, *operands: Any, results: Any) -> Any:
    """Call a user's function: it may not write its operands, and must give what was promised."""
    views = [np.asarray(operand).view() for operand in operands]
    for view in views:
        view.flags.writeable = False
    given = function(*views)
    arrays = [np.asarray(value, order="C") for value in (given if isinstance(given, tuple) else (given,))]
    found = [(array.dtype, array.shape) for array in arrays]
    promised = [(np.dtype(dtype), shape) for dtype, shape in results]
    if found != promised:
        texts = [", ".join(f"{dtype}{list(shape)}" for dtype, shape in kinds) for kinds in (found, promised)]
        name = getattr(function, "__name__", "function")
        raise TypeError(f"{name} gave {texts[0]}, where infer= promised {texts[1]}")
    return arrays if len(arrays) > 1 else arrays[0]


def refuse_nan(*values: Any) -> None:
    """FloatingPointError if one of these has a NaN."""
    for value in values:
        if np.isnan(value).any():
            place = tuple(np.argwhere(np.isnan(value))[0].tolist())
            raise FloatingPointError(f"NaN at {place}" if place else "NaN")


def carve(*sizes: int) -> list[Any]:
    """One block of memory, cut into pieces of so many bytes that begin at multiples of 64."""
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + -(-size // 64) * 64)
    block = np.empty(starts[-1] + 64, np.uint8)
    first = -block.ctypes.data % 64
    return [block[first + start : first + start + size] for start, size in zip(starts, sizes, strict=False)]


def joined(arrays: Any) -> Any:
    """The row in which these arrays lie side by side, in order; None if they do not."""
    row = arrays[0].base
    if row is None or row.ndim != 1 or not row.flags.c_contiguous:
        return None
    start = at = arrays[0].ctypes.data
    for array in arrays:
        if array.base is not row or array.dtype != row.dtype or array.ctypes.data != at or not array.flags.c_contiguous:
            return None
        at += array.nbytes
    first = (start - row.ctypes.data) // row.itemsize
    return row[first : first + (at - start) // row.itemsize]


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


def borrow(spaces: dict[int, Any], state: dict[str, Any], wanted: Any, rows: Any, make: Any) -> tuple[Any, Any]:
    """A workspace over this state that no call is using: the arrays it was made over, and what `make` gave."""
    for number, (arrays, _) in list(spaces.items()):
        if all(state.get(name) is array for name, array in arrays.items()):
            space: tuple[Any, Any] | None = spaces.pop(number, None)
            if space is not None:
                return space
    memory = make(arranged(state, wanted, rows))
    return {name: state[name] for name in wanted}, memory


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
