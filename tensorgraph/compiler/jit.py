"""`jit`: compile a function for the shapes it meets."""

from __future__ import annotations

import inspect
import keyword
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from threading import RLock
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import Options, compile_graph, refuse_dropped
from tensorgraph.errors import TensorGraphError
from tensorgraph.ir.dims import Dim, DimLike
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Placeholder
from tensorgraph.ir.node import SYMBOLIC, TRACED, Node
from tensorgraph.ir.tree import Tree, flatten_tree, unflatten_tree
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.schedule.machine import Machine
from tensorgraph.schedule.plan import MODULE_NAMES

__all__ = ["jit"]


def jit(
    f: Callable[..., Any],
    *,
    fast_math: bool = False,
    machine: Machine | None = None,
    check: bool = False,
    debug_nans: bool = False,
) -> Callable[..., Any]:
    """Compile a function; it is traced on the shapes it meets.

    Parameters
    ----------
    f
        Takes tensors in any structure of tuples, lists and dicts, and gives tensors in any structure. Arrays
        and floats are traced; ints, bools and strings are part of the program, which is compiled again
        for others.
    fast_math
        Also use laws that are true of real numbers only, as in `compile`.
    machine
        What costs are reckoned for, as in `compile`.
    check
        Hold every stage against the interpreter, as in `compile`.
    debug_nans
        Raise `NaNError` at the first NaN that is computed, as in `compile`.

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
    cache = _Cache(f, Options(fast_math=fast_math, machine=machine, check=check, debug_nans=debug_nans))

    @wraps(f)
    def compiled(*args: Any, **kwargs: Any) -> Tree:
        leaves, structure = flatten_tree((args, kwargs))
        if any(isinstance(x, Tensor) and x.node.flags & (SYMBOLIC | TRACED) for x in leaves):
            return f(*args, **kwargs)
        return cache.call(leaves, structure)

    compiled.kernels = cache.kernels  # type: ignore[attr-defined]
    return compiled


Shapes: TypeAlias = "tuple[tuple[int, ...], ...]"


class _Entry(NamedTuple):
    types: list[TensorType]
    kernel: Kernel


class _Closed(Exception):  # noqa: N818 (no error: it tells the caller what to do)
    """The function reads a tensor that a derivative is being taken through: it is recorded, not compiled."""


class _Cache:
    """The kernels of one function."""

    def __init__(self, f: Callable[..., Any], options: Options) -> None:
        self._f = f
        self._options = options
        self._name = _kernel_name(f)
        self.kernels: list[Kernel] = []
        self._entries: dict[object, list[_Entry]] = {}
        self._seen: dict[object, list[Shapes]] = {}
        self._per_shape = False
        self._lock = RLock()

    def call(self, leaves: Sequence[Any], structure: Tree) -> Tree:
        """Call the kernel that fits, compiling it if there is none."""
        arrays, static = _sorted_out(leaves)
        key = (repr(structure), static, tuple((a.dtype, a.ndim) for a in arrays))
        kernel = self._known(key, arrays)
        if kernel is None:
            with self._lock:
                kernel = self._known(key, arrays)
                try:
                    kernel = kernel or self._added(key, leaves, structure, arrays)
                except _Closed:
                    args, kwargs = unflatten_tree(structure, leaves)
                    return self._f(*args, **kwargs)
        return _wrapped(kernel(*arrays))

    def _known(self, key: object, arrays: Sequence[Array]) -> Kernel | None:
        entries = self._entries.get(key, ())
        return next((entry.kernel for entry in reversed(entries) if _fits(entry.types, arrays)), None)

    def _added(self, key: object, leaves: Sequence[Any], structure: Tree, arrays: Sequence[Array]) -> Kernel:
        shapes = tuple(a.shape for a in arrays)
        seen = [*self._seen.get(key, ()), shapes]
        types = [TensorType(a.dtype, a.shape) for a in arrays]
        kernel = None
        if len(seen) > 1 and not self._per_shape:
            general = _generalized(arrays, seen)
            try:
                kernel, types = self._compile(leaves, structure, general), general
            except (TensorGraphError, TypeError) as error:
                kernel = self._compile(leaves, structure, types)  # if this fails too, the size is not to blame
                self._per_shape = True
                message = f"jit: {self._name} is compiled for every shape, as it needs the value of a size: {error}"
                warnings.warn(message, stacklevel=4)
        kernel = kernel or self._compile(leaves, structure, types)
        self._seen[key] = seen
        self._entries.setdefault(key, []).append(_Entry(types, kernel))
        self.kernels.append(kernel)
        return kernel

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
        nodes = [asarray(y).node for y in outputs]
        if any(node.flags & TRACED for node in nodes):
            raise _Closed
        graph = Graph(inputs, nodes)
        refuse_dropped(graph)
        return compile_graph(graph, self._name, shape, self._options)


def _kernel_name(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", "kernel")
    return name if name.isidentifier() and not keyword.iskeyword(name) and name not in MODULE_NAMES else "kernel"


def _is_static(leaf: Any) -> bool:
    """Whether a leaf is part of the program: an int, a bool, a string or a function."""
    if isinstance(leaf, (np.generic, Tensor)):
        return False
    return isinstance(leaf, (int, str)) or callable(leaf)


def _sorted_out(leaves: Sequence[Any]) -> tuple[list[Array], tuple[Any, ...]]:
    """Arrays, and what is part of the program. A Python float takes the widest floating dtype around it."""
    static = tuple((i, type(leaf), leaf) for i, leaf in enumerate(leaves) if _is_static(leaf))
    dynamic = [leaf for leaf in leaves if not _is_static(leaf)]
    arrays = [None if type(x) is float else np.asarray(x) for x in dynamic]
    floating = [a.dtype for a in arrays if a is not None and a.dtype.kind in "fc"] or [np.dtype(np.float64)]
    wide = np.result_type(*floating)
    return [np.asarray(x, wide) if a is None else a for a, x in zip(arrays, dynamic, strict=True)], static


def _fits(types: Sequence[TensorType], arrays: Sequence[Array]) -> bool:
    sizes: dict[str, int] = {}
    for kind, array in zip(types, arrays, strict=True):
        for size, actual in zip(kind.shape, array.shape, strict=True):
            if sizes.setdefault(str(size), actual) != actual or (isinstance(size, int) and size != actual):
                return False
    return True


def _generalized(arrays: Sequence[Array], seen: Sequence[Shapes]) -> list[TensorType]:
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
    """A name for each leaf, from the parameters of the function."""
    args, kwargs = structure
    try:
        parts = inspect.signature(f).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # it says no signature
        parts = {**{f"x{i}": part for i, part in enumerate(args)}, **kwargs}
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

    for name, part in parts.items():
        walk(part, name)
    seen: set[str] = set()
    for i, name in enumerate(names):
        names[i] = name if name not in seen else f"{name}_{i}"
        seen.add(names[i])
    return names


def _wrapped(tree: Tree) -> Tree:
    leaves, structure = flatten_tree(tree)
    return unflatten_tree(structure, [asarray(leaf, copy=False) for leaf in leaves])
