"""Named arrays in files: NumPy's npz, and safetensors."""

from __future__ import annotations

import importlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.errors import DataError
from tensorgraph.files import atomic_write
from tensorgraph.ir.types import Array

__all__ = ["read_arrays", "write_arrays"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal arrays give equal files


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write arrays to a file, which appears whole or not at all.

    Parameters
    ----------
    path
        Where; the suffix is ``.npz`` or ``.safetensors``.
    arrays
        By name.

    Raises
    ------
    DataError
        If the suffix is another one.
    ModuleNotFoundError
        If safetensors is not installed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "state.npz"
    >>> write_arrays(path, {"weight": np.zeros((2, 3))})
    >>> read_arrays(path)["weight"].shape
    (2, 3)
    """
    if _suffix(path) == ".safetensors":
        data: bytes = _safetensors().save({name: np.asarray(a, order="C") for name, a in arrays.items()})
        with atomic_write(path) as file:
            file.write(data)
        return
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def read_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read the arrays of a file. Nothing in it is executed.

    Parameters
    ----------
    path
        An ``.npz`` or ``.safetensors`` file.

    Raises
    ------
    DataError
        If it is missing, damaged or of another kind.
    ModuleNotFoundError
        If safetensors is not installed.
    """
    name = os.fspath(path)
    suffix = _suffix(path)
    try:
        if suffix == ".safetensors":
            module = _safetensors()
            return dict(module.load(Path(path).read_bytes()))
        found = np.load(path, allow_pickle=False)
        if not isinstance(found, np.lib.npyio.NpzFile):
            raise DataError(f"{name} holds one array, not an archive of named ones")
        with found as archive:
            return {key: archive[key] for key in archive.files}
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(f"{name} does not exist, or is no file") from None
    except (DataError, ModuleNotFoundError):
        raise
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error}") from error
    except Exception as error:  # zip, header and safetensors errors share no base class
        raise DataError(f"{name} is damaged, or no {suffix} file: {error}") from error


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix
    if suffix not in {".npz", ".safetensors"}:
        raise DataError(f"{os.fspath(path)}: the suffix says the format, and must be .npz or .safetensors")
    return suffix


def _safetensors() -> Any:
    try:
        return importlib.import_module("safetensors.numpy")
    except ModuleNotFoundError as error:
        message = "safetensors files need the package safetensors: pip install 'tensorgraph[safetensors]'"
        raise ModuleNotFoundError(message, name=error.name) from error
