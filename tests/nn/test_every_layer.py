"""Every layer: gradients by the numeric ones, the kernel against the interpreter, text form and pickle."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph import nn
from tensorgraph.interpret import evaluate
from tensorgraph.ir.leaves import Variable
from tensorgraph.ir.node import substitute
from tensorgraph.nn import functional as fn
from tensorgraph.testing import assert_equivalent, check_gradients

F: dict[str, Any] = {"dtype": "float64"}
FLAT, LINE, IMAGE, BLOCK = (3, 4), (2, 4, 5), (2, 2, 4, 5), (1, 2, 3, 2, 3)
Row = tuple[nn.Module, tuple[int, ...]]
ROWS: dict[str, Row] = {
    **{name: (getattr(nn, name)(), FLAT) for name in (
        "CELU", "ELU", "GELU", "SELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LeakyReLU",
        "LogSigmoid", "Mish", "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh",
        "Tanhshrink",
    )},
    **{name: (getattr(nn, name)(-1), FLAT) for name in ("GLU", "LogSoftmax", "Softmax", "Softmin")},
    "Threshold": (nn.Threshold(0.1, -2.0), FLAT),
    "PReLU": (nn.PReLU(4, **F), FLAT),
    "Flatten": (nn.Flatten(), IMAGE),
    "Lambda": (nn.Lambda(lambda x: tg.sin(x) * x), FLAT),
    "Linear": (nn.Linear(4, 3, **F), FLAT),
    "Conv1d": (nn.Conv1d(4, 2, 3, padding=1, **F), LINE),
    "Conv2d": (nn.Conv2d(2, 2, 3, stride=2, padding=1, **F), IMAGE),
    "Conv3d": (nn.Conv3d(2, 1, 2, **F), BLOCK),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 2, 2, stride=2, **F), LINE),
    "ConvTranspose2d": (nn.ConvTranspose2d(2, 1, 2, **F), IMAGE),
    "ConvTranspose3d": (nn.ConvTranspose3d(2, 1, 2, **F), BLOCK),
    "AvgPool1d": (nn.AvgPool1d(2), LINE),
    "AvgPool2d": (nn.AvgPool2d(2, ceil_mode=True), IMAGE),
    "AvgPool3d": (nn.AvgPool3d(2), BLOCK),
    "MaxPool1d": (nn.MaxPool1d(2), LINE),
    "MaxPool2d": (nn.MaxPool2d(2, ceil_mode=True), IMAGE),
    "MaxPool3d": (nn.MaxPool3d(2), BLOCK),
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(2), LINE),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d((3, 2)), IMAGE),
    "AdaptiveAvgPool3d": (nn.AdaptiveAvgPool3d(2), BLOCK),
    "AdaptiveMaxPool1d": (nn.AdaptiveMaxPool1d(2), LINE),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d((3, 2)), IMAGE),
    "AdaptiveMaxPool3d": (nn.AdaptiveMaxPool3d(2), BLOCK),
    "GlobalAvgPool": (nn.GlobalAvgPool(), IMAGE),
    "GlobalMaxPool": (nn.GlobalMaxPool(), IMAGE),
    "BatchNorm1d": (nn.BatchNorm1d(4, **F), FLAT),
    "BatchNorm2d": (nn.BatchNorm2d(2, **F), IMAGE),
    "BatchNorm3d": (nn.BatchNorm3d(2, **F), (2, 2, 2, 2, 2)),
    "GroupNorm": (nn.GroupNorm(2, 4, **F), LINE),
    "LayerNorm": (nn.LayerNorm(4, **F), FLAT),
    "LocalResponseNorm": (nn.LocalResponseNorm(2), IMAGE),
    **{name: (getattr(nn, name)(0.5), shape) for name, shape in (
        ("Dropout", FLAT), ("Dropout1d", LINE), ("Dropout2d", IMAGE), ("Dropout3d", BLOCK),
    )},
    "MultiheadAttention": (nn.MultiheadAttention(4, 2, **F), (2, 3, 4)),
    "Sequential": (nn.Sequential(nn.Linear(4, 3, **F), nn.Tanh(), nn.Linear(3, 2, **F)), FLAT),
}  # fmt: skip
# What is no function of an array: bases and holders of layers, names, integers in, a text out.
OTHERS = {"Embedding", "Module", "ModuleDict", "ModuleList", "Summary", "functional", "init"}


def output(layer: nn.Module, x: tg.Tensor) -> tg.Tensor:
    result = layer(x, x, x) if isinstance(layer, nn.MultiheadAttention) else layer(x)
    return result[0] if isinstance(result, tuple) else result


def drawn(shape: tuple[int, ...]) -> np.ndarray:
    """Different numbers, none of them near a kink."""
    size = int(np.prod(shape))
    return (np.random.default_rng(size).permutation(size) / size * 3 - 1.4567).reshape(shape)


def test_every_layer_has_a_row() -> None:
    assert set(ROWS) | OTHERS == set(nn.__all__)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("training", [False, True])
def test_gradients(name: str, training: bool) -> None:
    """With respect to the input and to all parameters; with batch statistics and with running ones."""
    layer, shape = ROWS[name]
    layer.train(training and not name.startswith("Dropout"))  # what draws at random is no function of its input
    parameters = dict(layer.named_parameters())

    def f(x: tg.Tensor, weights: dict[str, tg.Tensor]) -> tg.Tensor:
        given = {p.node: weights[key].node for key, p in parameters.items()}
        return tg.Tensor(substitute([output(layer, x).node.without_effects()], given)[0])

    report = check_gradients(f, drawn(shape), {key: p.numpy() for key, p in parameters.items()}, order=1)
    assert {row.argument for row in report.checks} >= {f"argument 1[{key!r}]" for key in parameters}


@pytest.mark.parametrize("name", ROWS)
def test_kernel_text_and_pickle(name: str) -> None:
    layer, shape = ROWS[name]
    layer.eval()
    x = tg.placeholder(shape, "float64", name="x")
    y = output(layer, x)
    assert_equivalent(tg.compile(x, y), inputs=[drawn(shape)], ulp=64)
    graph = tg.Graph([x.node], [y.node])
    again = pickle.loads(pickle.dumps(graph))
    (wanted,), (found,) = (evaluate(g.outputs, {g.inputs[0]: drawn(shape)}) for g in (graph, again))
    np.testing.assert_array_equal(found, wanted)
    if not any(isinstance(node.op, Variable) for node in graph.nodes):  # those are identities, no text
        assert tg.Graph.parse(str(graph), graph.constants()) == graph


def test_embedding() -> None:
    layer, rows = nn.Embedding(5, 3, dtype="float64"), np.array([[0, 4], [4, 1]])
    f = lambda w: tg.Tensor(substitute([layer(rows).node], {layer.weight.node: w.node})[0])  # noqa: E731
    check_gradients(f, layer.weight.numpy())
    ids = tg.placeholder((2, 2), "int64", name="ids")
    assert_equivalent(tg.compile(ids, layer(ids)), inputs=[rows])


# ---- losses

TARGETS = np.array([0, 2, 1])
SIGNS = np.array([[1.0, -1, 1, 1], [-1, -1, 1, -1], [1, 1, -1, 1]])
SCORES, SHARES = drawn((3, 4)), np.exp(drawn((3, 4))) / np.exp(drawn((3, 4))).sum(1, keepdims=True)
LOSSES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "mse_loss": (fn.mse_loss, (SCORES, SHARES)),
    "l1_loss": (fn.l1_loss, (SCORES, SHARES)),
    "huber_loss": (fn.huber_loss, (SCORES, SHARES)),
    "smooth_l1_loss": (fn.smooth_l1_loss, (SCORES, SHARES)),
    "cross_entropy": (fn.cross_entropy, (SCORES, TARGETS)),
    "cross_entropy of shares": (fn.cross_entropy, (SCORES, SHARES)),
    "nll_loss": (fn.nll_loss, (np.log(SHARES), TARGETS)),
    "binary_cross_entropy": (fn.binary_cross_entropy, (SHARES, SHARES[::-1])),
    "binary_cross_entropy_with_logits": (fn.binary_cross_entropy_with_logits, (SCORES, SHARES)),
    "kl_div": (fn.kl_div, (np.log(SHARES), SHARES[::-1])),
    "hinge_loss": (lambda x, reduction: fn.hinge_loss(x, SIGNS, reduction=reduction), (SCORES,)),
    "hinge_embedding_loss": (lambda x, reduction: fn.hinge_embedding_loss(x, SIGNS, reduction=reduction), (SCORES,)),
    "multi_margin_loss": (fn.multi_margin_loss, (SCORES, TARGETS)),
}


def test_every_loss_has_a_row() -> None:
    named = {name for name in fn.__all__ if name.endswith("_loss") or "cross_entropy" in name or name == "kl_div"}
    assert {name.split(" of ")[0] for name in LOSSES} == named


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients_of_losses(name: str, reduction: str) -> None:
    loss, arguments = LOSSES[name]
    check_gradients(partial(loss, reduction=reduction), *arguments)
