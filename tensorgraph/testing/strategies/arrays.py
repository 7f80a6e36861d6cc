"""Values of tensors: by domain of numbers, and by how they lie in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, frexp, prod
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from tensorgraph.ir.types import Array
from tensorgraph.testing.draws import laid_out
from tensorgraph.testing.strategies.shapes import Shape, check_shape, dtypes, impossible, read_dtype, shapes

__all__ = ["LAYOUTS", "VALUES", "tensors"]

Bounds: TypeAlias = "tuple[float | None, float | None]"
VALUES = ("ordinary", "smooth", "extreme", "kinks", "special", "repeated")
LAYOUTS = ("contiguous", "strided", "reversed", "transposed", "read-only")


def tensors(
    dtype: Any = None,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    *,
    values: str | Sequence[str] = "ordinary",
    layouts: str | Sequence[str] = LAYOUTS,
    low: float | None = None,
    high: float | None = None,
    unique: bool = False,
) -> st.SearchStrategy[Array]:
    """Arrays to make tensors of or to feed to kernels; they shrink to zeros in row-major order.

    Parameters
    ----------
    dtype
        A data type, or a strategy of them; any by default.
    shape
        A shape, or a strategy of them; small ones by default, some without axes and some without elements.
    values
        One or several of: ``"ordinary"`` numbers of few digits; ``"smooth"`` ones at least 1/8 from every
        integer and from every half; ``"extreme"`` very large, very small and
        denormal ones; ``"kinks"`` on and beside 0, 1/2 and 1; ``"special"`` zeros of both signs, infinities and
        NaN; ``"repeated"`` few different ones.
    layouts
        How they lie in memory, one or several of `LAYOUTS`.
    low, high
        Bounds of ordinary and smooth numbers.
    unique
        Whether all elements differ (of ordinary and smooth numbers only).

    Raises
    ------
    InputError
        If nothing fits.

    Examples
    --------
    >>> from hypothesis import find
    >>> found = find(tensors("float32", (2,)), lambda a: True)
    >>> found.dtype, found.shape
    (dtype('float32'), (2,))
    """
    wanted, lying = several("tensors", "values", values, VALUES), several("tensors", "layouts", layouts, LAYOUTS)
    if not all(map(_bounds_nothing_or_is_finite, (low, high))):
        raise impossible("tensors", f"low={low}, high={high}", "bounds are finite numbers, or None")
    if low is not None and high is not None and low > high:
        raise impossible("tensors", f"low={low} is more than high={high}", "raise high or lower low")
    if unique and set(wanted) - {"ordinary", "smooth"}:
        raise impossible("tensors", f"unique=True with values={values!r}", "ask for ordinary or smooth numbers")
    form = shapes() if shape is None else shape
    if not isinstance(form, st.SearchStrategy):
        form = st.just(check_shape("tensors", form))
    bounds = (low, high)
    if dtype is None or isinstance(dtype, st.SearchStrategy):
        return _arrays(dtypes() if dtype is None else dtype, form, wanted, lying, bounds, unique)
    kind = read_dtype("tensors", dtype)
    for domain in wanted:
        _numbers(kind, domain, bounds)  # raises here, not where the first example is drawn
        if unique and shape is not None and not isinstance(shape, st.SearchStrategy):
            _check_room(kind, domain, bounds, prod(shape))
    return _arrays(st.just(kind), form, wanted, lying, bounds, unique)


def _bounds_nothing_or_is_finite(bound: Any) -> bool:
    return bound is None or (isinstance(bound, (Real, np.number)) and bool(np.isfinite(float(bound))))


def several(strategy: str, name: str, given: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """One or several of what is known, as a tuple."""
    found = (given,) if isinstance(given, str) else tuple(given)
    wrong = [item for item in found if item not in known]
    if wrong or not found:
        what = f"{name} has no {wrong[0]!r}" if wrong else f"{name} is empty"
        raise impossible(strategy, what, f"use some of {', '.join(known)}")
    return found


@st.composite
def _arrays(
    draw: st.DrawFn,
    kinds: st.SearchStrategy[Any],
    forms: st.SearchStrategy[Shape],
    values: tuple[str, ...],
    layouts: tuple[str, ...],
    bounds: Bounds,
    unique: bool,
) -> Array:
    dtype = read_dtype("tensors", draw(kinds))
    shape = draw(forms)
    domain = draw(st.sampled_from(values))
    number = _numbers(dtype, domain, bounds)
    size = prod(shape)
    if unique:
        _check_room(dtype, domain, bounds, size)
    if size > 64 and not unique:  # one draw per element would be slow, and would not shrink either
        some = draw(st.lists(number, min_size=7, max_size=7))
        flat = np.resize(np.array(some, dtype), size)
    else:
        flat = np.array(draw(st.lists(number, min_size=size, max_size=size, unique=unique)), dtype)
    array = flat.reshape(shape)
    return _lying(array, draw(st.sampled_from(layouts)))


def _lying(array: Array, layout: str) -> Array:
    if layout != "read-only":
        return laid_out(array, layout)
    array.flags.writeable = False
    return array


@lru_cache(maxsize=512)  # strategies are slow to make, and many arrays are of few types
def _numbers(dtype: np.dtype[Any], domain: str, bounds: Bounds) -> st.SearchStrategy[Any]:
    if dtype.kind == "b":
        return st.booleans()
    if dtype.kind in "iu":
        return _integers(dtype, domain, bounds)
    real = np.zeros(0, dtype).real.dtype
    part = _reals(real, domain, bounds)
    if dtype.kind == "f":
        return part
    return st.builds(complex, part, part)


def _integers(dtype: np.dtype[Any], domain: str, bounds: Bounds) -> st.SearchStrategy[int]:
    info = np.iinfo(dtype)
    if domain in {"extreme", "special"}:
        return st.sampled_from(sorted({0, 1, info.max, info.min, info.max - 1}))
    if domain in {"kinks", "repeated"}:
        return st.sampled_from([0, 1, 2])
    return st.integers(*_whole(dtype, bounds))


def _whole(dtype: np.dtype[Any], bounds: Bounds) -> tuple[int, int]:
    """The least and the greatest integer within bounds."""
    info = np.iinfo(dtype)
    least = -8 if bounds[0] is None else ceil(bounds[0])
    most = max(least, 0) + 8 if bounds[1] is None else floor(bounds[1])
    if bounds[0] is None:
        least = min(least, most - 8)
    found = max(least, int(info.min)), min(most, int(info.max))
    if found[0] > found[1]:
        raise impossible("tensors", f"there is no {dtype} from {least} to {most}", "widen the bounds")
    return found


def _reals(dtype: np.dtype[Any], domain: str, bounds: Bounds) -> st.SearchStrategy[float]:
    if domain in {"ordinary", "smooth"}:
        return _Grid(dtype, domain, bounds).numbers()
    info = np.finfo(dtype)
    tables: Mapping[str, Sequence[float]] = {
        "extreme": [0.0, 1.0, info.max, -info.max, info.tiny, -info.tiny, info.smallest_subnormal, info.max / 4,
                    float(np.sqrt(info.max)), float(np.sqrt(info.tiny))],
        "kinks": [k + s for k in (0.0, 1.0, -1.0, 0.5, -0.5) for s in (0.0, float(info.eps), -float(info.eps))],
        "special": [0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, info.smallest_subnormal, -info.smallest_subnormal],
        "repeated": [0.0, 1.0, -1.5],
    }  # fmt: skip
    return st.sampled_from([float(x) for x in tables[domain]])


class _Grid:
    """Numbers of few digits, all of them exact: multiples of 1/32, or of more where those of a dtype lie wider apart.

    Smooth ones are at least 1/8 from every integer and every half.
    """

    def __init__(self, dtype: np.dtype[Any], domain: str, bounds: Bounds) -> None:
        low = (-4.0 if bounds[1] is None else min(-4.0, bounds[1] - 4.0)) if bounds[0] is None else float(bounds[0])
        high = max(low, 0.0) + 4.0 if bounds[1] is None else float(bounds[1])
        info = np.finfo(dtype)
        self.smooth = domain == "smooth"
        reach = 2.0**info.nmant / 2 - 1 / 4 if self.smooth else float(info.max)  # beyond, there is no fourth any more
        least, greatest = max(low, -reach), min(high, reach)
        exponent = frexp(min(max(abs(least), abs(greatest)), reach))[1]
        self.step = max(1 / 32, 2.0 ** (exponent - 1 - info.nmant))  # how far apart the largest ones are
        self.period = max(round(1 / (2 * self.step)), 1)  # steps from a half to the next
        self.first, self.last = (
            ceil(Fraction(least) / Fraction(self.step)),
            floor(Fraction(greatest) / Fraction(self.step)),
        )
        if not self.smooth and self.first > self.last:
            what = dtype if self.step > 1 / 32 else "multiple of 1/32"
            raise impossible("tensors", f"there is no {what} from {low} to {high}", "widen the bounds")
        if not self.count():
            why = f"no {dtype} from {low} to {high} is away from integers and halves"
            raise impossible("tensors", why, "widen the bounds")

    def _away(self, k: int) -> bool:
        return min(k % self.period, -k % self.period) * self.step >= 1 / 8

    def count(self) -> int:
        """How many numbers there are."""
        total = max(self.last - self.first + 1, 0)
        if not self.smooth:
            return total
        whole, rest = divmod(total, self.period)
        in_period = sum(map(self._away, range(self.period)))
        return whole * in_period + sum(self._away(self.first + k) for k in range(rest))

    def numbers(self) -> st.SearchStrategy[float]:
        """They shrink to zero."""
        steps = st.integers(self.first, self.last)
        return (steps.filter(self._away) if self.smooth else steps).map(lambda k: k * self.step)


def _check_room(dtype: np.dtype[Any], domain: str, bounds: Bounds, size: int) -> None:
    """Refuse more different elements than there are."""
    if dtype.kind in "iu":
        least, most = _whole(dtype, bounds)
        count = most - least + 1
    elif dtype.kind == "b":
        count = 2
    else:
        real = np.zeros(0, dtype).real.dtype
        count = _Grid(real, domain, bounds).count() ** (2 if dtype.kind == "c" else 1)
    if size > count:
        what = f"unique=True, but of {domain} {dtype} there are {count} and the array has {size} elements"
        raise impossible("tensors", what, "widen the bounds or ask for fewer elements")
