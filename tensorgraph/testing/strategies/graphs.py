"""Random graphs and functions: well typed, because public functions build them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from tensorgraph.array import functions as f
from tensorgraph.array.leaves import placeholder
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.node import substitute
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.testing.reproduce import code
from tensorgraph.testing.strategies.arrays import VALUES, several, tensors
from tensorgraph.testing.strategies.choice import Choice, Recipe, literal_size
from tensorgraph.testing.strategies.recipes import arithmetic_recipes, product_recipes, reduction_recipes
from tensorgraph.testing.strategies.shapes import check_count, check_shape, impossible, read_dtype
from tensorgraph.testing.strategies.state import COUNTS, parameters_like, updates_of
from tensorgraph.testing.strategies.structure import movement_recipes, order_recipes, random_recipes, window_recipes

__all__ = [
    "DrawnFunction", "DrawnGraph", "Recipes", "Wanted", "all_recipes", "feeds", "functions", "graphs", "graphs_of",
]  # fmt: skip

LARGEST = 400  # elements, where a symbolic size counts as 3
MOST_AXES = 5
SYMBOLS = ("n", "m")
SIZES = (1, 2, 3, 5, 0)  # that they stand for
HOSTILE_VALUES = ("ordinary", "special", "extreme", "kinks", "repeated")


class DrawnGraph(Graph):
    """A graph that prints as the code which builds it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return code(self)


class DrawnFunction:
    """A function of tensors that prints as the code which defines it.

    Attributes
    ----------
    graph
        What it computes.
    shapes
        Of its arguments.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @property
    def shapes(self) -> tuple[tuple[Any, ...], ...]:
        """Shapes of the arguments."""
        return tuple(node.type.shape for node in self.graph.inputs)

    def __call__(self, *args: Any) -> Tensor:
        given = {node: asarray(x).node for node, x in zip(self.graph.inputs, args, strict=True)}
        return Tensor(substitute(self.graph.outputs, given)[0])

    def __repr__(self) -> str:
        return code(self.graph, function="f")


class Recipes(tuple[Recipe, ...]):
    """Several ways to go on; printed in few words."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} recipes>"


@cache
def all_recipes() -> Recipes:
    """Every way to go on, simple ones first."""
    return Recipes((
        *arithmetic_recipes(), *reduction_recipes(), *movement_recipes(), *product_recipes(), *order_recipes(),
        *window_recipes(), *random_recipes(),
    ))  # fmt: skip


def _selected(strategy: str, ops: Iterable[type[Op] | str] | type[Op] | str | None, smooth: bool) -> Recipes:
    """The recipes of these names, and those that make these operations: first of all, if there are such."""
    recipes = Recipes(recipe for recipe in all_recipes() if recipe.smooth or not smooth)
    if ops is None:
        return recipes
    known = {op.name for recipe in recipes for op in recipe.ops} | {recipe.name for recipe in recipes}
    wanted = {_name_of(strategy, op) for op in ([ops] if isinstance(ops, (str, type)) else ops)}
    unknown = sorted(wanted - known)
    if unknown or not wanted:
        what = f"no {'differentiable ' * smooth}recipe makes {', '.join(unknown)}" if unknown else "ops is empty"
        raise impossible(strategy, what, f"use some of {', '.join(sorted(known))}")
    found = [r for r in recipes if r.name in wanted or (r.ops and r.ops[0].name in wanted)]
    made = {name for r in found for name in (r.name, *(op.name for op in r.ops[:1]))}
    return Recipes((*found, *(r for r in recipes if any(op.name in wanted - made for op in r.ops))))


def _name_of(strategy: str, op: Any) -> str:
    name = op if isinstance(op, str) else getattr(op, "name", None)
    if not isinstance(name, str):
        raise impossible(strategy, f"ops has {op!r}, which is no operation", "give classes of operations, or names")
    return name


def _kinds(strategy: str, dtypes: Any) -> tuple[str, ...]:
    """The names of one or several data types."""
    alone = isinstance(dtypes, (str, type, np.dtype))
    found = tuple(read_dtype(strategy, dtype).name for dtype in ([dtypes] if alone else dtypes))
    if not found:
        raise impossible(strategy, "dtypes is empty", "name at least one, such as 'float64'")
    return found


