"""Updates of state: which variables are written by the same steps, so that they may lie side by side.

The elementwise operations that only lead to next values end a step: nothing after them can fail, so they run all
at once. What they take beside the variables, such as gradients, is computed before. Variables whose updates are
the same operations on the same scalars form one `Update` over arenas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tensorgraph.ir.dims import same_shape
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Variable
from tensorgraph.ir.names import Namer, is_literal
from tensorgraph.ir.node import Effect, Node
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.shape import ExpandDims, Reshape, Squeeze
from tensorgraph.schedule.places import in_memory
from tensorgraph.schedule.program import Arena, Part, Ref, Step

__all__ = ["Pattern", "Updates", "find_updates"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What `Update` is without memory: for each temporary a node that says its dtype."""

    state: tuple[Arena, ...]
    work: tuple[Arena, ...]
    temps: tuple[Node, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Updates:
    """All updates, and the nodes that they compute."""

    patterns: tuple[Pattern, ...]
    inside: frozenset[Node]


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Updates that must be made together: they share operations, or one reads the other's variable."""

    state: list[Node]
    work: list[Node]
    temps: list[Node]
    steps: list[Step]

    def key(self, outputs: set[Node]) -> object:
        """Equal where the same steps serve both."""
        roles = [node.type.dtype for node in (*self.state, *self.work)]
        kept = [node in outputs for node in self.work]
        steps = [(s.node.op.key() if s.node else None, s.operands, s.out) for s in self.steps]
        return len(self.state), tuple(roles), tuple(kept), tuple(steps)


def find_updates(graph: Graph, fixed: set[Node], namer: Namer) -> Updates:
    """Group the updates of a graph."""
    inside = _inside(graph, fixed)
    groups: dict[object, list[_Bundle]] = {}
    outputs = set(graph.outputs)
    for updates in _together(graph, inside):
        bundle = _bundle(updates, inside, outputs)
        groups.setdefault(bundle.key(outputs), []).append(bundle)
    patterns = []
    for group in groups.values():
        first = group[0]
        state = [_arena([b.state[i] for b in group], True, namer) for i in range(len(first.state))]
        work = [_arena([b.work[i] for b in group], False, namer) for i in range(len(first.work))]
        patterns.append(Pattern(tuple(state), tuple(work), tuple(first.temps), tuple(first.steps)))
    return Updates(tuple(patterns), frozenset(inside))


def _arena(members: list[Node], state: bool, namer: Namer) -> Arena:
    return Arena(namer(_wish(members, state)), members[0].type.dtype, tuple(members), state)


def _wish(members: list[Node], state: bool) -> str:
    """What to call arrays side by side: by what the first of them is, if it is alone or all of them are."""
    ops = [node.op for node in members]
    if state:
        labels = [op.label for op in ops if isinstance(op, Variable)]
        if len(labels) == 1:
            return f"{labels[0]}_flat"
        endings = {label.rpartition(".")[2] for label in labels}
        trained = all(isinstance(op, Variable) and op.storage.trainable for op in ops)
        return "parameters" if trained else f"{endings.pop()}_all" if len(endings) == 1 else "states"
    return "gradients" if all(node.primal is not None for node in members) else "values"


# ---- what belongs to updates


def _inside(graph: Graph, fixed: set[Node]) -> set[Node]:
    """Operations that lead to next values of variables and nowhere else, element by element."""
    readers: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        for source in node.inputs:
            readers.setdefault(source, []).append(node)
    following = {value for _, value in graph.updates}
    updated = {variable for variable, _ in graph.updates}
    outputs = set(graph.outputs)
    ready = _ready(graph, fixed, updated)
    found: set[Node] = set()
    for node in reversed(graph.nodes):
        if node in outputs or node in fixed or not isinstance(node.op, Elementwise) or node.op.leaf:
            continue
        users = readers.get(node, [])
        if not (node in following or users) or not all(user in found for user in users):
            continue
        if users and any(not same_shape(node.type.shape, user.type.shape) for user in users):
            continue
        if _fits(node, ready) and _uninterrupted(node):
            found.add(node)
    return found


def _uninterrupted(node: Node) -> bool:
    """Whether NumPy computes it without running Python: only then no signal is handled in between."""
    ways = in_memory(node)
    functions = [text.partition("(")[0].removeprefix("np.") for text in ways if "[...] = " not in text]
    plain = all(isinstance(getattr(np, name, None), np.ufunc) for name in functions)
    return bool(ways) and plain and not node.op.scratch([source.type for source in node.inputs])


def _ready(graph: Graph, fixed: set[Node], updated: set[Node]) -> set[Node]:
    """Scalars whose memory is there before a call, and holds them until all updates are made."""
    outputs = set(graph.outputs)
    found: set[Node] = set()
    for node in graph.nodes:
        if len(node.types) != 1 or node.type.ndim or node in updated:
            continue
        origin = _origin(node)
        made = not origin.op.view and origin not in outputs and bool(in_memory(origin))
        if made or node in fixed or isinstance(node.op, (Variable, Constant)):
            found.add(node)
    return found


def _origin(node: Node) -> Node:
    """What a value is the same elements of."""
    while isinstance(node.op, (Reshape, ExpandDims, Squeeze)):
        node = node.inputs[0]
    return node


def _fits(node: Node, ready: set[Node]) -> bool:
    """Whether every operand is a scalar that stays, or has an element for each of the result's."""
    if node.type.symbolic:
        return False
    return all(same_shape(s.type.shape, node.type.shape) or s in ready for s in node.inputs)


def _together(graph: Graph, inside: set[Node]) -> list[list[Effect]]:
    """Updates in groups that share operations or read each other's variables."""
    owner: dict[Node, int] = {}
    parent = list(range(len(graph.updates)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    position = {variable: i for i, (variable, _) in enumerate(graph.updates)}
    for i, (_, value) in enumerate(graph.updates):
        waiting = [value] if value in inside else []
        while waiting:
            node = waiting.pop()
            other = owner.setdefault(node, i)
            parent[find(i)] = find(other)
            if other != i:
                continue
            for source in node.inputs:
                if source in inside and owner.get(source) != i:
                    waiting.append(source)
                elif source in position:
                    parent[find(i)] = find(position[source])
    groups: dict[int, list[Effect]] = {}
    for i, pair in enumerate(graph.updates):
        groups.setdefault(find(i), []).append(pair)
    return list(groups.values())


# ---- the steps of one bundle


def _bundle(updates: list[Effect], inside: set[Node], outputs: set[Node]) -> _Bundle:
    variables = [variable for variable, _ in updates]
    written = {variable: i for i, variable in enumerate(variables)}
    work: list[Node] = []
    taken: dict[Node, int] = {}
    order = _ordered(updates, inside)
    scalar = not variables[0].type.ndim

    def outer(node: Node) -> Ref:
        """An operand that is not computed here."""
        if node in written:
            return Part("state", written[node])
        if is_literal(node) or (not node.type.ndim and not scalar):
            return node
        if node not in taken:
            taken[node] = len(work)
            work.append(node)
        return Part("work", taken[node])

    def end(variable: Node, value: Node) -> Ref:
        """A next value. Another variable's must be copied before that is written itself."""
        if value in written and value is not variable:
            work.append(value)
            return Part("work", len(work) - 1)
        return value if value in inside else outer(value)

    reads = {node: [source if source in inside else outer(source) for source in node.inputs] for node in order}
    ends = [end(*pair) for pair in updates]

    def may_overwrite(number: int, node: Node) -> bool:
        return work[number] not in outputs and work[number].type.dtype == node.type.dtype

    writer = _Writer(order, reads, ends, may_overwrite)
    steps = writer.steps()
    return _Bundle(variables, work, writer.temps, steps)


def _ordered(updates: list[Effect], inside: set[Node]) -> list[Node]:
    """The operations inside, operands first."""
    done: set[Node] = set()
    order: list[Node] = []
    for _, value in updates:
        stack = [value] if value in inside else []
        while stack:
            node = stack[-1]
            waiting = [source for source in node.inputs if source in inside and source not in done]
            if node in done:
                stack.pop()
            elif waiting:
                stack.extend(reversed(waiting))
            else:
                done.add(node)
                order.append(node)
                stack.pop()
    return order


class _Writer:
    """Gives each operation of a bundle a place to write: its variable, memory not needed any more, or a new one."""

    def __init__(
        self,
        order: list[Node],
        reads: Mapping[Node, list[Ref]],
        ends: list[Ref],
        may_overwrite: Callable[[int, Node], bool],
    ) -> None:
        self.temps: list[Node] = []
        self._order = order
        self._reads = reads
        self._ends = ends
        self._ending = {end: number for number, end in reversed(list(enumerate(ends)))}
        self._may_overwrite = may_overwrite
        self._last: dict[Ref, int] = {}
        for i, node in enumerate(order):
            self._last.update(dict.fromkeys(reads[node], i))
        self._free: list[int] = []

    def steps(self) -> list[Step]:
        """The operations in order, then the copies that are left."""
        places: dict[Ref, Ref] = {}
        steps: list[Step] = []
        for i, node in enumerate(self._order):
            operands = tuple(places.get(source, source) for source in self._reads[node])
            places[node] = out = self._place(i, node, operands)
            steps.append(Step(node, operands, out))
            for source, place in zip(self._reads[node], operands, strict=True):
                ended = place != out and self._dies(source, i)
                if isinstance(place, Part) and place.role == "temp" and ended and place.number not in self._free:
                    self._free.append(place.number)
        copies = []
        for number, end in enumerate(self._ends):
            source = places.get(end, end)
            if source != Part("state", number):
                copies.append(Step(None, (source,), Part("state", number)))
        return [*steps, *copies]

    def _dies(self, source: Ref, i: int) -> bool:
        """Whether it is read for the last time by operation i."""
        return self._last.get(source, -1) <= i and source not in self._ending

    def _place(self, i: int, node: Node, operands: tuple[Ref, ...]) -> Ref:
        if node in self._ending:
            target = Part("state", self._ending[node])
            if self._last.get(target, -1) <= i and self._alone(node, operands, target):
                return target
        for k, (source, place) in enumerate(zip(self._reads[node], operands, strict=True)):
            if self._overwrites(node, k) and self._dies(source, i) and self._writable(place, node):
                others = [p for j, p in enumerate(operands) if j != k]
                if place not in others or len(in_memory(node)) == 1:
                    return place
        for number in self._free:
            if self.temps[number].type.dtype == node.type.dtype:
                self._free.remove(number)
                return Part("temp", number)
        self.temps.append(node)
        return Part("temp", len(self.temps) - 1)

    def _alone(self, node: Node, operands: tuple[Ref, ...], target: Ref) -> bool:
        """Whether the target may be written although it may be read: by an operand that statements allow."""
        return all(place != target or self._overwrites(node, k) for k, place in enumerate(operands))

    @staticmethod
    def _overwrites(node: Node, k: int) -> bool:
        return len(in_memory(node)) == 1 or k in node.op.overwrites

    def _writable(self, place: Ref, node: Node) -> bool:
        if not isinstance(place, Part):
            return False
        if place.role == "temp":
            return self.temps[place.number].type.dtype == node.type.dtype
        return place.role == "work" and self._may_overwrite(place.number, node)
