"""What a statement costs: its operations, its bytes, and the time that a machine needs for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tensorgraph.ir.dims import evaluate_dim
from tensorgraph.ir.op import Op, resolve
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.indexing import Gather
from tensorgraph.ops.shape import Reshape
from tensorgraph.schedule.machine import Machine
from tensorgraph.schedule.recipes import recipe
from tensorgraph.schedule.work import Setting, nbytes

__all__ = ["Cost", "cost"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a statement costs on a machine.

    Attributes
    ----------
    flops
        Operations on numbers.
    bytes_read, bytes_written
        Bytes of the operands and results; none of a view.
    seconds
        The time predicted.
    limit
        What takes most of it: ``"calls"``, ``"memory"`` or ``"arithmetic"``.
    share
        The part of `seconds` that the limit alone would take: 1 where nothing else counts.
    """

    flops: int
    bytes_read: int
    bytes_written: int
    seconds: float
    limit: str
    share: float

    def reached(self, measured: float) -> float:
        """The share of the machine's limit that a statement reached which took so many seconds."""
        return self.seconds * self.share / measured


def cost(
    op: Op,
    inputs: Sequence[TensorType],
    outputs: Sequence[TensorType],
    machine: Machine,
    sizes: Mapping[str, int],
    *,
    strided: Collection[int] = (),
    working: int = 0,
    threads: int = 1,
) -> Cost:
    """Predict what a statement costs.

    Parameters
    ----------
    op
        What is computed.
    inputs, outputs
        The types of its operands and results.
    machine
        Where it runs.
    sizes
        The size of each symbol in the types.
    strided
        Positions of operands that are read across the grain: transposed, or with steps.
    working
        Bytes that the statements around this one touch, where that is more than its own operands and results:
        they decide which cache the operands come from.
    threads
        Threads of a matrix product.

    Returns
    -------
    Cost
        Zero for a view: it is made once.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder(("batch", 784), "float32", name="x")
    >>> w = tg.placeholder((784, 512), "float32", name="w")
    >>> node = (x @ w).node
    >>> found = cost(node.op, [x.node.type, w.node.type], [node.type], Machine.reference, {"batch": 256})
    >>> found.flops, found.limit, f"{1e3 * found.seconds:.1f} ms"
    (205520896, 'arithmetic', '1.7 ms')
    """
    op = resolve(op, sizes)
    taken, given = [tuple(t.with_sizes(sizes) for t in types) for types in (inputs, outputs)]
    copies = isinstance(op, Reshape) and 0 in strided
    if op.leaf or (op.view and not copies):
        return Cost(0, 0, 0, 0.0, "calls", 0.0)
    footprint = max(float(nbytes(*taken, *given)), float(working))
    work = recipe(type(op))(op, Setting(taken, given, machine, frozenset(strided), footprint, threads))
    limits = {"arithmetic": work.arithmetic, "memory": work.memory, "calls": work.calls}
    limit = max(limits, key=lambda name: limits[name])
    share = limits[limit] / work.seconds if work.seconds else 0.0
    flops = evaluate_dim(op.flops(*taken), sizes)
    return Cost(flops, _read(op, taken, given), nbytes(*given), work.seconds, limit, share)


def _read(op: Op, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
    if isinstance(op, Gather):  # of the table, no more than is taken
        return min(nbytes(inputs[0]), nbytes(*outputs)) + nbytes(*inputs[1:])
    return nbytes(*inputs)
