"""`Node`: one operation applied to nodes, an immutable value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tensorgraph.errors import TensorGraphError
from tensorgraph.ir.op import Op
from tensorgraph.ir.provenance import Location, Site, current_context, find_site, locate, located
from tensorgraph.ir.types import TensorType

__all__ = ["Effect", "Node", "Pick", "Result", "substitute", "topological"]

# What a node depends on, as bits united over its inputs.
SYMBOLIC = 1  # a placeholder, or a size not known yet
VARIABLE = 2  # a parameter, whose value may change
TRACED = 4  # a derivative is being taken through it, so its history must stay


class Node:
    """An operation applied to inputs; its types are inferred, and checked, when it is made.

    Parameters
    ----------
    op
        What is computed.
    *inputs
        Nodes with one result each.

    Attributes
    ----------
    types
        One `TensorType` per result.
    scope
        Path of the layer it was recorded in: ``encoder/conv1``.
    primal
        In a derivative, the forward node whose rule made this one.
    effects
        Pairs of a variable and its next value, which whoever compiles this node must commit.

    Raises
    ------
    TensorGraphError
        If the op refuses the operand types; the message names the user's line.
    """

    __slots__ = (
        "__weakref__", "depth", "effects", "flags", "inputs", "memo", "op", "primal", "scope", "site", "types",
    )  # fmt: skip

    op: Op
    inputs: tuple[Node, ...]
    types: tuple[TensorType, ...]
    scope: str
    primal: Node | None
    effects: tuple[Effect, ...]
    site: Site
    flags: int
    depth: int
    memo: Any

    def __init__(self, op: Op, *inputs: Node) -> None:
        try:
            found = op.infer(*[node.types[0] for node in inputs])
        except TensorGraphError as error:
            raise _explained(error, op, inputs) from None
        scope, primal, site = current_context()
        _fill(self, op, inputs, found if type(found) is tuple else (found,), scope, primal, site or find_site(), ())  # type: ignore[arg-type]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Node does not change: cannot set {name!r}")

    @property
    def type(self) -> TensorType:
        """The type of the only result."""
        if len(self.types) != 1:
            raise TypeError(f"{self.op.name} has {len(self.types)} results: pick one with Result(node, i)")
        return self.types[0]

    @property
    def location(self) -> Location | None:
        """The user's file and line, and the variable assigned there."""
        return locate(self.site)

    @property
    def concrete(self) -> bool:
        """Whether it can be computed now: no placeholder and no symbolic size below it."""
        return not self.flags & SYMBOLIC

    def with_inputs(self, inputs: Sequence[Node], new: Mapping[Node, Node] | None = None) -> Node:
        """The same operation, with the same provenance, on other inputs; `new` says what stands for its primal."""
        primal = new.get(self.primal, self.primal) if new and self.primal else self.primal
        return _remake(self, tuple(inputs), self.effects, primal)

    def with_effects(self, effects: Iterable[Effect]) -> Node:
        """The same node, recording these state updates as well."""
        return _remake(self, self.inputs, (*self.effects, *effects), self.primal)

    def without_effects(self) -> Node:
        """The same node, recording no state updates."""
        return _remake(self, self.inputs, (), self.primal) if self.effects else self

    def remember(self, value: Any) -> None:
        """Keep the value of a concrete node, so that it is computed once."""
        _set_memo(self, value)

    def __repr__(self) -> str:
        return f"<{self.op!r}: {', '.join(map(str, self.types))}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.inputs and self.primal is None and not self.effects:
            return _leaf, (self.op, self.types, self.scope, self.location)
        return _first, (flatten([self]),)


Effect: TypeAlias = "tuple[Node, Node]"


@dataclass(frozen=True, eq=False, repr=False)
class Pick(Op):
    """One of several results."""

    index: int
    numpy = "{0}[{index}]"
    view = True

    def axes(self, *types: TensorType) -> str:
        """The axes pass through."""
        return "... -> ..."


class Result(Node):
    """Result `index` of a node that has several.

    Parameters
    ----------
    node
        A node with several results.
    index
        Which one.
    """

    __slots__ = ()

    def __init__(self, node: Node, index: int) -> None:
        _fill(self, Pick(index), (node,), (node.types[index],), node.scope, node.primal, node.site, ())


_slots = {name: getattr(Node, name).__set__ for name in Node.__slots__ if name != "__weakref__"}
_set_op, _set_inputs, _set_types = _slots["op"], _slots["inputs"], _slots["types"]
_set_scope, _set_primal, _set_effects = _slots["scope"], _slots["primal"], _slots["effects"]
_set_site, _set_flags, _set_depth, _set_memo = _slots["site"], _slots["flags"], _slots["depth"], _slots["memo"]


