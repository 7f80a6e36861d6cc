"""Functions of NumPy with hand-written derivatives, and of PyTorch and JAX: what is checked of them."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeAlias

import numpy as np

from tensorgraph.errors import GradientError
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import Tree, flatten_tree, unflatten_tree
from tensorgraph.ir.types import Array
from tensorgraph.testing.determinism import called, check_finite, check_repeats, check_unchanged
from tensorgraph.testing.numeric import EPS, STEP, Line, central_difference, complex_step
from tensorgraph.testing.peers import jax_in_double
from tensorgraph.testing.subject import SMALL, Arrays, Subject

__all__ = ["LIBRARIES", "TITLES", "Foreign", "library_of"]

LIBRARIES = ("tensorgraph", "numpy", "torch", "jax")
TITLES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
Native: TypeAlias = "Callable[..., Sequence[Any]]"
SINGLE = 2.0**-23  # the coarseness of single precision
HALF = 2.0**-11  # the coarseness of half precision is more than this
FLAT = 2.0**-14  # a relative change that shows in single precision and not in half precision


def library_of(args: Tree) -> str:
    """The library whose arrays the arguments are; this one's unless there is a PyTorch or JAX array.

    Examples
    --------
    >>> library_of((1.0, np.zeros(3)))
    'tensorgraph'
    """
    roots = {type(leaf).__module__.split(".", maxsplit=1)[0] for leaf in flatten_tree(tuple(args))[0]}
    return "torch" if "torch" in roots else "jax" if roots & {"jax", "jaxlib"} else "tensorgraph"


class _Library:
    """How a library's functions are called and differentiated; of NumPy, only called."""

    takes = "NumPy arrays"

    def array(self, x: Array) -> Any:
        """The library's array, a copy."""
        return np.array(x)

    def numpy(self, x: Any) -> Array:
        """A NumPy array of it, a copy."""
        return np.array(x)

    def around(self) -> Any:
        """A context in which double precision is kept."""
        return nullcontext()

    def reverse(self, f: Native, points: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        """Cotangents of the points."""
        raise NotImplementedError

    def forward(self, f: Native, points: Sequence[Any], directions: Sequence[Any]) -> Sequence[Any]:
        """Tangents of the results."""
        raise NotImplementedError


class _Torch(_Library):
    takes = "PyTorch tensors of double precision"

    def __init__(self) -> None:
        self.torch = importlib.import_module("torch")

    def array(self, x: Array) -> Any:
        return self.torch.from_numpy(np.array(x))

    def numpy(self, x: Any) -> Array:
        return np.array(x.detach().resolve_conj().resolve_neg().cpu().numpy() if hasattr(x, "detach") else x)

    def reverse(self, f: Native, points: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        try:
            return tuple(self.torch.func.vjp(lambda *xs: tuple(f(*xs)), *points)[1](tuple(cotangents)))
        except Exception:  # a function that defines its own backward is not for torch.func
            return self._by_autograd(f, points, cotangents)

    def _by_autograd(self, f: Native, points: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        points = [x if x.requires_grad else x.detach().requires_grad_() for x in points]
        pairs = [(y, c) for y, c in zip(f(*points), cotangents, strict=True) if y.requires_grad]
        if not pairs:
            return [self.torch.zeros_like(x) for x in points]
        outputs, seeds = zip(*pairs, strict=True)
        found = self.torch.autograd.grad(outputs, points, seeds, create_graph=True, allow_unused=True)
        return [self.torch.zeros_like(x) if g is None else g for x, g in zip(points, found, strict=True)]

    def forward(self, f: Native, points: Sequence[Any], directions: Sequence[Any]) -> Sequence[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tuple(self._jvp(f, points, directions))

    def _jvp(self, f: Native, points: Sequence[Any], directions: Sequence[Any]) -> Any:
        return self.torch.func.jvp(lambda *xs: tuple(f(*xs)), tuple(points), tuple(directions))[1]


class _Jax(_Library):
    takes = "JAX arrays of double precision"

    def __init__(self) -> None:
        self.jax = importlib.import_module("jax")

    def array(self, x: Array) -> Any:
        return self.jax.numpy.asarray(x)

    def around(self) -> Any:
        return jax_in_double()

    def reverse(self, f: Native, points: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        conj = self.jax.numpy.conj  # JAX pulls the conjugates of what PyTorch and this library do
        pulled = self.jax.vjp(lambda *xs: tuple(f(*xs)), *points)[1](tuple(map(conj, cotangents)))
        return tuple(map(conj, pulled))

    def forward(self, f: Native, points: Sequence[Any], directions: Sequence[Any]) -> Sequence[Any]:
        return tuple(self.jax.jvp(lambda *xs: tuple(f(*xs)), tuple(points), tuple(directions))[1])


def _library(name: str) -> _Library:
    if name == "numpy":
        return _Library()
    try:
        return _Torch() if name == "torch" else _Jax()
    except ImportError as error:
        raise located(GradientError(f"check_gradients: library is {name!r}, which is not installed")) from error


class Foreign:
    """A function that is no function of tensors.

    Parameters
    ----------
    name
        Its library.
    f, args
        The function and where.
    gradient, vjp
        Its derivative by hand, for NumPy.
    """

    by_parts = False

    def __init__(
        self,
        name: str,
        f: Callable[..., Any],
        args: Sequence[Any],
        gradient: Callable[..., Any] | None,
        vjp: Callable[..., Any] | None,
    ) -> None:
        self.name, self.f, self.gradient, self.vjp = name, f, gradient, vjp
        self.library = _library(name)
        leaves, self.structure = flatten_tree(tuple(args))
        self.leaves = [self.library.numpy(leaf) for leaf in leaves]
        self.chosen = [i for i, leaf in enumerate(self.leaves) if leaf.dtype.kind in "fc"]
        wide = {"f": np.float64, "c": np.complex128}
        self.given = [self.leaves[i].dtype for i in self.chosen]
        self.points: list[Array] = [np.array(self.leaves[i], wide[self.leaves[i].dtype.kind]) for i in self.chosen]
        self.single = False
        if name == "numpy" and (gradient is None) == (vjp is None):
            missing = "a NumPy function needs its derivative: give gradient= or vjp="
            both = "gradient= and vjp= are two ways to give one derivative: give one of them"
            raise located(GradientError(f"check_gradients: {missing if gradient is None else both}"))

    def notes(self, subject: Subject) -> list[str]:
        """In which precision it was called, if not in double."""
        kinds = " and ".join(dict.fromkeys(str(kind) for kind in self.given))
        return [f"called with {kinds}: it takes no double precision"] if self.single else []

    def culprit(self, points: Arrays, order: int) -> None:
        """There is no graph in which to search."""

    def coarse(self) -> str | None:
        """Why its values are too coarse for a numeric derivative, if they are."""
        given = self.values(self.points)
        if any(y.dtype.kind in "fc" and np.finfo(y.dtype).eps > HALF for y in given):
            return f"the function computes in {min((y.dtype for y in given), key=lambda kind: kind.itemsize)}"
        near, far = ([np.asarray(p * (1 + by)) for p in self.points] for by in (FLAT, STEP))
        if all(map(np.array_equal, given, self.values(near))) and not all(map(np.array_equal, given, self.values(far))):
            return f"its values come in steps, as those of half precision do: a change by {FLAT:.0e} does not show"
        return None

    def filled(self, points: Sequence[Any]) -> Tree:
        """The arguments with these points in them."""
        filled: list[Any] = [self.library.array(leaf) for leaf in self.leaves]
        for i, x in zip(self.chosen, points, strict=True):
            filled[i] = x
        return unflatten_tree(self.structure, filled)

    def flat(self, *points: Any) -> list[Any]:
        """The floating-point results for the library's arrays."""
        result = called(self.f, self.filled(points), "the function", self.library.takes)
        return [y for y in flatten_tree(result)[0] if self.library.numpy(y).dtype.kind in "fc"]

    def arrays(self, points: Arrays) -> list[Any]:
        """The library's arrays; in the precision given, if the function takes no other."""
        if self.single and not any(np.iscomplexobj(p) for p in points):
            points = [np.asarray(p, kind) for p, kind in zip(points, self.given, strict=True)]
        return [self.library.array(p) for p in points]

    def values(self, points: Arrays) -> list[Array]:
        """The results as NumPy arrays."""
        with self.library.around(), np.errstate(all="ignore"):
            return [self.library.numpy(y) for y in self.flat(*self.arrays(points))]

    def subject(self, points: Arrays, names: Sequence[str]) -> Subject:
        """The function at a point, if it can be checked there."""
        before = [np.array(p) for p in points]
        try:
            one = self.values(points)
        except GradientError:
            if all(p.dtype == kind for p, kind in zip(points, self.given, strict=True)):
                raise
            self.single = True
            one = self.values(points)
        self._unchanged(points, names)
        check_repeats(one, self.values(before))
        check_finite(one)
        return _ByHand(self, points, names, one) if self.name == "numpy" else _Native(self, self._native, points)

    def _native(self, *points: Any) -> list[Any]:
        return [y for y in flatten_tree(self.f(*self.filled(points)))[0] if _floating(y)]

    def _unchanged(self, points: Arrays, names: Sequence[str]) -> None:
        """Call the function once more and look at what it was given."""
        with self.library.around():
            given = self.arrays(points)
            before = [self.library.numpy(x) for x in given]
            self.flat(*given)
            check_unchanged(names, before, [self.library.numpy(x) for x in given])


def _floating(y: Any) -> bool:
    kind = str(getattr(y, "dtype", np.asarray(y).dtype if isinstance(y, (int, float)) else ""))
    return "float" in kind or "complex" in kind


class _Black:
    """Base: results whose kinks are not known."""

    wide: Callable[[Arrays], list[Array]] | None = None
    takes_cotangent = True

    def __init__(self, points: Arrays, values: Arrays, given: Sequence[np.dtype[Any]], coarsest: float = EPS) -> None:
        self.points, self.values = points, values
        kinds = [*(y.dtype for y in values), *given]
        self.eps = max([coarsest, *(float(np.finfo(kind).eps) for kind in kinds if kind.kind in "fc")])
        self.step = STEP if self.eps <= EPS else 2.0**-3
        self.rounding = 1e3 * self.eps if self.eps <= EPS else 64 * self.eps / self.step

    def kinks(self, direction: Arrays, step: float) -> list[str]:
        """None are known by name."""
        return []


class _ByHand(_Black):
    """A NumPy function and a derivative written by hand."""

    def __init__(self, foreign: Foreign, points: Arrays, names: Sequence[str], values: Arrays) -> None:
        coarsest = SINGLE if _single_inside(foreign, points) else EPS
        super().__init__(points, values, foreign.given if foreign.single else (), coarsest)
        self.foreign, self.names = foreign, names
        self.takes_cotangent = foreign.vjp is not None
        if not self.takes_cotangent:
            _check_scalar(values)
        if all(x.dtype.kind == "f" for x in [*points, *values]) and _analytic(self):
            self.wide = foreign.values

    def run(self, points: Arrays) -> tuple[list[Array], None]:
        """The results."""
        return self.foreign.values(points), None

    def pull(self, cotangents: Arrays) -> Callable[[Arrays], list[Array]]:
        """By the derivative written by hand."""

        def gradients(points: Arrays) -> list[Array]:
            given = self.foreign.arrays(points)
            before = [np.array(x) for x in given]
            found = self._call(given, cotangents)
            check_unchanged(self.names, before, given, "the gradient")
            parts = self._parts(found)
            scale = 1.0 if self.foreign.vjp is not None else cotangents[0]
            return [_cast(scale * np.asarray(g), p) for g, p in zip(parts, self.points, strict=True)]

        check_repeats(gradients(self.points), gradients(self.points))
        return gradients

    def _call(self, given: Sequence[Any], cotangents: Arrays) -> Any:
        args = self.foreign.filled(given)
        if self.foreign.vjp is not None:
            seeds = cotangents[0] if len(cotangents) == 1 else tuple(cotangents)
            return called(self.foreign.vjp, (seeds, *args), "vjp", "a cotangent and NumPy arrays")
        assert self.foreign.gradient is not None
        return called(self.foreign.gradient, args, "gradient", "NumPy arrays")

    def _parts(self, found: Any) -> list[Any]:
        """One array per floating-point argument; those of others are left out."""
        count, total = len(self.points), len(self.foreign.leaves)
        parts = [found] if count == 1 and not isinstance(found, (tuple, list, dict)) else flatten_tree(found)[0]
        if len(parts) == total and total != count:
            parts = [parts[i] for i in self.foreign.chosen]
        given = "a tuple of one per floating-point argument is to be" if count > 1 else "one array is to be"
        if found is None or (len(parts) == count and not all(map(_numbers, parts))):
            kinds = ", ".join("None" if part is None else type(part).__name__ for part in parts) or "None"
            raise located(GradientError(f"check_gradients: the gradient is {kinds} where {given}: return it"))
        if len(parts) != count:
            raise located(
                GradientError(f"check_gradients: the gradient has {len(parts)} parts where {given} ({count} in all)")
            )
        return parts

    def push(self, directions: Arrays) -> None:
        """There is none."""

    def derived(self, mode: str, seeds: Arrays) -> None:
        """There is none."""


def _single_inside(foreign: Foreign, points: Arrays) -> bool:
    """Whether results in double precision are computed in single: all are such numbers, and not only round ones."""
    rng = np.random.default_rng(0)
    round_ = True
    for _ in range(4):
        moved = [np.asarray(p + rng.uniform(-1, 1, p.shape) * 2.0**-10 * np.maximum(np.abs(p), SMALL)) for p in points]
        try:
            found = foreign.values(moved)
        except GradientError:  # outside its domain
            return False
        for y in found:
            parts = np.ravel(y).astype(np.complex128).view(np.float64)
            if not np.array_equal(parts, parts.astype(np.float32), equal_nan=True):
                return False
            round_ = round_ and np.array_equal(parts, parts.astype(np.float16), equal_nan=True)
    return not round_


def _cast(g: Array, point: Array) -> Array:
    """In double precision; complex numbers stay what they are where the argument is real."""
    return np.asarray(g) if g.dtype.kind == "c" and point.dtype.kind == "f" else np.asarray(g, point.dtype)


def _numbers(part: Any) -> bool:
    try:
        return np.asarray(part).dtype.kind in "biufc"
    except ValueError:  # lists of different lengths
        return False


def _check_scalar(values: Arrays) -> None:
    if len(values) != 1 or values[0].shape != ():
        kinds = " and ".join(f"{y.dtype}{list(y.shape)}" for y in values) or "no floating-point number"
        advice = "sum it (and the gradient with it), or give vjp=, which takes a cotangent of the result first"
        raise located(
            GradientError(f"check_gradients: the function gave {kinds} and gradient= is of one real scalar: {advice}")
        )


def _analytic(subject: _ByHand) -> bool:
    """Whether the complex step is a derivative: it must agree with differences along two directions."""
    for seed in range(2):
        rng = np.random.default_rng(seed)
        sizes = [np.maximum(np.abs(p), SMALL) for p in subject.points]
        direction = [rng.uniform(0.5, 1, s.shape) * rng.choice([-1, 1], s.shape) * s for s in sizes]

        def along(t: complex, direction: Arrays = direction) -> Array:
            moved = [np.asarray(p + t * d) for p, d in zip(subject.points, direction, strict=True)]
            return np.concatenate([np.ravel(y) for y in subject.foreign.values(moved)])

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                wide = along(1e-40j)
                if wide.dtype.kind != "c" or not np.allclose(wide.real, along(0.0), 1e-12, 0):
                    return False
                exact = complex_step(along)
        except Exception:
            return False
        noise = subject.eps * np.abs(along(0.0))
        near = central_difference(Line(lambda t: (along(t), None), noise).values, subject.step, noise)
        if not np.all(np.abs(exact.value - near.value) <= 8 * near.error + 1e-9 * np.abs(near.value)):
            return False
    return True


class _Native(_Black):
    """A function of a library that differentiates."""

    def __init__(self, foreign: Foreign, native: Native, points: Arrays, coarsest: float = EPS) -> None:
        self.foreign, self.library, self.native = foreign, foreign.library, native
        super().__init__(points, self._values(points), foreign.given if foreign.single else (), coarsest)

    def _values(self, points: Arrays) -> list[Array]:
        with self.library.around():
            return [self.library.numpy(y) for y in self.native(*self.foreign.arrays(points))]

    def run(self, points: Arrays) -> tuple[list[Array], None]:
        """The results."""
        return self._values(points), None

    def _seeds(self, seeds: Arrays, like: Arrays) -> list[Any]:
        return [self.library.array(np.asarray(s, y.dtype)) for s, y in zip(seeds, like, strict=True)]

    def pull(self, cotangents: Arrays) -> Callable[[Arrays], list[Array]]:
        """By the library's reverse mode."""

        def gradients(points: Arrays) -> list[Array]:
            with self.library.around():
                seeds = self._seeds(cotangents, self.values)
                found = self._differentiated(self.foreign.arrays(points), seeds)
                return [np.asarray(self.library.numpy(g), p.dtype) for g, p in zip(found, self.points, strict=True)]

        return gradients

    def _differentiated(self, points: Sequence[Any], seeds: Sequence[Any]) -> Sequence[Any]:
        try:
            return self.library.reverse(self.native, points, seeds)
        except Exception as error:
            first = str(error).partition("\n")[0].rstrip(".")
            raised = f"{TITLES[self.foreign.name]} cannot differentiate the function, {type(error).__name__}: {first}"
            advice = "compute with its own arrays and functions from the arguments to the result"
            raise located(GradientError(f"check_gradients: {raised}: {advice}")) from error

    def push(self, directions: Arrays) -> Callable[[Arrays], list[Array]] | None:
        """By the library's forward mode, where the function has one."""

        def tangents(points: Arrays) -> list[Array]:
            with self.library.around():
                given = self.foreign.arrays(points)
                seeds = self._seeds(directions, [self.library.numpy(x) for x in given])
                found = self.library.forward(self.native, given, seeds)
                return [self.library.numpy(t) for t in found]

        return tangents if _works(tangents, self.points) else None

    def derived(self, mode: str, seeds: Arrays) -> Subject | None:
        """The derivative as a function, where the library can differentiate it."""
        step = self.library.reverse if mode == "reverse" else self.library.forward
        like = self.values if mode == "reverse" else self.points
        native = self.native

        def function(*points: Any) -> Sequence[Any]:
            return step(native, points, self._seeds(seeds, like))

        def derivative(points: Arrays) -> list[Array]:
            return made.pull([np.ones_like(y) for y in made.values])(points)

        try:
            made = _Native(self.foreign, function, self.points, self.eps)  # computed from what is no finer
        except Exception:
            return None
        return made if _works(derivative, self.points) else None


def _works(function: Callable[[Arrays], Any], points: Arrays) -> bool:
    try:
        function(points)
    except Exception:
        return False
    return True
