"""Axis maps: how the axes of an op's results follow from those of its inputs, in one line of text.

===============================  ===================================================================================
``... m k, ... k n -> ... m n``  a label on both sides passes through; one missing in the result (`k`) is contracted
``...``                          leading axes that pass elementwise, broadcast as NumPy does
``(a b) c -> a b c``             axes that are merged: `a` is the outer factor
``k!``                           the axis is needed whole: indexed, sorted, scanned or windowed along
``1``                            an axis of size one
`` -> a``                        a blank before the arrow is one operand without axes; ``-> a`` has no operands
``a b -> a | max``               the operation that contracts, where it is not a sum
===============================  ===================================================================================

Tiling, threading and batching are derived from this statement, so an op says it once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tensorgraph.ir.dims import DimLike, dim_key
from tensorgraph.ir.types import TensorType

__all__ = ["Axis", "AxisMap"]

Axis: TypeAlias = "tuple[str, ...]"  # the factors of one axis, outermost first; () is an axis of size one
Term: TypeAlias = "tuple[Axis, ...]"

ELLIPSIS: Axis = ("...",)


@dataclass(frozen=True, slots=True)
class AxisMap:
    """A parsed axis map.

    Attributes
    ----------
    inputs, outputs
        The axes of each operand and result.
    whole
        Labels needed whole.
    monoid
        What contracts: ``+``, ``*``, ``max``, ``min``, ``and``, ``or``.

    Examples
    --------
    >>> AxisMap.parse("... m k, ... k n -> ... m n").contracted
    ('k',)
    """

    inputs: tuple[Term, ...]
    outputs: tuple[Term, ...]
    whole: frozenset[str]
    monoid: str = "+"

    @staticmethod
    def parse(text: str) -> AxisMap:
        """Read the notation."""
        body, _, monoid = text.partition("|")
        left, arrow, right = body.partition("->")
        if not arrow:
            raise ValueError(f"axis map {text!r} has no ->")
        whole = frozenset(re.findall(r"(\w+)!", body))
        inputs = tuple(_term(part) for part in left.split(",")) if left else ()
        return AxisMap(inputs, tuple(_term(part) for part in right.split(",")), whole, monoid.strip() or "+")

    @property
    def contracted(self) -> tuple[str, ...]:
        """Labels that no result has, in order of appearance."""
        kept = {label for term in self.outputs for axis in term for label in axis}
        found = (label for term in self.inputs for axis in term for label in axis)
        return tuple(dict.fromkeys(label for label in found if label not in kept and label not in self.whole))

    def sizes(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> dict[str, DimLike]:
        """The size of each label that stands alone somewhere.

        Raises
        ------
        ValueError
            If the map does not fit these types: a rank or a size disagrees.
        """
        terms, types = [*self.inputs, *self.outputs], [*inputs, *outputs]
        if len(terms) != len(types):
            raise ValueError(f"{len(terms)} terms for {len(types)} operands and results")
        found: dict[str, DimLike] = {}
        groups: list[tuple[Axis, DimLike]] = []
        for term, kind in zip(terms, types, strict=True):
            for axis, size in _align(term, kind):
                if len(axis) == 1:
                    if dim_key(found.setdefault(axis[0], size)) != dim_key(size):
                        raise ValueError(f"axis {axis[0]} is {found[axis[0]]} and {size}")
                else:
                    groups.append((axis, size))
        for axis, size in groups:
            if all(label in found for label in axis):
                product: DimLike = 1
                for label in axis:
                    product = product * found[label]
                if dim_key(product) != dim_key(size):
                    raise ValueError(f"axes {' '.join(axis)} are {product} together, not {size}")
        return found


def _term(text: str) -> Term:
    tokens = re.findall(r"\([^)]*\)|\S+", text.replace("!", ""))
    return tuple(() if t == "1" else tuple(t.strip("()").split()) for t in tokens)


def _align(term: Term, kind: TensorType) -> list[tuple[Axis, DimLike]]:
    """Pair the named axes with sizes; what ``...`` stands for is left to broadcasting."""
    shape = kind.shape
    if ELLIPSIS in term:
        at = term.index(ELLIPSIS)
        back = len(term) - at - 1
        if len(shape) < at + back:
            raise ValueError(f"{kind} has fewer axes than its term")
        return [*zip(term[:at], shape, strict=False), *zip(term[at + 1 :], shape[len(shape) - back :], strict=True)]
    if len(term) != len(shape):
        raise ValueError(f"{kind} has {len(shape)} axes and its term {len(term)}")
    return list(zip(term, shape, strict=True))
