"""Activation functions as modules: `functional` says what each computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.array.leaves import Parameter
from tensorgraph.array.tensor import Tensor, TensorLike
from tensorgraph.nn import functional as f
from tensorgraph.nn.linear import positive
from tensorgraph.nn.module import Module

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]  # fmt: skip


class ReLU(Module):
    """max(x, 0), with derivative 0 at 0.

    Examples
    --------
    >>> ReLU()([-1.0, 2.0])
    Tensor([0., 2.], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.relu`."""
        return f.relu(x)


class ReLU6(Module):
    """min(max(x, 0), 6).

    Examples
    --------
    >>> ReLU6()([-1.0, 8.0])
    Tensor([0., 6.], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.relu6`."""
        return f.relu6(x)


class LeakyReLU(Module):
    """`x` where it is positive, else `negative_slope` times `x`.

    Examples
    --------
    >>> LeakyReLU(0.1)([-1.0, 2.0])
    Tensor([-0.1,  2. ], float64)
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.leaky_relu`."""
        return f.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope!r}"


class ELU(Module):
    """`x` where it is positive, else alpha * (exp(x) - 1).

    Examples
    --------
    >>> ELU()([-1.0, 2.0])
    Tensor([-0.63212056,  2.        ], float64)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.elu`."""
        return f.elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha!r}"


class CELU(Module):
    """`x` where it is positive, else alpha * (exp(x / alpha) - 1).

    Examples
    --------
    >>> CELU()([-1.0, 2.0])
    Tensor([-0.63212056,  2.        ], float64)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.celu`."""
        return f.celu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha!r}"


class SELU(Module):
    """ELU scaled so that layers keep mean 0 and variance 1.

    Examples
    --------
    >>> SELU()([-1.0, 1.0])
    Tensor([-1.11133074,  1.05070099], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.selu`."""
        return f.selu(x)


class GELU(Module):
    """`x` times the normal distribution function of `x`: by erf, or with ``"tanh"`` by a formula.

    Examples
    --------
    >>> GELU("tanh")([-1.0, 1.0])
    Tensor([-0.15880801,  0.84119199], float64)
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.gelu`."""
        return f.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """X * sigmoid(x), also called swish.

    Examples
    --------
    >>> SiLU()([-1.0, 1.0])
    Tensor([-0.26894142,  0.73105858], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.silu`."""
        return f.silu(x)


class Mish(Module):
    """X * tanh(softplus(x)).

    Examples
    --------
    >>> Mish()([-1.0, 1.0])
    Tensor([-0.30340146,  0.86509839], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.mish`."""
        return f.mish(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    Examples
    --------
    >>> Sigmoid()([0.0])
    Tensor([0.5], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.sigmoid`."""
        return f.sigmoid(x)


class LogSigmoid(Module):
    """log(sigmoid(x)), accurate where the sigmoid underflows.

    Examples
    --------
    >>> LogSigmoid()([-1000.0])
    Tensor([-1000.], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.log_sigmoid`."""
        return f.log_sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent.

    Examples
    --------
    >>> Tanh()([0.0])
    Tensor([0.], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.tanh`."""
        return f.tanh(x)


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta, without overflow.

    Examples
    --------
    >>> Softplus()([1000.0])
    Tensor([1000.], float64)
    """

    def __init__(self, beta: float = 1.0, threshold: float | None = None) -> None:
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.softplus`."""
        return f.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta!r}, threshold={self.threshold!r}"


class Softsign(Module):
    """X / (1 + abs(x)).

    Examples
    --------
    >>> Softsign()([-1.0, 3.0])
    Tensor([-0.5 ,  0.75], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.softsign`."""
        return f.softsign(x)


class Hardtanh(Module):
    """`x` held between two bounds.

    Examples
    --------
    >>> Hardtanh()([-3.0, 0.5])
    Tensor([-1. ,  0.5], float64)
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.hardtanh`."""
        return f.hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val!r}, max_val={self.max_val!r}"


class Hardsigmoid(Module):
    """min(max(x + 3, 0), 6) / 6.

    Examples
    --------
    >>> Hardsigmoid()([-3.0, 0.0])
    Tensor([0. , 0.5], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.hardsigmoid`."""
        return f.hardsigmoid(x)


class Hardswish(Module):
    """X * hardsigmoid(x).

    Examples
    --------
    >>> Hardswish()([0.0, 3.0])
    Tensor([0., 3.], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.hardswish`."""
        return f.hardswish(x)


class Hardshrink(Module):
    """`x` where its modulus is greater than `lambd`, else 0.

    Examples
    --------
    >>> Hardshrink()([-3.0, 0.5])
    Tensor([-3.,  0.], float64)
    """

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.hardshrink`."""
        return f.hardshrink(x, self.lambd)

    def extra_repr(self) -> str:
        return f"lambd={self.lambd!r}"


class Softshrink(Module):
    """`x` moved towards 0 by `lambd`.

    Examples
    --------
    >>> Softshrink()([-3.0, 0.5])
    Tensor([-2.5,  0. ], float64)
    """

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.softshrink`."""
        return f.softshrink(x, self.lambd)

    def extra_repr(self) -> str:
        return f"lambd={self.lambd!r}"


class Tanhshrink(Module):
    """X - tanh(x).

    Examples
    --------
    >>> Tanhshrink()([0.0])
    Tensor([0.], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.tanhshrink`."""
        return f.tanhshrink(x)


class Threshold(Module):
    """`x` where it is greater than `threshold`, else `value`.

    Examples
    --------
    >>> Threshold(1.0, -1.0)([0.0, 2.0])
    Tensor([-1.,  2.], float64)
    """

    def __init__(self, threshold: float, value: float) -> None:
        self.threshold = threshold
        self.value = value

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.threshold`."""
        return f.threshold(x, self.threshold, self.value)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold!r}, value={self.value!r}"


class PReLU(Module):
    """`LeakyReLU` whose slope is learned.

    Parameters
    ----------
    num_parameters
        1, or the number of channels.
    init
        First value of the slopes; 0.25 unless given, as in PyTorch.
    dtype
        Of the slopes.

    Raises
    ------
    ShapeError
        When called, if the input has another number of channels.

    Examples
    --------
    >>> PReLU(dtype="float64")([-1.0, 2.0])
    Tensor([-0.25,  2.  ], float64)
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = "float32") -> None:
        self.num_parameters = positive("PReLU: num_parameters", num_parameters)
        self.weight = Parameter(np.full(num_parameters, init, dtype), "weight")

    def forward(self, x: TensorLike) -> Tensor:
        """See `functional.prelu`."""
        return f.prelu(x, self.weight)

    def extra_repr(self) -> str:
        return f"{self.num_parameters}"
