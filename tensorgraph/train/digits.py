"""The digit network: 784-16-16-10, sigmoid, 13,002 weights and biases."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tensorgraph import nn, optim
from tensorgraph.array.functions import softmax
from tensorgraph.array.leaves import placeholder
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import compile
from tensorgraph.data import Digits, batches
from tensorgraph.errors import DataError
from tensorgraph.ir.types import Array
from tensorgraph.nn import functional

__all__ = ["DigitNetwork", "Epoch", "train_digits", "training_steps"]

BATCH = 32
RATE = 1.0


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training images gave.

    Attributes
    ----------
    number
        Counted from 1.
    loss
        Mean cross-entropy over the training images, in nats, as the weights moved.
    accuracy
        Share of the test images that are named rightly after it.
    """

    number: int
    loss: float
    accuracy: float


class DigitNetwork:
    """Two hidden layers of 16 sigmoid neurons, and ten outputs.

    Parameters
    ----------
    seed
        Of the first weights.
    steps
        Training steps over which the learning rate falls to 0, along half a cosine.

    Attributes
    ----------
    model
        The layers.
    step
        Kernel: one step of gradient descent on images and labels; gives the loss.
    probabilities
        Kernel: ten probabilities for each image.

    Examples
    --------
    >>> network = DigitNetwork(seed=0)
    >>> network.parameters
    13002
    """

    def __init__(self, seed: int = 0, steps: int = 1) -> None:
        self.model = nn.Sequential(
            nn.Linear(784, 16, rng=np.random.default_rng([seed, 1])),
            nn.Sigmoid(),
            nn.Linear(16, 16, rng=np.random.default_rng([seed, 2])),
            nn.Sigmoid(),
            nn.Linear(16, 10, rng=np.random.default_rng([seed, 3])),
        )
        images = placeholder(("batch", 784), "float32", name="images")
        labels = placeholder(("batch",), "int64", name="labels")
        scores = self.model(images)
        loss = functional.cross_entropy(scores, labels)
        descent = optim.SGD(learning_rate=optim.schedules.cosine(RATE, steps))
        self.step: Kernel = compile([images, labels], loss, descent.updates(loss, self.model.parameters()), name="step")
        self.probabilities: Kernel = compile([images], softmax(scores), name="predict")

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(p.numpy().size for p in self.model.parameters())

    def accuracy(self, images: Array, labels: Array) -> float:
        """The share of images that are named rightly."""
        return float(np.mean(self.probabilities(images).argmax(axis=1) == labels))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the weights to an npz file."""
        self.model.save(path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> DigitNetwork:
        """The network with weights from an npz file.

        Raises
        ------
        DataError
            If the file is missing or holds other weights.
        """
        if not Path(path).is_file():
            raise DataError(
                f"there are no weights at {path}: run 'tensorgraph train digits', or name them with --weights"
            )
        network = DigitNetwork()
        network.model.load(path)
        return network


def as_input(images: Array) -> Array:
    """Images as rows of 784 numbers from 0 to 1, float32."""
    return (images.reshape(len(images), 784) / np.float32(255)).astype(np.float32)


def training_steps(data: Digits, epochs: int) -> int:
    """Number of steps that `train_digits` takes."""
    return epochs * (len(data.train_images) // BATCH)


def train_digits(
    data: Digits, seed: int = 0, epochs: int = 30, report: Callable[[Epoch], None] = lambda epoch: None
) -> DigitNetwork:
    """Train the digit network.

    Parameters
    ----------
    data
        Images and labels.
    seed
        Of the first weights and of the order of the images.
    epochs
        Passes over the training images. The result is the network after the last one.
    report
        Called after each.

    Returns
    -------
    network
        The trained network.
    """
    train, test = as_input(data.train_images), as_input(data.test_images)
    network = DigitNetwork(seed, training_steps(data, epochs))
    order = np.random.default_rng([seed, 0])
    for number in range(1, epochs + 1):
        pairs = batches(train, data.train_labels, batch_size=BATCH, seed=order, drop_last=True)
        losses = [float(network.step(images, labels)) for images, labels in pairs]
        report(Epoch(number, float(np.mean(losses)), network.accuracy(test, data.test_labels)))
    return network
