"""`check_gradients`: derivatives against numeric ones, to any order, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.errors import GradientError
from tensorgraph.ir.binding import bind_sizes
from tensorgraph.ir.leaves import Constant, Placeholder
from tensorgraph.ir.node import SYMBOLIC, Node, Pick, Result
from tensorgraph.ir.op import resolve
from tensorgraph.ir.provenance import Context, context, located
from tensorgraph.ir.tree import Tree, flatten_tree, unflatten_tree
from tensorgraph.ir.types import Array
from tensorgraph.testing.blame import find_culprit
from tensorgraph.testing.comparison import MODES, Comparison, GradientMismatch, Unsettled
from tensorgraph.testing.determinism import called, check_finite, check_graph, check_repeats
from tensorgraph.testing.foreign import LIBRARIES, Foreign, library_of
from tensorgraph.testing.gradient_report import CheckedGradient, GradientReport
from tensorgraph.testing.subject import SMALL, Arrays, Graphed, Subject, described

__all__ = ["GradientMismatch", "check_gradients"]

MOVES = 3  # how often a point may be moved
FAR = 2.0**-6  # how far, relative to it


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    modes: Sequence[str] = MODES,
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
        are, so it may use Python control flow. Or a compiled kernel, whose graph is checked. Or a function of
        NumPy arrays with `gradient` or `vjp`; or one of PyTorch or JAX.
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
        What was compared with what and how well it agreed; what was moved, judged from one side or left out.

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
    between those around it. Error bounds follow from the step, the rounding of the values and the condition. The
    two directions must also agree with each other. Complex derivatives are those of PyTorch: dL/da + i dL/db. Of
    an argument with more than 64 elements, 64 are checked one by one, and all along a random direction.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> check_gradients(lambda x: tg.sum(tg.tanh(x) ** 2), tg.asarray([0.5, -1.0])).checks[0].oracle
    'complex step'
    >>> report = check_gradients(lambda x: np.sum(np.sin(x)), np.array([0.5, 1.0]), gradient=np.cos, order=1)
    >>> report.worst < 1e-10
    True
    """
    _check_options(order, modes, library)
    chosen = library or ("numpy" if gradient or vjp else library_of(args))
    if (gradient is not None or vjp is not None) and chosen != "numpy":
        raise located(GradientError(f"check_gradients: gradient= and vjp= are for NumPy functions, not for {chosen!r}"))
    problem = _Tensors(f, args) if chosen == "tensorgraph" else Foreign(chosen, f, args, gradient, vjp)
    if not problem.points:
        nothing = "no argument is floating-point, so there is nothing to differentiate"
        raise located(GradientError(f"check_gradients: {nothing}: give arguments such as 1.0 or np.ones(3)"))
    names = [name for i, name in enumerate(_paths(args)) if i in problem.chosen]
    run = partial(_attempt, problem, names, order, tuple(modes), rtol or 0.0, atol or 0.0, seed)
    points, notes = problem.points, []
    with np.errstate(all="ignore"):
        for move in range(MOVES):
            try:
                rows, found = run(points)
            except Unsettled as where:
                moved = f"no numeric derivative settles there: every argument was moved by up to {FAR:.2g} of itself"
                notes.append(f"{where}: {moved}")
                points = _moved(problem.points, move)
            else:
                return GradientReport(rows, (*dict.fromkeys(notes), *found))
    advice = "check it somewhere else, or scale its arguments so that they are of the order of 1"
    settles = "no numeric derivative settles, nor at points near"
    raise located(GradientError(f"check_gradients: {notes[0].split(': no numeric')[0]}: {settles}: {advice}"))


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
    return tuple(run.rows), (*problem.notes(subject), *run.all_notes())


def _check_options(order: int, modes: Sequence[str], library: str | None) -> None:
    wrong = [mode for mode in modes if mode not in MODES]
    if wrong or not modes or order < 1:
        given = f"mode {wrong[0]!r}" if wrong else f"order {order}" if modes else "no mode"
        raise located(GradientError(f"check_gradients: {given}: modes are 'reverse' and 'forward', orders 1 and up"))
    if library is not None and library not in LIBRARIES:
        known = ", ".join(map(repr, LIBRARIES))
        raise located(GradientError(f"check_gradients: library is {library!r}: say one of {known}"))


