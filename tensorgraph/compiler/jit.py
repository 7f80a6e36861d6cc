"""`jit`: compile a function for the shapes it meets."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import compile_graph
from tensorgraph.errors import DimError, ShapeError, SymbolicError
from tensorgraph.ir.dims import Dim, DimLike
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Placeholder
from tensorgraph.ir.node import SYMBOLIC, TRACED, Node
from tensorgraph.ir.tree import Tree, flatten_tree, unflatten_tree
from tensorgraph.ir.types import Array, TensorType

__all__ = ["jit"]


def jit(f: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function; it is traced on the shapes it meets.

    Parameters
    ----------
    f
        Takes tensors in any structure of tuples, lists and dicts, and gives tensors in any structure. Arrays
        and floats are traced; ints, bools and strings are part of the program, which is compiled again
        for others.

    Returns
    -------
    function
        Gives concrete tensors. Called with symbolic tensors, or inside a derivative, it records `f` instead.
        Its ``kernels`` are those compiled so far.

    Notes
    -----
    The first call compiles for its own shapes. A call that differs in an axis compiles once more with that
    axis symbolic, and from then on no size along it compiles again. A function that needs the value of a
    size is compiled per shape, with one warning.

    Examples
    --------
    >>> import numpy as np
    >>> import tensorgraph as tg
    >>> f = tg.jit(lambda x: tg.sum(x * x))
    >>> f(np.array([1.0, 2.0])), f(np.array([1.0, 2.0, 3.0])), f(np.arange(9.0))
    (Tensor(5., float64), Tensor(14., float64), Tensor(204., float64))
    >>> len(f.kernels)
    2
    """
    cache = _Cache(f)

    @wraps(f)
    def compiled(*args: Any, **kwargs: Any) -> Tree:
        leaves, structure = flatten_tree((args, kwargs))
        if any(isinstance(x, Tensor) and x.node.flags & (SYMBOLIC | TRACED) for x in leaves):
            return f(*args, **kwargs)
        result = cache.find(leaves, structure)
        return result

    compiled.kernels = cache.kernels  # type: ignore[attr-defined]
    return compiled


class _Entry(NamedTuple):
    types: list[TensorType]
    kernel: Kernel


