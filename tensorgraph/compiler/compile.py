"""`compile`: the only place that knows the whole pipeline."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from types import MappingProxyType
from typing import Any, TypeAlias

from tensorgraph.array.leaves import Parameter
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.codegen.emit import emit
from tensorgraph.codegen.kernel import Kernel, Stage
from tensorgraph.compiler.check import check_stages
from tensorgraph.errors import CompileError, InputError
from tensorgraph.ir.graph import Graph, collect_effects, label_of
from tensorgraph.ir.node import Node
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import Tree, flatten_tree
from tensorgraph.passes.fold import drop_identities, fold_constants
from tensorgraph.passes.layout import lay_out
from tensorgraph.passes.simplify import simplify
from tensorgraph.passes.sizes import with_free_names
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.laws.products import transpose_of_matmul
from tensorgraph.schedule.blocks import FINE, Grain
from tensorgraph.schedule.machine import Machine
from tensorgraph.schedule.plan import RESERVED, plan
from tensorgraph.schedule.program import Program

__all__ = ["Options", "Updates", "compile", "compile_graph"]

Updates: TypeAlias = "Mapping[Parameter, TensorLike] | Iterable[tuple[Parameter, TensorLike]]"


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile: see `compile`."""

    locations: bool = True
    fast_math: bool = False
    machine: Machine | None = None
    check: bool = False
    debug_nans: bool = False


def compile(
    inputs: Tensor | Sequence[Tensor],
    outputs: Tree,
    updates: Updates = (),
    *,
    name: str = "kernel",
    locations: bool = True,
    fast_math: bool = False,
    machine: Machine | None = None,
    check: bool = False,
    debug_nans: bool = False,
) -> Kernel:
    """Compile tensors to a kernel: NumPy source, loaded and ready to call.

    Parameters
    ----------
    inputs
        Placeholders, in the order in which arrays are given.
    outputs
        What to compute: one tensor, or nested lists, tuples and dicts of tensors. The kernel gives arrays in
        the same structure, a lone tensor as one array.
    updates
        Pairs of a parameter and its next value, as a dict or a list. All are written together when
        everything has been computed. State that layers record is updated as well.
    name
        What messages and saved modules call the kernel: a Python identifier.
    locations
        Name the user's files and lines in the source.
    fast_math
        Also use laws that are true of real numbers only: sums may be added in another order and factored, and
        log(exp(x)) is x even where exp(x) overflows.
    machine
        What costs are reckoned for; the machine that this runs on unless given. The same graph on the same machine
        gives the same source, byte for byte.
    check
        Hold every stage of the compiler, and every statement of the source, against the interpreter, on random
        inputs of two sizes. Where one differs by more than the laws used may, the error names the law and the
        user's line. Takes a multiple of the time that the interpreter takes.
    debug_nans
        Look for a NaN in every value that the kernel computes, and raise `NaNError` at the first one: it names the
        operation and the user's line, and the state is left as it was. Takes time and memory.

    Returns
    -------
    kernel
        Callable by position or by name.

    Raises
    ------
    InputError
        If an input is no placeholder, is given twice or is missing; if an update has another shape or dtype
        than its parameter; if `machine` is none.
    CompileError
        If there is nothing to compute; if `name` is no name for a function; if a size can be told from no input; if
        the update of a layer's state would be dropped; if a stage does not stand the check.

    Examples
    --------
    >>> import numpy as np
    >>> import tensorgraph as tg
    >>> x = tg.placeholder(("batch",), "float64", name="x")
    >>> total = tg.Parameter(np.zeros(()), name="total")
    >>> step = tg.compile([x], tg.mean(x), updates={total: total + tg.sum(x)})
    >>> step([1.0, 2.0, 3.0])
    array(2.)
    >>> total
    Tensor(6., float64)
    """
    started = perf_counter()
    leaves, structure = flatten_tree(outputs)
    pairs = _pairs(updates)
    if not leaves and not pairs:
        raise located(CompileError("compile: there is nothing to compute: give outputs or updates"))
    if not name.isidentifier() or keyword.iskeyword(name):
        raise located(CompileError(f"compile: name={name!r} is no name for a function"))
    if machine is not None and not isinstance(machine, Machine):
        raise located(InputError(f"compile: machine={machine!r} is no tg.Machine"))
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    graph = Graph([_input(i, x) for i, x in enumerate(given)], [asarray(y).node for y in leaves], pairs)
    refuse_dropped(graph)
    options = Options(locations=locations, fast_math=fast_math, machine=machine, check=check, debug_nans=debug_nans)
    return compile_graph(graph, name, structure, options, started=started)


