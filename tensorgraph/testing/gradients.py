"""`check_gradients`: derivatives against numeric ones, to any order, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.errors import GradientError
from tensorgraph.interpret.evaluate import evaluate
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import Tree, flatten_tree, unflatten_tree
from tensorgraph.ir.types import Array
from tensorgraph.testing.blame import find_culprit
from tensorgraph.testing.comparison import Comparison
from tensorgraph.testing.determinism import called, check_finite, check_graph, check_repeats
from tensorgraph.testing.foreign import LIBRARIES, TITLES, Foreign, library_of
from tensorgraph.testing.forms import Forms, described, quickly
from tensorgraph.testing.gradient_report import CheckedGradient, GradientReport
from tensorgraph.testing.graphed import Graphed
from tensorgraph.testing.kernels import check_program, function_of
from tensorgraph.testing.mismatch import MODES, Culprit, GradientMismatch, Unsettled
from tensorgraph.testing.moves import FAR, nearby
from tensorgraph.testing.peers import peer_of
from tensorgraph.testing.subject import Arrays, Subject

__all__ = ["GradientMismatch", "check_gradients"]

MOVES = 3  # how often a point may be moved
HALF = 2.0**-11  # a coarseness at which no difference of values is a derivative


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    modes: str | Sequence[str] = MODES,
    gradient: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    library: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> GradientReport:
    """Compare the derivatives of a function with numeric ones, and its derivatives' derivatives.

    Parameters
    ----------
    f
        Function of tensors that gives a tensor, or tensors in any structure. It is traced where the arguments
        are, so it may use Python control flow. Or a compiled kernel: its graph is checked, and its program held to
        that, on a copy of the state that it updates; a kernel knows no `custom_gradient`, so check the function that
        has one. Or a function of NumPy arrays with `gradient` or `vjp`; or one
        of PyTorch or JAX.
    *args
        Where to check: arrays or tensors, in any structure. Floating-point ones are cast to float64 or
        complex128 and differentiated; others, such as indices and masks, are passed on.
    order
        2 also checks the derivatives of the derivatives, and so on.
    modes
        ``"reverse"``, ``"forward"``, or both.
    gradient
        For a NumPy function that gives a scalar: takes the same arguments and gives its gradient with respect
        to each floating-point one, as a tuple if there are several.
    vjp
        For a NumPy function that gives an array: takes a cotangent of the result before the arguments.
    library
        ``"tensorgraph"``, ``"numpy"``, ``"torch"`` or ``"jax"``: what `f` takes. Unless given, it follows from the
        arguments and from `gradient`.
    rtol, atol
        Allow this much more than the error that rounding and the numeric method explain: relative to the
        largest derivative with respect to the same argument, and absolute.
    seed
        Of the random cotangents and directions.

    Returns
    -------
    report
        What was compared with what and how well it agreed, how many elements one by one and how many together; what
        was moved, judged from one side or left out.

    Raises
    ------
    GradientMismatch
        Names the argument, the index, both values, the mode, the order, the operation whose rule is to blame and
        the user's line.
    GradientError
        If there is nothing to differentiate, an operation has no rule, or the function cannot be checked: it is
        not deterministic, writes to its arguments, raises, gives NaN, or no scalar where one is needed.

    Notes
    -----
    The results are projected on a random cotangent. The reference is the complex step where the function
    is analytic, exact to rounding; elsewhere central differences extrapolated to step 0, with steps that cross no
    kink. At a kink (of abs, max, ReLU, sort, floor, clip, where, pooling, …) a derivative is right if it lies
    between those around it; at the border of the domain it is judged from inside. Error bounds follow from the step,
    the rounding of the values and the condition. The two directions must also agree with each other. Complex
    derivatives are those of PyTorch: dL/da + i dL/db. Where no numeric derivative settles, all arguments are moved a
    little, to where the function is defined, and the report says so.

    Of an argument with more than 64 elements, 64 are looked at one by one. The others are dealt into 16 groups at
    random, each of which is looked at along a direction of random signs; where one disagrees it is halved until the
    element at fault is found. So no element is left out, but what can be seen of an error in a single one is
    coarser: it must exceed what rounding and the numeric method may add to the derivative along its whole group,
    which grows as the root of the number of elements. A group whose direction meets kinks is halved too; the elements
    of those that remain are looked at a little beside the point, where a derivative at a kink itself cannot be
    judged. Errors that cancel along a direction are not seen: the signs are random, so that they cancel by chance
    only.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> check_gradients(lambda x: tg.sum(tg.tanh(x) ** 2), tg.asarray([0.5, -1.0])).checks[0].oracle
    'complex step'
    >>> report = check_gradients(lambda x: np.sum(np.sin(x)), np.array([0.5, 1.0]), gradient=np.cos, order=1)
    >>> report.worst < 1e-10
    True
    """
    chosen_modes = _options(order, modes, library, rtol, atol)
    chosen = library or ("numpy" if gradient or vjp else library_of(args))
    if (gradient is not None or vjp is not None) and chosen != "numpy":
        raise located(GradientError(f"check_gradients: gradient= and vjp= are for NumPy functions, not for {chosen!r}"))
    problem = _Tensors(f, args) if chosen == "tensorgraph" else Foreign(chosen, f, args, gradient, vjp)
    if not problem.points:
        nothing = "no argument is floating-point, so there is nothing to differentiate"
        raise located(GradientError(f"check_gradients: {nothing}: give arguments such as 1.0 or np.ones(3)"))
    names = [name for i, name in enumerate(_paths(args)) if i in problem.chosen]
    run = partial(_attempt, problem, names, order, chosen_modes, rtol or 0.0, atol or 0.0, seed)
    points, notes = problem.points, list[str]()
    with np.errstate(all="ignore"):
        for move in range(MOVES):
            try:
                rows, found = run(points)
            except Unsettled as where:
                moved = f"no numeric derivative settles there: every argument was moved by up to {FAR:.2g} of itself"
                notes.append(f"{where}: {moved}")
                near = nearby(problem.points, move, partial(_defined, problem))
                if near is None:
                    break
                points = near
            else:
                return GradientReport(rows, (*dict.fromkeys(notes), *found))
        raise _nowhere(notes[0].split(": no numeric")[0], problem.coarse())


def _nowhere(where: str, coarse: str | None) -> GradientError:
    """What to say where no numeric derivative settles, and why if that is known."""
    advice = "check it somewhere else, or scale its arguments so that they are of the order of 1"
    if coarse is not None:
        advice = f"{coarse}, which hides every numeric derivative: check it in float32 or float64"
    settles = "no numeric derivative settles, nor at points near"
    error = located(GradientError(f"check_gradients: {where}: {settles}: {advice}"))
    assert isinstance(error, GradientError)
    return error


def _defined(problem: Any, points: Arrays) -> bool:
    """Whether the function gives numbers at a point; it may raise where it does not."""
    try:
        return all(np.all(np.isfinite(y)) for y in problem.values(points))
    except Exception:
        return False


def _attempt(
    problem: Any, names: Sequence[str], order: int, modes: tuple[str, ...], rtol: float, atol: float, seed: int,
    points: Arrays,
) -> tuple[tuple[CheckedGradient, ...], tuple[str, ...]]:  # fmt: skip
    """One run of the check, at one point: its rows and notes."""
    subject = problem.subject(points, names)
    culprit = cache(lambda: problem.culprit(points, order))
    rng = np.random.default_rng(seed)
    run = Comparison(names, modes, rtol, atol, rng, judge=culprit, by_parts=problem.by_parts)
    run.order(subject, (), order)
    if not run.rows:  # all that was asked for is a derivative that there is not
        nothing = f"{'. '.join(run.all_notes())}: nothing is left to check: let modes contain 'reverse'"
        raise located(GradientError(f"check_gradients: {nothing}"))
    return tuple(run.rows), (*problem.notes(subject), *run.all_notes())


def _options(
    order: Any, modes: str | Sequence[str], library: str | None, rtol: float | None, atol: float | None
) -> tuple[str, ...]:
    """The modes as a tuple, if all is well."""
    chosen = (modes,) if isinstance(modes, str) else tuple(modes)
    wrong = [mode for mode in chosen if mode not in MODES]
    whole = isinstance(order, (int, np.integer)) and order >= 1
    if wrong or not chosen or not whole:
        given = f"mode {wrong[0]!r}" if wrong else f"order {order!r}" if chosen else "no mode"
        raise located(GradientError(f"check_gradients: {given}: modes are 'reverse' and 'forward', orders 1 and up"))
    if library is not None and library not in LIBRARIES:
        known = ", ".join(map(repr, LIBRARIES))
        raise located(GradientError(f"check_gradients: library is {library!r}: say one of {known}"))
    for name, allowed in (("rtol", rtol), ("atol", atol)):
        if allowed is not None and not 0 <= allowed < np.inf:
            raise located(GradientError(f"check_gradients: {name} is {allowed}: a number from 0 up is to be"))
    return chosen


def _paths(args: Tree) -> list[str]:
    """What to call each leaf: ``argument 0['w'][1]``."""

    def walk(part: Tree, path: str) -> list[str]:
        if isinstance(part, dict):
            return [name for key in sorted(part) for name in walk(part[key], f"{path}[{key!r}]")]
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return [name for field in part._fields for name in walk(getattr(part, field), f"{path}.{field}")]
        if isinstance(part, (tuple, list)):
            return [name for i, item in enumerate(part) for name in walk(item, f"{path}[{i}]")]
        return [] if part is None else [path]

    return [name for i, arg in enumerate(args) for name in walk(arg, f"argument {i}")]


# ---- functions of tensors


class _Tensors:
    """A function of tensors, or a kernel."""

    by_parts = True

    def __init__(self, f: Callable[..., Any], args: Sequence[Any]) -> None:
        leaves, self.structure = flatten_tree(tuple(args))
        self.tensors = [asarray(leaf) for leaf in leaves]
        self.chosen = [i for i, t in enumerate(self.tensors) if t.dtype.kind in "fc"]
        self.f = function_of(f, self.tensors) if isinstance(f, Kernel) else f
        wide = {"f": np.float64, "c": np.complex128}
        self.points: list[Array] = [np.array(self.tensors[i], wide[self.tensors[i].dtype.kind]) for i in self.chosen]
        self.forms = Forms()
        if isinstance(f, Kernel) and self.points:
            check_program(f, self.tensors)

    def flat(self, *given: Tensor) -> list[Tensor]:
        """The floating-point results."""
        filled = [*self.tensors]
        for i, x in zip(self.chosen, given, strict=True):
            filled[i] = x
        arguments = unflatten_tree(self.structure, filled)
        result = called(self.f, arguments, "the function", "tensors", partial(_owner, self.f))
        leaves = flatten_tree(result)[0]
        if leaves and not any(isinstance(y, Tensor) for y in leaves):
            raise located(GradientError(f"check_gradients: {_no_tensor(type(leaves[0]))}"))
        results = [asarray(y) for y in leaves]
        return [y for y in results if y.dtype.kind in "fc"]

    def values(self, points: Arrays) -> list[Array]:
        """The results for arrays."""
        return evaluate([y.node for y in self.flat(*map(asarray, points))], compute=quickly)

    def subject(self, points: Arrays, names: Sequence[str]) -> Subject:
        """The function at a point, if it can be checked there."""
        made = Graphed(self.flat, points, self.forms)
        again = Graphed(self.flat, points, self.forms)
        check_repeats(made.values, again.values)
        check_finite(made.values, [y.node for y in made.outputs])
        check_graph(made, self.flat, lambda points: [asarray(p) for p in points])
        return made

    def notes(self, subject: Graphed) -> list[str]:
        """What was left out on purpose."""
        held = dict.fromkeys(map(described, subject.program.held))
        return [f"held constant, as the derivative holds it: {what}" for what in held]

    def culprit(self, points: Arrays, order: int) -> Culprit | None:
        """The operation to blame."""
        return find_culprit(self.flat, points, order)

    def coarse(self) -> str | None:
        """What computes in half precision, if anything does."""
        for node in Graphed(self.flat, self.points, self.forms).program.nodes:
            kind = node.types[0].dtype
            if node.inputs and kind.kind in "fc" and np.finfo(kind).eps > HALF:
                return f"{described(node)} computes in {kind}"
        return None


def _owner(f: Callable[..., Any]) -> str | None:
    """What to say of a function that is another library's and was called with tensors."""
    name = peer_of(f)
    return None if name is None else f"it is a function of {TITLES[name]}: say library={name!r}"


def _no_tensor(kind: type) -> str:
    root = kind.__module__.split(".", maxsplit=1)[0]
    if root in LIBRARIES and root != "numpy":
        return f"the function gave a {root} array: say library={root!r}"
    name = "NumPy array" if root == "numpy" else kind.__name__
    return (
        f"the function gave a {name} where a tensor is to be: compute with tensors, or give gradient= for a NumPy "
        f"function and its gradient"
    )
