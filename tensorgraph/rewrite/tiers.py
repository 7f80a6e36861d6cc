"""Hold a rewritten graph to the tiers of the laws used on it.

Where only exact laws were used, both graphs give the same bits, but for two things that follow how an operand lies
in memory: a sum adds in that order, and NumPy has other loops for transcendental functions of rows with steps. So
dropping or adding a view may change a last bit.

Other laws change last bits, and what these decide further on: a comparison, a floor, an index. How far that may
carry is measured, not guessed, by stochastic arithmetic (J. Vignes, 1993; the method of CADNA): the *original*
graph is evaluated several times with every rounded result moved by a few units in the last place at random, as
many as the laws used may move it. A result may then be as far from the true value, which is evaluated in higher
precision (float64 for float32, long double for float64), as the interpreter is, and farther by what the moved
evaluations are apart. Where they disagree about more than that (NaN or a number, true or false), each of their
answers is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
    if all(law.tier == "exact" for law in used) and not (_rounds_views(before) or _rounds_views(after)):
        return next(f"result {i} {why}" for i, why in enumerate(whys) if why)
    by = max([MOVED, *(law.ulp for law in used)])
    moved = [run for seed in range(RUNS) if (run := _moved(before, arrays, by, seed)) is not None]
    wide = _evaluated(before, arrays, _widened)
    decided = _evaluated(before, arrays, _decided_as_in(before, arrays))
    own = _evaluated(after, arrays, lambda node, value: value)
    again = [run for seed in range(RUNS) if (run := _moved(after, arrays, by, seed)) is not None]
    finite = all(np.isfinite(a).all() for a in arrays if a.dtype.kind in "fc")
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        true, near = (b if run is None else run[i] for run in (wide, decided))
        others = [run[i] for run in moved]
        center = a if own is None else own[i]
        trues = [(value, _noise(center, [run[i] for run in again], value)) for value in (true, near)]
        why = _beyond(a, b, trues, others, finite)
        if why is not None:
            return f"result {i} {why}"
    return None


def _rounds_views(graph: Graph) -> bool:
    """Whether an operation reads a view whose last bit depends on how its operand lies in memory."""
    return any(isinstance(node.op, ORDERED) and any(s.op.view for s in node.inputs) for node in graph.nodes)


def _beyond(
    found: Array, wanted: Array, trues: Sequence[tuple[Array, Array]], moved: Sequence[Array], finite: bool
) -> str | None:
    """The first element that is farther from the true value than rounding explains.

    `trues` are the true value and what is true on the branches that the original took, each with how far from it the
    rewritten graph may be; `finite` inputs may overflow.
    """
    true = trues[0][0]
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
        # What was infinite or NaN may have become another: if so, a true one, which may itself be too large.
        mended = np.zeros(found.shape, bool)
        for value, noise in trues:
            near = np.isfinite(found) & (np.abs(found - value) <= noise)
            mended |= ~np.isfinite(wanted) & np.isfinite(value) & (near | (found == value.astype(found.dtype)))
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


def _noise(value: Array, moved: Sequence[Array], true: Array) -> Array:
    """The spread of those moved evaluations that are finite; none where they are about something else."""
    with np.errstate(all="ignore"):
        spread = _spread(value, [np.where(np.isfinite(other), other, value) for other in moved])
        return np.where(np.abs(value - true) <= spread, spread, 0)


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
        return np.asarray(np.where(np.isfinite(value), small + value * step, value), value.dtype)

    return _evaluated(graph, arrays, moved)


def _widened(node: Node, value: Array) -> Array:
    wide: Any = WIDE.get(value.dtype.kind)
    return value if wide is None else value.astype(wide)


def _decided_as_in(graph: Graph, arrays: Sequence[Array]) -> Any:
    """Wide numbers, but comparisons, indices and other integers as in the graph's own arithmetic.

    Where that overflows in two places, a law may mend one of them, and the other still decides.
    """
    narrow: dict[Node, Array] = {}

    def recorded(node: Node, value: Array) -> Array:
        narrow[node] = value
        return value

    def decided(node: Node, value: Array) -> Array:
        whole = value.dtype.kind in "biu" and len(node.types) == 1
        return narrow.get(node, value) if whole else _widened(node, value)

    _evaluated(graph, arrays, recorded)
    return decided


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
