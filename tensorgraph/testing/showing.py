"""Programs that show a difference: printed, they run by themselves and fail in the same way."""

from __future__ import annotations

import builtins
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorgraph.errors import UnsupportedError
from tensorgraph.interpret.difference import Ulp
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.types import Array
from tensorgraph.testing.literals import array_code, arrays_code
from tensorgraph.testing.outcomes import Allowed, Outcome
from tensorgraph.testing.pairs import Pair
from tensorgraph.testing.peers import public_name
from tensorgraph.testing.programs import Program
from tensorgraph.testing.reproduce import IMPORTS, Writer

__all__ = ["Shown", "compiled_text", "pair_text", "printed"]

ULP: Ulp = 4  # the default of assert_equivalent
LONGEST = 40_000  # characters of a message: a longer program is written to a file
CHECK = "from tensorgraph.testing import assert_equivalent"


@dataclass(frozen=True)
class Shown:
    """What stands for a program in a printed one.

    Attributes
    ----------
    program
        The program.
    outcome
        What it gives.
    graph
        What it computes, where that shows the difference.
    """

    program: Program
    outcome: Outcome
    graph: Graph | None = None

    @property
    def options(self) -> Mapping[str, Any] | None:
        """How the graph is compiled."""
        return self.program.options


def printed(what: str, text: str) -> str:
    """A program below comments on what it shows, as a message has it: if it is very long, where it has been put."""
    comments = "\n".join(f"# {line}" for line in what.splitlines())
    if len(text) > LONGEST:
        with tempfile.NamedTemporaryFile("w", suffix=".py", prefix="differs_", delete=False, encoding="utf-8") as file:
            file.write(f"{comments}\n{text}\n")
        text = f"# too long to print: {file.name}"
    return f"{comments}\n{text}"


def compiled_text(graph: Graph, arrays: Sequence[Array], options: Mapping[str, Any], allowed: Allowed) -> str:
    """A program that holds the kernel of a graph against the interpreter.

    Raises
    ------
    UnsupportedError
        If the graph cannot be written.
    """
    writer = Writer(graph)
    name = "kernel" if options else "graph"
    lines = [*writer.lines(leaves=True), writer.defined(name, graph, options or None), *arrays_code(arrays)]
    return _text(writer.imports, [*lines, f"assert_equivalent({name}, inputs=arrays{_tolerance(allowed)})"])


def pair_text(first: Shown, second: Shown, arrays: Sequence[Array], allowed: Allowed, pair: Pair | None = None) -> str:
    """A program that holds two others against each other: as a pair of graphs, or each by what is known of it."""
    imports: set[str] = set()
    if pair is not None:
        writer = Writer(pair.graph)
        lines = writer.lines(leaves=True)
        lines += [writer.defined("first", pair.first, first.options)]
        lines += [writer.defined("second", pair.second, second.options), *arrays_code(arrays)]
        imports = writer.imports
    else:
        known = [_known(name, side, imports) for name, side in (("first", first), ("second", second))]
        lines = [line for part in known if isinstance(part, list) for line in part]
        lines += arrays_code(arrays)
        functions = [line for part in known if isinstance(part, tuple) for line in part]
        lines += [*functions, "", ""] if functions else []
    exact = pair is not None or all(side.graph is not None for side in (first, second))
    dtypes = f", dtypes={allowed.dtypes}" if allowed.dtypes != exact else ""
    return _text(imports, [*lines, f"assert_equivalent(first, second, inputs=arrays{_tolerance(allowed)}{dtypes})"])


def _text(imports: set[str], lines: Sequence[str]) -> str:
    return "\n".join([*sorted(line for line in imports if line.startswith("import ")), *IMPORTS,
                      *sorted(line for line in imports if line.startswith("from ")), CHECK, "", *lines])  # fmt: skip


def _tolerance(allowed: Allowed) -> str:
    ulp = f", ulp={allowed.ulp!r}" if allowed.ulp != ULP else ""
    return ulp + (f", atol={allowed.atol!r}" if allowed.atol else "")


def _known(name: str, side: Shown, imports: set[str]) -> list[str] | tuple[str, ...]:
    """Lines that define a program: a graph, a public function, or, in a tuple, a function that gives the same."""
    if side.graph is not None:
        writer = Writer(side.graph)
        try:
            lines = [*writer.lines(leaves=True), writer.defined(name, side.graph, side.options)]
        except UnsupportedError:  # it calls a user's function
            first, second, *function = _stand_in(name, side)
            return first, second, *(f"# {line}" for line in str(side.graph).splitlines()), *function
        imports |= writer.imports
        return lines
    public = public_name(side.program.what)
    if public is not None:
        imports.add(f"from {public[0]} import {public[1]} as {name}")
        return []
    return _stand_in(name, side)


def _stand_in(name: str, side: Shown) -> tuple[str, ...]:
    """A function that gives, or raises, what a program did."""
    place = f" ({side.program.place})" if side.program.place else ""
    gives = "raises" if side.outcome.error is not None else "gives"
    head = f"def {name}(*arrays):  # what {side.program.name}{place} {gives}"
    if side.outcome.error is not None:
        return "", "", head, f"    raise {_error_code(side.outcome.error)}"
    return "", "", head, f"    return [{', '.join(map(array_code, side.outcome.results))}]"


def _error_code(error: Exception) -> str:
    """An expression for an exception of the same class, or of one that can be made everywhere."""
    kind = type(error)
    plain = all(isinstance(part, (str, int, float)) for part in error.args)
    if getattr(builtins, kind.__name__, None) is kind and plain:
        return f"{kind.__name__}({', '.join(map(repr, error.args))})"
    return f"RuntimeError({f'{kind.__name__}: {error}'!r})"
