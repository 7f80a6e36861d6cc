"""The table of a model's layers: result shapes, parameters, floating-point operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorgraph.array.leaves import placeholder
from tensorgraph.array.tensor import Tensor
from tensorgraph.errors import InputError
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.node import topological
from tensorgraph.ir.provenance import Context, context, located
from tensorgraph.ir.tree import flatten_tree
from tensorgraph.ir.types import format_shape
from tensorgraph.nn import calls

if TYPE_CHECKING:
    from tensorgraph.nn.module import Module

__all__ = ["Row", "Summary", "summarize"]


@dataclass(frozen=True, slots=True)
class Row:
    """One layer.

    Attributes
    ----------
    path
        Its path; empty for the model itself.
    kind
        Its class.
    output
        Shapes of its results, of the last call if there were several; empty if it was not called.
    parameters
        Number of trainable elements in it and below.
    flops
        Floating-point operations recorded by it and below; symbolic where sizes are.
    """

    path: str
    kind: str
    output: str
    parameters: int
    flops: DimLike


@dataclass(frozen=True, slots=True)
class Summary:
    """What `Module.summary` gives; prints as a table.

    Attributes
    ----------
    rows
        One per module, in the order of the walk.
    parameters
        Number of trainable elements of the model.
    state
        Number of elements that are not trained: running statistics, keys.
    flops
        Floating-point operations of one forward pass, as in inference.
    """

    rows: tuple[Row, ...]
    parameters: int
    state: int
    flops: DimLike

    def __str__(self) -> str:
        table = [("layer", "type", "output", "parameters", "FLOPs")]
        for row in self.rows:
            depth = row.path.count(".") + 1 if row.path else 0
            label = "  " * depth + row.path if row.path else "(model)"
            table.append((label, row.kind, row.output, f"{row.parameters:,}", _number(row.flops)))
        widths = [max(len(line[i]) for line in table) for i in range(5)]
        lines = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}  {e}".rstrip()
            for a, b, c, d, e in table
        ]
        if self.state:
            lines.append(f"and {self.state:,} elements of state that are not trained")
        return "\n".join(lines)


def _number(value: DimLike) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def summarize(model: Module, inputs: Sequence[Any], dtype: Any) -> Summary:
    """Record one call of the model and count."""
    if not inputs:
        raise located(InputError(f"{type(model).__name__}.summary: give the shape of each input"))
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with context(Context()), calls.observed() as seen:
            result = model(*[_input(model, given, i, dtype) for i, given in enumerate(inputs)])
    finally:
        for module, training in modes:
            module.training = training
    shapes = {id(module): _shapes(output) for module, output in seen}
    flops = _flops_by_path(result, {path for path, _ in model.named_modules()})
    rows = []
    for path, module in model.named_modules():
        size = sum(_size(p) for p in module.parameters())
        output = shapes.get(id(module), "")
        rows.append(Row(path, type(module).__name__, output, size, flops.get(path, 0)))
    state = sum(_size(p) for _, p in model.named_state() if not p.trainable)
    return Summary(tuple(rows), rows[0].parameters, state, rows[0].flops)


def _size(parameter: Tensor) -> int:
    return parameter.size.__index__()


def _input(model: Module, given: Any, i: int, dtype: Any) -> Tensor:
    if isinstance(given, (Tensor, np.ndarray)):
        return given  # type: ignore[return-value]
    if dtype is None:
        floating = (p.dtype for module in model.modules() if not module.waiting for p in _own(module))
        dtype = next((d for d in floating if d.kind in "fc"), np.dtype(np.float32))
    return placeholder(given, dtype, name=f"input_{i}")


def _own(module: Module) -> list[Tensor]:
    return [value for _, value in module.members() if isinstance(value, Tensor)]


def _shapes(result: Any) -> str:
    tensors = [leaf for leaf in flatten_tree(result)[0] if isinstance(leaf, Tensor)]
    return ", ".join(format_shape(t.shape) for t in tensors)


def _flops_by_path(result: Any, paths: set[str]) -> dict[str, DimLike]:
    """Operations of all nodes below the result, for the layer that recorded each and for those around it."""
    roots = [leaf.node for leaf in flatten_tree(result)[0] if isinstance(leaf, Tensor)]
    found: dict[str, DimLike] = {}
    for node in topological(roots):
        count = node.op.flops(*[source.type for source in node.inputs])
        path = node.scope.replace("/", ".")
        while True:
            if path in paths:
                found[path] = found.get(path, 0) + count
            if not path:
                break
            path = path.rpartition(".")[0]
    return found
