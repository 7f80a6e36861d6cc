"""Two ways to compute the same: whether they agree on some arrays, and the smallest case in which they do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from tensorgraph.codegen.inputs import Inputs
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import Options, compile_graph
from tensorgraph.errors import InputError, NaNError, UnsupportedError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.types import Array
from tensorgraph.testing.compiled import kernel_difference
from tensorgraph.testing.minimise import minimise, minimise_arrays
from tensorgraph.testing.outcomes import Allowed, Difference, Neither, Outcome, kind_of, observed, outcome_difference
from tensorgraph.testing.pairs import Pair, joined, minimise_pair
from tensorgraph.testing.programs import Program, computed, run_kernel
from tensorgraph.testing.showing import Shown, compiled_text, pair_text, printed

__all__ = ["Both", "Comparison", "Compiled"]

TRIALS = 120  # of smaller arrays for functions, which may be slow
SECONDS = 20.0  # for which a failure is made smaller, at most


class Comparison(Protocol):
    """Two ways to compute the same."""

    @property
    def programs(self) -> Sequence[Program]:
        """What was given."""

    def difference(self, arrays: Sequence[Array]) -> Difference | None:
        """How they differ, if they do; `Neither` if neither has a value."""

    def shown(self, arrays: Sequence[Array], found: Difference) -> str:
        """A program that shows a difference of the same sort, in a small case."""


class Compiled:
    """A program, compiled, against the interpreter."""

    def __init__(self, program: Program, allowed: Allowed) -> None:
        self.programs = (program,)
        self._program = program
        self._allowed = allowed

    def difference(self, arrays: Sequence[Array]) -> Difference | None:
        """How the kernel differs from the interpreter."""
        program = self._program
        program.check(arrays)
        graph = program.record(arrays)
        if not isinstance(graph, Graph):
            why = f"{program.name} cannot be recorded as a graph for these inputs ({graph})"
            raise InputError(f"{why}: compute with tensors, or give g as well")
        kernel = program.what
        return self._held(graph, arrays, kernel if isinstance(kernel, Kernel) else None)

    def _held(self, graph: Graph, arrays: Sequence[Array], kernel: Kernel | None = None) -> Difference | None:
        """How a kernel of a graph differs; one that is compiled now, unless it is given."""
        made: list[Kernel] = [kernel] if kernel is not None else []

        def compiled() -> Kernel:
            if not made:
                options = Options(locations=False, **(self._program.options or {}))
                made.append(compile_graph(graph, "kernel", list(range(len(graph.outputs))), options))
            return made[0]

        sides = self._sides(graph, lambda given: run_kernel(compiled(), given))
        names, outcomes = [side.name for side in sides], [observed(side, arrays) for side in sides]
        if any(outcome.error is not None for outcome in outcomes):
            if isinstance(outcomes[0].error, NaNError) and _has_nan(graph, arrays):
                raise Neither(names, outcomes)
            return outcome_difference(names, outcomes, self._allowed)
        why = kernel_difference(compiled(), arrays, self._allowed.ulp, self._allowed.atol)
        return Difference(f"{names[0]} differs from {names[1]}: {why}", kind_of(why)) if why else None

    def _sides(self, graph: Graph, run: Callable[[Sequence[Array]], list[Array]]) -> tuple[Program, Program]:
        return (
            Program(f"the kernel of {self._program.name}", None, run, lambda given: graph),
            Program("the interpreter", None, lambda given: computed(graph, given, None), lambda given: graph),
        )

    def shown(self, arrays: Sequence[Array], found: Difference) -> str:
        """The smallest graph whose kernel differs."""
        graph, fed = self._program.graph(arrays), [np.asarray(a) for a in arrays]
        assert graph is not None
        if not self._shows(graph, fed, found):  # the kernel is not what the compiler makes now
            return self._apart(graph, fed)
        graph, fed = minimise(graph, fed, lambda g, a: self._shows(g, a, found), seconds=SECONDS)
        why = (self._held(graph, fed) or found).why
        try:
            return printed(why, compiled_text(graph, fed, self._program.options or {}, self._allowed))
        except UnsupportedError:
            return self._apart(graph, fed)

    def _shows(self, graph: Graph, arrays: Sequence[Array], found: Difference) -> bool:
        try:
            return _alike(self._held(graph, arrays), found)
        except Neither:
            return False

    def _apart(self, graph: Graph, arrays: list[Array]) -> str:
        """A program with what both sides give, for a graph that cannot stand in one: it is shown above it."""
        given, options = self._program, self._program.options or {}
        run = given.run if given.graph(arrays) is graph else lambda fed: computed(graph, fed, options)
        sides = [Shown(side, observed(side, arrays)) for side in self._sides(graph, run)]
        return printed(str(graph), pair_text(sides[0], sides[1], arrays, Allowed(0, 0.0, True)))


def _has_nan(graph: Graph, arrays: Sequence[Array]) -> bool:
    """Whether there is a NaN in a value on the way."""
    read = Inputs("graph", graph).read(arrays, {})
    nodes = [n for n in graph.nodes if len(n.types) == 1 and n.type.dtype.kind in "fc"]
    return any(bool(np.isnan(v).any()) for v in evaluate(nodes, dict(zip(graph.inputs, read, strict=True))))


class Both:
    """Two programs, one against the other."""

    def __init__(self, left: Program, right: Program, allowed: Allowed) -> None:
        if left.name == right.name:
            left, right = replace(left, name=f"f ({left.name})"), replace(right, name=f"g ({right.name})")
        self.programs = (left, right)
        self._names = (left.name, right.name)
        self._allowed = allowed

    def difference(self, arrays: Sequence[Array]) -> Difference | None:
        """How their outcomes differ."""
        for program in self.programs:
            program.check(arrays)
        outcomes = [observed(program, arrays) for program in self.programs]
        if not any(o.results or o.error for o in outcomes):
            raise InputError(f"neither {self._names[0]} nor {self._names[1]} gives a result: let them return arrays")
        return outcome_difference(self._names, outcomes, self._allowed)

    def shown(self, arrays: Sequence[Array], found: Difference) -> str:
        """Both graphs without what they share; else what is known of each side. In any case, the smallest arrays."""
        fed = minimise_arrays(arrays, lambda fed: _alike(self.difference(fed), found), trials=TRIALS, seconds=SECONDS)
        pair = self._pair(fed, found)
        if pair is not None:
            try:
                return self._shown_pair(pair, fed, found)
            except UnsupportedError:
                pass  # it calls a user's function, which text cannot hold
        outcomes = [observed(program, fed) for program in self.programs]
        sides = [self._side(i, outcomes, fed, found) for i in (0, 1)]
        why = (self.difference(fed) or found).why
        return printed(why, pair_text(sides[0], sides[1], fed, self._allowed))

    def _pair(self, arrays: Sequence[Array], found: Difference) -> Pair | None:
        """Both graphs, if they are known and differ as the programs do."""
        first, second = (program.graph(arrays) for program in self.programs)
        pair = joined(first, second, arrays) if first is not None and second is not None else None
        return pair if pair is not None and self._tells(pair.first, pair.second, arrays, found) else None

    def _shown_pair(self, pair: Pair, arrays: Sequence[Array], found: Difference) -> str:
        def tells(first: Graph, second: Graph, fed: list[Array]) -> bool:
            return self._tells(first, second, fed, found)

        pair, fed = minimise_pair(pair, arrays, tells, seconds=SECONDS)
        outcomes = self._computed(pair.first, pair.second, fed)
        sides = [Shown(program, outcome) for program, outcome in zip(self.programs, outcomes, strict=True)]
        why = (outcome_difference(self._names, outcomes, self._allowed) or found).why
        return printed(why, pair_text(sides[0], sides[1], fed, self._allowed, pair))

    def _computed(self, first: Graph, second: Graph, arrays: Sequence[Array]) -> list[Outcome]:
        """What two graphs give, each computed as its program computes."""
        return [
            observed(_computing(program, graph), arrays)
            for program, graph in zip(self.programs, (first, second), strict=True)
        ]

    def _tells(self, first: Graph, second: Graph, arrays: Sequence[Array], found: Difference) -> bool:
        try:
            outcomes = self._computed(first, second, arrays)
            return _alike(outcome_difference(self._names, outcomes, self._allowed), found)
        except Neither:
            return False

    def _side(self, number: int, outcomes: Sequence[Outcome], arrays: Sequence[Array], found: Difference) -> Shown:
        """What is known of one program: its graph, if that shows the difference as well."""
        program, known = self.programs[number], list(outcomes)
        graph = program.graph(arrays)
        if graph is None:
            return Shown(program, outcomes[number])
        known[number] = observed(_computing(program, graph), arrays)
        try:
            same = _alike(outcome_difference(self._names, known, self._allowed), found)
        except Neither:
            same = False
        return Shown(program, outcomes[number], graph if same else None)


def _computing(program: Program, graph: Graph) -> Program:
    """A program that computes a graph in the way of another program."""
    return Program(program.name, None, lambda given: computed(graph, given, program.options), lambda given: graph)


def _alike(one: Difference | None, other: Difference) -> bool:
    return one is not None and one.kind == other.kind
