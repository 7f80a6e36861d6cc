"""The laws, by what they are about."""

from __future__ import annotations

from functools import cache

from tensorgraph.ir.op import Op
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.laws import algebra, parts, powers, products, reals, scalars, scatter, stability, structure

__all__ = ["EVERY", "LAWS", "laws_at"]

MODULES = (structure, algebra, powers, stability, scatter, scalars, products, reals, parts)

EVERY: tuple[Law, ...] = tuple(law for module in MODULES for law in vars(module).values() if isinstance(law, Law))

# Those that rewrite graphs, in the order in which they are tried; the others are used where a loop is planned.
LAWS: tuple[Law, ...] = tuple(law for law in EVERY if law not in vars(parts).values())


def laws_at(root: type[Op], fast_math: bool) -> tuple[Law, ...]:
    """Laws that may replace an operation of this class."""
    return _index(fast_math).get(root, ())


@cache
def _index(fast_math: bool) -> dict[type[Op], tuple[Law, ...]]:
    found: dict[type[Op], tuple[Law, ...]] = {}
    for law in LAWS:
        if fast_math or law.tier != "reals":
            for root in law.roots:
                found[root] = (*found.get(root, ()), law)
    return found
