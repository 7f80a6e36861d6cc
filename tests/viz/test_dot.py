from __future__ import annotations

import re
import shutil
import sys
from xml.etree import ElementTree

import pytest

import tensorgraph as tg
from tensorgraph.errors import CompileError
from tensorgraph.viz import render_svg, to_dot


def step() -> tg.Graph:
    x = tg.placeholder(("batch", 3), "float32", name="x")
    w = tg.Parameter([[1.0], [2.0], [3.0]], name="w")
    with tg.scope("layer"):
        y = tg.tanh(x @ w)
    loss = tg.mean(y)
    return tg.Graph([x.node], [loss.node], [(w.node, (w - tg.gradients(loss, w)).node)])


def test_every_node_every_edge_and_every_layer_is_drawn() -> None:
    graph = step()
    text = to_dot(graph)
    drawn = re.findall(r"^ +(n\d+) \[", text, flags=re.MULTILINE)
    assert drawn == sorted(set(drawn), key=drawn.index)
    assert len(drawn) == len(graph.nodes)
    assert text.count("->") == sum(len(n.inputs) for n in graph.nodes) + len(graph.updates)
    assert re.search(r'subgraph "cluster_\d+" \{ label="layer"', text)
    assert 'label="update"' in text


def test_gradient_edges_are_written_the_other_way_round() -> None:
    assert "dir=back" in to_dot(step())


def test_names_are_quoted() -> None:
    assert to_dot(step(), 'a "b"\\c').startswith('digraph "a \\"b\\"\\\\c" {')


def test_the_same_graph_gives_the_same_text() -> None:
    assert to_dot(step()) == to_dot(step())


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_dot_draws_it() -> None:
    svg = render_svg(to_dot(step()))
    assert svg is not None
    assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_without_dot_there_is_no_picture(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert render_svg(to_dot(step())) is None


def fake_dot(monkeypatch, tmp_path, body: str) -> None:
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_dot_that_fails_says_why(monkeypatch, tmp_path) -> None:
    fake_dot(monkeypatch, tmp_path, "import sys; sys.stdin.read(); sys.exit('syntax error in line 1')")
    with pytest.raises(CompileError) as caught:
        render_svg("digraph {}")
    assert str(caught.value) == "dot failed: syntax error in line 1"


def test_a_dot_that_hangs_is_stopped(monkeypatch, tmp_path) -> None:
    fake_dot(monkeypatch, tmp_path, "import time; time.sleep(60)")
    with pytest.raises(CompileError) as caught:
        render_svg("digraph {}", timeout=0.5)
    assert str(caught.value) == "dot took longer than 0.5 s: draw fewer nodes"
