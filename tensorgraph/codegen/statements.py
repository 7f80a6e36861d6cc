"""The lines that compute one value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any

from tensorgraph.codegen.layout import broken, commented, listed
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.names import Namer, is_literal, symbols_of
from tensorgraph.ir.node import Node
from tensorgraph.ir.op import format_attribute
from tensorgraph.ir.text import literal, operand_texts, spell
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.elementwise import Elementwise
from tensorgraph.ops.meta import Barrier
from tensorgraph.ops.shape import PermuteDims, Reshape
from tensorgraph.schedule.places import in_memory, is_filled
from tensorgraph.schedule.program import Program, Statement

__all__ = ["Speller", "view_text"]

COPY = "np.copyto({out}, {0})"
GIVES = re.compile(r"np\.[\w.]+\(.*[ =]\{out\}")  # a call that gives the array into which it puts its result
BITS = {1: "int8", 2: "int16", 4: "int32", 8: "int64"}


class Speller:
    """Writes statements, and notes what they need beside them.

    Attributes
    ----------
    numbers
        Definitions of the scalars that statements name: NumPy takes an array of no axes in half the time of a number.
    views
        Definitions of other views of memory, by name.
    named
        Values that are read by their name, and not only through views of their memory.
    symbols
        The symbolic sizes of the graph.
    """

    def __init__(self, program: Program, customs: Mapping[Callable[..., Any], str], namer: Namer) -> None:
        self.numbers: dict[str, str] = {}
        self.views: dict[str, str] = {}
        self.symbols = frozenset(symbols_of(program.graph))
        self._program = program
        self._customs = customs
        self._namer = namer
        self._known: dict[object, str] = {}
        self._inline = False
        self._lasting = {*program.bound, *program.places, *(n for n in program.graph.nodes if n.op.leaf)}
        self._lasting -= set(program.graph.inputs)
        read = [source for s in program.statements for source in ((s.node,) if s.copied else s.node.inputs)]
        self.named = {*read, *program.graph.outputs}
        self.named |= {each.joined for each in program.reduced if each.node in self.named}

    def statement(self, statement: Statement, *, inline: bool = False) -> list[str]:
        """The lines of a statement; `inline` names no views of memory, which is another one in every call."""
        self._inline = inline
        node, names = statement.node, self._program.names
        comment = ", ".join(map(str, node.types))
        comment += f": {len(self._program.joint[node])} values side by side" if node in self._program.joint else ""
        if statement.copied:
            assert statement.buffer is not None
            return commented(f"{statement.buffer.name}[...] = {self._operand(node)}", comment)
        lines = self._in_memory(statement, comment) if statement.buffer else self._fresh(statement, comment)
        if statement.frees:
            lines += broken(f"    del {', '.join(names[source] for source in statement.frees)}")
        return lines

    def calls(self, node: Node | None, operands: Sequence[str], out: str, kinds: Sequence[TensorType]) -> list[str]:
        """The calls that compute a node, or copy, with these operands."""
        if node is None:
            return [f"{out}[...] = {operands[0]}"]
        return [self._filled(t, node, operands, kinds, out, (), inline=True) for t in in_memory(node)]

    def update_operand(self, node: Node) -> str:
        """A value that all elements of an update share, where its memory is."""
        if is_literal(node):
            return self.number(node)
        place = self._program.places.get(node)
        return place.name if place else self._program.names[node]

    def number(self, node: Node) -> str:
        """The name of a scalar constant."""
        assert isinstance(node.op, Constant)
        key = node.op.key()
        if key not in self._known:
            text = literal(node, node.type.dtype)
            self._known[key] = name = self._namer(f"c_{text}" if len(text) < 16 else "c")
            self.numbers[name] = f"np.array({text}, np.{node.type.dtype.name})"
        return self._known[key]

    def _in_memory(self, statement: Statement, comment: str) -> list[str]:
        node, buffer = statement.node, statement.buffer
        assert buffer is not None
        scratch = [b.name for b in statement.scratch]
        operands = [self._aligned(source, node) for source in node.inputs]
        kinds = [source.types[0] for source in node.inputs]
        ways = in_memory(node)
        if len(ways) > 1 and ways[0] == COPY and self._program.places.get(node.inputs[0]) == buffer:
            ways = ways[1:]  # it lies there already
        *first, last = (self._filled(t, node, operands, kinds, buffer.name, scratch) for t in ways)
        lines = [line for text in first for line in broken(f"    {text}")]
        name = self._program.names[node]
        if node not in self.named or name == buffer.name:  # no one reads it by another name than its memory's
            return [*lines, *commented(last, comment)]
        if not GIVES.match(ways[-1]):  # it gives nothing, or another view of the memory
            return [*lines, *broken(f"    {last}"), *commented(f"{name} = {buffer.name}", comment)]
        return [*lines, *commented(f"{name} = {last}", comment)]

    def _fresh(self, statement: Statement, comment: str) -> list[str]:
        program, node = self._program, statement.node
        operands = [self._plain(source) for source in node.inputs]
        ways = in_memory(node)
        if is_filled(node, ways):
            return self._filled_fresh(statement, ways, comment)
        if isinstance(node.op, Barrier):
            code = ", ".join(operand_texts(node, program.names)[: node.op.results])
            comment += ", computed again from here"
        elif isinstance(node.op, Custom):
            code = self._called(node, self._customs[node.op.function])
        elif node.op.helpers:
            code = node.op.spell(operands)
        elif node.op.view:
            code = view_text(node, operands, rows=self._inline)
        elif ways and ", {out})" in ways[0]:
            named = [self._operand(source) for source in node.inputs]
            kinds = [source.types[0] for source in node.inputs]
            code = self._filled(ways[0].replace(", {out})", ")"), node, named, kinds, "", ())
        else:
            code = spell(node, program.names)
        if statement.reordered and not isinstance(node.op, Custom):
            code = f'np.asarray({code}, order="C")'
        return commented(f"{', '.join(program.targets(node))} = {code}", comment)

    def _filled_fresh(self, statement: Statement, ways: Sequence[str], comment: str) -> list[str]:
        """New memory, and the statements that fill it."""
        node, name = statement.node, self._program.names[statement.node]
        scratch = [b.name for b in statement.scratch]
        operands = [self._operand(source) for source in node.inputs]
        kinds = [source.types[0] for source in node.inputs]
        shape = listed([str(n) for n in node.type.shape])
        lines = commented(f"{name} = np.empty({shape}, np.{node.type.dtype.name})", comment)
        texts = [self._filled(way, node, operands, kinds, name, scratch, fresh=True) for way in ways]
        return lines + [line for text in texts for line in broken(f"    {text}")]

    def _operand(self, source: Node) -> str:
        """An operand of a ufunc."""
        return self.number(source) if is_literal(source) else self._program.names[source]

    def _aligned(self, source: Node, node: Node) -> str:
        """An operand with as many axes as the result: NumPy takes arrays of one shape in half the time of others."""
        name, axes = self._operand(source), node.type.ndim - source.types[0].ndim
        stays = source in self._lasting and source not in self._program.places and not self._inline
        if not (stays and axes and source.types[0].ndim and isinstance(node.op, Elementwise)):
            return name
        text = f"{name}.reshape({listed([*['1'] * axes, *(str(n) for n in source.types[0].shape)])})"
        if text not in self._known:
            self._known[text] = view = self._namer(f"{name}_row")
            self.views[view] = text
        return self._known[text]

    def _plain(self, source: Node) -> str:
        """An operand of a function, which may ask for its dtype: a number of NumPy's, never of Python's."""
        return literal(source, None) if is_literal(source) else self._program.names[source]

    def _called(self, node: Node, function: str) -> str:
        kinds = [f"(np.{t.dtype.name}, {listed([str(n) for n in t.shape])})" for t in node.types]
        operands = [self._plain(source) for source in node.inputs]
        return f"call({', '.join([function, *operands])}, results={listed(kinds, '[', ']')})"

    def _filled(
        self, template: str, node: Node, operands: Sequence[str], kinds: Sequence[TensorType], out: str,
        scratch: Sequence[str], *, inline: bool = False, fresh: bool = False,
    ) -> str:  # fmt: skip
        """A statement with its fields filled; `inline` names no views, `fresh` none of the result."""
        inline = inline or self._inline
        parts = []
        for text, field, spec, _ in Formatter().parse(template):
            parts.append(text)
            if field is None:
                continue
            if field.startswith("="):
                parts.append(self._constant(field[1:], node.type))
            elif field == "out":
                parts.append(self._seen(out, spec or "", node.type, kinds, not (inline or fresh)))
            elif field == "*":
                parts.append(", ".join(operands) + ("," if len(operands) == 1 and spec == "tuple" else ""))
            elif field[0] == "s" and field[1:].isdigit():
                parts.append(scratch[int(field[1:])])
            elif field.isdigit():
                i = int(field)
                lasting = node.inputs[i] in self._lasting and not inline
                place = self._program.places.get(node.inputs[i]) if spec and lasting else None
                parts.append(self._seen(place.name if place else operands[i], spec or "", kinds[i], kinds, lasting))
            else:
                parts.append(format_attribute(getattr(node.op, field), operands, inside=spec == "items"))
        return "".join(parts)

    def _constant(self, text: str, kind: TensorType) -> str:
        """The name of a number in the dtype of a result."""
        key = text, kind.dtype
        if key not in self._known:
            self._known[key] = name = self._namer(f"c_{text}")
            self.numbers[name] = f"np.array({text}, np.{kind.dtype.name})"
        return self._known[key]

    def _seen(self, name: str, how: str, kind: TensorType, kinds: Sequence[TensorType], lasting: bool) -> str:
        """A value, or another view of its memory."""
        if not how:
            return name
        shape = listed([str(n) for n in kinds[0].shape])
        text = f"{name}.view(np.{BITS[kind.dtype.itemsize]})" if how == "bits" else f"{name}.reshape({shape})"
        if not lasting:
            return text
        if text not in self._known:
            self._known[text] = view = self._namer(f"{name}_{how}")
            into = self.numbers if name in self.numbers else self.views
            into[view] = text
        return self._known[text]


def view_text(node: Node, operands: Sequence[str], *, rows: bool = False) -> str:
    """A view, by the array's own methods: quicker than NumPy's functions; `rows`: of some rows of the operand."""
    op = node.op
    if isinstance(op, PermuteDims):
        if op.order == (1, 0):
            return f"{operands[0]}.T"
        return f"{operands[0]}.transpose({format_attribute(op.order)})"
    if isinstance(op, Reshape):
        texts = [f"len({operands[0]})", *map(str, op.shape[1:])] if rows else [str(n) for n in op.shape]
        return f"{operands[0]}.reshape({listed(texts)})"
    return op.spell(operands)
