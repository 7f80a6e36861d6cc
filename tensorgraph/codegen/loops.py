"""Blocks as functions: one computes the rows of a block, another those of a lane, and threads take lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tensorgraph.codegen.layout import broken, listed
from tensorgraph.codegen.sizes import block_sizes
from tensorgraph.codegen.statements import Speller
from tensorgraph.ir.names import is_literal
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.schedule.blocks import Block, reads_rows
from tensorgraph.schedule.lanes import InLanes, operation
from tensorgraph.schedule.program import Buffer, Program, Statement

__all__ = ["block_function", "loop_lines"]

BLAS = (Matmul, Vecdot)  # operations that call it

Probed = Callable[[int, Statement], list[str]]

# What the function of a block is given of an operand, and what it is given of it where one block is all.
GIVEN = {
    "rows": ("{0}[start:stop]", "{0}"),
    "whole": ("{0}", "{0}"),
    "columns": ("{0}[:, start:stop]", "{0}"),
    "own rows": ("{0}[thread][: stop - start]", "{0}[0]"),
    "own": ("{0}[thread]", "{0}[0]"),
    "lane": ("{0}[first // {1}, ...]", "{0}[0, ...]"),
}


def block_function(
    program: Program, block: Block, statements: Sequence[Statement], speller: Speller, probed: Probed
) -> tuple[list[str], list[int]]:
    """The lines of the function of a block, and at which of them each statement begins."""
    parameters = [name for name, _, _ in _operands(program, block, statements, speller)]
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
    operands = _operands(program, block, statements, speller)
    operations = dict.fromkeys(operation(s.node).name for s in statements)
    names = ", ".join(list(operations)[:6]) + (" and others" if len(operations) > 6 else "")
    lines = [f"    # a block of rows at a time stays in the cache: {names}"]
    outside = [s.node for s in statements if s.node not in block.inside and s.node not in block.views]
    for node in outside:
        if node not in program.places:
            shape = listed([str(n) for n in node.type.shape])
            lines += broken(f"    {program.names[node]} = np.empty({shape}, np.{node.type.dtype.name})")
        elif isinstance(node.op, InLanes):
            lines.append(f"    {program.places[node].name}.fill({node.op.idle(node.type.dtype)})")
    each, once = (
        f"{block.name}({', '.join(GIVEN[how][form].format(text, block.cut.lane) for _, text, how in operands)})"
        for form in (0, 1)
    )
    length = str(block.cut.length)
    blas = ", blas=True" if any(isinstance(operation(s.node), BLAS) for s in statements) else ""
    loop = [
        "",
        f"def lane_of_{block.name}(thread, first):",
        f"    for start in range(first, min(first + {block.cut.lane}, {length}), {block.cut.rows}):",
        f"        stop = min(start + {block.cut.rows}, {length})",
        f"        {each}",
        "",
        f"share(lane_of_{block.name}, range(0, {length}, {block.cut.lane}), {block.cut.threads}{blas})",
    ]
    indent = "    "
    if not isinstance(block.cut.length, int):
        lines += [f"    if {length} <= {block.cut.rows}:", *broken(f"        {once}"), "    else:"]
        indent = "        "
    lines += [line for text in loop for line in (broken(f"{indent}{text}") if text else [""])]
    named = [node for node in outside if node in program.places and node in speller.named]
    named = [node for node in named if program.names[node] != program.places[node].name]
    lines += [f"    {program.names[node]} = {program.places[node].name}" for node in named]
    freed = [program.names[n] for s in statements for n in s.frees if n not in block.inside]
    return [*lines, *(broken(f"    del {', '.join(freed)}") if freed else [])]


def _operands(
    program: Program, block: Block, statements: Sequence[Statement], speller: Speller
) -> list[tuple[str, str, str]]:
    """What the function takes: its name inside, what is given for it, and which part of that (see `GIVEN`)."""
    found: dict[str, tuple[str, str]] = {}
    members = set(block.nodes)
    for statement in statements:
        for source in statement.node.inputs:
            if source not in members and not is_literal(source):
                how = "rows" if reads_rows(source, statement.node, block.cut.length) else "whole"
                how = "columns" if how == "whole" and isinstance(statement.node.op, InLanes) else how
                found.setdefault(program.names[source], (program.names[source], how))
    for statement in statements:
        node, buffer = statement.node, statement.buffer
        if buffer and node in block.inside:
            found.setdefault(buffer.name, (buffer.name, "own rows"))
        for scratch in statement.scratch:
            how = "own" if isinstance(node.op, InLanes) else "own rows"
            found.setdefault(scratch.name, (scratch.name, how))
        if node not in block.inside and node not in block.views:
            place = program.places.get(node)
            how = "lane" if isinstance(node.op, InLanes) else "rows"
            found.setdefault(program.names[node], (place.name if place else program.names[node], how))
    sizes = [(symbol, symbol, "whole") for symbol in block_sizes(statements, speller.symbols)]
    return [*((name, text, how) for name, (text, how) in found.items()), *sizes]
