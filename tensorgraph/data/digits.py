"""The MNIST handwritten digits: a subset that ships with the package, and the full set from its files."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgraph.data.idx import read_idx_content
from tensorgraph.errors import DataError

__all__ = ["BUNDLE", "BUNDLE_SHA256", "Digits", "load_digits"]

BUNDLE = Path(__file__).parent / "bundled" / "digits.npz"
BUNDLE_SHA256 = "936e922384700719483e79172e0c0c88cdce8853ef6dc71c5262920b63659deb"

# Per file: the official name up to "idx", its ending, and the MD5 of the decompressed content. The
# mirrors compress differently, so a checksum of the compressed files would refuse good ones.
_FILES = {
    "train_images": ("train-images", "idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    "train_labels": ("train-labels", "idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    "test_images": ("t10k-images", "idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    "test_labels": ("t10k-labels", "idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
}


@dataclass(frozen=True, eq=False, repr=False)  # comparing or printing 50 MB of pixels helps no one
class Digits:
    """Images of handwritten digits and what they show.

    Attributes
    ----------
    train_images, test_images
        uint8 [n, 28, 28], 0 is background and 255 is ink.
    train_labels, test_labels
        int64 [n], the digits 0 to 9.

    Examples
    --------
    >>> load_digits()
    Digits(10000 for training, 2000 for testing)
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"Digits({len(self.train_images)} for training, {len(self.test_images)} for testing)"


def load_digits(data_dir: str | os.PathLike[str] | None = None, *, verify: bool = True) -> Digits:
    """Load handwritten digits: a subset of MNIST, or the full set from its four files.

    The subset ships with the package, so that nothing is downloaded: the first 10,000 training images
    and every fifth test image (2,000).

    Parameters
    ----------
    data_dir
        Folder of the four IDX files of the full set (``train-images-idx3-ubyte`` and so on; also
        spelled ``train-images.idx3-ubyte``; each as it is or with ``.gz``). None: the subset.
    verify
        Whether the files in `data_dir` must be those of MNIST itself. False reads other data of the
        same form, such as Fashion-MNIST.

    Returns
    -------
    digits
        Images as uint8 [n, 28, 28], labels as int64 [n]; fresh arrays on each call.

    Raises
    ------
    DataError
        If a file is missing, damaged, of another form, or has another checksum.

    Examples
    --------
    >>> digits = load_digits()
    >>> digits.train_images.shape, digits.train_labels[:4]
    ((10000, 28, 28), array([5, 0, 4, 1]))
    >>> digits.test_images.shape
    (2000, 28, 28)
    """
    return _load_bundle() if data_dir is None else _load_folder(Path(data_dir), verify)


def _load_bundle() -> Digits:
    try:
        content = BUNDLE.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{BUNDLE} cannot be read: {reason}; it is part of tensorgraph: install it again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != BUNDLE_SHA256:
        raise DataError(
            f"{BUNDLE} is damaged: its SHA-256 is {found}, not {BUNDLE_SHA256}; "
            "it is part of tensorgraph: install it again"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return _digits({name: arrays[name] for name in _FILES})


def _load_folder(folder: Path, verify: bool) -> Digits:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    # All are looked for before any is read: a missing last file shows at once.
    paths = {name: _find(folder, stem, ending) for name, (stem, ending, _) in _FILES.items()}
    arrays = {name: _read(path, _FILES[name][2] if verify else None) for name, path in paths.items()}
    for part in ("train", "test"):
        images, labels = f"{part}_images", f"{part}_labels"
        if len(arrays[images]) != len(arrays[labels]):
            raise DataError(
                f"{paths[images]} has {len(arrays[images])} images, "
                f"but {paths[labels]} has {len(arrays[labels])} labels"
            )
    return _digits(arrays)


def _find(folder: Path, stem: str, ending: str) -> Path:
    """Return the first spelling of the file's name that exists."""
    names = [f"{stem}{mark}{ending}{suffix}" for suffix in ("", ".gz") for mark in "-."]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} has none of {', '.join(names)}")


def _read(path: Path, md5: str | None) -> NDArray[Any]:
    """Read images or labels, told apart by the file's name, and compare the checksum if there is one."""
    array, content = read_idx_content(path)
    expected, ndim, row = ("uint8[n, 28, 28]", 3, (28, 28)) if "idx3" in path.name else ("uint8[n]", 1, ())
    if array.dtype != np.uint8 or array.ndim != ndim or array.shape[1:] != row:
        raise DataError(f"{path} holds {array.dtype}{list(array.shape)}, not {expected}")
    if md5 is not None:
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if digest != md5:
            raise DataError(
                f"{path} is not the MNIST file of that name: the MD5 of its content, decompressed, is {digest}, "
                f"not {md5}; verify=False reads other data of the same form"
            )
    return array


def _digits(arrays: dict[str, NDArray[Any]]) -> Digits:
    return Digits(
        train_images=arrays["train_images"],
        train_labels=arrays["train_labels"].astype(np.int64),
        test_images=arrays["test_images"],
        test_labels=arrays["test_labels"].astype(np.int64),
    )
