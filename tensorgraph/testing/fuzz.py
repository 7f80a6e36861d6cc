"""Random graphs through every stage of the compiler, each stage held against the interpreter."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tensorgraph.errors import InputError, TensorGraphError, UnsupportedError
from tensorgraph.files import atomic_write
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.types import Array
from tensorgraph.testing.diets import diet
from tensorgraph.testing.literals import arrays_code
from tensorgraph.testing.minimise import minimise
from tensorgraph.testing.reproduce import IMPORTS, code
from tensorgraph.testing.stages import check_stages
from tensorgraph.testing.strategies.graphs import HOSTILE_VALUES, feeds
from tensorgraph.testing.ways import WAYS

__all__ = ["Finding", "Interrupted", "Report", "check_stages", "fuzz"]

ROUND = 40  # graphs drawn from one seed
SAVED_EVERY = 10  # one graph in so many is also pickled, saved, loaded and run
SAVED = ("pickled kernel", "saved module")
MOST = 20  # findings, after which it stops
REFUSALS = (TensorGraphError, ValueError, IndexError, OverflowError, ZeroDivisionError)


@dataclass(frozen=True)
class Finding:
    """A stage that goes wrong.

    Attributes
    ----------
    stage
        The first that does.
    why
        What differs, or what was raised.
    graph, arrays
        The smallest case.
    way
        How it was compiled: one of `tensorgraph.testing.ways.WAYS`.
    """

    stage: str
    why: str
    graph: Graph
    arrays: list[Array]
    way: str = "plain"

    @property
    def key(self) -> object:
        """The same for findings that are probably one mistake."""
        return self.stage, tuple(sorted({node.op.name for node in self.graph.nodes if not node.op.leaf}))

    def __str__(self) -> str:
        place = self.stage if self.way == "plain" else f"{self.stage} ({self.way})"
        return f"{place}: {self.why.splitlines()[0]}"

    def text(self) -> str:
        """A program that shows it: run, it raises."""
        try:
            body = code(self.graph, self.arrays)
        except UnsupportedError:
            lines = [*IMPORTS, "", f'graph = tg.Graph.parse("""{self.graph}""")', *arrays_code(self.arrays)]
            body = "\n".join(lines)
        why = "\n".join(f"# {line}" for line in f"{self.stage}: {self.why}".splitlines())
        given = [*([f"way={self.way!r}"] if self.way != "plain" else [])]
        given += ["saved=True"] if self.stage in SAVED else []
        check = f"check_stages({', '.join(['graph', 'arrays', *given])})"
        return (
            f"{why}\n{body}\n\nfrom tensorgraph.testing.fuzz import check_stages\n\n"
            f"found = {check}\nassert found is None, found\n"
        )


@dataclass
class Report:
    """What a run of the fuzzer did.

    Attributes
    ----------
    graphs, nodes
        How many were checked.
    refused
        How many graphs the interpreter cannot compute for the values drawn, such as the largest of nothing.
    stages
        How often each stage was held against the interpreter.
    ways
        How often graphs were compiled in each way.
    ops
        How often each operation was in a graph.
    findings
        What went wrong, each once.
    files
        Where programs that show it were written.
    """

    graphs: int = 0
    nodes: int = 0
    refused: int = 0
    seconds: float = 0.0
    stages: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    ops: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"{self.graphs:,} graphs with {self.nodes:,} nodes of {len(self.ops)} operations in {self.seconds:.0f} s; "
            f"{self.refused:,} had no value to compare",
            "held against the interpreter: " + ", ".join(f"{k} {v:,}" for k, v in self.stages.items()),
            "compiled: " + ", ".join(f"{k} {self.ways[k]:,}" for k in WAYS if self.ways[k]),
        ]
        lines += map(str, self.findings)
        lines += [f"wrote {path}" for path in self.files]
        lines.append("nothing found" if not self.findings else f"{len(self.findings)} found")
        return "\n".join(lines)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while fuzzing.

    Attributes
    ----------
    report
        What was checked and found until then.
    """

    def __init__(self, report: Report) -> None:
        super().__init__("interrupted")
        self.report = report


