"""`check_gradients`: derivatives against numeric ones, to any order, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.autodiff.transforms import jvp, vjp
from tensorgraph.errors import GradientError, TensorGraphError
from tensorgraph.ir.node import Node
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import Tree, flatten_tree, unflatten_tree
from tensorgraph.ir.types import Array
from tensorgraph.ops.meta import Alias
from tensorgraph.testing.numeric import Estimate, Program, central_difference, complex_step, one_sided

__all__ = ["GradientMismatch", "check_gradients"]

MODES = ("reverse", "forward")
MOST = 64  # elements of one argument whose derivative is computed one by one
STEP = 2.0**-7  # relative to the argument, or to SMALL
SMALL = 2.0**-3
ROUNDING = 16  # units of rounding that an operation may add
UNSETTLED = 1e-2  # a numeric derivative whose relative error exceeds this decides nothing

Flat: TypeAlias = "Callable[..., list[Tensor]]"


class GradientMismatch(TensorGraphError, AssertionError):  # noqa: N818 (what a failed assertion says)
    """A derivative that is not the numeric one."""


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    modes: Sequence[str] = MODES,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> None:
    """Compare the derivatives of a function with numeric ones, and its derivatives' derivatives.

    Parameters
    ----------
    f
        Function of tensors that gives a tensor, or tensors in any structure. It is traced where the arguments
        are, so it may use Python control flow.
    *args
        Where to check: arrays or tensors, in any structure. Floating-point ones are cast to float64 or
        complex128 and differentiated; others, such as indices and masks, are passed on.
    order
        2 also checks the derivatives of the derivatives, and so on.
    modes
        ``"reverse"``, ``"forward"``, or both.
    rtol, atol
        Allow this much more than the error that rounding and the numeric method explain: relative to the
        largest derivative with respect to the same argument, and absolute.
    seed
        Of the random cotangents and directions.

    Raises
    ------
    GradientMismatch
        Names the argument, the index, both values, the mode and the order.
    GradientError
        If there is nothing to differentiate, or an operation has no rule.

    Notes
    -----
    The results are projected on a random cotangent. The reference is the complex step where every operation
    is analytic, exact to rounding; elsewhere central differences extrapolated to step 0. The two directions
    must also agree with each other. Complex derivatives are those of PyTorch: dL/da + i dL/db. Of an argument
    with more than 64 elements, 64 are checked one by one, and all along a random direction.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> check_gradients(lambda x: tg.sum(tg.tanh(x) ** 2), tg.asarray([0.5, -1.0]))
    """
    wrong = [mode for mode in modes if mode not in MODES]
    if wrong or not modes or order < 1:
        given = f"mode {wrong[0]!r}" if wrong else f"order {order}" if modes else "no mode"
        raise located(GradientError(f"check_gradients: {given}: modes are 'reverse' and 'forward', orders 1 and up"))
    leaves, structure = flatten_tree(args)
    tensors = [asarray(leaf) for leaf in leaves]
    chosen = [i for i, t in enumerate(tensors) if t.dtype.kind in "fc"]
    if not chosen:
        raise located(
            GradientError("check_gradients: no argument is floating-point: there is nothing to differentiate")
        )
    wide = {"f": np.float64, "c": np.complex128}
    points: list[Array] = [np.array(tensors[i], wide[tensors[i].dtype.kind]) for i in chosen]

    def flat(*given: Tensor) -> list[Tensor]:
        filled = [*tensors]
        for i, x in zip(chosen, given, strict=True):
            filled[i] = x
        results = [asarray(y) for y in flatten_tree(f(*unflatten_tree(structure, filled)))[0]]
        return [y for y in results if y.dtype.kind in "fc"]

    names = [name for i, name in enumerate(_paths(args)) if i in chosen]
    check = _Check(names, tuple(modes), rtol or 0.0, atol or 0.0, np.random.default_rng(seed))
    check.order(flat, points, (), order)


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


@dataclass(frozen=True)
class _Check:
    names: Sequence[str]
    modes: tuple[str, ...]
    rtol: float
    atol: float
    rng: np.random.Generator

    def order(self, flat: Flat, points: Sequence[Array], over: tuple[str, ...], last: int) -> None:
        """Check first derivatives of a function, then its derivatives as functions; `over` says which it is."""
        aliases = [Tensor(Node(Alias(), asarray(p).node)) for p in points]
        values, pull = vjp(flat, *aliases)
        if not values:
            raise located(
                GradientError("check_gradients: no result is floating-point: there is nothing to differentiate")
            )
        cotangents = [self._random(y.shape, y.dtype) for y in values]
        directions = [self._random(p.shape, p.dtype) * np.maximum(np.abs(p), SMALL) for p in points]
        pulled = pull([asarray(c) for c in cotangents])
        program = Program([y.node for y in values], [a.node for a in aliases])
        reference = _Reference(program, points)
        gradients = self._evaluated(pulled, aliases, points)
        if "reverse" in self.modes:
            self._reverse(reference, gradients, cotangents, over)
        if "forward" in self.modes:
            tangents = self._evaluated(jvp(flat, aliases, directions)[1], aliases, points)
            terms = _magnitude(directions, gradients)
            self._forward(reference, tangents, directions, terms, over)
            self._duality(reference, gradients, directions, tangents, cotangents, over)
        if len(over) + 1 < last:
            if "reverse" in self.modes:
                seeds = [asarray(c) for c in cotangents]
                self.order(lambda *xs: list(vjp(flat, *xs)[1](seeds)), points, ("reverse", *over), last)
            if "forward" in self.modes:
                self.order(lambda *xs: list(jvp(flat, xs, directions)[1]), points, ("forward", *over), last)

    def _random(self, shape: Any, dtype: np.dtype[Any]) -> Array:
        """Of modulus between a half and one: nothing is lost by a small factor."""

        def signed() -> Array:
            return np.asarray(self.rng.uniform(0.5, 1, shape) * self.rng.choice([-1.0, 1.0], shape))

        return np.asarray(signed() + 1j * signed() if dtype.kind == "c" else signed(), dtype)

    def _evaluated(self, tensors: Sequence[Tensor], aliases: Sequence[Tensor], points: Sequence[Array]) -> list[Array]:
        return Program([t.node for t in tensors], [a.node for a in aliases])(points)

    def _reverse(
        self, reference: _Reference, gradients: Sequence[Array], cotangents: Sequence[Array], over: tuple[str, ...]
    ) -> None:
        whole = max((float(np.max(np.abs(g), initial=0.0)) for g in gradients), default=0.0)
        for i, (name, point, found) in enumerate(zip(self.names, reference.points, gradients, strict=True)):
            if found.shape != point.shape or found.dtype != point.dtype:
                kinds = f"{found.dtype}{list(found.shape)} for {point.dtype}{list(point.shape)}"
                raise located(GradientMismatch(f"check_gradients: {name}: the derivative is {kinds}"))
            picked = self.rng.permutation(point.size)[:MOST]
            indices = [np.unravel_index(k, point.shape) for k in np.sort(picked)]
            estimates = [reference.element(i, index, cotangents) for index in indices]
            largest = max([float(np.abs(e.value)) for e in estimates], default=0.0)
            for index, estimate in zip(indices, estimates, strict=True):
                where = f"{name}, index {_index(index)}"
                if self._wrong(found[index], estimate, largest, reference.rounding * max(whole, largest)):
                    direction = [d / max(abs(point[index]), SMALL) for d in reference.unit(i, index, 1.0)]
                    why = self._why(reference, direction, lambda ys: _projected(cotangents, ys))
                    self._fail(where, ("reverse", *over), found[index], estimate.value, reference.method, why)

    def _forward(
        self,
        reference: _Reference,
        tangents: Sequence[Array],
        directions: Sequence[Array],
        terms: float,
        over: tuple[str, ...],
    ) -> None:
        for k, (found, estimate) in enumerate(zip(tangents, reference.along(directions), strict=True)):
            largest = float(np.max(np.abs(estimate.value), initial=0.0))
            for index in np.ndindex(found.shape):
                one = Estimate(estimate.value[index], estimate.error[index])
                if self._wrong(found[index], one, largest, reference.rounding * max(largest, terms)):
                    where = f"result {k}, index {_index(index)}, along a random direction"
                    why = self._why(reference, directions, partial(_element, k, index))
                    self._fail(where, ("forward", *over), found[index], one.value, reference.method, why)

    def _duality(
        self,
        reference: _Reference,
        gradients: Sequence[Array],
        directions: Sequence[Array],
        tangents: Sequence[Array],
        cotangents: Sequence[Array],
        over: tuple[str, ...],
    ) -> None:
        reverse, forward = _projected(directions, gradients), _projected(cotangents, tangents)
        size = _magnitude(directions, gradients) + _magnitude(cotangents, tangents)
        rounding = reference.rounding + 4 * ROUNDING * reference.eps
        if not abs(reverse - forward) <= self.atol + (self.rtol + rounding) * size:
            what = f"reverse gives {reverse} along a random direction, forward {forward} on the same cotangent"
            raise located(GradientMismatch(f"check_gradients: {_named(('both modes', *over))}: they disagree: {what}"))

    def _wrong(self, found: Any, estimate: Estimate, largest: float, rounding: float) -> bool:
        allowed = self.atol + self.rtol * largest + 8 * float(estimate.error) + rounding
        unsettled = float(estimate.error) > UNSETTLED * max(largest, 1.0)
        return unsettled or not abs(found - estimate.value) <= allowed

    def _why(self, reference: _Reference, direction: Sequence[Array], pick: Callable[[list[Array]], Any]) -> str:
        """What is special about the place, if anything is."""
        if not np.isfinite(pick(reference.values)):
            return "; the function is not finite there"
        left, right = one_sided(lambda t: np.asarray(pick(reference.moved(direction, t))), STEP / 2**6)
        if not abs(left - right) <= 1e-3 * max(float(abs(left)), float(abs(right)), 1.0):
            return f"; there is a kink or a jump: {left:.6g} from the left, {right:.6g} from the right"
        return ""

    def _fail(self, where: str, over: tuple[str, ...], found: Any, numeric: Any, method: str, why: str) -> None:
        values = (
            f"the derivative of the result times a random cotangent is {found!s} and the {method} gives {numeric!s}"
        )
        if over[0] == "forward":
            values = f"the derivative is {found!s} and the {method} gives {numeric!s}"
        raise located(GradientMismatch(f"check_gradients: {where}, {_named(over)}: {values}{why}"))


def _named(over: tuple[str, ...]) -> str:
    """``reverse over forward mode, order 2``."""
    return f"{' over '.join(over)}{' mode' if over[0] in MODES else ''}, order {len(over)}"


def _element(k: int, index: tuple[int, ...], values: Sequence[Array]) -> Any:
    return values[k][index]


def _index(index: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(i) for i in index)


def _projected(cotangents: Sequence[Array], values: Sequence[Array]) -> float:
    """The real inner product."""
    return float(sum(np.sum((np.conj(c) * y).real) for c, y in zip(cotangents, values, strict=True)))


def _magnitude(cotangents: Sequence[Array], values: Sequence[Array]) -> float:
    return float(sum(np.sum(np.abs(c) * np.abs(y)) for c, y in zip(cotangents, values, strict=True)))


class _Reference:
    """Numeric derivatives of a program at a point."""

    def __init__(self, program: Program, points: Sequence[Array]) -> None:
        self.program = program
        self.points = points
        self.values = program(points)
        self.wide = program.complexified() if all(p.dtype.kind == "f" for p in points) else None
        self.method = "central difference" if self.wide is None else "complex step"
        self.eps = program.eps
        self.rounding = ROUNDING * len(program.nodes) * program.eps

    def moved(self, direction: Sequence[Array], t: complex) -> list[Array]:
        """The results at the point plus t times a direction."""
        run = self.program if self.wide is None or t.imag == 0 else self.wide
        return run([np.asarray(p + t * d) for p, d in zip(self.points, direction, strict=True)])

    def unit(self, i: int, index: Any, value: complex) -> list[Array]:
        """The direction of one element, scaled to it."""
        direction = [np.zeros_like(p) for p in self.points]
        direction[i][index] = value * max(float(abs(self.points[i][index])), SMALL)
        return direction

    def element(self, i: int, index: Any, cotangents: Sequence[Array]) -> Estimate:
        """The derivative of the projected result with respect to one element."""
        size = max(float(abs(self.points[i][index])), SMALL)
        weights = _flat(cotangents)
        noise = np.asarray(self.eps * _magnitude(cotangents, self.values))

        def slope(unit: complex) -> Estimate:
            direction = self.unit(i, index, unit)
            if self.wide is not None:
                return complex_step(lambda t: _flat(self.moved(direction, t)), weights)
            return central_difference(
                lambda t: np.asarray(_projected(cotangents, self.moved(direction, t))), STEP, noise
            )

        found = slope(1.0)
        if self.points[i].dtype.kind == "c":
            across = slope(1j)
            found = Estimate(found.value + 1j * across.value, found.error + across.error)
        return Estimate(found.value / size, found.error / size)

    def along(self, directions: Sequence[Array]) -> list[Estimate]:
        """The derivatives of all results along a direction."""

        def one(k: int, y: Array) -> Estimate:
            if self.wide is not None:
                return complex_step(lambda t: self.moved(directions, t)[k])
            return central_difference(lambda t: self.moved(directions, t)[k], STEP, self.eps * np.abs(y))

        return [one(k, y) for k, y in enumerate(self.values)]


def _flat(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(a) for a in arrays])
