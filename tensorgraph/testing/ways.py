"""Ways to compile a graph that the fuzzer tries: options, machines, loops over blocks of few rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import Options, compile_graph
from tensorgraph.errors import InputError
from tensorgraph.ir.graph import Graph
from tensorgraph.schedule import blocks
from tensorgraph.schedule.machine import Machine

__all__ = ["WAYS", "Way", "way_of"]


@dataclass(frozen=True)
class Way:
    """One way to compile.

    Attributes
    ----------
    name
        What findings call it.
    options
        Keyword arguments of `compile`.
    eager
        Whether operations share loops over blocks of rows wherever they can, not only where that pays.
    sizes
        What symbols stand for when inputs are drawn.
    diets
        What sorts of graphs are drawn for it (see `tensorgraph.testing.diets`).
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    eager: bool = False
    sizes: tuple[int, ...] = (1, 2, 3, 5, 0)
    diets: tuple[str, ...] = ("anything", "anything", "anything", "training", "training", "laws", "models")

    def compiled(self, graph: Graph) -> Kernel:
        """The kernel of a graph, which gives its outputs in a list.

        Examples
        --------
        >>> import tensorgraph as tg
        >>> x = tg.placeholder(("n",), "float64", name="x")
        >>> graph = tg.Graph([x.node], [tg.exp(tg.sin(x) * 2).node])
        >>> [len(way.compiled(graph).program.blocks) for way in (WAYS["plain"], WAYS["blocks"])]
        [0, 1]
        """
        with _eager_blocks() if self.eager else nullcontext():
            made = Options(locations=False, **self.options)
            return compile_graph(graph, "kernel", list(range(len(graph.outputs))), made)

    @property
    def laws_of_reals(self) -> bool:
        """Whether laws are used that are true of real numbers only."""
        return bool(self.options.get("fast_math"))


@contextmanager
def _eager_blocks() -> Iterator[None]:
    """Blocks of a few rows wherever two values can be handed over inside, in what is compiled meanwhile."""
    names = {"LEAST": 1, "CALL": 8, "SHORT": 1}
    before = {name: getattr(blocks, name) for name in names}
    try:
        for name, value in names.items():
            setattr(blocks, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(blocks, name, value)


# Caches of 64 bytes: a block is a few rows.
SMALL = replace(Machine.reference, l2=64)
ROWS = (1, 2, 5, 33, 70, 0)  # enough for several blocks, lanes and threads
LOOPS = ("rows", "rows", "rows", "rows", "anything", "training", "models")

WAYS: Mapping[str, Way] = {way.name: way for way in (
    Way("plain"),
    Way("fast_math", {"fast_math": True}, diets=("laws", "laws", "anything")),
    Way("debug_nans", {"debug_nans": True}),
    Way("without threads", {"machine": replace(Machine.reference, threads=False)}),
    Way("many cores", {"machine": replace(Machine.reference, cores=16, l2=1 << 14)}),
    Way("blocks", {"machine": SMALL}, eager=True, sizes=ROWS, diets=LOOPS),
    Way("blocks, one core", {"machine": replace(SMALL, cores=1)}, eager=True, sizes=ROWS, diets=LOOPS),
    Way("blocks, five cores", {"machine": replace(SMALL, cores=5, l2=600)}, eager=True, sizes=ROWS, diets=LOOPS),
    Way("blocks, fast_math", {"machine": SMALL, "fast_math": True}, eager=True, sizes=ROWS, diets=LOOPS),
    Way("blocks, debug_nans", {"machine": SMALL, "debug_nans": True}, eager=True, sizes=ROWS, diets=LOOPS),
)}  # fmt: skip


def way_of(name: str) -> Way:
    """The way of this name.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> way_of("fast_math").options
    {'fast_math': True}
    """
    if name not in WAYS:
        raise InputError(f"check_stages: way={name!r}: use one of {', '.join(map(repr, WAYS))}")
    return WAYS[name]
