"""Emit a program as a module of NumPy source: the user's names, a type behind every statement."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from tensorgraph.codegen.helpers import Definitions, Import, define
from tensorgraph.codegen.layout import broken, commented, listed
from tensorgraph.codegen.runtime import call, carve, refuse_nan
from tensorgraph.codegen.sizes import read_sizes, size_expressions, workspace_sizes
from tensorgraph.codegen.statements import Speller
from tensorgraph.codegen.workspace import definitions, identifiers, pruned, state_layout, update_lines
from tensorgraph.errors import CompileError
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.names import Namer, is_literal, symbols_of
from tensorgraph.ir.node import Node
from tensorgraph.ir.text import literal, spell
from tensorgraph.ops.custom import Custom
from tensorgraph.schedule.plan import MODULE_NAMES, RESERVED
from tensorgraph.schedule.program import Arena, Program, Statement

__all__ = ["Module", "Probe", "emit"]

UPDATE_IMPORTS = (
    Import("collections", "deque", "deque"),
    Import("functools", "partial", "partial"),
    Import("operator", "", "operator"),
)


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
        Lines of small constants; of the functions ``workspace`` and ``compute``.
    functions
        Functions that the user defined, by the names under which they are called.
    offsets, updates
        The lines of ``body``, counted from 0, at which each statement begins, with its node, and each group of
        updates.
    """

    summary: Sequence[str]
    definitions: Definitions
    constants: Sequence[str]
    body: Sequence[str]
    functions: Mapping[str, Callable[..., Any]]
    offsets: Sequence[tuple[int, Node]]
    updates: Sequence[int] = ()

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

    def lines(self) -> list[int]:
        """The line of the source, counted from 1, of each statement and then of each group of updates."""
        first = len(self.head()) + 1
        return [first + offset for offset in (*(offset for offset, _ in self.offsets), *self.updates)]

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


Probe: TypeAlias = Literal["clock", "nan", "watch"]


def emit(program: Program, name: str, *, locations: bool = True, probe: Probe | None = None) -> Module:
    """A module with two functions: ``workspace`` makes memory and views of it, ``compute`` runs the program.

    Parameters
    ----------
    program
        What to emit.
    name
        What the kernel is called, in the module's docstring.
    locations
        Name the user's files and lines in comments.
    probe
        What to do after every statement: ``"nan"`` raises `FloatingPointError` if the result has a NaN; ``"clock"``
        calls ``tick``, and ``"watch"`` calls ``watch`` with the results, both of which whoever loads the module puts
        into it.

    Raises
    ------
    CompileError
        If a size cannot be told from the inputs.
    """
    customs = _custom_names(program)
    speller = Speller(program, customs, Namer([*_taken(program), *customs.values()]))
    lines, offsets = _statements(program, speller, locations, probe)
    workspace, held, updates = _workspace(program, speller, lines, probe)
    head = [*workspace, "", "", *_compute_head(program, held)]
    offsets = [(len(head) + offset, node) for offset, node in offsets]
    constants = [
        line
        for n in program.graph.nodes
        if isinstance(n.op, Constant) and not n.op.large and not is_literal(n)
        for line in commented(f"{program.names[n]} = {spell(n, program.names)}", str(n.type), "")
    ]
    constants += [line for number, code in speller.numbers.items() for line in broken(f"{number} = {code}")]
    functions = {name: function for function, name in customs.items()}
    definitions = _definitions(program, customs, probe)
    return Module(_summary(program, name), definitions, constants, [*head, *lines], functions, offsets, updates)


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


def _taken(program: Program) -> list[str]:
    """Names that mean something in the module."""
    helpers = {h.__name__ for n in program.graph.nodes if not isinstance(n.op, Custom) for h in n.op.helpers}
    buffers = [buffer.name for buffer in program.buffers]
    arenas = [a.name for update in program.updates for a in (*update.state, *update.work)]
    return [*RESERVED, *helpers, *program.names.values(), *buffers, *arenas, *symbols_of(program.graph)]


def _custom_names(program: Program) -> dict[Callable[..., Any], str]:
    """Names for the functions that users gave."""
    namer = Namer(_taken(program))
    found: dict[Callable[..., Any], str] = {}
    for node in program.graph.nodes:
        if isinstance(node.op, Custom) and node.op.function not in found:
            found[node.op.function] = namer(node.op.name)
    return found


def _definitions(program: Program, customs: Mapping[Callable[..., Any], str], probe: Probe | None) -> Definitions:
    """Our helpers, and the users' functions where they can be copied."""
    helpers: dict[str, Callable[..., Any]] = {"call": call} if customs else {}
    helpers |= {"carve": carve} if program.slots else {}
    helpers |= {"refuse_nan": refuse_nan} if probe == "nan" else {}
    for node in (*program.bound, *(s.node for s in program.statements if s.buffer is None)):
        for helper in () if isinstance(node.op, Custom) else node.op.helpers:
            if helpers.setdefault(helper.__name__, helper) is not helper:
                raise CompileError(f"two different functions are called {helper.__name__!r}: rename one of them")
    taken = frozenset(MODULE_NAMES) - {"call", "carve", "refuse_nan"}
    known = define(helpers, taken)
    known.absent.update({"tick": "it notes the time"} if probe == "clock" else {})
    known.absent.update({"watch": "it looks at results"} if probe == "watch" else {})
    known.imports.update({i.bound: i for i in UPDATE_IMPORTS} if program.updates else {})
    return define({name: function for function, name in customs.items()}, taken, known) if customs else known


