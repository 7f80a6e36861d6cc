"""Helper functions copied into emitted modules, with the functions, numbers and imports that they use."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from tensorgraph.errors import CompileError

__all__ = ["Definitions", "Import", "define"]

SELF_CONTAINED = {"numpy", *sys.stdlib_module_names}  # what an emitted module may import


class Import(NamedTuple):
    """``from module import name as bound``, or ``import module as bound`` where there is no name."""

    module: str
    name: str
    bound: str

    def __str__(self) -> str:
        what = self.name or self.module
        renamed = f" as {self.bound}" if self.bound != what else ""
        return f"from {self.module} import {self.name}{renamed}" if self.name else f"import {self.module}{renamed}"


class _CannotCopyError(Exception):
    """Why a function cannot stand in a module of its own."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """What functions need around them.

    Attributes
    ----------
    imports
        The import statements.
    texts
        The source of each function and constant.
    absent
        Functions that cannot be copied, and why.
    values
        What each name in `texts` stands for.
    """

    imports: dict[str, Import] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


def define(
    functions: Mapping[str, Any], taken: frozenset[str], known: Definitions | None = None, *, ours: bool = False
) -> Definitions:
    """The sources of these functions, by name, with all that they use.

    Parameters
    ----------
    functions
        Functions by the names under which they are called.
    taken
        Names that stand for something else in the module.
    known
        Definitions to add to.
    ours
        Whether the functions are the library's: that one cannot be copied is then an error, and else noted.

    Raises
    ------
    CompileError
        Says which function cannot be copied, and why.
    """
    result = known or Definitions()
    for name, function in functions.items():
        trial = Definitions(dict(result.imports), dict(result.texts), result.absent, dict(result.values))
        try:
            if not isinstance(function, FunctionType):
                raise _CannotCopyError(f"it is a {type(function).__name__}, not a function defined with def")
            _copy(name, function, trial, taken)
        except _CannotCopyError as reason:
            if ours:
                raise CompileError(f"{name} cannot be copied into a module: {reason}") from None
            trial = replace(result, absent={**result.absent, name: str(reason)})
        result = trial
    return result


def _copy(name: str, value: Any, into: Definitions, taken: frozenset[str]) -> None:
    """Add a function, with all that it needs, or a constant."""
    waiting = [(name, value)]
    while waiting:
        name, value = waiting.pop()
        if name in into.values:
            if into.values[name] is not value:
                raise _CannotCopyError(f"two different functions are called {name!r}")
            continue
        if name in taken:
            raise _CannotCopyError(f"the module has another meaning for {name!r}")
        into.values[name] = value
        if not isinstance(value, FunctionType):
            into.texts[name] = f"{name} = {_literal(name, value)}\n"
            continue
        into.texts[name] = source_of(name, value)
        for used in _globals_read(value):
            imported = _imports_of(value.__module__).get(used)
            known = value.__globals__.get(used)
            if imported is not None and imported.module.partition(".")[0] in SELF_CONTAINED:
                _add_import(imported, into, taken)
            elif isinstance(known, ModuleType):
                _add_import(Import(known.__name__, "", used), into, taken)
            elif used in value.__globals__:
                waiting.append((used, known))


def _may_import(module: str) -> None:
    if module.partition(".")[0] not in SELF_CONTAINED:
        raise _CannotCopyError(f"it uses {module}, and a module may import NumPy and the standard library only")


def _add_import(imported: Import, into: Definitions, taken: frozenset[str]) -> None:
    _may_import(imported.module)
    if (
        imported.bound in taken
        or imported.bound in into.values
        or into.imports.get(imported.bound, imported) != imported
    ):
        raise _CannotCopyError(f"the module has another meaning for {imported.bound!r}")
    into.imports[imported.bound] = imported


def _literal(name: str, value: Any) -> str:
    text = repr(value)
    try:
        if ast.literal_eval(text) == value:
            return text
    except (ValueError, SyntaxError):
        pass
    raise _CannotCopyError(f"it uses {name!r}, a {type(value).__name__} of its file")


@cache
def source_of(name: str, function: FunctionType) -> str:
    """The text of a function defined with ``def``, without its decorators."""
    definition = _parsed(function)
    if definition.name != name:
        raise _CannotCopyError(f"another function is called {definition.name!r}")
    if function.__code__.co_freevars:
        raise _CannotCopyError(f"it closes over {', '.join(map(repr, function.__code__.co_freevars))}")
    lines = _text(function).splitlines()[definition.lineno - 1 :]
    return "\n".join(lines) + "\n"


@cache
def _text(function: FunctionType) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise _CannotCopyError("its source cannot be found: define it in a file") from None


@cache
def _parsed(function: FunctionType) -> ast.FunctionDef:
    if hasattr(function, "__wrapped__"):
        raise _CannotCopyError("it is wrapped by another function")
    try:
        statement = ast.parse(_text(function)).body[0]
    except SyntaxError:
        statement = None  # part of an expression
    if not isinstance(statement, ast.FunctionDef):
        raise _CannotCopyError("it is not defined with def")
    return statement


@cache
def _globals_read(function: FunctionType) -> tuple[str, ...]:
    """Names of its file that a function reads when it runs, and in annotations and defaults when it is defined."""
    definition = _parsed(function)
    arguments = definition.args
    outside = [*arguments.defaults, *arguments.kw_defaults, definition.returns]
    outside += [node.annotation for node in ast.walk(definition) if isinstance(node, (ast.arg, ast.AnnAssign))]
    names = dict.fromkeys(name for code in _codes(function.__code__) for name in _loads(code))
    for tree in filter(None, outside):
        names.update({node.id: None for node in ast.walk(tree) if isinstance(node, ast.Name)})
    return tuple(sorted(name for name in names if name in function.__globals__ or not hasattr(builtins, name)))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _loads(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            yield instruction.argval
        elif instruction.opname == "IMPORT_NAME":
            _may_import(instruction.argval)


@cache
def _imports_of(module_name: str) -> dict[str, Import]:
    """The imports at the top of a module, by the name that each binds."""
    module = sys.modules.get(module_name)
    try:
        tree = ast.parse(inspect.getsource(module)) if module is not None else None
    except (OSError, TypeError, SyntaxError):
        tree = None
    found: dict[str, Import] = {}
    statements = tree.body if tree is not None else []
    for node in [*statements, *(inner for outer in statements if isinstance(outer, ast.If) for inner in outer.body)]:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update({a.asname or a.name: Import(node.module, a.name, a.asname or a.name) for a in node.names})
        elif isinstance(node, ast.Import):
            found.update({a.asname: Import(a.name, "", a.asname) for a in node.names if a.asname})
    return found
