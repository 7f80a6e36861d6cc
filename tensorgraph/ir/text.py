"""The text form of graphs: one line per node in NumPy spelling, its type behind; and reading it back.

Reading inverts the spelling templates: each becomes a pattern over Python's syntax tree, in which
placeholders match operands and attributes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from string import Formatter
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorgraph.errors import ParseError, TensorGraphError
from tensorgraph.ir.dims import parse_dim
from tensorgraph.ir.leaves import Constant, Leaf, Placeholder, Storage, Variable, constant, is_uniform
from tensorgraph.ir.names import is_literal, name_nodes
from tensorgraph.ir.node import Effect, Node, Pick, Result
from tensorgraph.ir.op import Op, Operand
from tensorgraph.ir.provenance import Context, Location, context
from tensorgraph.ir.types import Array, TensorType, as_dtype

if TYPE_CHECKING:
    from tensorgraph.ir.graph import Graph

__all__ = ["format_graph", "literal", "operand_texts", "parse_graph", "spell"]

FEW = 8  # elements: more of one number are printed as that number


# ---- printing


def format_graph(graph: Graph) -> str:
    """The whole graph as text."""
    names = name_nodes(graph)
    lines = [f"def graph({', '.join(names[node] for node in graph.inputs)}):"]
    for node in graph.nodes:
        if is_literal(node) or isinstance(node.op, Pick):
            continue
        types = ", ".join(map(str, node.types))
        lines.append(f"    {_targets(graph, node, names)} = {spell(node, names)}  # {types}")
    lines.extend(f"    update({names[variable]}, {_value(value, names)})" for variable, value in graph.updates)
    outputs = ", ".join(_value(node, names) for node in graph.outputs)
    return "\n".join([*lines, f"    return {outputs}".rstrip()])


def _targets(graph: Graph, node: Node, names: Mapping[Node, str]) -> str:
    if len(node.types) == 1:
        return names[node]
    picks = {n.op.index: names[n] for n in graph.nodes if isinstance(n.op, Pick) and n.inputs[0] is node}
    return ", ".join(picks.get(i, "_") for i in range(len(node.types))) + ("," if len(node.types) == 1 else "")


def _value(node: Node, names: Mapping[Node, str]) -> str:
    return names[node] if node in names else literal(node, None)


def spell(node: Node, names: Mapping[Node, str], out: str | None = None) -> str:
    """The NumPy expression of one node."""
    op = node.op
    if isinstance(op, (Placeholder, Variable)):
        trainable = not isinstance(op, Variable) or op.storage.trainable
        return op.spell(()) if trainable else f"parameter({op.label!r}, trainable=False)"
    if isinstance(op, Constant):
        return f"constant({names[node]!r})" if op.large else _array_text(op.value)
    return op.spell(operand_texts(node, names), out)


def operand_texts(node: Node, names: Mapping[Node, str]) -> list[str]:
    """Operands by name; scalar constants in place, bare where NumPy's weak promotion gives their dtype."""
    dtype = next((i.type.dtype for i in node.inputs if len(i.types) == 1 and not is_literal(i)), None)
    tuples = [a for a in node.op.attributes().values() if isinstance(a, tuple)]
    placed = {item.position for items in tuples for item in items if isinstance(item, Operand)}
    return [  # in brackets a bare number would be an attribute
        literal(source, None if i in placed else dtype) if is_literal(source) else names.get(source, "")
        for i, source in enumerate(node.inputs)
    ]


def literal(node: Node, dtype: np.dtype[Any] | None) -> str:
    """A scalar constant: bare next to an operand of its own dtype, else with its dtype spelled."""
    assert isinstance(node.op, Constant)
    value = node.op.value
    text = _scalar_text(value[()])
    if text is None:
        return f"np.frombuffer({value.tobytes()!r}, dtype=np.{value.dtype.name})[0]"
    return text if dtype is not None and value.dtype == dtype else f"np.{value.dtype.name}({text})"


