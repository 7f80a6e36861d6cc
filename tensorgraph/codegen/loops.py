"""Blocks as functions: one computes the rows of a block, and ``compute`` calls it for one block after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tensorgraph.codegen.layout import broken, listed
from tensorgraph.codegen.statements import Speller
from tensorgraph.ir.dims import dim_key
from tensorgraph.ir.names import is_literal
from tensorgraph.ir.node import Node
from tensorgraph.ops.reduction import Reduction
from tensorgraph.schedule.blocks import Block
from tensorgraph.schedule.program import Buffer, Program, Statement

__all__ = ["block_function", "loop_lines"]

Probed = Callable[[int, Statement], list[str]]


def block_function(
    program: Program, block: Block, statements: Sequence[Statement], speller: Speller, probed: Probed
) -> tuple[list[str], list[int]]:
    """The lines of the function of a block, and at which of them each statement begins."""
    parameters = [name for name, _, _ in _operands(program, block, statements)]
    lines = broken(f"def {block.name}({', '.join(parameters)}):")
    lines.append('    """Some rows."""')
    starts = []
    for number, statement in enumerate(statements):
        starts.append(len(lines))
        node = statement.node
        whole = node not in block.inside and node not in block.views
        # the rows of a value that is kept whole are an argument, under its own name
        buffer = Buffer(program.names[node], node.type, -1) if whole else statement.buffer
        inner = replace(statement, buffer=buffer, frees=())
        lines += speller.statement(inner, inline=True) + probed(number, inner)
    return lines, starts


def loop_lines(program: Program, block: Block, statements: Sequence[Statement], speller: Speller) -> list[str]:
    """The lines of ``compute`` that run a block."""
    operands = _operands(program, block, statements)
    operations = dict.fromkeys(s.node.op.name for s in statements)
    names = ", ".join(list(operations)[:6]) + (" and others" if len(operations) > 6 else "")
    lines = [f"    # a block of rows at a time stays in the cache: {names}"]
    outside = [s.node for s in statements if s.node not in block.inside and s.node not in block.views]
    for node in outside:
        if node not in program.places:
            shape = listed([str(n) for n in node.type.shape])
            lines += broken(f"    {program.names[node]} = np.empty({shape}, np.{node.type.dtype.name})")
    once = f"{block.name}({', '.join(text for _, text, _ in operands)})"
    length = str(block.length)
    parts = {"rows": "{}[start:stop]", "inner": "{}[: stop - start]", "whole": "{}"}
    each = f"{block.name}({', '.join(parts[how].format(text) for _, text, how in operands)})"
    loop = [
        f"for start in range(0, {length}, {block.rows}):",
        f"    stop = min(start + {block.rows}, {length})",
        f"    {each}",
    ]
    if isinstance(block.length, int):
        lines += [line for text in loop for line in broken(f"    {text}")]
    else:
        lines += [f"    if {length} <= {block.rows}:", *broken(f"        {once}"), "    else:"]
        lines += [line for text in loop for line in broken(f"        {text}")]
    named = [node for node in outside if node in program.places and node in speller.named]
    lines += [f"    {program.names[node]} = {program.places[node].name}" for node in named]
    freed = [program.names[source] for s in statements for source in s.frees]
    return [*lines, *(broken(f"    del {', '.join(freed)}") if freed else [])]


def _operands(program: Program, block: Block, statements: Sequence[Statement]) -> list[tuple[str, str, str]]:
    """What the function takes: its name inside, what is given for it, and which part ("rows", "inner", "whole")."""
    found: dict[str, tuple[str, str]] = {}
    members = set(block.nodes)
    for statement in statements:
        for source in statement.node.inputs:
            if source not in members and not is_literal(source):
                how = "rows" if _has_rows(source, statement.node, block) else "whole"
                found.setdefault(program.names[source], (program.names[source], how))
    for statement in statements:
        node = statement.node
        for buffer in (*((statement.buffer,) if statement.buffer and node in block.inside else ()), *statement.scratch):
            found.setdefault(buffer.name, (buffer.name, "inner"))
        if node not in block.inside and node not in block.views:
            place = program.places.get(node)
            found.setdefault(program.names[node], (place.name if place else program.names[node], "rows"))
    return [(name, text, how) for name, (text, how) in found.items()]


def _has_rows(source: Node, node: Node, block: Block) -> bool:
    kind = source.types[0]
    aligned = kind.ndim >= node.type.ndim or isinstance(node.op, Reduction) or node.op.view
    return bool(kind.ndim) and aligned and dim_key(kind.shape[0]) == dim_key(block.length)