def fuzz(
    minutes: float,
    *,
    seed: int = 0,
    out: Path | None = None,
    tell: Callable[[str], object] = lambda line: None,
    most_graphs: int | None = None,
) -> Report:
    """Draw random graphs and check every stage of the compiler on them, for some time.

    They are compiled as they are, with options, for several machines, and so that rows are computed in blocks.

    Parameters
    ----------
    minutes
        How long.
    seed
        Of the first round; the same seed draws the same graphs in the same order.
    out
        Folder for programs that show what was found.
    tell
        Called with a line for each finding.
    most_graphs
        Stop after so many graphs.

    Returns
    -------
    report
        What was checked and found.

    Raises
    ------
    InputError
        If there is no time, or `out` cannot be written to.
    Interrupted
        A KeyboardInterrupt that has the report so far.

    Examples
    --------
    >>> report = fuzz(1, seed=3, most_graphs=5)
    >>> report.findings
    []
    """
    if not minutes > 0:
        raise InputError(f"fuzz: minutes={minutes:g}: give it some time, such as 1")
    if out is not None:
        _check_folder(out)
    started = monotonic()
    loop = _Loop(started + 60 * minutes, out, tell, most_graphs)
    try:
        while not loop.over():
            loop.round(seed)
            seed += 1
    except KeyboardInterrupt as error:
        loop.report.seconds = monotonic() - started
        raise Interrupted(loop.report) from error
    loop.report.seconds = monotonic() - started
    return loop.report


def _check_folder(out: Path) -> None:
    """Refuse a folder that could not be written to when something is found."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"fuzz: out={out}: {there} is a file: name a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"fuzz: out={out}: {there} cannot be written to: name another folder")


class _Loop:
    def __init__(self, end: float, out: Path | None, tell: Callable[[str], object], most: int | None) -> None:
        self.report = Report()
        self._end, self._out, self._tell, self._most = end, out, tell, most
        self._known: set[object] = set()

    def over(self) -> bool:
        enough = self._most is not None and self.report.graphs + self.report.refused >= self._most
        return enough or monotonic() > self._end or len(self.report.findings) >= MOST

    def round(self, number: int) -> None:
        """Graphs of one seed."""

        @seed(number)
        @settings(
            max_examples=ROUND, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.data())
        def draw(data: st.DataObject) -> None:
            case = _drawn(data, large=number % 2 == 1)  # Hypothesis wants the same drawn in any case
            if not self.over():
                self.one(*case)

        draw()

    def one(self, graph: Graph, arrays: list[Array], way: str = "plain") -> None:
        """Check one graph; reduce and keep what is found."""
        report = self.report
        saved = report.graphs % SAVED_EVERY == 0
        try:
            why = check_stages(graph, arrays, way=way, saved=saved, count=report.stages)
        except REFUSALS as error:
            report.refused += 1
            if "should give" in str(error):  # the type rule is not what NumPy gives
                self._found(Finding("interpreter", str(error), graph, arrays, way), saved=False)
            return
        report.graphs += 1
        report.nodes += len(graph.nodes)
        report.ways[way] += 1
        report.ops.update({node.op.name for node in graph.nodes if not node.op.leaf})
        if why is not None:
            stage, _, why = why.partition(": ")
            self._found(Finding(stage, why, graph, arrays, way), saved)

    def _found(self, found: Finding, saved: bool) -> None:
        try:
            found = _smallest(found, saved)
        finally:  # Ctrl-C in the midst of it loses nothing
            self._keep(found)

    def _keep(self, found: Finding) -> None:
        if found.key in self._known:
            return
        self._known.add(found.key)
        self.report.findings.append(found)
        self._tell(str(found))
        if self._out is not None:
            self._out.mkdir(parents=True, exist_ok=True)
            path = self._out / f"{found.stage.replace(' ', '_').replace(',', '')}_{len(self.report.findings)}.py"
            with atomic_write(path) as file:
                file.write(found.text().encode())
            self.report.files.append(path)


def _drawn(data: st.DataObject, *, large: bool) -> tuple[Graph, list[Array], str]:
    name = data.draw(st.sampled_from(["plain", "plain", *WAYS]))
    way = WAYS[name]
    graph = data.draw(diet(data.draw(st.sampled_from(way.diets)), large))
    plain = way.laws_of_reals or data.draw(st.booleans())  # hostile numbers overflow, where such laws promise nothing
    return graph, data.draw(feeds(graph, "ordinary" if plain else HOSTILE_VALUES, sizes=way.sizes)), name


def _smallest(found: Finding, saved: bool) -> Finding:
    """A smaller case that goes wrong in the same stage; compiled plainly, if that shows it too."""

    def shows(graph: Graph, arrays: Sequence[Array], way: str) -> bool:
        return _failure(graph, arrays, way, saved).startswith(f"{found.stage}:")

    graph, arrays = minimise(found.graph, found.arrays, lambda g, a: shows(g, a, found.way))
    way = "plain" if shows(graph, arrays, "plain") else found.way
    why = _failure(graph, arrays, way, saved).partition(": ")[2] or found.why
    return Finding(found.stage, why, graph, arrays, way)


def _failure(graph: Graph, arrays: Sequence[Array], way: str, saved: bool) -> str:
    """What is wrong with a case: the first stage and why; nothing if all is well."""
    try:
        return check_stages(graph, arrays, way=way, saved=saved) or ""
    except TensorGraphError as error:
        return f"interpreter: {error}" if "should give" in str(error) else ""
