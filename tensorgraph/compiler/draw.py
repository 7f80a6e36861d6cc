"""Random inputs on which a graph can be evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tensorgraph.errors import CompileError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.dims import evaluate_dim
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Variable
from tensorgraph.ir.names import symbols_of
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Interval
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array, TensorType

__all__ = ["Trial", "trials"]

SETS = 2  # of sizes
SIZES = (3, 5, 8, 1, 16, 28, 32)  # of the first symbol; the others are larger by one each
BELOW = (4, 2, 1)  # integers are drawn below this: they may be indices
REACH = 2.0  # how far from 0, or from the end of an interval, numbers are drawn
CLEAR = 0.15  # from open ends
NEAR = 0.1  # by which values of the state are moved


@dataclass(frozen=True, slots=True)
class Trial:
    """Arrays for the inputs and variables of a graph, and the sizes that they have."""

    sizes: Mapping[str, int]
    arrays: Mapping[Node, Array]

    def __str__(self) -> str:
        return ", ".join(f"{symbol}={size}" for symbol, size in self.sizes.items())


def trials(graph: Graph) -> list[Trial]:
    """Inputs of two sets of sizes, or of the only one.

    Numbers are drawn from what the operations that read an input are defined for, and values of the state near what
    they are now.

    Raises
    ------
    CompileError
        If the operations refuse all that is drawn.
    """
    count = SETS if symbols_of(graph) else 1
    found: list[Trial] = []
    refused = "no size fits the shapes of the inputs"
    for seed, sizes in enumerate(_sizes(graph)):
        for below in BELOW:
            trial = _drawn(graph, sizes, np.random.default_rng(seed), below)
            try:
                evaluate([*graph.outputs, *(value for _, value in graph.updates)], trial.arrays)
            except Exception as error:  # a user's function may raise anything
                refused = f"{type(error).__name__}: {error}"
                continue
            found.append(trial)
            break
        if len(found) == count:
            return found
    if found:
        return found
    why = f"check: no inputs could be drawn that the operations take ({refused})"
    raise located(CompileError(f"{why}; compile without check=, and use tg.testing.assert_equivalent with yours"))


def _sizes(graph: Graph) -> Iterator[dict[str, int]]:
    """Sizes for which every input has a shape."""
    symbols = symbols_of(graph)
    for first in SIZES if symbols else (0,):
        sizes = {symbol: first + i for i, symbol in enumerate(symbols)}
        if all(evaluate_dim(n, sizes) >= 0 for node in graph.inputs for n in node.type.shape):
            yield sizes


def _drawn(graph: Graph, sizes: Mapping[str, int], rng: np.random.Generator, below: int) -> Trial:
    domains = _domains(graph)
    arrays = {
        node: _array(rng, node.type.with_sizes(sizes), domains.get(node, (-np.inf, np.inf)), below)
        for node in graph.inputs
    }
    return Trial(sizes, arrays | {node: _moved(rng, node) for node in graph.variables})


def _domains(graph: Graph) -> dict[Node, tuple[float, float]]:
    """Per input, where all operations that read it are defined."""
    inputs = set(graph.inputs)
    found: dict[Node, tuple[float, float]] = {}
    for node in graph.nodes:
        for i, source in enumerate(node.inputs):
            if source in inputs:
                low, high = _ends(node.op.domain.interval(i))
                before = found.get(source, (-np.inf, np.inf))
                found[source] = max(before[0], low), min(before[1], high)
    return found


def _ends(interval: Interval) -> tuple[float, float]:
    room = CLEAR if interval.open else 0.0
    return interval.low + room, interval.high - room


def _array(rng: np.random.Generator, kind: TensorType, ends: tuple[float, float], below: int) -> Array:
    shape = tuple(int(str(n)) for n in kind.shape)
    if kind.dtype.kind == "b":
        return rng.random(shape) < 0.5
    if kind.dtype.kind in "iu":
        return rng.integers(0, below, shape).astype(kind.dtype)
    low, high = ends
    if np.isinf(low):
        low = min(-REACH, high - REACH)
    if np.isinf(high):
        high = max(REACH, low + REACH)
    values = rng.uniform(low, max(low, high), shape)
    if kind.dtype.kind == "c":
        return np.asarray(values + 1j * rng.uniform(-REACH, REACH, shape)).astype(kind.dtype)
    return np.asarray(values).astype(kind.dtype)


def _moved(rng: np.random.Generator, node: Node) -> Array:
    """A value near that of a variable; zeros do not stay zeros, integers do not change."""
    assert isinstance(node.op, Variable)
    value: Array = np.array(node.op.storage.value, order="C")
    if value.dtype.kind not in "fc":
        return value
    step = rng.uniform(0.0, NEAR, value.shape)
    return np.asarray(value * (1 + step) + NEAR * step).astype(value.dtype)
