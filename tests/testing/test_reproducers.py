"""What a failure prints runs by itself, and fails in the same way."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import compile_graph
from tensorgraph.ir.graph import Graph
from tensorgraph.passes.fold import rewritten
from tensorgraph.testing import Inequivalent, assert_equivalent, code, tensors
from tensorgraph.testing import strategies as s
from tensorgraph.testing.literals import array_code, arrays_code
from tensorgraph.testing.strategies.arrays import VALUES
from tests.testing.planted import PIPELINE, deep, forgetful, wrong_fold

TINY = dataclasses.replace(tg.Machine.reference, l2=64, cores=3)


def printed(check: Callable[[], object]) -> str:
    """The program that a failed check prints, which has been run: it fails as the comment above it says."""
    with pytest.raises(Inequivalent) as caught:
        check()
    program = str(caught.value).partition("\n")[2]
    written = re.search(r"^# too long to print: (.*)$", program, re.MULTILINE)
    if written:
        path = Path(written[1])
        program = path.read_text()
        path.unlink()
    with pytest.raises(Inequivalent) as again:
        exec(program, {})
    assert sort(str(again.value)) == sort(str(caught.value)), program
    return program


def sort(message: str) -> str:
    """What differs, without names and numbers."""
    head = message.partition("\n")[0]
    known = ("NaN on one side only", "units in the last place", "nor within", "results are not", "sign of zero")
    found = [word for word in (*known, *re.findall(r"raises (\w+)", head)) if word in head]
    return found[-1].replace("nor within", "units in the last place") if found else "types"


def drops_tanh_if_fast(graph: Graph, *, fast_math: bool = False) -> Any:
    return SimpleNamespace(graph=forgetful(graph) if fast_math else graph, laws={})


# ---- kernels against the interpreter


def test_a_wrong_compiler_is_shown_by_the_smallest_graph(monkeypatch) -> None:
    monkeypatch.setattr(PIPELINE, "fold_constants", wrong_fold)
    x, y = deep()
    program = printed(lambda: assert_equivalent(tg.compile(x, y)))
    assert "subtract(" in program
    assert not any(f"tg.{other}(" in program for other in ("sin", "sum", "cos", "exp"))
    monkeypatch.undo()
    exec(program, {})


@pytest.mark.parametrize("options", [
    {"fast_math": True}, {"fast_math": True, "machine": TINY}, {"fast_math": True, "machine": tg.Machine.reference},
    {"fast_math": True, "debug_nans": True}, {"fast_math": True, "machine": dataclasses.replace(TINY, rates=())},
])  # fmt: skip
def test_the_options_of_a_kernel_are_kept(options: dict[str, Any], monkeypatch) -> None:
    monkeypatch.setattr(PIPELINE, "simplify", drops_tanh_if_fast)
    x = tg.placeholder(("n", 3), "float64", name="x")
    kernel = tg.compile(x, tg.cos(tg.tanh(tg.sum(tg.exp(x), axis=0))) + 1, **options)
    assert kernel.options == options
    program = printed(lambda: assert_equivalent(kernel))
    assert "kernel = tg.compile([v], [tanh], " in program
    found = {name: value for name, value in given_options(program).items() if name != "locations"}
    assert found == options
    printed(lambda: assert_equivalent(kernel, lambda x: np.cos(np.tanh(np.sum(np.exp(x), axis=0))) + 1))


def given_options(program: str) -> dict[str, Any]:
    """What a program compiles with."""
    scope: dict[str, Any] = {}
    exec(program.rpartition("\n")[0], scope)
    return dict(scope["kernel"].options)


def test_jitted_functions_are_compiled_in_the_program(monkeypatch) -> None:
    monkeypatch.setattr(PIPELINE, "simplify", drops_tanh_if_fast)
    f = tg.jit(lambda x: tg.exp(tg.tanh(x)), fast_math=True)
    program = printed(lambda: assert_equivalent(f, lambda x: tg.exp(tg.tanh(x)), inputs=[np.ones(3)]))
    assert "first = tg.compile([x], [tanh], fast_math=True)" in program
    assert "second = tg.Graph([x.node], [tanh.node])" in program


def test_a_kernel_that_raises(monkeypatch) -> None:
    def broken(graph: Graph) -> Graph:
        if any(node.op.name == "tanh" for node in graph.nodes):
            raise KeyError("lost")
        return graph

    monkeypatch.setattr(PIPELINE, "fold_constants", broken)
    x = tg.placeholder((3,), "float64", name="x")
    program = printed(lambda: assert_equivalent(tg.Graph([x.node], [(tg.exp(tg.tanh(x + 1)) * 2).node])))
    assert "tg.tanh(" in program
    assert not any(f"tg.{other}(" in program for other in ("exp", "add", "multiply"))


def test_a_graph_that_cannot_be_written_is_shown_above_its_results(monkeypatch) -> None:
    monkeypatch.setattr(PIPELINE, "fold_constants", wrong_fold)
    x = tg.placeholder((2,), "float64", name="x")
    y = tg.custom_op(lambda a: a * 2)(x) - 1
    program = printed(lambda: assert_equivalent(tg.compile(x, tg.custom_op(lambda a: a)(y)), inputs=[np.ones(2)]))
    assert program.startswith("# ")
    stuck = tg.Graph([x.node], [tg.custom_op(lambda a: a + len(a))(x - x).node])
    program = printed(lambda: assert_equivalent(stuck, lambda x: x * 0, inputs=[np.ones(2)]))
    assert "# def graph(x):" in program


# ---- two programs


def above(x: tg.Tensor, f: Callable[[Any], Any]) -> tg.Tensor:
    return tg.exp(x) * f(tg.cos(x)) + 1


def test_of_two_graphs_what_they_share_is_cut() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    one, other = (tg.Graph([x.node], [tg.exp(x).node, above(x, f).node]) for f in (tg.sin, tg.tan))
    wanted = [
        'v = tg.placeholder((1,), "float64", name="v")', "sin = tg.sin(v)", "tan = tg.tan(v)",
        "first = tg.Graph([v.node], [sin.node])", "second = tg.Graph([v.node], [tan.node])",
        "arrays = [np.array([1.0], np.float64)]", "assert_equivalent(first, second, inputs=arrays)",
    ]  # fmt: skip
    assert printed(lambda: assert_equivalent(one, other)).splitlines()[-7:] == wanted
    lines = printed(lambda: assert_equivalent(tg.compile(x, above(x, tg.sin)), above_tan)).splitlines()
    assert lines[-7:] == [
        *wanted[:3], "first = tg.compile([v], [sin])", *wanted[4:6], f"{wanted[6][:-1]}, dtypes=False)",
    ]  # fmt: skip


def above_tan(x: tg.Tensor) -> tg.Tensor:
    return above(x, tg.tan)


def opaque(x: Any) -> Any:
    y = np.zeros_like(np.asarray(x))
    y[...] = x
    return y + 1


X = np.array([0.3, 1.2, 0.7])


@pytest.mark.parametrize(("f", "g", "inputs", "options"), [
    (tg.abs, lambda x: x, tensors("float64", (2,)).map(lambda a: [a]), {}),
    (lambda x: x * 2, opaque, [X], {}),
    (opaque, lambda x: x * 2, [X], {"ulp": {"float64": 2}, "atol": 1e-3}),
    (opaque, np.array, [X], {}),
    (opaque, lambda x: np.array(x, np.float32) + 1, [np.ones(3)], {"dtypes": True}),
    (lambda x: x, lambda x: tg.astype(x, "float32"), [X], {"dtypes": True}),
    (lambda x: x, lambda x: [x, x], [X], {}),
    (lambda x: x, lambda x: x[:2], [X], {}),
    (lambda x: x * np.nan, lambda x: x, [X], {}),
    (lambda x: x, lambda x: x + 0.0, [np.array([-0.0])], {"ulp": 0}),
    (lambda x: {"a": x, "b": [x, 2 * x]}, lambda x: {"a": x, "b": [x, 3 * x]}, [X], {}),
    (lambda x, i: x[i], lambda x, i: tg.take(x, i, axis=0) * 2, [X, np.array([2, 1])], {}),
    (np.var, lambda x: tg.var(x, correction=1), [X], {}),
    (lambda x: tg.asarray(np.float64(x.shape[0])), lambda x: tg.sum(x) * 0 + 3, [np.ones(5)], {}),
])  # fmt: skip
def test_two_functions(f: Any, g: Any, inputs: Any, options: dict[str, Any]) -> None:
    printed(lambda: assert_equivalent(f, g, inputs=inputs, **options))


def boom(x: Any) -> Any:
    if np.any(np.asarray(x) > 0):
        raise KeyError("boom")
    return x * 1


class OddError(Exception):
    def __init__(self, one: object, other: object) -> None:
        super().__init__(one, other)


def odd(x: Any) -> Any:
    raise OddError(object(), x)


@pytest.mark.parametrize("other", [boom, odd])
def test_an_exception_is_raised_again(other: Any) -> None:
    with pytest.raises(Inequivalent) as caught:
        assert_equivalent(lambda x: x, other, inputs=[X])
    program = str(caught.value).partition("\n")[2]
    with pytest.raises(Inequivalent, match=r"second raises (KeyError: 'boom'|RuntimeError: OddError: )"):
        exec(program, {})


@pytest.mark.parametrize("fed", [
    np.array([1.0, 2.0], ">f8"), np.arange(300.0).astype(">f8"), np.arange(6.0)[::-1], np.arange(6.0)[::2],
    np.frombuffer(b"\x7f\xf8\0\0\0\0\0\1" * 2, ">f8"), np.broadcast_to(np.float32(2), (3,)),
])  # fmt: skip
def test_what_depends_on_how_an_array_lies_in_memory(fed: np.ndarray) -> None:
    def picky(x: Any) -> Any:
        x = np.asarray(x)
        plain = x.dtype.isnative and x.flags.c_contiguous and x.flags.writeable
        return np.where(np.isnan(x), 0, x) if plain else np.full(x.shape, 7.5)

    program = printed(lambda: assert_equivalent(picky, lambda x: np.where(np.isnan(x), 0, x), inputs=[fed]))
    scope: dict[str, Any] = {}
    exec(program.rpartition("\n")[0], scope)
    (again,) = scope["arrays"]
    assert not (again.dtype.isnative and again.flags.c_contiguous and again.flags.writeable)


def test_explicit_inputs_become_small() -> None:
    rng = np.random.default_rng(0)
    program = printed(lambda: assert_equivalent(
        lambda x, w: tg.tanh(x @ w), lambda x, w: np.tanh(np.array(x) @ w) + (np.array(x) > 3).any(),
        inputs=[np.where(np.arange(600).reshape(100, 6) == 431, 4.5, rng.normal(size=(100, 6))), np.eye(6)],
    ))  # fmt: skip
    scope: dict[str, Any] = {}
    exec(program.rpartition("\n")[0], scope)
    x, w = scope["arrays"]
    assert x.size <= 9
    assert np.count_nonzero(x) == 1
    assert not w.any()


def test_a_program_that_is_too_long_is_written_to_a_file() -> None:
    rng = np.random.default_rng(0)
    program = printed(lambda: assert_equivalent(
        lambda x: x, lambda x: np.array(x) + (np.array(x).shape == (90, 70)), inputs=[rng.normal(size=(90, 70))]
    ))  # fmt: skip
    assert "second" in program


@pytest.mark.peers
def test_pytorch() -> None:
    torch = pytest.importorskip("torch")
    program = printed(lambda: assert_equivalent(tg.softmax, lambda x: torch.log_softmax(x, -1), inputs=[X]))
    assert "first = tg.Graph([x.node], [divide.node])" in program
    assert "def second(*arrays):  # what <lambda> of torch (test_reproducers.py:" in program
    program = printed(lambda: assert_equivalent(tg.exp, torch.expm1, inputs=[X]))
    assert "from torch import expm1 as second" in program
    printed(lambda: assert_equivalent(lambda x: x, lambda x: x @ torch.ones(7), inputs=[X]))


@pytest.mark.peers
def test_jax() -> None:
    jax = pytest.importorskip("jax")
    program = printed(lambda: assert_equivalent(tg.softmax, jax.nn.log_softmax, inputs=[X]))
    assert "first = tg.Graph([x.node], [divide.node])" in program


@given(st.data())
def test_random_graphs_that_differ(data: st.DataObject) -> None:
    """A graph, and the same with every tanh, sine or sum of two left out."""
    graph = data.draw(s.graphs(ops=["tanh", "sin", "add", "multiply", "permute_dims", "sum", "slice"], size=6))
    arrays = data.draw(s.feeds(graph))
    name = data.draw(st.sampled_from(["tanh", "sin", "add"]))
    other = rewritten(graph, lambda node, inputs: inputs[0] if node.op.name == name and same_types(node) else None)
    left, right = data.draw(st.sampled_from([(graph, other), (kernel_of(graph), other), (graph, kernel_of(other))]))
    try:
        assert_equivalent(left, right, inputs=arrays)
    except Inequivalent as error:
        message = str(error)
        with pytest.raises(Inequivalent) as again:
            exec(message.partition("\n")[2], {})
        assert sort(str(again.value)) == sort(message)


def same_types(node: Any) -> bool:
    return bool(node.types == node.inputs[0].types)


def kernel_of(graph: Graph) -> Kernel:
    return compile_graph(graph, "kernel", list(range(len(graph.outputs))))


# ---- arrays


@given(tensors(values=VALUES), st.booleans(), st.integers(0, 3))
def test_array_code_gives_the_same_bits_and_order(a: np.ndarray, swapped: bool, turned: int) -> None:
    a = a.astype(a.dtype.newbyteorder(), order="K") if swapped else a
    a = [a, a.T, np.flip(a), np.flip(a, axis=tuple(range(min(a.ndim, 1))))][turned]
    read = eval(array_code(a), {"np": np})
    assert (read.dtype, read.shape, read.tobytes()) == (a.dtype, a.shape, a.tobytes())
    if a.size:
        long = [i for i, n in enumerate(a.shape) if n > 1]
        assert [np.sign(read.strides[i]) for i in long] == [np.sign(a.strides[i]) for i in long]
        assert sorted(long, key=lambda i: abs(read.strides[i])) == sorted(long, key=lambda i: abs(a.strides[i]))


@pytest.mark.parametrize("a", [
    np.arange(300, dtype=">i4"), np.frombuffer(b"\x7f\xf8\0\0\0\0\0\1" * 2, ">f8"),
    np.frombuffer(b"\x7f\xf8\0\0\0\0\0\1" * 300, ">f8"), np.full((20, 20), -0.0, np.float32), np.full(300, 2.5, ">f8"),
    np.broadcast_to(np.arange(3.0), (2, 3)), np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
    np.array([1 / np.longdouble(3)]), np.array(["a", "bc"]), np.array(2.5, ">c8"), np.ones((3, 1, 2))[:, ::-1],
])  # fmt: skip
def test_arrays_of_every_sort_as_code(a: np.ndarray) -> None:
    read = eval(array_code(a), {"np": np})
    assert (read.dtype, read.shape, read.tobytes()) == (a.dtype, a.shape, a.tobytes())


def test_read_only_arrays_are_read_only_again() -> None:
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    scope: dict[str, Any] = {"np": np}
    exec("\n".join(arrays_code([np.ones(2), fixed, np.broadcast_to(1.0, (2,))])), scope)
    assert [a.flags.writeable for a in scope["arrays"]] == [True, False, False]


# ---- what has no text


def test_functions_and_local_operations_have_no_text() -> None:
    x = tg.placeholder((2,), "float64", name="x")

    def doubled(a: Any) -> Any:
        return a * 2

    with pytest.raises(tg.errors.UnsupportedError) as caught:
        code(tg.Graph([x.node], [tg.custom_op(doubled)(x).node]))
    assert str(caught.value) == (
        "reproduce: the graph calls the Python function 'doubled', which text cannot hold: print(graph) shows the graph"
    )

    class Local(type(tg.exp(x).node.op)):  # type: ignore[misc]
        """An operation that only this test knows."""

    with pytest.raises(tg.errors.UnsupportedError) as caught:
        code(tg.Graph([x.node], [tg.Tensor(tg.Node(Local(), x.node)).node]))
    assert str(caught.value) == "reproduce: Local is not defined at the top of its module: move it there"