def _scalar_text(value: Any) -> str | None:
    """The shortest text that reads back as these very bits, if there is any."""
    if isinstance(value, (np.bool_, np.integer)):
        return str(value.item())
    if isinstance(value, np.complexfloating):
        real, imag = _scalar_text(value.real), _scalar_text(value.imag)
        return None if real is None or imag is None else f"complex({real}, {imag})"
    if np.isnan(value):
        return "np.nan" if _reads_back("nan", value) else None  # another NaN has a sign or a payload
    if np.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    short = str(value)
    text = short if "." in short or "e" in short else f"{short}.0"
    return next((t for t in (text, repr(float(value))) if _reads_back(t, value)), None)


def _reads_back(text: str, value: Any) -> bool:
    """Whether a float's text gives its very bits."""
    return bool(type(value)(float(text)).tobytes() == value.tobytes())


def _array_text(value: Array) -> str:
    def nested(part: Array) -> str:
        if part.ndim:
            return f"[{', '.join(nested(p) for p in part)}]"
        text = _scalar_text(part[()])
        if text is None:
            raise ValueError
        return text

    try:
        if value.size > FEW and is_uniform(value):
            return f"np.full({value.shape}, {nested(value.flat[0])}, dtype=np.{value.dtype.name})"
        text = f"np.array({nested(value)}, dtype=np.{value.dtype.name})"
        return text if value.size else f"np.zeros({value.shape}, dtype=np.{value.dtype.name})"
    except ValueError:  # a NaN with a payload
        return f"np.frombuffer({value.tobytes()!r}, dtype=np.{value.dtype.name}).reshape({value.shape})"


# ---- reading


def parse_graph(text: str, constants: Mapping[str, Array]) -> tuple[list[Node], list[Node], list[Effect]]:
    """Inputs, outputs and updates of a printed graph."""
    reader = _Reader(constants)
    lines = text.splitlines()
    header = re.fullmatch(r"def graph\((.*)\):", lines[0].strip()) if lines else None
    if header is None:
        raise ParseError("line 1: a graph begins with 'def graph(...):'")
    for number, line in enumerate(lines[1:], start=2):
        try:
            reader.read(line, number)
        except (TensorGraphError, SyntaxError, KeyError, ValueError) as error:
            raise ParseError(f"line {number}: {line.strip()!r}: {error}") from None
    inputs = [name.strip() for name in header[1].split(",") if name.strip()]
    missing = [name for name in inputs if name not in reader.nodes]
    if missing:
        raise ParseError(f"line 1: input {missing[0]!r} has no line of its own")
    return [reader.nodes[name] for name in inputs], reader.outputs, reader.updates


