"""Affine maps, tables of embeddings, and layers without weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tensorgraph.array.leaves import Parameter
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import InputError, ShapeError
from tensorgraph.ir.provenance import located
from tensorgraph.nn import functional as f
from tensorgraph.nn import init
from tensorgraph.nn.module import Module, Rng

__all__ = ["Embedding", "Flatten", "Identity", "Lambda", "Linear", "positive", "uniform_fan_in"]


def positive(what: str, value: Any) -> int:
    """A count that a layer was given, if it is one."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 1:
        raise located(InputError(f"{what} is {value!r}: it must be an integer of at least 1"))
    return int(value)


def uniform_fan_in(shape: tuple[int, ...], fan_in: int, rng: np.random.Generator, dtype: Any) -> Any:
    """PyTorch's default for linear and convolutional layers: uniform within 1 / sqrt(fan_in)."""
    bound = 1 / math.sqrt(max(fan_in, 1))
    return init.uniform(shape, -bound, bound, rng=rng, dtype=dtype)


class Linear(Module):
    """An affine map of the last axis: ``x @ weight.T + bias``.

    Weight ``[outputs, inputs]`` and bias ``[outputs]`` start uniform within 1 / sqrt(inputs), as in PyTorch.

    Parameters
    ----------
    in_features
        Size of the last axis of the input; None to take it from the first call.
    out_features
        Size of the last axis of the result.
    bias
        Whether there is one.
    rng
        Seed or generator of the first values; a fresh one unless given.
    dtype
        Of the parameters.

    Raises
    ------
    InputError
        If a size is no positive integer.
    ShapeError
        When called, if the last axis of the input has another size.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Linear(3, 2, rng=0)
    >>> layer(np.ones((5, 3), "float32")).shape
    (5, 2)
    """

    def __init__(
        self, in_features: int | None, out_features: int, bias: bool = True, *, rng: Rng = None, dtype: Any = "float32"
    ) -> None:
        self.in_features = in_features
        self.out_features = positive("Linear: out_features", out_features)
        self.weight: Parameter | None = None
        self.bias: Parameter | None = None
        self._first = bias, np.random.default_rng(rng), np.dtype(dtype)
        if in_features is not None:
            self._make(in_features)

    def _make(self, in_features: int) -> None:
        bias, rng, dtype = self._first
        n = self.in_features = positive("Linear: in_features", in_features)
        self.weight = Parameter(uniform_fan_in((self.out_features, n), n, rng, dtype), "weight")
        if bias:
            self.bias = Parameter(uniform_fan_in((self.out_features,), n, rng, dtype), "bias")

    @property
    def waiting(self) -> bool:
        return self.weight is None

    def prepare_for(self, path: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        shape = shapes.get(f"{path}.weight" if path else "weight", ())
        if len(shape) == 2:
            self._make(shape[1])

    def forward(self, x: TensorLike) -> Tensor:
        """``[…, inputs]`` to ``[…, outputs]``."""
        x = asarray(x)
        if self.weight is None:
            size = x.shape[-1] if x.ndim else None
            if not isinstance(size, int):
                raise located(ShapeError(f"Linear: the last axis of {x.node.type} must be known at the first call"))
            self._make(size)
        assert self.weight is not None
        return f.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}{'' if self._first[0] else ', bias=False'}"


class Embedding(Module):
    """A table of vectors, looked up by number.

    The weight ``[num_embeddings, embedding_dim]`` starts normal with mean 0 and standard deviation 1, as in
    PyTorch.

    Parameters
    ----------
    num_embeddings
        Number of rows.
    embedding_dim
        Size of a row.
    padding_idx
        A row that starts as zeros and stays so: it has no gradient.
    rng, dtype
        As for `Linear`.

    Raises
    ------
    InputError
        If a size is no positive integer, `padding_idx` is out of range, or, when called, a known number is.

    Examples
    --------
    >>> table = Embedding(10, 4, rng=0)
    >>> table([[1, 2, 3]]).shape
    (1, 3, 4)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, rng: Rng = None,
        dtype: Any = "float32",
    ) -> None:  # fmt: skip
        self.num_embeddings = positive("Embedding: num_embeddings", num_embeddings)
        self.embedding_dim = positive("Embedding: embedding_dim", embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            message = f"Embedding: padding_idx {padding_idx} is out of range: there are {num_embeddings} rows"
            raise located(InputError(message))
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        values = init.normal((num_embeddings, embedding_dim), rng=rng, dtype=dtype)
        if self.padding_idx is not None:
            values[self.padding_idx] = 0
        self.weight = Parameter(values, "weight")

    def forward(self, x: TensorLike) -> Tensor:
        """Integers of any shape to vectors: the same shape and ``embedding_dim``."""
        return f.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Flatten(Module):
    """Axes from `start_axis` to `end_axis`, which is included, as one; by default all but the first.

    Examples
    --------
    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis = start_axis
        self.end_axis = end_axis

    def forward(self, x: TensorLike) -> Tensor:
        """The same elements."""
        return f.flatten(x, self.start_axis, self.end_axis)


class Identity(Module):
    """The input itself.

    Examples
    --------
    >>> Identity()([1.0])
    Tensor([1.], float64)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """`x`."""
        return asarray(x)


class Lambda(Module):
    """A function as a module. To be pickled it must be a named function of a module.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> Lambda(tg.square)([3.0])
    Tensor([9.], float64)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives."""
        return self.function(*args, **kwargs)

    def extra_repr(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))
