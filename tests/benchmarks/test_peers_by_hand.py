"""Hand-written NumPy and every peer compute what tensorgraph computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.benchmarks.peers import numpy_by_hand, ours
from tests.benchmarks.peers.by_hand import convnet, heads
from tests.benchmarks.peers.by_hand.threads import Pool
from tests.benchmarks.peers.catalogue import PEERS, builder
from tests.benchmarks.peers.checks import STEPS, difference
from tests.benchmarks.peers.networks import Network
from tests.benchmarks.peers.rows import DIGITS, LENET, LETTERS, PICTURES, ROWS, Row, smoke
from tests.benchmarks.peers.work import NotForThisRowError, Outcome, Work

SMALL = [smoke(row) for row in ROWS]
PICTURE = smoke(Row(PICTURES, "train", 4)).workload


def outcome(work: Work) -> Outcome:
    result = None
    for _ in range(STEPS):
        result = work.step()
    return {name: np.array(array) for name, array in work.outcome(result).items()}


def compare(row: Row, work: Work) -> None:
    expected = dict(outcome(ours.build(row)))
    if isinstance(row.workload, Network) and row.task == "train":
        expected |= {f"f{i}": first for i, first in enumerate(row.workload.parameters())}
    assert difference(row, expected, outcome(work)) is None


@pytest.mark.parametrize("row", SMALL, ids=lambda row: row.name)
@pytest.mark.parametrize("threads", [1, 2])
def test_every_row_by_hand(row: Row, threads: int) -> None:
    compare(row, numpy_by_hand.build(row, Pool(threads)))


@pytest.mark.parametrize("row", [Row(DIGITS, "train", 80), Row(LETTERS, "train", 40), Row(LENET, "train", 32)])
@pytest.mark.parametrize("threads", [1, 2])
def test_larger_batches_by_hand(row: Row, threads: int) -> None:
    """Rows instead of columns; several tiles, whose gradients are added."""
    compare(row, numpy_by_hand.build(row, Pool(threads)))


@pytest.mark.parametrize("threads", [1, 2])
def test_dense_layers_of_the_whole_batch(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(convnet, "LARGE", 0)
    assert isinstance(PICTURE, Network)
    compare(Row(PICTURE, "train", 6), convnet.build(PICTURE, "train", 6, Pool(threads)))


def test_of_equal_values_the_first_takes_the_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(self: Network, size: int) -> tuple[np.ndarray, np.ndarray]:
        return np.full((size, *self.input), 0.5, np.float32), np.zeros(size, np.int64)

    monkeypatch.setattr(Network, "batch", flat)
    row = Row(LENET, "train", 2)
    compare(row, numpy_by_hand.alone(row))


def test_a_step_moves_the_state_again_and_again() -> None:
    work = numpy_by_hand.alone(Row(DIGITS, "train", 8))
    losses = [work.step() for _ in range(50)]
    assert losses[-1] < losses[1] < losses[0]


@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
def test_losses_are_stable(loss: str) -> None:
    z = np.array([[60.0], [-60.0], [0.0]], np.float32)
    targets = np.array([[0.0], [1.0], [1.0]], np.float32)
    if loss == "cross_entropy":  # over two classes, the second of which scores 0
        z = np.concatenate([z, 0 * z], axis=1)
        targets = (1 - targets[:, 0]).astype(np.int64)
    assert heads.head(loss, z, 3, 1.0)(targets) == pytest.approx((60 + 60 + np.log(2)) / 3)
    assert np.all(np.isfinite(z))


class FaultError(Exception):
    pass


def test_a_fault_in_any_thread_is_raised() -> None:
    def fail(lane: int) -> None:
        raise FaultError(lane)

    done: list[int] = []
    pool = Pool(2)
    for _ in range(20):
        with pytest.raises(FaultError):
            pool.run([fail])
        pool.run([done.append] * 10)
    assert len(done) == 200


OTHERS = [peer for peer in PEERS if peer.packages]


# Numba's advice on PyTensor's own products, and what it says is no fault of the row.
@pytest.mark.filterwarnings("ignore:.*is faster on contiguous arrays")
@pytest.mark.peers
@pytest.mark.parametrize("peer", OTHERS, ids=lambda peer: peer.name)
def test_every_row_by_every_peer(peer) -> None:
    for package in peer.packages:
        pytest.importorskip(package)
    if peer.name == "pytorch-compile":
        pytest.skip("compiles for minutes; the benchmark checks it before it is timed")
    build: Callable[[Row], Work] = builder(peer)
    said = 0
    for row in SMALL:
        try:
            work = build(row)
        except NotForThisRowError:
            continue
        compare(row, work)
        said += 1
    assert said >= 3
