"""Losses of scores against labels, with PyTorch's names, arguments and meaning."""

from __future__ import annotations

from tensorgraph.array.functions import arange, astype, expand_dims, log_softmax, reshape, sum, take_along_axis, where
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import DTypeError, InputError, ShapeError
from tensorgraph.ir.dims import same_shape
from tensorgraph.ir.node import SYMBOLIC, VARIABLE
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import format_shape
from tensorgraph.nn.functional.losses import alike, reduced

__all__ = ["cross_entropy", "multi_margin_loss", "nll_loss"]


def cross_entropy(
    input: TensorLike, target: TensorLike, weight: TensorLike | None = None, ignore_index: int | None = None,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """Cross-entropy of softmax(input) with labels or with distributions.

    Parameters
    ----------
    input
        Logits ``[batch, classes, …]``, or ``[classes]``.
    target
        Integers from 0 up to but without the number of classes: ``[batch, …]``, or a scalar. Or distributions:
        floats, of the shape of `input`.
    weight
        Factor per class, ``[classes]``. The mean is then over the weights of the labels.
    ignore_index
        A label that counts nothing, neither in sums nor in means. None by default, where PyTorch has -100.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.
    label_smoothing
        From 0 to 1: how much of each label is spread evenly over all classes.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    InputError
        If a known label is out of range. A label that is fed later is checked when it is read.

    Examples
    --------
    >>> cross_entropy([[0.0, 0.0], [0.0, 100.0]], [0, 0], reduction="none")
    Tensor([  0.69314718, 100.        ], float64)
    """
    name = "cross_entropy"
    x, y = asarray(input), asarray(target)
    if not 0 <= label_smoothing <= 1:
        raise located(InputError(f"{name}: label_smoothing is {label_smoothing}: it must be from 0 to 1"))
    axis = _class_axis(name, x)
    if y.dtype.kind in "fc":
        return _with_distributions(x, y, weight, ignore_index, reduction, label_smoothing)
    logs = log_softmax(x, axis)
    smooth = None
    if label_smoothing:
        factors = _class_weights(name, x, weight)
        smooth = -sum(logs if factors is None else logs * factors, axis) * (label_smoothing / _classes(x))
    return _nll(name, logs, y, weight, ignore_index, reduction, 1 - label_smoothing, smooth)


def _with_distributions(
    x: Tensor, y: Tensor, weight: TensorLike | None, ignore_index: int | None, reduction: str, smoothing: float
) -> Tensor:
    name = "cross_entropy"
    x, y = alike(name, x, y)
    if ignore_index is not None:
        raise located(InputError(f"{name}: ignore_index is for integer labels, and the target is {y.node.type}"))
    axis = _class_axis(name, x)
    if smoothing:
        y = y * (1 - smoothing) + smoothing / _classes(x)
    terms = y * log_softmax(x, axis)
    factors = _class_weights(name, x, weight)
    return reduced(name, -sum(terms if factors is None else terms * factors, axis), reduction)


def nll_loss(
    input: TensorLike, target: TensorLike, weight: TensorLike | None = None, ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The negative of the log-probability of each label. Parameters as for `cross_entropy`.

    Parameters
    ----------
    input
        Log-probabilities ``[batch, classes, …]``, or ``[classes]``.
    target, weight, ignore_index, reduction
        As for `cross_entropy`; labels only.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    InputError
        If a known label is out of range.

    Examples
    --------
    >>> nll_loss([[-1.0, -2.0]], [1])
    Tensor(2., float64)
    """
    return _nll("nll_loss", asarray(input), asarray(target), weight, ignore_index, reduction, 1.0, None)


def _nll(
    name: str, logs: Tensor, labels: Tensor, weight: TensorLike | None, ignore_index: int | None, reduction: str,
    share: float, smooth: Tensor | None,
) -> Tensor:  # fmt: skip
    """``share`` of the loss of the labels, and what smoothing adds to it."""
    axis = _class_axis(name, logs)
    labels = _labels(name, logs, labels, axis, ignore_index)
    kept = None if ignore_index is None else labels != ignore_index
    places = labels if kept is None else where(kept, labels, 0)
    loss = -_picked(logs, places, axis)
    factors = None if weight is None else _class_weights(name, logs, weight)
    counts: Tensor | None = None
    if factors is not None:
        counts = reshape(factors, (-1,))[places]
        loss = loss * counts
    if kept is not None:
        counts = astype(kept, logs.dtype) if counts is None else where(kept, counts, 0)
    if smooth is not None:
        loss = share * loss + smooth
    if kept is not None:
        loss = where(kept, loss, 0)
    if reduction == "mean" and counts is not None:
        return sum(loss) / sum(counts)
    return reduced(name, loss, reduction)


def _picked(x: Tensor, places: Tensor, axis: int) -> Tensor:
    """The element of the class axis that each label names."""
    classes = _classes(x)
    if places.dtype.kind == "i" and places.node.flags & SYMBOLIC:
        places = where(places < 0, classes, places)  # so that it is out of range, and does not count from the end
    if x.ndim == 1:
        return x[places]
    if x.ndim == 2:
        return x[arange(x.shape[0]), places]
    return reshape(take_along_axis(x, expand_dims(places, axis), axis=axis), places.shape)


def _labels(name: str, x: Tensor, labels: Tensor, axis: int, ignore_index: int | None) -> Tensor:
    """The labels, if they fit the logits."""
    if labels.dtype.kind not in "iu":
        raise located(DTypeError(f"{name}: the target is {labels.node.type}: labels are integers"))
    wanted = (*x.shape[:axis], *x.shape[axis + 1 :])
    if not same_shape(labels.shape, wanted):
        message = f"{name}: the input is {x.node.type} and the target is {labels.node.type}"
        raise located(ShapeError(f"{message}: labels must be of shape {format_shape(wanted)}"))
    classes = _classes(x)
    if not labels.node.flags & (SYMBOLIC | VARIABLE):
        known = labels.numpy()
        wrong = known[((known < 0) | (known >= classes)) & (True if ignore_index is None else known != ignore_index)]
        if wrong.size:
            message = f"{name}: label {wrong.flat[0]} is out of range: there are {classes} classes, from 0 to"
            hint = "" if wrong.flat[0] != -100 else "; pass ignore_index=-100 to leave such labels out"
            raise located(InputError(f"{message} {classes - 1}{hint}"))
    return labels


def _class_axis(name: str, x: Tensor) -> int:
    if x.ndim == 0:
        raise located(ShapeError(f"{name}: the input is {x.node.type}: it needs an axis of classes"))
    return 0 if x.ndim == 1 else 1


def _classes(x: Tensor) -> int:
    size = x.shape[0 if x.ndim == 1 else 1]
    if not isinstance(size, int):
        raise located(ShapeError(f"the number of classes of {x.node.type} must be known: give that axis a number"))
    return size


def _class_weights(name: str, x: Tensor, weight: TensorLike | None) -> Tensor | None:
    """Weights shaped to broadcast along the class axis."""
    if weight is None:
        return None
    given = asarray(weight)
    if not same_shape(given.shape, (_classes(x),)):
        message = f"{name}: the class weights are {given.node.type} and the input {x.node.type}"
        raise located(ShapeError(f"{message}: one weight per class makes [{_classes(x)}]"))
    return reshape(astype(given, x.dtype), [-1, *[1] * (x.ndim - 2)])


def multi_margin_loss(
    input: TensorLike, target: TensorLike, p: int = 1, margin: float = 1.0, weight: TensorLike | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The hinge loss of several classes: the mean over the others of max(0, margin - x[label] + x[other])**p.

    Parameters
    ----------
    input
        Scores ``[batch, classes]``, or ``[classes]``.
    target
        Labels ``[batch]``, or a scalar.
    p
        1 or 2.
    margin
        By how much the score of the label should be greater.
    weight
        Factor per class, applied to the terms of that label.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    InputError
        If a known label is out of range, or `p` is neither 1 nor 2.

    Examples
    --------
    >>> multi_margin_loss([[1.0, 0.5, -3.0]], [0])
    Tensor(0.16666667, float64)
    """
    name = "multi_margin_loss"
    x, y = asarray(input), asarray(target)
    if p not in {1, 2}:
        raise located(InputError(f"{name}: p is {p}: it must be 1 or 2"))
    if x.ndim not in {1, 2}:
        raise located(ShapeError(f"{name}: the input is {x.node.type}: it must be [batch, classes] or [classes]"))
    axis = _class_axis(name, x)
    y = _labels(name, x, y, axis, None)
    slack = margin - expand_dims(_picked(x, y, axis), axis) + x
    terms = where(slack > 0, slack, 0)
    terms = terms if p == 1 else terms * terms
    factors = _class_weights(name, x, weight)
    if factors is not None:
        terms = terms * expand_dims(reshape(factors, (-1,))[y], axis)
    others = expand_dims(y, axis) != arange(_classes(x))
    return reduced(name, sum(where(others, terms, 0), axis) / _classes(x), reduction)
