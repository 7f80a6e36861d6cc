"""The benchmark's machinery: turns, ratios, refusals, reports; no peer needs to be installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.peers import __main__ as command
from tests.benchmarks.peers import fresh, quiet, session
from tests.benchmarks.peers.catalogue import BY_HAND, OURS, PEERS, Peer, builder, chosen, variants
from tests.benchmarks.peers.checks import difference
from tests.benchmarks.peers.measure import MOST, entries, rounds
from tests.benchmarks.peers.processes import DiedError, Worker
from tests.benchmarks.peers.report import plot, table
from tests.benchmarks.peers.results import Entry, Line, Report
from tests.benchmarks.peers.rows import DIGITS, ROWS, Row, row_named
from tests.benchmarks.peers.session import names
from tests.benchmarks.peers.work import NotForThisRowError, Work
from tests.benchmarks.peers.worker import Bench
from tests.benchmarks.test_peers_by_hand import outcome

NAMED = {peer.name: peer for peer in PEERS}
ROW = Row(DIGITS, "train", 1)


class Clock:
    """Time that passes when someone says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def turn(self, step: float) -> Callable[[float], float]:
        def run(seconds: float) -> float:
            self.now += max(seconds, step)
            return step

        return run


# ---- turns and ratios
def test_everyone_has_a_turn_in_every_round_and_another_begins_each() -> None:
    clock, order = Clock(), []

    def turn(label: str) -> Callable[[float], float]:
        def run(seconds: float) -> float:
            order.append(label)
            clock.now += seconds
            return 1.0

        return run

    found = rounds({label: turn(label) for label in (OURS, "a", "b")}, 0.0, least=3, clock=clock)
    assert [set(seconds) for seconds in found] == [{OURS, "a", "b"}] * 3
    assert order == [OURS, "a", "b", "a", "b", OURS, "b", OURS, "a"]


def test_a_slow_peer_pauses_when_its_share_is_used_up_and_ours_never() -> None:
    clock = Clock()
    turns = {OURS: clock.turn(0.5), "quick": clock.turn(0.001), "slow": clock.turn(5.0)}
    found = rounds(turns, 30.0, least=2, clock=clock)
    assert sum("slow" in seconds for seconds in found) == 3  # the third uses up the share of 10 s
    assert all(OURS in seconds and "quick" in seconds for seconds in found)
    assert clock.now == pytest.approx(30.0, abs=1.0)
    assert len(rounds({OURS: clock.turn(0.0)}, 1e9, clock=clock)) == MOST


def test_the_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_medians() -> None:
    found = [{OURS: 1.0, "jax": 1.0}, {OURS: 2.0, "jax": 4.0}, {OURS: 9.0, "jax": 3.0}, {OURS: 8.0}]
    ours, jax = entries(found)
    assert jax == Entry("jax", False, 3000.0, 1.0, 3)
    assert ours == Entry(OURS, False, 5000.0, 1.0, 4)
    assert entries([{"jax+malloc": 2.0}]) == [Entry("jax", True, 2000.0, None, 1)]


# ---- who is measured
def test_missing_peers_are_named_and_left_out() -> None:
    peers, missing = chosen(None, lambda peer: not peer.packages or peer.packages == ("jax",))
    assert [peer.name for peer in peers] == [OURS, *BY_HAND, "jax"]
    assert missing["pytorch"] == "torch not installed"
    assert missing["pytensor"] == "pytensor and numba not installed"


def test_ours_and_the_reference_are_always_chosen() -> None:
    peers, missing = chosen(["jax"], lambda peer: True)
    assert [peer.name for peer in peers] == [OURS, "numpy", "jax"]
    assert missing == {}
    with pytest.raises(ValueError, match=r"^there is no peer theano: there are tensorgraph, numpy, "):
        chosen(["theano"])


def test_malloc_is_raised_for_those_who_allocate_where_it_is_glibcs() -> None:
    peers = [NAMED["numpy"], NAMED["jax"], NAMED["pytorch-compile"]]
    labels = [variant.label for variant in variants(peers, "glibc")]
    assert labels == ["numpy", "jax", "jax+malloc", "pytorch-compile", "pytorch-compile+malloc"]
    assert [variant.label for variant in variants(peers, "")] == ["numpy", "jax", "pytorch-compile"]
    assert variants(peers, "glibc")[2].process == ("shared", True)
    assert variants(peers, "glibc")[3].process == ("pytorch-compile", False)


def test_rows_have_names_of_their_own() -> None:
    assert len(set(names())) == len(names())
    assert all(row_named(row.name) is row for row in ROWS)


