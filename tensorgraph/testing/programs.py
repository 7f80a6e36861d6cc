"""Anything that computes, as a function of arrays: kernels, graphs, and functions of every library installed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.array.leaves import placeholder
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.codegen.inputs import Inputs
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.compiler.compile import Options, compile_graph
from tensorgraph.errors import InputError, TensorGraphError, UnsupportedError
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Placeholder, Variable
from tensorgraph.ir.tree import flatten_tree
from tensorgraph.ir.types import Array
from tensorgraph.testing.peers import call_peer, jax_in_double, named_libraries, peer_of

__all__ = ["Program", "as_program", "computed", "copied", "jax_in_double", "recorded", "run_kernel"]

COMPILING = ("fast_math", "machine", "debug_nans")  # the options that a program is compiled with, of all


def copied(array: Array) -> Array:
    """A copy that lies in memory as the array does: the same steps, byte order and flags.

    Examples
    --------
    >>> copied(np.arange(6)[::-2]).strides
    (-16,)
    """
    if array.dtype.hasobject or not array.size:
        return np.array(array, order="K")
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = np.empty(high - low, np.uint8)
    start = array.__array_interface__["data"][0] - low
    copy: Array = np.ndarray(array.shape, array.dtype, memory, start, array.strides)
    copy[...] = array
    copy.flags.writeable = array.flags.writeable
    return copy


def _native(array: Array) -> Array:
    """A copy in row-major order and the machine's own byte order, as other libraries take them."""
    return np.array(array, array.dtype.newbyteorder("="), order="C")


@dataclass(frozen=True)
class Program:
    """A function from arrays to arrays.

    Attributes
    ----------
    name
        What messages call it.
    what
        What was given.
    run
        Computes.
    record
        The graph of what it computes for arrays of these types; or why there is none.
    takes
        A graph that has its inputs, where these are known without arrays.
    exact
        Whether its results have the data types that ours have.
    handed
        The copy of an array that it is given.
    """

    name: str
    what: Any
    run: Callable[[Sequence[Array]], list[Array]]
    record: Callable[[Sequence[Array]], Graph | str]
    takes: Graph | None = None
    exact: bool = True
    handed: Callable[[Array], Array] = copied

    @property
    def options(self) -> Mapping[str, Any] | None:
        """How its graph is compiled; None if it is interpreted."""
        kernels = [self.what] if isinstance(self.what, Kernel) else getattr(self.what, "kernels", None)
        if not isinstance(kernels, list) or not kernels or not isinstance(kernels[-1], Kernel):
            return None
        return {name: value for name, value in kernels[-1].options.items() if name in COMPILING}

    def graph(self, arrays: Sequence[Array]) -> Graph | None:
        """What it computes for arrays of these types, where that is known."""
        found = self.record(arrays)
        return found if isinstance(found, Graph) else None

    def check(self, arrays: Sequence[Array]) -> None:
        """Raise an `InputError` if it does not take so many arrays, or arrays of these types."""
        if self.takes is not None:
            _check_inputs(self.name, self.takes, arrays)
            return
        try:
            signature = inspect.signature(self.what)
        except (TypeError, ValueError):  # it says none
            return
        try:
            signature.bind(*arrays)
        except TypeError as error:
            count = f"{len(arrays)} array{'s' if len(arrays) != 1 else ''}"
            raise InputError(f"{self.name} cannot be called with {count}: {error}") from None

    @property
    def place(self) -> str:
        """The file and line where a function is defined."""
        code = getattr(inspect.unwrap(self.what) if callable(self.what) else None, "__code__", None)
        return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code is not None else ""


def _check_inputs(name: str, graph: Graph, arrays: Sequence[Array]) -> None:
    labels = [node.op.label for node in graph.inputs if isinstance(node.op, Placeholder)]
    if len(labels) != len(arrays):
        takes = f"takes {len(labels)} input{'s' if len(labels) != 1 else ''} ({', '.join(labels) or 'none'})"
        raise InputError(f"{name} {takes} and was given {len(arrays)}")
    kinds = [node.type for node in graph.inputs]
    try:
        bind_sizes((label, kind, a.shape) for label, kind, a in zip(labels, kinds, arrays, strict=True))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    for label, kind, a in zip(labels, kinds, arrays, strict=True):
        if not np.can_cast(a.dtype, kind.dtype, "safe"):
            found = f"{a.dtype.name}[{', '.join(map(str, a.shape))}]: cast it with .astype({kind.dtype.name!r})"
            raise InputError(f"{name}: input {label!r} is {kind} and was given {found}")


