"""``python -m tests.oracles.table`` writes docs/testing/ops.md: every operation, and the properties that hold of it.

A cell is filled only by checking the property on samples of the operation. Else it says "missing", and a test fails.
"""

from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tensorgraph as tg
from tensorgraph.autodiff.rules import NONDIFFERENTIABLE, RULES
from tensorgraph.interpret import evaluate_graph
from tensorgraph.ir.axes import AxisMap
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import Op
from tensorgraph.ops import all_ops
from tensorgraph.testing import SAMPLES, UNSAMPLED, Sample, check_gradients
from tests.oracles.references import REFERENCES
from tests.oracles.scalars import SCALARS, points, values

__all__ = ["EXEMPT", "PATH", "PROPERTIES", "cells", "markdown"]

PATH = Path(__file__).parents[2] / "docs" / "testing" / "ops.md"
MISSING = "missing"
DASH = "-"
MOST = 4  # samples of an operation that are looked at here; others are looked at by tests of their own

# Cells that need not be filled, and why.
EXEMPT: Mapping[tuple[str, str], str] = {
    **{(name, "spelling"): "kernels name its operands, and call nothing" for name in ("barrier", "stop_gradient")},
    **{
        ("dim_size", name): UNSAMPLED[op]
        for op in UNSAMPLED
        for name in ("spelling", "axes", "values", "compiled", "text", "pickle")
    },
    **{
        (op.name, "values"): "random numbers: the bits are those of the published test vectors (tests/numerics)"
        for op in all_ops()
        if op.name.startswith("random_")
    },
}

HEAD = """\
# Operations and their properties

Written by `python -m tests.oracles.table`, which checks each property on samples of the operation. What is not true or
not checked says "missing", and a test fails.

- docstring: the class says what it computes.
- spelling: the NumPy expression that kernels contain, evaluated by itself, gives the interpreter's value.
- axes: the axis map fits the types of operands and results.
- values: what they are compared with: mpmath, the definition in nested loops, or Python, element by element.
- reverse, forward: first and second derivatives are the numeric ones.
- compiled: the kernel gives the interpreter's value.
- text: the printed graph reads back as the same graph.
- pickle: so does the pickled one.
"""


