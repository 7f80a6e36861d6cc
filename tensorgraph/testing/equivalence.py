"""`assert_equivalent`: two programs give the same, or the smallest case in which they do not is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable

from tensorgraph.errors import InputError, TensorGraphError
from tensorgraph.interpret.agreement import results_difference
from tensorgraph.interpret.difference import Ulp
from tensorgraph.ir.provenance import Context, Site, context, current_context, find_site, located
from tensorgraph.ir.types import Array
from tensorgraph.testing.compiled import compiled_difference, kernel_difference, laws_used
from tensorgraph.testing.outcomes import Allowed, Difference, Neither, Outcome, observed
from tensorgraph.testing.programs import Program, as_program
from tensorgraph.testing.strategies.graphs import feeds
from tensorgraph.testing.versus import Both, Comparison, Compiled

__all__ = [
    "Inequivalent", "assert_equivalent", "compiled_difference", "kernel_difference", "laws_used",
]  # fmt: skip

EXAMPLES = 25
REPEATS = 3  # calls of a program that may not be deterministic


class Inequivalent(TensorGraphError, AssertionError):  # noqa: N818 (what a failed assertion says)
    """Two programs that give different results."""


def assert_equivalent(
    f: Any,
    g: Any = None,
    *,
    inputs: Sequence[Any] | st.SearchStrategy[Any] | None = None,
    ulp: Ulp = 4,
    atol: float = 0.0,
    dtypes: bool | None = None,
    examples: int = EXAMPLES,
) -> None:
    """Assert that two programs give the same results.

    Parameters
    ----------
    f, g
        Kernels, Graphs, functions of tensors, of NumPy arrays, of PyTorch tensors or of JAX arrays. Without `g`,
        what the compiler makes of `f` is held against the interpreter. Each is given copies of the inputs.
    inputs
        Arrays, one per argument (or one array for one argument); or a Hypothesis strategy of them. If `f` or `g`
        is a kernel or a graph they may be left out and are drawn, hostile values among them.
    ulp
        Units in the last place that may lie between two numbers: one figure, or one per dtype, as in
        ``{"float32": 8, "float64": 2}``. NaN equals NaN, and only NaN.
    atol
        This much more is allowed, absolutely.
    dtypes
        Whether data types must agree; by default, where both sides are kernels or graphs.
    examples
        How many inputs are drawn.

    Raises
    ------
    Inequivalent
        Names the result, the index and both values, or what one of them raises where the other gives results, and
        prints a program that fails in the same way, as small as it could be made.
    InputError
        If inputs are needed or do not fit, if neither program has results for them, if a program writes to its
        arguments or is not deterministic.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder(("n",), "float32", name="x")
    >>> assert_equivalent(tg.compile(x, tg.softmax(x)))
    >>> assert_equivalent(lambda x: tg.exp(tg.log(x)), lambda x: x, inputs=[np.array([0.5, 2.0])])
    """
    site = find_site()  # in the midst of Hypothesis there is no line of the user's
    with _told(site):
        left, right = as_program(f), None if g is None else as_program(g)
        exact = left.exact and (right is None or right.exact)
        allowed = Allowed(ulp, atol, exact if dtypes is None else dtypes)
        allowed.check()
        if examples < 1:
            raise InputError(f"examples={examples}: draw at least one")
        comparison: Comparison = Compiled(left, allowed) if right is None else Both(left, right, allowed)
        arrays = _failing(comparison, inputs, examples)
        if arrays is None:
            return
        found = _repeated(comparison, arrays, allowed)
        program = comparison.shown(arrays, found)
    with _at(site):
        error = located(Inequivalent(f"assert_equivalent: {found.why}"))
    raise Inequivalent(f"{error}\n{program}") from found.cause


@contextmanager
def _told(site: Site) -> Iterator[None]:
    """Errors about what was given, with the user's line."""
    try:
        yield
    except Inequivalent:
        raise
    except InputError as error:
        with _at(site):
            told = located(InputError(f"assert_equivalent: {error}"))
        raise told from error.__cause__


