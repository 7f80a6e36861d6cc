"""What each statement of a program is predicted to cost, and why it stands apart from its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tensorgraph.errors import InputError
from tensorgraph.ir.dims import DimLike, evaluate_dim, same_shape
from tensorgraph.ir.leaves import Constant, Placeholder, Variable
from tensorgraph.ir.names import symbols_of
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.elementwise import BitwiseXor, Cast, Elementwise, Multiply, Where
from tensorgraph.ops.indexing import Slice
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.ops.reduction import ArgMax, ArgMin, Reduction
from tensorgraph.ops.shape import PermuteDims
from tensorgraph.schedule.blocks import Block
from tensorgraph.schedule.cost import Cost, cost
from tensorgraph.schedule.lanes import InLanes, operation
from tensorgraph.schedule.machine import Machine
from tensorgraph.schedule.places import in_memory
from tensorgraph.schedule.program import Arena, Part, Program, Ref, Statement, Step, Update

__all__ = ["Estimate", "complete_sizes", "estimates"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statement, or a group of updates, and what is predicted of it.

    Attributes
    ----------
    name
        What the result is called in the source.
    op
        What is computed: of updates, the operations in order.
    type
        The type of the result.
    cost
        What it costs.
    why
        Whose memory it takes, or why it does not join what stands before it.
    """

    name: str
    op: str
    type: str
    cost: Cost
    why: str