class _Cache:
    """The kernels of one function."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self._f = f
        self.kernels: list[Kernel] = []
        self._entries: dict[object, list[_Entry]] = {}
        self._seen: dict[object, list[list[tuple[int, ...]]]] = {}
        self._per_shape = False

    def find(self, leaves: Sequence[Any], structure: Tree) -> Tree:
        """Call the kernel that fits, compiling it if there is none."""
        arrays, static = _sorted_out(leaves)
        key = (repr(structure), static, tuple((a.dtype, a.ndim) for a in arrays))
        for entry in reversed(self._entries.get(key, [])):
            if _fits(entry.types, arrays):
                return _wrapped(entry.kernel(*arrays))
        seen = self._seen.setdefault(key, [])
        seen.append([a.shape for a in arrays])
        types = [TensorType(a.dtype, a.shape) for a in arrays]
        kernel = None
        if len(seen) > 1 and not self._per_shape:
            general = _generalized(arrays, seen)
            kernel = self._symbolic(leaves, structure, general)
            types = general if kernel is not None else types
        kernel = kernel or self._compile(leaves, structure, types)
        self._entries.setdefault(key, []).append(_Entry(types, kernel))
        self.kernels.append(kernel)
        return _wrapped(kernel(*arrays))

    def _symbolic(self, leaves: Sequence[Any], structure: Tree, types: list[TensorType]) -> Kernel | None:
        try:
            return self._compile(leaves, structure, types)
        except (DimError, SymbolicError, ShapeError, TypeError) as error:
            self._per_shape = True
            name = getattr(self._f, "__name__", "function")
            message = f"jit: {name} is compiled for every shape, as it needs the value of a size: {error}"
            warnings.warn(message, stacklevel=5)
            return None

    def _compile(self, leaves: Sequence[Any], structure: Tree, types: Sequence[TensorType]) -> Kernel:
        names = _names(self._f, structure, len(leaves))
        remaining = iter(types)
        inputs: list[Node] = []
        filled: list[Any] = []
        for leaf, name in zip(leaves, names, strict=True):
            if _is_static(leaf):
                filled.append(leaf)
            else:
                inputs.append(Node(Placeholder(name, next(remaining))))
                filled.append(Tensor(inputs[-1]))
        args, kwargs = unflatten_tree(structure, filled)
        outputs, shape = flatten_tree(self._f(*args, **kwargs))
        graph = Graph(inputs, [asarray(y).node for y in outputs])
        name = getattr(self._f, "__name__", "kernel")
        return compile_graph(graph, name if name.isidentifier() else "kernel", shape)


def _is_static(leaf: Any) -> bool:
    return isinstance(leaf, (bool, int, str)) and not isinstance(leaf, np.generic) or callable(leaf) and not isinstance(leaf, Tensor)


def _sorted_out(leaves: Sequence[Any]) -> tuple[list[Array], tuple[Any, ...]]:
    """Arrays, and what is part of the program. A Python float takes the widest floating dtype around it."""
    static = tuple((i, type(leaf), leaf) for i, leaf in enumerate(leaves) if _is_static(leaf))
    dynamic = [leaf for leaf in leaves if not _is_static(leaf)]
    floats = [np.asarray(x).dtype for x in dynamic if not isinstance(x, float) or isinstance(x, np.generic)]
    wide = np.result_type(*[d for d in floats if d.kind in "fc"] or [np.float64])
    return [np.asarray(x, wide) if type(x) is float else np.asarray(x) for x in dynamic], static


def _fits(types: Sequence[TensorType], arrays: Sequence[Array]) -> bool:
    sizes: dict[str, int] = {}
    for kind, array in zip(types, arrays, strict=True):
        for size, actual in zip(kind.shape, array.shape, strict=True):
            if sizes.setdefault(str(size), actual) != actual or (isinstance(size, int) and size != actual):
                return False
    return True


def _generalized(arrays: Sequence[Array], seen: Sequence[Sequence[tuple[int, ...]]]) -> list[TensorType]:
    """Types in which every axis that has varied is symbolic; axes that varied together share a symbol."""
    symbols: dict[tuple[int, ...], Dim] = {}
    types = []
    for i, array in enumerate(arrays):
        shape: list[DimLike] = []
        for axis in range(array.ndim):
            history = tuple(shapes[i][axis] for shapes in seen)
            if len(set(history)) == 1:
                shape.append(history[0])
            else:
                shape.append(symbols.setdefault(history, Dim.symbol(f"n{len(symbols)}")))
        types.append(TensorType(array.dtype, tuple(shape)))
    return types


def _names(f: Callable[..., Any], structure: Tree, count: int) -> list[str]:
    """Names for the leaves, from the parameters of the function."""
    args, kwargs = structure
    try:
        parameters = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        parameters = []
    names = [""] * count

    def walk(part: Tree, name: str) -> None:
        if isinstance(part, dict):
            for key, inner in part.items():
                walk(inner, f"{name}_{key}")
        elif isinstance(part, (tuple, list)):
            for i, inner in enumerate(part):
                walk(inner, f"{name}_{i}")
        elif part is not None:
            names[part] = name

    for i, part in enumerate(args):
        walk(part, parameters[i] if i < len(parameters) else f"x{i}")
    for key, part in kwargs.items():
        walk(part, key)
    return [n if names.index(n) == i else f"{n}_{i}" for i, n in enumerate(names)]


def _wrapped(tree: Tree) -> Tree:
    leaves, structure = flatten_tree(tree)
    return unflatten_tree(structure, [asarray(leaf, copy=False) for leaf in leaves])