@contextmanager
def _at(site: Site) -> Iterator[None]:
    with context(Context(current_context().scope, None, site)):
        yield


# ---- looking for arrays for which the programs differ


def _failing(comparison: Comparison, inputs: Any, examples: int) -> list[Array] | None:
    """Arrays for which they differ, if any are found."""
    if inputs is not None and not isinstance(inputs, st.SearchStrategy):
        arrays = _read(inputs)
        try:
            return arrays if comparison.difference(arrays) is not None else None
        except Neither as nothing:
            raise InputError(f"there is nothing to compare: {nothing}") from nothing.outcomes[0].error
    return _search(_drawn(comparison.programs) if inputs is None else inputs, examples, comparison)


def _read(given: Any) -> list[Array]:
    """One array per argument."""
    arrays = []
    for i, value in enumerate(given if isinstance(given, (list, tuple)) else [given]):
        try:
            array = np.asarray(value)
        except Exception:  # such as a list of lists that do not fit
            array = np.array(None)
        if array.dtype.hasobject:
            what = type(value).__name__
            raise InputError(f"input {i} is a {what} that is no array: inputs= are arrays, one per argument")
        arrays.append(array)
    return arrays


def _drawn(programs: Sequence[Program]) -> st.SearchStrategy[list[Array]]:
    graph = next((p.takes for p in programs if p.takes is not None), None)
    if graph is None:
        raise InputError("functions do not say what they take: give inputs=, arrays or a strategy of them")
    return feeds(graph)


class _Differs(Exception):  # noqa: N818 (it ends an example, and is told as another)
    """The programs differ."""


def _search(drawn: st.SearchStrategy[Any], examples: int, comparison: Comparison) -> list[Array] | None:
    """The smallest arrays found, of many, for which the programs differ."""
    failing: list[list[Array]] = []
    nothing: list[Neither] = []
    compared = 0
    sort: list[str] = []

    @seed(0)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False,
    )  # fmt: skip
    @given(drawn)
    def run(given: Any) -> None:
        nonlocal compared
        arrays = _read(given)
        try:
            found = comparison.difference(arrays)
        except Neither as neither:
            nothing[:] = [neither]
            reject()
        compared += 1
        if found is not None and found.kind == (sort or [found.kind])[0]:
            sort[:] = [found.kind]
            failing[:] = [arrays]
            raise _Differs

    try:
        run()
    except (_Differs, Flaky):
        if not failing:
            raise
    except Unsatisfiable:
        pass  # told below
    except TensorGraphError as error:
        raise type(error)(*error.args) from error.__cause__  # without the notes of Hypothesis
    if not compared:
        why = f": {nothing[0]}" if nothing else ""
        cause = nothing[0].outcomes[0].error if nothing else None
        raise InputError(f"there is nothing to compare for any inputs drawn{why}") from cause
    return failing[0] if failing else None


def _repeated(comparison: Comparison, arrays: Sequence[Array], allowed: Allowed) -> Difference:
    """The difference, found again: programs that are not deterministic differ, and are not unlike."""
    advice = "fix its seeds or keys, and let it keep no state between calls"
    for program in comparison.programs:
        first, *others = [observed(program, arrays) for _ in range(REPEATS)]
        why = next(filter(None, (_unlike(first, other, allowed) for other in others)), None)
        if why is not None:
            raise InputError(f"{program.name} is not deterministic: called again with the same arrays, {why}: {advice}")
    found = comparison.difference(arrays)
    if found is None:
        names = " and ".join(program.name for program in comparison.programs)
        raise InputError(f"{names} differ in one call and not in the next: one is not deterministic: {advice}")
    return found


def _unlike(one: Outcome, other: Outcome, allowed: Allowed) -> str | None:
    """How two outcomes of one program differ, by more than two programs may."""
    if type(one.error) is not type(other.error):
        return f"it {one} or {other}"
    if one.error is not None:
        return None
    why = results_difference(one.results, other.results, *allowed)
    return ": ".join(why.split(": ")[:2]) if why else None
