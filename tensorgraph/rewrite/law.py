"""`Law`: one rewrite, what it promises, and graphs to try it on.

A law about operations without attributes is a function of pattern variables that gives both sides, and its
docstring is the law::

    @law
    def mul_one(x: Tensor) -> Sides:
        '''x * 1 = x'''
        return x * 1, x

A law that looks at attributes is a function of a node, written with ``match``, that gives the other side or
None, with samples of what it is about (`node_law`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, TypeAlias, overload

import numpy as np

from tensorgraph.array.tensor import Tensor
from tensorgraph.errors import TensorGraphError
from tensorgraph.ir.leaves import Constant, Placeholder
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op
from tensorgraph.ir.provenance import Context, context
from tensorgraph.ir.types import TensorType
from tensorgraph.rewrite.match import matches, same_constant

__all__ = ["TIERS", "Condition", "Law", "Sample", "Sides", "Tier", "law", "node_law"]

Tier: TypeAlias = Literal["exact", "rounded", "stable", "reals"]
Sides: TypeAlias = "tuple[Tensor, Tensor]"
Condition: TypeAlias = Annotated[Tensor, bool]  # a pattern variable of bools

# What each tier promises of the right side, held by one test over all laws.
TIERS: dict[Tier, str] = {
    "exact": "the same bits: the sign of zero and the places of NaN included",
    "rounded": "within the declared units in the last place of the true value",
    "stable": "no farther from the true value than before, but for the declared units, and finite where it is",
    "reals": "the same real number where nothing overflows; applied with fast_math=True only",
}


@dataclass(frozen=True)
class Sample:
    """A graph at whose root a law applies.

    Attributes
    ----------
    build
        Makes the root from one tensor per shape.
    shapes
        Shapes of its arguments: ``"m n"``, where a letter is any size, a capital letter one that is not known, a
        number that size; ``"i:m"`` is an index array, whose values are below 2.
    """

    build: Callable[..., Tensor]
    shapes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Law:
    """A rewrite of one node by what equals it.

    Attributes
    ----------
    name, statement
        What reports call it, and the law as an equation.
    tier
        What it promises: a key of `TIERS`.
    ulp
        Units in the last place it may be off, in the tiers that say so.
    of
        The units are those of the result, or of this number where the result is smaller.
    per_term
        Whether the units are of the sum of the magnitudes of all terms, once for each term: the measure for
        sums, whose terms may cancel.
    kinds
        Kinds of dtypes that its variables, or samples, may have: ``b``, ``i``, ``u``, ``f``, ``c`` as in NumPy; in
        samples also ``d``, for float32 and float64 only.
    samples
        Graphs at whose root it applies.
    late
        Whether it waits until no other applies.
    """

    name: str
    statement: str
    tier: Tier
    ulp: float
    of: float
    per_term: bool
    kinds: str
    samples: tuple[Sample, ...]
    rewrite: Pattern | NodeRewrite
    late: bool = False

    @property
    def roots(self) -> tuple[type[Op], ...]:
        """Classes of the operations it may replace."""
        return self.rewrite.roots

    def takes(self, operands: Set[type[Op]]) -> bool:
        """Whether it may apply where the operands are operations of these classes: a test that most laws fail."""
        return self.rewrite.takes(operands)

    def apply(self, node: Node) -> Node | None:
        """What equals `node` by this law, of the same type, with its provenance; None if it says nothing of it.

        Raises
        ------
        TypeError
            If the law is wrong about the type.
        """
        if type(node.op) not in self.roots or not self.takes({type(source.op) for source in node.inputs}):
            return None
        with context(Context(node.scope, node.primal, node.site)):
            return self.replacement(node)

    def replacement(self, node: Node) -> Node | None:
        """`apply` where root and operands are known to fit, under the provenance that the caller has set."""
        made = self.rewrite(node)
        if made is None or made is node:
            return None
        if made.types != node.types:
            raise TypeError(f"law {self.name}: {node.types[0]} cannot be replaced by {made.types[0]}")
        return made

    def __repr__(self) -> str:
        return f"<Law {self.name}: {self.statement} ({self.tier})>"


class Pattern:
    """The left side as a graph over untyped variables, and how to make the right one."""

    def __init__(self, function: Callable[..., Sides], kinds: str) -> None:
        self._function = function
        self._kinds = kinds

    @cached_property
    def variables(self) -> dict[Node, str]:
        """Placeholders that stand for anything of these kinds of dtype."""
        found = {}
        for name, annotation in inspect.get_annotations(self._function).items():
            if name != "return":
                condition = annotation is Condition or str(annotation).rpartition(".")[2] == "Condition"
                kinds = "b" if condition else self._kinds
                found[Node(Placeholder(name, TensorType(_TRACED[kinds[-1]], ())))] = kinds
        return found

    @cached_property
    def left(self) -> Node:
        """The left side, traced once."""
        return self._function(*map(Tensor, self.variables))[0].node

    @cached_property
    def heads(self) -> frozenset[type[Op]]:
        """The classes of what its operands are, variables apart."""
        return frozenset(type(source.op) for source in self.left.inputs if source not in self.variables)

    @cached_property
    def numbers(self) -> tuple[Constant, ...]:
        """The constants among its operands."""
        return tuple(source.op for source in self.left.inputs if isinstance(source.op, Constant))

    def takes(self, operands: Set[type[Op]]) -> bool:
        """Whether all that the left side needs is there."""
        return self.heads <= operands

    @property
    def roots(self) -> tuple[type[Op], ...]:
        """The class of the left side's operation."""
        return (type(self.left.op),)

    def __call__(self, node: Node) -> Node | None:
        """The right side for the first match whose type is that of the node."""
        if not all(any(same_constant(c, source.op) for source in node.inputs) for c in self.numbers):
            return None  # soon found out
        for found in matches(self.left, node, self.variables):
            dtypes = {found[variable].type.dtype for variable, kinds in self.variables.items() if kinds != "b"}
            if len(dtypes) > 1:
                continue  # an operation of the left side that computes in a narrower dtype rounds, or wraps around
            try:
                right = self._function(*[Tensor(found[variable]) for variable in self.variables])[1].node
            except TensorGraphError:
                continue  # operands whose dtypes the right side does not take
            if right.types == node.types:
                return right
        return None


