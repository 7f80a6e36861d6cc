"""Identities: nodes that pass a value on and carry meaning for derivatives or for order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.node import TRACED
from tensorgraph.ir.op import Op
from tensorgraph.ir.types import Array, TensorType


class _Identity(Op):
    """Base: results are inputs."""

    __slots__ = ()
    view = True

    def infer(self, *types: TensorType) -> TensorType | tuple[TensorType, ...]:
        """The same."""
        return types[0]

    def axes(self, *types: TensorType) -> str:
        """Every axis passes through."""
        return "... -> ..."

    def flops(self, *types: TensorType) -> DimLike:
        """Nothing is computed."""
        return 0

    def evaluate(self, *arrays: Array) -> Any:
        """The first input."""
        return arrays[0]


class Alias(_Identity):
    """The same value under an identity of its own: what a derivative is taken with respect to."""

    forwards = True
    flags = TRACED


class StopGradient(_Identity):
    """The same value, held constant by derivatives."""

    numpy = "stop_gradient({0})"


@dataclass(frozen=True, eq=False, repr=False)
class Override(_Identity):
    """The first `results` inputs, with a derivative of their own with respect to the other inputs.

    `vjp` is called with the node and one cotangent per result and gives one per remaining input, or None.
    """

    results: int
    vjp: Callable[..., Any]
    forwards = True

    def infer(self, *types: TensorType) -> TensorType | tuple[TensorType, ...]:
        """The types of the values."""
        return types[: self.results] if self.results > 1 else types[0]

    def axes(self, *types: TensorType) -> str:
        """Each result is its input."""
        return f"{', '.join(['...'] * len(types))} -> {', '.join(['...'] * self.results)}"

    def evaluate(self, *arrays: Array) -> Any:
        """The values."""
        return arrays[: self.results] if self.results > 1 else arrays[0]

    def key(self) -> object:
        """Equal only for the same rule."""
        return Override, self.results, id(self.vjp)


@dataclass(frozen=True, eq=False, repr=False)
class Barrier(_Identity):
    """The first `results` inputs, not to be computed before the others are.

    Recomputation in a backward pass reads its inputs through one, so that it is neither merged with the
    forward pass nor done early.
    """

    results: int
    numpy = "barrier({*}, results={results})"

    def infer(self, *types: TensorType) -> TensorType | tuple[TensorType, ...]:
        """The types of the values."""
        return types[: self.results] if self.results > 1 else types[0]

    def axes(self, *types: TensorType) -> str:
        """Each result is its input."""
        return f"{', '.join(['...'] * len(types))} -> {', '.join(['...'] * self.results)}"

    def evaluate(self, *arrays: Array) -> Any:
        """The values."""
        return arrays[: self.results] if self.results > 1 else arrays[0]
