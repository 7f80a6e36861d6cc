"""``check=True``: every stage of the compiler against the one before, and the source against the interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tensorgraph.codegen.kernel import Stage
from tensorgraph.codegen.watch import Watched, watched
from tensorgraph.compiler.draw import Trial, trials
from tensorgraph.errors import CompileError
from tensorgraph.interpret.agreement import differs_from_interpreter
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.graph import Graph, label_of
from tensorgraph.ir.leaves import Placeholder, TurnedStorage, Variable
from tensorgraph.ir.node import Node, Result, substitute, topological
from tensorgraph.ir.provenance import Context, context, located
from tensorgraph.ir.types import Array
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.shape import PermuteDims
from tensorgraph.passes.simplify import simplify
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.tiers import differs_by_laws
from tensorgraph.schedule.program import Program

__all__ = ["check_stages"]

REPORT = "this is a mistake of tensorgraph, not of the program: please report it"


def check_stages(
    name: str, stages: Sequence[Stage], program: Program, others: Sequence[Program], *, fast_math: bool
) -> str:
    """Evaluate the graph after each stage, and run the source, on random inputs.

    Parameters
    ----------
    name
        The kernel's.
    stages
        What the compiler's stages gave.
    program
        The statements, one for each value: each is compared.
    others
        The program itself, and one that has loops over blocks of rows even on few: what they give is compared.
    fast_math
        Whether laws of real numbers were allowed.

    Returns
    -------
    str
        What was compared.

    Raises
    ------
    CompileError
        For the first stage that differs from the one before by more than its laws may; it names the law.
    """
    graphs = [(stage, stage.value) for stage in stages if isinstance(stage.value, Graph)]
    checker = _Checker(name, graphs[0][1], fast_math)
    found = trials(graphs[0][1])
    for trial in found:
        checker.hold_functions(graphs[0][1], trial)
        for (_, before), (stage, after) in pairwise(graphs):
            checker.hold_stage(stage, before, after, trial)
        checker.hold_source(program, trial)
        for other in others:
            checker.hold_whole(other, trial)
    sizes = " and ".join(filter(None, map(str, found)))
    what = f"{len(graphs) - 1} stages and {len(program.statements)} statements agree with the interpreter"
    return f"{what}{f', for {sizes}' if sizes else ''}"


@dataclass(frozen=True, slots=True)
class _Step:
    """A law applied."""

    law: Law
    before: Node
    after: Node


class _Checker:
    """Compares what the stages of one compilation gave."""

    def __init__(self, name: str, traced: Graph, fast_math: bool) -> None:
        self._name = name
        self._inputs = traced.inputs
        self._outputs = len(traced.outputs)
        self._fast_math = fast_math
        # Inputs in place of variables, so that graphs are evaluated on other values than those of the moment.
        self._stand_ins = {v: Node(Placeholder(f"state {i}", v.type)) for i, v in enumerate(traced.variables)}

    def hold_functions(self, graph: Graph, trial: Trial) -> None:
        """Refuse users' functions that give another result each time: there is nothing to compare with."""
        nodes = [node for node in graph.nodes if isinstance(node.op, Custom)]
        if not nodes:
            return
        first, again = evaluate(nodes, trial.arrays), evaluate(nodes, trial.arrays)
        for node, one, other in zip(nodes, first, again, strict=True):
            if not _same(one, other):
                why = f"{node.op.name} gives another result each time for the same operands, so nothing can be compared"
                raise self._located(node, f"{why}: compile without check=, or make it a function of its operands")

    def hold_stage(self, stage: Stage, before: Graph, after: Graph, trial: Trial) -> None:
        """Hold a stage to the tiers of the laws that it used."""
        old, new = self._closed(before), self._closed(after)
        arrays = self._arrays(trial)
        why = differs_by_laws(old, new, stage.laws, arrays)
        if why is None:
            return
        head = f"stage {stage.name!r} changes a value: "
        step = self._culprit(before, trial) if stage.laws else None
        if step is None:
            root = self._roots(before)[int(why.split()[1])]
            used = f"; no law alone, of {', '.join(law.name for law in stage.laws)}" if stage.laws else ""
            raise self._wrong(root, f"{head}{_described(root)}, {_place(why)}{used}", trial)
        apart = self._apart(step, trial)
        law = f"law {step.law.name} ({step.law.statement}; {step.law.tier})"
        became = f"made {step.after.op.name} of {_described(step.before)}"
        raise self._wrong(step.before, f"{head}{law} {became}: {_place(apart or why)}", trial)

    def _culprit(self, graph: Graph, trial: Trial) -> _Step | None:
        """The first application of a law whose two sides differ by more than it may."""
        steps: list[_Step] = []
        simplify(graph, fast_math=self._fast_math, applied=lambda law, old, new: steps.append(_Step(law, old, new)))
        values = evaluate([node for step in steps for node in (step.before, step.after)], trial.arrays)
        for step, old, new in zip(steps, values[::2], values[1::2], strict=True):
            if not _same(old, new) and self._apart(step, trial) is not None:
                return step
        return None

    def _apart(self, step: _Step, trial: Trial) -> str | None:
        sides = [self._graph_of([step.before]), self._graph_of([step.after])]
        return differs_by_laws(sides[0], sides[1], [step.law], self._arrays(trial))

    def hold_source(self, program: Program, trial: Trial) -> None:
        """Hold every statement of the source to the interpreter."""
        arrays = self._known(program.graph, trial)
        inputs = [arrays[node] for node in program.graph.inputs]
        ran = watched(program, self._name, inputs, arrays, trial.sizes)
        nodes = [node for node, _ in ran.values]
        for (node, found), wanted in zip(ran.values, evaluate(nodes, arrays), strict=True):
            self._hold_statement(node, found, wanted, arrays, trial)
        if ran.failure is not None:
            raise self._raised(program, ran, trial)
        self._hold_results(program, ran, arrays, trial)

    def hold_whole(self, program: Program, trial: Trial) -> None:
        """Hold what a program gives to the interpreter, or where its loops add up rows, to the law by which they do."""
        arrays = self._known(program.graph, trial)
        inputs = [arrays[node] for node in program.graph.inputs]
        ran = watched(program, self._name, inputs, arrays, trial.sizes, whole=True)
        if ran.failure is not None:
            raise self._raised(program, ran, trial)
        self._hold_results(program, ran, arrays, trial)

    def _raised(self, program: Program, ran: Watched, trial: Trial) -> Exception:
        node = ran.at or program.graph.outputs[0]
        why = f"{type(ran.failure).__name__}: {ran.failure}".partition("\n")[0]
        return self._wrong(node, f"the source of {_described(node)} raises {why}", trial)

    def _hold_statement(
        self, node: Node, found: Sequence[Array | None], wanted: Any, known: Mapping[Node, Array], trial: Trial
    ) -> None:
        parts = wanted if isinstance(wanted, tuple) else (wanted,)
        for i, (mine, other) in enumerate(zip(found, parts, strict=True)):
            if mine is None or _same(mine, other):
                continue
            root = node if len(parts) == 1 else Result(node, i)
            why = differs_from_interpreter([mine], *self._alone(root, known))
            if why is not None:
                raise self._wrong(node, f"the source computes {_described(node)} wrongly: {_place(why)}", trial)

    def _hold_results(self, program: Program, ran: Watched, known: Mapping[Node, Array], trial: Trial) -> None:
        graph = program.graph
        found = [*ran.outputs, *(ran.state[variable] for variable, _ in graph.updates)]
        labels = [f"output {i}" for i in range(len(graph.outputs))]
        labels += [f"the next value of {label_of(variable)}" for variable, _ in graph.updates]
        for mine, label, root in zip(found, labels, self._roots(graph, len(graph.outputs)), strict=True):
            whole, arrays = self._alone(root, known)
            why = differs_from_interpreter([mine], whole, arrays)
            if why is not None and program.laws:
                why = differs_by_laws(whole, whole, program.laws, arrays, [mine])
            if why is not None:
                raise self._wrong(root, f"the source gives {label} wrongly: {_place(why)}", trial)

    def _alone(self, root: Node, known: Mapping[Node, Array]) -> tuple[Graph, list[Array]]:
        """A graph of one value, with inputs in place of variables as they are stored, and its arrays."""
        leaves = [node for node in topological([root]) if isinstance(node.op, Variable)]
        instead = {leaf: Node(Placeholder(f"state {i}", leaf.type)) for i, leaf in enumerate(leaves)}
        (value,) = substitute([root], instead)
        graph = Graph([*self._inputs, *instead.values()], [value.without_effects()])
        return graph, [known[node] for node in (*self._inputs, *leaves)]

    def _roots(self, graph: Graph, count: int | None = None) -> list[Node]:
        """The outputs that the user asked for, and next values."""
        return [*graph.outputs[: self._outputs if count is None else count], *(value for _, value in graph.updates)]

    def _closed(self, graph: Graph) -> Graph:
        """What a stage gives: next values as the variables of the first one have them."""
        nexts = [_exchanged(value) if _is_turned(variable) else value for variable, value in graph.updates]
        return self._graph_of([*graph.outputs[: self._outputs], *nexts])

    def _graph_of(self, roots: Sequence[Node]) -> Graph:
        """A graph of these, with inputs in place of variables."""
        leaves = [node for node in topological(roots) if isinstance(node.op, Variable)]
        instead = {leaf: self._stand_in(leaf) for leaf in leaves}
        values = [node.without_effects() for node in substitute(roots, instead)]
        return Graph([*self._inputs, *self._stand_ins.values()], values)

    def _stand_in(self, leaf: Node) -> Node:
        """The input in place of a variable; transposed, where a stage has stored it so."""
        if leaf in self._stand_ins:
            return self._stand_ins[leaf]
        return _exchanged(self._stand_ins[self._original(leaf)])

    def _original(self, leaf: Node) -> Node:
        """The variable of the first stage that a transposed one is."""
        assert isinstance(leaf.op, Variable) and isinstance(leaf.op.storage, TurnedStorage)  # noqa: PT018 (for mypy)
        of = leaf.op.storage.of
        return next(v for v in self._stand_ins if isinstance(v.op, Variable) and v.op.storage is of)

    def _known(self, graph: Graph, trial: Trial) -> dict[Node, Array]:
        """The arrays of a trial, those of transposed variables too."""
        turned = [v for v in graph.variables if v not in trial.arrays]
        return {**trial.arrays, **{v: np.array(trial.arrays[self._original(v)].T, order="C") for v in turned}}

    def _arrays(self, trial: Trial) -> list[Array]:
        return [trial.arrays[node] for node in (*self._inputs, *self._stand_ins)]

    def _wrong(self, node: Node, why: str, trial: Trial) -> Exception:
        sizes = f", for {trial}" if trial.sizes else ""
        return self._located(node, f"{why}{sizes}; {REPORT}")

    def _located(self, node: Node, what: str) -> Exception:
        origin = node if node.primal is None else node.primal
        with context(Context(origin.scope, None, origin.site)):
            return located(CompileError(f"{self._name}: check: {what}"))


def _is_turned(variable: Node) -> bool:
    return isinstance(variable.op, Variable) and isinstance(variable.op.storage, TurnedStorage)


def _exchanged(node: Node) -> Node:
    """A matrix with its axes exchanged."""
    return Node(PermuteDims((1, 0)), node)


def _same(a: Any, b: Any) -> bool:
    """Whether two values are the same bits."""
    if isinstance(a, tuple):
        return all(map(_same, a, b))
    return a.dtype == b.dtype and a.shape == b.shape and np.asarray(a).tobytes() == np.asarray(b).tobytes()


def _described(node: Node) -> str:
    """``add: float64[3] and float64[]``."""
    operands = " and ".join(str(source.types[0]) for source in node.inputs)
    what = "" if node.primal is None else f"the gradient of {node.primal.op.name}, "
    return f"{what}{node.op.name}{f' of {operands}' if operands else ''}"


def _place(why: str) -> str:
    """Without the number of the result."""
    return why.split(" ", 2)[2] if why.startswith("result ") else why
