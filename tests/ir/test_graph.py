"""Graphs: merging, text, equality, verification, effects, deep chains."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path

import networkx
import numpy as np
import pytest

from tensorgraph.errors import CompileError, InputError, ParseError, ShapeError, VerifyError
from tensorgraph.ir.dims import Dim
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder, Storage, Variable, constant
from tensorgraph.ir.node import Node, substitute, topological
from tensorgraph.ir.provenance import Location, scope
from tensorgraph.ir.types import TensorType, as_shape
from tensorgraph.ops.elementwise import Add, Multiply
from tensorgraph.ops.meta import Alias
from tensorgraph.ops.shape import Arange, DimSize, Reshape
from tensorgraph.ops.transcendental import Exp, Tanh

FILE = Path(__file__).name
F32 = np.dtype("float32")


def placeholder(label: str = "x", shape: object = ("batch", 3)) -> Node:
    return Node(Placeholder(label, TensorType(F32, as_shape(shape))))


def variable(label: str = "w", shape: tuple[int, ...] = (3,)) -> Node:
    value = np.ones(shape, F32)
    return Node(Variable(label, TensorType.of(value), Storage(value)))


def line() -> int:
    """The line of the caller."""
    import sys

    return sys._getframe(1).f_lineno


# ---- merging


def test_equal_expressions_are_one_node() -> None:
    x = placeholder()
    graph = Graph([x], [Node(Add(), Node(Exp(), x), Node(Exp(), x))]).verify()
    assert [n.op.name for n in graph.nodes] == ["placeholder", "exp", "add"]
    assert graph.nodes[2].inputs == (graph.nodes[1], graph.nodes[1])


@pytest.mark.parametrize(
    ("a", "b", "merged"),
    [
        (np.float32(0.0), np.float32(0.0), True),
        (np.float32(0.0), np.float32(-0.0), False),
        (np.float32("nan"), np.float32("nan"), True),
        (np.float32(1), np.float64(1), False),
        (np.int32(1), np.bool_(True), False),
        (np.zeros((2, 3)), np.zeros((3, 2)), False),
        (np.arange(5), np.arange(5), True),
        (np.arange(1000), np.arange(1000), False),
        (np.zeros(1000), np.zeros(1000), True),
        (np.zeros(1000), np.full(1000, -0.0), False),
        (np.zeros(10_000), np.zeros(10_000), False),
    ],
)
def test_constants_merge_by_dtype_and_bytes(a: np.generic, b: np.generic, merged: bool) -> None:
    left, right = constant(a), constant(b)
    graph = Graph([], [left, right]).verify()
    assert (graph.outputs[0] is graph.outputs[1]) == merged


def test_large_constants_merge_by_identity_and_are_not_text() -> None:
    array = np.arange(1000.0)
    node = constant(array)
    assert isinstance(node.op, Constant)
    array[0] = 5
    assert node.op.value[0] == 0
    twin = Node(Constant(node.op.value))
    graph = Graph([], [Node(Add(), node, twin)]).verify()
    assert len(graph.nodes) == 2
    assert list(graph.constants()) == ["node"]
    assert Graph.parse(str(graph), constants=graph.constants()) == graph
    with pytest.raises(ParseError) as caught:
        Graph.parse(str(graph))
    text = str(graph).splitlines()[1].strip()
    assert str(caught.value) == f"line 2: {text!r}: constants= has no 'node'"


@pytest.mark.parametrize("value", [1.0, -0.0, np.nan, -np.nan, -np.inf, 0.1, 2 + 1j, True, 7])
@pytest.mark.parametrize("shape", [(1000,), (40, 30)])
def test_constants_of_one_number_are_text_though_they_are_large(value: complex, shape: tuple[int, ...]) -> None:
    array = np.full(shape, value).repeat(2, axis=0)
    graph = Graph([], [constant(array)])
    assert graph.constants() == {}
    assert Graph.parse(str(graph)) == graph
    if not np.isnan(value):  # those of some signs and payloads are printed as bytes
        assert len(str(graph)) < 200
        assert "np.full(" in str(graph)


def test_aliases_carry_meaning_for_derivatives_only() -> None:
    x = placeholder()
    assert Graph([x], [Node(Exp(), Node(Alias(), x))]) == Graph([x], [Node(Exp(), x)])


# ---- text


def test_a_graph_reads_like_numpy() -> None:
    x, w = placeholder(), variable()
    hidden = Node(Tanh(), Node(Multiply(), x, w))
    graph = Graph([x], [hidden, Node(Add(), hidden, constant(np.float32(0.5)))], [(w, w)])
    assert str(graph) == (
        "def graph(x):\n"
        "    x = placeholder('x')  # float32[batch, 3]\n"
        "    w = parameter('w')  # float32[3]\n"
        "    multiply = np.multiply(x, w)  # float32[batch, 3]\n"
        "    hidden = np.tanh(multiply)  # float32[batch, 3]\n"
        "    add = np.add(hidden, 0.5)  # float32[batch, 3]\n"
        "    update(w, w)\n"
        "    return hidden, add"
    )
    assert Graph.parse(str(graph)) == graph
    assert str(Graph.parse(str(graph))) == str(graph)
    assert repr(graph) == "<Graph: 1 inputs, 6 nodes, 2 outputs>"


@pytest.mark.parametrize(
    "value",
    [0.0, -0.0, 1.5, 1e-40, 1e30, float("nan"), float("inf"), -float("inf"), 0.1, 16777216.0, 3],
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "int8", "bool"])
def test_scalar_constants_read_back_bit_for_bit(value: float, dtype: str) -> None:
    with np.errstate(all="ignore"):
        try:
            number = constant(np.array(value).astype(dtype))
        except (ValueError, RuntimeWarning):
            pytest.skip("no such value")
    x = Node(Placeholder("x", TensorType(np.dtype(dtype), (2,))))
    graph = Graph([x], [Node(Add(), x, number), number, Node(Reshape((1,)), number)])
    assert Graph.parse(str(graph)) == graph


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("shape", [(3,), (2, 2), (0, 2), (1, 1, 1)])
def test_array_constants_read_back_bit_for_bit(dtype: str, shape: tuple[int, ...]) -> None:
    values = np.array([1, 0, -0.0, 3.25])[: int(np.prod(shape))].astype(dtype).reshape(-1)
    array = np.resize(values, shape).astype(dtype)
    graph = Graph([], [constant(array)])
    assert Graph.parse(str(graph)) == graph


def test_nan_payloads_read_back() -> None:
    odd = np.array([0x7FC12345, 0x7FC00000], np.uint32).view(F32)
    x = placeholder(shape=(2,))
    graph = Graph([x], [Node(Add(), x, constant(odd)), Node(Add(), x, constant(odd[0]))])
    assert Graph.parse(str(graph)) == graph


def test_symbolic_attributes_read_back() -> None:
    x = placeholder(shape=("n", "m"))
    n, m = x.type.shape
    nodes = [
        Node(Reshape((n * m,)), x),
        Node(Reshape((m, n)), x),
        Node(Arange(0, 1, n, np.dtype("int64"))),
        Node(Arange(n, 2, 2 * m + 1, np.dtype("int64"))),
        *[Node(DimSize(d)) for d in (n, n * m - 1, (n + 1) // 2) if isinstance(d, Dim)],
    ]
    graph = Graph([x], nodes).verify()
    assert Graph.parse(str(graph)) == graph
    assert str(Graph.parse(str(graph))) == str(graph)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: a graph begins with 'def graph(...):'"),
        (
            "def graph(x):\n    return 1.0",
            "line 2: 'return 1.0': 1.0: a bare number needs an operand beside it that has a dtype",
        ),
        ("def graph(x):\n    return", "line 1: input 'x' has no line of its own"),
        ("def graph():\n    return y", "line 2: 'return y': nothing is called 'y'"),
        ("def graph():\n    for x in y: pass", "line 2: 'for x in y: pass': not a line of a graph"),
        (
            "def graph(x):\n    x = placeholder('x')  # float32[3]\n    y = np.nothing(x)  # float32[3]\n    return y",
            "line 3: 'y = np.nothing(x)  # float32[3]': no operation is spelled like this",
        ),
        (
            "def graph(x):\n    x = placeholder('x')  # float32[3]\n    y = np.exp(x)  # float32[4]\n    return y",
            "line 3: 'y = np.exp(x)  # float32[4]': the type is float32[3], not float32[4]",
        ),
    ],
)
def test_text_that_is_no_graph(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        Graph.parse(text)
    assert str(caught.value) == message


# ---- equality


def test_graphs_are_equal_up_to_the_names_of_leaves() -> None:
    def build(a: str, b: str, swap: bool = False) -> Graph:
        x, y = placeholder(a), placeholder(b)
        return Graph([y, x] if swap else [x, y], [Node(Add(), Node(Exp(), x), y)])

    assert build("a", "b") == build("x", "y")
    assert hash(build("a", "b")) == hash(build("x", "y"))
    assert build("a", "b") != build("a", "b", swap=True)
    assert build("a", "b") != "graph"


# ---- inputs


def bad_input(case: str) -> Callable[[], Graph]:
    x, y, w = placeholder(), placeholder(), variable()
    return {
        "result": lambda: Graph([Node(Exp(), x)], []),
        "twice": lambda: Graph([x, x], []),
        "same name": lambda: Graph([x, y], []),
        "no variable": lambda: Graph([x], [], [(x, x)]),
        "updated twice": lambda: Graph([x], [], [(w, w), (w, w)]),
        "another type": lambda: Graph([x], [], [(w, x)]),
    }[case]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("result", "input 0 is the result of exp: inputs are placeholders"),
        ("twice", "placeholder 'x' is given twice among the inputs"),
        ("same name", "two inputs are called 'x': give each placeholder a name of its own"),
        ("no variable", "updates: placeholder has no storage to update; use a Parameter"),
        ("updated twice", "updates: parameter 'w' is given twice"),
        (
            "another type",
            "updates: parameter 'w' is float32[3] and its next value is float32[batch, 3]; cast or reshape the value",
        ),
    ],
)
def test_inputs_and_updates_are_checked(case: str, message: str) -> None:
    build = bad_input(case)
    with pytest.raises(InputError) as caught:
        build()
    text, _, place = str(caught.value).rpartition(" (")
    assert text == message
    assert place.startswith(f"{FILE}:")


def test_a_missing_placeholder_is_named_with_its_line() -> None:
    made, y = line(), placeholder("y", (3,))  # the helper makes it: its own line is what is named
    here = line() + 2
    with pytest.raises(InputError) as caught:
        Graph([], [y])
    assert y.location is not None
    assert y.location.line < made
    expected = (
        f"the outputs need placeholder 'y' (float32[3], made at {y.location}): list it among the inputs ({FILE}:{here})"
    )
    assert str(caught.value) == expected


# ---- effects


def test_effects_become_updates() -> None:
    x, w, v = placeholder(shape=(3,)), variable("w"), variable("v")
    inner = Node(Exp(), x).with_effects([(v, x)])
    outer = Node(Tanh(), x).with_effects([(w, Node(Add(), inner, x))])
    graph = Graph([x], [outer]).verify()
    assert {a.op.label: b.op.name for a, b in graph.updates if isinstance(a.op, Variable)} == {
        "w": "add",
        "v": "placeholder",
    }
    assert not any(n.effects for n in graph.nodes)
    assert outer.effects
    assert not outer.without_effects().effects


def test_effects_that_conflict_are_refused() -> None:
    x, w = placeholder(shape=(3,)), variable("w")
    one, other = Node(Exp(), x).with_effects([(w, x)]), Node(Tanh(), x).with_effects([(w, Node(Exp(), x))])
    here = line() + 2
    with pytest.raises(CompileError) as caught:
        Graph([x], [one, other])
    assert str(caught.value) == f"parameter 'w' is written twice in one graph, with different values ({FILE}:{here})"
    with pytest.raises(CompileError) as caught:
        Graph([x], [one], [(w, w)])
    message = f"parameter 'w' is written by a layer and by updates=, with different values ({FILE}:{line() - 1})"
    assert str(caught.value) == message


# ---- verification


def planted(fault: str) -> Graph:
    x = placeholder(shape=(3,))
    graph = Graph([x], [Node(Add(), Node(Exp(), x), Node(Exp(), x))])
    put = object.__setattr__
    if fault == "order":
        put(graph, "nodes", graph.nodes[::-1])
    elif fault == "type":
        wrong = graph.nodes[1].with_inputs(graph.nodes[1].inputs)
        Node.types.__set__(wrong, (TensorType(F32, (4,)),))  # type: ignore[attr-defined, misc]
        put(graph, "nodes", (x, wrong))
    elif fault == "equal":
        put(graph, "nodes", (x, Node(Exp(), x), Node(Exp(), x)))
    elif fault == "constant":
        put(graph, "nodes", (Node(Constant(np.zeros(3))),))
    elif fault == "update":
        put(graph, "updates", ((variable("w", (2,)), x),))
    return graph


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("order", "node 0 (add) stands before one of its inputs"),
        ("type", "node 1 (exp) says its type is (float32[4],) and should be (float32[3],)"),
        ("equal", "node 2 (exp) equals an earlier node: equal expressions are merged"),
        ("constant", "node 0 (constant): the array of a constant can be written"),
    ],
)
def test_planted_faults_are_found(fault: str, message: str) -> None:
    with pytest.raises(VerifyError) as caught:
        planted(fault).verify()
    assert str(caught.value) == message


def test_an_update_that_changes_its_type_is_found() -> None:
    with pytest.raises(VerifyError, match=r"^the update of Variable\(.*\) changes its type to float32\[3\]$"):
        planted("update").verify()


# ---- substitution, networkx, copies


def test_substitute_shares_what_does_not_change() -> None:
    x, y = placeholder("x"), placeholder("y")
    kept = Node(Tanh(), y)
    root = Node(Add(), Node(Exp(), x), kept)
    (new,) = substitute([root], {x: y})
    assert new.inputs[1] is kept
    assert new.inputs[0].inputs == (y,)
    assert substitute([root], {}) == [root]
    graph = Graph([x, y], [root]).substitute({x: y})
    assert graph.inputs == (y,)
    with pytest.raises(InputError, match=r"^substitute: float32\[batch, 3\] cannot be replaced by float32\[3\] \("):
        Graph([x, y], [root]).substitute({x: placeholder("z", (3,))})


def test_networkx_has_nodes_edges_and_roles() -> None:
    x = placeholder()
    with scope("layer"):
        square = Node(Multiply(), x, x)
    drawn = Graph([x], [square]).to_networkx()
    assert isinstance(drawn, networkx.DiGraph)
    assert drawn.edges[0, 1]["operands"] == [0, 1]
    assert (drawn.nodes[1]["op"], drawn.nodes[1]["scope"], drawn.nodes[1]["dtype"]) == ("multiply", "layer", "float32")
    assert (drawn.graph["inputs"], drawn.graph["outputs"], drawn.graph["updates"]) == ([0], [1], [])


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copies_keep_the_identity_of_shared_leaves(duplicate: Callable[[object], object]) -> None:
    x, w = placeholder(shape=(3,)), variable()
    with scope("layer"):
        y = Node(Multiply(), Node(Exp(), x), w)
    graph = Graph([x], [y, Node(Add(), y, w)], [(w, y)])
    again = duplicate(graph)
    assert isinstance(again, Graph)
    assert again == graph
    assert str(again.verify()) == str(graph)
    assert len(again.variables) == 1
    assert again.variables[0] is not w
    assert again.nodes[-2].scope == "layer"
    pair = duplicate([y, Node(Tanh(), y), w])
    assert isinstance(pair, list)
    assert {n for n in topological(pair) if n.op.leaf and n.types == w.types} >= {pair[2]}
    assert sum(isinstance(n.op, Variable) for n in topological(pair)) == 1


def test_a_chain_of_100_000_nodes() -> None:
    x = placeholder(shape=(2,))
    node = x
    for _ in range(50_000):
        node = Node(Tanh(), Node(Add(), node, x))
    graph = Graph([x], [node])
    assert len(graph.nodes) == 100_001
    assert str(graph).count("\n") == 100_002
    again = pickle.loads(pickle.dumps(graph))
    assert again == graph
    graph.verify()
    gone = weakref.ref(node.inputs[0])
    del graph, again, node
    gc.collect()
    assert gone() is None


# ---- provenance


def test_a_node_knows_its_line_its_variable_and_its_scope() -> None:
    x = placeholder()
    here = line() + 2
    with scope("encoder"), scope("conv1"):
        hidden = Node(Exp(), x)
    assert hidden.scope == "encoder/conv1"
    assert hidden.location is not None
    assert hidden.location._replace(file=FILE) == Location(FILE, here, "hidden")
    assert str(hidden.location) == f"{FILE}:{here}"


def test_an_error_names_operands_rule_line_and_scope() -> None:
    x, y = placeholder(shape=(3, 4)), placeholder(shape=(5,))
    with scope("conv1"), pytest.raises(ShapeError) as caught:
        Node(Add(), x, y)
    where = f"({FILE}:{line() - 1}, in conv1)"
    assert str(caught.value) == f"add: float32[3, 4] and float32[5] do not broadcast: axis -1 is 4 and 5 {where}"


def test_nodes_and_graphs_do_not_change() -> None:
    x = placeholder()
    with pytest.raises(AttributeError, match=r"^a Node does not change: cannot set 'op'$"):
        x.op = Exp()
    with pytest.raises(AttributeError, match=r"^a Graph does not change: cannot set 'nodes'$"):
        Graph([x], []).nodes = ()
