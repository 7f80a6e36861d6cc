"""Python text that builds a graph again, written with the public functions where these give the very node."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.array import functions as f
from tensorgraph.array.tensor import Tensor
from tensorgraph.errors import TensorGraphError, UnsupportedError
from tensorgraph.ir.dims import Dim
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder, Variable
from tensorgraph.ir.names import name_nodes
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ir.op import Op, Operand
from tensorgraph.ir.types import Array
from tensorgraph.ops import indexing as ix
from tensorgraph.ops import linalg as la
from tensorgraph.ops import reduction as r
from tensorgraph.ops import shape as sh
from tensorgraph.ops.custom import Custom
from tensorgraph.ops.meta import StopGradient
from tensorgraph.testing.samples import ELEMENTWISE

__all__ = ["array_code", "code"]

RESERVED = ("tg", "np", "graph", "arrays", "f", "node")
LONG = 256  # elements: longer arrays are written as bytes

# Public calls that may give the very node; attributes by name, operands by number.
CALLS: Mapping[type[Op], str] = {
    **{op: f"tg.{name}" for op, call in ELEMENTWISE.items() if (name := getattr(call, "__name__", "<")) in f.__all__},
    **{op: f"tg.{call}({{0}}, axis={{axis}}, keepdims={{keepdims}})" for op, call in (
        (r.Sum, "sum"), (r.Prod, "prod"), (r.Max, "max"), (r.Min, "min"), (r.AnyOf, "any"), (r.All, "all"),
        (r.LogSumExp, "logsumexp"), (r.ArgMax, "argmax"), (r.ArgMin, "argmin"))},
    sh.Reshape: "tg.reshape({0}, {shape})",
    sh.PermuteDims: "tg.permute_dims({0}, {order})",
    sh.BroadcastTo: "tg.broadcast_to({0}, {shape})",
    sh.ExpandDims: "tg.expand_dims({0}, {axis})",
    sh.Squeeze: "tg.squeeze({0}, {axis})",
    la.Matmul: "tg.matmul",
    la.Vecdot: "tg.vecdot",
    ix.Slice: "{0}[{index}]",
    StopGradient: "tg.stop_gradient",
}  # fmt: skip


def code(graph: Graph, arrays: Sequence[Array] | None = None, *, function: str | None = None) -> str:
    """Python that builds a graph: running it defines ``graph``, and ``arrays`` if any are given.

    Parameters
    ----------
    graph
        What to build.
    arrays
        One per input, to be written as well.
    function
        Write a function of this name instead, which takes tensors and returns the outputs.

    Returns
    -------
    str
        The text. The graph it builds equals this one, and parameters have their present values.

    Raises
    ------
    UnsupportedError
        If the graph calls a Python function that cannot be imported by its name.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder(("n", 3), "float32", name="x")
    >>> print(code(tg.Graph([x.node], [tg.sum(tg.exp(x), axis=1).node])))
    import numpy as np
    import tensorgraph as tg
    <BLANKLINE>
    x = tg.placeholder(("n", 3), "float32", name="x")
    exp = tg.exp(x)
    sum_1 = tg.sum(exp, axis=(1,), keepdims=False)
    graph = tg.Graph([x.node], [sum_1.node])
    """
    writer = _Writer(graph)
    body = writer.lines(leaves=function is None)
    text = ["import numpy as np", "import tensorgraph as tg", *sorted(writer.imports), ""]
    if function is None:
        text += [*body, writer.footer()]
    else:
        results = ", ".join(writer.names[node] for node in graph.outputs)
        head = f"def {function}({', '.join(writer.names[node] for node in graph.inputs)}):"
        text += [head, *(f"    {line}" for line in [*body, f"return {results}"])]
    if arrays is not None:
        text.append(f"arrays = [{', '.join(map(array_code, arrays))}]")
    return "\n".join(text)


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        known = name_nodes(graph, RESERVED)
        self.names: dict[Node, str] = {}
        taken = set(known.values())
        for i, node in enumerate(graph.nodes):  # scalar constants and nodes of several results have no name yet
            name = known.get(node) or next(n for n in (f"v{i}", f"value_{i}") if n not in taken)
            taken.add(name)
            self.names[node] = name
        self.imports: set[str] = set()

    def lines(self, *, leaves: bool) -> list[str]:
        """One per node; without those of placeholders if the arguments of a function stand for them."""
        nodes = [node for node in self.graph.nodes if leaves or not isinstance(node.op, Placeholder)]
        first = [node for node in self.graph.inputs if leaves]
        return [f"{self.names[node]} = {self._expression(node)}" for node in dict.fromkeys([*first, *nodes])]

    def footer(self) -> str:
        def listed(nodes: Sequence[Node]) -> str:
            return ", ".join(f"{self.names[node]}.node" for node in nodes)

        updates = ", ".join(f"({listed([a])}, {listed([b])})" for a, b in self.graph.updates)
        rest = f", [{updates}]" if updates else ""
        return f"graph = tg.Graph([{listed(self.graph.inputs)}], [{listed(self.graph.outputs)}]{rest})"

    def _expression(self, node: Node) -> str:
        op = node.op
        if isinstance(op, Placeholder):
            return f'tg.placeholder({_shape(node.type.shape)}, "{node.type.dtype.name}", name="{op.label}")'
        if isinstance(op, Variable):
            trainable = "" if op.storage.trainable else ", trainable=False"
            return f'tg.Parameter({array_code(op.storage.value)}, name="{op.label}"{trainable})'
        if isinstance(op, Constant):
            return f"tg.asarray({array_code(op.value)})"
        operands = [self.names[source] for source in node.inputs]
        if isinstance(op, Pick):
            return f"tg.Tensor(tg.Result({operands[0]}, {op.index}))"
        if len(node.types) > 1:
            return f"tg.Node({self._op(op)}, {', '.join(f'{x}.node' for x in operands)})"
        return self._call(node, operands) or f"tg.Tensor(tg.Node({', '.join([self._op(op), *self._nodes(operands)])}))"

    def _nodes(self, operands: Sequence[str]) -> list[str]:
        return [f"{name}.node" for name in operands]

    def _call(self, node: Node, operands: Sequence[str]) -> str | None:
        """A call of a public function, if there is one that records this node and nothing else."""
        template = CALLS.get(type(node.op))
        if template is None:
            return None
        if "(" not in template and "[" not in template:
            text = f"{template}({', '.join(operands)})"
        else:
            values = {k: _value(v, in_brackets=k == "index", names=True) for k, v in node.op.attributes().items()}
            text = template.format(*operands, **values)
        scope = {"tg": f, "np": np, **dict(zip(operands, map(Tensor, node.inputs), strict=True))}
        try:
            made = eval(text, scope)
        except (TensorGraphError, SyntaxError, TypeError, ValueError):
            return None
        same = isinstance(made, Tensor) and made.node.op == node.op and made.node.inputs == node.inputs
        return text if same else None

    def _op(self, op: Op) -> str:
        if isinstance(op, Custom):
            raise UnsupportedError(
                f"reproduce: the graph calls the Python function {op.name!r}, which text cannot hold: "
                "print(graph) shows the graph"
            )
        cls = type(op)
        if getattr(importlib.import_module(cls.__module__), cls.__name__, None) is not cls:
            raise UnsupportedError(f"reproduce: {cls.__name__} is not defined at the top of its module: move it there")
        self.imports.add(f"from {cls.__module__} import {cls.__name__}")
        attributes = op.attributes()
        if any(_holds_operand(v) for v in attributes.values()):
            self.imports.add("from tensorgraph.ir.op import Operand")
        return f"{cls.__name__}({', '.join(f'{name}={_value(value)}' for name, value in attributes.items())})"


def _holds_operand(value: Any) -> bool:
    return isinstance(value, Operand) or (isinstance(value, tuple) and any(map(_holds_operand, value)))


def _shape(shape: Sequence[Any]) -> str:
    parts = [str(n) if isinstance(n, int) else f'"{n}"' for n in shape]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _value(value: Any, *, in_brackets: bool = False, names: bool = False) -> str:
    """An attribute as Python; with `names`, sizes as the strings that public functions take."""
    if isinstance(value, tuple):
        inner = ", ".join(_value(item, names=names) for item in value)
        return f"({inner}{',' if len(value) == 1 else ''})" if not in_brackets or not value else inner + ","
    if isinstance(value, Dim):
        return f'"{value}"' if names else f'tg.TensorType.parse("bool[{value}]").shape[0]'
    if isinstance(value, slice):
        return f"slice({_value(value.start)}, {_value(value.stop)}, {_value(value.step)})"
    if isinstance(value, np.dtype):
        return f'np.dtype("{value.name}")'
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return "..." if value is Ellipsis else repr(value)


def array_code(array: Array) -> str:
    """An expression for an array: the same dtype, shape and bits, and the same order in memory.

    Examples
    --------
    >>> array_code(np.array([1.0, np.nan], np.float32))
    'np.array([1.0, np.nan], np.float32)'
    >>> array_code(np.arange(3)[::-1])
    'np.array([0, 1, 2], np.int64)[::-1]'
    """
    array = np.asarray(array)
    flipped = array.ndim and array.strides[-1] < 0
    if flipped:
        return f"{array_code(array[..., ::-1])}[{'..., ' if array.ndim > 1 else ''}::-1]"
    if array.flags.c_contiguous:
        return _contiguous(array)
    if array.flags.f_contiguous:
        return f"np.asfortranarray({_contiguous(array)})"
    return f"np.repeat({_contiguous(array)}, 2, axis=-1)[..., ::2]"


def _contiguous(array: Array) -> str:
    dtype = f"np.{array.dtype.name if array.dtype.kind != 'b' else 'bool_'}"
    text = _nested(array, _texts(array.dtype))
    exact = text is not None and array.size <= LONG and array.size > 0
    if exact and text is not None:
        return f"np.array({text}, {dtype})"
    if not array.size:
        return f"np.zeros({array.shape}, {dtype})"
    return f'np.frombuffer(bytes.fromhex("{array.tobytes().hex()}"), {dtype}).reshape({array.shape})'


def _texts(dtype: np.dtype[Any]) -> Callable[[Any], str | None]:
    def real(x: Any) -> str | None:
        if np.isnan(x):
            return "np.nan" if type(x)(np.nan).tobytes() == x.tobytes() else None
        return repr(float(x)) if np.isfinite(x) else ("np.inf" if x > 0 else "-np.inf")

    def wide(x: Any) -> str | None:
        parts = real(x.real), real(x.imag)
        return None if None in parts else f"complex({parts[0]}, {parts[1]})"

    if dtype.kind == "f":
        return real
    return wide if dtype.kind == "c" else lambda x: repr(x.item())


def _nested(array: Array, text: Callable[[Any], str | None]) -> str | None:
    """Nested lists; None if a number has no text of its own."""
    if not array.ndim:
        return text(array[()])
    parts = [_nested(part, text) for part in array]
    return None if any(part is None for part in parts) else f"[{', '.join(p for p in parts if p is not None)}]"
