"""From graph to program: what is made beforehand, what runs in every call, and where each result is put.

Results lie in row-major order, whatever the layout of their operands: the order of a sum's terms, and with
it the last bit, follows from the layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, pairwise

from tensorgraph.ir.dims import dim_key
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.names import Namer, name_nodes, symbols_of
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.shape import ExpandDims, Reshape, Squeeze
from tensorgraph.schedule import blocks
from tensorgraph.schedule.blocks import Finder, Grain, find_blocks
from tensorgraph.schedule.footprint import Footprint, nbytes, temporaries
from tensorgraph.schedule.lanes import InLanes
from tensorgraph.schedule.machine import Machine
from tensorgraph.schedule.memory import EXAMPLE, Pool
from tensorgraph.schedule.order import Work, orders, worth
from tensorgraph.schedule.places import (
    contiguous_nodes,
    fixed_nodes,
    in_memory,
    is_filled,
    is_view,
    may_overwrite,
    memory_roots,
    row_major_nodes,
)
from tensorgraph.schedule.program import Arena, Buffer, Program, Statement, Update
from tensorgraph.schedule.sides import Sides, find_sides
from tensorgraph.schedule.updates import Pattern, find_updates

__all__ = ["MODULE_NAMES", "RESERVED", "TEAM_NAMES", "plan"]

# What emitted and saved modules call their own parts: what stands in the module, and what in its functions.
TEAM_NAMES = ("POOL", "blas_of_one_thread", "enlisted", "pull", "serve", "share", "together")
MODULE_NAMES = (
    *TEAM_NAMES, "Path", "ROWS", "SPACES", "STATE", "THREADS", "arranged", "borrow", "call", "carve", "checked",
    "compute", "deque", "give_back", "held", "init_state", "load", "load_state", "operator", "os", "partial",
    "refuse_nan", "save", "save_state", "tick", "watch", "workspace", "zipfile",
)  # fmt: skip
LOCAL_NAMES = (
    "arrays", "first", "memory", "outputs", "own", "part", "path", "piece", "pieces", "spaces", "start", "state",
    "stop", "thread", "update",
)  # fmt: skip
RESERVED = (*MODULE_NAMES, *LOCAL_NAMES)
SMALL = 1024  # bytes: less is not worth a line that frees it
BLOCK = 4096  # elements: fewer at a time are not worth the calls


def plan(
    graph: Graph, machine: Machine = Machine.reference, *, apart: bool = False, grain: Grain | None = None
) -> Program:
    """Order the statements and give each result its memory: in the graph's own order, unless another needs less.

    Parameters
    ----------
    graph
        What to compute.
    machine
        What costs are reckoned for.
    apart
        Let no call compute several values side by side.
    grain
        From what on loops over blocks of rows pay, where that is not what was measured.
    """
    facts = _Facts(graph, machine, apart, grain or blocks.GRAIN)
    program = _Placement(facts, graph.nodes).program()
    for order in islice(orders(facts.work()), 1):
        other = _Placement(facts, [graph.nodes[i] for i in order]).program()
        sizes = dict.fromkeys(facts.symbols, EXAMPLE)
        if worth(Footprint(program).peak(**sizes), Footprint(other).peak(**sizes)):
            program = other
    return program


class _Facts:
    """The decisions about one graph that do not depend on the order of its statements, each taken once."""

    def __init__(self, graph: Graph, machine: Machine, apart: bool, grain: Grain) -> None:
        self.graph = graph
        self.machine = machine
        self.apart = apart
        self.grain = grain
        self.names = name_nodes(graph, reserved=RESERVED)
        self.symbols = symbols_of(graph)
        self.taken = [*self.names.values(), *self.symbols, *RESERVED]
        self.ways = {node: in_memory(node) for node in graph.nodes}
        self.fixed = fixed_nodes(graph)
        self.contiguous = contiguous_nodes(graph)
        self.views = {n for n in graph.nodes if len(n.types) == 1 and n.op.view and is_view(n, self.contiguous)}
        self.kept = set(graph.outputs)
        self.updates = find_updates(graph, self.fixed, Namer(self.taken))
        self.taken += [arena.name for pattern in self.updates.patterns for arena in (*pattern.state, *pattern.work)]
        self.direct, self.copies = self._wanted()
        self.buffered = self._buffered()
        self.roots = memory_roots(graph, self.buffered)
        self.ordered = row_major_nodes(graph, self.buffered, self.fixed)

    def _buffered(self) -> set[Node]:
        """Nodes whose value is put into memory of the workspace."""
        no = self.kept | self.views | self.fixed | self.updates.inside
        return {node for node in self.graph.nodes if node in self.direct or (self.ways[node] and node not in no)}

    def _wanted(self) -> tuple[dict[Node, tuple[Arena, int]], dict[Node, list[tuple[Arena, int]]]]:
        """Which nodes are computed into an arena, and which are copied there."""
        direct: dict[Node, tuple[Arena, int]] = {}
        copies: dict[Node, list[tuple[Arena, int]]] = {}
        for pattern in self.updates.patterns:
            for arena in pattern.work:
                for i, node in enumerate(arena.members):
                    source = self._source(node)
                    if source is None or source in direct:
                        copies.setdefault(node, []).append((arena, i))
                    else:
                        direct[source] = arena, i
        return direct, copies

    def _source(self, node: Node) -> Node | None:
        """The node that fills a value's memory: itself, or what it is a view of in the same order."""
        while isinstance(node.op, (Reshape, ExpandDims, Squeeze)) and node in self.views:
            node = node.inputs[0]
            if node in self.kept:
                return None
        ready = self.ways[node] and node not in self.fixed and node not in self.updates.inside
        return node if ready else None

    def finder(self) -> Finder:
        """What blocks are found by."""
        readers: dict[Node, list[Node]] = {}
        for node in self.graph.nodes:
            for source in node.inputs:
                readers.setdefault(source, []).append(node)
        given = {node for node in self.graph.nodes if node.op.leaf}
        idle = given | self.fixed | self.updates.inside | {n for n in self.graph.nodes if isinstance(n.op, Pick)}
        pinned = self.kept | set(self.direct) | set(self.copies)
        return Finder(readers, idle, self._by_rows, self.views, pinned, self.machine, self.grain)

    def _by_rows(self, node: Node) -> bool:
        """Whether it can be computed into a part of its memory, with scratch memory of as many rows."""
        kinds = node.op.scratch([source.types[0] for source in node.inputs]) if self.ways[node] else ()
        rows = dim_key(node.type.shape[0])
        return bool(self.ways[node]) and all(k.ndim and dim_key(k.shape[0]) == rows for k in kinds)

    def wishes(self, pattern: Pattern) -> list[str]:
        """What to call values computed for variables: by those."""
        return [f"d_{self.names[variable]}" for variable in pattern.state[0].members]

    def owners(self, node: Node) -> set[Node]:
        """Nodes in whose memory its value may lie."""
        own = isinstance(node.op, Custom) or not (node.op.view or node.op.leaf)
        return {node, *self.roots[node]} if own else set(self.roots[node])

    def work(self) -> Work:
        """What an order is chosen by, at example sizes."""
        nodes = self.graph.nodes
        number = {node: i for i, node in enumerate(nodes)}
        sizes = dict.fromkeys(self.symbols, EXAMPLE)
        idle = {n for n in nodes if n.op.leaf or n in self.fixed or n in self.updates.inside}
        owners = [[number[o] for o in self.owners(n) if o not in idle] for n in nodes]
        reads = [sorted({o for source in n.inputs for o in owners[number[source]]}) for n in nodes]
        last = [*self.graph.outputs, *(value for _, value in self.graph.updates)]
        last += [source for node in self.updates.inside for source in node.inputs]
        after = [sorted({number[source] for source in n.inputs}) for n in nodes]
        customs = [i for i, n in enumerate(nodes) if isinstance(n.op, Custom)]
        for before, i in pairwise(customs):  # users' functions may do more than compute
            after[i].append(before)
        return Work(
            after, [[] if n in idle else r for n, r in zip(nodes, reads, strict=True)],
            [sum(nbytes(t, sizes) for t in n.types) if i in owners[i] else 0 for i, n in enumerate(nodes)],
            [0 if n in idle else self._beside(n, sizes) for n in nodes],
            [n in self.buffered for n in nodes],
            [n in self.buffered and isinstance(n.op, Elementwise) for n in nodes],
            frozenset(o for n in last for o in owners[number[n]]),
        )  # fmt: skip

    def _beside(self, node: Node, sizes: Mapping[str, int]) -> int:
        scratch = node.op.scratch([source.types[0] for source in node.inputs]) if self.ways[node] else ()
        return sum(nbytes(t, sizes) for t in scratch) + temporaries(node, sizes)


