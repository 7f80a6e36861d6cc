"""Emit a program as a module of NumPy source: the user's names, a type behind every statement."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorgraph.codegen.helpers import Definitions, Import, define
from tensorgraph.codegen.layout import broken, commented, listed
from tensorgraph.codegen.runtime import call
from tensorgraph.codegen.sizes import buffer_sizes, read_sizes, size_expressions
from tensorgraph.errors import CompileError
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.names import Namer, is_literal, symbols_of
from tensorgraph.ir.node import Node
from tensorgraph.ir.text import literal, operand_texts, spell
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.meta import Barrier
from tensorgraph.schedule.plan import MODULE_NAMES
from tensorgraph.schedule.program import Program, Statement

__all__ = ["Module", "emit", "state_nodes"]


@dataclass(frozen=True, slots=True)
class Module:
    """An emitted module in its parts.

    Attributes
    ----------
    source
        The whole text.
    summary
        Its docstring.
    definitions
        The functions that it contains, and their imports.
    constants, body
        Lines of small constants; of the functions ``buffers`` and ``compute``.
    functions
        Functions that the user defined, by the names under which they are called.
    statements
        The line of ``source`` at which each statement begins, and its node.
    """

    summary: Sequence[str]
    definitions: Definitions
    constants: Sequence[str]
    body: Sequence[str]
    functions: Mapping[str, Callable[..., Any]]
    offsets: Sequence[tuple[int, Node]]

    @property
    def source(self) -> str:
        """The whole text."""
        return "\n".join([*self.head(), *self.body]) + "\n"

    def head(self, imports: Iterable[Import] = (), definitions: Definitions | None = None) -> list[str]:
        """What stands above the body: docstring, imports, constants and helpers, with more of them if given."""
        known = self.definitions if definitions is None else definitions
        lines = ['"""' + self.summary[0], *self.summary[1:], '"""', "", "from __future__ import annotations", ""]
        lines += _import_lines([*known.imports.values(), *imports])
        lines += ["", *self.constants] if self.constants else []
        for name, why in known.absent.items():
            lines += [
                "",
                *broken_comment(f"{name} is given by the program that compiled this: {why}."),
                f"{name} = None",
            ]
        lines += _definition_lines(known)
        return [*lines, "", ""]

    def locate(self, line: int) -> Node | None:
        """The node computed at this line of the source."""
        first = len(self.head())
        return next((node for offset, node in reversed(self.offsets) if first + offset < line), None)


def broken_comment(text: str) -> list[str]:
    """A comment in lines."""
    return [f"# {line}" for line in textwrap.wrap(text, 110)]


def _definition_lines(known: Definitions) -> list[str]:
    lines = [line.rstrip() for text in known.texts.values() if not text.startswith("def ") for line in broken(text)]
    lines = ["", *lines] if lines else []
    for text in known.texts.values():
        if text.startswith("def "):
            lines += ["", "", *text.rstrip("\n").split("\n")]
    return lines


def _import_lines(imports: Iterable[Import]) -> list[str]:
    """Import statements, the standard library's first; `np` is always there."""
    distinct = sorted({Import("numpy", "", "np"), *imports}, key=lambda i: (bool(i.name), i.module, i.name, i.bound))
    numpy = [i for i in distinct if i.module.partition(".")[0] == "numpy"]
    groups = [_merged([i for i in distinct if i not in numpy]), _merged(numpy)]
    return [line for i, group in enumerate(filter(None, groups)) for line in ([""] if i else []) + group]


def _merged(imports: Sequence[Import]) -> list[str]:
    lines: dict[str, str] = {}
    for i in imports:
        key = i.module if i.name and i.bound == i.name else str(i)
        lines[key] = f"{lines[key]}, {i.name}" if key in lines else str(i)
    return list(lines.values())


def emit(program: Program, name: str, *, locations: bool = True) -> Module:
    """A module with two functions: ``buffers`` makes memory, ``compute`` runs the program.

    Parameters
    ----------
    program
        What to emit.
    name
        What the kernel is called, in the module's docstring.
    locations
        Name the user's files and lines in comments.

    Raises
    ------
    CompileError
        If a size cannot be told from the inputs.
    """
    customs = _custom_names(program)
    definitions = _definitions(program, customs)
    constants = [
        line
        for n in program.graph.nodes
        if isinstance(n.op, Constant) and not n.op.large and not is_literal(n)
        for line in commented(f"{program.names[n]} = {spell(n, program.names)}", str(n.type), "")
    ]
    body = [*_buffers(program), "", ""]
    compute, offsets = _compute(program, customs, locations)
    offsets = [(len(body) + offset, node) for offset, node in offsets]
    functions = {name: function for function, name in customs.items()}
    return Module(_summary(program, name), definitions, constants, [*body, *compute], functions, offsets)


def state_nodes(graph: Graph) -> list[Node]:
    """What ``compute`` takes as state: variables, then constants too large to print."""
    constants = [n for n in graph.nodes if isinstance(n.op, Constant) and n.op.large]
    return [*graph.variables, *constants]


def _summary(program: Program, name: str) -> list[str]:
    graph = program.graph
    takes = ", ".join(f"{program.names[n]}: {n.type}" for n in graph.inputs) or "nothing"
    gives = ", ".join(str(n.type) for n in graph.outputs) or "nothing"
    return [
        f"{name}, emitted by tensorgraph: needs nothing but NumPy.",
        "",
        *textwrap.wrap(f"Takes {takes}.", 110),
        *textwrap.wrap(f"Gives {gives}.", 110),
    ]


