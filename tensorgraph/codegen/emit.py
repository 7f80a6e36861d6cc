"""Emit a program as a module of NumPy source: the user's names, a type behind every statement."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from tensorgraph.errors import CompileError
from tensorgraph.ir.dims import Dim
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.names import is_literal, symbols_of
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ir.text import literal, operand_texts, spell
from tensorgraph.ops.meta import Barrier
from tensorgraph.schedule.program import Program, Statement

__all__ = ["emit", "state_nodes"]


def emit(program: Program, name: str, *, locations: bool = True) -> str:
    """The source of a module with two functions: ``buffers`` makes memory, ``compute`` runs the program.

    Parameters
    ----------
    program
        What to emit.
    name
        What the kernel is called, in the module's docstring.
    locations
        Name the user's files and lines in comments.
    """
    parts = [_header(program, name), *map(source_of, _helpers(program.graph)), _buffers(program), _compute(program, locations)]
    return "\n\n".join(part.strip("\n") + "\n" for part in parts)


def state_nodes(graph: Graph) -> list[Node]:
    """What ``compute`` takes as state: variables, then constants too large to print."""
    constants = [n for n in graph.nodes if isinstance(n.op, Constant) and n.op.large]
    return [*graph.variables, *constants]


def _header(program: Program, name: str) -> str:
    graph = program.graph
    takes = ", ".join(f"{program.names[n]}: {n.type}" for n in graph.inputs) or "nothing"
    gives = ", ".join(str(n.type) for n in graph.outputs) or "nothing"
    lines = [
        f'"""{name}, emitted by tensorgraph: needs nothing but NumPy.',
        "",
        *textwrap.wrap(f"Takes {takes}.", 110),
        *textwrap.wrap(f"Gives {gives}.", 110),
        '"""',
        "",
        "from __future__ import annotations",
        "",
        *_imports(program),
    ]
    constants = [n for n in graph.nodes if isinstance(n.op, Constant) and not n.op.large and not is_literal(n)]
    if constants:
        lines += ["", *(f"{program.names[n]} = {spell(n, program.names)}  # {n.type}" for n in constants)]
    return "\n".join(lines)


def _imports(program: Program) -> list[str]:
    text = "".join(source_of(helper) for helper in _helpers(program.graph))
    lines = []
    if "factorial(" in text:
        lines.append("from math import factorial")
    if "Any" in text:
        lines.append("from typing import Any")
    lines = [*lines, ""] if lines else []
    lines.append("import numpy as np")
    if "NDArray" in text:
        lines.append("from numpy.typing import NDArray")
    return lines


def _helpers(graph: Graph) -> list[Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for node in graph.nodes:
        for helper in node.op.helpers:
            if found.setdefault(helper.__name__, helper) is not helper:
                raise CompileError(f"two different functions are called {helper.__name__!r}: rename one of them")
    return list(found.values())


@cache
def source_of(function: Callable[..., Any]) -> str:
    """The text of a helper function."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise CompileError(
            f"the source of {function.__name__!r} cannot be found: define it in a file with def, not by eval"
        ) from None


def _buffers(program: Program) -> str:
    graph = program.graph
    names = [symbol for symbol in symbols_of(graph)]
    lines = [f"def buffers({', '.join(names)}):", '    """Memory that calls take turns in."""']
    if not program.buffers:
        return "\n".join([*lines, "    return ()"])
    lines.append("    return (")
    for buffer in program.buffers:
        shape = "".join(f"{n}, " for n in buffer.type.shape).rstrip()
        shape = shape if len(buffer.type.shape) == 1 else shape.rstrip(",")
        lines.append(f"        np.empty(({shape}), np.{buffer.type.dtype.name}),  # {buffer.name}")
    return "\n".join([*lines, "    )"])


def _compute(program: Program, locations: bool) -> str:
    graph, names = program.graph, program.names
    lines = [
        f"def compute({''.join(f'{names[n]}, ' for n in graph.inputs)}state, memory):",
        '    """Outputs, then next values of the state."""',
    ]
    state = [names[n] for n in state_nodes(graph)]
    if state:
        lines.append(f"    {_unpacked(state)} = state")
    if program.buffers:
        lines.append(f"    {_unpacked([b.name for b in program.buffers])} = memory")
    lines.extend(f"    {line}" for line in _sizes(graph, program))
    place = ""
    for statement in program.statements:
        comment = _place(statement.node, locations)
        if comment != place:
            place = comment
            lines += ["", f"    # {comment}"] if comment else [""]
        lines.append(f"    {_statement(program, statement)}")
    lines += ["", f"    return {_returned(program, graph.outputs)}, {_returned(program, [v for _, v in graph.updates])}"]
    return "\n".join(lines)


def _unpacked(names: list[str]) -> str:
    return ", ".join(names) + ("," if len(names) == 1 else "")


def _sizes(graph: Graph, program: Program) -> Iterator[str]:
    """How each symbolic size follows from the shapes of the inputs."""
    for symbol in symbols_of(graph):
        best = None
        for node in graph.inputs:
            for axis, size in enumerate(node.type.shape):
                if isinstance(size, Dim) and set(size.symbols()) == {symbol}:
                    text = f"{program.names[node]}.shape[{axis}]"
                    if str(size) == symbol:
                        best = text
                        break
                    best = best or _solved(size, symbol, text)
            if best and "//" not in best:
                break
        if best is None:
            raise CompileError(f"size {symbol} cannot be told from the inputs: give one that has it as an axis")
        yield f"{symbol} = {best}"


def _solved(size: Dim, symbol: str, text: str) -> str:
    """``2*n + 1 = x.shape[0]`` solved for n."""
    offset = size.terms[-1][1] if size.terms[-1][0] == () else 0
    linear = [c for monomial, c in size.terms if monomial == (symbol,)]
    if len(size.terms) != bool(offset) + 1 or not linear:
        raise CompileError(f"size {symbol} cannot be told from {size}: give an input that has it as an axis")
    shifted = f"({text} - {offset})" if offset else text
    return f"{shifted} // {linear[0]}" if linear[0] != 1 else shifted.strip("()")


def _place(node: Node, locations: bool) -> str:
    origin = node.primal if node.primal is not None else node
    parts = ["gradient" if node.primal is not None else "", node.scope]
    if locations and origin.location is not None:
        parts.append(str(origin.location))
    return ", ".join(filter(None, parts))


def _statement(program: Program, statement: Statement) -> str:
    node = statement.node
    types = ", ".join(map(str, node.types))
    if isinstance(node.op, Barrier):
        operands = operand_texts(node, program.names)[: node.op.results]
        return f"{_targets(program, node)} = {', '.join(operands)}  # {types}, computed again from here"
    out = statement.buffer.name if statement.buffer else None
    return f"{_targets(program, node)} = {spell(node, program.names, out)}  # {types}"


def _targets(program: Program, node: Node) -> str:
    if len(node.types) == 1:
        return program.names[node]
    picks = {n.op.index: program.names[n] for n in program.graph.nodes if isinstance(n.op, Pick) and n.inputs[0] is node}
    return ", ".join(picks.get(i, "_") for i in range(len(node.types)))


def _returned(program: Program, nodes: list[Node] | tuple[Node, ...]) -> str:
    texts = []
    for node in nodes:
        text = program.names[node] if node in program.names else literal(node, None)
        texts.append(f"np.array({text})" if node in program.copied else text)
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