class _Placement:
    """The memory of each result, for one order of the statements."""

    def __init__(self, facts: _Facts, nodes: Sequence[Node]) -> None:
        self.facts = facts
        self.graph = facts.graph
        self.updates = facts.updates
        namer = Namer(facts.taken)
        finder = facts.finder()
        found, self.blocks = find_blocks(nodes, finder, namer)
        self.block = {node: block for block in self.blocks for node in block.nodes}
        self.reduced = [each for block in self.blocks for each in block.reduced]
        self.joins = {each.joined: each.node for each in self.reduced}
        self.sides = self._sides(found, finder.readers)
        self.nodes = self.sides.nodes
        self.rows = {side.row: side for side in self.sides.of.values()}
        self.names = dict(facts.names)
        self.roots = {node: frozenset(map(self._memory, roots)) for node, roots in facts.roots.items()}
        for node, parts, joined in self.reduced:
            self.names.update({parts: namer(f"{facts.names[node]}_lanes"), joined: facts.names[node]})
            self.roots[parts] = frozenset([parts])
        self.roots.update({row: frozenset([row]) for row in self.rows})
        self.pool = Pool(facts.symbols, namer)
        example = dict.fromkeys(facts.symbols, EXAMPLE)
        for block in self.blocks:
            self.pool.know(block.cut.numbers(example))
        self.places: dict[Node, Buffer] = {}
        self.bound: list[Node] = []
        given = set(facts.graph.inputs)
        self.lasting: set[Node] = {n for n in nodes if n.op.leaf and n not in given}

    def program(self) -> Program:
        """The program in this order."""
        facts = self.facts
        last = self._last_reads()
        freed = self._freed()
        statements: list[Statement] = []
        deaths: dict[int, list[Node]] = {}
        made: dict[Arena, list[Buffer]] = {}
        wishes = {arena: facts.wishes(pattern) for pattern in self.updates.patterns for arena in pattern.work}
        types = {place: node.type for node, place in facts.direct.items()}

        def part(arena: Arena, member: int) -> Buffer:
            if arena not in made:
                kinds = [types.get((arena, i), node.type) for i, node in enumerate(arena.members)]
                made[arena] = self.pool.arena(arena, wishes[arena], kinds)
            return made[arena][member]

        for position, node in enumerate(self.nodes):
            value = self.joins.get(node, node)
            if self._runs(node):
                buffer: Buffer | None = None
                if value in facts.direct:
                    buffer = part(*facts.direct[value])
                elif value in self.sides.of:
                    buffer = self._part(value, last, deaths)
                elif value in facts.buffered or isinstance(node.op, InLanes) or node in self.sides.joint:
                    ready = self._written_over(node, deaths.get(position, ()))
                    before = [self.places[source] for source in ready]
                    for source, old in zip(ready, before, strict=True):
                        deaths[position].remove(source)
                        self.pool.free(old)
                    buffer = self.pool.take(self._kind(node), before, own=self._inside(node))
                    deaths.setdefault(last[value], []).append(value)
                if buffer is not None:
                    self._put(node, value, buffer)
                filled = buffer is None and node not in self.block and is_filled(node, self._ways(node))
                scratch = self._scratch(node) if buffer is not None or filled or node in self.block else ()
                rowwise = filled or node in self.block or value in facts.ordered or node.op.view
                reordered = buffer is None and not rowwise and len(node.types) == 1
                ended = tuple(freed.get(position, ()))
                statements.append(Statement(node, buffer, scratch, False, reordered, ended, self.block.get(node)))
            statements += [Statement(value, part(*place), copied=True) for place in facts.copies.get(value, ())]
            for source in deaths.pop(position, ()):
                self.pool.free(self.places[source])
        updates = [self._update(pattern, made) for pattern in self.updates.patterns]
        return Program(
            self.graph, self.names, tuple(self.bound), tuple(statements), tuple(updates), tuple(self.pool.buffers),
            self.pool.slots, self.pool.own, self.places, _picks(self.graph), self._copied(), facts.machine,
            tuple(self.blocks), {row: side.members for row, side in self.sides.joint.items()},
        )  # fmt: skip

    def _sides(self, nodes: list[Node], readers: Mapping[Node, Sequence[Node]]) -> Sides:
        """What one call computes side by side."""
        facts = self.facts
        no = {*facts.direct, *facts.copies, *facts.kept, *self.block, *(each.node for each in self.reduced)}
        if facts.apart:
            return Sides(nodes)
        sizes = dict.fromkeys(facts.symbols, EXAMPLE)
        return find_sides(nodes, lambda node: node in facts.buffered and node not in no, readers, sizes)

    def _memory(self, node: Node) -> Node:
        """The node by whose memory a value's is told."""
        return self.sides.of[node].row if node in self.sides.of else node

    def _part(self, value: Node, last: Mapping[Node, int], deaths: dict[int, list[Node]]) -> Buffer:
        """The part of a row in which a value lies; the row is made for the first of them."""
        side = self.sides.of[value]
        if side.row not in self.places:
            self._put(side.row, side.row, self.pool.take(side.row.type))
            deaths.setdefault(last[side.row], []).append(side.row)
        return self.places[value]

    def _put(self, node: Node, value: Node, buffer: Buffer) -> None:
        """Note where a value lies, and, of values side by side, where each does."""
        self.places[node] = self.places[value] = buffer
        self.lasting |= {node, value}
        side = self.rows.get(node)
        if side is not None:
            parts = self.pool.parts(buffer, [member.type for member in side.members], side.offsets())
            self.places.update(zip(side.members, parts, strict=True))
            self.lasting.update(side.members)
            self.names[node] = buffer.name
            if node in self.sides.joint:  # no statement gives these another name
                self.names.update({m: part.name for m, part in zip(side.members, parts, strict=True)})

    def _runs(self, node: Node) -> bool:
        """Whether a statement computes it in every call; what is bound instead is noted."""
        if node.op.leaf or isinstance(node.op, Pick) or node in self.updates.inside:
            return False
        view = node in self.facts.views and node.inputs[0] in self.lasting and not self._inside(node)
        if not view and node not in self.facts.fixed:
            return True
        self.bound.append(node)
        self.lasting.add(node)
        return False

    def _inside(self, node: Node) -> bool:
        """Whether only a block of the value is ever kept."""
        return node in self.block and node in self.block[node].inside

    def _ways(self, node: Node) -> tuple[str, ...]:
        """The statements that put a value into memory which is there already."""
        return self.facts.ways[node] if node in self.facts.ways else in_memory(node)

    def _kind(self, node: Node) -> TensorType:
        """The type of what is kept of a value."""
        return self.block[node].kind(node.type) if self._inside(node) else node.type

    def _scratch(self, node: Node) -> tuple[Buffer, ...]:
        kinds = node.op.scratch([source.type for source in node.inputs])
        if block := self.block.get(node):
            kinds = tuple(block.kind(kind, by_rows=not isinstance(node.op, InLanes)) for kind in kinds)
        taken = [self.pool.take(kind, own=node in self.block) for kind in kinds]
        for buffer in taken:
            self.pool.free(buffer)
        return tuple(taken)

    def _last_reads(self) -> dict[Node, int]:
        """The position of the statement after which the memory of each node is not read any more."""
        last: dict[Node, int] = {}
        ends = self._ends()
        for position, node in enumerate(self.nodes):
            value = self.joins.get(node, node)
            last.setdefault(value, ends.get(node, position) if not self._inside(node) else position)
            end = len(self.nodes) if node in self.updates.inside else position
            for source in node.inputs:
                for root in self.roots[source]:
                    # a loop reads what comes from outside again in its next turn
                    read = end if self._inside(root) else max(end, ends.get(node, 0))
                    last[root] = max(read, last.get(root, 0))
        for node in (*self.graph.outputs, *(value for _, value in self.graph.updates)):
            for root in self.roots[node]:
                last[root] = len(self.nodes)
        return last

    def _written_over(self, node: Node, dying: Iterable[Node]) -> list[Node]:
        """Operands that die in an elementwise operation, so that their memory may take its result."""
        allowed = may_overwrite(node, self._ways(node))
        if not allowed:
            return []
        possible = [node.inputs[k] for k in allowed]
        kind = self._kind(node)
        ready = [source for source in dying if source in possible and self._kind(source) == kind]
        if len(allowed) < len(node.inputs):  # read again after the result's memory has been written
            again = [source for k, source in enumerate(node.inputs) if k not in allowed]
            ready = [source for source in ready if source not in again]
        others = [source for source in node.inputs if source not in ready]
        # a view of the same memory, read in another order, would be overwritten while it is read
        return [source for source in ready if not any(source in self.roots[other] for other in others)]

    def _freed(self) -> dict[int, list[Node]]:
        """By position: values in fresh memory that are read for the last time there, if that is worth saying."""
        fresh: set[Node] = set()
        last: dict[Node, int] = {}
        ends = self._ends()
        parts = {*(each.parts for each in self.reduced), *self.sides.joint}
        for position, node in enumerate(self.nodes):
            if node.op.leaf or node in self.facts.fixed or node in self.updates.inside:
                continue
            value = self.joins.get(node, node)
            own = value not in self.facts.views and value not in self.facts.buffered and node not in parts
            if own or any(source in fresh for source in node.inputs if node.op.view):
                fresh.add(value)
            for source in node.inputs:
                last[source] = ends.get(node, position)
        kept = {*self.facts.kept, *(node for p in self.updates.patterns for arena in p.work for node in arena.members)}
        end = len(self.nodes) - 1
        freed: dict[int, list[Node]] = {}
        for node, position in last.items():
            if node in fresh and node not in kept and position < end and _worth_freeing(node):
                freed.setdefault(position, []).append(node)
        return freed

    def _ends(self) -> dict[Node, int]:
        """For nodes in a loop, the position of its last one."""
        position = {node: i for i, node in enumerate(self.nodes)}
        return {node: position[block.nodes[-1]] for node, block in self.block.items()}

    def _update(self, pattern: Pattern, made: Mapping[Arena, list[Buffer]]) -> Update:
        block = self._block(pattern)
        size = min(pattern.state[0].size, block)
        temps = tuple(self.pool.take(TensorType(node.type.dtype, (size,))) for node in pattern.temps)
        for buffer in temps:
            self.pool.free(buffer)  # the updates take turns
        return Update(pattern.state, pattern.work, temps, pattern.steps, block)

    def _block(self, pattern: Pattern) -> int:
        """Elements at a time, a power of two: what is read and written again stays in half of the second cache."""
        rows = [*(arena.dtype for arena in (*pattern.state, *pattern.work)), *(n.type.dtype for n in pattern.temps)]
        room = self.facts.machine.l2 // 2 // sum(dtype.itemsize for dtype in rows)
        return max(1 << (room.bit_length() - 1) if room else 0, BLOCK)

    def _copied(self) -> frozenset[Node]:
        """Outputs whose memory belongs to something else."""
        copied: set[Node] = set()
        seen: set[Node] = set()
        for node in self.graph.outputs:
            shared = node.op.leaf or node.op.view or isinstance(node.op, Custom) or node in self.lasting
            if shared or node in seen:
                copied.add(node)
            seen.add(node)
        return frozenset(copied)


def _picks(graph: Graph) -> dict[Node, dict[int, Node]]:
    picks: dict[Node, dict[int, Node]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Pick):
            picks.setdefault(node.inputs[0], {})[node.op.index] = node
    return picks


def _worth_freeing(node: Node) -> bool:
    if len(node.types) != 1 or node.type.ndim == 0:
        return False
    size = node.type.nbytes
    return not isinstance(size, int) or size > SMALL
