"""What to say of the first NaN that a kernel computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tensorgraph.codegen.emit import Module
from tensorgraph.codegen.load import failed_at
from tensorgraph.codegen.runtime import refuse_nan
from tensorgraph.errors import NaNError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder, Variable
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ir.provenance import Context, context, located
from tensorgraph.ir.types import Array
from tensorgraph.ops.meta import Barrier
from tensorgraph.schedule.program import Program

__all__ = ["nan_error"]


def nan_error(
    error: Exception, name: str, filename: str, module: Module, program: Program, arrays: Sequence[Array]
) -> Exception | None:
    """The error to raise for one that ``refuse_nan`` raised in a module; None if it is another.

    Parameters
    ----------
    error
        What was raised.
    name, filename, module, program
        The kernel's.
    arrays
        Its inputs.
    """
    node = failed_at(error, filename, module)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if node is None or trace is None or not isinstance(error, FloatingPointError):
        return None
    code = trace.tb_frame.f_code
    if code.co_filename != filename or code.co_name != refuse_nan.__name__:
        return None  # a user's function raised it
    origin = node if node.primal is None else node.primal
    what = "" if node.primal is None else f"in the gradient of {origin.op.name}, "
    operands = " and ".join(str(source.types[0]) for source in node.inputs)
    cause = _cause(node, program, dict(zip(program.graph.inputs, arrays, strict=True)))
    with context(Context(origin.scope, None, origin.site)):
        return located(NaNError(f"{name}: {what}{node.op.name}: {operands} gave a {error}, {cause}"))


def _cause(node: Node, program: Program, fed: dict[Node, Array]) -> str:
    """Where the NaN came from. Operands that were computed have none: they would have been refused."""
    bound = set(program.bound)
    for source in node.inputs:
        origin = _origin(source)
        if not (origin.op.leaf or origin in bound) or source.types[0].dtype.kind not in "fc":
            continue
        with np.errstate(all="ignore"):
            value = evaluate([source], fed)[0]
        if np.isnan(value).any():
            return _told(origin, evaluate([origin], fed)[0], program.graph)
    return "and its operands have none: look for 0/0, inf - inf, 0*inf or a number outside the operation's domain"


def _told(origin: Node, value: Array, graph: Graph) -> str:
    place = tuple(np.argwhere(np.isnan(value))[0].tolist())
    at = f"one at {place}" if value.ndim else "one"
    if isinstance(origin.op, Placeholder):
        return f"because input {origin.op.label!r} was given {at}: mend what is fed"
    if isinstance(origin.op, Variable):
        return f"because parameter {origin.op.label!r} had {at} before this call: assign it another value"
    if isinstance(origin.op, Constant):
        return f"because a constant has {at}"
    return f"because {origin.op.name} of constants and sizes has {at}"


def _origin(node: Node) -> Node:
    """What a value is a view of."""
    while True:
        if isinstance(node.op, Pick) and isinstance(node.inputs[0].op, Barrier):
            node = node.inputs[0].inputs[node.op.index]
        elif node.op.view and len(node.types) == 1 and not isinstance(node.op, Pick):
            node = node.inputs[0]
        else:
            return node
