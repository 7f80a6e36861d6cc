"""Activation functions over an axis, as modules: `functional` says what each computes."""

from __future__ import annotations

from tensorgraph.array.tensor import Tensor, TensorLike
from tensorgraph.nn import functional as f
from tensorgraph.nn.module import Module

__all__ = ["GLU", "LogSoftmax", "Softmax", "Softmin"]


class Softmax(Module):
    """exp(x) / sum(exp(x)) along an axis.

    Examples
    --------
    >>> Softmax()([0.0, 0.0])
    Tensor([0.5, 0.5], float64)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.softmax`."""
        return f.softmax(x, self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis!r}"


class LogSoftmax(Module):
    """The logarithm of softmax along an axis.

    Examples
    --------
    >>> LogSoftmax()([0.0, 0.0])
    Tensor([-0.69314718, -0.69314718], float64)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.log_softmax`."""
        return f.log_softmax(x, self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis!r}"


class Softmin(Module):
    """Softmax of -x along an axis.

    Examples
    --------
    >>> Softmin()([0.0, 0.0])
    Tensor([0.5, 0.5], float64)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.softmin`."""
        return f.softmin(x, self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis!r}"


class GLU(Module):
    """The first half along an axis times the sigmoid of the second.

    Examples
    --------
    >>> GLU()([4.0, 0.0])
    Tensor([2.], float64)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.glu`."""
        return f.glu(x, self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis!r}"