def refuse_dropped(graph: Graph) -> None:
    """Refuse a derivative of layers whose state updates hang on a result that is not computed."""
    written = {variable for variable, _ in graph.updates}
    primals = [node.primal for node in graph.nodes if node.primal is not None]
    for variable in collect_effects(primals):
        if variable not in written:
            lost = f"compile: the update of {label_of(variable)} would be dropped"
            why = "a layer in training mode records it on its result, and only the gradient is computed"
            raise located(CompileError(f"{lost}: {why}; add the loss to the outputs, or call eval() first"))


def compile_graph(
    graph: Graph, name: str, structure: Tree, options: Options = Options(), *, started: float | None = None
) -> Kernel:
    """Run the stages, keeping what each gives."""
    clock = perf_counter() if started is None else started
    stages: list[Stage] = []

    def record(stage: str, value: Any, laws: Mapping[Law, int] = MappingProxyType({})) -> Any:
        nonlocal clock
        now = perf_counter()
        stages.append(Stage(stage, value, now - clock, laws))
        clock = now
        return value

    made = (compile_graph, (graph, name, structure, options))
    graph = record("trace", with_free_names(graph, RESERVED))
    graph = record("drop identities", drop_identities(graph))
    graph = record("fold constants", fold_constants(graph))
    simplified = simplify(graph, fast_math=options.fast_math)
    graph = record("simplify", simplified.graph, simplified.laws)
    graph, turned = lay_out(graph)
    record("lay out", graph, {transpose_of_matmul: turned} if turned else {})
    if options.debug_nans:
        graph = record("compute next values apart", with_next_values(graph))
    machine = options.machine or Machine.detect()
    program: Program = plan(graph, machine, apart=options.debug_nans)
    record("plan", program, program.laws)
    module = emit(program, name, locations=options.locations, probe="nan" if options.debug_nans else None)
    record("emit", module.source)
    if options.check:
        apart = plan(graph, machine, apart=True, grain=Grain(values=1 << 60))  # a value at a time
        fine = plan(graph, machine, grain=FINE)
        record("check", check_stages(name, stages, apart, (fine, program), fast_math=options.fast_math))
    return Kernel(name, program, module, stages, structure, made)


def with_next_values(graph: Graph) -> Graph:
    """The graph with the next values of its state as outputs too: they are computed before any is written."""
    return Graph(graph.inputs, [*graph.outputs, *(value for _, value in graph.updates)], graph.updates)


def _input(i: int, x: Any) -> Node:
    if not isinstance(x, Tensor):
        raise located(InputError(f"compile: input {i} is a {type(x).__name__}: inputs are placeholders"))
    return x.node


def _pairs(updates: Updates) -> list[tuple[Node, Node]]:
    items = updates.items() if isinstance(updates, Mapping) else updates
    pairs = []
    for item in items:
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            message = f"compile: updates has a {type(item).__name__} where a pair (parameter, value) is to be"
            raise located(InputError(message))
        parameter, value = item
        if not isinstance(parameter, Parameter):
            message = f"compile: updates has a {type(parameter).__name__} where a Parameter is to be updated"
            raise located(InputError(message))
        pairs.append((parameter.node, asarray(value).node))
    return pairs