def as_program(what: Any) -> Program:
    """Read a kernel, a graph, or a function of tensors, of NumPy arrays, or of another library's.

    A function belongs to PyTorch or JAX if it was defined there or if its code names something from there. One that
    names NumPy and nothing of this library is called with arrays, others with tensors; with the other of the two
    where that cannot be computed.

    Raises
    ------
    InputError
        If it computes nothing.
    """
    if isinstance(what, Kernel):
        graph = _traced(what)
        return Program(repr(what.name), what, lambda given: run_kernel(what, given), lambda given: graph, graph)
    if isinstance(what, Graph):
        return Program("graph", what, lambda given: _interpreted(what, given), lambda given: what, what)
    if not callable(what):
        raise InputError(f"a {type(what).__name__} computes nothing: give a kernel, a Graph or a function")
    name = getattr(what, "__name__", type(what).__name__)
    peer = peer_of(what)
    if peer is not None:
        why = f"it is a function of {peer}"
        return Program(f"{name} of {peer}", what, lambda given: call_peer(what, peer, given), lambda given: why,
                       exact=False, handed=_native)  # fmt: skip
    libraries = named_libraries(what)
    plain = "numpy" in libraries and "tensorgraph" not in libraries
    return Program(name, what, lambda given: _called(what, given, plain=plain), lambda given: recorded(what, given),
                   exact=False)  # fmt: skip


def _traced(kernel: Kernel) -> Graph:
    graph = kernel.stages[0].value
    assert isinstance(graph, Graph)
    return graph


def computed(graph: Graph, arrays: Sequence[Array], options: Mapping[str, Any] | None) -> list[Array]:
    """Outputs and next values of a graph: of its kernel with these options, or without any as interpreted.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder((2,), "float64", name="x")
    >>> computed(tg.Graph([x.node], [(x * 2).node]), [np.ones(2)], {"fast_math": True})
    [array([2., 2.])]
    """
    if options is None:
        return _interpreted(graph, arrays)
    made = Options(locations=False, **options)
    return run_kernel(compile_graph(graph, "kernel", list(range(len(graph.outputs))), made), arrays)


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
    outputs, values = evaluate_graph(graph, Inputs("graph", graph).read(arrays, {}))
    return [*outputs, *values]


def recorded(function: Callable[..., Any], arrays: Sequence[Array]) -> Graph | str:
    """The graph of a function for arrays of these types; or why there is none.

    Examples
    --------
    >>> recorded(lambda x: float(x), [np.ones(())]).partition(":")[0]
    'it raises SymbolicError'
    """
    try:
        inputs = [placeholder(a.shape, a.dtype, name=n) for a, n in zip(arrays, _names(function, arrays), strict=True)]
        outputs = flatten_tree(function(*inputs))[0]
        strange = next((y for y in outputs if not isinstance(y, Tensor)), None)
        if strange is not None or not outputs:
            return f"it gives a {type(strange).__name__}, which is no tensor" if outputs else "it gives nothing"
        return Graph([x.node for x in inputs], [y.node for y in outputs])
    except Exception as error:
        return f"it raises {type(error).__name__}: {error}"


def _names(function: Callable[..., Any], arrays: Sequence[Array]) -> list[str]:
    """What a function calls its arguments; x0, x1 and so on if that cannot be told."""
    plain = [f"x{i}" for i in range(len(arrays))]
    try:
        found = list(inspect.signature(function).bind(*arrays).arguments)
    except (TypeError, ValueError):
        return plain
    return found if len(found) == len(arrays) else plain  # *args is one argument


def _called(function: Callable[..., Any], arrays: Sequence[Array], *, plain: bool) -> list[Array]:
    """The results of a function of arrays (`plain`) or of tensors; as the other, if it cannot be computed so."""

    def of_tensors() -> list[Array]:
        return [np.asarray(y) for y in flatten_tree(function(*[asarray(a) for a in arrays]))[0]]

    def of_arrays() -> list[Array]:
        return [np.asarray(y) for y in flatten_tree(function(*arrays))[0]]

    one, other = (of_arrays, of_tensors) if plain else (of_tensors, of_arrays)
    strange: type[Exception] = AttributeError if plain else TensorGraphError
    try:
        return one()
    except strange as error:
        try:
            return other()
        except Exception as second:
            # a function of arrays that was tried with tensors fails for the second reason
            raise (second if isinstance(error, UnsupportedError) else error) from None
