"""Losses of one value against another, with PyTorch's names, arguments and meaning."""

from __future__ import annotations

from tensorgraph.array.creation import dim_scalar
from tensorgraph.array.functions import (
    abs,
    astype,
    clip,
    exp,
    log,
    mean,
    softplus,
    sum,
    where,
)
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import DTypeError, InputError, ShapeError
from tensorgraph.ir.dims import DimLike, same_shape
from tensorgraph.ir.node import SYMBOLIC, VARIABLE
from tensorgraph.ir.provenance import located

__all__ = [
    "alike", "binary_cross_entropy", "binary_cross_entropy_with_logits", "hinge_embedding_loss", "hinge_loss",
    "huber_loss", "kl_div", "l1_loss", "mse_loss", "reduced", "smooth_l1_loss",
]  # fmt: skip


def mse_loss(input: TensorLike, target: TensorLike, reduction: str = "mean") -> Tensor:
    """Squared differences.

    Parameters
    ----------
    input, target
        Of the same shape.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"`` (one loss per element).

    Raises
    ------
    ShapeError
        If the shapes differ.
    InputError
        If the reduction is none of these.

    Examples
    --------
    >>> mse_loss([1.0, 2.0], [1.0, 4.0])
    Tensor(2., float64)
    """
    x, y = alike("mse_loss", input, target)
    distance = x - y
    return reduced("mse_loss", distance * distance, reduction)


def l1_loss(input: TensorLike, target: TensorLike, reduction: str = "mean") -> Tensor:
    """Absolute differences. Parameters as for `mse_loss`.

    Examples
    --------
    >>> l1_loss([1.0, 2.0], [1.0, 4.0])
    Tensor(1., float64)
    """
    x, y = alike("l1_loss", input, target)
    return reduced("l1_loss", abs(x - y), reduction)


