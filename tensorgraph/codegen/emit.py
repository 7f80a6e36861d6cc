"""Emit a program as a module of NumPy source: the user's names, a type behind every statement."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, TypeAlias

import numpy as np

from tensorgraph.codegen.helpers import Definitions, Import, define
from tensorgraph.codegen.layout import broken, commented, listed
from tensorgraph.codegen.loops import block_function, loop_lines
from tensorgraph.codegen.runtime import call, carve, refuse_nan
from tensorgraph.codegen.sizes import read_sizes, size_expressions, workspace_sizes
from tensorgraph.codegen.statements import Speller
from tensorgraph.codegen.team import POOL, share
from tensorgraph.codegen.tidy import identifiers, tidied
from tensorgraph.codegen.workspace import (
    definitions,
    direct_lines,
    pruned,
    state_layout,
    update_lines,
    written_by_one_call,
)
from tensorgraph.errors import CompileError
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.names import Namer, is_literal, symbols_of
from tensorgraph.ir.node import Node
from tensorgraph.ir.text import literal, spell
from tensorgraph.ops.custom import Custom
from tensorgraph.schedule.blocks import Block
from tensorgraph.schedule.places import in_memory, is_filled
from tensorgraph.schedule.plan import MODULE_NAMES, RESERVED, TEAM_NAMES
from tensorgraph.schedule.program import Arena, Program, Statement

__all__ = ["Module", "Probe", "emit"]

OWN = {*TEAM_NAMES, "call", "carve", "refuse_nan"}  # what may be copied into a module
FUNCTION = re.compile(r"\bnp\.[a-z][\w.]*(?=\()")
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
        within = line - len(self.head())
        found = max((o for o, _ in self.offsets if o < within), default=None)
        return None if found is None else dict(self.offsets)[found]


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
        What to do after every statement: ``"clock"`` calls ``tick`` with the number of what has
        been done, which whoever loads the module puts into it (-1 at the beginning; groups of updates are counted
        after the statements and the outputs); ``"watch"`` calls ``watch`` with the results, likewise;
        ``"nan"`` raises `FloatingPointError` if the result has a NaN.

    Raises
    ------
    CompileError
        If a size cannot be told from the inputs.
    """
    customs = _custom_names(program)
    namer = Namer([*_taken(program), *customs.values()])
    speller = Speller(program, customs, namer)
    lines = _Lines(program, speller, locations, probe)
    functions: dict[str, str] = {}
    compute, blocks = ([_named(line, functions, namer) for line in part] for part in (lines.compute, lines.functions))
    workspace, held, updates = _workspace(program, speller, compute, probe)
    workspace += ["", ""]
    head = [*workspace, *blocks, *_compute_head(program, held)]
    updates += [len(head) + at for at in lines.direct]
    before = {True: len(workspace), False: len(head)}
    starts = zip(lines.starts, program.statements, strict=True)
    values = {node: each.node for each in program.reduced for node in (each.parts, each.joined)}
    offsets = [(before[inner] + at, values.get(s.node, s.node)) for (inner, at), s in starts]
    constants = [
        line
        for n in program.graph.nodes
        if isinstance(n.op, Constant) and not n.op.large and not is_literal(n)
        for line in commented(f"{program.names[n]} = {spell(n, program.names)}", str(n.type), "")
    ]
    constants += [line for number, code in speller.numbers.items() for line in broken(f"{number} = {code}")]
    if program.blocks:
        cores = max(block.cut.cores for block in program.blocks)
        constants.append(f"THREADS = {cores}  # that share loops: results do not depend on their number")
    constants += [f"{bound} = {function}" for function, bound in sorted(functions.items())]
    given = {name: function for function, name in customs.items()}
    definitions = _definitions(program, customs, probe)
    return Module(_summary(program, name), definitions, constants, [*head, *compute], given, offsets, updates)