def complete_sizes(program: Program, sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes of all symbols of a program.

    Raises
    ------
    InputError
        If one is missing, unknown, or no size.
    """
    symbols = symbols_of(program.graph)
    missing = [symbol for symbol in symbols if symbol not in sizes]
    if missing:
        example = ", ".join(f"{symbol}=32" for symbol in missing)
        several = "sizes" if len(missing) > 1 else "size"
        raise located(InputError(f"explain: give the {several} of {', '.join(missing)}, as in explain({example})"))
    for symbol, size in sizes.items():
        if symbol not in symbols:
            known = f"its sizes are {', '.join(symbols)}" if symbols else "all its sizes are known"
            raise located(InputError(f"explain: there is no size {symbol!r}: {known}"))
        if not isinstance(size, int) or size < 0:
            raise located(InputError(f"explain: {symbol}={size!r} is no size: give a whole number, 0 or more"))
    return {symbol: sizes[symbol] for symbol in symbols}


def estimates(program: Program, machine: Machine, sizes: Mapping[str, int], threads: int = 1) -> list[Estimate]:
    """One per statement, in order, then one per group of updates.

    Parameters
    ----------
    program
        What runs.
    machine
        Where.
    sizes
        The size of every symbol.
    threads
        Threads of matrix products.
    """
    reasons = _Reasons(program)
    sizes = program.with_rows(sizes)
    traffic = _Recency(program, sizes)
    found = []
    for statement in program.statements:
        node = statement.node
        found.append(
            Estimate(
                ", ".join(program.targets(node)),
                "copy" if statement.copied else operation(node).name,
                ", ".join(map(str, node.types)),
                _statement_cost(program, statement, machine, sizes, traffic.distance(statement), threads),
                reasons.why(statement),
            )
        )
    return [*found, *(_update_estimate(program, u, machine, sizes, traffic.total) for u in program.updates)]


def _statement_cost(
    program: Program, statement: Statement, machine: Machine, sizes: Mapping[str, int], working: int, threads: int
) -> Cost:
    node = statement.node
    kinds = [source.types[0] for source in node.inputs]
    if statement.block is not None:
        return _in_block(statement.block, node, machine, sizes)
    if statement.copied:
        return _copy(node.type, machine, sizes, working)
    if isinstance(node.op, Where) and statement.buffer is not None:
        return _chosen(node, machine, sizes, working)
    strided = [i for i, source in enumerate(node.inputs) if _across(source)]
    return cost(node.op, kinds, node.types, machine, sizes, strided=strided, working=working, threads=threads)


def _in_block(block: Block, node: Node, machine: Machine, sizes: Mapping[str, int]) -> Cost:
    """A statement that runs for one block of rows after the other, on what stays in the cache."""
    rows = block.count(sizes)
    turns = evaluate_dim(block.cut.length, sizes) / max(rows, 1)
    kinds = [block.part(source.types[0], rows) for source in node.inputs]
    op = operation(node)
    result = op.infer(*kinds) if isinstance(node.op, InLanes) else block.part(node.type, rows)
    once = cost(op, kinds, [result] if isinstance(result, TensorType) else result, machine, sizes)
    read, written = round(once.bytes_read * turns), round(once.bytes_written * turns)
    return replace(
        once, flops=round(once.flops * turns), bytes_read=read, bytes_written=written, seconds=once.seconds * turns
    )


def _copy(kind: TensorType, machine: Machine, sizes: Mapping[str, int], working: int) -> Cost:
    return replace(cost(Cast(kind.dtype), [kind], [kind], machine, sizes, working=working), flops=0)


def _chosen(node: Node, machine: Machine, sizes: Mapping[str, int], working: int) -> Cost:
    """A choice between two values: as it is emitted, arithmetic on their bits."""
    bits = np.dtype(f"i{node.type.dtype.itemsize}")
    condition, x, y = (source.types[0] for source in node.inputs)
    result, first, second = (TensorType(bits, kind.shape) for kind in (node.type, x, y))
    costs = [cost(Multiply(), [first, condition], [result], machine, sizes, working=working)]
    if len(in_memory(node)) > 1:
        costs.append(cost(BitwiseXor(), [first, second], [result], machine, sizes, working=working))
        costs.append(cost(BitwiseXor(), [result, second], [result], machine, sizes))
    longest = max(costs, key=lambda c: c.seconds)
    seconds = sum(c.seconds for c in costs)
    share = sum(c.seconds * c.share for c in costs if c.limit == longest.limit) / seconds if seconds else 0.0
    read, written = sum(c.bytes_read for c in costs), sum(c.bytes_written for c in costs)
    return Cost(sum(c.flops for c in costs), read, written, seconds, longest.limit, share)


def _across(node: Node) -> bool:
    """Whether a value is read across the grain: neighbours of its last axis do not lie side by side."""
    while node.op.view and len(node.inputs) == 1:
        op = node.op
        if isinstance(op, PermuteDims) and op.order and op.order[-1] != len(op.order) - 1:
            return True
        if isinstance(op, Slice) and op.index:
            last = op.index[-1]
            if len(op.index) == node.inputs[0].types[0].ndim and isinstance(last, slice) and last.step not in {None, 1}:
                return True
        node = node.inputs[0]
    return False


def _nbytes(kind: TensorType, sizes: Mapping[str, int]) -> int:
    size: DimLike = kind.nbytes
    return evaluate_dim(size, sizes)


class _Recency:
    """How many bytes have been touched since a statement's operands were: what decides in which cache they lie."""

    def __init__(self, program: Program, sizes: Mapping[str, int]) -> None:
        self._program = program
        self._sizes = sizes
        self._recent: dict[object, int] = {}  # memory and its bytes, the latest last
        touched: dict[object, int] = {}
        for statement in program.statements:
            touched |= self._touched(statement)
        for update in program.updates:
            touched |= {arena: arena.size * arena.dtype.itemsize for arena in (*update.state, *update.work)}
        self.total = sum(touched.values())

    def distance(self, statement: Statement) -> int:
        """Bytes touched since, on average over the bytes of the operands; then they are the latest."""
        touched = self._touched(statement)
        after: dict[object, int] = {}
        behind = 0
        for memory, size in reversed(self._recent.items()):
            behind += size
            if memory in touched:
                after[memory] = behind
                if len(after) == len(touched):
                    break
        total = sum(touched.values())
        weighed = sum(size * after.get(memory, self.total) for memory, size in touched.items())
        for memory, size in touched.items():
            self._recent.pop(memory, None)
            self._recent[memory] = size
        return weighed // total if total else 0

    def _touched(self, statement: Statement) -> dict[object, int]:
        node = statement.node
        found: dict[object, int] = {}
        for source in (node, *(() if statement.copied else node.inputs)):
            for kind in source.types:
                memory = self._memory(source)
                found[memory] = max(found.get(memory, 0), _nbytes(kind, self._sizes))
        if statement.copied and statement.buffer is not None:
            found["slot", statement.buffer.slot] = _nbytes(node.type, self._sizes)
        return found

    def _memory(self, node: Node) -> object:
        place = self._program.places.get(node)
        while place is None and node.op.view and node.inputs:
            node = node.inputs[0]
            place = self._program.places.get(node)
        return node if place is None else ("slot", place.slot)


# ---- updates


def _update_estimate(
    program: Program, update: Update, machine: Machine, sizes: Mapping[str, int], total: int
) -> Estimate:
    size, block = update.size, min(update.size, update.block)
    arenas = [*update.state, *update.work]
    arrays = [*((a.dtype, block) for a in arenas), *((b.type.dtype, block) for b in update.temps)]
    near = sum(dtype.itemsize * count for dtype, count in arrays)
    calls = -(-size // max(block, 1))
    steps = [_step_cost(update, step, machine, sizes, block, near) for step in update.steps]
    written = {step.out.number for step in update.steps if isinstance(step.out, Part) and step.out.role == "state"}
    read = sum(arena.size * arena.dtype.itemsize for arena in arenas)
    changed = sum(a.size * a.dtype.itemsize for i, a in enumerate(update.state) if i in written)
    far = machine.traffic(read + changed, max(total, near)) - machine.traffic(read + changed, near)
    seconds = calls * sum(c.seconds for c in steps) + max(far, 0.0)
    parts: dict[str, float] = {"memory": max(far, 0.0)}
    for c in steps:
        parts[c.limit] = parts.get(c.limit, 0.0) + calls * c.seconds * c.share
    limit = max(parts, key=lambda name: parts[name])
    share = parts[limit] / seconds if seconds else 0.0
    whole = Cost(calls * sum(c.flops for c in steps), read, changed, seconds, limit, share)
    operations = ", ".join(step.node.op.name if step.node else "copy" for step in update.steps)
    members = len(update.state[0].members)
    how = f"in blocks of {block}" if calls > 1 else "at once"
    why = f"{members} parameters side by side, {how}" if members > 1 else f"one parameter, {how}"
    names = ", ".join(_arena_name(program, arena) for arena in update.state)
    return Estimate(names, operations, f"{update.state[0].dtype.name}[{size}]", whole, why)


def _arena_name(program: Program, arena: Arena) -> str:
    return arena.name if len(arena.members) > 1 else program.names[arena.members[0]]


def _step_cost(update: Update, step: Step, machine: Machine, sizes: Mapping[str, int], block: int, near: int) -> Cost:
    def kind(ref: Ref) -> TensorType:
        if isinstance(ref, Node):
            return ref.types[0]
        if ref.role == "temp":
            return TensorType(update.temps[ref.number].type.dtype, (block,))
        arena = (update.state if ref.role == "state" else update.work)[ref.number]
        return TensorType(arena.dtype, (block,))

    if step.node is None:
        return _copy(kind(step.out), machine, sizes, near)
    return cost(step.node.op, [kind(ref) for ref in step.operands], [kind(step.out)], machine, sizes, working=near)


# ---- why


class _Reasons:
    """Why statements stand alone: every one is a call of NumPy; elementwise ones may take an operand's memory."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._outputs = set(program.graph.outputs)
        self._bound = set(program.bound)
        self._position = {s.node: i for i, s in enumerate(program.statements) if not s.copied}
        self._last: dict[Node, Node] = {}
        for statement in program.statements:
            for source in statement.node.inputs:
                self._last[self._owner(source)] = statement.node
        self._updated = {node for update in program.updates for arena in update.work for node in arena.members}

    def why(self, statement: Statement) -> str:
        """What keeps it apart, in a few words."""
        node = statement.node
        if statement.block is not None:
            return f"by rows in the loop of {statement.block.name}"
        if statement.copied:
            return "copied beside other values that updates read"
        if node in self._program.joint:
            return f"{len(self._program.joint[node])} values side by side, by one call"
        if node.op.view and statement.buffer is None:
            return "a view: nothing is moved" if len(node.types) == 1 else "views: nothing is moved"
        if not isinstance(node.op, Elementwise):
            return _kind(node.op)
        if statement.buffer is None:
            return "fresh memory: an output" if node in self._outputs else "gives fresh memory"
        for source in node.inputs:
            place = self._program.places.get(self._owner(source))
            if place is not None and place.slot == statement.buffer.slot and self._owner(source) is not node:
                return f"in place of {self._program.names[self._owner(source)]}"
        reasons = [reason for source in node.inputs if (reason := self._apart(node, source))]
        return "; ".join(dict.fromkeys(reasons)) or "nothing before it to join"

    def _apart(self, node: Node, source: Node) -> str:
        """Why a result does not take an operand's memory; nothing of constants."""
        owner = self._owner(source)
        name = self._program.names.get(source, "")
        if isinstance(owner.op, Constant):
            return ""
        if isinstance(owner.op, Placeholder):
            return f"{name} is an input"
        if isinstance(owner.op, Variable):
            return f"{name} is a parameter"
        if owner in self._bound:
            return f"{name} is kept between calls"
        if owner in self._outputs:
            return f"{name} is an output"
        if not same_shape(source.types[0].shape, node.type.shape):
            return f"another shape: {name} is {source.types[0]}"
        if source.types[0].dtype != node.type.dtype:
            return f"another dtype: {name} is {source.types[0]}"
        if owner in self._updated:
            return f"{name} is read by updates"
        later = self._last.get(owner)
        if later is not None and later is not node:
            return f"{name} is read again by {', '.join(self._program.targets(later))}"
        if self._program.places.get(owner) is None:
            return f"{name} is in fresh memory"
        if len(in_memory(node)) > 1 or node.op.scratch([s.types[0] for s in node.inputs]):
            return f"{name} is read again while the result is written"
        if owner is not source:
            return f"{name} is a view of {self._program.names[owner]}"
        return f"{name} is read in another order as well"

    def _owner(self, node: Node) -> Node:
        """The node whose memory a value lies in."""
        while node.op.view and node not in self._program.places and node.inputs:
            node = node.inputs[0]
        return node


def _kind(op: Op) -> str:
    if isinstance(op, Matmul):
        return "matrix product"
    if isinstance(op, (Reduction, ArgMax, ArgMin, Vecdot)):
        return "a reduction"
    return "a user's function" if isinstance(op, Custom) else "not elementwise"
