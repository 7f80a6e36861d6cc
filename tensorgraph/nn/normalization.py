"""Layers that normalize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from tensorgraph.array.creation import dim_scalar
from tensorgraph.array.functions import astype, reshape
from tensorgraph.array.leaves import Parameter
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import InputError, ShapeError
from tensorgraph.ir.dims import DimLike, dim_key
from tensorgraph.ir.provenance import located
from tensorgraph.nn import functional as f
from tensorgraph.nn.linear import positive
from tensorgraph.nn.module import Module

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "LayerNorm", "LocalResponseNorm"]


class _BatchNorm(Module):
    """Base: `BatchNorm1d` says all."""

    ranks: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self, num_features: int | None, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, *, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        if momentum is not None and not 0 <= momentum <= 1:
            message = f"{type(self).__name__}: momentum is {momentum}: it must be from 0 to 1, or None"
            raise located(InputError(message))
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight: Parameter | None = None
        self.bias: Parameter | None = None
        self.running_mean: Parameter | None = None
        self.running_var: Parameter | None = None
        self.num_batches_tracked: Parameter | None = None
        self._dtype = np.dtype(dtype)
        if num_features is not None:
            self._make(num_features)

    def _make(self, num_features: int) -> None:
        n = self.num_features = positive(f"{type(self).__name__}: num_features", num_features)
        dtype = self._dtype
        if self.affine:
            self.weight = Parameter(np.ones(n, dtype), "weight")
            self.bias = Parameter(np.zeros(n, dtype), "bias")
        if self.track_running_stats:
            self.running_mean = Parameter(np.zeros(n, dtype), "running_mean", trainable=False)
            self.running_var = Parameter(np.ones(n, dtype), "running_var", trainable=False)
            self.num_batches_tracked = Parameter(np.array(0, np.int64), "num_batches_tracked", trainable=False)

    @property
    def waiting(self) -> bool:
        return self.num_features is None

    def prepare_for(self, path: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        for name in ("weight", "running_mean"):
            shape = shapes.get(f"{path}.{name}" if path else name, ())
            if len(shape) == 1 and self.waiting:
                self._make(shape[0])

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, …]``, normalized."""
        x = asarray(x)
        if x.ndim not in self.ranks:
            wanted = " or ".join(map(str, self.ranks))
            message = f"{type(self).__name__}: the input is {x.node.type}: it must have {wanted} axes"
            raise located(ShapeError(f"{message}, channels second"))
        if self.num_features is None:
            if not isinstance(x.shape[1], int):
                message = f"{type(self).__name__}: the channels of {x.node.type} must be known at the first call"
                raise located(ShapeError(message))
            self._make(x.shape[1])
        if dim_key(x.shape[1]) != self.num_features:
            message = f"{type(self).__name__}: the input is {x.node.type}, with {x.shape[1]} channels, and the layer"
            raise located(ShapeError(f"{message} has {self.num_features}"))
        if self.running_mean is None or self.running_var is None or self.training:
            mean, variance = f.batch_statistics(x, keepdims=True)
            if self.training:
                self._track(x, mean, variance)
        else:
            mean, variance = self.current(self.running_mean), self.current(self.running_var)
        return f.batch_norm(x, mean, variance, self.weight, self.bias, self.eps)

    def _track(self, x: Tensor, mean: Tensor, variance: Tensor) -> None:
        """Mix a batch's statistics into the running ones."""
        count: DimLike = 1
        for axis, size in enumerate(x.shape):
            count = count if axis == 1 else count * size
        if isinstance(count, int) and count < 2:
            message = f"{type(self).__name__}: {x.node.type} has one element per channel, too few for a variance"
            raise located(ShapeError(f"{message}: train on larger batches, or call eval()"))
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        elements = dim_scalar(count, variance.dtype)
        unbiased = variance * (elements / (elements - 1))
        seen = self.current(self.num_batches_tracked) + 1
        share = self.momentum if self.momentum is not None else 1 / astype(seen, self._dtype)
        for state, value in ((self.running_mean, mean), (self.running_var, unbiased)):
            old = self.current(state)
            self.record(state, astype((1 - share) * old + share * reshape(value, (-1,)), self._dtype))
        self.record(self.num_batches_tracked, seen)

    def extra_repr(self) -> str:
        return f"{self.num_features}"


