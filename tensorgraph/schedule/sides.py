"""Operations that are alike, on values that lie side by side: one call computes all of them.

In a small network a call takes longer than what it computes. Where the same elementwise operation is applied to
several values (``1 - s`` for the sigmoids of all layers, as their derivatives want it), these are put side by side in
memory when they are computed, and the operation runs once over all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tensorgraph.ir.dims import DimLike, evaluate_dim, same_shape
from tensorgraph.ir.node import Node
from tensorgraph.ir.provenance import Context, context
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.shape import Concat, Reshape

__all__ = ["Side", "Sides", "find_sides"]

LARGEST = 32 * 1024  # bytes of a result side by side: with more, calls are not what takes the time


@dataclass(frozen=True, slots=True)
class Side:
    """Values side by side.

    Attributes
    ----------
    row
        All of them as one row: what computes them, or their concatenation, which is never computed.
    members
        The values, in order.
    """

    row: Node
    members: tuple[Node, ...]

    def offsets(self) -> list[DimLike]:
        """The number of elements before each member."""
        found: list[DimLike] = [0]
        for node in self.members:
            found.append(found[-1] + node.type.size)
        return found[:-1]


@dataclass(frozen=True, slots=True)
class Sides:
    """All values that lie side by side.

    Attributes
    ----------
    nodes
        The nodes in their order, those that one call computes replaced by it.
    of
        The side that a value lies in.
    joint
        Sides whose row one call computes.
    """

    nodes: list[Node]
    of: Mapping[Node, Side] = field(default_factory=dict)
    joint: Mapping[Node, Side] = field(default_factory=dict)


def find_sides(
    nodes: Sequence[Node], fit: Callable[[Node], bool], readers: Mapping[Node, Sequence[Node]], sizes: Mapping[str, int]
) -> Sides:
    """Find what can be computed side by side.

    Parameters
    ----------
    nodes
        In the order in which they run.
    fit
        Whether a value is put into memory of the workspace, wherever that is.
    readers
        Who reads each value.
    sizes
        Example sizes.
    """
    finder = _Finder(nodes, fit, readers, sizes)
    finder.run()
    if not finder.joint:
        return Sides(list(nodes))
    inside = {node for side in finder.joint.values() for node in side.members}
    after: dict[int, list[Node]] = {}
    for row, place in finder.places.items():
        after.setdefault(place, []).append(row)
    order = []
    for position, node in enumerate(nodes):
        order += [] if node in inside else [node]
        order += after.get(position, [])
    return Sides(order, finder.of, finder.joint)


class _Finder:
    def __init__(
        self,
        nodes: Sequence[Node],
        fit: Callable[[Node], bool],
        readers: Mapping[Node, Sequence[Node]],
        sizes: Mapping[str, int],
    ) -> None:
        self.of: dict[Node, Side] = {}
        self.joint: dict[Node, Side] = {}
        self.places: dict[Node, int] = {}  # of rows: the position after which one call computes them
        self._position = {node: i for i, node in enumerate(nodes)}
        self._candidates = [node for node in nodes if self._alone(node, fit)]
        self._fit, self._readers, self._sizes = fit, readers, sizes

    def run(self) -> None:
        """First operations on one array, then those that read what has been found."""
        found = self._grouped([node for node in self._candidates if len(_arrays(node)) == 1])
        while found:
            waiting = [node for node in self._candidates if node not in self.of]
            found = self._grouped([node for node in waiting if any(map(self._joint, node.inputs))])

    @staticmethod
    def _alone(node: Node, fit: Callable[[Node], bool]) -> bool:
        """Whether it is elementwise, on values of its own shape and scalars, and needs no memory beside the result."""
        if not isinstance(node.op, Elementwise) or len(node.types) != 1 or not node.type.ndim or not fit(node):
            return False
        arrays = _arrays(node)
        plain = all(same_shape(source.type.shape, node.type.shape) and fit(source) for source in arrays)
        return bool(arrays) and plain and not node.op.scratch([source.types[0] for source in node.inputs])

    def _joint(self, node: Node) -> bool:
        return node in self.of and self.of[node].row in self.joint

    def _grouped(self, nodes: Sequence[Node]) -> bool:
        """Whether any of these are put side by side."""
        alike: dict[object, list[Node]] = {}
        for node in nodes:
            alike.setdefault(self._key(node), []).append(node)
        joined = [self._join(members) for members in alike.values() if len(members) > 1]
        return any(joined)

    def _key(self, node: Node) -> object:
        """Equal where one call can compute both."""
        roles = [(s if not s.types[0].ndim else None, s.types[0].dtype, self._row(s)) for s in node.inputs]
        return node.op.key(), node.type.dtype, tuple(roles)

    def _row(self, node: Node) -> Node | None:
        return self.of[node].row if node in self.of else None

    def _join(self, members: list[Node]) -> bool:
        """Put the operands side by side, and the results, if that can be."""
        size = sum(evaluate_dim(node.type.nbytes, self._sizes) for node in members)
        place = max(self._ready(source) for node in members for source in node.inputs)
        if size > LARGEST or place >= min(map(self._used, members)):
            return False
        if any(source in members for node in members for source in node.inputs):
            return False
        roles = [self._side(sources) for sources in zip(*(node.inputs for node in members), strict=True)]
        sides = [role for role in roles if isinstance(role, Side)]
        if None in roles or len({node for side in sides for node in side.members}) < len(members) * len(set(sides)):
            return False
        with context(Context(members[0].scope, members[0].primal, members[0].site)):
            row = Node(members[0].op, *(role.row if isinstance(role, Side) else role for role in roles if role))
        side = Side(row, tuple(members))
        for each in (*sides, side):
            self.of.update(dict.fromkeys(each.members, each))
        self.joint[row], self.places[row] = side, place
        return True

    def _ready(self, node: Node) -> int:
        """The position after which a value is there."""
        return self.places[self.of[node].row] if self._joint(node) else self._position.get(node, -1)

    def _used(self, node: Node) -> int:
        return min(
            (self._position.get(reader, -1) for reader in self._readers.get(node, ())), default=len(self._position)
        )

    def _side(self, sources: tuple[Node, ...]) -> Side | Node | None:
        """Operands of one role side by side, or the scalar that all share; None if they cannot lie so."""
        if not sources[0].types[0].ndim:
            return sources[0]
        known = self.of.get(sources[0])
        if known is not None:
            return known if known.members == sources else None
        if len(set(sources)) < len(sources) or any(source in self.of for source in sources):
            return None
        return Side(_concatenated(sources), sources)


def _arrays(node: Node) -> list[Node]:
    return [source for source in node.inputs if source.types[0].ndim]


def _concatenated(nodes: Sequence[Node]) -> Node:
    """One row of all elements."""
    first = nodes[0]
    with context(Context(first.scope, first.primal, first.site)):
        return Node(Concat(0), *(Node(Reshape((node.type.size,)), node) for node in nodes))
