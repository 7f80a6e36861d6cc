"""Attention."""

from __future__ import annotations

import math

from tensorgraph.array.functions import arange, expand_dims, matmul, matrix_transpose, softmax, where
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import DTypeError, InputError, ShapeError
from tensorgraph.ir.dims import dim_key
from tensorgraph.ir.provenance import located

__all__ = ["attention_weights", "scaled_dot_product_attention"]


def attention_weights(
    query: TensorLike, key: TensorLike, attn_mask: TensorLike | None = None, is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:  # fmt: skip
    """How much each query attends to each key: softmax of scaled products.

    Parameters
    ----------
    query
        ``[…, queries, features]``.
    key
        ``[…, keys, features]``.
    attn_mask
        Broadcasts with ``[…, queries, keys]``: bool, True where a key may be attended to; or floats to add.
    is_causal
        Whether a query attends only to keys up to its own place.
    scale
        Factor of the products; 1 / sqrt(features) by default.

    Returns
    -------
    Tensor
        ``[…, queries, keys]``, rows of which sum to 1.

    Raises
    ------
    ShapeError
        If the features differ.
    InputError
        If there are both a mask and `is_causal`.

    Examples
    --------
    >>> attention_weights([[1.0], [1.0]], [[0.0], [0.0]], is_causal=True)
    Tensor([[1. , 0. ],
            [0.5, 0.5]], float64)
    """
    q, k = asarray(query), asarray(key)
    if q.ndim < 2 or k.ndim < 2 or dim_key(q.shape[-1]) != dim_key(k.shape[-1]):
        message = f"attention: the query is {q.node.type} and the key is {k.node.type}"
        raise located(ShapeError(f"{message}: the last axes, the features, must be equal"))
    if scale is None:
        features = q.shape[-1]
        if not isinstance(features, int):
            raise located(ShapeError(f"attention: the number of features of {q.node.type} must be known: give scale="))
        scale = 1 / math.sqrt(max(features, 1))
    scores = matmul(q * scale, matrix_transpose(k))
    if is_causal:
        if attn_mask is not None:
            raise located(InputError("attention: give attn_mask or is_causal, not both"))
        attn_mask = expand_dims(arange(q.shape[-2]), 1) >= arange(k.shape[-2])
    if attn_mask is not None:
        mask = asarray(attn_mask)
        if mask.dtype == bool:
            scores = where(mask, scores, -math.inf)
        elif mask.dtype.kind == "f":
            scores = scores + mask
        else:
            raise located(DTypeError(f"attention: the mask is {mask.node.type}: it must be bool or floating-point"))
    return softmax(scores, -1)


def scaled_dot_product_attention(
    query: TensorLike, key: TensorLike, value: TensorLike, attn_mask: TensorLike | None = None,
    is_causal: bool = False, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """Means of values, weighted by `attention_weights`.

    Parameters
    ----------
    query, key, attn_mask, is_causal, scale
        As for `attention_weights`.
    value
        ``[…, keys, values]``.

    Returns
    -------
    Tensor
        ``[…, queries, values]``.

    Raises
    ------
    ShapeError
        If the features differ.

    Examples
    --------
    >>> scaled_dot_product_attention([[1.0]], [[0.0], [0.0]], [[1.0], [3.0]])
    Tensor([[2.]], float64)
    """
    return matmul(attention_weights(query, key, attn_mask, is_causal, scale), asarray(value))