class BatchNorm1d(_BatchNorm):
    """Each channel normalized over the batch and all axes after channels, then scaled and shifted.

    In training the statistics are those of the batch, and running ones are recorded for inference: a share
    `momentum` of each batch's mean and unbiased variance is mixed in. Weight starts as ones, bias as zeros,
    running mean as 0 and variance as 1, as in PyTorch.

    Parameters
    ----------
    num_features
        Number of channels; None to take it from the first call.
    eps
        Added to the variance.
    momentum
        Share of a new batch in the running statistics; None for the mean over all batches.
    affine
        Whether to scale and shift.
    track_running_stats
        Whether to keep running statistics; without them, those of the batch serve in inference too.
    dtype
        Of the parameters.

    Raises
    ------
    InputError
        If a setting is out of range.
    ShapeError
        When called, if the input has another number of axes or channels.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNorm1d(3)
    >>> layer(np.ones((8, 3), "float32")).shape
    (8, 3)
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` of ``[batch, channels, height, width]``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNorm2d(3)
    >>> layer(np.ones((8, 3, 5, 5), "float32")).shape
    (8, 3, 5, 5)
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` of ``[batch, channels, depth, height, width]``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNorm3d(3)
    >>> layer(np.ones((8, 3, 4, 5, 5), "float32")).shape
    (8, 3, 4, 5, 5)
    """

    ranks = (5,)


class LayerNorm(Module):
    """Normalized over the last axes, then scaled and shifted. Weight starts as ones, bias as zeros, as in PyTorch.

    Parameters
    ----------
    normalized_shape
        Sizes of the last axes; one number for the last alone.
    eps
        Added to the variance.
    elementwise_affine
        Whether to scale and shift.
    bias
        Whether to shift.
    dtype
        Of the parameters.

    Raises
    ------
    ShapeError
        When called, if the last axes have other sizes.

    Examples
    --------
    >>> LayerNorm(2, eps=0, dtype="float64")([[1.0, 3.0]])
    Tensor([[-1.,  1.]], float64)
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, *, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        sizes = [normalized_shape] if isinstance(normalized_shape, int) else list(normalized_shape)
        self.normalized_shape = tuple(positive("LayerNorm: a size", size) for size in sizes)
        self.eps = eps
        self.weight = Parameter(np.ones(self.normalized_shape, dtype), "weight") if elementwise_affine else None
        self.bias = Parameter(np.zeros(self.normalized_shape, dtype), "bias") if elementwise_affine and bias else None

    def forward(self, x: TensorLike) -> Tensor:
        """``[…, *normalized_shape]``, normalized."""
        return f.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}"


class GroupNorm(Module):
    """Normalized over each group of channels and the axes after them, then scaled and shifted.

    Weight starts as ones, bias as zeros, as in PyTorch.

    Parameters
    ----------
    num_groups
        Divides the number of channels.
    num_channels
        Size of the second axis.
    eps
        Added to the variance.
    affine
        Whether to scale and shift.
    dtype
        Of the parameters.

    Raises
    ------
    InputError
        If the channels do not divide into the groups.
    ShapeError
        When called, if the input has another number of channels.

    Examples
    --------
    >>> GroupNorm(2, 4, eps=0, dtype="float64")([[1.0, 3.0, 4.0, 8.0]])
    Tensor([[-1.,  1., -1.,  1.]], float64)
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = "float32"
    ) -> None:
        self.num_groups = positive("GroupNorm: num_groups", num_groups)
        self.num_channels = positive("GroupNorm: num_channels", num_channels)
        if num_channels % num_groups:
            raise located(InputError(f"GroupNorm: {num_channels} channels do not divide into {num_groups} groups"))
        self.eps = eps
        self.weight = Parameter(np.ones(num_channels, dtype), "weight") if affine else None
        self.bias = Parameter(np.zeros(num_channels, dtype), "bias") if affine else None

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, …]``, normalized."""
        x = asarray(x)
        if x.ndim < 2 or dim_key(x.shape[1]) != self.num_channels:
            message = f"GroupNorm: the input is {x.node.type}: it must be [batch, {self.num_channels}, …]"
            raise located(ShapeError(message))
        return f.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}"


class LocalResponseNorm(Module):
    """Divided by a power of the mean square of neighbouring channels. See `functional.local_response_norm`.

    Examples
    --------
    >>> LocalResponseNorm(2, alpha=2.0, beta=1.0)([[1.0, 1.0]])
    Tensor([[0.5       , 0.33333333]], float64)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size = positive("LocalResponseNorm: size", size)
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, …]``, normalized."""
        return f.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}"
