"""NumPy written by hand: by one thread, and by as many as there are cores."""

from __future__ import annotations

from tests.benchmarks.peers.by_hand import convnet, expressions, logistic, mlp
from tests.benchmarks.peers.by_hand.threads import Pool, cores
from tests.benchmarks.peers.expressions import Chain, LayerNorm
from tests.benchmarks.peers.logistic import Logistic
from tests.benchmarks.peers.networks import Adam, Network
from tests.benchmarks.peers.rows import Row
from tests.benchmarks.peers.work import NotForThisRowError, Work


def alone(row: Row) -> Work:
    """By the calling thread, BLAS by its own."""
    return build(row, Pool(1))


def threaded(row: Row) -> Work:
    """Blocks and tiles pulled by several threads, each with a BLAS of one thread."""
    if cores() == 1:
        raise NotForThisRowError("there is one core")
    small = isinstance(row.workload, Network) and not isinstance(row.workload.optimizer, Adam)
    dense = isinstance(row.workload, Network) and not row.workload.convolutional
    if small or (dense and row.task == "infer") or (row.task == "infer" and row.size == 1):
        raise NotForThisRowError("it is too short to share")
    return build(row, Pool(cores()))


def build(row: Row, pool: Pool) -> Work:
    """The row, by the threads of a pool."""
    match row.workload:
        case Network() if row.workload.convolutional:
            return convnet.build(row.workload, row.task, row.size, pool)
        case Network() if row.task == "infer":
            return mlp.inference(row.workload, row.size)
        case Network():
            adam = isinstance(row.workload.optimizer, Adam)
            return mlp.wide(row.workload, row.size, pool) if adam else mlp.small(row.workload, row.size)
        case LayerNorm():
            return expressions.layer_norm(row.workload, row.task, pool)
        case Chain():
            return expressions.chain(row.workload, row.task, pool)
        case Logistic():
            return logistic.product(row.workload, pool)
