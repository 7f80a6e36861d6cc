"""Parameters of random graphs, and their updates: alike or not, sharing operations, reading each other's old values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from tensorgraph.array import functions as f
from tensorgraph.array.leaves import Parameter
from tensorgraph.array.tensor import Tensor
from tensorgraph.autodiff.transforms import gradients
from tensorgraph.ir.types import Array
from tensorgraph.testing.strategies.arrays import tensors
from tensorgraph.testing.strategies.choice import Choice

__all__ = ["parameters_like", "updates_of"]

NAMES = ("p", "q", "r")
COUNTS = (0, 0, 1, 2, 3)  # of parameters
INTEGERS = np.dtype(np.int64)  # such as a count of steps

Update: TypeAlias = "tuple[Parameter, Tensor]"
Step: TypeAlias = "Callable[[Parameter, Tensor, Sequence[Parameter]], list[Update]]"


def parameters_like(draw: st.DrawFn, like: Tensor, counts: Sequence[int] = COUNTS) -> list[Parameter]:
    """Parameters, as many as one of the counts says: the first like a tensor, the others like the first or not."""
    shape = tuple(n for n in like.shape if isinstance(n, int))
    dtype = like.dtype if like.dtype.kind == "f" else np.dtype(np.float64)
    found: list[Parameter] = []
    for name in NAMES[: draw(st.sampled_from(counts))]:
        kinds = ((dtype, shape), (dtype, shape[:-1]), (dtype, (3,)), (dtype, ()), (INTEGERS, ())) if found else (
            (dtype, shape),)  # fmt: skip
        found.append(Parameter(draw(_value(kinds)), name=name))
    return found


@lru_cache(maxsize=512)
def _value(kinds: tuple[tuple[np.dtype[Any], tuple[int, ...]], ...]) -> st.SearchStrategy[Array]:
    """An array of one of these types."""
    return st.one_of([tensors(*kind, layouts="contiguous", values="smooth", low=-2, high=2) for kind in kinds])


def updates_of(c: Choice, held: Sequence[Parameter], made: Sequence[Tensor]) -> list[Update]:
    """Updates of some of the parameters: all by the same step, or each by its own."""
    if not held or not c.coin():
        return []
    found: dict[int, Update] = {}
    together = c.coin()
    step = c.pick(STEPS)
    for p in held:
        if id(p) in found or not (together or c.coin()):
            continue
        if p.dtype == INTEGERS:
            found[id(p)] = (p, p + 1)
            continue
        alike = [q for q in held if q is not p and q.node.type == p.node.type]
        free = [q for q in alike if id(q) not in found]
        for pair in (step if together else c.pick(STEPS))(p, _direction(c, p, made), free or alike):
            found.setdefault(id(pair[0]), pair)
    return [found[id(p)] for p in held if id(p) in found]


def _direction(c: Choice, p: Parameter, made: Sequence[Tensor]) -> Tensor:
    """What an update goes by: a tensor of the parameter's type, or the gradient of another."""
    fitting = [y for y in made if y.node.type == p.node.type]
    losses = [y for y in made if y.dtype.kind == "f"]
    if losses and not (fitting and c.coin()):
        found: Tensor = gradients(f.sum(f.tanh(c.pick(losses))), p, disconnected="zero")
        return found
    return c.pick(fitting) if fitting else f.tanh(p)


# ---- steps


def _assigned(p: Parameter, d: Tensor, alike: Sequence[Parameter]) -> list[Update]:
    return [(p, d)]


def _descent(p: Parameter, d: Tensor, alike: Sequence[Parameter]) -> list[Update]:
    return [(p, p - 0.125 * d)]


def _momentum(p: Parameter, d: Tensor, alike: Sequence[Parameter]) -> list[Update]:
    """Two parameters that share an operation."""
    if not alike:
        return _descent(p, d, alike)
    v = alike[0]
    moved = 0.75 * v + d
    return [(v, moved), (p, p - 0.125 * moved)]


def _scaled(p: Parameter, d: Tensor, alike: Sequence[Parameter]) -> list[Update]:
    """As Adam: two states, each with an operation of its own, and a root of one."""
    if len(alike) < 2:
        return [(p, p - 0.125 * d / (f.sqrt(d * d) + 0.5))]
    m, v = alike[:2]
    first, second = 0.75 * m + 0.25 * d, 0.5 * f.abs(v) + 0.5 * (d * d)
    return [(m, first), (v, second), (p, p - 0.125 * first / (f.sqrt(second) + 0.5))]


def _exchanged(p: Parameter, d: Tensor, alike: Sequence[Parameter]) -> list[Update]:
    """Each takes the old value of the other."""
    return [(p, alike[0]), (alike[0], p)] if alike else [(p, p)]


def _mixed(p: Parameter, d: Tensor, alike: Sequence[Parameter]) -> list[Update]:
    """Each reads the old value of the other."""
    if not alike:
        return _descent(p, d, alike)
    return [(p, 0.5 * (p + alike[0])), (alike[0], alike[0] * p)]


STEPS: tuple[Step, ...] = (_descent, _assigned, _momentum, _scaled, _exchanged, _mixed)
