"""Dimensions: an ``int``, or a polynomial in named sizes such as ``2*batch + 1``.

A symbol stands for a size of at least 0. Arithmetic stays exact; a comparison that is not the same
for all sizes raises `DimError` rather than guess.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn, TypeAlias, cast

from tensorgraph.errors import DimError

__all__ = [
    "Dim",
    "DimLike",
    "Shape",
    "clamp",
    "dim_key",
    "evaluate_dim",
    "exact_div",
    "parse_dim",
    "product",
    "rename_dim",
    "same_shape",
]


class _Atom:
    """What a polynomial is made of besides named sizes: a floor division or a clamp at 0."""

    __slots__ = ("divisor", "inner", "text")

    def __init__(self, inner: Dim, divisor: int | None) -> None:
        self.inner = inner
        self.divisor = divisor  # None: max(inner, 0)
        self.text = f"max({inner}, 0)" if divisor is None else f"({inner})//{divisor}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Atom) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[object, ...]:
        return _Atom, (self.inner, self.divisor)


Factor: TypeAlias = "str | _Atom"
Monomial: TypeAlias = "tuple[Factor, ...]"
DimLike: TypeAlias = "int | Dim"
Shape: TypeAlias = "tuple[DimLike, ...]"


def _make(terms: Mapping[Monomial, int]) -> DimLike:
    """The polynomial of these terms; an ``int`` where nothing symbolic is left."""
    kept = {m: c for m, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Dim(tuple(sorted(kept.items(), key=lambda t: (-len(t[0]), tuple(map(str, t[0]))))))


def _terms(value: DimLike) -> dict[Monomial, int]:
    return dict(value.terms) if isinstance(value, Dim) else {(): int(value)}


class Dim:
    """A symbolic dimension: a polynomial with integer coefficients in named sizes.

    Made by naming it (``Dim.symbol("batch")``, or the string in a shape) and by arithmetic with
    ``+ - * // %``; an operation whose result is a plain number gives an ``int``.

    Raises
    ------
    DimError
        By comparisons that have no answer valid for every size, and by ``int()``.

    Examples
    --------
    >>> n = Dim.symbol("n")
    >>> (2 * n + 4) // 2
    n + 2
    >>> n + 1 > 0
    True
    """

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms

    @staticmethod
    def symbol(name: str) -> Dim:
        """The size called `name`, a Python identifier."""
        if not name.isidentifier() or keyword.iskeyword(name):
            raise DimError(f"{name!r} is no name for a dimension: use a Python identifier such as 'batch'")
        return Dim((((name,), 1),))

    # ---- arithmetic
    def __add__(self, other: DimLike) -> DimLike:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        total = dict(self.terms)
        for monomial, c in _terms(other).items():
            total[monomial] = total.get(monomial, 0) + c
        return _make(total)

    __radd__ = __add__

    def __neg__(self) -> DimLike:
        return _make({m: -c for m, c in self.terms})

    def __sub__(self, other: DimLike) -> DimLike:
        return self + (-other)

    def __rsub__(self, other: DimLike) -> DimLike:
        return -self + other

    def __mul__(self, other: DimLike) -> DimLike:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        product: dict[Monomial, int] = {}
        for m, c in self.terms:
            for n, d in _terms(other).items():
                key = tuple(sorted(m + n, key=str))
                product[key] = product.get(key, 0) + c * d
        return _make(product)

    __rmul__ = __mul__

    def __floordiv__(self, other: DimLike) -> DimLike:
        if isinstance(other, Dim):
            return exact_div(self, other)
        if other <= 0:
            raise DimError(f"{self} // {other}: the divisor must be positive")
        whole = {m: c // other for m, c in self.terms if c % other == 0 or not m}
        rest = _make({m: c % other if not m else c for m, c in self.terms if c % other})
        quotient = _make(whole)
        return quotient + (_make({(_Atom(rest, other),): 1}) if isinstance(rest, Dim) else rest // other)

    def __rfloordiv__(self, other: int) -> DimLike:
        return exact_div(other, self)

    def __mod__(self, other: int) -> DimLike:
        return self - other * (self // other)

    # ---- comparison: exact or an error
    def bounds(self) -> tuple[int | None, int | None]:
        """The least and greatest value over all sizes; None where there is none or it is not known."""
        low: int | None = 0
        high: int | None = 0
        for monomial, c in self.terms:
            least, most = (c, c) if not monomial else _monomial_bounds(monomial, c)
            low = None if low is None or least is None else low + least
            high = None if high is None or most is None else high + most
        return low, high

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dim) and self.terms == other.terms:
            return True
        if not isinstance(other, (int, Dim)):
            return False
        difference = self - other
        if isinstance(difference, int):
            return difference == 0
        low, high = difference.bounds()
        if (low is not None and low > 0) or (high is not None and high < 0):
            return False
        return self._undecided("==", other)

    def __hash__(self) -> int:
        return hash(self.terms)

    def __lt__(self, other: DimLike) -> bool:
        difference = self - other
        if isinstance(difference, int):
            return difference < 0
        low, high = difference.bounds()
        if high is not None and high < 0:
            return True
        if low is not None and low >= 0:
            return False
        return self._undecided("<", other)

    def __gt__(self, other: DimLike) -> bool:
        difference = other - self
        return difference < 0

    def __le__(self, other: DimLike) -> bool:
        return not self > other

    def __ge__(self, other: DimLike) -> bool:
        return not self < other

    def __bool__(self) -> bool:
        return self != 0

    def __index__(self) -> int:
        raise DimError(f"dimension {self} has no value yet: it is known when the inputs are")

    __int__ = __index__

    def _undecided(self, sign: str, other: object) -> NoReturn:
        raise DimError(f"{self} {sign} {other} cannot be decided: it holds for some sizes and not for others")

    # ---- text
    def __str__(self) -> str:
        parts: list[str] = []
        for monomial, c in self.terms:
            alone = len(monomial) == 1 and (c == 1 or (c == -1 and bool(parts)))  # else // would bind too late
            names = [f"({f})" if isinstance(f, _Atom) and f.divisor and not alone else str(f) for f in monomial]
            size = "*".join(names if names and abs(c) == 1 else [str(abs(c)), *names])
            parts.append((" - " if c < 0 else " + ") + size)
        text = "".join(parts)
        return text[3:] if text.startswith(" + ") else "-" + text[3:]

    __repr__ = __str__

    def symbols(self) -> Iterator[str]:
        """Names of the sizes it depends on, in order, perhaps more than once."""
        for monomial, _ in self.terms:
            for factor in monomial:
                if isinstance(factor, str):
                    yield factor
                else:
                    yield from factor.inner.symbols()

    def __reduce__(self) -> tuple[object, ...]:
        return Dim, (self.terms,)


def _monomial_bounds(monomial: Monomial, c: int) -> tuple[int | None, int | None]:
    """Bounds of ``c * monomial``: every factor is at least 0 unless it is a quotient of something negative."""
    for factor in monomial:
        if isinstance(factor, _Atom) and factor.divisor is not None:
            low = factor.inner.bounds()[0]
            if low is None or low < 0:
                return None, None
    return (0, None) if c > 0 else (None, 0)


def clamp(value: DimLike) -> DimLike:
    """``max(value, 0)``."""
    if isinstance(value, int):
        return max(value, 0)
    low, high = value.bounds()
    if low is not None and low >= 0:
        return value
    if high is not None and high <= 0:
        return 0
    return _make({(_Atom(value, None),): 1})


def exact_div(value: DimLike, divisor: DimLike) -> DimLike:
    """``value / divisor`` where it is whole for all sizes; else `DimError`."""
    if isinstance(divisor, int):
        if isinstance(value, int):
            if divisor and value % divisor == 0:
                return value // divisor
        elif divisor and all(c % divisor == 0 for _, c in value.terms):
            return _make({m: c // divisor for m, c in value.terms})
        raise DimError(f"{value} does not divide by {divisor}")
    quotient: DimLike = 0
    rest = value
    while dim_key(rest) != 0:  # long division: terms are in graded order, so the first one leads
        step = _ratio(rest.terms[0] if isinstance(rest, Dim) else ((), rest), divisor.terms[0])
        if step is None:
            raise DimError(f"{value} does not divide by {divisor}")
        quotient, rest = quotient + step, rest - step * divisor
    return quotient


def _ratio(term: tuple[Monomial, int], by: tuple[Monomial, int]) -> DimLike | None:
    """One term divided by another, if that is whole."""
    left = list(term[0])
    for factor in by[0]:
        if factor not in left:
            return None
        left.remove(factor)
    return _make({tuple(left): term[1] // by[1]}) if term[1] % by[1] == 0 else None


def product(sizes: Iterable[DimLike]) -> DimLike:
    """The product of sizes; 1 of none."""
    total: DimLike = 1
    for size in sizes:
        total = total * size
    return total


def dim_key(value: DimLike) -> object:
    """A key that is equal only for the same dimension, and never raises."""
    return value.terms if isinstance(value, Dim) else value


def same_shape(left: Shape, right: Shape) -> bool:
    """Whether two shapes are the same, symbol for symbol; an undecided comparison is False."""
    if left is right:
        return True
    return len(left) == len(right) and all(
        (a is b) or dim_key(a) == dim_key(b) for a, b in zip(left, right, strict=True)
    )


def evaluate_dim(value: DimLike, sizes: Mapping[str, int]) -> int:
    """The number a dimension is for these sizes."""
    if not isinstance(value, Dim):
        return value
    total = 0
    for monomial, c in value.terms:
        product = c
        for factor in monomial:
            if isinstance(factor, str):
                product *= sizes[factor]
            else:
                inner = evaluate_dim(factor.inner, sizes)
                product *= max(inner, 0) if factor.divisor is None else inner // factor.divisor
        total += product
    return total


def rename_dim(value: Dim, names: Mapping[str, str]) -> Dim:
    """The dimension with some of its sizes called otherwise."""

    def renamed(factor: Factor) -> Factor:
        if isinstance(factor, str):
            return names.get(factor, factor)
        return _Atom(rename_dim(factor.inner, names), factor.divisor)

    terms = {tuple(sorted(map(renamed, monomial), key=str)): c for monomial, c in value.terms}
    return cast(Dim, _make(terms))


def parse_dim(text: str) -> DimLike:
    """Read a dimension back from its text.

    Examples
    --------
    >>> parse_dim("2*batch + 1")
    2*batch + 1
    """
    try:
        return _read(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError:
        raise DimError(f"{text!r} is no dimension: use a number, a name, or arithmetic of them") from None


def _read(tree: ast.expr) -> DimLike:
    match tree:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return Dim.symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_read(operand)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _read(left) + _read(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _read(left) - _read(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _read(left) * _read(right)
        case ast.BinOp(left=left, op=ast.FloorDiv(), right=right):
            return _read(left) // _read(right)
        case ast.Call(func=ast.Name(id="max"), args=[inner, ast.Constant(value=0)]):
            return clamp(_read(inner))
    raise DimError(f"{ast.unparse(tree)!r} is no dimension: use a number, a name, or arithmetic of them")
