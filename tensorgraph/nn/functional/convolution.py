"""Convolution and pooling by PyTorch's names; one number of spatial axes each."""

from __future__ import annotations

from tensorgraph.array.conv import conv1d, conv2d, conv3d, conv_transpose, fold, unfold
from tensorgraph.array.pool import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    global_avg_pool,
    global_max_pool,
    max_pool,
)

__all__ = [
    "adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "conv1d", "conv2d", "conv3d", "conv_transpose", "fold",
    "global_avg_pool", "global_max_pool", "max_pool", "unfold",
]  # fmt: skip
