"""Blocks: operations that go row by row share a loop over blocks of rows: what they hand over stays in the cache.

An operation goes row by row along the first axis if each row of its result follows from the same row of its
operands, and from operands that have no such axis: elementwise operations, reductions and sums of products over
other axes, and views that leave the first axis alone. A reduction over the rows joins the loop too (see
`tensorgraph.schedule.lanes`). Statements in between that need a whole result wait until the loop is over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tensorgraph.ir.dims import Dim, DimLike, dim_key, product
from tensorgraph.ir.names import Namer
from tensorgraph.ir.node import Node
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.linalg import Vecdot
from tensorgraph.ops.reduction import Reduction
from tensorgraph.ops.shape import ExpandDims, Reshape, Squeeze
from tensorgraph.schedule.cuts import Cut
from tensorgraph.schedule.lanes import in_lanes, joined_lanes, may_be_cut, operand
from tensorgraph.schedule.machine import Machine

__all__ = ["FINE", "Block", "Finder", "Grain", "Reduced", "find_blocks", "reads_rows"]

AHEAD = 32  # statements looked at beyond the last one that fits
STREAMS = 3  # arrays read and written whole beside what stays inside
LANES = 64  # at most: enough that every thread has some, and that a slow one delays little
FEW_LANES = 8  # where each keeps much
MUCH = 4096  # bytes of a reduction over rows


@dataclass(frozen=True, slots=True)
class Grain:
    """From what on loops pay.

    Attributes
    ----------
    values
        The fewest values that stay inside: handed over, or kept beside a result.
    call
        The fewest bytes of a value in a block: in shorter calls threads wait for the interpreter's lock.
    row
        Elements: an unknown number of shorter rows is not expected to fill a cache.
    room
        Bytes that a block may take; by default the second cache.
    """

    values: int = 6
    call: int = 384 * 1024
    row: int = 64
    room: int | None = None


GRAIN = Grain()
FINE = Grain(values=1, call=8, row=1, room=64)  # loops wherever there can be any, over a row or two at a time


class Reduced(NamedTuple):
    """A reduction over the rows of a loop: what its lanes have of it, and the same reduction of that."""

    node: Node
    parts: Node
    joined: Node


@dataclass(frozen=True, slots=True)
class Block:
    """A loop over blocks of rows.

    Attributes
    ----------
    name
        What the emitted function is called.
    cut
        How the rows are cut.
    nodes
        What is computed, in order.
    inside
        Nodes of which only a block is ever kept: everything that reads them is computed in the same loop.
    views
        Nodes that share memory with their operand.
    reduced
        Reductions over the rows.
    """

    name: str
    cut: Cut
    nodes: tuple[Node, ...]
    inside: frozenset[Node]
    views: frozenset[Node]
    reduced: tuple[Reduced, ...]

    def count(self, sizes: Mapping[str, int]) -> int:
        """The number of rows of a block at these sizes."""
        return self.cut.numbers(sizes)[self.cut.rows]

    def part(self, kind: TensorType, rows: int) -> TensorType:
        """The type of so many rows of a value, if it has rows."""
        by_rows = kind.ndim and dim_key(kind.shape[0]) == dim_key(self.cut.length)
        return TensorType(kind.dtype, (rows, *kind.shape[1:])) if by_rows else kind

    def kind(self, kind: TensorType, *, by_rows: bool = True) -> TensorType:
        """The type of what each thread keeps of a value: one block of it, or, unless it goes by rows, all."""
        return TensorType(kind.dtype, (Dim.symbol(self.cut.rows), *kind.shape[1:])) if by_rows else kind


@dataclass(frozen=True, slots=True)
class Finder:
    """What must be known of a graph to find blocks in it.

    Attributes
    ----------
    idle
        Nodes that no statement computes in a call.
    writable
        Nodes that can be computed into memory which is there already.
    views
        Nodes that share memory with their operand.
    pinned
        Nodes that are needed whole: outputs, and values in arenas.
    grain
        From what on loops pay.
    """

    readers: Mapping[Node, Sequence[Node]]
    idle: Collection[Node]
    writable: Callable[[Node], bool]
    views: Collection[Node]
    pinned: Collection[Node]
    machine: Machine
    grain: Grain

    @property
    def room(self) -> int:
        """Bytes that a block may take."""
        return self.machine.l2 if self.grain.room is None else self.grain.room


def find_blocks(nodes: Sequence[Node], finder: Finder, namer: Namer) -> tuple[list[Node], list[Block]]:
    """The nodes in an order in which each block is in one piece, and the blocks."""
    waiting = list(reversed(nodes))
    order: list[Node] = []
    blocks: list[Block] = []
    while waiting:
        node = waiting.pop()
        if node in finder.idle or not _promising(node, finder):
            order.append(node)
            continue
        members, before, late, seen = _grown(node, waiting, finder)
        block = _block(members, finder, namer, len(blocks))
        if block is None:
            order.append(node)
            continue
        del waiting[len(waiting) - seen :]
        order += [*before, *block.nodes, *(each.joined for each in block.reduced)]
        waiting += reversed(late)
        blocks.append(block)
    return order, blocks


def _promising(node: Node, finder: Finder) -> bool:
    """Whether a block may begin here: rows that may be many, and long enough."""
    if len(node.types) != 1 or not node.type.ndim or not _goes_by_rows(node, node.type.shape[0], finder):
        return False
    row = product(node.type.shape[1:])
    if isinstance(node.type.shape[0], int) and isinstance(row, int):
        return node.type.shape[0] * row * node.type.dtype.itemsize * finder.grain.values > finder.room
    return node.type.ndim == 1 or not isinstance(row, int) or row >= finder.grain.row


def _grown(first: Node, waiting: Sequence[Node], finder: Finder) -> tuple[list[Node], list[Node], list[Node], int]:
    """Statements that join a block, that come before it, that wait for its end; how many were looked at."""
    length = first.type.shape[0]
    members, before, late = [first], [], []
    held: set[Node] = {first}
    read: dict[Node, bool] = {}  # whether an operand is read by rows
    _joins(first, held, read, length)
    after: set[Node] = set()
    taken = 0
    for seen in range(1, len(waiting) + 1):
        node = waiting[-seen]
        if any(source in after for source in node.inputs):
            after.add(node)
            late.append(node)
        elif (node in finder.idle or node in finder.views) and not any(source in held for source in node.inputs):
            before.append(node)
        elif _goes_by_rows(node, length, finder) and _joins(node, held, read, length):
            members.append(node)
            held.add(node)
            taken = seen
        elif _reduces_rows(node, length) and _joins(node, held, read, length):
            members.append(node)
            after.add(node)
            taken = seen
        else:
            after.add(node)
            late.append(node)
        if seen - taken > AHEAD:
            break
    looked = set(waiting[len(waiting) - taken :]) if taken else set()
    return members, [n for n in before if n in looked], [n for n in late if n in looked], taken


def _goes_by_rows(node: Node, length: DimLike, finder: Finder) -> bool:
    if len(node.types) != 1 or not node.type.ndim or dim_key(node.type.shape[0]) != dim_key(length):
        return False
    op = node.op
    if node in finder.views:
        source = node.inputs[0]
        first = source.type.ndim and dim_key(source.type.shape[0]) == dim_key(length)
        plain = isinstance(op, (ExpandDims, Squeeze)) and 0 not in op.axis
        return bool(first) and (plain or isinstance(op, Reshape))
    if not finder.writable(node) or not isinstance(op, (Elementwise, Reduction, Vecdot)):
        return False
    if isinstance(op, Reduction):
        return 0 not in op.axis and dim_key(node.inputs[0].type.shape[0]) == dim_key(length)
    return all(_by_rows(source, node, length) is not None for source in node.inputs)


def _reduces_rows(node: Node, length: DimLike) -> bool:
    """Whether a reduction over rows of the loop can be made of parts."""
    return len(node.types) == 1 and may_be_cut(node) and reads_rows(operand(node), node, length)


def reads_rows(source: Node, node: Node, length: DimLike) -> bool:
    """Whether an operation that goes by rows, or reduces them, reads an operand row by row."""
    if isinstance(node.op, (Elementwise, Vecdot)) and node.type.ndim:
        return bool(_by_rows(source, node, length))
    kind = source.types[0]
    return bool(kind.ndim) and dim_key(kind.shape[0]) == dim_key(length)


def _joins(node: Node, held: set[Node], read: dict[Node, bool], length: DimLike) -> bool:
    """Whether operands are read as others of the loop read them; of members there are only rows."""
    found: dict[Node, bool] = {}
    for source in node.inputs:
        if source.types[0].ndim:
            rows = reads_rows(source, node, length)
            if (
                found.setdefault(source, rows) != rows
                or read.get(source, rows) != rows
                or (source in held and not rows)
            ):
                return False
    read.update(found)
    return True


def _by_rows(source: Node, node: Node, length: DimLike) -> bool | None:
    """Whether an operand is read row by row, or whole; None if neither can be."""
    kind = source.types[0]
    contracted = isinstance(node.op, Vecdot)  # its operands have one axis more than its result
    if kind.ndim < node.type.ndim + contracted or not kind.ndim:
        return False
    if dim_key(kind.shape[0]) == dim_key(length):
        return True
    return False if dim_key(kind.shape[0]) == 1 else None


def _block(members: list[Node], finder: Finder, namer: Namer, number: int) -> Block | None:
    """The block of these nodes, if that is worth a loop."""
    together = set(members)
    inside: set[Node] = set()
    for node in reversed(members):
        readers = finder.readers.get(node, ())
        only = readers and all(r in together and (r in inside or r not in finder.views) for r in readers)
        if only and node not in finder.pinned and not may_be_cut(node):
            inside.add(node)
    values = [node for node in inside if node not in finder.views]
    few = not values or len(values) + sum(map(_beside, members)) < finder.grain.values
    if few or any(node in finder.views and node not in inside for node in members):
        return None
    row = _row_bytes(members, values)
    length = members[0].type.shape[0]
    room = finder.room
    least = -(-finder.grain.call // max(_nbytes(node, finder.grain) for node in values))
    views = frozenset(node for node in members if node in finder.views)
    if isinstance(row, int) and isinstance(length, int) and length <= 2 * max(least, room // row):
        return None
    name, rows, lane, lanes, threads = map(namer, (f"block_{number + 1}", "rows", "lane", "lanes", "threads"))
    reduced = tuple(_reduced(node, lanes) for node in members if may_be_cut(node))
    instead = {each.node: each.parts for each in reduced}
    nodes = tuple(instead.get(node, node) for node in members)
    much = any(not isinstance(n := each.node.type.nbytes, int) or n > MUCH for each in reduced)
    most, cores = FEW_LANES if much else LANES, finder.machine.cores if finder.machine.threads else 1
    cut = Cut(rows, lane, lanes, threads, length, least, room, row, most, cores)
    return Block(name, cut, nodes, frozenset(inside), views, reduced)


def _reduced(node: Node, lanes: str) -> Reduced:
    parts = in_lanes(node, lanes)
    return Reduced(node, parts, joined_lanes(node, parts))


def _beside(node: Node) -> int:
    """How many values an operation of several steps keeps beside its result."""
    return len(node.op.scratch([source.types[0] for source in node.inputs]))


def _nbytes(node: Node, grain: Grain) -> int:
    """Bytes of a row."""
    size = product(node.type.shape[1:])
    return max(size if isinstance(size, int) else grain.row, 1) * node.type.dtype.itemsize


def _row_bytes(members: Sequence[Node], values: Sequence[Node]) -> DimLike:
    """Bytes of a row of what is alive at the same time: the most values inside at once, and what streams by."""
    alive = dict.fromkeys(values, 0)
    for position, node in enumerate(members):
        for source in node.inputs:
            if source in alive:
                alive[source] = position
    largest: DimLike = 0
    most = now = 0
    ends: dict[int, int] = {}
    for position, node in enumerate(members):
        if node in alive:
            now += 1
            ends[alive[node]] = ends.get(alive[node], 0) + 1
            size = product(node.type.shape[1:]) * node.type.dtype.itemsize
            if not isinstance(size, int) or (isinstance(largest, int) and size > largest):  # unknown: any number
                largest = size
        most = max(most, now + _beside(node))
        now -= ends.pop(position, 0)
    return largest * (most + STREAMS) if not isinstance(largest, int) or largest else STREAMS