def _named(line: str, functions: dict[str, str], namer: Namer) -> str:
    """The line with NumPy's functions under names of the module: one is found in a fifth of the time of ``np.add``."""

    def name(found: re.Match[str]) -> str:
        function = found[0]
        known: Any = np
        for part in function.split(".")[1:]:
            known = getattr(known, part, None)
        if not callable(known):
            return function  # what is wrong with a statement is said where it runs
        if function not in functions:
            functions[function] = namer(function.replace(".", "_"))
        return functions[function]

    code, mark, comment = line.partition("  # ")
    return line if line.lstrip().startswith("#") else f"{FUNCTION.sub(name, code)}{mark}{comment}"


def _summary(program: Program, name: str) -> list[str]:
    graph = program.graph
    takes = ", ".join(f"{program.names[n]}: {n.type}" for n in graph.inputs) or "nothing"
    gives = ", ".join(str(n.type) for n in graph.outputs) or "nothing"
    return [
        f"{name}, emitted by tensorgraph: needs nothing but NumPy.",
        "",
        *textwrap.wrap(f"Takes {takes}.", 110),
        *textwrap.wrap(f"Gives {gives}.", 110),
        "",
        *textwrap.wrap(f"Planned for {program.machine!r}.", 110),
    ]


def _taken(program: Program) -> list[str]:
    """Names that mean something in the module."""
    helpers = {h.__name__ for n in program.graph.nodes if not isinstance(n.op, Custom) for h in n.op.helpers}
    buffers = [buffer.name for buffer in program.buffers]
    arenas = [a.name for update in program.updates for a in (*update.state, *update.work)]
    loops = [name for block in program.blocks for name in (block.name, f"lane_of_{block.name}", *block.cut.texts())]
    return [*RESERVED, *loops, *helpers, *program.names.values(), *buffers, *arenas, *symbols_of(program.graph)]


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
    helpers |= {"share": share} if program.blocks else {}
    for node, texts in _spelled(program):
        for helper in node.op.helpers:
            if not any(f"{helper.__name__}(" in text for text in texts):
                continue  # what the others call is found by `define`
            if helpers.setdefault(helper.__name__, helper) is not helper:
                raise CompileError(f"two different functions are called {helper.__name__!r}: rename one of them")
    taken = frozenset(MODULE_NAMES) - OWN
    known = Definitions()
    if program.blocks:
        known.values["POOL"], known.texts["POOL"] = POOL, "POOL = {}  # threads that wait for work, by process\n"
    known = define(helpers, taken - {"deque", "os"}, known, ours=True)
    known.absent.update({"tick": "it notes the time"} if probe == "clock" else {})
    known.absent.update({"watch": "it looks at results"} if probe == "watch" else {})
    listed_updates = program.updates and not written_by_one_call(program)
    known.imports.update({i.bound: i for i in UPDATE_IMPORTS} if listed_updates else {})
    return define({name: function for function, name in customs.items()}, taken, known) if customs else known


def _spelled(program: Program) -> Iterator[tuple[Node, Sequence[str]]]:
    """The nodes that are written with helper functions, and the templates by which they are."""
    for node in program.bound:
        yield node, (node.op.numpy,)
    for statement in program.statements:
        op = statement.node.op
        if op.helpers and not isinstance(op, Custom) and not statement.copied:
            ways = in_memory(statement.node)
            inner = statement.block is not None
            spelled = statement.buffer is None and not inner and not is_filled(statement.node, ways)
            yield statement.node, (op.numpy,) if spelled else ways


def _workspace(
    program: Program, speller: Speller, compute: list[str], probe: Probe | None
) -> tuple[list[str], list[str], list[int]]:
    """The lines of the function that makes memory, the names of what it gives, and where groups of updates begin."""
    update, starts = ([], []) if written_by_one_call(program) else _updates(program, speller, probe)
    layout = state_layout(program)
    state = [entry.name if isinstance(entry, Arena) else program.names[entry] for entry in layout]
    used = identifiers(compute)
    kept = pruned(definitions(program, speller), [*used, *identifiers(update)])
    held = [name for name in dict.fromkeys([*state, *(d.name for d in kept)]) if name in used]
    read = {*identifiers([*update, *(line for d in kept for line in d.lines)]), *held}
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
    for number, update in enumerate(program.updates, len(program.statements) + 1):
        group = update_lines(replace(program, updates=(update,)), speller)
        fresh = group if not lines else group[group.index("    update = []") + 1 :]
        comments = (i for i, line in enumerate(fresh) if line.startswith("    # "))
        starts.append(len(lines) + next(comments, 0))
        lines += [*fresh, f"    update.append(partial(tick, {number}))"] if probe == "clock" else fresh
    return lines, starts


