"""The laws, by what they are about."""

from __future__ import annotations

from functools import cache
from typing import Literal, TypeAlias

from tensorgraph.ir.op import Op, cached
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.laws import (
    algebra,
    parts,
    powers,
    products,
    reals,
    scalars,
    scatter,
    signs,
    stability,
    structure,
)

__all__ = ["EVERY", "LAWS", "When", "laws_at"]

When: TypeAlias = Literal["early", "late", "any"]

MODULES = (structure, algebra, signs, powers, stability, scatter, scalars, products, reals, parts)

EVERY: tuple[Law, ...] = tuple(law for module in MODULES for law in vars(module).values() if isinstance(law, Law))

# Those that rewrite graphs, in the order in which they are tried; the others are used where a loop is planned.
LAWS: tuple[Law, ...] = tuple(law for law in EVERY if law not in vars(parts).values())


@cached
def laws_at(
    root: type[Op], fast_math: bool, when: When = "any", operands: frozenset[type[Op]] | None = None
) -> tuple[Law, ...]:
    """Laws that may replace an operation of this class.

    Parameters
    ----------
    root
        The class.
    fast_math
        Whether laws of tier *reals* are among them.
    when
        All, or those that come early, or late, when the early ones are done.
    operands
        The classes of what the operands are, if known: without the laws that need others.
    """
    found = _index(fast_math, when).get(root, ())
    return found if operands is None else tuple(law for law in found if law.takes(operands))


@cache
def _index(fast_math: bool, when: When) -> dict[type[Op], tuple[Law, ...]]:
    found: dict[type[Op], tuple[Law, ...]] = {}
    for law in LAWS:
        if (fast_math or law.tier != "reals") and when in {"any", "late" if law.late else "early"}:
            for root in law.roots:
                found[root] = (*found.get(root, ()), law)
    return found
