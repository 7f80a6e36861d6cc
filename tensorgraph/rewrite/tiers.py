"""Hold a rewritten graph to the tiers of the laws used on it.

Where only exact laws were used, both graphs give the same bits, but for two things that follow how an operand lies
in memory: a sum adds in that order, and NumPy has other loops for transcendental functions of rows with steps. So
dropping or adding a view may change a last bit. And the sign of a NaN is nobody's promise.

Other laws change last bits, and what these decide further on: a comparison, a floor, an index. How far that may
carry is measured, not guessed, by stochastic arithmetic (J. Vignes, 1993; the method of CADNA): the *original*
graph is evaluated several times with every rounded result moved by a few units in the last place at random, as
many as the laws used may move it. A result may then be as far from the true value, which is evaluated in higher
precision (float64 for float32, long double for float64), as the interpreter is, and farther by what the moved
evaluations are apart. Where they disagree about more than that (NaN or a number, true or false), each of their
answers is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.errors import TensorGraphError
from tensorgraph.interpret.difference import difference
from tensorgraph.interpret.evaluate import evaluate, evaluate_graph
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ir.op import Op, resolve
from tensorgraph.ir.types import Array
from tensorgraph.ops import elementwise as e
from tensorgraph.ops import transcendental as t
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.ops.reduction import LogSumExp, Prod, Sum
from tensorgraph.rewrite.law import Law

__all__ = ["differs_by_laws"]

RUNS = 16  # evaluations with moved results
MOVED = 2  # units in the last place by which a result is moved, at least
WIDER = 4  # the moved evaluations are a sample: others may be farther apart
WIDE = {"f": np.longdouble, "c": np.clongdouble}

# Their results are not rounded, so they are not moved.
UNROUNDED = (
    e.Negative, e.Abs, e.Sign, e.Floor, e.Ceil, e.Trunc, e.Rint, e.Maximum, e.Minimum, e.Where, e.Clip, e.Conj,
    e.Real, e.Imag,
)  # fmt: skip
TRANSCENDENTAL = (
    t.Exp, t.Expm1, t.Exp2, t.Log, t.Log1p, t.Log2, t.Log10, t.Logaddexp, t.Cbrt, t.Sin, t.Cos, t.Tan, t.Asin, t.Acos,
    t.Atan, t.Atan2, t.Sinh, t.Cosh, t.Tanh, t.Asinh, t.Acosh, t.Atanh, t.Sigmoid, t.Softplus, t.Sinc, e.Power,
)  # fmt: skip
# What they add up is rounded in some order, or how they are computed depends on the steps of rows.
ORDERED = (Sum, Prod, LogSumExp, Matmul, Vecdot, *TRANSCENDENTAL)


def differs_by_laws(
    before: Graph, after: Graph, laws: Iterable[Law], arrays: Sequence[Array], found: Sequence[Array] | None = None
) -> str | None:
    """How a rewritten graph differs from the original by more than the laws used on it may do.

    Parameters
    ----------
    before, after
        The graphs.
    laws
        The laws that were used.
    arrays
        One per input.
    found
        What the rewritten graph gives; by default as the interpreter computes it.

    Returns
    -------
    str or None
        ``"result 0 at (1,): …"`` for the first result that does.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> from tensorgraph.passes.simplify import simplify
    >>> x = tg.placeholder(("n",), "float64", name="x")
    >>> graph = tg.Graph([x.node], [tg.log(1 + tg.exp(x)).node])
    >>> simplified = simplify(graph)
    >>> differs_by_laws(graph, simplified.graph, simplified.laws, [np.array([1.0, 1000.0])]) is None
    True
    >>> differs_by_laws(graph, tg.Graph([x.node], [tg.exp(x).node]), simplified.laws, [np.array([1.0])])
    'result 0 at (0,): 2.718281828459045 is not 1.3132616875182228, nor within what rounding can do: ...'
    """
    wanted = [y for part in evaluate_graph(before, arrays) for y in part]
    if found is None:
        found = [y for part in evaluate_graph(after, arrays) for y in part]
    whys = [difference(a, b) for a, b in zip(found, wanted, strict=True)]
    used = list(laws)
    if not any(whys):
        return None
    loose = _rounds_views(before) or _rounds_views(after) or _reads_sign_of_nan(before, arrays)
    if all(law.tier == "exact" for law in used) and not loose:
        return next(f"result {i} {why}" for i, why in enumerate(whys) if why)
    by = max([MOVED, *(law.ulp for law in used)])
    moved = [run for seed in range(RUNS) if (run := _moved(before, arrays, by, seed)) is not None]
    wide = _evaluated(before, arrays, _widened)
    own = _evaluated(after, arrays, lambda node, value: value)
    again = [run for seed in range(RUNS) if (run := _moved(after, arrays, by, seed)) is not None]
    lost = _above(_overflowing(after, arrays), after)
    roots = [*after.outputs, *(value for _, value in after.updates)]
    finite = all(np.isfinite(a).all() for a in arrays if a.dtype.kind in "fc")
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        true = b if wide is None else wide[i]
        rewritten = _Rewritten(a if own is None else own[i], [run[i] for run in again], roots[i] in lost)
        why = _beyond(a, b, true, [run[i] for run in moved], rewritten, finite)
        if why is not None:
            return f"result {i} {why}"
    return None


def _rounds_views(graph: Graph) -> bool:
    """Whether an operation reads a view whose last bit depends on how its operand lies in memory."""
    return any(isinstance(node.op, ORDERED) and any(s.op.view for s in node.inputs) for node in graph.nodes)


class _Rewritten(NamedTuple):
    """What the rewritten graph gives by itself, also with its results moved, and whether it overflows on the way."""

    value: Array
    moved: Sequence[Array]
    overflows: bool

    def noise(self) -> Array:
        """How far rounding moves it, where it stays finite."""
        return _spread(self.value, [np.where(np.isfinite(other), other, self.value) for other in self.moved])


def _reads_sign_of_nan(graph: Graph, arrays: Sequence[Array]) -> bool:
    """Whether the sign of a NaN decides something, which no arithmetic promises."""
    if not any(isinstance(node.op, e.Signbit) for node in graph.nodes):
        return False
    nans: set[Node] = set()

    def recorded(node: Node, value: Array) -> Array:
        nans.update([node] if value.dtype.kind == "f" and np.isnan(value).any() else [])
        return value

    _evaluated(graph, arrays, recorded)
    return any(node.inputs[0] in nans for node in graph.nodes if isinstance(node.op, e.Signbit))


def _beyond(
    found: Array, wanted: Array, true: Array, moved: Sequence[Array], rewritten: _Rewritten, finite: bool
) -> str | None:
    """The first element that is farther from the true value than rounding explains; `finite` inputs may overflow."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return difference(found, wanted)
    if wanted.dtype.kind not in "fc":
        wrong = np.all([found != other for other in (wanted, true.astype(wanted.dtype), *moved)], axis=0)
        return _first(found, wanted, wrong, "")
    with np.errstate(all="ignore"):
        same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
        allowed = _spread(wanted, moved)
        off = np.abs(wanted - true)
        settled = np.isfinite(wanted) & np.isfinite(allowed)
        right = same | (settled & (np.abs(found - true) <= off + allowed))
        # What was infinite or NaN may have become another: if so, the true one, which may itself be too large.
        noise = rewritten.noise()
        own = (found == rewritten.value) | (np.abs(found - rewritten.value) <= noise)
        near = own & (np.abs(found - true) <= noise)
        exact = found == true.astype(found.dtype)
        mended = ~np.isfinite(wanted) & np.isfinite(true) & (exact | (np.isfinite(found) & near))
        if rewritten.overflows:  # one overflow is mended, another is not: that is no longer anything's true value
            mended |= ~np.isfinite(wanted) & np.isfinite(true) & (own | (np.isnan(found) & np.isnan(rewritten.value)))
        kinds = [np.isnan(found) & np.isnan(other) | (found == other) for other in moved]
        unsettled = (
            ~settled & (np.any(kinds, axis=0) | ~_agreed(wanted, moved)) if kinds else np.zeros(found.shape, bool)
        )
        unknown = ~np.isfinite(true) & ~np.isfinite(wanted) & ~np.isfinite(found) & ~(np.isinf(wanted) & np.isinf(true))
        if finite:
            unknown = ~np.isfinite(true) & ~np.isfinite(wanted)  # the higher precision overflows as well
    limit = np.where(settled, off + allowed, 0.0)
    return _first(found, wanted, ~(right | mended | unsettled | unknown), limit)