class _Reader:
    def __init__(self, constants: Mapping[str, Array]) -> None:
        self.nodes: dict[str, Node] = {}
        self.outputs: list[Node] = []
        self.updates: list[Effect] = []
        self._constants = constants

    def read(self, line: str, number: int) -> None:
        code, _, comment = line.rpartition("  # ")
        statement = ast.parse((code or line).strip()).body
        match statement:
            case []:
                return
            case [ast.Assign(targets=[target], value=value)]:
                variable = target.id if isinstance(target, ast.Name) else None
                with context(Context(site=Location("<graph>", number, variable))):  # so that names stay as printed
                    self._assign(target, value, comment)
            case [ast.Expr(value=ast.Call(func=ast.Name(id="update"), args=[ast.Name(id=name), value]))]:
                self.updates.append((self.nodes[name], self._operand(value, None)))
            case [ast.Return(value=value)]:
                values = value.elts if isinstance(value, ast.Tuple) else [value] if value else []
                self.outputs = [self._operand(v, None) for v in values]
            case _:
                raise ParseError("not a line of a graph")

    def _assign(self, target: ast.expr, value: ast.expr, comment: str) -> None:
        if isinstance(target, ast.Tuple):
            node = self._apply(value)
            for i, name in enumerate(target.elts):
                assert isinstance(name, ast.Name)
                self.nodes[name.id] = Result(node, i)
            return
        assert isinstance(target, ast.Name)
        kind = TensorType.parse(comment)
        node = self._leaf(target.id, value, kind) or self._apply(value)
        if node.type != kind:
            raise ParseError(f"the type is {node.type}, not {kind}")
        self.nodes[target.id] = node

    def _leaf(self, name: str, value: ast.expr, kind: TensorType) -> Node | None:
        if not isinstance(value, ast.Call):
            return None
        match ast.unparse(value.func), value.args:
            case "placeholder", [ast.Constant(value=str() as label)]:
                return Node(Placeholder(label, kind))
            case "parameter", [ast.Constant(value=str() as label)]:
                storage = Storage(np.zeros(kind.with_sizes({}).shape, kind.dtype), trainable=not value.keywords)
                return Node(Variable(label, kind, storage))
            case "constant", [ast.Constant(value=str() as label)]:
                if label not in self._constants:
                    raise ParseError(f"constants= has no {label!r}")
                return constant(self._constants[label], kind.dtype)
            case "np.array", [items]:
                values = np.array(_evaluate(items), dtype=kind.dtype).reshape(kind.with_sizes({}).shape)
                return constant(values)
            case "np.full", [ast.Tuple(), number]:
                return constant(np.full(kind.with_sizes({}).shape, _evaluate(number), kind.dtype))
            case "np.zeros", [ast.Tuple()] if 0 in kind.shape:
                return constant(np.zeros(kind.with_sizes({}).shape, kind.dtype))
            case "np.frombuffer", [ast.Constant(value=bytes() as data)]:
                return constant(np.frombuffer(data, kind.dtype))
        if ast.unparse(value.func).startswith("np.frombuffer("):
            data = value.func.value.args[0].value  # type: ignore[attr-defined]
            return constant(np.frombuffer(data, kind.dtype).reshape(kind.with_sizes({}).shape))
        return None

    def _apply(self, tree: ast.expr) -> Node:
        refused: TensorGraphError = ParseError("no operation is spelled like this")
        for cls, pattern in _patterns().get(_signature(tree), ()):
            found = _Match(self)
            if found.match(pattern, tree):
                try:
                    return found.node(cls)
                except TensorGraphError as error:  # perhaps another class is spelled like this too
                    refused = error
        raise refused

    def _operand(self, tree: ast.expr, dtype: np.dtype[Any] | None) -> Node:
        match tree:
            case ast.Name(id=name) if name in self.nodes:
                return self.nodes[name]
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=kind), args=[value]):
                return constant(np.dtype(kind).type(_evaluate(value)))
            case ast.Subscript(value=ast.Call(args=[ast.Constant(value=bytes() as data)], keywords=[keyword])):
                return constant(np.frombuffer(data, _attribute(keyword.value, {}))[0])
        if isinstance(tree, ast.Name):
            raise ParseError(f"nothing is called {tree.id!r}")
        if dtype is None:
            raise ParseError(f"{ast.unparse(tree)}: a bare number needs an operand beside it that has a dtype")
        return constant(dtype.type(_evaluate(tree)))


