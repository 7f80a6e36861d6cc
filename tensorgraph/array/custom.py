"""`custom_op`: a NumPy function as an operation of the graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.ir.node import Node, Result
from tensorgraph.ops.custom import Custom

__all__ = ["custom_op"]


def custom_op(
    fn: Callable[..., Any], *, infer: Callable[..., Any] | None = None, vjp: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Make a NumPy function an operation: recorded, differentiated, compiled and tested like our own.

    Parameters
    ----------
    fn
        Takes arrays and gives an array, or a tuple of arrays. It must not change its arguments. To be saved
        in a module of its own it may use only ``np`` and builtins.
    infer
        Takes one `TensorType` per argument and gives that of the result, or a tuple of them; unless given,
        the result is like the first argument.
    vjp
        ``vjp(cotangent, result, *inputs)``, in tensors: a tuple with one cotangent per input, None for no
        derivative. Without it, differentiating is a `GradientError`.

    Returns
    -------
    function
        Takes tensors and gives a tensor, or a tuple of tensors.

    Examples
    --------
    >>> import numpy as np
    >>> import tensorgraph as tg
    >>> def cube(x):
    ...     return x * x * x
    >>> f = custom_op(cube, vjp=lambda g, y, x: (3 * x * x * g,))
    >>> f(2.0), tg.grad(f)(2.0)
    (Tensor(8., float64), Tensor(12., float64))
    """

    @wraps(fn)
    def operation(*operands: TensorLike) -> Any:
        node = Node(Custom(fn, infer, vjp), *[asarray(o).node for o in operands])
        if len(node.types) == 1:
            return Tensor(node)
        return tuple(Tensor(Result(node, i)) for i in range(len(node.types)))

    return operation
