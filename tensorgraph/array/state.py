"""Storing named arrays in named parameters: all of them, or none and a list of what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorgraph.array.leaves import Parameter
from tensorgraph.errors import InputError
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import TensorType

__all__ = ["load_arrays"]


def load_arrays(what: str, own: Mapping[str, Parameter], state: Mapping[str, Any], strict: bool) -> None:
    """Store arrays in the parameters of the same names, cast to their dtypes.

    Parameters
    ----------
    what
        What the parameters belong to, for the message.
    own
        Parameters by name.
    state
        Arrays by name.
    strict
        Whether every parameter must be given a value, and nothing else be there.

    Raises
    ------
    InputError
        Names everything that is missing, unexpected, or of another shape or kind; nothing is stored then.
    """
    arrays = {name: np.asarray(value) for name, value in state.items()}
    problems = []
    if strict:
        problems += [f"missing: {name} ({p.node.type})" for name, p in own.items() if name not in arrays]
        problems += [f"unexpected: {name} ({_type(a)})" for name, a in arrays.items() if name not in own]
    fitting = []
    for name, parameter in own.items():
        array = arrays.get(name)
        if array is None:
            continue
        if array.shape != parameter.shape:
            problems.append(f"misshapen: {name} is {parameter.node.type} and was given {_type(array)}")
        elif not np.can_cast(array.dtype, parameter.dtype, "same_kind"):
            problems.append(f"of another kind: {name} is {parameter.node.type} and was given {_type(array)}")
        else:
            fitting.append((parameter, array))
    if problems:
        head = located(InputError(f"{what}: the state does not fit"))
        raise InputError("\n  ".join([f"{head}:", *problems]))
    for parameter, array in fitting:
        parameter.assign(array)


def _type(array: Any) -> str:
    return str(TensorType(array.dtype, array.shape))
