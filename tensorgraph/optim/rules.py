"""The optimizers, each with the formulas and defaults of PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorgraph.array.functions import astype, maximum, sqrt, where
from tensorgraph.array.tensor import Tensor
from tensorgraph.errors import InputError
from tensorgraph.ir.provenance import located
from tensorgraph.optim.optimizer import LearningRate, Optimizer, check_range

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSprop"]

State = Mapping[str, Tensor]
Settings = Mapping[str, Any]
Next = tuple[Tensor, dict[str, Tensor]]


def _like(scalar: Tensor, p: Tensor) -> Tensor:
    """A float64 scalar in the dtype of a parameter, which it must not widen."""
    return astype(scalar, p.dtype if p.dtype.kind == "f" else np.dtype(p.dtype.char.lower()))


def _decayed(p: Tensor, g: Tensor, settings: Settings) -> Tensor:
    """The gradient, with that of ``weight_decay / 2 * p**2``."""
    return g + settings["weight_decay"] * p if settings["weight_decay"] else g


class SGD(Optimizer):
    """Stochastic gradient descent: ``p - rate * g``, perhaps with momentum.

    With momentum a buffer ``b = momentum * b + (1 - dampening) * g`` (at first ``g``) takes the place of the
    gradient; with Nesterov's, ``g + momentum * b`` does.

    Parameters
    ----------
    learning_rate
        A number, a schedule or a tensor.
    momentum
        Share of the buffer that stays, from 0 up to 1.
    dampening
        Share of the gradient that does not enter the buffer.
    weight_decay
        Times the parameter is added to its gradient.
    nesterov
        Whether momentum is Nesterov's; without dampening then.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> w = tg.Parameter([3.0], name="w")
    >>> optimizer = SGD(0.1, momentum=0.9)
    >>> [parameter.name for parameter, _ in optimizer.updates(tg.sum(w * w), [w])]
    ['w', 'w.momentum']
    >>> optimizer.learning_rate = 0.01
    >>> optimizer
    SGD(0.01, momentum=0.9, dampening=0.0, weight_decay=0.0, nesterov=False)
    """

    complex = True

    def __init__(
        self, learning_rate: LearningRate = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
        weight_decay: float = 0.0, nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )

    def check(self, settings: Settings) -> None:
        check_range("SGD", "momentum", settings["momentum"])
        check_range("SGD", "weight_decay", settings["weight_decay"])
        check_range("SGD", "dampening", settings["dampening"], -np.inf)
        if settings["nesterov"] and (not settings["momentum"] or settings["dampening"]):
            raise located(InputError("SGD: nesterov needs a momentum greater than 0 and no dampening"))

    def slots(self, settings: Settings) -> tuple[str, ...]:
        return ("momentum",) if settings["momentum"] else ()

    def needs_count(self, settings: Settings) -> bool:
        return bool(settings["momentum"] and settings["dampening"])

    def rule(self, p: Tensor, g: Tensor, state: State, settings: Settings, rate: Tensor, count: Tensor | None) -> Next:
        g = _decayed(p, g, settings)
        rate = _like(rate, p)
        momentum, dampening = settings["momentum"], settings["dampening"]
        if not momentum:
            return p - rate * g, {}
        buffer = momentum * state["momentum"] + ((1 - dampening) * g if dampening else g)
        if dampening:
            assert count is not None
            buffer = where(count == 1, g, buffer)
        step = g + momentum * buffer if settings["nesterov"] else buffer
        return p - rate * step, {"momentum": buffer}


class Adam(Optimizer):
    """Steps of the mean gradient over the root of its mean square, both corrected for starting at 0.

    Parameters
    ----------
    learning_rate
        A number, a schedule or a tensor.
    betas
        Shares of the mean and of the mean square that stay.
    eps
        Added to the root.
    weight_decay
        Times the parameter is added to its gradient.
    amsgrad
        Whether to divide by the greatest mean square so far.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> w = tg.Parameter([3.0], name="w")
    >>> [parameter.name for parameter, _ in Adam(0.1).updates(tg.sum(w * w), [w])]
    ['w', 'w.exp_avg', 'w.exp_avg_sq', 'step']
    """

    counts = True

    def __init__(
        self, learning_rate: LearningRate = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)

    def check(self, settings: Settings) -> None:
        name = type(self).__name__
        for i, beta in enumerate(settings["betas"]):
            check_range(name, f"betas[{i}]", beta, 0.0, 1.0)
        check_range(name, "eps", settings["eps"])
        check_range(name, "weight_decay", settings["weight_decay"])

    def slots(self, settings: Settings) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if settings["amsgrad"] else []))

    def rule(self, p: Tensor, g: Tensor, state: State, settings: Settings, rate: Tensor, count: Tensor | None) -> Next:
        return self._moved(p, _decayed(p, g, settings), state, settings, rate, count)

    def _moved(
        self, p: Tensor, g: Tensor, state: State, settings: Settings, rate: Tensor, count: Tensor | None
    ) -> Next:
        assert count is not None
        first, second = settings["betas"]
        mean = state["exp_avg"] + (1 - first) * (g - state["exp_avg"])
        square = second * state["exp_avg_sq"] + (1 - second) * (g * g)
        kept = {"exp_avg": mean, "exp_avg_sq": square}
        if settings["amsgrad"]:
            square = kept["max_exp_avg_sq"] = maximum(state["max_exp_avg_sq"], square)
        size = _like(rate / (1 - first**count), p)
        correction = _like(sqrt(1 - second**count), p)
        return p - size * (mean / (sqrt(square) / correction + settings["eps"])), kept


class AdamW(Adam):
    """`Adam` whose weight decay shrinks the parameter itself, by ``rate * weight_decay``, and not by its gradient.

    Parameters
    ----------
    learning_rate, betas, eps, amsgrad
        As for `Adam`.
    weight_decay
        0.01 unless given.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> AdamW(0.1)
    AdamW(0.1, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, amsgrad=False)
    """

    def __init__(
        self, learning_rate: LearningRate = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, betas, eps, weight_decay, amsgrad)

    def rule(self, p: Tensor, g: Tensor, state: State, settings: Settings, rate: Tensor, count: Tensor | None) -> Next:
        if settings["weight_decay"]:
            p = p * _like(1 - rate * settings["weight_decay"], p)
        return self._moved(p, g, state, settings, rate, count)


class RMSprop(Optimizer):
    """Steps of the gradient over the root of its mean square.

    Parameters
    ----------
    learning_rate
        A number, a schedule or a tensor.
    alpha
        Share of the mean square that stays.
    eps
        Added to the root.
    weight_decay
        Times the parameter is added to its gradient.
    momentum
        Share of the previous step that is taken again.
    centered
        Whether to divide by the standard deviation instead.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> w = tg.Parameter([3.0], name="w")
    >>> [parameter.name for parameter, _ in RMSprop(0.1).updates(tg.sum(w * w), [w])]
    ['w', 'w.square_avg']
    """

    def __init__(
        self, learning_rate: LearningRate = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
        momentum: float = 0.0, centered: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )

    def check(self, settings: Settings) -> None:
        check_range("RMSprop", "alpha", settings["alpha"], 0.0, 1.0)
        for what in ("eps", "weight_decay", "momentum"):
            check_range("RMSprop", what, settings[what])

    def slots(self, settings: Settings) -> tuple[str, ...]:
        optional = (("grad_avg", settings["centered"]), ("momentum", settings["momentum"]))
        return ("square_avg", *(name for name, wanted in optional if wanted))

    def rule(self, p: Tensor, g: Tensor, state: State, settings: Settings, rate: Tensor, count: Tensor | None) -> Next:
        g = _decayed(p, g, settings)
        alpha, rate = settings["alpha"], _like(rate, p)
        square = alpha * state["square_avg"] + (1 - alpha) * (g * g)
        kept = {"square_avg": square}
        if settings["centered"]:
            mean = kept["grad_avg"] = state["grad_avg"] + (1 - alpha) * (g - state["grad_avg"])
            square = square - mean * mean
        step = g / (sqrt(square) + settings["eps"])
        if settings["momentum"]:
            step = kept["momentum"] = settings["momentum"] * state["momentum"] + step
        return p - rate * step, kept


class Adagrad(Optimizer):
    """Steps of the gradient over the root of the sum of all its squares.

    Parameters
    ----------
    learning_rate
        A number, a schedule or a tensor.
    lr_decay
        The rate is divided by 1 + lr_decay times the number of steps done.
    weight_decay
        Times the parameter is added to its gradient.
    initial_accumulator_value
        First value of the sums.
    eps
        Added to the root.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> w = tg.Parameter([3.0], name="w")
    >>> [parameter.name for parameter, _ in Adagrad(0.1).updates(tg.sum(w * w), [w])]
    ['w', 'w.sum']
    """

    def __init__(
        self, learning_rate: LearningRate = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, lr_decay=lr_decay, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, eps=eps,
        )  # fmt: skip

    def check(self, settings: Settings) -> None:
        for what in ("lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            check_range("Adagrad", what, settings[what])

    def slots(self, settings: Settings) -> tuple[str, ...]:
        return ("sum",)

    def first(self, slot: str, settings: Settings) -> float:
        return float(settings["initial_accumulator_value"])

    def needs_count(self, settings: Settings) -> bool:
        return bool(settings["lr_decay"])

    def rule(self, p: Tensor, g: Tensor, state: State, settings: Settings, rate: Tensor, count: Tensor | None) -> Next:
        g = _decayed(p, g, settings)
        if settings["lr_decay"]:
            assert count is not None
            rate = rate / (1 + (count - 1) * settings["lr_decay"])
        total = state["sum"] + g * g
        return p - _like(rate, p) * (g / (sqrt(total) + settings["eps"])), {"sum": total}
