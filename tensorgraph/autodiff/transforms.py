"""Derivatives of functions over nested tuples, lists and dicts of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.array.functions import ones, reshape, stack, sum, zeros
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.autodiff.engine import pull_back
from tensorgraph.errors import GradientError
from tensorgraph.ir.dims import same_shape
from tensorgraph.ir.node import Node, substitute
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import Tree, flatten_tree, map_tree, unflatten_tree
from tensorgraph.ops.meta import Alias

__all__ = ["grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function: TypeAlias = Callable[..., Any]
Argnums: TypeAlias = "int | Sequence[int]"


def gradients(y: Tensor, xs: Tree, *, seed: TensorLike | None = None, disconnected: str = "raise") -> Tree:
    """The derivative of a tensor with respect to tensors it was computed from, as more graph.

    Parameters
    ----------
    y
        What to differentiate: a scalar, unless a seed is given.
    xs
        A tensor, or nested tuples, lists and dicts of tensors: placeholders, parameters, or results on the way.
    seed
        The cotangent of `y`, of its shape; the result is then the vector-Jacobian product.
    disconnected
        What to do where `y` does not depend on an x: ``"raise"``, or ``"zero"`` for zeros.

    Returns
    -------
    derivatives
        Of the structure of `xs`, each of the shape and dtype of its x.

    Raises
    ------
    GradientError
        If `y` is no scalar and has no seed, an x is an integer, or is not connected.

    Notes
    -----
    Complex derivatives follow PyTorch: for a real loss L and z = a + ib, the result is dL/da + i dL/db.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder((2,), "float64", name="x")
    >>> print(tg.Graph([x.node], [gradients(tg.sum(tg.exp(x)), x).node]))
    def graph(x):
        x = placeholder('x')  # float64[2]
        d_sum = np.expand_dims(np.float64(1.0), (0,))  # float64[1]
        d_sum_2 = np.broadcast_to(d_sum, (2,))  # float64[2]
        exp = np.exp(x)  # float64[2]
        d_exp = np.multiply(d_sum_2, exp)  # float64[2]
        return d_exp
    """
    if disconnected not in {"raise", "zero"}:
        raise located(GradientError(f"gradients: disconnected is {disconnected!r}: say 'raise' or 'zero'"))
    leaves, structure = flatten_tree(xs)
    for i, leaf in enumerate(leaves):
        if not isinstance(leaf, Tensor):
            raise located(GradientError(f"gradients: x {i} is a {type(leaf).__name__}, not a Tensor"))
        _check_floating("gradients", f"x {i}", leaf)
    found = pull_back([(y.node, _seed("gradients", y, seed))], [x.node for x in leaves])
    for i, (x, derivative) in enumerate(zip(leaves, found, strict=True)):
        if derivative is None and disconnected == "raise":
            message = f"gradients: y does not depend on x {i} ({x!r}): pass disconnected='zero' for zeros"
            raise located(GradientError(message))
    return unflatten_tree(structure, [_or_zeros(d, x) for d, x in zip(found, leaves, strict=True)])


def _seed(name: str, y: Tensor, seed: TensorLike | None) -> Tensor:
    _check_floating(name, "y", y)
    if seed is not None:
        given = asarray(seed)
        if not same_shape(given.shape, y.shape):
            raise located(
                GradientError(
                    f"{name}: the cotangent is {given.node.type} and y is {y.node.type}: the shapes must be equal"
                )
            )
        return given
    if y.ndim:
        message = f"{name}: y is {y.node.type}, no scalar: reduce it, give seed=, or use jacobian"
        raise located(GradientError(message))
    return ones((), dtype=y.dtype)


def _check_floating(name: str, what: str, x: Tensor) -> None:
    if x.dtype.kind not in "fc":
        raise located(
            GradientError(f"{name}: {what} is {x.node.type}: derivatives need floating-point numbers; cast it")
        )


def _or_zeros(derivative: Tensor | None, x: Tensor) -> Tensor:
    return zeros(x.shape, dtype=x.dtype) if derivative is None else derivative


# ---- functions


class _Traced:
    """A call in which some arguments were replaced by tensors of their own identity."""

    def __init__(self, name: str, f: Function, args: Sequence[Any], kwargs: dict[str, Any], argnums: Argnums) -> None:
        chosen = [argnums] if isinstance(argnums, int) else list(argnums)
        for i in chosen:
            if not -len(args) <= i < len(args):
                raise located(GradientError(f"{name}: there is no argument {i}: {len(args)} were given"))
        chosen = [i % len(args) for i in chosen]
        self.single = isinstance(argnums, int)
        self.given, self.structure = flatten_tree(tuple(args[i] for i in chosen))
        self.given = [asarray(leaf) for leaf in self.given]
        for leaf in self.given:
            _check_floating(name, "an argument", leaf)
        self.aliases = [Tensor(Node(Alias(), leaf.node)) for leaf in self.given]
        parts = unflatten_tree(self.structure, self.aliases)
        places = dict(zip(chosen, parts, strict=True))
        self.result = f(*[places.get(i, arg) for i, arg in enumerate(args)], **kwargs)

    def pull(self, seeds: Sequence[tuple[Node, Tensor]]) -> list[Tensor]:
        """Cotangents of the arguments, zeros where nothing connects them."""
        found = pull_back(seeds, [a.node for a in self.aliases], independent=True)
        return [_or_zeros(d, x) for d, x in zip(found, self.aliases, strict=True)]

    def released(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Results in terms of the arguments themselves, whose history may be dropped again."""
        replaced = {a.node: x.node for a, x in zip(self.aliases, self.given, strict=True)}
        return [Tensor(node) for node in substitute([t.node for t in tensors], replaced)]

    def shaped(self, leaves: Sequence[Tensor]) -> Tree:
        """Leaves in the structure of the arguments chosen."""
        parts = unflatten_tree(self.structure, leaves)
        return parts[0] if self.single else parts


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that gives the value of `f` and its gradient.

    Parameters
    ----------
    f
        Function that returns a scalar tensor. It may use Python control flow on the values of concrete
        arguments.
    argnums
        Which arguments to differentiate: a number, or several. Each may be nested tuples, lists and dicts.
    has_aux
        `f` returns a pair: the scalar, and something else that is passed on.

    Returns
    -------
    function
        Takes the arguments of `f` and gives ``(value, gradient)``, or ``((value, aux), gradient)``; the
        gradient has the structure of the argument, or is a tuple if `argnums` is one. Where the value does
        not depend on an argument it is zero.

    Raises
    ------
    GradientError
        If the value is no scalar, or an argument is an integer.

    Examples
    --------
    >>> value_and_grad(lambda x: x**2)(3.0)
    (Tensor(9., float64), Tensor(6., float64))
    """
    return _differentiated("value_and_grad", f, argnums, has_aux)


def _differentiated(name: str, f: Function, argnums: Argnums, has_aux: bool) -> Function:
    @wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        traced = _Traced(name, f, args, kwargs, argnums)
        result, aux = traced.result if has_aux else (traced.result, None)
        y = asarray(result)
        seed = _seed(name, y, None)
        aux_leaves, aux_structure = flatten_tree(aux)
        tensors = [leaf for leaf in aux_leaves if isinstance(leaf, Tensor)]
        value, *rest = traced.released([y, *tensors, *traced.pull([(y.node, seed)])])
        free = iter(rest[: len(tensors)])
        aux = unflatten_tree(aux_structure, [next(free) if isinstance(leaf, Tensor) else leaf for leaf in aux_leaves])
        return ((value, aux) if has_aux else value), traced.shaped(rest[len(tensors) :])

    return differentiated


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that gives the gradient of `f`. See `value_and_grad`.

    With `has_aux` it gives ``(gradient, aux)``.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> grad(lambda x: tg.sum(tg.sin(x)))(tg.asarray([0.0, 0.0]))
    Tensor([1., 1.], float64)
    >>> grad(grad(lambda x: x**3))(2.0)
    Tensor(12., float64)
    """
    inner = _differentiated("grad", f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, derivative = inner(*args, **kwargs)
        return (derivative, value[1]) if has_aux else derivative

    return gradient


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of `f` and the function that pulls cotangents back.

    Parameters
    ----------
    f
        Function of the primals, which gives tensors in any structure.
    *primals
        Where to differentiate.
    has_aux
        `f` returns a pair, the second of which is passed on.

    Returns
    -------
    value, pull
        ``pull(cotangent)`` takes the structure of the value and gives a tuple with one cotangent per primal;
        with `has_aux`, the auxiliary result comes third.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> y, pull = vjp(tg.sin, 0.0)
    >>> pull(2.0)
    (Tensor(2., float64),)
    """
    traced = _Traced("vjp", f, primals, {}, range(len(primals)))
    result, aux = traced.result if has_aux else (traced.result, None)
    leaves, structure = flatten_tree(result)
    outputs = [asarray(leaf) for leaf in leaves]

    def pull(cotangent: Tree) -> Tree:
        given, _ = flatten_tree(cotangent)
        if len(given) != len(outputs):
            raise located(GradientError(f"vjp: {len(given)} cotangents for {len(outputs)} results"))
        seeds = [(y.node, _seed("vjp", y, g)) for y, g in zip(outputs, given, strict=True)]
        return traced.shaped(traced.released(traced.pull(seeds)))

    value = unflatten_tree(structure, traced.released(outputs))
    return (value, pull, aux) if has_aux else (value, pull)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Tree, Tree]:
    """The value of `f` and its directional derivative.

    Parameters
    ----------
    f
        Function of the primals, which gives tensors in any structure.
    primals
        Where to differentiate.
    tangents
        The direction, of the same structure.

    Returns
    -------
    value, tangent
        Both of the structure of the result of `f`.

    Notes
    -----
    A vector-Jacobian product is linear in its cotangent; pulling the tangents back through it gives the
    Jacobian-vector product (J. Townsend, "A new trick for calculating Jacobian vector products", 2017). One
    table of rules thus serves both directions; what the trick computes in between is dropped as unused.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> jvp(tg.sin, (0.0,), (2.0,))
    (Tensor(0., float64), Tensor(2., float64))
    """
    traced = _Traced("jvp", f, primals, {}, range(len(primals)))
    directions = [asarray(leaf) for leaf in flatten_tree(tuple(tangents))[0]]
    if len(directions) != len(traced.given):
        raise located(GradientError(f"jvp: {len(directions)} tangents for {len(traced.given)} primals"))
    leaves, structure = flatten_tree(traced.result)
    outputs = [asarray(leaf) for leaf in leaves]
    duals = [Tensor(Node(Alias(), zeros(y.shape, dtype=y.dtype).node)) for y in outputs]
    floating = [(y, u) for y, u in zip(outputs, duals, strict=True) if y.dtype.kind in "fc"]
    pulled = traced.pull([(y.node, u) for y, u in floating])
    seeds = [(p.node, _seed("jvp", p, t)) for p, t in zip(pulled, directions, strict=True)]
    found = pull_back(seeds, [u.node for u in duals], independent=True)
    pushed = [_or_zeros(d, y) for d, y in zip(found, outputs, strict=True)]
    released = traced.released([*outputs, *pushed])
    return unflatten_tree(structure, released[: len(outputs)]), unflatten_tree(structure, released[len(outputs) :])


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """A function that gives the Jacobian of `f`.

    Parameters
    ----------
    f
        Function that gives a tensor, or tensors in any structure.
    argnums
        Which arguments to differentiate.

    Returns
    -------
    function
        For each result of shape ``s`` and each argument of shape ``t``, a tensor of shape ``s + t``, nested as
        the result and within it as the argument.

    Raises
    ------
    GradientError
        If a size is symbolic: there is one pull-back per element of the result.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> jacobian(lambda x: x * x)(tg.asarray([1.0, 2.0]))
    Tensor([[2., 0.],
            [0., 4.]], float64)
    """

    @wraps(f)
    def full(*args: Any, **kwargs: Any) -> Tree:
        traced = _Traced("jacobian", f, args, kwargs, argnums)
        leaves, structure = flatten_tree(traced.result)
        blocks = [traced.shaped(_block(traced, asarray(leaf))) for leaf in leaves]
        return unflatten_tree(structure, blocks)

    return full


def _block(traced: _Traced, y: Tensor) -> list[Tensor]:
    """The derivatives of one result with respect to every argument."""
    if not isinstance(y.size, int):
        raise located(GradientError(f"jacobian: {y.node.type} has a symbolic size: give the result known sizes"))
    _check_floating("jacobian", "the result", y)
    rows = []
    for i in range(y.size):
        unit = np.zeros(y.size, y.dtype)
        unit[i] = 1
        rows.append(traced.pull([(y.node, asarray(unit.reshape(y.shape)))]))
    if not rows:
        return [zeros((*y.shape, *x.shape), dtype=x.dtype) for x in traced.given]
    columns = [stack(list(parts)) for parts in zip(*rows, strict=True)]
    shaped = [reshape(c, (*y.shape, *x.shape)) for c, x in zip(columns, traced.given, strict=True)]
    return traced.released(shaped)


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """A function that gives the matrix of second derivatives of a scalar function.

    Returns
    -------
    function
        For an argument of shape ``s``, a tensor of shape ``s + s``; nested for nested arguments, as `jacobian`.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> hessian(lambda x: tg.sum(x**3))(tg.asarray([1.0, 2.0]))
    Tensor([[ 6.,  0.],
            [ 0., 12.]], float64)
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, primals: Tree, tangents: Tree) -> Tree:
    """The product of the Hessian of a scalar function with a vector, without the matrix.

    Parameters
    ----------
    f
        Function of one argument, which may be nested, that gives a scalar.
    primals
        The argument.
    tangents
        The vector, of the same structure.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> hvp(lambda x: tg.sum(x**3), tg.asarray([1.0, 2.0]), tg.asarray([1.0, 1.0]))
    Tensor([ 6., 12.], float64)
    """
    primals, tangents = map_tree(asarray, primals), map_tree(asarray, tangents)

    def slope(x: Tree) -> Tensor:
        pairs = zip(flatten_tree(grad(f)(x))[0], flatten_tree(tangents)[0], strict=True)
        total, *rest = [sum(g * t) for g, t in pairs]
        for term in rest:
            total = total + term
        return total

    return grad(slope)(primals)
