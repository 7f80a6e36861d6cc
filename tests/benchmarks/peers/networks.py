"""The networks, as data: layers, loss, optimizer, and their first parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np

__all__ = ["Adam", "Conv", "Dense", "Flatten", "Layer", "Network", "Pool", "Relu", "Sgd", "Sigmoid"]

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Dense:
    """``x @ weight.T + bias``."""

    units: int


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution without padding, stride 1, with bias."""

    channels: int
    size: int


@dataclass(frozen=True, slots=True)
class Pool:
    """Max pooling of 2 by 2, stride 2; an odd last row or column is dropped."""


@dataclass(frozen=True, slots=True)
class Flatten:
    """All axes but the first become one: channels, then rows, then columns."""


@dataclass(frozen=True, slots=True)
class Relu:
    """``max(x, 0)``."""


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """``1 / (1 + exp(-x))``."""


Layer: TypeAlias = Dense | Conv | Pool | Flatten | Relu | Sigmoid


@dataclass(frozen=True, slots=True)
class Sgd:
    """``p - rate * g``."""

    rate: float


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam with PyTorch's defaults but for the rate, which is low: the steps are timed, not the fit."""

    rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8


@dataclass(frozen=True, slots=True)
class Network:
    """Layers and how they are trained.

    Attributes
    ----------
    input
        Shape of one example: features, or channels, rows and columns.
    loss
        ``mse`` (mean over all elements, targets one-hot), ``cross_entropy`` (over scores, targets int64) or ``bce``
        (binary cross-entropy over one score, targets float32), mean over the batch.
    """

    name: str
    input: Shape
    layers: tuple[Layer, ...]
    loss: str
    optimizer: Sgd | Adam

    @property
    def convolutional(self) -> bool:
        """Whether there is a convolution in it."""
        return any(isinstance(layer, Conv) for layer in self.layers)

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Of one example: the input's shape and that after each layer."""
        return tuple(reduce(lambda seen, layer: [*seen, after(layer, seen[-1])], self.layers, [self.input]))

    def parameters(self) -> list[np.ndarray]:
        """The first weights and biases in PyTorch's layout and range, the same for every peer."""
        rng = np.random.default_rng(0)
        arrays = []
        for layer, shape in zip(self.layers, self.shapes, strict=False):
            if isinstance(layer, Dense):
                arrays += [uniform(rng, (layer.units, shape[0]), shape[0]), uniform(rng, (layer.units,), shape[0])]
            elif isinstance(layer, Conv):
                fan_in = shape[0] * layer.size**2
                weight = (layer.channels, shape[0], layer.size, layer.size)
                arrays += [uniform(rng, weight, fan_in), uniform(rng, (layer.channels,), fan_in)]
        return arrays

    def batch(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Examples and targets."""
        rng = np.random.default_rng(1)
        x = rng.random((size, *self.input), dtype=np.float32)
        outputs = self.shapes[-1][0]
        if self.loss == "bce":
            return x, rng.integers(0, 2, (size, 1)).astype(np.float32)
        labels = rng.integers(0, outputs, size)
        return x, np.eye(outputs, dtype=np.float32)[labels] if self.loss == "mse" else labels


def after(layer: Layer, shape: Shape) -> Shape:
    """The shape of one example behind a layer."""
    match layer:
        case Dense(units):
            return (units,)
        case Conv(channels, size):
            return (channels, shape[1] - size + 1, shape[2] - size + 1)
        case Pool():
            return (shape[0], shape[1] // 2, shape[2] // 2)
        case Flatten():
            return (math.prod(shape),)
        case _:
            return shape


def uniform(rng: np.random.Generator, shape: Shape, fan_in: int) -> np.ndarray:
    """Uniform within 1 / sqrt(fan_in), float32, made in place: peak memory is measured."""
    values = rng.random(shape, dtype=np.float32)
    values -= np.float32(0.5)
    values *= np.float32(2 / math.sqrt(fan_in))
    return values