# ---- checks
def test_outcomes_that_differ_are_told() -> None:
    row = Row(DIGITS, "train", 3)
    first, moved = np.full(4, 100.0), np.full(4, 100.001)
    expected = {"loss": np.asarray(0.5), "f0": first, "p0": moved}
    assert difference(row, expected, {"loss": np.asarray(0.5), "p0": moved}) is None
    wrong = difference(row, expected, {"loss": np.asarray(0.5), "p0": first + 0.0011})
    assert wrong == "p0 is off by 1.0e-01 of its norm, and 1e-03 is allowed"
    assert difference(row, expected, {"loss": np.asarray(np.nan), "p0": moved}) is not None
    assert difference(row, expected, {"loss": np.asarray(0.5)}) == "it gives loss instead of loss, p0"
    shape = difference(row, expected, {"loss": np.asarray(0.5), "p0": moved[:2]})
    assert shape == "p0 has the shape (2,) instead of (4,)"


def wrong(row: Row) -> Work:
    """NumPy with a gradient that is 1 % too large."""
    work = builder(NAMED["numpy"])(row)

    def spoilt(found: object) -> dict[str, np.ndarray]:
        return {
            name: np.asarray(array) * (1.01 if name == "p0" else 1.0) for name, array in work.outcome(found).items()
        }

    return Work(work.step, spoilt)


def refusing(row: Row) -> Work:
    raise NotForThisRowError("it has no words for this")


def raising(row: Row) -> Work:
    raise RuntimeError("out of luck\nand more")


def test_a_wrong_peer_is_refused_and_not_timed(tmp_path: Path) -> None:
    builders = {"numpy": builder(NAMED["numpy"]), "jax": wrong, "numexpr": refusing, "pytorch": raising}
    bench = Bench(lambda name: builders[name])
    path = str(tmp_path / "reference.npz")
    bench.reference(ROW, path)
    assert bench.prepare("numpy", ROW, path)["seconds"] > 0
    assert bench.prepare("jax+malloc", ROW, path)["refused"].startswith("p0 is off by ")
    assert bench.prepare("numexpr", ROW, path) == {"left_out": "it has no words for this"}
    assert bench.prepare("pytorch", ROW, path) == {"left_out": "RuntimeError: out of luck"}
    assert set(bench.works) == {"numpy"}
    assert 0 < bench.turn("numpy", 0.01)["seconds"] < 0.1
    bench.drop()
    assert bench.works == {}


def test_a_peer_that_is_right_after_one_step_only_is_refused(tmp_path: Path) -> None:
    def stuck(row: Row) -> Work:
        work = builder(NAMED["numpy"])(row)
        first = work.step()
        frozen = work.outcome(first)
        return Work(lambda: first, lambda found: frozen)

    bench = Bench(lambda name: stuck if name == "jax" else builder(NAMED["numpy"]))
    path = str(tmp_path / "reference.npz")
    bench.reference(ROW, path)
    assert "refused" in bench.prepare("jax", ROW, path)


# ---- the machine
def test_others_are_what_is_busy_and_not_ours() -> None:
    clock = Clock()
    busy, own = iter([100.0, 106.0]), iter([10.0, 11.0])
    watch = quiet.Watch(lambda: next(busy), lambda: next(own), clock)
    clock.now = 10.0
    assert watch.others() == pytest.approx(0.5)
    assert quiet.Watch(lambda: None, lambda: 1.0, clock).others() is None


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="reads /proc")
def test_a_process_of_ours_is_not_another() -> None:
    before = quiet.own_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
    after, busy = quiet.own_seconds(), quiet.busy_seconds()
    assert before is not None
    assert after is not None
    assert busy is not None
    assert after - before > 0.1
    assert busy > 0


def test_it_refuses_while_another_process_holds_the_machine(monkeypatch, capsys) -> None:
    monkeypatch.setattr(command, "_held", lambda seconds: 0.87)
    assert command.main(["--rows", "MSE, SGD, batch 1$"]) == 1
    expected = "error: another process holds 0.87 cores: wait until it ends, or measure with --force\n"
    assert capsys.readouterr() == ("", expected)


LINE = Line("row", "ms", (Entry(OURS, False, 2.0, 1.0, 3), Entry("numpy", False, 1.0, 2.0, 3)), {}, 0.5)