def smooth_l1_loss(input: TensorLike, target: TensorLike, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Squares over 2 * beta where the difference is less than `beta`, else absolute differences less beta / 2.

    Parameters as for `mse_loss`.

    Raises
    ------
    InputError
        If `beta` is negative.

    Examples
    --------
    >>> smooth_l1_loss([1.0, 2.0], [1.5, 4.0], reduction="none")
    Tensor([0.125, 1.5  ], float64)
    """
    if not beta >= 0:
        raise located(InputError(f"smooth_l1_loss: beta is {beta}: it must be at least 0"))
    if beta == 0:
        return l1_loss(input, target, reduction)
    x, y = alike("smooth_l1_loss", input, target)
    distance = abs(x - y)
    loss = where(distance < beta, 0.5 * distance * distance / beta, distance - 0.5 * beta)
    return reduced("smooth_l1_loss", loss, reduction)


def huber_loss(input: TensorLike, target: TensorLike, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Half squares where the difference is at most `delta`, beyond that a straight line.

    Parameters as for `mse_loss`.

    Raises
    ------
    InputError
        If `delta` is not positive.

    Examples
    --------
    >>> huber_loss([1.0, 2.0], [1.5, 5.0], reduction="none", delta=2.0)
    Tensor([0.125, 4.   ], float64)
    """
    if not delta > 0:
        raise located(InputError(f"huber_loss: delta is {delta}: it must be greater than 0"))
    x, y = alike("huber_loss", input, target)
    distance = abs(x - y)
    loss = where(distance <= delta, 0.5 * distance * distance, delta * (distance - 0.5 * delta))
    return reduced("huber_loss", loss, reduction)


def binary_cross_entropy(
    input: TensorLike, target: TensorLike, weight: TensorLike | None = None, reduction: str = "mean"
) -> Tensor:
    """-(y log p + (1 - y) log(1 - p)) of probabilities.

    Logarithms are held at -100, so that a probability of exactly 0 or 1 gives a finite loss, with gradient 0.
    `binary_cross_entropy_with_logits` is better: it has no such bound.

    Parameters
    ----------
    input
        Probabilities p.
    target
        Probabilities y, of the same shape.
    weight
        Factor per element; broadcasts.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Raises
    ------
    ShapeError
        If the shapes differ.
    InputError
        If a known probability is outside 0 to 1, or the reduction unknown.

    Examples
    --------
    >>> binary_cross_entropy([0.5, 0.0], [1.0, 1.0], reduction="none")
    Tensor([  0.69314718, 100.        ], float64)
    """
    name = "binary_cross_entropy"
    p, y = alike(name, input, target)
    for what, values in (("an input", p), ("a target", y)):
        _check_probabilities(name, what, values)
    loss = -(y * _bounded_log(p) + (1 - y) * _bounded_log(1 - p))
    return reduced(name, loss if weight is None else loss * asarray(weight), reduction)


def _bounded_log(p: Tensor) -> Tensor:
    """max(log(p), -100), whose gradient is 0 where the bound holds."""
    positive = p > 0
    return where(positive, clip(log(where(positive, p, 1)), -100, None), -100)


def _check_probabilities(name: str, what: str, values: Tensor) -> None:
    if values.node.flags & (SYMBOLIC | VARIABLE):
        return
    known = values.numpy()
    wrong = known[~((known >= 0) & (known <= 1))]
    if wrong.size:
        raise located(InputError(f"{name}: {what} is {wrong.flat[0]}: probabilities are from 0 to 1"))


def binary_cross_entropy_with_logits(
    input: TensorLike, target: TensorLike, weight: TensorLike | None = None, reduction: str = "mean",
    pos_weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """`binary_cross_entropy` of sigmoid(input), accurate for every input.

    Parameters
    ----------
    input
        Logits: logarithms of odds.
    target
        Probabilities, of the same shape.
    weight
        Factor per element; broadcasts.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.
    pos_weight
        Factor of the positive part, usually one per class; broadcasts.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> binary_cross_entropy_with_logits([0.0, 1000.0], [1.0, 0.0], reduction="none")
    Tensor([6.93147181e-01, 1.00000000e+03], float64)
    """
    name = "binary_cross_entropy_with_logits"
    x, y = alike(name, input, target)
    if pos_weight is None:
        loss = softplus(x) - x * y
    else:
        loss = (1 - y) * x + (1 + (asarray(pos_weight) - 1) * y) * softplus(-x)
    return reduced(name, loss if weight is None else loss * asarray(weight), reduction)


def kl_div(input: TensorLike, target: TensorLike, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Kullback-Leibler divergence of the target from the input: y (log y - x).

    Parameters
    ----------
    input
        Log-probabilities x.
    target
        Probabilities y, or their logarithms; of the same shape.
    reduction
        ``"mean"`` (over elements), ``"batchmean"`` (the sum over the first axis's size: the divergence),
        ``"sum"`` or ``"none"``.
    log_target
        Whether the target is given as logarithms.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> kl_div([[-1.0, -1.0]], [[0.5, 0.0]], reduction="none")
    Tensor([[0.15342641, 0.        ]], float64)
    """
    x, y = alike("kl_div", input, target)
    if log_target:
        loss = exp(y) * (y - x)
    else:
        positive = y > 0
        loss = where(positive, y * log(where(positive, y, 1)), 0) - y * x
    if reduction == "batchmean":
        size: DimLike = x.shape[0] if x.ndim else 1
        return sum(loss) / dim_scalar(size, loss.dtype)
    return reduced("kl_div", loss, reduction, "'mean', 'batchmean', 'sum' or 'none'")


def hinge_loss(input: TensorLike, target: TensorLike, reduction: str = "mean", margin: float = 1.0) -> Tensor:
    """max(0, margin - y x), for two classes.

    Parameters
    ----------
    input
        Scores x.
    target
        -1 or 1, of the same shape.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.
    margin
        By how much a score should be on the right side.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> hinge_loss([0.5, 3.0], [1, 1], reduction="none")
    Tensor([0.5, 0. ], float64)
    """
    x, y = alike("hinge_loss", input, target)
    slack = margin - y * x
    return reduced("hinge_loss", where(slack > 0, slack, 0), reduction)


def hinge_embedding_loss(input: TensorLike, target: TensorLike, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """The distance where the target is 1, and max(0, margin - distance) where it is -1.

    Parameters as for `hinge_loss`.

    Examples
    --------
    >>> hinge_embedding_loss([0.25, 0.25], [1, -1], reduction="none")
    Tensor([0.25, 0.75], float64)
    """
    x, y = alike("hinge_embedding_loss", input, target)
    slack = margin - x
    loss = where(y == 1, x, 0) + where(y == -1, where(slack > 0, slack, 0), 0)
    return reduced("hinge_embedding_loss", loss, reduction)


def alike(name: str, input: TensorLike, target: TensorLike) -> tuple[Tensor, Tensor]:
    """Both as tensors of the same shape, in the input's floating dtype."""
    x, y = asarray(input), asarray(target)
    if x.dtype.kind not in "f":
        raise located(DTypeError(f"{name}: the input is {x.node.type}: it must be floating-point"))
    if not same_shape(x.shape, y.shape):
        message = f"{name}: the input is {x.node.type} and the target is {y.node.type}"
        raise located(ShapeError(f"{message}: the shapes must be equal; reshape or broadcast one"))
    return x, astype(y, x.dtype) if y.dtype.kind in "biu" else y


def reduced(name: str, loss: Tensor, reduction: str, known: str = "'mean', 'sum' or 'none'") -> Tensor:
    """The mean or sum of losses, or all of them."""
    if reduction == "mean":
        return mean(loss)
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    raise located(InputError(f"{name}: reduction is {reduction!r}: say {known}"))
