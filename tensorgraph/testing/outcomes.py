"""What programs give for arrays, results or an exception, and how that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from hypothesis.errors import HypothesisException

from tensorgraph.errors import InputError, NaNError
from tensorgraph.interpret.agreement import results_difference
from tensorgraph.interpret.difference import Ulp, ulp_for
from tensorgraph.ir.types import Array
from tensorgraph.testing.programs import Program

__all__ = ["Allowed", "Difference", "Neither", "Outcome", "kind_of", "observed", "outcome_difference", "raised"]


class Allowed(NamedTuple):
    """What may lie between two results.

    Attributes
    ----------
    ulp, atol
        As for `assert_equivalent`.
    dtypes
        Whether data types must agree.
    """

    ulp: Ulp
    atol: float
    dtypes: bool

    def check(self) -> None:
        """Raise an `InputError` for numbers that allow nothing or do not say anything."""
        ulp_for(self.ulp, np.dtype(np.float64))  # are the names known?
        for given in self.ulp.values() if isinstance(self.ulp, Mapping) else [self.ulp]:
            if not given >= 0:
                raise InputError(f"ulp={self.ulp}: two results are at least 0 units in the last place apart")
        if not self.atol >= 0:
            raise InputError(f"atol={self.atol}: two results are at least 0 apart")


@dataclass(frozen=True)
class Outcome:
    """What a program gives: results, or an exception.

    Examples
    --------
    >>> print(Outcome([np.ones(2), np.float32(1)]))
    gives float64[2] and float32[]
    >>> print(Outcome(error=ValueError("no")))
    raises ValueError: no
    """

    results: Sequence[Array] = ()
    error: Exception | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return raised(self.error)
        kinds = [f"{y.dtype}[{', '.join(map(str, y.shape))}]" for y in self.results]
        return f"gives {' and '.join(kinds) or 'nothing'}"


def raised(error: Exception) -> str:
    """``raises ValueError: no``, in one line."""
    text = str(error).strip()
    return f"raises {type(error).__name__}{f': {text.splitlines()[0]}' if text else ''}"


@dataclass(frozen=True)
class Difference:
    """How two outcomes differ.

    Attributes
    ----------
    why
        In words.
    kind
        Of what sort it is: the same for differences that are alike.
    cause
        What one side raised.
    """

    why: str
    kind: str
    cause: Exception | None = None


class Neither(Exception):  # noqa: N818 (no error: it says that there is nothing to compare)
    """Both programs raise."""

    def __init__(self, names: Sequence[str], outcomes: Sequence[Outcome]) -> None:
        super().__init__(" and ".join(f"{name} {outcome}" for name, outcome in zip(names, outcomes, strict=True)))
        self.outcomes = tuple(outcomes)


def observed(program: Program, arrays: Sequence[Array]) -> Outcome:
    """What a program gives for copies of arrays.

    Raises
    ------
    InputError
        If it writes to them.
    """
    given = [program.handed(a) for a in arrays]
    before = [a.tobytes() for a in given]
    try:
        with np.errstate(all="ignore"):
            results = [np.array(y) for y in program.run(given)]  # they may be arrays that it keeps
    except HypothesisException:
        raise  # such as a failed assume
    except Exception as error:
        return Outcome(error=error)
    written = next((i for i, a in enumerate(given) if a.tobytes() != before[i]), None)
    if written is not None:
        raise InputError(f"{program.name} writes to argument {written}: let it work on a copy and return the result")
    return Outcome(results)


def outcome_difference(names: Sequence[str], outcomes: Sequence[Outcome], allowed: Allowed) -> Difference | None:
    """How two outcomes differ; None if they do not.

    Raises
    ------
    Neither
        If there is nothing to compare: both programs raise. A kernel that refuses a NaN raises where the other
        program gives one.
    """
    left, right = outcomes
    if left.error is not None or right.error is not None:
        if all(o.error is not None or _nan_refused(o, left, right) for o in outcomes):
            raise Neither(names, outcomes)
        cause = left.error or right.error
        side = "left" if left.error else "right"
        why = f"{names[0]} {left}, and {names[1]} {right}"
        return Difference(why, f"{side} raises {type(cause).__name__}", cause)
    why = results_difference(left.results, right.results, *allowed) or ""
    return Difference(f"{names[0]} and {names[1]} differ: {why}", kind_of(why)) if why else None


def _nan_refused(one: Outcome, left: Outcome, right: Outcome) -> bool:
    """Whether the other outcome is that a NaN was refused, and this one has a NaN."""
    other = right if one is left else left
    return isinstance(other.error, NaNError) and any(y.dtype.kind in "fc" and np.isnan(y).any() for y in one.results)


def kind_of(why: str) -> str:
    """Of what sort a difference of results is: of their types, NaN on one side, or of their values."""
    if " at (" not in why:
        return "types"
    return "NaN" if why.endswith("NaN on one side only") else "values"
