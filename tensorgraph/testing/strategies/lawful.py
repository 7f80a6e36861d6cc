"""How a random graph goes on for laws to apply: what is on their left sides, of tensors that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from tensorgraph.array import functions as f
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.errors import TensorGraphError
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.types import TensorType
from tensorgraph.rewrite.law import Law, Pattern
from tensorgraph.rewrite.laws import LAWS
from tensorgraph.testing.strategies.choice import Choice, Recipe, broadcasts

__all__ = ["law_recipes"]

OFTEN = 3  # times as often: laws of reals are tried with `fast_math` only
LENGTHS = {"m": 3, "n": 2, "k": 2}  # what letters in the shapes of samples stand for where nothing says it


@cache
def law_recipes() -> tuple[Recipe, ...]:
    """For each law what is on its left side.

    Examples
    --------
    >>> len({recipe.name for recipe in law_recipes()}) == len(LAWS)
    True
    """
    return tuple(_left_side(law) for law in LAWS for _ in range(OFTEN if law.tier == "reals" else 1))


def _left_side(law: Law) -> Recipe:
    """Samples of a law, of any tensors that it may be about, or of others that follow from one."""
    kinds = law.kinds.replace("d", "f")
    conditions = list(law.rewrite.variables.values()) if isinstance(law.rewrite, Pattern) else None

    def fits(kind: TensorType) -> bool:
        return kind.dtype.kind in kinds

    def make(c: Choice, x: Tensor) -> Tensor:
        sample = c.pick(law.samples)
        lengths: dict[str, DimLike] = {}
        operands: list[Tensor] = []
        for i, stated in enumerate(sample.shapes):
            condition = conditions is not None and conditions[i] == "b"
            dtype = np.dtype(bool) if condition else x.dtype
            known = [] if stated.startswith("i:") else [y for y in (x, *c.tensors) if y.dtype == dtype]
            if conditions is not None:  # it is about elements: shapes only have to broadcast
                options = [y for y in known if all(broadcasts(y, other) for other in operands)]
            else:
                options = [y for y in known if _read(y.shape, stated, lengths) is not None]
            try:
                operand = c.pick(options) if options and not c.coin() else _made(c, x, dtype, stated, lengths)
            except TensorGraphError:  # nothing of this shape follows from it
                return x
            lengths = _read(operand.shape, stated, lengths) or lengths
            operands.append(operand)
        try:
            made: Tensor = sample.build(*operands)
        except TensorGraphError:  # their sizes do not fit
            return x
        return made

    return Recipe(law.name, (), fits, make, smooth=False)


def _read(shape: Sequence[DimLike], stated: str, lengths: Mapping[str, DimLike]) -> dict[str, DimLike] | None:
    """What letters stand for if a shape is the stated one; None if it is not."""
    words = stated.removeprefix("i:").split()
    if len(words) != len(shape):
        return None
    found = dict(lengths)
    for n, word in zip(shape, words, strict=True):
        if word.isdigit() or (word.isupper() and isinstance(n, int)):
            fits = str(n) == word
        else:
            fits = str(found.setdefault(word, n)) == str(n)
        if not fits:
            return None
    return found


def _made(c: Choice, x: Tensor, dtype: np.dtype, stated: str, lengths: Mapping[str, DimLike]) -> Tensor:
    """A tensor of the stated shape that follows from another; numbers below 2 where they are indices."""
    words = stated.removeprefix("i:").split()
    sizes = [int(w) if w.isdigit() else lengths.get(w, LENGTHS.get(w, w)) for w in words]
    literal = [n if isinstance(n, int) else 1 for n in sizes]
    values = np.arange(np.prod(literal, dtype=int)).reshape(literal)
    if stated.startswith("i:"):
        return asarray(values % 2)
    if dtype.kind == "b":
        some = f.any(x) if x.dtype.kind == "b" else f.sum(x) > 0
        made = f.logical_xor(asarray(values % 2 == 0), some)
    else:
        made = f.astype(asarray((values % 7 - 2).astype(dtype)) * f.sum(x), dtype)
    columns = [y for y in c.tensors if y.ndim == 1 and not isinstance(y.shape[0], int) and y.dtype == dtype]
    if literal == sizes:
        return made
    if not columns:
        raise TensorGraphError(f"no tensor has so many rows: {stated}")
    rows = c.pick(columns)
    return f.expand_dims(rows, tuple(range(1, len(sizes)))) * made
