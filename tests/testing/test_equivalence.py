"""Programs that differ are told apart, and shown by the smallest case; the fuzzer finds planted mistakes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tg
import tensorgraph.compiler.compile
from tensorgraph.interpret.difference import difference
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.node import Node
from tensorgraph.ops.elementwise import Add, Subtract
from tensorgraph.ops.transcendental import Tanh
from tensorgraph.passes.fold import rewritten
from tensorgraph.testing import Inequivalent, assert_equivalent, minimise, tensors
from tensorgraph.testing import strategies as s
from tensorgraph.testing.fuzz import check_stages, fuzz

PIPELINE = sys.modules["tensorgraph.compiler.compile"]


def wrong_fold(graph: Graph) -> Graph:
    """A pass that takes x - y for x + y."""
    return rewritten(graph, lambda node, inputs: Node(Add(), *inputs) if isinstance(node.op, Subtract) else None)


def forgetful(graph: Graph) -> Graph:
    """A pass that drops tanh."""
    return rewritten(graph, lambda node, inputs: inputs[0] if isinstance(node.op, Tanh) else None)


def deep() -> tuple[tg.Tensor, tg.Tensor]:
    x = tg.placeholder(("n", 3), "float64", name="x")
    hidden = tg.sum(tg.exp(tg.sin(x) * 2), axis=0)
    return x, tg.cos(hidden - tg.sqrt(hidden)) + 1


# ---- comparing


@pytest.mark.parametrize(("found", "wanted", "allowed", "why"), [
    (np.array([1.0, np.nan]), np.array([1.0, np.nan]), {}, None),
    (np.array([0.0]), np.array([-0.0]), {}, "at (0,): 0.0 is not -0.0: the sign of zero differs"),
    (np.array([0.0]), np.array([-0.0]), {"ulp": 1}, None),
    (np.float32([1.0]), np.array([1.0]), {}, "float32[1] is not float64[1]"),
    (np.float32([1.0]), np.array([1.0]), {"dtypes": False}, None),
    (np.array([1 + 2**-50]), np.array([1.0]), {"ulp": 3}, "at (0,): 1.0000000000000009 is not 1.0: 4 units in the last "
     "place apart, allowed are 3"),
    (np.array([1 + 2**-50]), np.array([1.0]), {"ulp": {"float64": 4}}, None),
    (np.array([1 + 2**-50]), np.array([1.0]), {"atol": 1e-15}, None),
    (np.array([np.inf]), np.array([1.0]), {"ulp": 9}, "at (0,): inf is not 1.0: inf units in the last place apart, "
     "allowed are 9"),
    (np.array([1, 2]), np.array([1, 3]), {"ulp": 9}, "at (1,): 2 is not 3"),
])  # fmt: skip
def test_differences(found, wanted, allowed, why) -> None:
    assert difference(found, wanted, **allowed) == why


def test_unknown_dtypes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ulp= has 'int8': name floating-point data types, such as 'float32'"):
        assert_equivalent(tg.exp, tg.exp, inputs=[np.ones(2)], ulp={"int8": 1})


def test_kernels_graphs_and_functions() -> None:
    x, y = deep()
    kernel = tg.compile(x, y)
    assert_equivalent(kernel)
    assert_equivalent(kernel, tg.Graph([x.node], [y.node]))
    assert_equivalent(tg.sinh, np.sinh, inputs=tensors("float64", (2,)))
    assert_equivalent(lambda x: x * 2, inputs=[np.ones(3)])
    with pytest.raises(
        Inequivalent, match=r"assert_equivalent: exp and expm1 differ: result 0 at \(0,\): 1.0 is not 0.0"
    ):
        assert_equivalent(tg.exp, tg.expm1, inputs=[np.zeros(1)])


def test_state_is_left_as_it_was() -> None:
    p = tg.Parameter(np.ones(2), name="p")
    x = tg.placeholder((2,), name="x")
    kernel = tg.compile(x, x * p, updates={p: p + x})
    assert_equivalent(kernel)
    np.testing.assert_array_equal(p.numpy(), [1, 1])


def test_failing_inputs_shrink() -> None:
    with pytest.raises(Inequivalent) as caught:
        assert_equivalent(tg.abs, lambda x: x, inputs=tensors("float64", (2,), layouts="contiguous").map(lambda a: [a]))
    assert "inputs: [np.array([0.0, -0.03125], np.float64)]" in str(caught.value)


def test_functions_need_inputs() -> None:
    with pytest.raises(
        ValueError, match="functions do not say what they take: give inputs=, arrays or a strategy of them"
    ):
        assert_equivalent(tg.exp, tg.exp)
    with pytest.raises(ValueError, match="a int computes nothing: give a kernel, a Graph or a function"):
        assert_equivalent(3, tg.exp, inputs=[np.ones(1)])


def test_pytorch_functions() -> None:
    torch = pytest.importorskip("torch")
    assert_equivalent(tg.tanh, torch.tanh, inputs=tensors("float64", (3,)), ulp=8)
    assert_equivalent(lambda x: tg.sum(tg.relu(x)), lambda x: torch.relu(x).sum(), inputs=[np.array([1.0, -2.0])])
    with pytest.raises(Inequivalent, match="differ"):
        assert_equivalent(tg.exp, lambda x: torch.exp(x) + 1, inputs=[np.ones(2)])


def test_a_wrong_compiler_is_shown_by_the_smallest_graph(monkeypatch) -> None:
    monkeypatch.setattr(PIPELINE, "fold_constants", wrong_fold)
    x, y = deep()
    with pytest.raises(Inequivalent) as caught:
        assert_equivalent(tg.compile(x, y))
    text = str(caught.value)
    program = text.partition("\n")[2].rpartition(" (")[0]
    assert "subtract(" in program
    assert not any(f"tg.{other}(" in program for other in ("sin", "sum", "cos", "exp"))
    with pytest.raises(Inequivalent):
        exec(program, {})
    monkeypatch.undo()
    exec(program, {})


@given(st.data())
def test_minimising_keeps_what_it_looks_for(data: st.DataObject) -> None:
    graph = data.draw(s.graphs(size=5))
    arrays = data.draw(s.feeds(graph, values="ordinary"))
    names = sorted({n.op.name for n in graph.nodes if n.inputs and len(n.types) == 1})
    if not names:
        return
    name = data.draw(st.sampled_from(names))
    small, fed = minimise(graph, arrays, lambda g, a: any(n.op.name == name for n in g.nodes))
    assert [n.op.name for n in small.nodes if n.inputs].count(name) >= 1
    assert len(fed) == len(small.inputs)
    assert len(small.nodes) <= len(graph.nodes)


# ---- the fuzzer


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
