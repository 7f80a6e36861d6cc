"""The same layer in both libraries, with the same weights: outputs, gradients and state must agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph import nn
from tensorgraph.interpret import evaluate_graph

torch = pytest.importorskip("torch")

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def commit(graph: tg.Graph, *inputs: Any) -> list[Any]:
    """Run a graph by the interpreter, and store what it says of its variables."""
    outputs, values = evaluate_graph(graph, inputs)
    for (variable, _), value in zip(graph.updates, values, strict=True):
        variable.op.storage.value = np.array(value)
    return outputs


def copy_weights(layer: nn.Module, peer: Any, rng: np.random.Generator) -> None:
    """Give both the same random weights."""
    peer.double()
    state = {}
    for path, value in peer.state_dict().items():
        drawn = value.numpy() if value.dtype == torch.int64 else rng.normal(size=tuple(value.shape))
        state[path] = np.abs(drawn) if path.endswith("running_var") else drawn
    peer.load_state_dict({path: torch.tensor(value) for path, value in state.items()})
    layer.load_state_dict(state)


def first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def check_layer(
    layer: nn.Module, peer: Any, *shapes: Sequence[int], training: bool = True, seed: int = 0, tolerance: float = 1e-10
) -> None:
    """Compare results and all gradients for random input and a random cotangent, then the state after the step."""
    rng = np.random.default_rng(seed)
    copy_weights(layer, peer, rng)
    layer.train(training)
    peer.train(training)
    peer.zero_grad()
    arrays = [rng.normal(size=tuple(shape)) for shape in shapes]
    inputs = [tg.Parameter(a, f"x{i}") for i, a in enumerate(arrays)]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = first(layer(*inputs)), first(peer(*theirs))
    cotangent = rng.normal(size=tuple(z.shape))
    loss = tg.sum(y * cotangent)
    wrt = {**{p.name: p for p in inputs}, **dict(layer.named_parameters())}
    found = tg.gradients(loss, list(wrt.values()), disconnected="zero")
    graph = tg.Graph([], [y.node, *(g.node for g in found)])
    value, *derivatives = commit(graph.verify())
    (z * torch.tensor(cotangent)).sum().backward()
    close = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(value, z.detach().numpy(), **close)
    expected = {**{f"x{i}": t for i, t in enumerate(theirs)}, **dict(peer.named_parameters())}
    assert wrt.keys() == expected.keys()
    for name, derivative in zip(wrt, derivatives, strict=True):
        grad = expected[name].grad
        other = np.zeros(derivative.shape) if grad is None else grad.numpy()
        np.testing.assert_allclose(derivative, other, **close, err_msg=name)
    for path, stored in layer.state_dict().items():
        np.testing.assert_allclose(stored, peer.state_dict()[path].numpy(), **CLOSE, err_msg=path)


def check_function(ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: Any, wrt: int = 1) -> None:
    """Compare values and gradients with respect to the first `wrt` arrays."""
    inputs = [tg.Parameter(a, f"x{i}") if i < wrt else a for i, a in enumerate(arrays)]
    peers = [torch.tensor(a, requires_grad=i < wrt) for i, a in enumerate(arrays)]
    y, z = ours(*inputs), theirs(*peers)
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), **CLOSE)
    cotangent = np.random.default_rng(0).normal(size=tuple(z.shape))
    z.backward(torch.tensor(cotangent))
    for mine, peer in zip(tg.gradients(tg.sum(y * cotangent), inputs[:wrt]), peers[:wrt], strict=True):
        np.testing.assert_allclose(mine.numpy(), peer.grad.numpy(), **CLOSE)