def _custom_names(program: Program) -> dict[Callable[..., Any], str]:
    """Names for the functions that users gave."""
    ours = {h.__name__ for n in program.graph.nodes if not isinstance(n.op, Custom) for h in n.op.helpers}
    buffers = [buffer.name for buffer in program.buffers]
    namer = Namer([*MODULE_NAMES, *ours, *program.names.values(), *buffers, *symbols_of(program.graph)])
    found: dict[Callable[..., Any], str] = {}
    for node in program.graph.nodes:
        if isinstance(node.op, Custom) and node.op.function not in found:
            found[node.op.function] = namer(node.op.name)
    return found


def _definitions(program: Program, customs: Mapping[Callable[..., Any], str]) -> Definitions:
    """Our helpers, and the users' functions where they can be copied."""
    helpers: dict[str, Callable[..., Any]] = {"call": call} if customs else {}
    for node in program.graph.nodes:
        for helper in () if isinstance(node.op, Custom) else node.op.helpers:
            if helpers.setdefault(helper.__name__, helper) is not helper:
                raise CompileError(f"two different functions are called {helper.__name__!r}: rename one of them")
    taken = frozenset(MODULE_NAMES) - {"call"}
    known = define(helpers, taken)
    return define({name: function for function, name in customs.items()}, taken, known) if customs else known


def _buffers(program: Program) -> list[str]:
    lines = [f"def buffers({', '.join(buffer_sizes(program))}):", '    """Memory that calls take turns in."""']
    if not program.buffers:
        return [*lines, "    return ()"]
    lines.append("    return (")
    for buffer in program.buffers:
        shape = listed([str(n) for n in buffer.type.shape])
        lines.append(f"        np.empty({shape}, np.{buffer.type.dtype.name}),  # {buffer.name}")
    return [*lines, "    )"]


def _compute(
    program: Program, customs: Mapping[Callable[..., Any], str], locations: bool
) -> tuple[list[str], list[tuple[int, Node]]]:
    """The lines of ``compute``, and at which of them each statement begins."""
    graph, names = program.graph, program.names
    arguments = listed([*(names[n] for n in graph.inputs), "state", "memory"])
    lines = [*broken(f"def compute{arguments}:"), '    """Outputs, then next values of the state."""']
    lines += _unpacked(_read_state(program), "state")
    lines += _unpacked([b.name for b in program.buffers], "memory")
    sizes = size_expressions(graph, names, [*read_sizes(program), *buffer_sizes(program)])
    lines += [f"    {symbol} = {sizes[symbol]}" for symbol in _wanted(sizes, read_sizes(program))]
    offsets: list[tuple[int, Node]] = []
    place = ""
    for statement in program.statements:
        comment = _place(statement.node, locations)
        if comment != place:
            place = comment
            lines += ["", f"    # {comment}"] if comment else [""]
        offsets.append((len(lines), statement.node))
        lines += _statement(program, statement, customs)
    results = [_returned(program, graph.outputs), _returned(program, [value for _, value in graph.updates])]
    return [*lines, *([""] if program.statements else []), *broken(f"    return {', '.join(results)}")], offsets


def _wanted(sizes: Mapping[str, str], read: Iterable[str]) -> Iterator[str]:
    wanted = set(read)
    return (symbol for symbol in sizes if symbol in wanted)


def _read_state(program: Program) -> list[str]:
    """Names of the state, ``_`` for what is only written."""
    graph = program.graph
    read = {source for node in graph.nodes for source in node.inputs}
    read.update(graph.outputs, (value for _, value in graph.updates))
    return [program.names[node] if node in read else "_" for node in state_nodes(graph)]


def _unpacked(names: list[str], whole: str) -> list[str]:
    if not names or set(names) == {"_"}:
        return []
    line = f"    {', '.join(names)}{',' if len(names) == 1 else ''} = {whole}"
    return broken(line if len(line) <= 120 else f"    {listed(names)} = {whole}")


def _place(node: Node, locations: bool) -> str:
    origin = node.primal if node.primal is not None else node
    parts = ["gradient" if node.primal is not None else "", node.scope]
    if locations and origin.location is not None:
        parts.append(str(origin.location))
    return ", ".join(filter(None, parts))


def _statement(program: Program, statement: Statement, customs: Mapping[Callable[..., Any], str]) -> list[str]:
    node = statement.node
    comment = ", ".join(map(str, node.types))
    if isinstance(node.op, Barrier):
        code = ", ".join(operand_texts(node, program.names)[: node.op.results])
        comment += ", computed again from here"
    elif isinstance(node.op, Custom):
        code = _called(node, program.names, customs[node.op.function])
    elif node.op.helpers:
        code = node.op.spell([_operand(source, program.names) for source in node.inputs])
    else:
        code = spell(node, program.names, statement.buffer.name if statement.buffer else None)
    if statement.reordered and not isinstance(node.op, Custom):
        code = f'np.asarray({code}, order="C")'
    lines = commented(f"{', '.join(program.targets(node))} = {code}", comment)
    if statement.frees:
        lines += broken(f"    del {', '.join(program.names[source] for source in statement.frees)}")
    return lines


def _operand(source: Node, names: Mapping[Node, str]) -> str:
    """An operand of a function, which may ask for its dtype: a number of NumPy's, never of Python's."""
    return literal(source, None) if is_literal(source) else names[source]


def _called(node: Node, names: Mapping[Node, str], function: str) -> str:
    kinds = [f"(np.{t.dtype.name}, {listed([str(n) for n in t.shape])})" for t in node.types]
    operands = [_operand(source, names) for source in node.inputs]
    return f"call({', '.join([function, *operands])}, results={listed(kinds, '[', ']')})"


def _returned(program: Program, nodes: Sequence[Node]) -> str:
    texts = []
    for node in nodes:
        text = program.names[node] if node in program.names else literal(node, None)
        texts.append(f"np.array({text})" if node in program.copied else text)
    return listed(texts)
