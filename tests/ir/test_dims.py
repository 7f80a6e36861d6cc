"""Symbolic sizes: arithmetic, what is decided, text."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable, Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tensorgraph.errors import DimError
from tensorgraph.ir.dims import Dim, DimLike, clamp, dim_key, evaluate_dim, exact_div, parse_dim, same_shape

NAMES = ("a", "b", "batch")
Pair = tuple[DimLike, Callable[[Mapping[str, int]], int]]  # a size, and how to compute it from the symbols

n, m = Dim.symbol("n"), Dim.symbol("m")


def leaves() -> st.SearchStrategy[Pair]:
    def of_name(name: str) -> Pair:
        return Dim.symbol(name), lambda sizes: sizes[name]

    def of_number(number: int) -> Pair:
        return number, lambda sizes: number

    return st.sampled_from(NAMES).map(of_name) | st.integers(-4, 4).map(of_number)


def extend(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def two(symbol: str, left: Pair, right: Pair) -> Pair:
        act = {"+": operator.add, "-": operator.sub, "*": operator.mul}[symbol]
        return act(left[0], right[0]), lambda sizes: act(left[1](sizes), right[1](sizes))

    def by(symbol: str, left: Pair, divisor: int) -> Pair:
        act = {"//": operator.floordiv, "%": operator.mod}[symbol]
        return act(left[0], divisor), lambda sizes: act(left[1](sizes), divisor)

    def clamped(left: Pair) -> Pair:
        return clamp(left[0]), lambda sizes: max(left[1](sizes), 0)

    return (
        st.builds(two, st.sampled_from("+-*"), inner, inner)
        | st.builds(by, st.sampled_from(["//", "%"]), inner, st.integers(1, 5))
        | st.builds(clamped, inner)
    )


PAIRS = st.recursive(leaves(), extend, max_leaves=6)
SIZES = st.fixed_dictionaries({name: st.integers(0, 9) for name in NAMES})


@given(PAIRS, SIZES)
def test_arithmetic_is_that_of_the_numbers(pair: Pair, sizes: dict[str, int]) -> None:
    dim, number = pair
    assert evaluate_dim(dim, sizes) == number(sizes)


@given(PAIRS)
def test_text_reads_back(pair: Pair) -> None:
    assert dim_key(parse_dim(str(pair[0]))) == dim_key(pair[0])


@given(PAIRS, PAIRS, SIZES, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_a_decided_comparison_holds_for_all_sizes(left: Pair, right: Pair, sizes: dict[str, int], sign: str) -> None:
    compare = {
        "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    }[sign]  # fmt: skip
    try:
        decided = compare(left[0], right[0])
    except DimError:
        return
    assert decided == compare(left[1](sizes), right[1](sizes))


@given(PAIRS, SIZES)
def test_bounds_hold(pair: Pair, sizes: dict[str, int]) -> None:
    assume(isinstance(pair[0], Dim))
    assert isinstance(pair[0], Dim)
    low, high = pair[0].bounds()
    assert low is None or low <= pair[1](sizes)
    assert high is None or pair[1](sizes) <= high


@given(PAIRS, PAIRS)
def test_a_product_divides_by_its_factors(left: Pair, right: Pair) -> None:
    assume(dim_key(right[0]) != 0)
    assert dim_key(exact_div(left[0] * right[0], right[0])) == dim_key(left[0])


@given(PAIRS)
def test_pickle_and_copy_give_the_same_size(pair: Pair) -> None:
    dim = pair[0]
    assert dim_key(pickle.loads(pickle.dumps(dim))) == dim_key(dim)
    assert dim_key(copy.deepcopy(dim)) == dim_key(dim)
    assert hash(pickle.loads(pickle.dumps(dim))) == hash(dim)


def test_what_is_decided() -> None:
    assert n == n  # noqa: PLR0124
    assert n + 1 > 0
    assert n >= 0
    assert 2 * n + 1 != 0
    assert n + 1 != n
    assert n != "n"
    assert not n < 0
    assert bool(n + 1)
    assert isinstance(n - n, int)
    assert (2 * n + 4) // 2 == n + 2
    assert (n + 1) * (n - 1) == n * n - 1
    assert same_shape((n, 3), (Dim.symbol("n"), 3))
    assert not same_shape((n, 3), (m, 3))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: n == 3, "n == 3 cannot be decided: it holds for some sizes and not for others"),
        (lambda: n == m, "n == m cannot be decided: it holds for some sizes and not for others"),
        (lambda: n < m, "n < m cannot be decided: it holds for some sizes and not for others"),
        (lambda: bool(n), "n == 0 cannot be decided: it holds for some sizes and not for others"),
        (lambda: int(n), "dimension n has no value yet: it is known when the inputs are"),
        (lambda: range(n), "dimension n has no value yet: it is known when the inputs are"),
        (lambda: n // 0, "n // 0: the divisor must be positive"),
        (lambda: exact_div(n, 2), "n does not divide by 2"),
        (lambda: exact_div(n + 1, m), "n + 1 does not divide by m"),
        (lambda: exact_div(n, 0), "n does not divide by 0"),
        (lambda: Dim.symbol("2n"), "'2n' is no name for a dimension: use a Python identifier such as 'batch'"),
        (lambda: parse_dim("2 n"), "'2 n' is no dimension: use a number, a name, or arithmetic of them"),
        (lambda: parse_dim("f(n)"), "'f(n)' is no dimension: use a number, a name, or arithmetic of them"),
    ],
)
def test_errors(ask: Callable[[], object], message: str) -> None:
    with pytest.raises(DimError) as caught:
        ask()
    assert str(caught.value) == message