def _fill(
    node: Node, op: Op, inputs: tuple[Node, ...], types: tuple[TensorType, ...], scope: str,
    primal: Node | None, site: Site, effects: tuple[Effect, ...],
) -> None:  # fmt: skip
    flags: int = op.flags
    depth = 0
    for i in inputs:
        flags |= i.flags
        depth = max(depth, i.depth)
    _set_op(node, op)
    _set_inputs(node, inputs)
    _set_types(node, types)
    _set_scope(node, scope)
    _set_primal(node, primal)
    _set_site(node, site)
    _set_effects(node, effects)
    _set_flags(node, flags)
    _set_depth(node, depth + 1)
    _set_memo(node, None)


def _remake(like: Node, inputs: tuple[Node, ...], effects: tuple[Effect, ...], primal: Node | None) -> Node:
    types: tuple[TensorType, ...]
    if isinstance(like.op, Pick):
        types = (inputs[0].types[like.op.index],)
    elif all(a is b or a.types == b.types for a, b in zip(inputs, like.inputs, strict=True)):
        types = like.types
    else:
        found = like.op.infer(*[node.types[0] for node in inputs])
        types = found if isinstance(found, tuple) else (found,)
    node = object.__new__(type(like))
    _fill(node, like.op, inputs, types, like.scope, primal, like.site, effects)
    return node


def _explained(error: TensorGraphError, op: Op, inputs: tuple[Node, ...]) -> TensorGraphError:
    """``add: float64[3, 4] and float64[5] do not broadcast: … (model.py:12, in conv1)``."""
    operands = " and ".join(str(node.types[0]) for node in inputs)
    return located(type(error)(f"{op.name}: {operands}{' ' if operands else ''}{error.args[0]}"))


def topological(roots: Iterable[Node], stop: frozenset[Node] | set[Node] = frozenset()) -> list[Node]:
    """All nodes below `roots`, inputs first; the same roots always give the same order.

    Parameters
    ----------
    roots
        Where to start.
    stop
        Nodes not to look below.
    """
    done: set[Node] = set()
    order: list[Node] = []
    for root in roots:
        stack = [root]
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            waiting = [] if node in stop else [i for i in node.inputs if i not in done]
            if waiting:
                stack.extend(reversed(waiting))
            else:
                done.add(node)
                order.append(node)
                stack.pop()
    return order


def substitute(roots: Sequence[Node], replacements: Mapping[Node, Node]) -> list[Node]:
    """`roots` with some nodes replaced; what does not depend on them is shared, not copied."""
    new: dict[Node, Node] = {}
    for node in topological(roots, stop=set(replacements)):
        if node in replacements:
            new[node] = replacements[node]
        elif any(new[i] is not i for i in node.inputs):
            new[node] = node.with_inputs([new[i] for i in node.inputs], new)
        else:
            new[node] = node
    return [new[root] for root in roots]


# ---- pickling: graphs may be deeper than the interpreter's stack, so interior nodes become rows

Numbers: TypeAlias = "tuple[int, ...]"
Pairs: TypeAlias = "tuple[tuple[int, int], ...]"
Row: TypeAlias = "tuple[type[Node], Op, Numbers, tuple[TensorType, ...], str, Location | None, int | None, Pairs]"
Flat: TypeAlias = "tuple[list[Node | Row], list[int]]"


def _related(node: Node) -> list[Node]:
    related = [*node.inputs, *(n for pair in node.effects for n in pair)]
    return related if node.primal is None else [*related, node.primal]


def flatten(roots: Sequence[Node]) -> Flat:
    """Nodes as rows that refer to each other by number; leaves stay objects, so pickle keeps their identity."""
    number: dict[Node, int] = {}
    rows: list[Node | Row] = []
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        if node in number:
            stack.pop()
            continue
        waiting = [n for n in _related(node) if n not in number]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        number[node] = len(rows)
        rows.append(node if not _related(node) else _row(node, number))
    return rows, [number[root] for root in roots]


def _row(node: Node, number: Mapping[Node, int]) -> Row:
    primal = None if node.primal is None else number[node.primal]
    effects = tuple((number[a], number[b]) for a, b in node.effects)
    inputs = tuple(number[i] for i in node.inputs)
    return type(node), node.op, inputs, node.types, node.scope, node.location, primal, effects


def unflatten(flat: Flat) -> list[Node]:
    """The inverse of `flatten`."""
    rows, roots = flat
    nodes: list[Node] = []
    for row in rows:
        if isinstance(row, Node):
            nodes.append(row)
            continue
        cls, op, inputs, types, scope, location, primal, effects = row
        node = object.__new__(cls)
        _fill(
            node, op, tuple(nodes[i] for i in inputs), types, scope, None if primal is None else nodes[primal],
            location, tuple((nodes[a], nodes[b]) for a, b in effects),
        )  # fmt: skip
        nodes.append(node)
    return [nodes[i] for i in roots]


def _leaf(op: Op, types: tuple[TensorType, ...], scope: str, location: Location | None) -> Node:
    node = object.__new__(Node)
    _fill(node, op, (), types, scope, None, location, ())
    return node


def _first(flat: Flat) -> Node:
    return unflatten(flat)[0]
