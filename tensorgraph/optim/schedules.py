"""Learning rates that change from step to step: functions of the number of steps done.

Pass one as ``learning_rate=``: the optimizer counts its steps, and the rate is computed in the compiled step. The
first step has number 0. Rates are float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np

from tensorgraph.array.functions import astype, clip, cos, floor_divide, minimum, where
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import InputError
from tensorgraph.ir.provenance import located

__all__ = ["Schedule", "cosine", "exponential", "one_cycle", "step", "warmup"]

Schedule: TypeAlias = Callable[[TensorLike], Tensor]


def _steps(count: TensorLike) -> Tensor:
    return astype(asarray(count), np.float64)


def _finite(name: str, what: str, value: float, least: float = 0.0) -> float:
    if not (math.isfinite(value) and value >= least):
        raise located(InputError(f"{name}: {what} is {value}: it must be a finite number of at least {least:g}"))
    return value


def step(learning_rate: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """The rate times `gamma` after every `step_size` steps.

    Parameters
    ----------
    learning_rate
        Of the first steps.
    step_size
        Number of steps with one rate.
    gamma
        Factor.

    Raises
    ------
    InputError
        If a setting is negative, infinite or NaN.

    Examples
    --------
    >>> schedule = step(1.0, 10)
    >>> schedule([0, 9, 10, 20])
    Tensor([1.  , 1.  , 0.1 , 0.01], float64)
    """
    _finite("step", "learning_rate", learning_rate)
    _finite("step", "step_size", step_size, 1)
    _finite("step", "gamma", gamma)
    return partial(_step, learning_rate, step_size, gamma)


def _step(rate: float, step_size: int, gamma: float, count: TensorLike) -> Tensor:
    return rate * gamma ** floor_divide(_steps(count), step_size)


def exponential(learning_rate: float, gamma: float) -> Schedule:
    """The rate times `gamma` after every step.

    Raises
    ------
    InputError
        If a setting is negative, infinite or NaN.

    Examples
    --------
    >>> exponential(1.0, 0.5)([0, 1, 2])
    Tensor([1.  , 0.5 , 0.25], float64)
    """
    _finite("exponential", "learning_rate", learning_rate)
    _finite("exponential", "gamma", gamma)
    return partial(_exponential, learning_rate, gamma)


def _exponential(rate: float, gamma: float, count: TensorLike) -> Tensor:
    return rate * gamma ** _steps(count)


def cosine(learning_rate: float, steps: int, minimum: float = 0.0) -> Schedule:
    """From the rate to `minimum` along half a cosine in so many steps, and `minimum` from there on.

    Raises
    ------
    InputError
        If a setting is negative, infinite or NaN.

    Examples
    --------
    >>> cosine(1.0, 10)([0, 5, 10, 20])
    Tensor([1. , 0.5, 0. , 0. ], float64)
    """
    _finite("cosine", "learning_rate", learning_rate)
    _finite("cosine", "steps", steps, 1)
    _finite("cosine", "minimum", minimum)
    return partial(_cosine, learning_rate, steps, minimum)


def _cosine(rate: float, steps: int, least: float, count: TensorLike) -> Tensor:
    return _along_cosine(rate, least, minimum(_steps(count) / steps, 1.0))


def _along_cosine(start: float, end: float, part: Tensor) -> Tensor:
    return end + (start - end) * (0.5 * (1 + cos(math.pi * part)))


def warmup(schedule: float | Schedule, steps: int, start_factor: float = 0.0) -> Schedule:
    """The first steps with a growing share of a rate, or of another schedule.

    Parameters
    ----------
    schedule
        A rate, or a schedule; its own steps count from 0 as well.
    steps
        Number of steps after which the share is 1; until then it grows by the same amount every step.
    start_factor
        The share at step 0.

    Raises
    ------
    InputError
        If a setting is negative, infinite or NaN.

    Examples
    --------
    >>> warmup(cosine(1.0, 100), 4)([0, 2])
    Tensor([0.        , 0.49950668], float64)
    """
    if not callable(schedule):
        _finite("warmup", "the learning rate", schedule)
    _finite("warmup", "steps", steps, 1)
    _finite("warmup", "start_factor", start_factor)
    return partial(_warmup, schedule, steps, start_factor)


def _warmup(schedule: float | Schedule, steps: int, start: float, count: TensorLike) -> Tensor:
    share = start + (1 - start) * minimum(_steps(count) / steps, 1.0)
    return share * (schedule(count) if callable(schedule) else schedule)


def one_cycle(
    max_learning_rate: float, total_steps: int, pct_start: float = 0.3, anneal: str = "cos", div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:  # fmt: skip
    """Up from a small rate to the greatest, and down to a tiny one (L. Smith's "1cycle" policy).

    Parameters
    ----------
    max_learning_rate
        The greatest.
    total_steps
        Number of steps of the cycle; the last rate stays.
    pct_start
        Share of the steps that go up.
    anneal
        ``"cos"`` or ``"linear"``.
    div_factor
        The first rate is the greatest divided by this.
    final_div_factor
        The last rate is the first divided by this.

    Raises
    ------
    InputError
        If a setting is out of range.

    Examples
    --------
    >>> one_cycle(1.0, 10, anneal="linear", pct_start=0.4)([0, 3, 9])
    Tensor([4.e-02, 1.e+00, 4.e-06], float64)
    """
    _finite("one_cycle", "max_learning_rate", max_learning_rate)
    _finite("one_cycle", "total_steps", total_steps, 1)
    _finite("one_cycle", "div_factor", div_factor, 1)
    _finite("one_cycle", "final_div_factor", final_div_factor, 1)
    if not 0 <= pct_start <= 1:
        raise located(InputError(f"one_cycle: pct_start is {pct_start}: it must be from 0 to 1"))
    if anneal not in {"cos", "linear"}:
        raise located(InputError(f"one_cycle: anneal is {anneal!r}: say 'cos' or 'linear'"))
    first = max_learning_rate / div_factor
    rates = (first, max_learning_rate, first / final_div_factor)
    return partial(_one_cycle, rates, (pct_start * total_steps - 1, total_steps - 1), anneal)


def _one_cycle(rates: tuple[float, float, float], ends: tuple[float, float], anneal: str, count: TensorLike) -> Tensor:
    first, greatest, last = rates
    top, end = ends
    now = _steps(count)
    along = _along_cosine if anneal == "cos" else _along_line
    up = along(first, greatest, clip(now / top if top > 0 else now * 0 + 1, 0.0, 1.0))
    down = along(greatest, last, clip((now - top) / max(end - top, 1e-300), 0.0, 1.0))
    return where(now <= top, up, down)


def _along_line(start: float, end: float, part: Tensor) -> Tensor:
    return start + (end - start) * part