def _agreed(wanted: Array, moved: Sequence[Array]) -> Array:
    """Where all evaluations are the same infinity, or all NaN."""
    alike = [(wanted == other) | (np.isnan(wanted) & np.isnan(other)) for other in moved]
    return np.asarray(np.all(alike, axis=0))


def _spread(value: Array, moved: Sequence[Array]) -> Array:
    """How far moved evaluations are from a value; at least some units in its last place."""
    least = MOVED * np.spacing(np.abs(value))
    farthest: Array = np.max([least, *(np.abs(other - value) for other in moved)], axis=0)
    return np.asarray(WIDER * farthest)


def _above(nodes: Set[Node], graph: Graph) -> set[Node]:
    """These nodes and all that are computed from them."""
    found = set(nodes)
    for node in graph.nodes:
        if any(source in found for source in node.inputs):
            found.add(node)
    return found


def _first(found: Array, wanted: Array, wrong: Array, limit: Any) -> str | None:
    if not np.any(wrong):
        return None
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), np.shape(wrong)))
    why = f", nor within what rounding can do: {limit[at]:.2g}" if isinstance(limit, np.ndarray) else ""
    return f"at {at}: {found[at]} is not {wanted[at]}{why}"


# ---- other arithmetics


def _moved(graph: Graph, arrays: Sequence[Array], by: float, seed: int) -> list[Array] | None:
    """The results with every rounded one moved at random; None where that has no value."""
    rng = np.random.default_rng(seed)

    def moved(node: Node, value: Array) -> Array:
        if value.dtype.kind not in "fc" or node.op.leaf or node.op.view or isinstance(node.op, UNROUNDED):
            return value
        step = by * np.finfo(value.dtype).eps * rng.uniform(-1, 1, value.shape)
        if value.dtype.kind == "c":
            step = step + 1j * by * np.finfo(value.dtype).eps * rng.uniform(-1, 1, value.shape)
            return np.asarray(value * (1 + step), value.dtype)
        signs = np.where(rng.random(value.shape) < 0.5, -1, 1).astype(value.dtype)
        tiny = np.finfo(value.dtype).smallest_subnormal * np.rint(by * rng.uniform(-1, 1, value.shape))
        small = np.where(value == 0, signs * value, value + tiny)  # where zero comes from, its sign may differ
        special = np.where(np.isnan(value), np.copysign(value, signs), value)
        return np.asarray(np.where(np.isfinite(value), small + value * step, special), value.dtype)

    return _evaluated(graph, arrays, moved)


