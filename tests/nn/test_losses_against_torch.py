"""Losses and their gradients equal PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorgraph.nn import functional as f
from tests.nn.against_torch import check_function, torch

pytestmark = pytest.mark.peers
peer = torch.nn.functional
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(2, 5, 4))
P, Q = rng.uniform(0.05, 0.95, size=(2, 5, 4))
LABELS = np.array([0, 3, 1, 1, 2])
IMAGES, MAP = rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25])
SHARES = P / P.sum(1, keepdims=True)
SIGNS = np.where(Y > 0, 1.0, -1.0)


def number(ignore: int | None) -> int:
    """PyTorch's spelling of no label."""
    return -100 if ignore is None else ignore


def reduced(loss: Any, reduction: str) -> Any:
    return loss if reduction == "none" else getattr(loss, reduction)()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_regression(name: str, reduction: str) -> None:
    for options in [{}, {"beta": 0.3}] if name == "smooth_l1_loss" else [{}]:
        check_function(
            lambda x, y, o=options: getattr(f, name)(x, y, reduction=reduction, **o),
            lambda x, y, o=options: getattr(peer, name)(x, y, reduction=reduction, **o), X, Y, wrt=2,
        )  # fmt: skip


def test_huber_delta() -> None:
    check_function(
        lambda x, y: f.huber_loss(x, y, delta=0.4), lambda x, y: peer.huber_loss(x, y, delta=0.4), X, Y, wrt=2
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_binary(reduction: str, weighted: bool) -> None:
    ours: dict[str, Any] = {"weight": WEIGHT} if weighted else {}
    theirs: dict[str, Any] = {"weight": torch.tensor(WEIGHT)} if weighted else {}
    check_function(
        lambda x, y: f.binary_cross_entropy(x, y, reduction=reduction, **ours),
        lambda x, y: peer.binary_cross_entropy(x, y, reduction=reduction, **theirs), P, Q,
    )  # fmt: skip
    if weighted:
        ours["pos_weight"], theirs["pos_weight"] = WEIGHT[::-1].copy(), torch.tensor(WEIGHT[::-1].copy())
    check_function(
        lambda x, y: f.binary_cross_entropy_with_logits(x, y, reduction=reduction, **ours),
        lambda x, y: peer.binary_cross_entropy_with_logits(x, y, reduction=reduction, **theirs), X, Q,
    )  # fmt: skip


def test_binary_at_the_ends() -> None:
    for p, y in ((0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0)):
        ours = float(f.binary_cross_entropy([p], [y]))
        assert ours == float(peer.binary_cross_entropy(torch.tensor([p]), torch.tensor([y])))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [None, 1])
def test_cross_entropy_of_labels(reduction: str, smoothing: float, weighted: bool, ignore: int | None) -> None:
    for x, y in ((X, LABELS), (IMAGES, MAP), (X[0], LABELS[1])):
        weight = WEIGHT[: x.shape[0 if x.ndim == 1 else 1]] if weighted else None
        check_function(
            lambda x, w=weight, y=y: f.cross_entropy(x, y, w, ignore, reduction, smoothing),
            lambda x, w=weight, y=y: peer.cross_entropy(
                x, torch.tensor(y), None if w is None else torch.tensor(w), ignore_index=number(ignore),
                reduction=reduction, label_smoothing=smoothing,
            ),
            x,
        )  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_distributions(reduction: str, smoothing: float, weighted: bool) -> None:
    images = np.exp(IMAGES[::-1]) / np.exp(IMAGES[::-1]).sum(1, keepdims=True)
    for x, y in ((X, SHARES), (IMAGES, images), (X[0], SHARES[0])):
        weight = WEIGHT[: x.shape[0 if x.ndim == 1 else 1]] if weighted else None
        check_function(
            lambda x, y, w=weight: f.cross_entropy(x, y, w, reduction=reduction, label_smoothing=smoothing),
            lambda x, y, w=weight: peer.cross_entropy(
                x, y, None if w is None else torch.tensor(w), reduction=reduction, label_smoothing=smoothing
            ),
            x, y, wrt=2,
        )  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignore", [None, 3])
def test_nll(reduction: str, ignore: int | None) -> None:
    check_function(
        lambda x: f.nll_loss(x, LABELS, WEIGHT, ignore, reduction),
        lambda x: peer.nll_loss(
            x, torch.tensor(LABELS), torch.tensor(WEIGHT), ignore_index=number(ignore),
            reduction=reduction,
        ),
        X,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
def test_kl(reduction: str) -> None:
    logs = np.log(Q / Q.sum(1, keepdims=True))
    check_function(
        lambda x, y: f.kl_div(x, y, reduction), lambda x, y: peer.kl_div(x, y, reduction=reduction), logs, SHARES, wrt=2
    )
    check_function(
        lambda x, y: f.kl_div(x, y, reduction, log_target=True),
        lambda x, y: peer.kl_div(x, y, reduction=reduction, log_target=True), logs, np.log(SHARES), wrt=2,
    )  # fmt: skip
    assert float(f.kl_div([[-1.0, -2.0]], [[1.0, 0.0]], "sum")) == 1.0


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_hinges(reduction: str) -> None:
    check_function(
        lambda x, y: f.hinge_embedding_loss(x, y, 0.7, reduction),
        lambda x, y: peer.hinge_embedding_loss(x, y, 0.7, reduction=reduction), X, SIGNS,
    )  # fmt: skip
    check_function(
        lambda x: f.hinge_loss(x, SIGNS, reduction),
        lambda x: reduced(torch.clamp(1 - torch.tensor(SIGNS) * x, min=0), reduction),
        X,
    )  # fmt: skip
    for p in (1, 2):
        check_function(
            lambda x, p=p: f.multi_margin_loss(x, LABELS, p, 0.8, WEIGHT, reduction),
            lambda x, p=p: peer.multi_margin_loss(
                x, torch.tensor(LABELS), p, 0.8, torch.tensor(WEIGHT), reduction=reduction
            ),
            X,
        )  # fmt: skip
