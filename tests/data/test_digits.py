from __future__ import annotations

import gzip
import hashlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tensorgraph.data import Digits, _make_digits, digits, load_digits
from tensorgraph.errors import DataError
from tests.data.idx_bytes import idx_bytes

NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def small_set() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "train_images": rng.integers(0, 256, (7, 28, 28), np.uint8),
        "train_labels": rng.integers(0, 10, 7, np.uint8),
        "test_images": rng.integers(0, 256, (6, 28, 28), np.uint8),
        "test_labels": rng.integers(0, 10, 6, np.uint8),
    }


def write(folder: Path, arrays: dict[str, np.ndarray], *, mark: str = "-", packed: bool = False) -> None:
    for name, array in arrays.items():
        file = NAMES[name].replace("-idx", f"{mark}idx") + (".gz" if packed else "")
        content = idx_bytes(array)
        (folder / file).write_bytes(gzip.compress(content) if packed else content)


def message(folder: Path, *, verify: bool = True) -> str:
    with pytest.raises(DataError) as caught:
        load_digits(folder, verify=verify)
    return str(caught.value)


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Arrays whose checksums stand for those of MNIST."""
    arrays = small_set()
    sums = {name: hashlib.md5(idx_bytes(array)).hexdigest() for name, array in arrays.items()}
    files = {name: (stem, ending, sums[name]) for name, (stem, ending, _) in digits._FILES.items()}
    monkeypatch.setattr(digits, "_FILES", files)
    return arrays


# ------------------------------------------------------------------------------------ the bundled file


def test_bundle() -> None:
    found = load_digits()
    assert found.train_images.shape == (10_000, 28, 28)
    assert found.test_images.shape == (2_000, 28, 28)
    assert found.train_images.dtype == found.test_images.dtype == np.uint8
    assert found.train_labels.dtype == found.test_labels.dtype == np.int64
    assert found.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert found.test_labels[:10].tolist() == [7, 1, 0, 5, 9, 0, 3, 2, 1, 5]
    assert np.bincount(found.train_labels).tolist() == [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]
    assert repr(found) == "Digits(10000 for training, 2000 for testing)"


def test_bundled_images_belong_to_their_labels() -> None:
    found = load_digits()
    means = np.stack([found.train_images[found.train_labels == digit].mean(0).ravel() for digit in range(10)])
    pixels = found.test_images.reshape(-1, 784).astype(float)
    nearest = ((pixels[:, None] - means) ** 2).sum(2).argmin(1)
    assert (nearest == found.test_labels).mean() > 0.78


def test_each_call_gives_its_own_arrays() -> None:
    load_digits().train_images[:] = 7
    assert load_digits().train_images[0, 0, 0] == 0


def test_digits_are_frozen() -> None:
    found = Digits(*small_set().values())
    with pytest.raises(AttributeError):
        found.train_images = found.test_images  # type: ignore[misc]


def test_damaged_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(digits.BUNDLE.read_bytes())
    content[1000] ^= 1
    path = tmp_path / "digits.npz"
    path.write_bytes(content)
    monkeypatch.setattr(digits, "BUNDLE", path)
    with pytest.raises(DataError) as caught:
        load_digits()
    assert str(caught.value) == (
        f"{path} is damaged: its SHA-256 is {hashlib.sha256(content).hexdigest()}, not {digits.BUNDLE_SHA256}; "
        "it is part of tensorgraph: install it again"
    )


def test_missing_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "BUNDLE", tmp_path / "digits.npz")
    with pytest.raises(DataError) as caught:
        load_digits()
    assert str(caught.value) == (
        f"{tmp_path / 'digits.npz'} cannot be read: No such file or directory; "
        "it is part of tensorgraph: install it again"
    )


# ---------------------------------------------------------------------------------------- the full set


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", ["-", "."])
def test_folder(tmp_path: Path, official: dict[str, np.ndarray], mark: str, packed: bool) -> None:
    write(tmp_path, official, mark=mark, packed=packed)
    found = load_digits(tmp_path)
    for name, array in official.items():
        np.testing.assert_array_equal(getattr(found, name), array)
    assert found.train_images.dtype == np.uint8
    assert found.train_labels.dtype == found.test_labels.dtype == np.int64
    assert load_digits(str(tmp_path)).train_labels.tolist() == official["train_labels"].tolist()


def test_other_data_of_the_same_form(tmp_path: Path) -> None:
    arrays = small_set()
    write(tmp_path, arrays)
    found = load_digits(tmp_path, verify=False)
    np.testing.assert_array_equal(found.test_images, arrays["test_images"])


def test_checksum(tmp_path: Path) -> None:
    arrays = small_set()
    write(tmp_path, arrays, packed=True)
    digest = hashlib.md5(idx_bytes(arrays["train_images"])).hexdigest()
    assert message(tmp_path) == (
        f"{tmp_path / 'train-images-idx3-ubyte.gz'} is not the MNIST file of that name: the MD5 of its content, "
        f"decompressed, is {digest}, not 6bbc9ace898e44ae57da46a324031adb; "
        "verify=False reads other data of the same form"
    )


def test_checksum_of_each_file(tmp_path: Path, official: dict[str, np.ndarray]) -> None:
    for name, file in NAMES.items():
        changed = official[name].copy()
        changed.flat[-1] ^= 1
        write(tmp_path, official | {name: changed})
        assert message(tmp_path).startswith(f"{tmp_path / file} is not the MNIST file of that name")


def test_no_folder(tmp_path: Path) -> None:
    assert message(tmp_path / "nowhere") == f"{tmp_path / 'nowhere'} is not a folder"


def test_missing_file(tmp_path: Path) -> None:
    write(tmp_path, small_set())
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert message(tmp_path) == (
        f"{tmp_path} has none of t10k-labels-idx1-ubyte, t10k-labels.idx1-ubyte, "
        "t10k-labels-idx1-ubyte.gz, t10k-labels.idx1-ubyte.gz"
    )


def test_half_written_file(tmp_path: Path) -> None:
    write(tmp_path, small_set())
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:3000])
    assert message(tmp_path) == (
        f"{path} is truncated: uint8[7, 28, 28] needs 5504 bytes with its header, the file has 3000"
    )


@pytest.mark.parametrize(
    ("name", "array", "holds"),
    [
        ("train_images", np.zeros((7, 28, 27), np.uint8), "uint8[7, 28, 27], not uint8[n, 28, 28]"),
        ("train_images", np.zeros((7, 28, 28), np.int32), "int32[7, 28, 28], not uint8[n, 28, 28]"),
        ("test_images", np.zeros(6, np.uint8), "uint8[6], not uint8[n, 28, 28]"),
        ("test_labels", np.zeros((6, 28, 28), np.uint8), "uint8[6, 28, 28], not uint8[n]"),
        ("test_labels", np.array(3, np.uint8), "uint8[], not uint8[n]"),
    ],
)
def test_other_form(tmp_path: Path, name: str, array: np.ndarray, holds: str) -> None:
    write(tmp_path, small_set() | {name: array})
    assert message(tmp_path, verify=False) == f"{tmp_path / NAMES[name]} holds {holds}"


def test_counts_differ(tmp_path: Path) -> None:
    write(tmp_path, small_set() | {"test_labels": np.zeros(5, np.uint8)})
    assert message(tmp_path, verify=False) == (
        f"{tmp_path / NAMES['test_images']} has 6 images, but {tmp_path / NAMES['test_labels']} has 5 labels"
    )


# ------------------------------------------------------------------------------- making the bundled file


def test_bundle_is_what_is_packed() -> None:
    found = load_digits()
    every_fifth = np.arange(10_000) // 5
    full = Digits(
        found.train_images, found.train_labels, found.test_images[every_fifth], found.test_labels[every_fifth]
    )
    packed = zipfile.ZipFile(io.BytesIO(_make_digits.pack(full)))
    bundle = zipfile.ZipFile(digits.BUNDLE)
    with packed, bundle:
        assert packed.namelist() == bundle.namelist() == [f"{name}.npy" for name in NAMES]
        # Not the compressed bytes: those depend on the implementation of deflate.
        assert [entry.CRC for entry in packed.infolist()] == [entry.CRC for entry in bundle.infolist()]
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.date_time for entry in bundle.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_make_digits(
    tmp_path: Path, official: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, official, packed=True)
    output = tmp_path / "digits.npz"
    assert _make_digits.main(["--idx-dir", str(tmp_path), "--output", str(output)]) == 0
    content = output.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert capsys.readouterr().out == (
        f"{output}: {len(content):,} bytes, SHA-256 {digest}\nBUNDLE_SHA256 in digits.py is {digits.BUNDLE_SHA256}\n"
    )
    monkeypatch.setattr(digits, "BUNDLE", output)
    monkeypatch.setattr(digits, "BUNDLE_SHA256", digest)
    found = load_digits()
    np.testing.assert_array_equal(found.train_images, official["train_images"])
    np.testing.assert_array_equal(found.test_images, official["test_images"][[0, 5]])
    np.testing.assert_array_equal(found.test_labels, official["test_labels"][[0, 5]])


def test_make_digits_without_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "digits.npz"
    output.write_bytes(b"as it was")
    with pytest.raises(SystemExit) as caught:
        _make_digits.main(["--idx-dir", str(tmp_path / "nowhere"), "--output", str(output)])
    assert caught.value.code == 1
    assert capsys.readouterr().err == (
        f"python -m tensorgraph.data._make_digits: {tmp_path / 'nowhere'} is not a folder\n"
    )
    assert output.read_bytes() == b"as it was"


def test_make_digits_on_a_full_disk(
    tmp_path: Path, official: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError("disk full")

    write(tmp_path, official)
    output = tmp_path / "digits.npz"
    output.write_bytes(b"as it was")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SystemExit):
        _make_digits.main(["--idx-dir", str(tmp_path), "--output", str(output)])
    assert capsys.readouterr().err == "python -m tensorgraph.data._make_digits: disk full\n"
    assert output.read_bytes() == b"as it was"
