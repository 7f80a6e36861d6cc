"""Random graphs through every stage of the compiler, each stage held against the interpreter."""

from __future__ import annotations

import importlib.util
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import Options, compile_graph
from tensorgraph.errors import InputError, TensorGraphError, UnsupportedError
from tensorgraph.files import atomic_write
from tensorgraph.interpret.agreement import differs_from_interpreter
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.types import Array
from tensorgraph.rewrite.tiers import differs_by_laws
from tensorgraph.testing.equivalence import laws_used
from tensorgraph.testing.literals import array_code
from tensorgraph.testing.minimise import minimise
from tensorgraph.testing.programs import run_kernel
from tensorgraph.testing.reproduce import code
from tensorgraph.testing.strategies.graphs import feeds, graphs

__all__ = ["Finding", "Report", "check_stages", "fuzz"]

ROUND = 40  # graphs drawn from one seed
SAVED_EVERY = 10  # one graph in so many is also saved, loaded and run
MOST = 20  # findings, after which it stops


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
    """

    stage: str
    why: str
    graph: Graph
    arrays: list[Array]

    @property
    def key(self) -> object:
        """The same for findings that are probably one mistake."""
        return self.stage, tuple(sorted({node.op.name for node in self.graph.nodes if not node.op.leaf}))

    def text(self) -> str:
        """A program that shows it."""
        try:
            body = code(self.graph, self.arrays)
        except UnsupportedError:
            listed = ", ".join(map(array_code, self.arrays))
            head = "import numpy as np\nimport tensorgraph as tg"
            body = f'{head}\n\ngraph = tg.Graph.parse("""{self.graph}""")\narrays = [{listed}]'
        why = "\n".join(f"# {line}" for line in f"{self.stage}: {self.why}".splitlines())
        check = "from tensorgraph.testing.fuzz import check_stages\n\nprint(check_stages(graph, arrays))"
        return f"{why}\n{body}\n\n{check}\n"


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
    ops: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"{self.graphs:,} graphs with {self.nodes:,} nodes of {len(self.ops)} operations in {self.seconds:.0f} s; "
            f"{self.refused:,} had no value to compare",
            "held against the interpreter: " + ", ".join(f"{k} {v:,}" for k, v in self.stages.items()),
        ]
        lines += [f"{found.stage}: {found.why.splitlines()[0]}" for found in self.findings]
        lines += [f"wrote {path}" for path in self.files]
        lines.append("nothing found" if not self.findings else f"{len(self.findings)} found")
        return "\n".join(lines)


def check_stages(
    graph: Graph, arrays: Sequence[Array], *, saved: bool = False, count: Counter[str] | None = None
) -> str | None:
    """Compile a graph and hold every stage against the interpreter.

    Parameters
    ----------
    graph, arrays
        What to compile, and what to compute it on.
    saved
        Whether to write the kernel to a file, and hold that as well.
    count
        Counts the stages that were held.

    Returns
    -------
    str or None
        ``"STAGE: how it differs"`` for the first stage that does.

    Raises
    ------
    Exception
        What the interpreter raises for these arrays.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder(("n",), "float32", name="x")
    >>> check_stages(tg.Graph([x.node], [tg.exp(x * 2).node]), [np.ones(3, np.float32)]) is None
    True
    """
    evaluate_graph(graph, arrays)  # where it has no value there is nothing to hold
    for stage, why in _stages(graph, arrays, saved):
        try:
            wrong = why()
        except Exception as error:
            return f"{stage}: raised {type(error).__name__}: {error}"
        if count is not None:
            count[stage] += 1
        if wrong is not None:
            return f"{stage}: {wrong}"
    return None


Stage = tuple[str, Callable[[], str | None]]


def _stages(graph: Graph, arrays: Sequence[Array], saved: bool) -> Iterator[Stage]:
    """Names of stages, and how to find what is wrong with each; a stage is only made when its turn comes."""

    def interpreted(value: Graph) -> str | None:
        found = [y for part in evaluate_graph(value.verify(), arrays) for y in part]
        return differs_from_interpreter(found, graph, arrays)

    yield "text", lambda: interpreted(_read_back(graph))
    yield "pickle", lambda: interpreted(_same(pickle.loads(pickle.dumps(graph)), graph, "pickle"))
    made: list[Kernel] = []

    def compiled() -> Kernel:
        if not made:
            shape = list(range(len(graph.outputs)))
            made.append(compile_graph(graph, "kernel", shape, Options(locations=False)))
        return made[0]

    def held(run: Callable[[], list[Array]]) -> str | None:
        """What is computed, against the graph after the last pass, which has been held before."""
        return differs_from_interpreter(run(), compiled().graph, arrays)

    try:
        stages = list(compiled().stages)
    except Exception:
        stages = []  # told when the kernel is run
    for i, stage in enumerate(stages):
        if isinstance(stage.value, Graph):
            value, laws = stage.value, laws_used(stages[: i + 1])
            yield stage.name, lambda value=value, laws=laws: differs_by_laws(graph, value.verify(), laws, arrays)  # type: ignore[misc]
    yield "kernel", lambda: held(lambda: run_kernel(compiled(), arrays))
    yield "kernel, called again", lambda: held(lambda: run_kernel(compiled(), arrays))
    if saved:
        yield "saved module", lambda: held(lambda: _run_saved(compiled(), arrays))


def _read_back(graph: Graph) -> Graph:
    text = str(graph)
    read = _same(Graph.parse(text, graph.constants()), graph, "text")
    for mine, other in zip(graph.variables, read.variables, strict=True):
        other.op.storage.value = np.array(mine.op.storage.value)  # type: ignore[attr-defined]
    return read


def _same(read: Graph, graph: Graph, how: str) -> Graph:
    if read != graph:
        raise AssertionError(f"the graph read back from its {how} is another one:\n{read}")
    return read


def _run_saved(kernel: Kernel, arrays: Sequence[Array]) -> list[Array]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved.py"
        kernel.save(path)
        spec = importlib.util.spec_from_file_location("saved", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        state = module.init_state()
        outputs = [np.asarray(y) for y in module.kernel(state, *arrays)]
    names = [kernel.program.names[variable] for variable, _ in kernel.graph.updates]
    return [*outputs, *(np.asarray(state[name]) for name in names)]


# ---- the loop


def fuzz(
    minutes: float,
    *,
    seed: int = 0,
    out: Path | None = None,
    tell: Callable[[str], object] = lambda line: None,
    most_graphs: int | None = None,
) -> Report:
    """Draw random graphs and check every stage of the compiler on them, for some time.

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
        If there is no time.

    Examples
    --------
    >>> report = fuzz(1, seed=3, most_graphs=5)
    >>> report.findings
    []
    """
    if not minutes > 0:
        raise InputError(f"fuzz: minutes={minutes:g}: give it some time, such as 1")
    loop = _Loop(monotonic() + 60 * minutes, out, tell, most_graphs)
    started = monotonic()
    while not loop.over():
        loop.round(seed)
        seed += 1
    loop.report.seconds = monotonic() - started
    return loop.report


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
            case = _drawn(data, large=number % 2 == 1)  # also at the end: Hypothesis wants every run alike
            if not self.over():
                self.one(*case)

        draw()

    def one(self, graph: Graph, arrays: list[Array]) -> None:
        """Check one graph; reduce and keep what is found."""
        report = self.report
        saved = report.graphs % SAVED_EVERY == 0
        try:
            why = check_stages(graph, arrays, saved=saved, count=report.stages)
        except (TensorGraphError, ValueError, IndexError, OverflowError, ZeroDivisionError) as error:
            report.refused += 1
            if "should give" in str(error):  # the type rule is not what NumPy gives
                self._found(graph, arrays, f"interpreter: {error}", saved=False)
            return
        report.graphs += 1
        report.nodes += len(graph.nodes)
        report.ops.update({node.op.name for node in graph.nodes if not node.op.leaf})
        if why is not None:
            self._found(graph, arrays, why, saved)

    def _found(self, graph: Graph, arrays: list[Array], why: str, saved: bool) -> None:
        stage = why.partition(":")[0]

        def shows(g: Graph, a: list[Array]) -> bool:
            return _failure(g, a, saved).startswith(f"{stage}:")

        small, fed = minimise(graph, arrays, shows)
        why = (_failure(small, fed, saved) or why).partition(": ")[2]
        found = Finding(stage, why, small, fed)
        if found.key in self._known:
            return
        self._known.add(found.key)
        self.report.findings.append(found)
        self._tell(f"{stage}: {why.splitlines()[0]}")
        if self._out is not None:
            self._out.mkdir(parents=True, exist_ok=True)
            path = self._out / f"{stage.replace(' ', '_').replace(',', '')}_{len(self.report.findings)}.py"
            with atomic_write(path) as file:
                file.write(found.text().encode())
            self.report.files.append(path)


def _drawn(data: st.DataObject, *, large: bool) -> tuple[Graph, list[Array]]:
    graph = data.draw(graphs(size=16 if large else 8, inputs=3, outputs=4))
    plain = data.draw(st.booleans())
    return graph, data.draw(feeds(graph, values="ordinary") if plain else feeds(graph))


def _failure(graph: Graph, arrays: list[Array], saved: bool) -> str:
    """What is wrong with a case: the first stage and why; nothing if all is well."""
    try:
        return check_stages(graph, arrays, saved=saved) or ""
    except TensorGraphError as error:
        return f"interpreter: {error}" if "should give" in str(error) else ""
