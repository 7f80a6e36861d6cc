"""Derivatives that users write, and forward passes that are computed twice to save memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from tensorgraph.array.functions import zeros
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.autodiff.engine import pull_back
from tensorgraph.errors import GradientError
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node, Result, substitute, topological
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import Tree, flatten_tree, unflatten_tree
from tensorgraph.ops.meta import Alias, Barrier, Override

__all__ = ["checkpoint", "custom_gradient"]


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function a gradient of its own.

    Parameters
    ----------
    f
        Takes tensors and gives a pair: the result (a tensor, or tensors in any structure) and a function that
        takes one cotangent per result and gives one per argument (None for no derivative). Both are written
        in tensors, so the gradient can be differentiated again.

    Returns
    -------
    function
        Gives the result alone.

    Raises
    ------
    GradientError
        When differentiated, if the number of cotangents is not the number of arguments.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> @tg.custom_gradient
    ... def clipped(x):
    ...     return x, lambda g: tg.clip(g, -1, 1)
    >>> tg.grad(lambda x: 5 * clipped(x))(2.0)
    Tensor(1., float64)
    """

    @wraps(f)
    def wrapped(*args: Any) -> Tree:
        leaves, structure = flatten_tree(args)
        inputs = [asarray(leaf) for leaf in leaves]
        result, pull = f(*unflatten_tree(structure, inputs))

        def rule(node: Node, g: Any) -> Sequence[Tensor | None]:
            given = pull(*_filled(node, g))
            cotangents = list(given) if isinstance(given, (tuple, list)) else [given]
            if len(cotangents) != len(inputs):
                counts = f"has {len(inputs)} arguments and its rule gave {len(cotangents)} cotangents"
                raise located(GradientError(f"custom_gradient: {f.__name__} {counts}"))
            return [None if c is None else asarray(c) for c in cotangents]

        return _overridden(result, [x.node for x in inputs], rule)

    return wrapped


def _filled(node: Node, g: Any) -> list[Tensor]:
    """One cotangent per result: zeros where none arrived."""
    parts = g if isinstance(g, list) else [g]
    return [zeros(t.shape, dtype=t.dtype) if p is None else p for p, t in zip(parts, node.types, strict=True)]


def _overridden(result: Tree, inputs: Sequence[Node], rule: Callable[..., Any]) -> Tree:
    """The result, with its derivative with respect to `inputs` given by a rule."""
    leaves, structure = flatten_tree(result)
    values = [asarray(leaf).node for leaf in leaves]
    node = Node(Override(len(values), rule), *values, *inputs)
    if len(values) == 1:
        return unflatten_tree(structure, [Tensor(node)])
    return unflatten_tree(structure, [Tensor(Result(node, i)) for i in range(len(values))])


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Compute a function again in the backward pass instead of keeping what it computed.

    Parameters
    ----------
    f
        Function of tensors, in any structure; it may read other tensors and parameters.

    Returns
    -------
    function
        The same function. Its gradient is the same, bit for bit; memory holds its arguments instead of its
        intermediate results until the backward pass arrives.

    Notes
    -----
    T. Chen and others, "Training deep nets with sublinear memory cost", 2016.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> tg.grad(tg.checkpoint(lambda x: tg.sin(tg.sin(x))))(0.0)
    Tensor(1., float64)
    """

    @wraps(f)
    def wrapped(*args: Any) -> Tree:
        leaves, structure = flatten_tree(args)
        inputs = [asarray(leaf).node for leaf in leaves]
        aliases = [Node(Alias(), x) for x in inputs]
        result = f(*unflatten_tree(structure, [Tensor(a) for a in aliases]))
        outputs = [asarray(leaf).node for leaf in flatten_tree(result)[0]]
        outside = _closed_over(outputs, aliases)
        sources = [*aliases, *outside]

        def rule(node: Node, g: Any) -> Sequence[Tensor | None]:
            arrived = [part.node for part in (g if isinstance(g, list) else [g]) if part is not None]
            barrier = Node(Barrier(len(sources)), *inputs, *outside, *arrived)
            again = [barrier] if len(sources) == 1 else [Result(barrier, i) for i in range(len(sources))]
            recomputed = substitute(outputs, dict(zip(sources, again, strict=True)))
            seeds = zip(recomputed, _filled(node, g), strict=True)
            return pull_back([(y, part) for y, part in seeds if y.type.dtype.kind in "fc"], again, independent=True)

        return _overridden(result, [*inputs, *outside], rule)

    return wrapped


def _closed_over(outputs: Sequence[Node], aliases: Sequence[Node]) -> list[Node]:
    """What the function read besides its arguments: the rim of the part that depends on them."""
    own = set(aliases)
    order = topological(outputs, stop=own)
    for node in order:
        if any(source in own for source in node.inputs):
            own.add(node)
    rim = {
        source: None
        for node in order
        if node in own
        for source in node.inputs
        if source not in own and node not in aliases
    }
    rim.update({node: None for node in outputs if node not in own})
    return [node for node in rim if not isinstance(node.op, Constant)]