def _workspace(
    program: Program, speller: Speller, compute: list[str], probe: Probe | None
) -> tuple[list[str], list[str], list[int]]:
    """The lines of the function that makes memory, the names of what it gives, and where groups of updates begin."""
    update, starts = _updates(program, speller, probe)
    layout = state_layout(program)
    state = [entry.name if isinstance(entry, Arena) else program.names[entry] for entry in layout]
    used = identifiers(compute)
    kept = pruned(definitions(program, speller), [*used, *identifiers(update)])
    held = [name for name in dict.fromkeys([*state, *(d.name for d in kept)]) if name in used]
    read = identifiers([*update, *(line for d in kept for line in d.lines)]).union(held)
    arguments = ", ".join(["state", *workspace_sizes(program)])
    lines = [*broken(f"def workspace({arguments}):"), '    """Memory of one call at a time, and views of it."""']
    lines += _unpacked([name if name in read else "_" for name in state], "state")
    lines += [line for definition in kept for line in definition.lines]
    held += ["update"] if update else []
    return [*lines, *update, *broken(f"    return {listed(held)}")], held, [len(lines) + start for start in starts]


def _updates(program: Program, speller: Speller, probe: Probe | None) -> tuple[list[str], list[int]]:
    """The lines that list the calls of all updates, and at which of them each group begins."""
    lines: list[str] = []
    starts: list[int] = []
    for update in program.updates:
        group = update_lines(replace(program, updates=(update,)), speller)
        fresh = group if not lines else group[group.index("    update = []") + 1 :]
        comments = (i for i, line in enumerate(fresh) if line.startswith("    # "))
        starts.append(len(lines) + next(comments, 0))
        lines += [*fresh, "    update.append(tick)"] if probe == "clock" else fresh
    return lines, starts


def _compute_head(program: Program, held: list[str]) -> list[str]:
    """The first lines of ``compute``: it unpacks what the workspace holds."""
    names = program.names
    arguments = listed([*(names[n] for n in program.graph.inputs), "memory"])
    lines = broken(f"def compute{arguments}:".replace(",):", "):"))
    lines.append('    """The outputs; the next values of the state are written to it."""' if program.updates
                 else '    """The outputs."""')  # fmt: skip
    sizes = size_expressions(program.graph, names, [*read_sizes(program), *workspace_sizes(program)])
    read = set(read_sizes(program))
    return [*lines, *_unpacked(held, "memory"), *(f"    {s} = {text}" for s, text in sizes.items() if s in read)]


def _statements(
    program: Program, speller: Speller, locations: bool, probe: Probe | None
) -> tuple[list[str], list[tuple[int, Node]]]:
    """The other lines of ``compute``, and at which of them each statement begins."""
    lines: list[str] = ["    tick()"] if probe == "clock" else []
    offsets: list[tuple[int, Node]] = []
    place = ""
    for statement in program.statements:
        comment = _place(statement.node, locations)
        if comment != place:
            place = comment
            lines += ["", f"    # {comment}"] if comment else [""]
        offsets.append((len(lines), statement.node))
        lines += speller.statement(statement)
        lines += _probed(program, statement, probe)
    lines += [""] if program.statements else []
    results = _returned(program, program.graph.outputs)
    if not program.updates:
        return [*lines, *broken(f"    return {results}")], offsets
    lines += [
        *broken(f"    outputs = {results}"),
        *(["    tick()"] if probe == "clock" else []),
        "    deque(map(operator.call, update), 0)  # all at once, whatever interrupts",
    ]
    return [*lines, "    return outputs"], offsets


def _probed(program: Program, statement: Statement, probe: Probe | None) -> list[str]:
    """The line that follows a statement."""
    node, buffer = statement.node, statement.buffer
    if probe is None or probe == "clock" or statement.copied:
        return ["    tick()"] if probe == "clock" else []
    names = [buffer.name] if buffer else program.targets(node)
    if probe == "watch":
        return broken(f"    watch({', '.join(name if name != '_' else 'None' for name in names)})")
    if node.op.view and buffer is None:  # what it is a view of was looked at
        return []
    floats = [name for name, kind in zip(names, node.types, strict=True) if kind.dtype.kind in "fc" and name != "_"]
    return broken(f"    refuse_nan({', '.join(floats)})") if floats else []


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


def _returned(program: Program, nodes: Sequence[Node]) -> str:
    texts = []
    for node in nodes:
        text = program.names[node] if node in program.names else literal(node, None)
        texts.append(f"np.array({text})" if node in program.copied else text)
    return listed(texts)
