"""The fuzzer finds planted mistakes, whatever the way to compile they are in, and keeps what it has found."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.cli import main
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.codegen.workspace import written_by_one_call
from tensorgraph.errors import InputError
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.names import symbols_of
from tensorgraph.ops.linalg import Vecdot
from tensorgraph.passes.simplify import simplify
from tensorgraph.rewrite.law import Law
from tensorgraph.rewrite.laws import LAWS
from tensorgraph.testing.diets import DIETS, diet
from tensorgraph.testing.fuzz import Finding, Interrupted, Report, check_stages, fuzz
from tensorgraph.testing.strategies import feeds
from tensorgraph.testing.ways import WAYS
from tests.testing.planted import PIPELINE, forgetful, wrong_fold

FUZZ = sys.modules["tensorgraph.testing.fuzz"]
ROUNDS = 12  # of graphs, before a part of the compiler counts as not reached


def test_a_round_finds_nothing_and_repeats_itself() -> None:
    one, two = fuzz(2, seed=7, most_graphs=16), fuzz(2, seed=7, most_graphs=16)
    assert not one.findings
    assert one.ops == two.ops
    assert one.graphs == two.graphs == sum(one.ways.values())
    assert one.ways == two.ways
    assert one.stages["kernel"] == one.graphs
    assert {"trace", "drop identities", "fold constants", "text", "pickle", "saved module"} <= set(one.stages)


def fuzzed(stage: str, out: Path) -> tuple[Report, Finding]:
    """A few graphs at a time, until a mistake of a stage is found."""
    for number in range(ROUNDS):
        report = fuzz(4, seed=number, out=out, most_graphs=25)
        for finding in report.findings:
            if finding.stage == stage:
                return report, finding
    raise AssertionError(f"no mistake of {stage} was found")


@pytest.mark.parametrize(("planted", "op"), [(wrong_fold, "subtract"), (forgetful, "tanh")])
def test_a_wrong_pass_is_found_named_and_reproduced(planted, op: str, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(PIPELINE, "fold_constants", planted)
    report, found = fuzzed("fold constants", tmp_path)
    assert [n.op.name for n in found.graph.nodes if n.inputs] == [op]
    assert found.way == "plain"  # it is shown so, whichever way it was found in
    text = report.files[report.findings.index(found)].read_text()
    with pytest.raises(AssertionError, match=r"^fold constants: result 0 at "):
        exec(text, {})
    monkeypatch.undo()
    exec(text, {})
    assert f"{len(report.findings)} found" in str(report)


def only_if(asked: str) -> Any:
    """Takes x - y for x + y if a way asks for this."""
    plain = PIPELINE.simplify

    def simplify(graph: Graph, **options: Any) -> Any:
        made = plain(graph, **options)
        return type(made)(wrong_fold(made.graph), made.laws) if options.get(asked) else made

    return simplify


def test_a_mistake_in_one_way_is_shown_in_that_way(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(PIPELINE, "simplify", only_if("fast_math"))
    report, found = fuzzed("simplify", tmp_path)
    assert (found.stage, found.way) in {("simplify", "fast_math"), ("simplify", "blocks, fast_math")}
    assert str(found).startswith(f"simplify ({found.way}): result 0 at ")
    text = report.files[report.findings.index(found)].read_text()
    assert f"check_stages(graph, arrays, way={found.way!r})" in text
    with pytest.raises(AssertionError, match=r"^simplify: result 0 at "):
        exec(text, {})


def test_a_mistake_of_saved_modules_is_shown_by_saving(monkeypatch, tmp_path: Path) -> None:
    def unsaved(self: Any, path: Any) -> None:
        raise OSError("no room")

    monkeypatch.setattr(Kernel, "save", unsaved)
    report = fuzz(4, seed=0, out=tmp_path, most_graphs=10)
    assert [(f.stage, f.why) for f in report.findings] == [("saved module", "raised OSError: no room")]
    text = report.files[0].read_text()
    assert "check_stages(graph, arrays, saved=True)" in text
    with pytest.raises(AssertionError, match=r"^saved module: raised OSError: no room$"):
        exec(text, {})


def test_a_pass_that_raises_is_found(monkeypatch) -> None:
    def broken(graph: Graph) -> Graph:
        raise KeyError("lost")

    monkeypatch.setattr(PIPELINE, "drop_identities", broken)
    report = fuzz(2, seed=0, most_graphs=20)
    assert [(f.stage, f.why) for f in report.findings][:1] == [("kernel", "raised KeyError: 'lost'")]


# ---- ways and diets


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=10, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_every_stage_stands_in_every_way(way: str, data: st.DataObject) -> None:
    graph = data.draw(diet(data.draw(st.sampled_from([*DIETS, "models"])), large=False))
    arrays = data.draw(feeds(graph, "ordinary", sizes=WAYS[way].sizes))
    try:
        found = check_stages(graph, arrays, way=way, saved=True)
    except (ValueError, IndexError):
        return  # no value: the largest of nothing
    assert found is None


def parts_of(graph: Graph) -> dict[str, bool]:
    """Which parts of the compiler a graph needs, where loops are made even if they do not pay."""
    kernel = WAYS["blocks"].compiled(graph)
    blocks, updates = kernel.program.blocks, kernel.program.updates
    sizes = dict.fromkeys(symbols_of(kernel.graph), 70)
    return {
        "loops": bool(blocks),
        "lanes": any(block.reduced for block in blocks),
        "threads": any(block.cut.numbers(sizes)[block.cut.threads] > 1 for block in blocks),
        "products of vectors in loops": any(isinstance(n.op, Vecdot) for block in blocks for n in block.nodes),
        "laws that come late": any(law.late for stage in kernel.stages for law in stage.laws),
        "renamed sizes": symbols_of(graph) != symbols_of(kernel.graph),
        "arenas": any(len(update.state[0].members) > 1 for update in updates),
        "several arenas": any(len(update.state) > 1 for update in updates),
        "updates by one call": written_by_one_call(kernel.program),
    }


def tries(count: Callable[[int], None], done: Callable[[], bool]) -> None:
    """One round after the other, as graphs within a round resemble each other; each tells of what it has drawn."""
    for number in range(ROUNDS):
        count(number)
        if done():
            return


def test_graphs_reach_every_part_of_the_compiler() -> None:
    seen: Counter[str] = Counter()

    def count(number: int) -> None:
        @seed(number)
        @settings(max_examples=60, database=None, deadline=None, phases=[Phase.generate])
        @given(st.sampled_from(["rows", "training", "models", "anything"]).flatmap(lambda name: diet(name, large=True)))
        def run(graph: Graph) -> None:
            seen.update(parts_of(graph))

        run()

    tries(count, lambda: min(seen.values()) >= 5)
    assert min(seen.values()) >= 5, seen


def test_graphs_reach_most_laws() -> None:
    used: Counter[Law] = Counter()

    def count(number: int) -> None:
        @seed(number)
        @settings(max_examples=200, database=None, deadline=None, phases=[Phase.generate])
        @given(diet("laws", large=True), st.booleans())
        def run(graph: Graph, fast_math: bool) -> None:
            used.update(simplify(graph, fast_math=fast_math).laws.keys())

        run()

    tries(count, lambda: len(used) > 0.9 * len(LAWS))
    assert len(used) > 0.9 * len(LAWS), [law.name for law in LAWS if not used[law]]


def test_an_unknown_way_is_refused() -> None:
    x = tg.placeholder((2,), "float64", name="x")
    with pytest.raises(InputError) as caught:
        check_stages(tg.Graph([x.node], [x.node]), [np.ones(2)], way="sideways")
    listed = ", ".join(map(repr, WAYS))
    assert str(caught.value) == f"check_stages: way='sideways': use one of {listed}"


def test_a_nan_that_is_not_refused_is_found(monkeypatch) -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    p = tg.Parameter(np.ones(()), name="p")
    graph = tg.Graph([x.node], [tg.log(x).node], [(p.node, (p * tg.sum(x)).node)])
    assert check_stages(graph, [np.array([-1.0])], way="debug_nans", saved=True) is None
    emit = PIPELINE.emit
    monkeypatch.setattr(PIPELINE, "emit", lambda program, name, **given: emit(program, name, locations=False))
    found = check_stages(graph, [np.array([-1.0])], way="debug_nans")
    assert found == "kernel: a NaN is computed, and debug_nans does not tell"


def test_a_saved_module_goes_on_from_a_state_that_it_wrote() -> None:
    x = tg.placeholder((), "int64", name="x")
    p, q = tg.Parameter(np.int64(0), name="p"), tg.Parameter(np.arange(3.0), name="q")
    picked = tg.asarray(np.arange(2.0))[p] + q
    graph = tg.Graph([x.node], [picked.node], [(p.node, (p + x).node), (q.node, (q * 2).node)])
    assert check_stages(graph, [np.int64(1)], saved=True) is None
    assert check_stages(graph, [np.int64(7)], saved=True) is None  # the next call has no value
    np.testing.assert_array_equal(q.numpy(), np.arange(3.0))


# ---- what is refused, and Ctrl-C


def test_no_time_is_refused() -> None:
    with pytest.raises(InputError, match=r"^fuzz: minutes=0: give it some time, such as 1$"):
        fuzz(0)


def command(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["tensorgraph", "fuzz", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    output = capsys.readouterr()
    return int(stopped.value.code or 0), output.out, output.err


@pytest.mark.parametrize("below", [(), ("found",)])
def test_a_folder_that_cannot_be_made_is_refused_before_anything_runs(
    below: tuple[str, ...], monkeypatch, capsys, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text("")
    monkeypatch.setattr(FUZZ, "check_stages", lambda *args, **options: pytest.fail("it ran"))
    out = str(path.joinpath(*below))
    assert command(monkeypatch, capsys, "--minutes", "1", "--out", out) == (
        1, "", f"error: fuzz: out={out}: {path} is a file: name a folder\n",
    )  # fmt: skip


def interrupts_at(number: int) -> Any:
    """A check that is interrupted by a signal at one of its calls."""
    called = []

    def check(*args: Any, **options: Any) -> Any:
        called.append(args)
        if len(called) == number:
            os.kill(os.getpid(), signal.SIGINT)
        return check_stages(*args, **options)

    return check


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C interrupts, also in a process that was started to ignore it, such as a shell's job in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_ctrl_c_tells_what_was_found_until_then(monkeypatch, capsys) -> None:
    monkeypatch.setattr(FUZZ, "check_stages", interrupts_at(5))
    with pytest.raises(Interrupted) as caught:
        fuzz(5, seed=7)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.report.graphs == 4
    monkeypatch.setattr(FUZZ, "check_stages", interrupts_at(5))
    code, out, err = command(monkeypatch, capsys, "--minutes", "5", "--seed", "7", "--out", "unused")
    assert (code, err) == (130, "")
    assert re.match(r"4 graphs with \d+ nodes of \d+ operations in \d+ s; 0 had no value to compare\n", out)
    assert out.splitlines()[-1] == "nothing found"


@pytest.mark.usefixtures("heard")
def test_ctrl_c_while_a_finding_is_made_smaller_keeps_it(monkeypatch, tmp_path: Path) -> None:
    def interrupted(*args: Any, **options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(PIPELINE, "fold_constants", forgetful)
    monkeypatch.setattr(FUZZ, "minimise", interrupted)
    with pytest.raises(Interrupted) as caught:
        fuzz(5, seed=0, out=tmp_path)
    (found,) = caught.value.report.findings
    assert found.stage == "fold constants"
    (file,) = caught.value.report.files
    with pytest.raises(AssertionError, match=r"^fold constants: "):
        exec(file.read_text(), {})