_TRACED = {"b": np.dtype(bool), "i": np.dtype("int64"), "u": np.dtype("uint64"), "f": np.dtype("float64")}


@dataclass(frozen=True)
class NodeRewrite:
    """A rewrite written out over nodes."""

    roots: tuple[type[Op], ...]
    operands: frozenset[type[Op]]
    function: Callable[[Node], Tensor | None]

    def takes(self, operands: Set[type[Op]]) -> bool:
        """Whether one of the operands is what it looks for."""
        return not self.operands or not self.operands.isdisjoint(operands)

    def __call__(self, node: Node) -> Node | None:
        """What the function makes of the node."""
        made = self.function(node)
        return None if made is None else made.node


@overload
def law(function: Callable[..., Sides], /) -> Law: ...


@overload
def law(
    *, tier: Tier = ..., ulp: float = ..., of: float = ..., kinds: str = ...
) -> Callable[[Callable[..., Sides]], Law]: ...


def law(
    function: Callable[..., Sides] | None = None,
    /,
    *,
    tier: Tier = "exact",
    ulp: float = 0,
    of: float = 0.0,
    kinds: str = "f",
) -> Law | Callable[[Callable[..., Sides]], Law]:
    """State a law by both of its sides.

    Parameters
    ----------
    function
        Takes pattern variables, which match any tensor (`Condition`: one of bools), and gives the left and the
        right side. Its docstring is the law.
    tier, ulp, of
        What it promises (see `Law`).
    kinds
        Kinds of dtypes that the variables match.

    Returns
    -------
    law
        Or, without a function, a decorator.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> @law
    ... def abs_abs(x: Tensor) -> Sides:
    ...     "abs(abs(x)) = abs(x)"
    ...     return abs(abs(x)), abs(x)
    >>> x = tg.placeholder((3,), "float32", name="x")
    >>> abs_abs.apply(abs(abs(x)).node)
    <Abs(): float32[3]>
    """

    def stated(function: Callable[..., Sides]) -> Law:
        pattern = Pattern(function, kinds)
        names = [name for name in inspect.get_annotations(function) if name != "return"]
        sample = Sample(lambda *variables: function(*variables)[0], tuple("m n" for _ in names))
        return Law(function.__name__, _statement(function), tier, ulp, of, False, kinds, (sample,), pattern)

    return stated if function is None else stated(function)


def node_law(
    *roots: type[Op],
    samples: Sequence[Sample],
    operands: Sequence[type[Op]] = (),
    tier: Tier = "exact",
    ulp: float = 0,
    of: float = 0.0,
    per_term: bool = False,
    kinds: str = "f",
    late: bool = False,
) -> Callable[[Callable[[Node], Tensor | None]], Law]:
    """State a law by a function from a node to what equals it, or to None.

    Parameters
    ----------
    *roots
        Classes of operations at which it may apply.
    operands
        Classes of which one of the operands must be, unless it may be any: others are not tried.
    samples, tier, ulp, of, per_term, kinds, late
        See `Law`.

    Returns
    -------
    decorator
        Of the function, whose docstring is the law.
    """

    def stated(function: Callable[[Node], Tensor | None]) -> Law:
        rewrite = NodeRewrite(roots, frozenset(operands), function)
        statement = _statement(function)
        return Law(function.__name__, statement, tier, ulp, of, per_term, kinds, tuple(samples), rewrite, late)

    return stated


def _statement(function: Callable[..., object]) -> str:
    return " ".join((inspect.getdoc(function) or "").split())
