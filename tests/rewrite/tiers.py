"""Hold a law to its tier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath as mp
import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.errors import TensorGraphError
from tensorgraph.interpret.difference import difference
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.graph import Builder
from tensorgraph.ir.node import Node
from tensorgraph.rewrite.law import Law, Pattern, Sample
from tests.rewrite.truth import PRECISION, truth

DTYPES = {
    "b": ["bool"], "i": ["int8", "int64"], "u": ["uint8", "uint64"], "f": ["float16", "float32", "float64"],
    "c": ["complex64", "complex128"], "d": ["float32", "float64"],
}  # fmt: skip
REAL = [name for kind in "biuf" for name in DTYPES[kind]]
BROADCAST = ["m n", "n", "", "m 1", "1 n"]  # shapes that the variables of a pattern may have
SIZES = st.sampled_from([2, 3, 1, 4, 0])
REALS_ULP = 64  # where nothing overflows and all numbers are of the same size

Case = tuple[Node, Node, list[Node], list[Any]]


def hostile(dtype: np.dtype[Any]) -> list[float]:
    """Where mistakes show."""
    info = np.finfo(dtype)
    edge = float(np.log(float(info.max)))
    positive = [
        0.0, 1.0, 2.0, 0.5, 3.0, 10.0, 0.1, float(info.max), float(info.tiny), float(info.smallest_subnormal),
        float(info.eps), 1 + float(info.eps), 1 - float(info.epsneg), edge, edge * 1.001, 1.5 * edge, 1e-3, 36.0, 17.0,
        float(info.max) ** 0.5, float(info.tiny) ** 0.5, float(info.tiny) ** (1 / 3), 0.6931471805599453, float("inf"),
        1 / float(info.eps), 2 / float(info.eps), float("inf"),
    ]  # fmt: skip
    return [*positive, *(-x for x in positive), float("nan")]


def numbers(dtype: np.dtype[Any], tame: bool) -> st.SearchStrategy[Any]:
    """Values of one dtype; tame ones are between 0.5 and 2."""
    if dtype.kind == "b":
        return st.booleans()
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return st.integers(1, 5) if tame else st.integers(int(info.min), int(info.max)) | st.integers(0, 3)
    if dtype.kind == "c":
        return numbers(np.zeros((), dtype).real.dtype, tame)
    width = dtype.itemsize * 8
    if tame:
        return st.floats(0.5, 2.0, width=width)
    ordinary = st.floats(-4.0, 4.0, width=width)
    return st.one_of(ordinary, st.sampled_from(hostile(dtype)), st.floats(width=width))


@st.composite
def cases(
    draw: st.DrawFn, law: Law, owner: Law, sample: Sample, plain: bool = False, mixed: bool = False
) -> Case | None:
    """Both sides of a law at a sample of its owner, the inputs and values; None where it says nothing of them.

    `mixed`: of operands whose dtypes differ.
    """
    kind = draw(st.sampled_from(owner.kinds))
    dtype = np.dtype(draw(st.sampled_from(DTYPES[kind])))
    sizes = {"m": 2, "n": 3} if plain else {name: draw(SIZES) for name in "mnk"}
    sizes.setdefault("k", 4)
    symbolic = draw(st.booleans()) and not plain
    inputs, arrays = [], []
    tame = law.tier == "reals"
    for i, stated in enumerate(sample.shapes):
        wanted = stated
        if isinstance(owner.rewrite, Pattern) and not plain:
            wanted = draw(st.sampled_from(BROADCAST))
        own, indices = _dtype(owner, i, wanted, dtype), wanted.startswith("i:")
        if mixed and not indices and draw(st.booleans()):
            own = np.dtype(draw(st.sampled_from(REAL)))
        letters = wanted.removeprefix("i:").split()
        dims: list[DimLike | str] = [
            int(d) if d.isdigit() else d if symbolic or d.isupper() else sizes[d] for d in letters
        ]
        inputs.append(tg.placeholder(tuple(dims), own, name=f"x{i}"))
        drawn = st.integers(-2, 1) if indices else numbers(own, tame)
        actual = [int(d) if d.isdigit() else sizes[d.lower()] for d in letters]
        pool = draw(st.lists(drawn, min_size=1, max_size=5))
        rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        values = np.array(pool, own)[rng.integers(0, len(pool), actual)]
        arrays.append(np.where(rng.random(actual) < 0.3, -values, values) if own.kind == "f" and not tame else values)
    root = _root(sample, inputs)
    other = None if root is None else law.apply(root)
    return None if root is None or other is None else (root, other, [x.node for x in inputs], arrays)


def _dtype(owner: Law, i: int, stated: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """That of the i-th argument of a sample."""
    if stated.startswith("i:"):
        return np.dtype("int64")
    condition = isinstance(owner.rewrite, Pattern) and list(owner.rewrite.variables.values())[i] == "b"
    return np.dtype(bool) if condition else dtype


def _root(sample: Sample, inputs: list[tg.Tensor]) -> Node | None:
    try:
        root = sample.build(*inputs).node
    except TensorGraphError:
        return None  # such as a size that is 0 where it must not be
    return Builder().rebuild([root])[root]


def broken(law: Law, case: Case) -> str | None:
    """How the law breaks its promise."""
    left, right, inputs, arrays = case
    feeds = dict(zip(inputs, arrays, strict=True))
    if left.type != right.type:
        return f"{left.type} became {right.type}"
    try:
        (before,) = evaluate([left], feeds)
    except (ValueError, IndexError):
        return None  # no value: the largest of nothing
    (after,) = evaluate([right], feeds)
    if law.tier == "exact" or before.dtype.kind not in "f":
        return difference(after, before)
    exact = truth(left, inputs, arrays)
    terms = truth(left, inputs, arrays, magnitudes=True) if law.per_term else exact
    count = max([1, *(a.size for a in arrays)]) if law.per_term else 1
    for index in np.ndindex(before.shape):
        why = _element(law, before[index], after[index], exact[index], terms[index], count)
        if why is not None:
            return f"at {index}: {before[index]!r} became {after[index]!r}: {why}"
    return None


def _element(law: Law, before: Any, after: Any, exact: Any, terms: Any, count: int) -> str | None:
    """How one element breaks the promise: its values on both sides, and what it is on real numbers."""
    info = np.finfo(before.dtype)
    with mp.workprec(PRECISION):
        if exact is None or terms is None:
            return None
        if mp.isnan(exact):
            hidden = (np.isnan(before) and not np.isnan(after)) or (np.isinf(before) and np.isfinite(after))
            return "the true value is undefined, which is hidden" if hidden else None
        largest = mp.mpf(float(info.max)) * (1 + mp.mpf(float(info.eps)) / 4)
        if law.per_term and not terms < largest:
            return None  # a partial sum may overflow in some order
        shown = f"the true value is {mp.nstr(exact, 17)}"
        if not abs(exact) < largest:
            least = largest * (1 - 2 * law.ulp * float(info.eps))  # what may be taken for it
            right = mp.sign(exact) * mp.mpf(float(after)) >= least
            return shown if not right and float(before) == mp.sign(exact) * np.inf else None
        if law.tier == "stable" and after == before:
            return None  # no farther: both overflow, say
        if not np.isfinite(after):
            near = abs(exact) >= largest * (1 - 2 * law.ulp * float(info.eps))
            return None if near and not np.isnan(after) else shown
        if law.tier == "stable" and not np.isfinite(before):
            return None
        scale = terms if law.per_term else max(abs(exact), mp.mpf(law.of))
        unit = max(_spacing(scale, info), mp.mpf(float(info.smallest_subnormal)))
        allowed = (REALS_ULP if law.tier == "reals" else law.ulp) * unit * count
        allowed += abs(mp.mpf(float(before)) - exact) if law.tier == "stable" else 0
        off = abs(mp.mpf(float(after)) - exact)
        if off <= allowed:
            return None
        return f"{shown}, {mp.nstr(off / unit, 5)} units away, where {mp.nstr(allowed / unit, 5)} are allowed"


def _spacing(value: Any, info: Any) -> Any:
    """The distance of neighbouring floats at a real number."""
    if value == 0:
        return mp.mpf(0)
    return mp.ldexp(mp.mpf(1), int(mp.floor(mp.log(value, 2))) - info.nmant)


def refuted(law: Law, examples: int, pairs: Sequence[tuple[Law, Sample]] = (), *, mixed: bool = False) -> str | None:
    """The smallest case in which a law breaks its promise: at its own samples, or at those of others."""
    for owner, sample in pairs or [(law, sample) for sample in law.samples]:

        @seed(0)
        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False,
        )  # fmt: skip
        @given(cases(law, owner, sample, mixed=mixed))
        def hold(case: Case | None) -> None:
            why = None if case is None else broken(law, case)
            assert why is None, f"{law.name}: {law.statement} ({law.tier}): {why}\n{_shown(case)}"

        try:
            hold()
        except AssertionError as error:
            return str(error)
    return None


def _shown(case: Case | None) -> str:
    assert case is not None
    left, right, inputs, arrays = case
    graph = tg.Graph(inputs, [left, right])
    return f"{graph}\n{arrays!r}"


def applies(law: Law, sample: Sample) -> bool:
    """Whether a law applies to its sample at ordinary sizes, for every kind of dtype."""
    found: list[bool] = []

    @seed(0)
    @settings(
        max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
    )
    @given(cases(law, law, sample, plain=True))
    def look(case: Case | None) -> None:
        found.append(case is not None)

    look()
    return all(found)


def many(law: Law, dtype: str, count: int) -> Case | None:
    """Both sides of an equation of elements at many numbers, all hostile ones among them."""
    rng = np.random.default_rng(0)
    kinds = list(law.rewrite.variables.values()) if isinstance(law.rewrite, Pattern) else ["f"]
    inputs, arrays = [], []
    for i, kind in enumerate(kinds):
        plain = rng.normal(size=count) * rng.choice([0.1, 1.0, 10.0], count)
        pool = np.concatenate([hostile(np.dtype(dtype)), plain.astype(dtype)]).astype(dtype)
        value = rng.random(count) < 0.5 if kind == "b" else pool if len(kinds) == 1 else rng.choice(pool, count)
        inputs.append(tg.placeholder(value.shape, value.dtype, name=f"x{i}"))
        arrays.append(value)
    root = _root(law.samples[0], inputs)
    other = None if root is None else law.apply(root)
    return None if root is None or other is None else (root, other, [x.node for x in inputs], arrays)


def large(law: Law, sample: Sample) -> Case | None:
    """Both sides at matrices larger than what BLAS and NumPy add at a time."""
    rng = np.random.default_rng(0)
    sizes = {"m": 20, "n": 30, "k": 17}
    inputs = _inputs(law, sample, sizes, np.dtype("float64"))
    tame = law.tier == "reals"
    arrays = []
    for x, stated in zip(inputs, sample.shapes, strict=True):
        shape = [int(d) if d.isdigit() else sizes[d.lower()] for d in stated.split()]
        arrays.append(rng.uniform(0.5, 2, shape) if tame else rng.normal(size=shape).astype(x.dtype))
    root = _root(sample, inputs)
    other = None if root is None else law.apply(root)
    return None if root is None or other is None else (root, other, [x.node for x in inputs], arrays)


def met(law: Law, owner: Law, sample: Sample) -> bool:
    """Whether a law applies to a sample of another law, at ordinary sizes or where some are 1."""
    dtype = np.dtype(DTYPES[owner.kinds[-1]][-1])
    for sizes in ({"m": 2, "n": 3, "k": 4}, {"m": 1, "n": 3, "k": 4}, {"m": 2, "n": 1, "k": 1}):
        root = _root(sample, _inputs(owner, sample, sizes, dtype))
        if root is not None and law.apply(root) is not None:
            return True
    return False


def _inputs(owner: Law, sample: Sample, sizes: dict[str, int], dtype: np.dtype[Any]) -> list[tg.Tensor]:
    inputs = []
    for i, stated in enumerate(sample.shapes):
        letters = stated.removeprefix("i:").split()
        shape: list[DimLike | str] = [int(d) if d.isdigit() else d if d.isupper() else sizes[d] for d in letters]
        inputs.append(tg.placeholder(tuple(shape), _dtype(owner, i, stated, dtype), name=f"x{i}"))
    return inputs
