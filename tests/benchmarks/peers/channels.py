"""Parameters in the layout of peers that keep channels last and multiply by untransposed matrices, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.peers.networks import Conv, Dense, Flatten, Network, Shape

__all__ = ["to_channels_first", "to_channels_last"]


def to_channels_last(spec: Network, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Filters as [rows, columns, inputs, outputs], matrices as [inputs, outputs] for channels-last features."""
    return [_last(*kind, array) for kind, array in zip(_kinds(spec), arrays, strict=True)]


def to_channels_first(spec: Network, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What `to_channels_last` made, in PyTorch's layout again."""
    return [_first(*kind, array) for kind, array in zip(_kinds(spec), arrays, strict=True)]


def _last(kind: str, shape: Shape, array: np.ndarray) -> np.ndarray:
    if kind == "filters":
        return np.ascontiguousarray(array.transpose(2, 3, 1, 0))
    if kind == "image matrix":
        return np.ascontiguousarray(array.reshape(-1, *shape).transpose(2, 3, 1, 0).reshape(-1, len(array)))
    return np.ascontiguousarray(array.T)


def _first(kind: str, shape: Shape, array: np.ndarray) -> np.ndarray:
    if kind == "filters":
        return np.ascontiguousarray(array.transpose(3, 2, 0, 1))
    if kind == "image matrix":
        channels, rows, columns = shape
        return np.ascontiguousarray(
            array.reshape(rows, columns, channels, -1).transpose(3, 2, 0, 1).reshape(array.shape[1], -1)
        )
    return np.ascontiguousarray(array.T)


def _kinds(spec: Network) -> list[tuple[str, Shape]]:
    """For each parameter what it is, and the shape that its layer sees before flattening."""
    found: list[tuple[str, Shape]] = []
    flattened: Shape = ()
    for layer, shape in zip(spec.layers, spec.shapes, strict=False):
        if isinstance(layer, Flatten):
            flattened = shape
        elif isinstance(layer, Conv):
            found += [("filters", shape), ("bias", ())]
        elif isinstance(layer, Dense):
            found += [("image matrix" if flattened else "matrix", flattened or shape), ("bias", ())]
            flattened = ()
    return found