def _widened(node: Node, value: Array) -> Array:
    wide: Any = WIDE.get(value.dtype.kind)
    return value if wide is None else value.astype(wide)


def _overflowing(graph: Graph, arrays: Sequence[Array]) -> set[Node]:
    """Nodes with an element that is a number in higher precision, and none in the graph's own."""
    narrow: dict[Node, Array] = {}
    found: set[Node] = set()

    def recorded(node: Node, value: Array) -> Array:
        narrow[node] = value
        return value

    def compared(node: Node, value: Array) -> Array:
        wide = _widened(node, value)
        own = narrow.get(node)
        if own is not None and own.shape == wide.shape and own.dtype.kind in "fc":
            found.update([node] if (np.isfinite(wide) & ~np.isfinite(own)).any() else [])
        return wide

    _evaluated(graph, arrays, recorded)
    _evaluated(graph, arrays, compared)
    return found


def _evaluated(graph: Graph, arrays: Sequence[Array], changed: Any) -> list[Array] | None:
    """The results, each value on the way put through `changed`; None where an operation refuses them."""
    feeds: Mapping[Node, Array] = dict(zip(graph.inputs, arrays, strict=True))
    sizes = bind_sizes((str(node.op), node.type, array.shape) for node, array in feeds.items())
    values: dict[Node, Any] = {}
    try:
        with np.errstate(all="ignore"):
            for node in graph.nodes:
                values[node] = _one(node, values, feeds, sizes, changed)
    except (TensorGraphError, ValueError, IndexError, OverflowError, TypeError):
        return None
    return [np.asarray(values[node]) for node in (*graph.outputs, *(value for _, value in graph.updates))]


def _one(node: Node, values: Mapping[Node, Any], feeds: Mapping[Node, Array], sizes: Any, changed: Any) -> Any:
    if node in feeds:
        return changed(node, np.asarray(feeds[node], order="C"))
    if node.op.leaf:
        return changed(node, evaluate([node])[0])
    known = [values[source] for source in node.inputs]
    if isinstance(node.op, Pick):
        return known[0][node.op.index]
    if isinstance(node.op, e.Cast) and known[0].dtype.kind == node.op.to.kind and known[0].dtype in WIDE.values():
        return known[0]  # a narrower type would round
    result = _called(resolve(node.op, sizes), known)
    if len(node.types) > 1:
        return tuple(changed(node, np.asarray(part, order="C")) for part in result)
    return changed(node, np.asarray(result, order=None if node.op.view else "C"))


def _called(op: Op, known: Sequence[Array]) -> Any:
    """By NumPy's spelling, which is quick and takes long doubles; by definition where there is none."""
    return Op.evaluate(op, *known) if op.helpers and op.numpy and not _has_operands(op) else op.evaluate(*known)


def _has_operands(op: Op) -> bool:
    """Whether the spelling needs the places of index arrays."""
    return "index" in op.attributes()
