"""Reading IDX files, the format in which MNIST and its relatives are published.

An IDX file is a magic number (two zero bytes, a type code, the number of dimensions), one big-endian
32-bit length per dimension, and the elements, big-endian, last axis fastest.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from tensorgraph.errors import DataError

__all__ = ["read_idx", "read_idx_content"]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, gzip-compressed or not.

    Compression is told from the content, not from the name.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    array
        Shape and dtype as the file's header says (uint8, int8, int16, int32, float32 or float64), in
        native byte order, writable.

    Raises
    ------
    DataError
        If the file is missing or unreadable, is not an IDX file, is a damaged gzip file, or is
        shorter or longer than its header says.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "labels-idx1-ubyte"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    >>> read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    array, _ = read_idx_content(path)
    return array


def read_idx_content(path: str | os.PathLike[str]) -> tuple[NDArray[Any], bytearray]:
    """Read an IDX file and keep its decompressed bytes beside the array, for a checksum.

    Returns
    -------
    array, content
        The array, and the whole file as it is without gzip. The array may share its memory.

    Raises
    ------
    DataError
        As `read_idx`.
    """
    try:
        with open(path, "rb") as raw:
            packed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            raw.seek(0)
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
            return _parse(stream, os.fspath(path))
    except FileNotFoundError:
        raise DataError(f"{os.fspath(path)} does not exist") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{os.fspath(path)} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{os.fspath(path)} cannot be read: {error.strerror or error}") from error


def _parse(stream: IO[bytes], name: str) -> tuple[NDArray[Any], bytearray]:
    content = bytearray()
    _extend(content, stream, 4)
    dtype, ndim = _magic(content, name)
    start = 4 + 4 * ndim
    _extend(content, stream, start)
    if len(content) < start:
        raise DataError(f"{name} is truncated: the IDX header needs {start} bytes, the file has {len(content)}")
    shape = tuple(int(length) for length in np.frombuffer(content, ">u4", offset=4))
    size = start + dtype.itemsize * math.prod(shape)
    # One byte more than announced shows a file that is too long; reading on could fill the memory.
    _extend(content, stream, size + 1)
    if len(content) != size:
        fault, has = ("truncated", len(content)) if len(content) < size else ("too long", "more")
        kind = f"{dtype.newbyteorder('=').name}[{', '.join(map(str, shape))}]"
        raise DataError(f"{name} is {fault}: {kind} needs {size} bytes with its header, the file has {has}")
    try:
        array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:  # more axes, or longer empty ones, than NumPy has
        raise DataError(f"{name} cannot be held in an array: {error}") from error
    return array.astype(dtype.newbyteorder("="), copy=False), content


def _magic(content: bytearray, name: str) -> tuple[np.dtype[Any], int]:
    """Return the dtype and number of dimensions that the first four bytes announce."""
    if len(content) < 4:
        raise DataError(f"{name} is truncated: the IDX header needs at least 4 bytes, the file has {len(content)}")
    if content[:2] != b"\0\0" or content[2] not in _DTYPES:
        codes = ", ".join(f"{code:02x}" for code in _DTYPES)
        raise DataError(
            f"{name} is not an IDX file: it begins with {content.hex(' ')}; an IDX file begins with 00 00, "
            f"one of {codes}, and the number of dimensions"
        )
    return np.dtype(_DTYPES[content[2]]), content[3]


def _extend(content: bytearray, stream: IO[bytes], size: int) -> None:
    """Read until `content` has `size` bytes or the stream ends.

    In pieces, because a damaged header may announce more than the memory holds.
    """
    while len(content) < size and (chunk := stream.read(min(_CHUNK, size - len(content)))):
        content += chunk
