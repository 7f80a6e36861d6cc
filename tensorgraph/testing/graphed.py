"""Functions of tensors at a point: their graphs as functions of arrays, and the sides of the kinks in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import numpy as np

from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.autodiff.transforms import jvp, vjp
from tensorgraph.errors import TensorGraphError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.leaves import Constant, Placeholder
from tensorgraph.ir.node import Node, Pick, substitute, topological
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.meta import Alias, StopGradient
from tensorgraph.testing.forms import Forms, described, quickly
from tensorgraph.testing.kinks import branches
from tensorgraph.testing.numeric import EPS, STEP
from tensorgraph.testing.plan import Plan, dependent
from tensorgraph.testing.subject import Arrays, Flat, Subject, moved

__all__ = ["Graphed", "Program"]

ROUNDING = 16  # units of rounding that an operation may add
_COMPLEX = np.dtype(np.complex128)


class Program:
    """Nodes as a function of arrays.

    Parameters
    ----------
    outputs
        What to compute.
    inputs
        Nodes below them that stand for the arguments.
    stopped
        Hold what the user's ``stop_gradient`` is applied to at its value at the point, as derivatives do.

    Attributes
    ----------
    eps
        Coarseness of what is computed from the arguments. A constant is what it is, in any precision.
    coarsest
        The same of whatever is computed.
    blind
        Whether it is not known where an operation has kinks.
    """

    def __init__(self, outputs: Sequence[Node], inputs: Sequence[Node], *, stopped: bool = True) -> None:
        self.held = _held(outputs, inputs) if stopped else []
        outputs = substitute(outputs, dict(zip(self.held, _constants(self.held), strict=True)))
        self.inputs = [Node(Placeholder(f"x{i}", x.type)) for i, x in enumerate(inputs)]
        self.outputs = substitute(outputs, dict(zip(inputs, self.inputs, strict=True)))
        self.nodes = dependent(self.outputs, self.inputs)
        self.eps = _coarsest(node for node in self.nodes if node.inputs)
        self.coarsest = _coarsest(node for node in topological(self.outputs) if node.inputs)
        self.branches = branches(self.nodes)
        self.blind = not all(map(_known, self.nodes))

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs for these arguments."""
        return self._results(arrays)

    @cached_property
    def _results(self) -> Plan:
        return Plan(self.outputs, self.inputs, quickly)

    @cached_property
    def _deciding(self) -> list[Node]:
        return [node for branch in self.branches for node in branch.operands]

    @cached_property
    def _deciders(self) -> Plan:
        return Plan(self._deciding, self.inputs, quickly)

    @cached_property
    def _everything(self) -> Plan:
        return Plan([*self.outputs, *self._deciding], self.inputs, quickly)

    def hold(self, arrays: Sequence[Array], forms: Forms) -> Program:
        """The same, once the operations with two forms are known to be the same in both."""
        forms.hold(self.outputs, dict(zip(self.inputs, arrays, strict=True)))
        return self

    def traced(self, arrays: Sequence[Array]) -> tuple[list[Array], bytes | None]:
        """The outputs, and a key that is equal on the same side of every kink; None if an operation's are unknown."""
        if self.blind:
            return self(arrays), None
        found = self._everything(arrays)
        sides = self._told(found[len(self.outputs) :])
        return found[: len(self.outputs)], b"|".join(side.tobytes() for side in sides)

    def crossed(self, one: Sequence[Array], other: Sequence[Array]) -> list[Node]:
        """The operations that are on different sides of a kink for two sets of arguments."""
        sides = [[side.tobytes() for side in self._sides(arrays)] for arrays in (one, other)]
        return [b.node for b, here, there in zip(self.branches, *sides, strict=True) if here != there]

    def _sides(self, arrays: Sequence[Array]) -> list[Array]:
        return self._told(self._deciders(arrays))

    def _told(self, values: Sequence[Array]) -> list[Array]:
        """The side of each operation with kinks, by the values that decide."""
        rest, found = iter(values), list[Array]()
        for branch, same in zip(self.branches, self._alike, strict=True):
            operands = [next(rest) for _ in branch.operands]
            found.append(np.asarray(branch.side(*operands)) if same == len(found) else found[same])
        return found

    @cached_property
    def _alike(self) -> list[int]:
        """For each operation with kinks, the first one that is on the same side by definition."""
        first: dict[object, int] = {}
        keys = [b.node if b.alike is None else (b.alike, b.operands) for b in self.branches]
        return [first.setdefault(key, i) for i, key in enumerate(keys)]

    def at_border(self, arrays: Sequence[Array]) -> bool:
        """Whether an operation is at the border of its domain: no complex step gives a derivative there."""
        sides = self._sides(arrays)
        return any(b.border and bool(np.any(side == 0)) for b, side in zip(self.branches, sides, strict=True))

    def origin(self, arrays: Sequence[Array]) -> str | None:
        """The first operation whose result is not finite while its operands are, with the user's line."""
        nodes = [node for node in topological(self.outputs) if len(node.types) == 1]
        values = Plan(nodes, self.inputs, quickly)(arrays)
        finite = {node: bool(np.all(np.isfinite(value))) for node, value in zip(nodes, values, strict=True)}
        for node in nodes:
            if not finite[node] and node.inputs and all(finite.get(source, True) for source in node.inputs):
                return described(node)
        return None

    def complexified(self) -> Program | None:
        """The same function of complex arguments; None where its imaginary part would not be a derivative."""
        real = all(kind.dtype.kind == "f" for node in [*self.nodes, *self.outputs] for kind in node.types)
        if not real or not all(node.op.domain.analytic for node in self.nodes):
            return None
        wide = [Node(Placeholder(f"z{i}", TensorType(_COMPLEX, x.type.shape))) for i, x in enumerate(self.inputs)]
        try:
            made = Program(substitute(self.outputs, dict(zip(self.inputs, wide, strict=True))), wide)
        except TensorGraphError:
            return None  # an op holds on to the real dtype
        return made if all(kind.dtype.kind == "c" for node in made.nodes for kind in node.types) else None


