"""What graphs the fuzzer draws: of everything, of rows that share loops, of what laws are about, of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from hypothesis import strategies as st

from tensorgraph.array import functions as f
from tensorgraph.ir.graph import Graph
from tensorgraph.testing.strategies.graphs import Recipes, Wanted, all_recipes, graphs_of
from tensorgraph.testing.strategies.lawful import law_recipes
from tensorgraph.testing.strategies.models import Training, modules, training_steps
from tensorgraph.testing.strategies.recipes import arithmetic_recipes, reduction_recipes

__all__ = ["DIETS", "diet"]

DTYPES = ("float64", "float32", "int64", "bool", "complex128")
FLOATS = ("float64", "float32")
NUMBERS = (*FLOATS, *FLOATS, "int64", "bool")
BESIDE = ("expand_dims", "squeeze", "broadcast_to", "gradient", "gram", "vecdot")  # what rows also meet
PRODUCTS = ("matmul", "vecdot", "gradient")
SIZES = ("n", "m", "range")  # emitted modules need the last name for themselves
COUNTED = ("n", "rows")  # and functions of loops this one
SEVERAL = (1, 2, 3)  # parameters
INPUTS, OUTPUTS = 3, 4


def _anything(large: bool) -> Wanted:
    """Every operation; many steps come to nothing, as most operations take few of the tensors that there are."""
    size = 24 if large else 8
    return Wanted(all_recipes(), DTYPES, size, INPUTS, OUTPUTS, SIZES, least=size // 3 if large else 1)


def _rows(large: bool) -> Wanted:
    """Elementwise operations and reductions of as many rows."""
    beside = [r for r in all_recipes() if r.name in BESIDE]
    known = [*arithmetic_recipes(), *(reduction_recipes() + beside) * 3]  # there are many of the first sort
    fitting = Recipes(r for r in known if any(r.fits(f.zeros((2, 2), dtype=name).node.type) for name in FLOATS))
    size = 16 if large else 6
    return Wanted(fitting, FLOATS, size, INPUTS, OUTPUTS, COUNTED, least=size // 3, rows=True)


def _laws(large: bool) -> Wanted:
    """What laws rewrite, of each other and of what else there is."""
    recipes = Recipes([*arithmetic_recipes(), *reduction_recipes(), *law_recipes(), *law_recipes()])
    size = 14 if large else 5
    return Wanted(recipes, NUMBERS, size, INPUTS, outputs=size, counts=(0, 0, 1), least=size // 3)


def _training(large: bool) -> Wanted:
    """Several parameters, most of them updated."""
    recipes = Recipes([*arithmetic_recipes(), *reduction_recipes(), *(r for r in all_recipes() if r.name in PRODUCTS)])
    return Wanted(recipes, FLOATS, 8 if large else 4, INPUTS, OUTPUTS, counts=SEVERAL)


def _steps(large: bool) -> st.SearchStrategy[Graph]:
    """Training steps of small networks, with every optimizer."""
    models = modules(layers=3 if large else 2, images=None if large else False)
    return training_steps(1, batch=1, models=models).map(Training.graph)


DIETS: Mapping[str, Callable[[bool], Wanted]] = {
    "anything": _anything, "rows": _rows, "laws": _laws, "training": _training,
}  # fmt: skip


@cache
def diet(name: str, large: bool) -> st.SearchStrategy[Graph]:
    """Graphs of one sort, one of `DIETS` or ``"models"``.

    Examples
    --------
    >>> from hypothesis import find
    >>> graph = find(diet("rows", large=False), lambda g: len(g.nodes) > 2)
    >>> {str(kind.shape[0]) for node in graph.inputs for kind in node.types}
    {'n'}
    """
    return _steps(large) if name == "models" else graphs_of(DIETS[name](large))
