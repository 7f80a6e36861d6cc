"""Graphs in the DOT language of Graphviz: one cluster per layer, forward down and gradients up beside it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from tensorgraph.errors import CompileError
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder, Variable
from tensorgraph.ir.names import is_literal, name_nodes
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ir.types import format_shape

__all__ = ["render_svg", "to_dot"]

# Okabe and Ito's colours, which stay apart for colour-blind readers; shapes say the same again.
_STYLES = {
    "input": 'shape=ellipse, fillcolor="#56B4E9"',
    "parameter": 'shape=box3d, fillcolor="#E69F00"',
    "constant": 'shape=plaintext, fillcolor="#FFFFFF"',
    "forward": 'shape=box, fillcolor="#F5F5F5"',
    "gradient": 'shape=box, style="filled,rounded,dashed", fillcolor="#FCE4F1"',
    "output": 'shape=doubleoctagon, fillcolor="#009E73"',
}


def to_dot(graph: Graph, name: str = "graph") -> str:
    """The graph as DOT text.

    Parameters
    ----------
    graph
        What to draw. Every layer (scope) is a cluster that holds its forward and its gradient operations;
        edges to gradients of values computed earlier do not pull at the layout.
    name
        The title.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder((3,), name="x")
    >>> print(to_dot(tg.Graph([x.node], [tg.exp(x).node])).splitlines()[0])
    digraph "graph" {
    """
    names = name_nodes(graph)
    number = {node: f"n{i}" for i, node in enumerate(graph.nodes)}
    lines = [
        f"digraph {_quoted(name)} {{",
        f"  label={_quoted(name)}; newrank=true; rankdir=TB;",
        '  node [style=filled, fontname="Helvetica", fontsize=10]; edge [fontname="Helvetica", fontsize=8];',
    ]
    lines += _clusters(graph, names, number)
    lines += [f"  {line}" for line in _edges(graph, number)]
    return "\n".join([*lines, "}"]) + "\n"


def _clusters(graph: Graph, names: dict[Node, str], number: dict[Node, str]) -> list[str]:
    by_scope: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Pick):
            by_scope.setdefault(node.scope, []).append(node)
    lines = []
    for i, (scope, nodes) in enumerate(by_scope.items()):
        indent = "    " if scope else "  "
        drawn = [f"{indent}{number[n]} [{_style(graph, n)}, label={_label(n, names)}];" for n in nodes]
        lines += (
            [f'  subgraph "cluster_{i}" {{ label={_quoted(scope)}; color="#999999";', *drawn, "  }"] if scope else drawn
        )
    return lines


def _style(graph: Graph, node: Node) -> str:
    if isinstance(node.op, Placeholder):
        return _STYLES["input"]
    if isinstance(node.op, Variable):
        return _STYLES["parameter"]
    if isinstance(node.op, Constant):
        return _STYLES["constant"]
    if node in graph.outputs:
        return _STYLES["output"]
    return _STYLES["gradient" if node.primal is not None else "forward"]


def _label(node: Node, names: dict[Node, str]) -> str:
    if is_literal(node):
        assert isinstance(node.op, Constant)
        return _quoted(str(node.op.value))
    title = names[node] if node.op.leaf else node.op.name
    return _quoted(f"{title}\n{', '.join(format_shape(t.shape) for t in node.types)}")


def _quoted(text: str) -> str:
    """A DOT string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _edges(graph: Graph, number: dict[Node, str]) -> Iterator[str]:
    for node in graph.nodes:
        if isinstance(node.op, Pick):
            continue
        for source in node.inputs:
            origin = source.inputs[0] if isinstance(source.op, Pick) else source
            if node.primal is not None and origin.primal is not None:
                # gradients flow up: written the other way round, so that they stand beside their layer
                yield f'{number[node]} -> {number[origin]} [dir=back, color="#CC79A7"];'
            elif node.primal is not None:
                yield f'{number[origin]} -> {number[node]} [constraint=false, style=dotted, color="#999999"];'
            else:
                yield f"{number[origin]} -> {number[node]};"
    for variable, value in graph.updates:
        style = 'constraint=false, style=dashed, color="#D55E00", label="update"'
        yield f"{number[value]} -> {number[variable]} [{style}];"


def render_svg(dot: str, timeout: float = 30.0) -> bytes | None:
    """Draw DOT text as SVG with Graphviz; None where there is no ``dot`` program.

    Parameters
    ----------
    dot
        DOT text.
    timeout
        Seconds after which the drawing is given up.

    Raises
    ------
    CompileError
        If ``dot`` fails or takes too long.
    """
    program = shutil.which("dot")
    if program is None:
        return None
    try:
        done = subprocess.run([program, "-Tsvg"], input=dot.encode(), capture_output=True, timeout=timeout, check=True)
    except subprocess.TimeoutExpired:
        raise CompileError(f"dot took longer than {timeout:g} s: draw fewer nodes") from None
    except subprocess.CalledProcessError as error:
        raise CompileError(f"dot failed: {error.stderr.decode(errors='replace').strip()}") from None
    return done.stdout