class Traced:
    """A sample as a graph."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.arrays = sample.draw(np.random.default_rng(0))
        self.inputs = [tg.placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(self.arrays)]
        self.output = sample.function(*self.inputs)
        self.graph = tg.Graph([x.node for x in self.inputs], [self.output.node]).verify()
        self.nodes = [node for node in self.graph.nodes if isinstance(node.op, sample.op)]

    def value(self, node: Node) -> np.ndarray:
        """What the interpreter gives for a node."""
        return np.asarray(evaluate_graph(tg.Graph(self.graph.inputs, [node]), self.arrays)[0][0])


def docstring(op: type[Op]) -> str:
    """Its own, not the one of the base."""
    return "yes" if op.__doc__ and inspect.cleandoc(op.__doc__) != inspect.cleandoc(Op.__doc__ or "") else MISSING


def each(check: Callable[[Traced], bool]) -> Callable[[type[Op]], str]:
    """A property of samples."""

    def look(op: type[Op]) -> str:
        samples = SAMPLES.get(op, ())[:MOST]
        return "yes" if samples and all(check(Traced(sample)) for sample in samples) else MISSING

    return look


def near(found: Any, expected: Any) -> bool:
    """Equal up to rounding, of one shape."""
    a, b = np.asarray(found), np.asarray(expected)
    if a.shape != b.shape:
        return False
    single = a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1) <= 4 and a.dtype.kind in "fc"
    return bool(np.allclose(a, b, rtol=1e-6 if single else 1e-12, atol=1e-6 if single else 1e-12, equal_nan=True))


def spelling(t: Traced) -> bool:
    """Evaluated as it is emitted."""
    for node in t.nodes:
        names = [f"v{i}" for i in range(len(node.inputs))]
        scope = {"np": np, **{helper.__name__: helper for helper in node.op.helpers}}
        scope.update(zip(names, map(t.value, node.inputs), strict=True))
        if not node.op.numpy or len(node.types) > 1:
            continue
        if not near(eval(node.op.spell(names), scope), t.value(node)):
            return False
    return True


def axes(t: Traced) -> bool:
    """Sizes that agree."""
    for node in t.nodes:
        types = [source.type for source in node.inputs]
        AxisMap.parse(node.op.axes(*types)).sizes(types, node.types)
    return bool(t.nodes)


def value_oracle(op: type[Op]) -> str:
    """The name of what its values are compared with."""
    if op in SCALARS:
        scalar = SCALARS[op]
        arrays = points(scalar, 5, seed=0)
        found = scalar.function(*map(tg.asarray, arrays))
        return "mpmath" if near(found, np.array([float(y) for y in values(op, arrays)])) else MISSING
    samples = [s for s in SAMPLES.get(op, ()) if s.label != "hostile"][:MOST]
    if op in REFERENCES:
        for t in map(Traced, samples):
            for node in t.nodes:
                if len(node.types) == 1 and not near(
                    t.value(node), REFERENCES[op](node.op, *map(t.value, node.inputs))
                ):
                    return MISSING
        return "Python" if samples else MISSING
    if op.helpers and op.evaluate is not Op.evaluate:
        same = all(
            near(Op.evaluate(n.op, *map(t.value, n.inputs)), t.value(n)) for t in map(Traced, samples) for n in t.nodes
        )
        return "nested loops" if same and samples else MISSING
    return MISSING


def gradient(mode: str) -> Callable[[type[Op]], str]:
    """To second order."""

    def look(op: type[Op]) -> str:
        if op in NONDIFFERENTIABLE:
            return DASH
        samples = [s for s in SAMPLES.get(op, ()) if s.differentiable][:MOST]
        for sample in samples:
            check_gradients(sample.function, *sample.draw(np.random.default_rng(0)), order=2, modes=[mode])
        return "order 2" if samples and op in RULES else MISSING

    return look


def compiled(t: Traced) -> bool:
    """The same as interpreted."""
    kernel = tg.compile(t.inputs, t.output)
    return near(kernel(*t.arrays), evaluate_graph(t.graph, t.arrays)[0][0])


def text(t: Traced) -> bool:
    """Reads back."""
    again = tg.Graph.parse(str(t.graph), constants=t.graph.constants())
    return again == t.graph and str(again) == str(t.graph)


def pickled(t: Traced) -> bool:
    """Comes back."""
    again = pickle.loads(pickle.dumps(t.graph))
    ops = [pickle.loads(pickle.dumps(node.op)) == node.op for node in t.nodes]
    return (
        str(again) == str(t.graph) and all(ops) and near(*(evaluate_graph(g, t.arrays)[0][0] for g in (again, t.graph)))
    )


PROPERTIES: Mapping[str, Callable[[type[Op]], str]] = {
    "docstring": docstring, "spelling": each(spelling), "axes": each(axes), "values": value_oracle,
    "reverse": gradient("reverse"), "forward": gradient("forward"), "compiled": each(compiled), "text": each(text),
    "pickle": each(pickled),
}  # fmt: skip


def cells(op: type[Op]) -> dict[str, str]:
    """A word for each property; an exemption is a dash."""
    return {name: DASH if (op.name, name) in EXEMPT else look(op) for name, look in PROPERTIES.items()}


def _filled(op: type[Op]) -> dict[str, str]:
    """Cells, missing where a check raises, which is said."""
    row = {}
    for name, look in PROPERTIES.items():
        try:
            row[name] = DASH if (op.name, name) in EXEMPT else look(op)
        except Exception as error:
            print(f"{op.name}, {name}: {type(error).__name__}: {error}", file=sys.stderr)
            row[name] = MISSING
    return row


def markdown() -> str:
    """The document."""
    rows = {op: _filled(op) for op in all_ops()}
    table = [f"| operation | {' | '.join(PROPERTIES)} |", f"|---|{'---|' * len(PROPERTIES)}"]
    table += [f"| `{op.name}` | {' | '.join(row.values())} |" for op, row in rows.items()]
    why = sorted({f"{op.name}: {NONDIFFERENTIABLE[op]}" for op in rows if op in NONDIFFERENTIABLE})
    exempt: dict[tuple[str, str], list[str]] = {}
    for (name, cell), reason in EXEMPT.items():
        exempt.setdefault((name, reason), []).append(cell)
    notes = [f"- `{name}` ({', '.join(kept)}): {reason}" for (name, reason), kept in sorted(exempt.items())]
    grads = [f"- `{line.split(': ')[0]}`: {line.split(': ', 1)[1]}" for line in why]
    parts = [HEAD.strip(), "\n".join(table), "## Dashes", "\n".join(notes), "No derivative:", "\n".join(grads)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    made = markdown()
    PATH.write_text(made, encoding="utf-8")
    print(f"{PATH.name}: {made.count(MISSING) - 1} cells are missing")
    sys.exit(int(made.count(MISSING) > 1))