class _Match:
    """One attempt to match a spelling; collects operands and attributes."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._operands: dict[int, ast.expr] = {}
        self._attributes: dict[str, Any] = {}
        self._indexed: list[ast.expr] = []

    def match(self, pattern: Any, tree: Any) -> bool:
        if isinstance(pattern, ast.Name) and pattern.id.startswith("_in"):
            known = self._operands.setdefault(int(pattern.id[3:]), tree)
            return ast.dump(known) == ast.dump(tree)
        if isinstance(pattern, ast.Name) and pattern.id.startswith(("_at_", "_it_")):
            try:
                value = _attribute(tree, self._reader.nodes, self._indexed)
            except TensorGraphError:
                return False
            items = pattern.id.startswith("_it_") and not isinstance(tree, ast.Tuple)
            self._attributes[pattern.id[4:]] = (value,) if items else value
            return True
        if type(pattern) is not type(tree):
            return False
        if isinstance(pattern, list):
            return self._match_list(pattern, tree)
        if isinstance(pattern, ast.AST):
            return all(
                self.match(getattr(pattern, f, None), getattr(tree, f, None)) for f in pattern._fields if f != "ctx"
            )
        return bool(pattern == tree)

    def _match_list(self, pattern: list[Any], tree: list[Any]) -> bool:
        if pattern and isinstance(pattern[0], ast.Starred):  # {*}: all operands
            rest = len(pattern) - 1
            self._operands.update(enumerate(tree[: len(tree) - rest]))
            pattern, tree = pattern[1:], tree[len(tree) - rest :]
        return len(pattern) == len(tree) and all(map(self.match, pattern, tree))

    def node(self, cls: type[Op]) -> Node:
        trees = [self._operands[i] for i in sorted(self._operands)] + self._indexed
        known = [self._reader.nodes.get(t.id) if isinstance(t, ast.Name) else None for t in trees]
        dtype = next((n.type.dtype for n in known if n is not None), None)
        nodes = [n or self._reader._operand(t, dtype) for n, t in zip(known, trees, strict=True)]
        shift = len(self._operands)
        attributes = {k: _shifted(v, shift) for k, v in self._attributes.items()}
        return Node(cls(**attributes), *nodes)


def _shifted(value: Any, by: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_shifted(v, by) for v in value)
    return replace(value, position=value.position + by) if isinstance(value, Operand) else value


def _subclasses(cls: type[Op]) -> Iterator[type[Op]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _patterns() -> Mapping[str, Sequence[tuple[type[Op], ast.expr]]]:
    return _pattern_table(tuple(cls for cls in _subclasses(Op) if cls.numpy and not issubclass(cls, (Leaf, Pick))))


@lru_cache(maxsize=8)
def _pattern_table(classes: tuple[type[Op], ...]) -> Mapping[str, Sequence[tuple[type[Op], ast.expr]]]:
    table: dict[str, list[tuple[type[Op], ast.expr]]] = {}
    for cls in classes:
        parts = []
        for text, field, spec, _ in Formatter().parse(cls.numpy):
            parts.append(text)
            if field == "*":
                parts.append("*_ins")
            elif field is not None and field != "out":
                prefix = "_in" if field.isdigit() else "_it_" if spec == "items" else "_at_"
                parts.append(prefix + field)
        source = re.sub(r"\(\*_ins\)(?=,)", "(*_ins,)", "".join(parts))
        tree = ast.parse(source, mode="eval").body
        table.setdefault(_signature(tree), []).append((cls, tree))
    return table


def _signature(tree: ast.expr) -> str:
    """What tells most spellings apart: the function called, else the kind of expression."""
    if isinstance(tree, ast.Call) and isinstance(tree.func, (ast.Attribute, ast.Name)):
        base = tree.func.value if isinstance(tree.func, ast.Attribute) else tree.func
        of_operand = isinstance(base, (ast.Call, ast.Subscript)) or (isinstance(base, ast.Name) and base.id != "np")
        method = isinstance(tree.func, ast.Attribute) and of_operand
        return f".{tree.func.attr}" if method and isinstance(tree.func, ast.Attribute) else ast.unparse(tree.func)
    return type(tree).__name__


def _evaluate(tree: ast.expr) -> Any:
    """A number or nested list of numbers."""
    match tree:
        case ast.List(elts=items):
            return [_evaluate(item) for item in items]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.Attribute(value=ast.Name(id="np"), attr="nan" | "inf" as name):
            return float(name)
        case ast.Call(func=ast.Name(id="complex"), args=[real, imag]):
            return complex(_evaluate(real), _evaluate(imag))
    return ast.literal_eval(tree)


def _attribute(tree: ast.expr | None, nodes: Mapping[str, Node], indexed: list[ast.expr] | None = None) -> Any:
    match tree:
        case None:
            return None
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id="np"), attr="s_"), slice=inner):
            found = _attribute(inner, nodes, indexed)
            return found if isinstance(found, tuple) else (found,)
        case ast.Tuple(elts=items):
            return tuple(_attribute(item, nodes, indexed) for item in items)
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(_attribute(lower, nodes), _attribute(upper, nodes), _attribute(step, nodes))
        case ast.Attribute(value=ast.Name(id="np"), attr=name):
            return float(name) if name in {"nan", "inf"} else as_dtype(name)
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in nodes and indexed is not None:
            indexed.append(tree)
            return Operand(len(indexed) - 1)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"))) if indexed is not None:
            indexed.append(tree)  # a scalar constant as an index
            return Operand(len(indexed) - 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_attribute(operand, nodes)
        case ast.Name() | ast.BinOp() | ast.Call(func=ast.Name(id="max")):
            return parse_dim(ast.unparse(tree))
    raise ParseError(f"{ast.unparse(tree)} is no attribute")
