"""Every layer's output, gradients and state equal PyTorch's with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph import nn
from tensorgraph.errors import ShapeError
from tests.nn.against_torch import CLOSE, check_layer, copy_weights, torch

pytestmark = pytest.mark.peers
F64: dict[str, Any] = {"dtype": "float64"}

LAYERS = {
    "linear": (nn.Linear(3, 4, **F64), torch.nn.Linear(3, 4), (5, 3)),
    "linear without bias": (nn.Linear(3, 4, bias=False, **F64), torch.nn.Linear(3, 4, bias=False), (2, 5, 3)),
    "conv1d": (nn.Conv1d(4, 6, 3, 2, 1, groups=2, **F64), torch.nn.Conv1d(4, 6, 3, 2, 1, groups=2), (2, 4, 9)),
    "conv2d": (nn.Conv2d(3, 4, 3, padding=1, **F64), torch.nn.Conv2d(3, 4, 3, padding=1), (2, 3, 6, 5)),
    "conv2d dilated": (
        nn.Conv2d(2, 3, (2, 3), (1, 2), dilation=2, **F64), torch.nn.Conv2d(2, 3, (2, 3), (1, 2), dilation=2),
        (2, 2, 7, 8),
    ),
    "conv2d same": (nn.Conv2d(2, 3, 4, padding="same", **F64), torch.nn.Conv2d(2, 3, 4, padding="same"), (1, 2, 5, 6)),
    "conv3d": (nn.Conv3d(2, 3, 2, **F64), torch.nn.Conv3d(2, 3, 2), (2, 2, 3, 4, 3)),
    "conv transpose 1d": (nn.ConvTranspose1d(2, 3, 3, 2, **F64), torch.nn.ConvTranspose1d(2, 3, 3, 2), (2, 2, 4)),
    "conv transpose 2d": (
        nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2, **F64), torch.nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2),
        (2, 4, 4, 3),
    ),
    "conv transpose 3d": (
        nn.ConvTranspose3d(2, 2, 2, 2, **F64), torch.nn.ConvTranspose3d(2, 2, 2, 2), (1, 2, 2, 3, 2)
    ),
    "max pool 1d": (nn.MaxPool1d(3, 2), torch.nn.MaxPool1d(3, 2), (2, 3, 9)),
    "max pool 2d": (
        nn.MaxPool2d(3, 2, 1, ceil_mode=True), torch.nn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 3, 7, 8)
    ),
    "max pool 3d": (nn.MaxPool3d(2), torch.nn.MaxPool3d(2), (2, 2, 4, 4, 5)),
    "avg pool 1d": (nn.AvgPool1d(2), torch.nn.AvgPool1d(2), (2, 3, 7)),
    "avg pool 2d": (
        nn.AvgPool2d(3, 2, 1, count_include_pad=False), torch.nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        (2, 3, 6, 7),
    ),
    "avg pool 3d": (nn.AvgPool3d(2), torch.nn.AvgPool3d(2), (2, 2, 4, 4, 4)),
    "adaptive avg": (nn.AdaptiveAvgPool2d((2, 3)), torch.nn.AdaptiveAvgPool2d((2, 3)), (2, 3, 5, 7)),
    "adaptive max": (nn.AdaptiveMaxPool2d(2), torch.nn.AdaptiveMaxPool2d(2), (2, 3, 5, 7)),
    "adaptive avg 1d": (nn.AdaptiveAvgPool1d(3), torch.nn.AdaptiveAvgPool1d(3), (2, 3, 8)),
    "adaptive max 3d": (nn.AdaptiveMaxPool3d(2), torch.nn.AdaptiveMaxPool3d(2), (1, 2, 3, 4, 5)),
    "global avg": (nn.GlobalAvgPool(), torch.nn.AdaptiveAvgPool2d(1), (2, 3, 4, 5)),
    "global max": (nn.GlobalMaxPool(), torch.nn.AdaptiveMaxPool2d(1), (2, 3, 4, 5)),
    "flatten": (nn.Flatten(), torch.nn.Flatten(), (2, 3, 4)),
    "batch norm 1d": (nn.BatchNorm1d(3, **F64), torch.nn.BatchNorm1d(3), (5, 3)),
    "batch norm 1d long": (nn.BatchNorm1d(3, **F64), torch.nn.BatchNorm1d(3), (5, 3, 4)),
    "batch norm 2d": (nn.BatchNorm2d(3, momentum=0.3, **F64), torch.nn.BatchNorm2d(3, momentum=0.3), (4, 3, 2, 5)),
    "batch norm 2d mean": (
        nn.BatchNorm2d(3, momentum=None, **F64), torch.nn.BatchNorm2d(3, momentum=None), (4, 3, 2, 2)
    ),
    "batch norm 2d plain": (
        nn.BatchNorm2d(3, affine=False, track_running_stats=False, **F64),
        torch.nn.BatchNorm2d(3, affine=False, track_running_stats=False), (4, 3, 2, 2),
    ),
    "batch norm 3d": (nn.BatchNorm3d(2, **F64), torch.nn.BatchNorm3d(2), (3, 2, 2, 3, 2)),
    "layer norm": (nn.LayerNorm((3, 4), **F64), torch.nn.LayerNorm((3, 4)), (2, 5, 3, 4)),
    "layer norm without bias": (nn.LayerNorm(4, bias=False, **F64), torch.nn.LayerNorm(4, bias=False), (2, 4)),
    "group norm": (nn.GroupNorm(2, 6, **F64), torch.nn.GroupNorm(2, 6), (3, 6, 4)),
    "local response norm": (
        nn.LocalResponseNorm(3, 0.5, 0.6, 2.0), torch.nn.LocalResponseNorm(3, 0.5, 0.6, 2.0), (2, 5, 3, 3)
    ),
    "local response norm even": (nn.LocalResponseNorm(4, 0.5), torch.nn.LocalResponseNorm(4, 0.5), (2, 6, 3)),
    "prelu": (nn.PReLU(3, **F64), torch.nn.PReLU(3), (2, 3, 4)),
    "prelu of one": (nn.PReLU(**F64), torch.nn.PReLU(), (2, 3)),
    "sequential": (
        nn.Sequential(nn.Linear(3, 4, **F64), nn.Tanh(), nn.BatchNorm1d(4, **F64), nn.Linear(4, 2, **F64)),
        torch.nn.Sequential(
            torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
        ),
        (6, 3),
    ),
}  # fmt: skip

ACTIVATIONS = {
    "relu": (nn.ReLU(), torch.nn.ReLU()), "relu6": (nn.ReLU6(), torch.nn.ReLU6()),
    "leaky relu": (nn.LeakyReLU(0.2), torch.nn.LeakyReLU(0.2)), "elu": (nn.ELU(1.5), torch.nn.ELU(1.5)),
    "celu": (nn.CELU(1.5), torch.nn.CELU(1.5)), "selu": (nn.SELU(), torch.nn.SELU()),
    "gelu": (nn.GELU(), torch.nn.GELU()), "gelu tanh": (nn.GELU("tanh"), torch.nn.GELU("tanh")),
    "silu": (nn.SiLU(), torch.nn.SiLU()), "mish": (nn.Mish(), torch.nn.Mish()),
    "sigmoid": (nn.Sigmoid(), torch.nn.Sigmoid()), "log sigmoid": (nn.LogSigmoid(), torch.nn.LogSigmoid()),
    "tanh": (nn.Tanh(), torch.nn.Tanh()), "softplus": (nn.Softplus(2.0, 20.0), torch.nn.Softplus(2.0)),
    "softsign": (nn.Softsign(), torch.nn.Softsign()), "hardtanh": (nn.Hardtanh(), torch.nn.Hardtanh()),
    "hardsigmoid": (nn.Hardsigmoid(), torch.nn.Hardsigmoid()), "hardswish": (nn.Hardswish(), torch.nn.Hardswish()),
    "hardshrink": (nn.Hardshrink(), torch.nn.Hardshrink()), "softshrink": (nn.Softshrink(), torch.nn.Softshrink()),
    "tanhshrink": (nn.Tanhshrink(), torch.nn.Tanhshrink()),
    "threshold": (nn.Threshold(0.3, -2.0), torch.nn.Threshold(0.3, -2.0)),
    "softmax": (nn.Softmax(1), torch.nn.Softmax(1)), "log softmax": (nn.LogSoftmax(-1), torch.nn.LogSoftmax(-1)),
    "softmin": (nn.Softmin(0), torch.nn.Softmin(0)), "glu": (nn.GLU(1), torch.nn.GLU(1)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_layer(name: str, training: bool) -> None:
    layer, peer, shape = LAYERS[name]
    check_layer(layer, peer, shape, training=training)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    layer, peer = ACTIVATIONS[name]
    single = name == "hardsigmoid"  # whose derivative PyTorch holds in float32
    check_layer(layer, peer, (5, 6, 3), seed=3, tolerance=1e-7 if single else 1e-10)


def test_activations_at_their_kinks() -> None:
    points = np.array([-3.0, -1.0, -0.5, 0.0, 0.3, 0.5, 1.0, 3.0, 6.0])
    for name, (layer, peer) in ACTIVATIONS.items():
        if name in {"softmax", "log softmax", "softmin", "glu"}:
            continue
        x, z = tg.Parameter(points), torch.tensor(points, requires_grad=True)
        peer(z).sum().backward()
        (derivative,) = tg.gradients(tg.sum(layer(x)), [x])
        np.testing.assert_allclose(derivative.numpy(), z.grad.numpy(), rtol=1e-7, atol=1e-10, err_msg=name)


def test_channels_last() -> None:
    rng = np.random.default_rng(0)
    layer, peer = nn.Conv2d(3, 4, 3, layout="NHWC", dtype="float64"), torch.nn.Conv2d(3, 4, 3)
    copy_weights(layer, peer, rng)
    x = rng.normal(size=(2, 3, 6, 5))
    found = layer(np.moveaxis(x, 1, -1)).numpy()
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), peer(torch.tensor(x)).detach().numpy(), **CLOSE)


@pytest.mark.parametrize("padding_idx", [None, 2])
def test_embedding(padding_idx: int | None) -> None:
    layer = nn.Embedding(5, 3, padding_idx, dtype="float64")
    peer = torch.nn.Embedding(5, 3, padding_idx)
    copy_weights(layer, peer, np.random.default_rng(0))
    numbers = np.array([[0, 2, 2], [4, 1, 0]])
    y, z = layer(numbers), peer(torch.tensor(numbers))
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), **CLOSE)
    (z * z).sum().backward()
    (derivative,) = tg.gradients(tg.sum(y * y), layer.parameters())
    np.testing.assert_allclose(derivative.numpy(), peer.weight.grad.numpy(), **CLOSE)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("sizes", [{}, {"kdim": 3, "vdim": 5}])
def test_multihead_attention(batch_first: bool, sizes: dict[str, int]) -> None:
    layer = nn.MultiheadAttention(6, 2, batch_first=batch_first, dtype="float64", **sizes)
    peer = torch.nn.MultiheadAttention(6, 2, batch_first=batch_first, **sizes)
    lead = (2, 4) if batch_first else (4, 2)
    check_layer(layer, peer, (*lead, 6), (*lead, sizes.get("kdim", 6)), (*lead, sizes.get("vdim", 6)))


MASKS: dict[str, dict[str, Any]] = {
    "none": {},
    "per head": {"average_attn_weights": False},
    "bool": {"attn_mask": np.triu(np.ones((4, 4), bool), 1)},
    "added": {"attn_mask": np.linspace(-1.0, 1.0, 16).reshape(4, 4)},
    "per batch": {"attn_mask": np.linspace(-1.0, 1.0, 64).reshape(4, 4, 4)},
    "padding": {"key_padding_mask": np.array([[False, False, True, True], [False] * 4])},
    "both": {
        "attn_mask": np.triu(np.ones((4, 4), bool), 1),
        "key_padding_mask": np.array([[False, False, True, True], [False] * 4]),
    },
}


@pytest.mark.parametrize("name", MASKS)
def test_attention_masks(name: str) -> None:
    rng = np.random.default_rng(0)
    layer, peer = nn.MultiheadAttention(6, 2, dtype="float64"), torch.nn.MultiheadAttention(6, 2)
    copy_weights(layer, peer, rng)
    x = rng.normal(size=(4, 2, 6))
    theirs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in MASKS[name].items()}
    y, weights = layer(x, x, x, **MASKS[name])
    z, expected = peer(*[torch.tensor(x)] * 3, **theirs)
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), **CLOSE)
    assert weights is not None
    np.testing.assert_allclose(weights.numpy(), expected.detach().numpy(), **CLOSE)


def test_attention_unbatched_and_causal() -> None:
    rng = np.random.default_rng(0)
    layer, peer = nn.MultiheadAttention(6, 3, dtype="float64"), torch.nn.MultiheadAttention(6, 3)
    copy_weights(layer, peer, rng)
    x = rng.normal(size=(4, 6))
    y, weights = layer(x, x, x, is_causal=True, need_weights=False)
    z, _ = peer(*[torch.tensor(x)] * 3, attn_mask=torch.triu(torch.ones(4, 4, dtype=torch.bool), 1))
    assert weights is None
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), **CLOSE)


def test_scaled_dot_product_attention() -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, 3, size)) for size in (4, 4, 5))
    mask = rng.random((3, 3)) < 0.7
    mask[:, 0] = True
    for ours, theirs in (({"attn_mask": mask}, {"attn_mask": torch.tensor(mask)}), ({"is_causal": True},) * 2):
        found = nn.functional.scaled_dot_product_attention(q, k, v, **ours)
        peers = map(torch.tensor, (q, k, v))
        expected = torch.nn.functional.scaled_dot_product_attention(*peers, **theirs)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), **CLOSE)


def test_instance_norm_and_normalize() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    found = nn.functional.instance_norm(x).numpy()
    np.testing.assert_allclose(found, torch.nn.functional.instance_norm(torch.tensor(x)).numpy(), **CLOSE)
    found = nn.functional.normalize(x, axis=1).numpy()
    np.testing.assert_allclose(found, torch.nn.functional.normalize(torch.tensor(x), dim=1).numpy(), **CLOSE)


FUNCTIONS = {
    **{f"max_pool{n}d": (n, (3, 2, 1, 2, True), {}) for n in (1, 2)},
    "max_pool3d": (3, (2,), {}),
    **{f"avg_pool{n}d": (n, (3, 2, 1, True, False), {}) for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": (n, (3,), {}) for kind in ("avg", "max") for n in (1, 2, 3)},
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pooling_functions_have_pytorch_arguments(name: str) -> None:
    rank, args, options = FUNCTIONS[name]
    x = np.random.default_rng(0).normal(size=(2, 3, *[8] * rank))
    found = getattr(nn.functional, name)(x, *args, **options).numpy()
    expected = getattr(torch.nn.functional, name)(torch.tensor(x), *args, **options).numpy()
    np.testing.assert_allclose(found, expected, **CLOSE)
    message = (
        rf"^{name}: the input is float64\[2, 3\]: it must have {rank + 2} axes: batch, channels and {rank} spatial"
    )
    with pytest.raises(ShapeError, match=message):
        getattr(nn.functional, name)(np.ones((2, 3)), *args)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_transposed_convolution_functions(rank: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 4, *[3] * rank)), rng.normal(size=(4, 3, *[2] * rank))
    found = getattr(nn.functional, f"conv_transpose{rank}d")(x, w, stride=2, padding=1, output_padding=1, groups=2)
    theirs = getattr(torch.nn.functional, f"conv_transpose{rank}d")
    expected = theirs(torch.tensor(x), torch.tensor(w), stride=2, padding=1, output_padding=1, groups=2)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), **CLOSE)
