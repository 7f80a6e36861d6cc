"""Compiled kernels: their graph as a function to be differentiated, and their program held to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.errors import GradientError, InputError
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.leaves import Constant, Placeholder
from tensorgraph.ir.node import SYMBOLIC, Node, Pick, Result
from tensorgraph.ir.op import resolve
from tensorgraph.ir.provenance import Context, context, located
from tensorgraph.testing.mismatch import mismatch
from tensorgraph.testing.programs import run_kernel

__all__ = ["check_program", "function_of"]

CLOSE = 1e3  # units of rounding between a program and its graph, relative to the largest number


def function_of(kernel: Kernel, tensors: Sequence[Tensor]) -> Callable[..., Any]:
    """The kernel's graph as a function of tensors, for the sizes of these arguments."""
    graph = kernel.graph
    if len(tensors) != len(graph.inputs):
        counts = f"takes {len(graph.inputs)} arguments, {len(tensors)} are given"
        raise located(GradientError(f"check_gradients: {kernel.name} {counts}"))
    labels = [node.op.label for node in graph.inputs if isinstance(node.op, Placeholder)]
    shapes = [t.numpy().shape for t in tensors]
    try:
        sizes = bind_sizes(zip(labels, [node.type for node in graph.inputs], shapes, strict=True))
    except InputError as error:
        raise located(InputError(f"check_gradients: {kernel.name}: {error}")) from None

    def function(*given: Any) -> list[Tensor]:
        new = dict(zip(graph.inputs, [asarray(x).node for x in given], strict=True))
        for node in graph.nodes:
            if node in new:
                continue
            inputs = [new[i] for i in node.inputs]
            with context(Context(node.scope, node.primal, node.site)):
                if not inputs and node.flags & SYMBOLIC:
                    new[node] = Node(Constant(np.asarray(resolve(node.op, sizes).evaluate())))
                elif not inputs:
                    new[node] = node
                elif isinstance(node.op, Pick):
                    new[node] = Result(inputs[0], node.op.index)
                else:
                    new[node] = Node(resolve(node.op, sizes), *inputs)
        return [Tensor(new[node]) for node in graph.outputs]

    return function


def check_program(kernel: Kernel, tensors: Sequence[Tensor]) -> None:
    """The program must compute what its graph says, or its derivative is another one's.

    State that it updates is compared too, and is afterwards as it was before.
    """
    arrays = [np.asarray(t.numpy(), node.type.dtype) for node, t in zip(kernel.graph.inputs, tensors, strict=True)]
    outputs, state = evaluate_graph(kernel.graph, arrays)
    wanted = [*outputs, *state]
    for k, (a, b) in enumerate(zip(run_kernel(kernel, arrays), wanted, strict=True)):
        if a.dtype.kind not in "fc":
            continue
        tolerance = CLOSE * np.finfo(a.dtype).eps
        if not np.allclose(a, b, tolerance, tolerance * np.max(np.abs(b), initial=0.0), equal_nan=True):
            what = f"result {k}" if k < len(outputs) else f"the next value of state {k - len(outputs)}"
            raise mismatch(f"{what} of {kernel.name} is not what its graph gives")
