"""Symbolic sizes as expressions of the shapes of inputs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from string import Formatter
from typing import Any, NamedTuple

from tensorgraph.errors import CompileError
from tensorgraph.ir.dims import Dim, DimLike
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.names import symbols_of
from tensorgraph.ir.node import Node
from tensorgraph.ir.provenance import located
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.shape import Reshape
from tensorgraph.schedule.places import in_memory, is_filled
from tensorgraph.schedule.program import Program, Statement

NAME = re.compile(r"[A-Za-z_]\w*")

__all__ = ["block_sizes", "read_sizes", "size_expressions", "workspace_sizes"]


def workspace_sizes(program: Program) -> list[str]:
    """The symbols that the memory, and what is made with it, depend on, in order."""
    memory = [size for buffer in program.buffers for size in buffer.type.shape]
    loops = [size for block in program.blocks for size in (block.cut.length, block.cut.row)]
    found = _distinct([*loops, *memory, *(size for node in program.bound for size in _spelled(node))])
    own = {symbol for block in program.blocks for symbol in block.cut.texts()}
    return [symbol for symbol in found if symbol not in own]


def read_sizes(program: Program) -> list[str]:
    """The symbols that statements spell, in order."""
    symbols = set(symbols_of(program.graph))
    if not symbols:
        return []
    plain = (size for s in program.statements if not s.copied and s.block is None for size in _read(s, symbols))
    fresh = (n for b in program.blocks for node in b.nodes if node not in program.places for n in node.type.shape)
    inner = _inner(program.statements, symbols)
    return _distinct([*plain, *(block.cut.length for block in program.blocks), *fresh, *inner])


def block_sizes(statements: Sequence[Statement], symbols: Set[str]) -> list[str]:
    """Those of the graph's symbols that these statements spell in the function of a block, in order."""
    return _distinct(_inner(statements, symbols))


def _inner(statements: Iterable[Statement], symbols: Set[str]) -> Iterator[DimLike]:
    """The sizes that statements of blocks spell: of what keeps its rows, those of the other axes."""
    for statement in statements:
        if statement.block is None:
            continue
        op = statement.node.op
        if isinstance(op, Reshape):
            yield from _dims(op.shape[1:])
        elif not op.view:
            yield from _named(statement.node, in_memory(statement.node), symbols)


def _read(statement: Statement, symbols: Set[str]) -> Iterator[DimLike]:
    """The sizes that a statement spells."""
    node = statement.node
    ways = in_memory(node)
    if statement.buffer is None:
        filled = is_filled(node, ways)
        yield from node.type.shape if filled else _spelled(node)
        ways = ways if filled else ()
    yield from _named(node, ways, symbols)


def _named(node: Node, ways: Iterable[str], symbols: Set[str]) -> Iterator[DimLike]:
    """The sizes that these spellings name."""
    attributes = node.op.attributes()
    for text, field, _, _ in (part for way in ways for part in Formatter().parse(way)):
        yield from (Dim.symbol(name) for name in NAME.findall(text) if name in symbols)
        yield from _dims(attributes.get(field)) if field else ()


def _spelled(node: Node) -> Iterator[DimLike]:
    if isinstance(node.op, Custom):
        yield from (size for kind in node.types for size in kind.shape)
    else:
        yield from _dims(tuple(node.op.attributes().values()))


def _dims(value: Any) -> Iterator[Dim]:
    if isinstance(value, Dim):
        yield value
    elif isinstance(value, slice):
        yield from _dims((value.start, value.stop, value.step))
    elif isinstance(value, tuple):
        for item in value:
            yield from _dims(item)


def _distinct(sizes: Iterable[DimLike]) -> list[str]:
    return list(dict.fromkeys(s for size in sizes if isinstance(size, Dim) for s in size.symbols()))


class _Found(NamedTuple):
    text: str
    after: frozenset[str] = frozenset()  # the symbols in the text


def size_expressions(graph: Graph, names: Mapping[Node, str], symbols: Iterable[str]) -> dict[str, str]:
    """How each of these symbols, and those that it is computed from, follow from the shapes of the inputs.

    Raises
    ------
    CompileError
        If no input has the size as an axis, plainly or in an axis such as ``2*n + 1``.
    """
    found: dict[str, _Found] = {}
    composed: list[tuple[Dim, str]] = []
    for node in graph.inputs:
        for axis, size in enumerate(node.type.shape):
            text = f"{names[node]}.shape[{axis}]"
            if isinstance(size, Dim) and str(size).isidentifier():
                found.setdefault(str(size), _Found(text))
            elif isinstance(size, Dim):
                composed.append((size, text))
    needed = set(symbols)
    while missing := sorted(needed - found.keys()):
        if not any(_solve(size, text, found) for size, text in composed):
            why = f"size {missing[0]} cannot be told from the inputs: give one that has it as an axis"
            raise located(CompileError(why))
    for symbol in reversed(found):  # a symbol stands after those that it is computed from
        needed |= found[symbol].after if symbol in needed else set()
    return {symbol: text for symbol, (text, _) in found.items() if symbol in needed}


def _solve(size: Dim, text: str, found: dict[str, _Found]) -> bool:
    """Solve ``2*n + k = x.shape[0]`` for the one unknown, if that can be done."""
    unknown = set(size.symbols()) - set(found)
    linear = [(monomial, slope) for monomial, slope in size.terms if monomial in {(symbol,) for symbol in unknown}]
    rest = Dim(tuple(term for term in size.terms if term not in linear))
    if len(unknown) != 1 or len(linear) != 1 or unknown & set(rest.symbols()):
        return False
    slope = linear[0][1]
    value = f"{text} - ({rest})" if rest.terms else text
    whole = f"({value}) // {slope}" if rest.terms else f"{text} // {slope}"
    found[unknown.pop()] = _Found(value if slope == 1 else whole, frozenset(rest.symbols()))
    return True
