"""Bad input: the whole message, which ends with the user's line and the layer's path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph import nn
from tensorgraph.errors import DTypeError, InputError, ShapeError
from tensorgraph.interpret import evaluate
from tensorgraph.nn import functional as f

X = np.zeros((2, 3))
LOGITS = np.zeros((2, 4))


def within(layer: nn.Module) -> nn.Sequential:
    return nn.Sequential({"front": nn.Identity(), "part": layer})


CASES: dict[str, tuple[Callable[[], Any], type[Exception], str, str]] = {
    "label too large": (
        lambda: f.cross_entropy(LOGITS, [1, 4]), InputError,
        "cross_entropy: label 4 is out of range: there are 4 classes, from 0 to 3", "",
    ),
    "label negative": (
        lambda: f.nll_loss(LOGITS, [-1, 0]), InputError,
        "nll_loss: label -1 is out of range: there are 4 classes, from 0 to 3", "",
    ),
    "label that PyTorch ignores": (
        lambda: f.cross_entropy(LOGITS, [-100, 0]), InputError,
        "cross_entropy: label -100 is out of range: there are 4 classes, from 0 to 3; pass ignore_index=-100 to leave"
        " such labels out", "",
    ),
    "labels of another shape": (
        lambda: f.cross_entropy(LOGITS, [[1, 2]]), ShapeError,
        "cross_entropy: the input is float64[2, 4] and the target is int64[1, 2]: labels must be of shape [2]", "",
    ),
    "labels as bools": (
        lambda: f.cross_entropy(LOGITS, [True, False]), DTypeError,
        "cross_entropy: the target is bool[2]: labels are integers", "",
    ),
    "distributions of another shape": (
        lambda: f.cross_entropy(LOGITS, X), ShapeError,
        "cross_entropy: the input is float64[2, 4] and the target is float64[2, 3]: the shapes must be equal; reshape"
        " or broadcast one", "",
    ),
    "class weights": (
        lambda: f.cross_entropy(LOGITS, [0, 1], [1.0]), ShapeError,
        "cross_entropy: the class weights are float64[1] and the input float64[2, 4]: one weight per class makes [4]",
        "",
    ),
    "smoothing": (
        lambda: f.cross_entropy(LOGITS, [0, 1], label_smoothing=2.0), InputError,
        "cross_entropy: label_smoothing is 2.0: it must be from 0 to 1", "",
    ),
    "ignore index of distributions": (
        lambda: f.cross_entropy(LOGITS, LOGITS, ignore_index=1), InputError,
        "cross_entropy: ignore_index is for integer labels, and the target is float64[2, 4]", "",
    ),
    "reduction": (
        lambda: f.mse_loss(X, X, "average"), InputError,
        "mse_loss: reduction is 'average': say 'mean', 'sum' or 'none'", "",
    ),
    "kl reduction": (
        lambda: f.kl_div(X, X, "average"), InputError,
        "kl_div: reduction is 'average': say 'mean', 'batchmean', 'sum' or 'none'", "",
    ),
    "loss of unlike shapes": (
        lambda: f.mse_loss(np.zeros((3, 1)), np.zeros(3)), ShapeError,
        "mse_loss: the input is float64[3, 1] and the target is float64[3]: the shapes must be equal; reshape or"
        " broadcast one", "",
    ),
    "loss of integers": (
        lambda: f.l1_loss([1], [1]), DTypeError, "l1_loss: the input is int64[1]: it must be floating-point", "",
    ),
    "probability": (
        lambda: f.binary_cross_entropy([0.5, 1.5], [1.0, 0.0]), InputError,
        "binary_cross_entropy: an input is 1.5: probabilities are from 0 to 1", "",
    ),
    "huber": (
        lambda: f.huber_loss(X, X, delta=0.0), InputError, "huber_loss: delta is 0.0: it must be greater than 0", "",
    ),
    "smooth l1": (
        lambda: f.smooth_l1_loss(X, X, beta=-1.0), InputError, "smooth_l1_loss: beta is -1.0: it must be at least 0",
        "",
    ),
    "gelu": (
        lambda: within(nn.GELU("erf"))(X), InputError, "gelu: approximate is 'erf': say 'none' or 'tanh'", "part",
    ),
    "number out of range": (
        lambda: within(nn.Embedding(3, 2))([0, 3]), InputError,
        "embedding: number 3 is out of range: there are 3 rows, from 0 to 2", "part",
    ),
    "numbers as floats": (
        lambda: within(nn.Embedding(3, 2))([0.5]), DTypeError,
        "embedding: the input is float64[1]: rows are numbered by integers", "part",
    ),
    "padding index": (
        lambda: nn.Embedding(3, 2, padding_idx=3), InputError,
        "Embedding: padding_idx 3 is out of range: there are 3 rows", "",
    ),
    "features": (
        lambda: within(nn.Linear(4, 2, dtype="float64"))(X), ShapeError,
        "linear: the input is float64[2, 3] and the weight is float64[2, 4]: the last axis of the input must be 4",
        "part",
    ),
    "no size": (
        lambda: nn.Linear(3, 0), InputError, "Linear: out_features is 0: it must be an integer of at least 1", "",
    ),
    "channels": (
        lambda: within(nn.Conv2d(3, 4, 3))(np.zeros((1, 2, 5, 5))), ShapeError,
        "Conv2d: the input is float64[1, 2, 5, 5], with 2 channels in layout NCHW, and the layer takes 3", "part",
    ),
    "groups of inputs": (
        lambda: nn.Conv2d(3, 4, 3, groups=2), InputError, "Conv2d: 3 input channels do not divide into 2 groups", "",
    ),
    "groups of outputs": (
        lambda: nn.Conv1d(4, 3, 3, groups=2), InputError, "Conv1d: 3 output channels do not divide into 2 groups", "",
    ),
    "groups of an input not known before": (
        lambda: within(nn.Conv2d(None, 4, 3, groups=2))(np.zeros((1, 3, 5, 5))), InputError,
        "Conv2d: 3 input channels do not divide into 2 groups", "part",
    ),
    "axes of a convolution": (
        lambda: within(nn.Conv2d(3, 4, 3))(np.zeros((3, 5, 5))), ShapeError,
        "Conv2d: the input is float64[3, 5, 5]: it must have 4 axes, NCHW", "part",
    ),
    "kernel sizes": (
        lambda: nn.Conv2d(3, 4, (3, 3, 3)), InputError,
        "Conv2d: kernel_size is (3, 3, 3): it must be one number, or 2 of them", "",
    ),
    "layout": (
        lambda: nn.Conv2d(3, 4, 3, layout="CHWN"), InputError, "Conv2d: layout is 'CHWN': say 'NCHW' or 'NHWC'", "",
    ),
    "axes of pooling": (
        lambda: within(nn.MaxPool2d(2))(np.zeros((3, 5, 5))), ShapeError,
        "MaxPool2d: the input is float64[3, 5, 5]: it must have 4 axes: batch, channels and 2 spatial ones", "part",
    ),
    "channels of batch norm": (
        lambda: within(nn.BatchNorm1d(4))(X), ShapeError,
        "BatchNorm1d: the input is float64[2, 3], with 3 channels, and the layer has 4", "part",
    ),
    "axes of batch norm": (
        lambda: within(nn.BatchNorm2d(3))(X), ShapeError,
        "BatchNorm2d: the input is float64[2, 3]: it must have 4 axes, channels second", "part",
    ),
    "batch of one": (
        lambda: within(nn.BatchNorm1d(3))(X[:1]), ShapeError,
        "BatchNorm1d: float64[1, 3] has one element per channel, too few for a variance: train on larger batches, or"
        " call eval()", "part",
    ),
    "momentum": (
        lambda: nn.BatchNorm1d(3, momentum=2.0), InputError,
        "BatchNorm1d: momentum is 2.0: it must be from 0 to 1, or None", "",
    ),
    "groups of group norm": (
        lambda: nn.GroupNorm(2, 3), InputError, "GroupNorm: 3 channels do not divide into 2 groups", "",
    ),
    "channels of group norm": (
        lambda: within(nn.GroupNorm(2, 4))(X), ShapeError,
        "GroupNorm: the input is float64[2, 3]: it must be [batch, 4, …]", "part",
    ),
    "groups of the function": (
        lambda: f.group_norm(X, 2), ShapeError,
        "group_norm: the channels of float64[2, 3] do not divide into 2 groups", "",
    ),
    "layer norm": (
        lambda: within(nn.LayerNorm(4))(X), ShapeError,
        "layer_norm: the input is float64[2, 3]: its last axes must be [4]", "part",
    ),
    "symbolic channels": (
        lambda: within(nn.BatchNorm1d(3))(tg.placeholder((2, "c"), name="x")), ShapeError,
        "BatchNorm1d: the input is float64[2, c], with c channels, and the layer has 3", "part",
    ),
    "symbolic channels of group norm": (
        lambda: within(nn.GroupNorm(1, 3))(tg.placeholder((2, "c"), name="x")), ShapeError,
        "GroupNorm: the input is float64[2, c]: it must be [batch, 3, …]", "part",
    ),
    "symbolic classes": (
        lambda: f.cross_entropy(tg.placeholder((2, "c"), name="x"), [0, 1]), ShapeError,
        "the number of classes of float64[2, c] must be known: give that axis a number", "",
    ),
    "scores without classes": (
        lambda: f.cross_entropy(1.0, 0), ShapeError,
        "cross_entropy: the input is float64[]: it needs an axis of classes", "",
    ),
    "margin": (
        lambda: f.multi_margin_loss(LOGITS, [0, 1], p=3), InputError,
        "multi_margin_loss: p is 3: it must be 1 or 2", "",
    ),
    "size not known at the first call": (
        lambda: within(nn.Linear(None, 2))(tg.placeholder((2, "c"), name="x")), ShapeError,
        "Linear: the last axis of float64[2, c] must be known at the first call", "part",
    ),
    "channels not known": (
        lambda: within(nn.Conv1d(2, 2, 1))(tg.placeholder((2, "c", 5), name="x")), ShapeError,
        "Conv1d: the channels of float64[2, c, 5] must be known", "part",
    ),
    "slopes": (
        lambda: within(nn.PReLU(3))(np.zeros((2, 4))), ShapeError,
        "prelu: the weight float32[3] needs one element, or one per channel of float64[2, 4]", "part",
    ),
    "axis to flatten": (
        lambda: within(nn.Flatten(2))(X), ShapeError, "flatten: float64[2, 3] has no axis 2", "part",
    ),
    "axes to flatten": (
        lambda: f.flatten(X, 1, 0), ShapeError, "flatten: axis 1 of float64[2, 3] stands after axis 0", "",
    ),
    "axes of instance norm": (
        lambda: f.instance_norm(X), ShapeError,
        "instance_norm: the input is float64[2, 3]: it must be [batch, channels, …] with spatial axes", "",
    ),
    "statistics": (
        lambda: f.batch_norm(X, [0.0], [1.0]), ShapeError,
        "batch_norm: the input is float64[2, 3], with 3 channels, and the mean is float64[1]: one element per"
        " channel is needed", "",
    ),
    "neighbours": (
        lambda: f.local_response_norm(X, 0), InputError, "local_response_norm: size is 0: it must be at least 1", "",
    ),
    "axes of attention": (
        lambda: nn.MultiheadAttention(4, 2)(np.zeros(4), np.zeros(4), np.zeros(4)), ShapeError,
        "MultiheadAttention: float64[4] must have 2 or 3 axes", "",
    ),
    "mask of attention": (
        lambda: nn.MultiheadAttention(3, 1)(X, X, X, attn_mask=np.zeros((2, 2), int)), DTypeError,
        "MultiheadAttention: attn_mask is int64[2, 2]: it must be bool or floating-point", "",
    ),
    "features of attention": (
        lambda: f.scaled_dot_product_attention(X, LOGITS, X), ShapeError,
        "attention: the query is float64[2, 3] and the key is float64[2, 4]: the last axes, the features,"
        " must be equal", "",
    ),
    "two masks": (
        lambda: f.attention_weights(X, X, np.zeros((2, 2)), is_causal=True), InputError,
        "attention: give attn_mask or is_causal, not both", "",
    ),
    "integer mask": (
        lambda: f.attention_weights(X, X, np.zeros((2, 2), int)), DTypeError,
        "attention: the mask is int64[2, 2]: it must be bool or floating-point", "",
    ),
    "axes of dropout": (
        lambda: within(nn.Dropout2d())(X), ShapeError,
        "Dropout2d: the input is float64[2, 3]: it must have 4 axes", "part",
    ),
    "mode of fans": (
        lambda: nn.init.kaiming_uniform((3, 3), mode="fan"), InputError,
        "init: mode is 'fan': say 'fan_in' or 'fan_out'", "",
    ),
    "rate": (lambda: nn.Dropout(1.5), InputError, "Dropout: p is 1.5: a probability is from 0 to 1", ""),
    "rate that is NaN": (
        lambda: nn.Dropout(float("nan")), InputError, "Dropout: p is nan: a probability is from 0 to 1", "",
    ),
    "heads": (
        lambda: nn.MultiheadAttention(6, 4), InputError,
        "MultiheadAttention: embed_dim 6 does not divide into 4 heads", "",
    ),
    "attention": (
        lambda: nn.MultiheadAttention(4, 2)(np.zeros((2, 3, 4)), np.zeros((2, 3, 5)), np.zeros((2, 3, 4))), ShapeError,
        "MultiheadAttention: the key is float64[3, 2, 5]: its last axis must be 4", "",
    ),
    "no module": (
        lambda: nn.Sequential(nn.ReLU(), 3), InputError, "Sequential: 3 is no Module; wrap a function in nn.Lambda", "",
    ),
    "fans": (
        lambda: nn.init.xavier_uniform((3,)), ShapeError,
        "init: a weight of shape [3] has no fans: it needs at least two axes", "",
    ),
    "nonlinearity": (
        lambda: nn.init.kaiming_normal((3, 3), nonlinearity="step"), InputError,
        "init: unknown nonlinearity 'step': use one of linear, conv, sigmoid, tanh, relu, selu, leaky_relu", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    act, kind, message, path = CASES[name]
    with pytest.raises(kind) as caught:
        act()
    line = next(entry.lineno + 1 for entry in reversed(caught.traceback) if entry.path.name == "test_errors.py")
    place = f"test_errors.py:{line}" + (f", in {path}" if path else "")
    assert str(caught.value) == f"{message} ({place})"
    assert type(caught.value) is kind


def test_a_kernel_larger_than_its_input() -> None:
    with pytest.raises(ShapeError, match=r"^conv(?:2d)?: .*too small.*\(test_errors\.py:\d+, in part\)$"):
        within(nn.Conv2d(1, 1, 5))(np.zeros((1, 1, 3, 3)))


@pytest.mark.parametrize("label", [-1, 4])
def test_labels_that_are_fed_are_never_taken_for_others(label: int) -> None:
    x, y = tg.placeholder(("n", 4), name="x"), tg.placeholder(("n",), "int64", name="y")
    for loss in (f.cross_entropy(x, y), f.cross_entropy(x, y, ignore_index=2), f.nll_loss(x, y, [1.0] * 4)):
        with pytest.raises(IndexError):
            evaluate([loss.node], {x.node: LOGITS, y.node: np.array([0, label])})
    table = f.embedding(y, np.zeros((4, 2)))
    with pytest.raises(IndexError):
        evaluate([table.node], {y.node: np.array([0, label])})
