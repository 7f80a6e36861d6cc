from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tensorgraph.data import read_idx
from tensorgraph.data.idx import read_idx_content
from tensorgraph.errors import DataError
from tests.data.idx_bytes import CODES, idx_bytes

SAMPLE = np.arange(6, dtype=np.int16).reshape(2, 3)


def message(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_idx(path)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some-idx"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", CODES)
def test_every_dtype(path: Path, dtype: str, packed: bool) -> None:
    expected = np.array([[0, 1, 100], [7, 8, 127]], dtype)
    content = idx_bytes(expected)
    path.write_bytes(gzip.compress(content) if packed else content)
    array = read_idx(path)
    assert array.dtype == np.dtype(dtype)
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, expected)
    array[0, 0] = 1  # writable


@given(arrays.arrays(st.sampled_from(sorted(CODES)), arrays.array_shapes(min_dims=0, max_dims=5, min_side=0)))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip-idx"
    path.write_bytes(idx_bytes(array))
    found, content = read_idx_content(path)
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()  # NaN too
    assert content == path.read_bytes()


def test_content_is_decompressed(path: Path) -> None:
    path.write_bytes(gzip.compress(idx_bytes(SAMPLE)))
    assert read_idx_content(path)[1] == idx_bytes(SAMPLE)


def test_string_path(path: Path) -> None:
    path.write_bytes(idx_bytes(SAMPLE))
    np.testing.assert_array_equal(read_idx(str(path)), SAMPLE)


def test_missing(path: Path) -> None:
    assert message(path) == f"{path} does not exist"


def test_folder(tmp_path: Path) -> None:
    assert message(tmp_path).startswith(f"{tmp_path} cannot be read: ")


def test_unreadable(path: Path) -> None:
    path.write_bytes(idx_bytes(SAMPLE))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert message(path) == f"{path} cannot be read: Permission denied"


def test_empty(path: Path) -> None:
    path.write_bytes(b"")
    assert message(path) == f"{path} is truncated: the IDX header needs at least 4 bytes, the file has 0"


@pytest.mark.parametrize("start", [b"\x89PNG", bytes([0, 0, 0x0A, 1]), bytes([0, 1, 8, 1])])
def test_wrong_magic(path: Path, start: bytes) -> None:
    path.write_bytes(start + bytes(20))
    assert message(path) == (
        f"{path} is not an IDX file: it begins with {start.hex(' ')}; an IDX file begins with 00 00, "
        "one of 08, 09, 0b, 0c, 0d, 0e, and the number of dimensions"
    )


def test_short_header(path: Path) -> None:
    path.write_bytes(idx_bytes(SAMPLE)[:9])
    assert message(path) == f"{path} is truncated: the IDX header needs 12 bytes, the file has 9"


@pytest.mark.parametrize("packed", [False, True])
def test_too_short(path: Path, packed: bool) -> None:
    content = idx_bytes(SAMPLE)[:-1]
    path.write_bytes(gzip.compress(content) if packed else content)
    assert message(path) == f"{path} is truncated: int16[2, 3] needs 24 bytes with its header, the file has 23"


@pytest.mark.parametrize("packed", [False, True])
def test_too_long(path: Path, packed: bool) -> None:
    content = idx_bytes(SAMPLE) + b"\0"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert message(path) == f"{path} is too long: int16[2, 3] needs 24 bytes with its header, the file has more"


def test_header_that_announces_more_than_any_memory(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 0x0E, 3]) + b"\xff" * 12)
    side = 2**32 - 1
    assert message(path) == (
        f"{path} is truncated: float64[{side}, {side}, {side}] needs {16 + 8 * side**3} bytes with its header, "
        "the file has 16"
    )


def test_more_axes_than_numpy_has(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 0x08, 200]) + bytes([0, 0, 0, 1]) * 200 + b"\7")
    assert message(path).startswith(f"{path} cannot be held in an array: ")


def test_empty_axis_beside_huge_ones(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 0x0E, 3]) + bytes(4) + b"\xff" * 8)
    assert message(path).startswith(f"{path} cannot be held in an array: ")


def test_truncated_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(idx_bytes(np.arange(1000, dtype=np.int32)))[:-20])
    assert message(path) == (
        f"{path} is a damaged gzip file: Compressed file ended before the end-of-stream marker was reached"
    )


def test_gzip_whose_checksum_differs(path: Path) -> None:
    content = bytearray(gzip.compress(idx_bytes(SAMPLE)))
    content[-8] ^= 1  # of the CRC
    path.write_bytes(content)
    assert message(path).startswith(f"{path} is a damaged gzip file: CRC check failed")


@given(st.integers(0, 300), st.integers(1, 255))
def test_no_damage_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, place: int, flip: int) -> None:
    array = np.random.default_rng(0).integers(0, 1000, (10, 10), np.int32)
    content = bytearray(gzip.compress(idx_bytes(array), mtime=0))
    content[place % len(content)] ^= flip
    path = tmp_path_factory.getbasetemp() / "damaged-idx"
    path.write_bytes(content)
    try:
        found, text = read_idx(path), ""
    except DataError as error:
        found, text = array, str(error)
    np.testing.assert_array_equal(found, array)  # some bytes of the gzip header mean nothing here, such as the date
    assert text == "" or text.startswith(str(path))
