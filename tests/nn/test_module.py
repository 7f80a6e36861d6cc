"""Modules: what they hold, what it is called, where nodes are recorded, modes, copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph import nn
from tensorgraph.errors import CompileError, InputError, ShapeError, UnsupportedError
from tensorgraph.interpret import evaluate_graph


def run(graph: tg.Graph, *inputs: Any) -> list[Any]:
    """One step by the interpreter, state included."""
    outputs, values = evaluate_graph(graph, inputs)
    for (variable, _), value in zip(graph.updates, values, strict=True):
        variable.op.storage.value = np.array(value)
    return outputs


class Encoder(nn.Module):
    def __init__(self) -> None:
        self.hidden = nn.Linear(3, 4, rng=0)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Any) -> tg.Tensor:
        return self.norm(tg.tanh(self.hidden(x)))


class Net(nn.Module):
    def __init__(self) -> None:
        self.encoder = Encoder()
        self.rest = [nn.Linear(4, 4, rng=1), {"last": nn.Linear(4, 2, rng=2)}]
        self.scale = tg.Parameter(np.float32(2.0))
        self.width = 4  # no parameter

    def forward(self, x: Any) -> tg.Tensor:
        x = self.rest[0](self.encoder(x))
        with tg.scope("head"):
            return self.rest[1]["last"](x) * self.scale


def scopes(y: tg.Tensor, x: tg.Tensor) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in tg.Graph([x.node], [y.node]).nodes:
        if not node.op.leaf:
            found.setdefault(node.scope, []).append(node.op.name)
    return found


PATHS = [
    "encoder.hidden.weight", "encoder.hidden.bias", "encoder.norm.weight", "encoder.norm.bias",
    "encoder.norm.running_mean", "encoder.norm.running_var", "encoder.norm.num_batches_tracked", "rest.0.weight",
    "rest.0.bias", "rest.1.last.weight", "rest.1.last.bias", "scale",
]  # fmt: skip


def test_state_is_found_in_order() -> None:
    net = Net()
    assert [path for path, _ in net.named_state()] == PATHS
    assert [p.name for _, p in net.named_state()] == PATHS
    assert [p.name for p in net.parameters()] == [p for p in PATHS if "running" not in p and "tracked" not in p]
    assert [path for path, _ in net.named_modules()] == [
        "", "encoder", "encoder.hidden", "encoder.norm", "rest.0", "rest.1.last",
    ]  # fmt: skip


def test_names_say_where_in_the_whole_model() -> None:
    net = Net()
    net(tg.placeholder((2, 3), "float32", name="x"))
    assert net.encoder.hidden.weight.name == "encoder.hidden.weight"
    net.encoder(tg.placeholder((2, 3), "float32", name="x"))  # a call of a part names nothing anew
    assert next(path for path, _ in net.encoder.named_parameters()) == "hidden.weight"
    assert net.encoder.hidden.weight.name == "encoder.hidden.weight"
    outer = nn.Sequential(net)
    outer.parameters()
    assert net.encoder.hidden.weight.name == "0.encoder.hidden.weight"


def test_shared_parameters_count_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            self.first = nn.Linear(3, 3)
            self.second = nn.Linear(3, 3)
            self.second.weight = self.first.weight
            self.again = self.first

        def forward(self, x: Any) -> tg.Tensor:
            return self.second(self.again(self.first(x)))

    tied = Tied()
    assert [path for path, _ in tied.named_state()] == ["first.weight", "first.bias", "second.bias"]
    assert len({id(p) for p in tied.parameters()}) == 3


def test_scopes_reach_the_nodes() -> None:
    x = tg.placeholder(("batch", 3), "float32", name="x")
    with tg.scope("teacher"):
        y = Net().eval()(x)
    found = scopes(y, x)
    assert list(found) == [
        "teacher/encoder/hidden", "teacher/encoder", "teacher/encoder/norm", "teacher/rest/0",
        "teacher/head/rest/1/last", "teacher/head",
    ]  # fmt: skip
    assert found["teacher/encoder"] == ["tanh"]


def test_a_part_called_from_outside_and_a_module_held_by_nobody() -> None:
    stray = nn.Sequential(nn.Linear(4, 4))

    class Odd(nn.Module):
        def __init__(self) -> None:
            self.net = Encoder()
            self.other = nn.Linear(3, 4)

        def forward(self, x: Any) -> tg.Tensor:
            return stray(self.net.hidden(x) + self.other(x))

    x = tg.placeholder((2, 3), "float32", name="x")
    assert list(scopes(Odd()(x), x)) == ["net/hidden", "other", "", "0"]


def test_errors_name_the_layer() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)))
    with pytest.raises(ShapeError) as caught:
        net(tg.placeholder(("batch", 3), "float32", name="x"))
    line = caught.traceback[0].lineno + 1
    assert str(caught.value) == (
        "linear: the input is float32[batch, 4] and the weight is float32[2, 5]: the last axis of the input must be 5"
        f" (test_module.py:{line}, in 1/1)"
    )


def test_modes() -> None:
    net = Net()
    assert net.training
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.encoder.train()
    assert (net.training, net.encoder.norm.training) == (False, True)
    seen: list[str] = []
    net.apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Linear", "Linear", "BatchNorm1d", "Linear", "Encoder", "Net"]


def test_copies_are_independent() -> None:
    net = Net()
    net.parameters()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert [p.name for _, p in other.named_state()] == PATHS
        assert all(
            np.array_equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True)
        )
        before = net.scale.numpy().copy()
        other.scale.assign(7.0)
        assert float(other.scale) == 7.0
        assert np.array_equal(net.scale.numpy(), before)
        assert other.encoder.norm.running_mean.trainable is False
        x = np.ones((2, 3), "float32")
        other.scale.assign(before)
        np.testing.assert_array_equal(net.eval()(x).numpy(), other.eval()(x).numpy())


def test_copies_keep_ties() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
            self.b.weight = self.a.weight

    for other in (copy.deepcopy(Tied()), pickle.loads(pickle.dumps(nn.Sequential(nn.ReLU())))):
        if isinstance(other, Tied):
            assert other.a.weight is other.b.weight


def test_containers() -> None:
    layers = nn.ModuleList([nn.ReLU()])
    layers.extend([nn.Tanh(), nn.Linear(2, 2)])
    layers[1] = nn.Sigmoid()
    assert repr(layers) == "ModuleList(\n  (0): ReLU()\n  (1): Sigmoid()\n  (2): Linear(2, 2)\n)"
    named = nn.Sequential({"first": nn.Linear(3, 2, bias=False), "then": nn.ReLU()})
    named.append(nn.Flatten())
    assert [path for path, _ in named.named_modules()] == ["", "first", "then", "2"]
    table = nn.ModuleDict({"a": nn.ReLU()})
    table["b"] = nn.Linear(2, 3)
    assert (list(table), len(table), "b" in table) == (["a", "b"], 2, True)
    del table["a"]
    assert [path for path, _ in table.named_state()] == ["b.weight", "b.bias"]
    assert nn.Sequential()(3.0) == 3.0


def test_running_statistics_are_effects_and_thread_through_calls() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            self.norm = nn.BatchNorm1d(2, momentum=0.5, dtype="float64")

        def forward(self, a: Any, b: Any) -> dict[str, tg.Tensor]:
            return {"a": self.norm(a), "b": self.norm(b)}

    model = Twice()
    a, b = tg.placeholder(("n", 2), name="a"), tg.placeholder(("n", 2), name="b")
    results = model(a, b)
    graph = tg.Graph([a.node, b.node], [r.node for r in results.values()])
    assert [variable.op.label for variable, _ in graph.updates] == [
        "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
    ]  # fmt: skip
    x, y = np.random.default_rng(0).normal(size=(2, 8, 2))
    run(graph, x, y)
    mean = 0.5 * (0.5 * x.mean(0)) + 0.5 * y.mean(0)
    np.testing.assert_allclose(model.norm.running_mean.numpy(), mean, rtol=1e-14)
    assert int(model.norm.num_batches_tracked) == 2
    model.eval()
    assert tg.Graph([a.node, b.node], [r.node for r in model(a, b).values()]).updates == ()


def test_two_steps_in_one_graph_are_refused() -> None:
    norm = nn.BatchNorm1d(2)
    x = tg.placeholder((4, 2), "float32", name="x")
    y = norm(x) + norm(2 * x)
    with pytest.raises(CompileError) as caught:
        tg.Graph([x.node], [y.node])
    line = caught.traceback[0].lineno + 1
    assert str(caught.value) == (
        f"parameter 'running_mean' is written twice in one graph, with different values (test_module.py:{line})"
    )


def test_own_state() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            self.calls = tg.Parameter(np.array(0, np.int64), trainable=False)

        def forward(self, x: Any) -> tg.Tensor:
            self.record(self.calls, self.current(self.calls) + 1)
            return tg.exp(x)

    counter = Counter()
    model = nn.Sequential(counter, counter)
    x = tg.placeholder((), name="x")
    graph = tg.Graph([x.node], [model(x).node])
    run(graph, np.array(0.0))
    run(graph, np.array(0.0))
    assert int(counter.calls) == 4


def test_state_that_would_be_lost() -> None:
    class Lost(nn.Module):
        def __init__(self) -> None:
            self.norm = nn.BatchNorm1d(2)

        def forward(self, x: Any) -> str:
            self.norm(x)
            return "nothing"

    with pytest.raises(
        InputError, match=r"^Lost: the result has no computed tensor, so its state updates would be lost"
    ):
        Lost()(np.ones((2, 2), "float32"))
    with pytest.raises(
        InputError, match=r"^BatchNorm1d: state is updated while the module is called: call it, not its"
    ):
        nn.BatchNorm1d(2).forward(np.ones((2, 2), "float32"))
    with pytest.raises(UnsupportedError, match=r"^Module has no forward method: define what it computes"):
        nn.Module()(1)


def test_dropout_draws_anew_each_step_and_the_same_for_the_same_key() -> None:
    model = nn.Sequential(nn.Dropout(0.5, rng=3), nn.Dropout(0.25, rng=4))
    x = tg.placeholder(("n",), name="x")
    graph = tg.Graph([x.node], [model(x).node])
    assert [variable.op.label for variable, _ in graph.updates] == ["0.key", "1.key"]
    state = model.state_dict()
    ones = np.ones(1000)
    (first,), (second,) = run(graph, ones), run(graph, ones)
    model.load_state_dict(state)
    (again,) = run(graph, ones)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert set(np.unique(first)) == {0.0, 1 / (0.5 * 0.75)}
    assert abs((first == 0).mean() - 0.625) < 0.06
    assert model.eval()(ones).numpy().tolist() == ones.tolist()
    assert np.array_equal(nn.Dropout(1.0)(np.ones(3)).numpy(), np.zeros(3))


def test_dropout_of_channels() -> None:
    found = nn.Dropout2d(0.5, rng=0)(np.ones((4, 5, 3, 3))).numpy()
    assert set(np.unique(found.mean((2, 3)))) == {0.0, 2.0}


def test_a_layer_that_drops_attention() -> None:
    layer = nn.MultiheadAttention(4, 2, dropout=0.5, rng=0)
    x = np.ones((3, 2, 4), "float32")
    graph = tg.Graph([], [layer(x, x, x)[0].node])
    assert [variable.op.label for variable, _ in graph.updates] == ["key"]


def test_seeds() -> None:
    def weights(rng: Any) -> Any:
        return nn.Sequential(nn.Conv2d(1, 2, 3, rng=rng), nn.Linear(3, 2, rng=rng)).state_dict()

    one, two = weights(5), weights(5)
    assert all(np.array_equal(one[path], two[path]) for path in one)
    generator = np.random.default_rng(5)
    assert not np.array_equal(
        nn.Linear(3, 2, rng=generator).weight.numpy(), nn.Linear(3, 2, rng=generator).weight.numpy()
    )
    assert not np.array_equal(nn.Linear(3, 2).weight.numpy(), nn.Linear(3, 2).weight.numpy())


def test_lazy_sizes() -> None:
    def model() -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(None, 4, 3, rng=0), nn.BatchNorm2d(None), nn.Flatten(), nn.Linear(None, 2, rng=0), nn.ReLU()
        )

    lazy = model()
    with pytest.raises(InputError) as caught:
        lazy.parameters()
    assert str(caught.value).startswith(
        "layer '0' (Conv2d) has no weights yet, because its input size is not known: call the model once ("
    )
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 5)).astype("float32")
    y = lazy.eval()(x)
    assert {path: p.shape for path, p in lazy.named_parameters()} == {
        "0.weight": (4, 3, 3, 3), "0.bias": (4,), "1.weight": (4,), "1.bias": (4,), "3.weight": (2, 36), "3.bias": (2,),
    }  # fmt: skip
    assert lazy[3].weight.name == "3.weight"
    other = model().eval()
    other.load_state_dict(lazy.state_dict())
    np.testing.assert_array_equal(other(x).numpy(), y.numpy())
    assert copy.deepcopy(model()).eval()(x).shape == (2, 2)


def test_summary() -> None:
    model = nn.Sequential(
        nn.Conv2d(None, 8, 3, rng=0), nn.ReLU(), nn.BatchNorm2d(8), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(None, 10)
    )
    summary = model.summary((1, 1, 8, 8))
    assert model.training
    assert tg.nn is nn
    assert (summary.parameters, summary.state) == (80 + 16 + 730, 17)
    lines = [line.split()[:2] for line in str(summary).splitlines()]
    assert lines[1] == ["(model)", "Sequential"]
    assert [row.output for row in summary.rows] == [
        "[1, 10]", "[1, 8, 6, 6]", "[1, 8, 6, 6]", "[1, 8, 6, 6]", "[1, 8, 3, 3]", "[1, 72]", "[1, 10]",
    ]  # fmt: skip
    assert summary.flops == sum(row.flops for row in summary.rows[1:])
    assert str(summary).endswith("and 17 elements of state that are not trained")
    assert summary.rows[1].flops == 2 * 9 * 8 * 36 + 8 * 36
    with pytest.raises(InputError, match=r"^Sequential.summary: give the shape of each input"):
        model.summary()


def test_summary_of_integers_and_of_parts_not_called() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            self.table, self.unused = nn.Embedding(10, 4), nn.Linear(4, 4)

        def forward(self, x: Any) -> tg.Tensor:
            return self.table(x)

    summary = Model().summary(("n", 5), dtype="int64")
    assert [(row.path, row.output) for row in summary.rows] == [
        ("", "[n, 5, 4]"),
        ("table", "[n, 5, 4]"),
        ("unused", ""),
    ]


def test_lazy_convolution_and_state_of_parts() -> None:
    model = nn.ModuleDict({"up": nn.ConvTranspose2d(None, 4, 2, groups=2, rng=0), "norm": nn.BatchNorm1d(None)})
    other = {
        "up.weight": np.ones((6, 2, 2, 2)),
        "up.bias": np.ones(4),
        "norm.weight": np.ones(5),
        "norm.bias": np.ones(5),
    }
    other |= {"norm.running_mean": np.ones(5), "norm.running_var": np.ones(5), "norm.num_batches_tracked": 3}
    model.load_state_dict(other)
    assert (model["up"].in_channels, model["norm"].num_features) == (6, 5)
    assert [path for path, _ in model.named_state()] == list(other)
    with pytest.raises(InputError, match=r"^layer 'up' \(ConvTranspose2d\) has no weights yet"):
        nn.ModuleDict({"up": nn.ConvTranspose2d(None, 4, 2)}).load_state_dict({})


def test_text() -> None:
    assert repr(nn.Conv2d(1, 2, (3, 2), stride=2, padding="same", groups=1, bias=False)) == (
        "Conv2d(1, 2, kernel_size=(3, 2), stride=2, padding='same', bias=False)"
    )
    assert repr(nn.Sequential(nn.MaxPool2d(2), nn.Dropout(0.1), nn.LeakyReLU())) == (
        "Sequential(\n  (0): MaxPool2d(2)\n  (1): Dropout(p=0.1)\n  (2): LeakyReLU(negative_slope=0.01)\n)"
    )


def test_two_parameters_of_one_path() -> None:
    class Clash(nn.Module):
        def __init__(self) -> None:
            self.parts = {"a": {"b": tg.Parameter(1.0)}, "a.b": tg.Parameter(2.0)}

    with pytest.raises(InputError, match=r"^two parameters of Clash have the path 'parts\.a\.b': rename one"):
        Clash().parameters()


def test_state_of_another_type() -> None:
    class Wrong(nn.Module):
        def __init__(self) -> None:
            self.count = tg.Parameter(np.array(0, np.int64), trainable=False)

        def forward(self, x: Any) -> tg.Tensor:
            self.record(self.count, tg.sum(x))
            return tg.exp(x)

    with pytest.raises(InputError, match=r"^Wrong: 'count' is int64\[\] and its next value is float64\[\]: cast or"):
        Wrong()(np.ones(2))


def test_modules_run_in_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    norm = nn.BatchNorm1d(2, dtype="float64")
    x = tg.placeholder((4, 2), name="x")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: norm(x), range(20)))
    assert all(len(tg.Graph([x.node], [y.node]).updates) == 3 for y in results)