def _held(outputs: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """The nodes of ``stop_gradient`` that users wrote, not those in rules, that depend on the inputs."""
    return [n for n in dependent(outputs, inputs) if isinstance(n.op, StopGradient) and n.primal is None and n.concrete]


def _constants(nodes: Sequence[Node]) -> list[Node]:
    return [Node(Constant(np.array(value))) for value in evaluate(nodes)]


def _known(node: Node) -> bool:
    """Whether it is known where an operation has kinks: not of those that users define."""
    ours = type(node.op).__module__.startswith("tensorgraph.ops.") and not isinstance(node.op, Custom)
    return ours or isinstance(node.op, Pick) or not node.inputs


def _coarsest(nodes: Iterable[Node]) -> float:
    """The coarseness of the coarsest dtype of some results, at least that of float64."""
    kinds = {kind.dtype for node in nodes for kind in node.types}
    return max([EPS, *(float(np.finfo(dtype).eps) for dtype in kinds if dtype.kind in "fc")])


class Graphed:
    """A function of tensors, traced.

    Parameters
    ----------
    flat
        Takes tensors and gives a list of floating-point tensors.
    points
        Where.
    forms
        Operations that have been held to their definition already.
    """

    takes_cotangent = True

    def __init__(self, flat: Flat, points: Arrays, forms: Forms | None = None) -> None:
        self.flat = flat
        self.forms = Forms() if forms is None else forms
        self.points: Arrays = points
        self._coarsest = EPS
        self.aliases = [Tensor(Node(Alias(), asarray(p).node)) for p in points]
        self.outputs, self._pull = vjp(flat, *self.aliases)
        self.program = self._program(self.outputs)
        self.values: Arrays = self.program(points)
        self.eps, self.step, self.wide = self.program.eps, STEP, self._complexified()

    @property
    def rounding(self) -> float:
        """What rounding may add to a derivative, relative to the largest one."""
        return ROUNDING * len(self.program.nodes) * self._coarsest

    def _complexified(self) -> Callable[[Arrays], list[Array]] | None:
        real = all(p.dtype.kind == "f" for p in self.points)
        wide = self.program.complexified() if real else None
        if wide is None or self.program.at_border(self.points):
            return None
        return wide.hold([p.astype(np.complex128) for p in self.points], self.forms)

    def run(self, points: Arrays) -> tuple[list[Array], bytes | None]:
        """The results, and the key of the side of every kink."""
        return self.program.traced(points)

    def _program(self, tensors: Sequence[Tensor]) -> Program:
        made = Program([t.node for t in tensors], [a.node for a in self.aliases]).hold(self.points, self.forms)
        self._coarsest = max(self._coarsest, made.coarsest)  # a derivative may be computed in less precision
        return made

    def pull(self, cotangents: Arrays) -> Callable[[Arrays], list[Array]]:
        """The reverse derivative as a function of the point."""
        return self._program(self._pull([asarray(c) for c in cotangents]))

    def push(self, directions: Arrays) -> Callable[[Arrays], list[Array]] | None:
        """The forward derivative as a function of the point."""
        return self._program(jvp(self.flat, self.aliases, directions)[1])

    def derived(self, mode: str, seeds: Arrays) -> Subject | None:
        """The derivative as a function to be checked in its turn."""
        flat = self.flat
        if mode == "reverse":
            given = [asarray(c) for c in seeds]
            return Graphed(lambda *xs: list(vjp(flat, *xs)[1](given)), self.points, self.forms)
        return Graphed(lambda *xs: list(jvp(flat, xs, seeds)[1]), self.points, self.forms)

    def kinks(self, direction: Arrays, step: float) -> list[str]:
        """The operations that have a kink between the point and points beside it, with the user's lines."""
        found: dict[str, None] = {}
        for t in (step, -step):
            nodes = self.program.crossed(self.points, moved(self, direction, t))
            found.update(dict.fromkeys(map(described, nodes)))
        return list(found)
