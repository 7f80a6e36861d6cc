"""Anything that computes, as a function of arrays: kernels, graphs, and functions of every library installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from tensorgraph.array.leaves import placeholder
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.errors import InputError, TensorGraphError
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Variable
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import flatten_tree
from tensorgraph.ir.types import Array

__all__ = ["Program", "as_program", "jax_in_double", "run_kernel", "traced"]

PEERS = ("torch", "jax")


@dataclass(frozen=True)
class Program:
    """A function from arrays to arrays.

    Attributes
    ----------
    name
        What messages call it.
    run
        Computes.
    graph
        What it computes, where that is known.
    exact
        Whether its results have the data types that ours have.
    """

    name: str
    run: Callable[[Sequence[Array]], list[Array]]
    graph: Graph | None = None
    exact: bool = True


def as_program(what: Any, arrays: Sequence[Array] | None = None) -> Program:
    """Read a kernel, a graph, or a function of tensors, of NumPy arrays, or of another library's.

    A function belongs to PyTorch or JAX if it was defined there or if its code names something from there.
    """
    if isinstance(what, Kernel):
        graph = what.stages[0].value
        assert isinstance(graph, Graph)
        return Program(repr(what.name), lambda given: run_kernel(what, given), graph)
    if isinstance(what, Graph):
        return Program("graph", lambda given: _interpreted(what, given), what)
    if not callable(what):
        message = f"assert_equivalent: a {type(what).__name__} computes nothing"
        raise located(InputError(f"{message}: give a kernel, a Graph or a function"))
    name = getattr(what, "__name__", type(what).__name__)
    peer = _peer(what)
    if peer is not None:
        return Program(f"{name} of {peer}", lambda given: _peer_run(what, peer, given), exact=False)
    return Program(name, lambda given: _called(what, given), traced(what, arrays), exact=False)


def run_kernel(kernel: Kernel, arrays: Sequence[Array]) -> list[Array]:
    """Outputs and next values of state; the state is put back as it was."""
    held = [v.op.storage for v, _ in kernel.graph.updates if isinstance(v.op, Variable)]
    before = [np.array(s.value) for s in held]
    try:
        outputs = flatten_tree(kernel(*arrays))[0]
        return [*map(np.asarray, outputs), *(np.array(s.value) for s in held)]
    finally:
        for storage, value in zip(held, before, strict=True):
            storage.value = value


def _interpreted(graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    outputs, values = evaluate_graph(graph, arrays)
    return [*outputs, *values]


def traced(function: Callable[..., Any], arrays: Sequence[Array] | None) -> Graph | None:
    """The graph of a function for arrays of these types; None where it gives no tensors or reads values."""
    if arrays is None:
        return None
    inputs = [placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)]
    try:
        outputs = flatten_tree(function(*inputs))[0]
        if not outputs or not all(isinstance(y, Tensor) for y in outputs):
            return None
        return Graph([x.node for x in inputs], [y.node for y in outputs])
    except Exception:
        return None


def _called(function: Callable[..., Any], arrays: Sequence[Array]) -> list[Array]:
    try:
        result = function(*[asarray(a) for a in arrays])
    except TensorGraphError:
        result = function(*arrays)  # a NumPy function that cannot be recorded
    return [np.asarray(y) for y in flatten_tree(result)[0]]


# ---- other libraries


def _peer(function: Any) -> str | None:
    """The library a function belongs to, if it is loaded and named in the function."""
    for name in PEERS:
        if name in sys.modules and any(_root(owner) == name for owner in _owners(function)):
            return name
    return None


def _owners(function: Any) -> list[Any]:
    """A function, its type, what it wraps, and what its code names; the same of the functions among these."""
    found: list[Any] = []
    waiting = [function]
    while waiting:
        one = waiting.pop()
        if any(one is known for known in found):
            continue
        found += [one, *type(one).__mro__]
        named = [getattr(one, "__wrapped__", None), getattr(one, "func", None), *_names(one)]
        waiting += [x for x in named if callable(x) and _root(x) not in {"", "builtins", "numpy", "tensorgraph"}]
        found += [x for x in named if isinstance(x, ModuleType)]
    return found


def _names(function: Any) -> list[Any]:
    """What a Python function reads from around it."""
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    scope = getattr(function, "__globals__", {})
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or () if _filled(cell)]
    return [*(scope[name] for name in _code_names(code) if name in scope), *cells]


def _code_names(code: CodeType) -> list[str]:
    inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _code_names(part)]
    return [*code.co_names, *inner]


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _root(owner: Any) -> str:
    name = getattr(owner, "__module__", None) or getattr(owner, "__name__", "")
    root = name.partition(".")[0] if isinstance(name, str) else ""
    return "jax" if root == "jaxlib" else root


def _peer_run(function: Callable[..., Any], peer: str, arrays: Sequence[Array]) -> list[Array]:
    if peer == "torch":
        torch = import_module("torch")
        given = [torch.from_numpy(np.array(a, order="C")) for a in arrays]
        results = flatten_tree(function(*given))[0]
        return [y.detach().resolve_conj().numpy() if hasattr(y, "detach") else np.asarray(y) for y in results]
    numpy = import_module("jax.numpy")
    with jax_in_double():
        return [np.asarray(y) for y in flatten_tree(function(*[numpy.asarray(a) for a in arrays]))[0]]


def jax_in_double() -> Any:
    """A context in which JAX keeps double precision; older versions have it in ``jax.experimental``."""
    jax = import_module("jax")
    home = jax if hasattr(jax, "enable_x64") else import_module("jax.experimental")
    return home.enable_x64(True)