def _moved(points: Arrays, seed: int) -> list[Array]:
    """The points, each number moved by a little: the same for the same seed."""
    rng = np.random.default_rng(1 + seed)
    return [np.asarray(p + rng.uniform(0.25, 1, p.shape) * FAR * np.maximum(np.abs(p), SMALL), p.dtype) for p in points]


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
        self.f = _of_kernel(f, self.tensors) if isinstance(f, Kernel) else f
        wide = {"f": np.float64, "c": np.complex128}
        self.points: list[Array] = [np.array(self.tensors[i], wide[self.tensors[i].dtype.kind]) for i in self.chosen]
        if isinstance(f, Kernel) and self.points:
            _check_kernel(f, self.tensors)

    def flat(self, *given: Tensor) -> list[Tensor]:
        """The floating-point results."""
        filled = [*self.tensors]
        for i, x in zip(self.chosen, given, strict=True):
            filled[i] = x
        result = called(self.f, unflatten_tree(self.structure, filled), "the function", "tensors")
        leaves = flatten_tree(result)[0]
        if leaves and not any(isinstance(y, Tensor) for y in leaves):
            kind = type(leaves[0])
            raise located(GradientError(f"check_gradients: {_no_tensor(kind)}"))
        results = [asarray(y) for y in leaves]
        return [y for y in results if y.dtype.kind in "fc"]

    def subject(self, points: Arrays, names: Sequence[str]) -> Subject:
        """The function at a point, if it can be checked there."""
        made = Graphed(self.flat, points)
        again = Graphed(self.flat, points)
        check_repeats(made.values, again.values)
        check_finite(made.values, [y.node for y in made.outputs])
        check_graph(made, self.flat, lambda points: [asarray(p) for p in points])
        return made

    def notes(self, subject: Graphed) -> list[str]:
        """What was left out on purpose."""
        held = dict.fromkeys(map(described, subject.program.held))
        return [f"held constant, as the derivative holds it: {what}" for what in held]

    def culprit(self, points: Arrays, order: int) -> tuple[str, str] | None:
        """The operation to blame."""
        return find_culprit(self.flat, points, order)


def _no_tensor(kind: type) -> str:
    root = kind.__module__.split(".", maxsplit=1)[0]
    if root in LIBRARIES and root != "numpy":
        return f"the function gave a {root} array: say library={root!r}"
    name = "NumPy array" if root == "numpy" else kind.__name__
    return (
        f"the function gave a {name} where a tensor is to be: compute with tensors, or give gradient= for a NumPy "
        f"function and its gradient"
    )


def _of_kernel(kernel: Kernel, tensors: Sequence[Tensor]) -> Callable[..., Any]:
    """The kernel's graph as a function of tensors, for the sizes of these arguments."""
    graph = kernel.graph
    if len(tensors) != len(graph.inputs):
        raise located(
            GradientError(
                f"check_gradients: {kernel.name} takes {len(graph.inputs)} arguments, {len(tensors)} are given"
            )
        )
    labels = [node.op.label for node in graph.inputs if isinstance(node.op, Placeholder)]
    shapes = [t.numpy().shape for t in tensors]
    sizes = bind_sizes(zip(labels, [node.type for node in graph.inputs], shapes, strict=True))

    def function(*given: Any) -> list[Tensor]:
        new = dict(zip(graph.inputs, [asarray(x).node for x in given], strict=True))
        for node in graph.nodes:
            if node in new:
                continue
            inputs = [new[i] for i in node.inputs]
            with context(Context(node.scope, node.primal, node.site)):
                if not inputs and node.flags & SYMBOLIC:
                    new[node] = Node(Constant(np.asarray(resolve(node.op, sizes).evaluate())))
                elif not inputs:
                    new[node] = node
                elif isinstance(node.op, Pick):
                    new[node] = Result(inputs[0], node.op.index)
                else:
                    new[node] = Node(resolve(node.op, sizes), *inputs)
        return [Tensor(new[node]) for node in graph.outputs]

    return function


def _check_kernel(kernel: Kernel, tensors: Sequence[Tensor]) -> None:
    """The program must compute what its graph says, or its derivative is another one's."""
    if kernel.graph.updates:
        return  # a call would write state
    pairs = zip(kernel.graph.inputs, tensors, strict=True)
    arrays = [np.asarray(t.numpy(), node.type.dtype) for node, t in pairs]
    found = [np.asarray(y) for y in flatten_tree(kernel(*arrays))[0]]
    wanted = [y.numpy() for y in _of_kernel(kernel, tensors)(*map(asarray, arrays))]
    for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if a.dtype.kind in "fc":
            tolerance = 1e3 * np.finfo(a.dtype).eps
            if not np.allclose(a, b, tolerance, tolerance * np.max(np.abs(b), initial=0.0), equal_nan=True):
                wrong = f"result {k} of {kernel.name} is not what its graph gives"
                raise located(GradientMismatch(f"check_gradients: {wrong}"))
