"""The fuzzer finds planted mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorgraph.ir.graph import Graph
from tensorgraph.testing.fuzz import check_stages, fuzz
from tests.testing.planted import PIPELINE, forgetful, wrong_fold


def test_a_round_finds_nothing_and_repeats_itself() -> None:
    one, two = fuzz(2, seed=7, most_graphs=40), fuzz(2, seed=7, most_graphs=40)
    assert not one.findings
    assert one.ops == two.ops
    assert one.graphs == two.graphs
    assert one.stages["kernel"] == one.graphs
    assert {"trace", "drop identities", "fold constants", "text", "pickle", "saved module"} <= set(one.stages)


@pytest.mark.parametrize(("planted", "op"), [(wrong_fold, "subtract"), (forgetful, "tanh")])
def test_a_wrong_pass_is_found_named_and_reproduced(planted, op: str, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(PIPELINE, "fold_constants", planted)
    report = fuzz(2, seed=0, out=tmp_path, most_graphs=400)
    found = next(f for f in report.findings if f.stage == "fold constants")
    assert [n.op.name for n in found.graph.nodes if n.inputs] == [op]
    scope: dict[str, object] = {}
    text = report.files[report.findings.index(found)].read_text()
    exec(text, scope)
    assert str(check_stages(scope["graph"], scope["arrays"])).startswith("fold constants: result 0 at ")
    monkeypatch.undo()
    assert check_stages(scope["graph"], scope["arrays"]) is None
    assert f"{len(report.findings)} found" in str(report)


def test_a_pass_that_raises_is_found(monkeypatch) -> None:
    def broken(graph: Graph) -> Graph:
        raise KeyError("lost")

    monkeypatch.setattr(PIPELINE, "drop_identities", broken)
    report = fuzz(2, seed=0, most_graphs=20)
    assert [(f.stage, f.why) for f in report.findings][:1] == [("kernel", "raised KeyError: 'lost'")]


def test_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="fuzz: minutes=0: give it some time, such as 1"):
        fuzz(0)
