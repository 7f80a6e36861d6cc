"""Rebuild the bundled digits from the four MNIST files: ``python -m tensorgraph.data._make_digits --idx-dir DIR``.

The same files give the same bytes: entries are in a fixed order, dated 1980, and compressed by zlib at
its highest level. (A Python built on another implementation of deflate may write other bytes for the
same arrays.)
"""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgraph.data.digits import BUNDLE, BUNDLE_SHA256, Digits, load_digits
from tensorgraph.errors import DataError
from tensorgraph.files import atomic_write

__all__ = ["main", "pack"]

_TRAINING = slice(None, 10_000)
_TESTING = slice(None, None, 5)  # of all writers: the test set's first half is the easier one


def pack(digits: Digits) -> bytes:
    """Return the bundled file for the full set `digits`.

    Examples
    --------
    >>> images, labels = np.zeros((6, 28, 28), np.uint8), np.arange(6)
    >>> with np.load(io.BytesIO(pack(Digits(images, labels, images, labels)))) as arrays:
    ...     print(arrays["train_labels"], arrays["test_labels"])
    [0 1 2 3 4 5] [0 5]
    """
    arrays: dict[str, NDArray[Any]] = {
        "train_images": digits.train_images[_TRAINING],
        "train_labels": digits.train_labels[_TRAINING].astype(np.uint8),
        "test_images": digits.test_images[_TESTING],
        "test_labels": digits.test_labels[_TESTING].astype(np.uint8),
    }
    # np.savez_compressed would date the entries today and offers no choice of level.
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.create_system = 3  # as on Unix, wherever this runs
            entry.external_attr = 0o644 << 16
            plain = io.BytesIO()
            np.lib.format.write_array(plain, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(entry, plain.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return packed.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tensorgraph.data._make_digits", description="Rebuild digits.npz.")
    parser.add_argument("--idx-dir", required=True, metavar="DIR", help="folder of the four MNIST files")
    parser.add_argument("--output", default=BUNDLE, type=Path, metavar="FILE", help="default: the bundled file")
    options = parser.parse_args(arguments)
    try:
        content = pack(load_digits(options.idx_dir))
        with atomic_write(options.output) as file:
            file.write(content)
    except (DataError, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    digest = hashlib.sha256(content).hexdigest()
    print(f"{options.output}: {len(content):,} bytes, SHA-256 {digest}")
    if digest != BUNDLE_SHA256:
        print(f"BUNDLE_SHA256 in digits.py is {BUNDLE_SHA256}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