def _compute_head(program: Program, held: list[str]) -> list[str]:
    """The first lines of ``compute``: it unpacks what the workspace holds."""
    names = program.names
    arguments = listed([*(names[n] for n in program.graph.inputs), "memory"])
    lines = broken(f"def compute{arguments}:".replace(",):", "):"))
    lines.append('    """The outputs; the next values of the state are written to it."""' if program.updates
                 else '    """The outputs."""')  # fmt: skip
    size_expressions(program.graph, names, workspace_sizes(program))  # can they be told?
    sizes = size_expressions(program.graph, names, read_sizes(program))
    return [*lines, *_unpacked(held, "memory"), *(f"    {symbol} = {text}" for symbol, text in sizes.items())]


class _Lines:
    """The lines of ``compute`` and of the functions of blocks, and where each statement begins."""

    def __init__(self, program: Program, speller: Speller, locations: bool, probe: Probe | None) -> None:
        self.compute: list[str] = ["    tick(-1)"] if probe == "clock" else []
        self.functions: list[str] = []
        self.starts: list[tuple[bool, int]] = []  # whether in a function, and at which line
        self.direct: list[int] = []  # where the update begins, if it is no list of calls
        self._program, self._speller, self._probe = program, speller, probe
        self._values = set(program.names.values())
        place = ""
        for block, group in groupby(program.statements, key=lambda statement: statement.block):
            statements = list(group)
            if block is not None:
                self._block(block, statements)
                place = ""
                continue
            for statement in statements:
                comment = _place(statement.node, locations)
                if comment != place:
                    place = comment
                    self.compute += ["", f"    # {comment}"] if comment else [""]
                self.starts.append((False, len(self.compute)))
                self.compute += speller.statement(statement) + self._probed(len(self.starts) - 1, statement)
        self._end()
        outside = [at for inner, at in self.starts if not inner]
        self.compute, outside = tidied(self.compute, self._values, [*outside, *self.direct])
        moved = iter(outside)
        self.starts = [(inner, at if inner else next(moved)) for inner, at in self.starts]
        self.direct = list(moved)

    def _block(self, block: Block, statements: Sequence[Statement]) -> None:
        first = len(self.starts)
        probed = lambda i, statement: self._probed(first + i, statement)  # noqa: E731
        lines, starts = block_function(self._program, block, statements, self._speller, probed)
        lines, starts = tidied(lines, self._values, starts)
        self.starts += [(True, len(self.functions) + start) for start in starts]
        self.functions += [*lines, "", ""]
        self.compute += ["", *loop_lines(self._program, block, statements, self._speller)]

    def _probed(self, number: int, statement: Statement) -> list[str]:
        return [f"    tick({number})"] if self._probe == "clock" else _probed(self._program, statement, self._probe)

    def _end(self) -> None:
        self.compute += [""] if self._program.statements else []
        results = _returned(self._program, self._program.graph.outputs)
        if not self._program.updates:
            self.compute += broken(f"    return {results}")
            return
        timed = self._probe == "clock"
        self.compute += broken(f"    outputs = {results}")
        self.compute += [f"    tick({len(self.starts)})"] if timed else []
        if written_by_one_call(self._program):
            self.compute += [""]
            self.direct = [len(self.compute)]
            self.compute += direct_lines(self._program, self._speller)
            self.compute += [f"    tick({len(self.starts) + 1})"] if timed else []
        else:
            self.compute += ["    deque(map(operator.call, update), 0)  # all at once, whatever interrupts"]
        self.compute += ["    return outputs"]


def _probed(program: Program, statement: Statement, probe: Probe | None) -> list[str]:
    """The line that follows a statement."""
    node, buffer = statement.node, statement.buffer
    if probe is None or statement.copied:
        return []
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
