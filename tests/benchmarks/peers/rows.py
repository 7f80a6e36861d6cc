"""The rows of the table: which workload, which task, how large."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from tests.benchmarks.peers.expressions import Chain, LayerNorm
from tests.benchmarks.peers.logistic import Logistic
from tests.benchmarks.peers.networks import Adam, Conv, Dense, Flatten, Network, Pool, Relu, Sgd, Sigmoid

__all__ = ["ROWS", "STARTUP", "Row", "Workload", "row_named", "smoke"]

Workload: TypeAlias = Network | Chain | LayerNorm | Logistic


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    task
        ``train`` (forward, backward, update), ``infer`` (scores), ``value``, ``gradient`` (value and gradient) or
        ``product`` (Hessian times vector).
    size
        Examples in a batch; rows or elements elsewhere.
    """

    workload: Workload
    task: str
    size: int

    @property
    def name(self) -> str:
        """What the table calls it, and ``--rows`` looks in."""
        if isinstance(self.workload, Network):
            return f"{self.workload.name}, {'inference, ' if self.task == 'infer' else ''}batch {self.size}"
        suffix = {"value": ", value", "gradient": ", value and gradient", "product": ""}[self.task]
        return f"{self.workload.name}{suffix}"

    @property
    def family(self) -> str:
        """Rows of one family are measured in the same processes."""
        return self.workload.name


DIGITS = Network(
    "784-16-16-10 sigmoid, MSE, SGD",
    (784,),
    (Dense(16), Sigmoid(), Dense(16), Sigmoid(), Dense(10), Sigmoid()),
    "mse",
    Sgd(0.5),
)
WIDE = Network(
    "784-512-512-10 ReLU, cross-entropy, Adam",
    (784,),
    (Dense(512), Relu(), Dense(512), Relu(), Dense(10)),
    "cross_entropy",
    Adam(),
)
LETTERS = Network(
    "X/O CNN 9x9, cross-entropy, SGD",
    (1, 9, 9),
    (Conv(3, 3), Relu(), Pool(), Flatten(), Dense(2)),
    "cross_entropy",
    Sgd(0.1),
)
LENET = Network(
    "LeNet, Adam",
    (1, 28, 28),
    (Conv(8, 5), Relu(), Pool(), Conv(16, 5), Relu(), Pool(), Flatten(), Dense(120), Relu(), Dense(10)),
    "cross_entropy",
    Adam(),
)
MNIST = Network(
    "MNIST CNN, Adam",
    (1, 28, 28),
    (Conv(32, 3), Relu(), Pool(), Conv(64, 3), Relu(), Pool(), Flatten(), Dense(128), Relu(), Dense(10)),
    "cross_entropy",
    Adam(),
)
PICTURES = Network(
    "150x150x3 CNN, BCE, Adam",
    (3, 150, 150),
    (Conv(16, 3), Relu(), Pool(), Conv(32, 3), Relu(), Pool(), Conv(64, 3), Relu(), Pool(), Flatten(),
     Dense(512), Relu(), Dense(1)),
    "bce",
    Adam(),
)  # fmt: skip

STARTUP = Row(DIGITS, "train", 32)

TRAINED = ((DIGITS, (1, 32, 256)), (WIDE, (32, 256)), (LETTERS, (1, 32)), (LENET, (32, 128)), (MNIST, (32, 128)),
           (PICTURES, (32,)))  # fmt: skip

ROWS: tuple[Row, ...] = (
    *[Row(network, "train", size) for network, sizes in TRAINED for size in sizes],
    *[Row(LayerNorm(2048, 1024), task, 2048) for task in ("value", "gradient")],
    *[Row(Chain(2_000_000), task, 2_000_000) for task in ("value", "gradient")],
    Row(Logistic(10_000, 500), "product", 10_000),
    *[Row(network, "infer", size) for network, _ in TRAINED for size in (1, 32)],
)


def smoke(row: Row) -> Row:
    """The same row, as small as it goes: does it run?"""
    match row.workload:
        case Network():
            small = replace(row.workload, input=(3, 36, 36)) if row.workload is PICTURES else row.workload
            return replace(row, workload=small, size=min(row.size, 3))
        case LayerNorm():
            return replace(row, workload=LayerNorm(20, 16), size=20)
        case Chain():
            return replace(row, workload=Chain(1000), size=1000)
        case Logistic():
            return replace(row, workload=Logistic(60, 8), size=60)


def row_named(name: str) -> Row:
    """The row of that name.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {row.name: row for row in ROWS}[name]
