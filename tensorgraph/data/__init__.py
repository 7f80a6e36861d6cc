"""Data sets, image files and minibatches."""

from __future__ import annotations

from tensorgraph.data.batching import batches
from tensorgraph.data.digits import Digits, load_digits
from tensorgraph.data.idx import read_idx
from tensorgraph.data.images import digit_image, load_image

__all__ = ["Digits", "batches", "digit_image", "load_digits", "load_image", "read_idx"]