def _check_fit(strategy: str, recipes: Recipes, dtypes: Sequence[str]) -> None:
    """Refuse operations none of which can come first."""
    shapes = [(n,) * rank for rank in range(MOST_AXES + 1) for n in (2, 1)]
    kinds = [TensorType(np.dtype(name), shape) for name in dtypes for shape in shapes]
    if not any(recipe.fits(kind) for recipe in recipes for kind in kinds):
        names = ", ".join(sorted({recipe.name for recipe in recipes}))
        raise impossible(strategy, f"{names} cannot be applied to {' or '.join(dtypes)}", "name others as well")


def graphs(
    *,
    ops: Iterable[type[Op] | str] | type[Op] | str | None = None,
    size: int = 8,
    inputs: int = 2,
    outputs: int = 3,
    dtypes: Any = ("float64", "float32", "int64", "bool", "complex128"),
    symbolic: bool = True,
    parameters: bool = True,
    differentiable: bool = False,
) -> st.SearchStrategy[DrawnGraph]:
    """Random graphs: broadcasting, reductions, indexing, reuse, derivatives, several outputs and symbolic sizes.

    Parameters
    ----------
    ops
        Operations (classes or names) to build from, or one; all by default.
    size
        Most applications of public functions; each may record several nodes.
    inputs, outputs
        Most inputs and outputs.
    dtypes
        Of the inputs: several, or one.
    symbolic
        Whether some sizes are symbols.
    parameters
        Whether there may be parameters and updates of them.
    differentiable
        Whether every operation is to have a derivative at every value that reaches it: no kinks, and operands
        led into domains.

    Raises
    ------
    InputError
        If nothing can be built.

    Examples
    --------
    >>> from hypothesis import find
    >>> found = find(graphs(ops=["tanh"], dtypes=["float64"]), lambda g: len(g.nodes) > 1)
    >>> {node.op.name for node in found.nodes} >= {"tanh"}
    True
    """
    for name, least in (("size", size), ("inputs", inputs), ("outputs", outputs)):
        check_count("graphs", name, least, 1, "a graph needs at least one")
    recipes = _selected("graphs", ops, differentiable)
    kinds = _kinds("graphs", dtypes)
    _check_fit("graphs", recipes, kinds)
    counts = COUNTS if parameters else (0,)
    symbols = SYMBOLS if symbolic else ()
    return graphs_of(Wanted(recipes, kinds, size, inputs, outputs, symbols, counts, differentiable))


class Wanted(NamedTuple):
    """What sort of graphs to draw: see `graphs`.

    Attributes
    ----------
    recipes
        Ways to go on.
    symbols
        Names of sizes that are not known.
    counts
        Numbers of parameters.
    least
        Fewest applications.
    rows
        Whether all inputs have as many rows as one of the symbols says.
    """

    recipes: Recipes
    dtypes: tuple[str, ...]
    size: int
    inputs: int
    outputs: int
    symbols: tuple[str, ...] = SYMBOLS
    counts: tuple[int, ...] = COUNTS
    safe: bool = False
    least: int = 1
    rows: bool = False


@st.composite
def graphs_of(draw: st.DrawFn, wanted: Wanted) -> DrawnGraph:
    """Random graphs of one sort."""
    given = _leaves(draw, wanted.inputs, wanted.dtypes, wanted.symbols, rows=wanted.rows)
    held = parameters_like(draw, given[0], wanted.counts)
    c = Choice(draw, [*given, *held], wanted.safe)
    made: list[Tensor] = []
    for _ in range(draw(st.integers(wanted.least, wanted.size))):
        for new in draw(st.builds(_step, st.just(c), st.just(wanted.recipes))):  # a part, to be left away as a whole
            if literal_size(new.shape) <= LARGEST and new.ndim <= MOST_AXES:
                made.append(new)
                c.tensors.append(new)
    results = [c.pick(made[::-1] or given) for _ in range(draw(st.integers(1, wanted.outputs)))]
    updates = updates_of(c, held, made)
    return DrawnGraph([x.node for x in given], [y.node for y in results], [(p.node, v.node) for p, v in updates])


def _leaves(
    draw: st.DrawFn, most: int, dtypes: tuple[str, ...], symbols: tuple[str, ...], *, rows: bool = False
) -> list[Tensor]:
    """Placeholders whose axes come from one pool of sizes, so that many of them fit together."""
    pool: list[Any] = [2, 3, 1, *(() if rows else symbols), 0]
    shapes = st.lists(st.sampled_from(pool), max_size=2 if rows else 3).map(tuple)
    if rows:
        count = draw(st.sampled_from(symbols))
        shapes = shapes.map(lambda shape: (count, *shape))
    whole = draw(shapes)
    found = []
    for i in range(draw(st.integers(1, most))):
        start = draw(st.integers(0, len(whole)))
        shape = whole if i == 0 else draw(st.one_of(st.just(whole[start:]), shapes))
        found.append(placeholder(shape, draw(st.sampled_from(dtypes)), name="xyzuvw"[i] if i < 6 else f"x{i}"))
    return found