def test_it_refuses_to_report_what_was_disturbed(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setattr(command, "_held", lambda seconds: 0.0)
    monkeypatch.setattr(command, "lines", lambda *arguments: [LINE])
    assert command.main(["--out", str(tmp_path / "out")]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors == (
        "error: another process held the machine in 1 of 1 rows (0.50 cores in 'row'): "
        "wait until it ends, or measure with --force\n"
    )
    assert not (tmp_path / "out").exists()
    assert command.main(["--force"]) == 0
    assert "- forced: other processes held the machine in 1 of 1 rows\n" in capsys.readouterr().out


def test_it_says_so_where_nothing_tells_what_others_do(monkeypatch, capsys) -> None:
    monkeypatch.setattr(command, "_held", lambda seconds: None)
    monkeypatch.setattr(command, "lines", lambda *arguments: [Line("row", "ms", LINE.entries)])
    assert command.main([]) == 0
    assert "nothing says what other processes do" in capsys.readouterr().out


def test_a_row_without_our_figure_or_with_a_wrong_peer_fails(monkeypatch, capsys) -> None:
    left_out = {OURS: "its process ended", "jax": "wrong, so not timed: loss is off"}
    monkeypatch.setattr(command, "_held", lambda seconds: 0.0)
    monkeypatch.setattr(command, "lines", lambda *arguments: [Line("row", "ms", LINE.entries[1:], left_out)])
    assert command.main([]) == 1
    assert capsys.readouterr().err == "error: row: no figure of tensorgraph\nerror: row: a peer is wrong\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peers", "theano"], "error: there is no peer theano: there are tensorgraph, "),
        (
            ["--rows", "("],
            "error: --rows '(' is no regular expression: missing ), unterminated subpattern at position 0",
        ),
    ],
)
def test_bad_options(arguments: list[str], message: str, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_pattern_that_names_nothing(capsys) -> None:
    assert command.main(["--rows", "no such row"]) == 1
    expected = "error: no row has 'no such row' in its name: --list shows them all\n"
    assert capsys.readouterr().err == expected


# ---- the report
REPORT = Report(
    {"processor": "some processor, 2 cores"},
    {"numpy": "2.4"},
    {"autograd": "autograd not installed"},
    (
        Line(
            "won",
            "ms",
            (
                Entry(OURS, False, 1.0, 1.0, 5),
                Entry("numpy", False, 0.95, 1.05, 5),
                Entry("numpy-threads", False, 1.5, 0.7, 5),
                Entry("jax", False, 4.0, 0.25, 5),
                Entry("jax", True, 2.0, 0.5, 5),
            ),
        ),
        Line(
            "lost",
            "MB",
            (
                Entry(OURS, False, 3000.0, 1.0, 5),
                Entry("numpy", False, 2000.0, 1.5, 5),
                Entry("jax", False, 10.0, 300, 5),
            ),
            {"numexpr": "it is not one elementwise expression", "jax+malloc": "the same"},
        ),
    ),
    ("a note",),
)


def test_the_table() -> None:
    assert table(REPORT) == (
        "- processor: some processor, 2 cores\n"
        "- versions: numpy 2.4\n"
        "- not measured: autograd (autograd not installed)\n"
        "- a note\n\n"
        "| workload | tensorgraph | NumPy by hand | ratio | best peer | | ratio |\n"
        "|---|--:|--:|--:|--:|---|--:|\n"
        "| won | 1 ms | 0.95 ms | 1.05 | 2 ms | JAX jit, malloc raised | 0.50 |\n"
        "| lost | 3000 MB | 2000 MB | **1.50** | 10 MB | JAX jit | **300.00** |\n\n"
        "| workload | tensorgraph | NumPy by hand | NumPy by hand, threads | JAX jit |\n"
        "|---|--:|--:|--:|--:|\n"
        "| won | 1 ms | 0.95 ms | 1.5 ms | 4 ms / 2 ms |\n"
        "| lost | 3000 MB | 2000 MB |  | 10 MB |\n\n"
        "Left out:\n\n"
        "- numexpr: it is not one elementwise expression (1: lost)\n"
    )


def test_the_report_reads_back() -> None:
    assert Report.from_json(json.loads(json.dumps(REPORT.to_json()))) == REPORT


def test_the_plot_shows_losses_in_another_colour_and_shape(tmp_path: Path) -> None:
    path = tmp_path / "peers.svg"
    if importlib.util.find_spec("matplotlib") is None:
        assert not plot(REPORT, path)
        return
    assert plot(REPORT, path)
    first = path.read_bytes()
    assert first.count(b"#d55e00") > 0  # a loss
    plot(REPORT, path)
    assert path.read_bytes() == first


# ---- processes
def test_a_worker_that_dies_says_why() -> None:
    worker = Worker(raised=False)
    worker.send(do="turn", label="nobody", seconds=0.1)
    with pytest.raises(DiedError, match=r"^its process ended with 1: KeyError: 'nobody'$"):
        worker.receive()
    worker.close()


class Frail:
    """A worker that prepares what it is asked to, and ends at the first turn; `deadly` ends it earlier."""

    deadly = ""

    def __init__(self, raised: bool) -> None:
        self.asked: list[dict[str, object]] = []

    def send(self, **request: object) -> None:
        self.asked.append(request)

    def receive(self) -> dict[str, object]:
        request = self.asked.pop(0)
        if request["do"] == "turn" or request.get("label", "") == self.deadly:
            raise DiedError("its process ended with -9: it said nothing")
        return {"seconds": 0.1}

    def ask(self, **request: object) -> dict[str, object]:
        self.send(**request)
        return self.receive()

    def close(self) -> None:
        pass


def test_a_process_that_ends_in_a_turn_leaves_the_row_without_figures(monkeypatch) -> None:
    monkeypatch.setattr(session, "Worker", Frail)
    with session.Family(variants([NAMED[OURS], NAMED["pytensor"]], ""), session.Settings(smoke=True)) as family:
        line = family.line(ROW)
        assert line.entries == ()
        assert set(line.left_out.values()) == {"its process ended with -9: it said nothing"}
        assert family.workers == {}


def test_a_process_that_ends_while_it_prepares_takes_only_its_own_with_it(monkeypatch) -> None:
    monkeypatch.setattr(session, "Worker", Frail)
    monkeypatch.setattr(Frail, "deadly", "numpy")
    monkeypatch.setattr(session, "rounds", lambda turns, budget, least: [dict.fromkeys(turns, 1.0)])
    wanted = [NAMED[OURS], NAMED["numpy"], NAMED["jax"], NAMED["pytensor"]]
    with session.Family(variants(wanted, ""), session.Settings(smoke=True)) as family:
        left_out = family.line(ROW).left_out
    assert left_out["numpy"] == "its process ended with -9: it said nothing"
    assert left_out["jax"] == left_out[OURS] == "its process ended before"
    assert "pytensor" not in left_out


def test_a_run_from_end_to_end(capsys, tmp_path) -> None:
    arguments = ["--smoke", "--peers", "numpy", "--rows", "784-16-16-10.*(MSE, SGD, batch 1|batch 32)$"]
    assert command.main([*arguments, "--out", str(tmp_path), "--json", str(tmp_path / "again.json")]) == 0
    report = Report.from_json(json.loads((tmp_path / "peers.json").read_text()))
    assert [line.unit for line in report.lines] == ["ms", "ms", "ms", "s", "MB", "MB"]
    assert all({entry.peer for entry in line.entries} == {OURS, "numpy"} for line in report.lines)
    assert all(entry.value > 0 and entry.ratio for line in report.lines for entry in line.entries if line.unit != "MB")
    assert all(entry.value >= 0 for line in report.lines for entry in line.entries)  # 0: its pages were there before
    assert (tmp_path / "peers.md").read_text() == table(report)
    assert (tmp_path / "again.json").read_text() == (tmp_path / "peers.json").read_text()
    assert "smoke run" in capsys.readouterr().out


def test_peak_memory_is_what_the_step_holds() -> None:
    row = next(row for row in ROWS if row.name.startswith("twelve") and row.task == "value")
    grown = int(fresh.ask("memory", NAMED["numpy"], row, smoke=False)[0])
    # Argument and result are 16 MB each, of which pages at the ends may have been there before.
    assert 31.9e6 < grown < 48e6


def test_a_fresh_process_that_fails_says_why() -> None:
    with pytest.raises(fresh.FailedError, match=r"^KeyError: 'nobody'$"):
        fresh.ask("memory", Peer("nobody", "", ""), ROW, smoke=True)
    with pytest.raises(fresh.FailedError, match=r"^it is too short to share$"):
        fresh.ask("startup", NAMED["numpy-threads"], ROW, smoke=True)


def test_outcomes_do_not_depend_on_the_process(tmp_path: Path) -> None:
    """What a worker is compared with is what this process computes."""
    worker = Worker(raised=True)
    path = tmp_path / "reference.npz"
    worker.ask(do="reference", row=ROW.name, smoke=False, path=str(path))
    worker.close()
    with np.load(path) as found:
        assert difference(ROW, dict(found), outcome(builder(NAMED["numpy"])(ROW))) is None
