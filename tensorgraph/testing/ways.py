"""Ways to compile a graph that the fuzzer tries: options, machines, loops over blocks of few rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import Options, compile_graph
from tensorgraph.errors import InputError
from tensorgraph.ir.graph import Graph
from tensorgraph.schedule.blocks import FINE, Grain
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
    grain
        From what on loops over blocks of rows pay, if not as measured.
    sizes
        What symbols stand for when inputs are drawn.
    diets
        What sorts of graphs are drawn for it (see `tensorgraph.testing.diets`).
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    grain: Grain | None = None
    sizes: tuple[int, ...] = (1, 2, 3, 5, 0)
    diets: tuple[str, ...] = ("anything", "anything", "anything", "laws", "laws", "training", "training", "models")

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
        made = Options(locations=False, **self.options)
        return compile_graph(graph, "kernel", list(range(len(graph.outputs))), made, grain=self.grain)

    @property
    def laws_of_reals(self) -> bool:
        """Whether laws are used that are true of real numbers only."""
        return bool(self.options.get("fast_math"))


ROWS = (1, 2, 5, 33, 70, 0)  # enough for several blocks, lanes and threads
LOOPS = ("rows", "rows", "rows", "rows", "anything", "training", "models")


def _loops(name: str, grain: Grain = FINE, **options: Any) -> Way:
    """Loops over blocks of few rows wherever there can be any."""
    return Way(name, options, grain, ROWS, LOOPS)


WAYS: Mapping[str, Way] = {way.name: way for way in (
    Way("plain"),
    Way("fast_math", {"fast_math": True}, diets=("laws", "laws", "anything")),
    Way("debug_nans", {"debug_nans": True}),
    Way("without threads", {"machine": replace(Machine.reference, threads=False)}),
    Way("many cores", {"machine": replace(Machine.reference, cores=16, l2=1 << 14)}),
    _loops("blocks", machine=Machine.reference),
    _loops("blocks, one core", machine=replace(Machine.reference, cores=1)),
    _loops("blocks, five cores", replace(FINE, room=600), machine=replace(Machine.reference, cores=5)),
    _loops("blocks, fast_math", machine=Machine.reference, fast_math=True),
    _loops("blocks, debug_nans", machine=Machine.reference, debug_nans=True),
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
