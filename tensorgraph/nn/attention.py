"""Attention layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.array.functions import (
    arange,
    expand_dims,
    matmul,
    mean,
    moveaxis,
    permute_dims,
    reshape,
    split,
    squeeze,
    swapaxes,
    where,
)
from tensorgraph.array.leaves import Parameter
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import DTypeError, InputError, ShapeError
from tensorgraph.ir.dims import dim_key
from tensorgraph.ir.provenance import located
from tensorgraph.nn import functional as f
from tensorgraph.nn import init
from tensorgraph.nn.dropout import RandomModule
from tensorgraph.nn.functional.noise import check_rate
from tensorgraph.nn.linear import Linear, positive
from tensorgraph.nn.module import Rng

__all__ = ["MultiheadAttention"]


class MultiheadAttention(RandomModule):
    """Attention in several subspaces at once, with PyTorch's parameters, arguments and masks.

    ``in_proj_weight`` ``[3 * embed_dim, embed_dim]`` (query, key, value) starts Glorot-uniform, or three weights
    ``q_proj_weight``, ``k_proj_weight``, ``v_proj_weight`` do where key and value have sizes of their own;
    ``out_proj.weight`` starts uniform within 1 / sqrt(embed_dim); all biases start as zeros; as in PyTorch.

    Parameters
    ----------
    embed_dim
        Size of queries and results.
    num_heads
        Number of subspaces; divides `embed_dim`.
    dropout
        Probability with which a weight of attention is 0 in training.
    bias
        Whether the projections have biases.
    kdim, vdim
        Sizes of keys and values; `embed_dim` by default.
    batch_first
        Whether arrays are ``[batch, length, size]`` instead of ``[length, batch, size]``.
    rng
        Seed or generator of the first values and of the key; a fresh one unless given.
    dtype
        Of the parameters.

    Raises
    ------
    InputError
        If the heads do not divide `embed_dim`.
    ShapeError
        When called, if the arrays do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> layer = MultiheadAttention(8, 2, batch_first=True, rng=0)
    >>> x = np.ones((3, 5, 8), "float32")
    >>> result, weights = layer(x, x, x)
    >>> result.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, *, rng: Rng = None, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        self.embed_dim = positive("MultiheadAttention: embed_dim", embed_dim)
        self.num_heads = positive("MultiheadAttention: num_heads", num_heads)
        if embed_dim % num_heads:
            message = f"MultiheadAttention: embed_dim {embed_dim} does not divide into {num_heads} heads"
            raise located(InputError(message))
        self.dropout = check_rate("MultiheadAttention", dropout)
        self.batch_first = batch_first
        self.kdim = embed_dim if kdim is None else positive("MultiheadAttention: kdim", kdim)
        self.vdim = embed_dim if vdim is None else positive("MultiheadAttention: vdim", vdim)
        generator = np.random.default_rng(rng)

        def weight(rows: int, columns: int, name: str) -> Parameter:
            return Parameter(init.xavier_uniform((rows, columns), rng=generator, dtype=dtype), name)

        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight: Parameter | None = weight(3 * embed_dim, embed_dim, "in_proj_weight")
        else:
            self.in_proj_weight = None
            self.q_proj_weight = weight(embed_dim, embed_dim, "q_proj_weight")
            self.k_proj_weight = weight(embed_dim, self.kdim, "k_proj_weight")
            self.v_proj_weight = weight(embed_dim, self.vdim, "v_proj_weight")
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, dtype), "in_proj_bias") if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=generator, dtype=dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias.assign(np.zeros(embed_dim, dtype))
        if dropout:
            super().__init__(generator)

    def forward(
        self, query: TensorLike, key: TensorLike, value: TensorLike, key_padding_mask: TensorLike | None = None,
        need_weights: bool = True, attn_mask: TensorLike | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Attend.

        Parameters
        ----------
        query, key, value
            ``[length, batch, size]``, ``[batch, length, size]`` with ``batch_first``, or ``[length, size]``.
        key_padding_mask
            ``[batch, keys]``: True where a key is to be ignored, or floats to add.
        need_weights
            Whether to return the weights.
        attn_mask
            ``[queries, keys]`` or ``[batch * heads, queries, keys]``: True where a query must not attend to a
            key, or floats to add.
        average_attn_weights
            Whether the weights returned are means over the heads.
        is_causal
            Whether a query attends only to keys up to its own place.

        Returns
        -------
        result, weights
            The result like the query; weights ``[batch, queries, keys]``, with an axis of heads before them
            unless averaged, or None.

        Raises
        ------
        ShapeError
            If the arrays do not fit.
        """
        q, k, v = self._batched(asarray(query)), self._batched(asarray(key)), self._batched(asarray(value))
        single = asarray(query).ndim == 2
        for name, x, size in (("query", q, self.embed_dim), ("key", k, self.kdim), ("value", v, self.vdim)):
            if dim_key(x.shape[-1]) != size:
                message = f"MultiheadAttention: the {name} is {x.node.type}: its last axis must be {size}"
                raise located(ShapeError(message))
        heads = [self._heads(x) for x in self._projected(q, k, v)]
        weights = f.attention_weights(heads[0], heads[1], self._mask(heads, key_padding_mask, attn_mask, is_causal))
        if self.training and self.dropout:
            weights = f.dropout(weights, self.dropout, self.next_key())
        mixed = moveaxis(matmul(weights, heads[2]), 1, 2)
        result = self.out_proj(reshape(mixed, (*mixed.shape[:2], self.embed_dim)))
        shown = (mean(weights, 1) if average_attn_weights else weights) if need_weights else None
        if single:
            return squeeze(result, 0), None if shown is None else squeeze(shown, 0)
        return (result if self.batch_first else swapaxes(result, 0, 1)), shown

    def _batched(self, x: Tensor) -> Tensor:
        """``[batch, length, size]``."""
        if x.ndim == 2:
            return expand_dims(x, 0)
        if x.ndim != 3:
            raise located(ShapeError(f"MultiheadAttention: {x.node.type} must have 2 or 3 axes"))
        return x if self.batch_first else swapaxes(x, 0, 1)

    def _projected(self, *inputs: Tensor) -> list[Tensor]:
        if self.in_proj_weight is None:
            weights: list[Tensor] = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        else:
            weights = split(self.in_proj_weight, 3)
        biases = [None] * 3 if self.in_proj_bias is None else split(self.in_proj_bias, 3)
        return [f.linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def _heads(self, x: Tensor) -> Tensor:
        """``[batch, heads, length, size]``."""
        parts = reshape(x, (*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads))
        return permute_dims(parts, (0, 2, 1, 3))

    def _mask(
        self, heads: list[Tensor], padding: TensorLike | None, given: TensorLike | None, is_causal: bool
    ) -> Tensor | None:
        """What to add to the products, ``-inf`` where nothing may flow; None for nothing."""
        q, k = heads[0], heads[1]
        total: Tensor | None = None
        if given is not None:
            mask = asarray(given)
            if mask.ndim == 3:
                mask = reshape(mask, (q.shape[0], self.num_heads, *mask.shape[1:]))
            total = _added("attn_mask", mask, q.dtype)
        if is_causal and given is None:
            total = _added("is_causal", expand_dims(arange(q.shape[2]), 1) < arange(k.shape[2]), q.dtype)
        if padding is not None:
            mask = asarray(padding)
            mask = expand_dims(mask, 0) if mask.ndim == 1 else mask
            ignored = _added("key_padding_mask", expand_dims(mask, (1, 2)), q.dtype)
            total = ignored if total is None else total + ignored
        return total

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}"


def _added(name: str, mask: Tensor, dtype: np.dtype[Any]) -> Tensor:
    if mask.dtype == bool:
        return where(mask, asarray(-np.inf, dtype), asarray(0, dtype))
    if mask.dtype.kind != "f":
        message = f"MultiheadAttention: {name} is {mask.node.type}: it must be bool or floating-point"
        raise located(DTypeError(message))
    return mask
