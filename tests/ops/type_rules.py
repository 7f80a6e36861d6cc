"""Operands that differ from a sample's in one thing: what a type rule accepts must have the type that it states."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tensorgraph as tg
from tensorgraph.errors import TensorGraphError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.node import Node
from tensorgraph.testing import Sample

DTYPES = ("bool", "uint8", "int64", "float16", "float32", "float64", "complex64", "complex128")
OUTSIDE = ("out of bounds", "too many indices")  # what an index says of an axis that is too short


def variants(arrays: list[np.ndarray]) -> Iterator[tuple[str, list[np.ndarray]]]:
    """The operands with one of them of another dtype, an element longer or shorter, or with an axis more."""
    for i, a in enumerate(arrays):
        for what, other in _of(a):
            yield f"operand {i}, {what}", [*arrays[:i], other, *arrays[i + 1 :]]


def _of(a: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    for name in DTYPES:
        if a.dtype != name:
            yield name, (a if name.startswith("complex") else a.real).astype(name)
    for k in range(a.ndim):
        yield f"axis {k} longer", np.concatenate([a, np.ones((*a.shape[:k], 1, *a.shape[k + 1 :]), a.dtype)], axis=k)
        if a.shape[k]:
            yield f"axis {k} shorter", np.delete(a, 0, axis=k)
    yield "an axis more", a[None]


def check_type_rule(sample: Sample) -> int:
    """How many variants the rule accepted; each of them has been computed."""
    arrays = sample.draw(np.random.default_rng(0))
    inputs = [tg.placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)]
    graph = tg.Graph([x.node for x in inputs], [sample.function(*inputs).node])
    accepted = 0
    for node in (n for n in graph.nodes if type(n.op) is sample.op):
        operands = evaluate(node.inputs, dict(zip(graph.inputs, arrays, strict=True)))
        for what, changed in variants(operands):
            try:
                made = Node(node.op, *[tg.asarray(a).node for a in changed])
            except TensorGraphError:
                continue
            accepted += 1
            _check_types(made, changed, f"{sample}: {what}")
    return accepted


def _check_types(node: Node, operands: list[np.ndarray], what: str) -> None:
    try:
        with np.errstate(all="ignore"):
            found = node.op.evaluate(*operands)
    except IndexError as error:
        assert any(text in str(error) for text in OUTSIDE), what  # noqa: PT017 (which IndexError it is)
        return
    for value, kind in zip(found if isinstance(found, tuple) else (found,), node.types, strict=True):
        value = np.asarray(value)  # noqa: PLW2901
        assert (value.dtype, value.shape) == (kind.dtype, kind.shape), what