def _step(c: Choice, recipes: Sequence[Recipe]) -> list[Tensor]:
    """Apply one recipe to one of the tensors that it fits; nothing where it fits none."""
    recipe = c.pick(recipes)
    fitting = [x for x in c.tensors if recipe.fits(x.node.type)]
    if not fitting:
        return []
    made = recipe.make(c, c.pick(fitting[::-1]))
    return [made] if isinstance(made, Tensor) else list(made)


def functions(
    arguments: int = 2,
    *,
    size: int = 6,
    ops: Iterable[type[Op] | str] | type[Op] | str | None = None,
    shape: Any = None,
) -> st.SearchStrategy[DrawnFunction]:
    """Differentiable functions of float64 tensors, whose result is a scalar.

    Parameters
    ----------
    arguments
        Most arguments.
    size, ops
        As for `graphs`.
    shape
        Of all arguments; different ones by default.

    Examples
    --------
    >>> from hypothesis import find
    >>> found = find(functions(1, ops=["exp"], shape=()), lambda f: len(f.graph.nodes) > 1)
    >>> "tg.exp(x)" in repr(found)  # it prints as code
    True
    """
    check_count("functions", "arguments", arguments, 1, "a function has at least one")
    check_count("functions", "size", size, 1, "a function applies at least one operation")
    recipes = _selected("functions", ops, smooth=True)
    _check_fit("functions", recipes, ["float64"])
    if shape is not None:
        shape = check_shape("functions", shape)
    return _functions(recipes, (size, arguments, 1), shape)


@st.composite
def _functions(draw: st.DrawFn, recipes: Recipes, limits: tuple[int, int, int], shape: Any) -> DrawnFunction:
    if shape is None:
        given = _leaves(draw, limits[1], ("float64",), ())
    else:
        given = [placeholder(shape, name=f"x{i}" if i else "x") for i in range(draw(st.integers(1, limits[1])))]
    c = Choice(draw, list(given), safe=True)
    for _ in range(draw(st.integers(1, limits[0]))):
        c.tensors.extend(
            new
            for new in _step(c, recipes)
            if literal_size(new.shape) <= LARGEST and new.ndim <= MOST_AXES and new.dtype.kind == "f"
        )
    last = c.tensors[-1]
    return DrawnFunction(Graph([x.node for x in given], [(f.sum(last) if last.ndim else last).node]))


def feeds(
    graph: Graph, values: str | Sequence[str] = HOSTILE_VALUES, *, sizes: Sequence[int] = SIZES
) -> st.SearchStrategy[list[Array]]:
    """An array for each input of a graph; symbolic sizes are drawn, and the same for all of them.

    Parameters
    ----------
    graph
        Whose inputs.
    values
        As for `tensors`.
    sizes
        What symbols may stand for.

    Raises
    ------
    InputError
        If these are no graph, no values, or no sizes.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> from hypothesis import find
    >>> x = tg.placeholder(("n", 2), "float32", name="x")
    >>> (fed,) = find(feeds(tg.Graph([x.node], [tg.exp(x).node])), lambda arrays: arrays[0].shape[0] > 1)
    >>> fed.dtype
    dtype('float32')
    """
    if not isinstance(graph, Graph):
        raise impossible("feeds", f"a {type(graph).__name__} is no graph", "give a Graph, such as kernel.graph")
    if not sizes:
        raise impossible("feeds", "sizes is empty", "give some, such as (1, 2, 3)")
    for size in sizes:
        check_count("feeds", "a size", size)
    return _feeds(graph, several("feeds", "values", values, VALUES), tuple(sizes))


@st.composite
def _feeds(draw: st.DrawFn, graph: Graph, values: tuple[str, ...], known: tuple[int, ...]) -> list[Array]:
    symbols = {s for node in graph.inputs for n in node.type.shape if not isinstance(n, int) for s in n.symbols()}
    sizes = {symbol: draw(st.sampled_from(known)) for symbol in sorted(symbols)}
    found: list[Array] = []
    for node in graph.inputs:
        kind = node.type.with_sizes(sizes)
        if not all(isinstance(n, int) and n >= 0 for n in kind.shape):
            reject()  # such as n - 1 for n = 0
        found.append(draw(tensors(kind.dtype, tuple(int(n) for n in kind.shape), values=values)))
    return found
