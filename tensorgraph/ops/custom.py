"""Operations that users define by a NumPy function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgraph.ir.op import Domain, Op, Types
from tensorgraph.ir.types import Array, TensorType


@dataclass(frozen=True, eq=False, repr=False)
class Custom(Op):
    """A NumPy function with a type rule and perhaps a derivative."""

    function: Callable[..., Any]
    rule: Callable[..., Types] | None
    vjp: Callable[..., Any] | None
    domain = Domain(analytic=False)

    @property
    def helpers(self) -> tuple[Callable[..., Any], ...]:  # type: ignore[override]
        """The function itself: emitted modules contain its text."""
        return (self.function,)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The function's name."""
        return self.function.__name__

    def infer(self, *types: TensorType) -> Types:
        """By the rule given; else the type of the first operand."""
        return types[0] if self.rule is None else self.rule(*types)

    def axes(self, *types: TensorType) -> str:
        """Nothing is known: every axis is needed whole."""
        result = self.infer(*types)
        results = (result,) if isinstance(result, TensorType) else result
        left = ", ".join(" ".join(f"x{i}_{k}!" for k in range(t.ndim)) for i, t in enumerate(types))
        arrow = f"{left} ->" if types else "->"
        return f"{arrow} {', '.join(' '.join(f'y{i}_{k}' for k in range(t.ndim)) for i, t in enumerate(results))}"

    def evaluate(self, *arrays: Array) -> Any:
        """Call the function; it gets arrays that it may not change."""
        result = self.function(*[_protected(a) for a in arrays])
        return tuple(map(np.asarray, result)) if isinstance(result, tuple) else np.asarray(result)

    def spell(self, operands: Sequence[str], out: str | None = None) -> str:
        """A call of the function."""
        return f"{self.name}({', '.join(operands)})"

    def key(self) -> object:
        """Equal for the same function and rules."""
        return Custom, self.function, self.rule, self.vjp


def _protected(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
