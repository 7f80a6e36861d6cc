"""The laws, by what they are about."""

from __future__ import annotations

from functools import cache
from typing import Literal, TypeAlias

from tensorgraph.ir.op import Op
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.laws import algebra, powers, products, reals, scalars, scatter, stability, structure

__all__ = ["LAWS", "When", "laws_at"]

When: TypeAlias = Literal["early", "late", "any"]

MODULES = (structure, algebra, powers, stability, scatter, scalars, products, reals)

# In the order in which they are tried.
LAWS: tuple[Law, ...] = tuple(law for module in MODULES for law in vars(module).values() if isinstance(law, Law))

# How BLAS computes what other laws know as a sum: those come first, as log(sum(exp(x))) would be known no more.
LATE = frozenset(law for law in vars(products).values() if isinstance(law, Law))


def laws_at(root: type[Op], fast_math: bool, when: When = "any") -> tuple[Law, ...]:
    """Laws that may replace an operation of this class: all, or those that come early, or late, when they are done."""
    return _index(fast_math, when).get(root, ())


@cache
def _index(fast_math: bool, when: When) -> dict[type[Op], tuple[Law, ...]]:
    found: dict[type[Op], tuple[Law, ...]] = {}
    for law in LAWS:
        if (fast_math or law.tier != "reals") and when in {"any", "late" if law in LATE else "early"}:
            for root in law.roots:
                found[root] = (*found.get(root, ()), law)
    return found
