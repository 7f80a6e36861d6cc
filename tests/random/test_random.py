"""Random numbers: the same for the same key however they are computed, and distributed as promised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import erf, exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph import random
from tensorgraph.errors import DTypeError, InputError, ShapeError
from tensorgraph.interpret import evaluate

KEY = random.key(2024)
MANY = 40_000

DRAWS: dict[str, Callable[..., tg.Tensor]] = {
    "bits": random.bits,
    "uniform": lambda key, shape: random.uniform(key, shape, "float32", -2.0, 3.0),
    "uniform64": random.uniform,
    "normal": lambda key, shape: random.normal(key, shape, "float32"),
    "normal64": random.normal,
    "exponential": random.exponential,
    "gumbel": random.gumbel,
    "truncated_normal": lambda key, shape: random.truncated_normal(key, -1.0, 2.0, shape),
    "randint": lambda key, shape: random.randint(key, shape, -5, 70),
    "bernoulli": lambda key, shape: random.bernoulli(key, 0.3, shape),
}


# ---- a function of key and index


@pytest.mark.parametrize("name", DRAWS)
def test_parts_of_a_draw_are_draws_of_parts(name: str) -> None:
    """Row by row, or any run of rows: no tiling changes a number."""
    whole = DRAWS[name](KEY, (7, 3))
    op = whole.node.op
    for start, stop in ((0, 1), (1, 4), (4, 7), (3, 3)):
        part = replace(op, shape=(stop - start, 3), offset=start * 3)
        np.testing.assert_array_equal(part.evaluate(np.asarray(KEY)), np.asarray(whole)[start:stop])


@pytest.mark.parametrize("name", DRAWS)
def test_compiled_symbolic_and_concrete_agree(name: str) -> None:
    key, x = tg.placeholder((2,), "uint32", name="key"), tg.placeholder(("n", 3), name="x")
    drawn = DRAWS[name](key, x.shape)
    assert str(drawn.shape[0]) == "n"
    assert not DRAWS[name](KEY, x.shape).concrete
    kernel = tg.compile([key, x], [drawn])
    (actual,) = kernel(np.asarray(KEY), np.zeros((4, 3)))
    expected = np.asarray(DRAWS[name](KEY, (4, 3)))
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(
        evaluate([drawn.node], {key.node: np.asarray(KEY), x.node: np.zeros((4, 3))})[0], expected
    )


@pytest.mark.parametrize("name", DRAWS)
def test_shape_only_bends_the_numbers(name: str) -> None:
    line = np.asarray(DRAWS[name](KEY, (24,)))
    np.testing.assert_array_equal(np.asarray(DRAWS[name](KEY, (2, 3, 4))).ravel(), line)
    np.testing.assert_array_equal(np.asarray(DRAWS[name](KEY, (5,))), line[:5])
    assert np.asarray(DRAWS[name](KEY, ())) == line[0]
    assert not np.array_equal(np.asarray(DRAWS[name](random.key(2025), (24,))), line)


def test_a_key_may_be_state() -> None:
    state = tg.Parameter(np.asarray(KEY), name="key", trainable=False)
    now, later = random.split(state)
    step = tg.compile([], [random.normal(now, (3,))], updates=[(state, later)])
    (first,), (second,) = (step() for _ in range(2))
    a, b = random.split(KEY)
    np.testing.assert_array_equal(first, random.normal(a, (3,)))
    np.testing.assert_array_equal(second, random.normal(random.split(b)[0], (3,)))


# ---- keys


@given(st.integers(-(2**70), 2**70))
def test_keys_of_seeds(seed: int) -> None:
    low = seed % 2**64
    assert np.asarray(random.key(seed)).tolist() == [low % 2**32, low >> 32]


def test_split_does_not_depend_on_the_count() -> None:
    many = np.asarray(random.split(KEY, 9))
    for count in (1, 2, 5):
        np.testing.assert_array_equal(random.split(KEY, count), many[:count])


@given(st.integers(0, 2**64 - 1))
def test_derived_keys_are_all_different(seed: int) -> None:
    key = random.key(seed)
    keys = [
        *np.asarray(random.split(key, 30)),
        *(np.asarray(random.fold_in(key, i)) for i in range(30)),
        np.asarray(key),
    ]
    assert len({tuple(k.tolist()) for k in keys}) == len(keys)


@pytest.mark.parametrize("derive", ["split", "fold_in"])
def test_draws_of_derived_keys_are_not_correlated(derive: str) -> None:
    keys = list(random.split(KEY, 4)) if derive == "split" else [random.fold_in(KEY, i) for i in range(4)]
    draws = np.stack([np.asarray(random.normal(k, (MANY,))) for k in [KEY, *keys]])
    correlation = np.corrcoef(draws) - np.eye(5)
    assert np.abs(correlation).max() < 4.5 / sqrt(MANY)


def test_fold_in_takes_tensors() -> None:
    step = tg.placeholder((), "int64", name="step")
    (value,) = evaluate([random.fold_in(KEY, step).node], {step.node: np.asarray(7)})
    np.testing.assert_array_equal(value, random.fold_in(KEY, 7))
    np.testing.assert_array_equal(random.fold_in(KEY, -1), random.fold_in(KEY, 2**64 - 1))


# ---- distributions: fixed keys, bounds at four and a half standard errors


def near(sample: np.ndarray, mean: float, deviation: float) -> None:
    assert abs(sample.mean() - mean) < 4.5 * deviation / sqrt(sample.size)


LAWS: dict[str, tuple[Callable[[str], tg.Tensor], Callable[[float], float]]] = {
    "uniform": (lambda dtype: random.uniform(KEY, (MANY,), dtype), lambda x: x),
    "normal": (lambda dtype: random.normal(KEY, (MANY,), dtype), lambda x: (1 + erf(x / sqrt(2))) / 2),
    "exponential": (lambda dtype: random.exponential(KEY, (MANY,), dtype), lambda x: 1 - exp(-x)),
    "gumbel": (lambda dtype: random.gumbel(KEY, (MANY,), dtype), lambda x: exp(-exp(-x))),
    "truncated": (
        lambda dtype: random.truncated_normal(KEY, 0.0, np.inf, (MANY,), dtype),
        lambda x: erf(x / sqrt(2)),
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAWS)
def test_distribution_functions(name: str, dtype: str) -> None:
    """Kolmogorov-Smirnov, at a significance of 1e-5 or so."""
    draw, law = LAWS[name]
    sample = np.sort(np.asarray(draw(dtype)).astype(float))
    expected = np.array([law(x) for x in sample])
    steps = np.arange(MANY + 1) / MANY
    distance = max(np.abs(expected - steps[:-1]).max(), np.abs(expected - steps[1:]).max())
    assert distance * sqrt(MANY) < 2.5


def test_uniform_bounds() -> None:
    x = np.asarray(random.uniform(KEY, (MANY,), "float16", 1.0, 1.5))
    assert x.min() >= 1.0
    assert x.max() < 1.5
    low, high = np.array([0.0, 10.0]), np.array([[11.0], [20.0]])
    y = random.uniform(KEY, (2, 2), "float64", low, high)
    assert ((np.asarray(y) >= low) & (np.asarray(y) < high)).all()
    gradient = tg.grad(lambda low: tg.sum(random.uniform(KEY, (2, 2), "float64", low, high)))(low)
    u = np.asarray(random.uniform(KEY, (2, 2)))
    np.testing.assert_allclose(gradient, (1 - u).sum(0))


def test_integers_and_coins() -> None:
    dice = np.asarray(random.randint(KEY, (MANY,), 1, 7, "int8"))
    assert sorted(set(dice.tolist())) == [1, 2, 3, 4, 5, 6]
    near((dice == 3).astype(float), 1 / 6, sqrt(5) / 6)
    near(np.asarray(random.bernoulli(KEY, 0.2, (MANY,))).astype(float), 0.2, 0.4)
    chances = np.array([0.0, 0.25, 1.0])
    coins = np.asarray(random.bernoulli(KEY, chances, (MANY, 3))).mean(0)
    assert coins[0] == 0
    assert coins[2] == 1
    assert abs(coins[1] - 0.25) < 0.01
    assert random.bernoulli(KEY, chances).shape == (3,)
    whole = np.asarray(random.randint(KEY, (MANY,), -(2**63), 2**63))
    near((whole < 0).astype(float), 0.5, 0.5)


def test_permutations() -> None:
    order = np.asarray(random.permutation(KEY, 50))
    assert sorted(order.tolist()) == list(range(50))
    x = np.arange(20).reshape(4, 5)
    columns = np.asarray(random.permutation(KEY, x, axis=1))
    np.testing.assert_array_equal(np.sort(columns, 1), x)
    np.testing.assert_array_equal(columns - columns[:1], (x - x[:1])[:, :1].repeat(5, 1))
    firsts = [int(random.permutation(k, 3)[0]) for k in random.split(KEY, 300)]
    assert min(firsts.count(i) for i in range(3)) > 65
    n = tg.placeholder(("n",), name="x")
    (value,) = evaluate([random.permutation(KEY, n).node], {n.node: np.arange(9.0)})
    np.testing.assert_array_equal(value, random.permutation(KEY, np.arange(9.0)))


def test_choice() -> None:
    letters = np.array([[10, 11], [20, 21], [30, 31]])
    assert random.choice(KEY, letters, (5, 4)).shape == (5, 4, 2)
    assert random.choice(KEY, letters, (5,), axis=1).shape == (3, 5)
    once = np.asarray(random.choice(KEY, letters, (3,), replace=False))
    np.testing.assert_array_equal(np.sort(once, 0), letters)
    p = np.array([0.5, 0.0, 0.2, 0.3])
    drawn = np.asarray(random.choice(KEY, 4, (MANY,), p=p))
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / MANY, p, atol=0.012)
    assert np.bincount(drawn, minlength=4)[1] == 0
    firsts = np.array(
        [np.asarray(random.choice(k, 3, (2,), replace=False, p=[0.6, 0.3, 0.1])) for k in random.split(KEY, 400)]
    )
    assert (firsts[:, 0] != firsts[:, 1]).all()
    assert abs((firsts[:, 0] == 0).mean() - 0.6) < 0.12


def test_categorical() -> None:
    logits = np.log([0.5, 0.2, 0.3])
    drawn = np.asarray(random.categorical(KEY, logits, shape=(MANY,)))
    np.testing.assert_allclose(np.bincount(drawn) / MANY, [0.5, 0.2, 0.3], atol=0.012)
    assert random.categorical(KEY, np.zeros((4, 3)), axis=0).shape == (3,)
    assert random.categorical(KEY, np.zeros((4, 3)), axis=0, shape=(7, 3)).shape == (7, 3)
    assert random.categorical(KEY, np.zeros((4, 3)), axis=1, shape=(7, 4)).shape == (7, 4)
    assert random.categorical(KEY, [0.0, -np.inf, -log(2)], shape=(5,)).dtype == np.int64


# ---- what is said of bad arguments


def test_errors() -> None:
    for call, error, message in (
        (
            lambda: random.normal([1.0, 2.0]),
            DTypeError,
            "random_normal: float64[2] is no key, which is uint32[2]: make one with random.key(seed)",
        ),
        (lambda: random.key(1.5), DTypeError, "random.key: a seed is an integer, not 1.5"),
        (
            lambda: random.fold_in(KEY, [1]),
            ShapeError,
            "random_fold_in: uint32[2] and int64[1] do not fit: the second operand must be one integer",
        ),
        (
            lambda: random.normal(KEY, (2,), "int32"),
            DTypeError,
            "random.normal: draws real floating-point numbers, not int32",
        ),
        (lambda: random.uniform(KEY, (-1,)), ShapeError, "random.uniform: [-1] has a negative size"),
        (lambda: random.randint(KEY, (), 3, 3), InputError, "random.randint: minval 3 must be less than maxval 3"),
        (
            lambda: random.randint(KEY, (), 0, 300, "uint8"),
            InputError,
            "random.randint: uint8 does not hold the numbers from 0 to 299",
        ),
        (lambda: random.randint(KEY, (), 0, 3, "float32"), DTypeError, "random.randint: draws integers, not float32"),
        (
            lambda: random.truncated_normal(KEY, 1, 1),
            InputError,
            "random.truncated_normal: lower 1 must be less than upper 1",
        ),
        (
            lambda: random.choice(KEY, 3, (4,), replace=False),
            ShapeError,
            "random.choice: 4 cannot be drawn from 3 without replacement",
        ),
        (
            lambda: random.choice(KEY, 3, p=[1.0]),
            ShapeError,
            "random.choice: float64[1] must have one probability for each of 3",
        ),
        (lambda: random.choice(KEY, 0), ShapeError, "random.choice: there must be something to draw from, not 0"),
    ):
        with pytest.raises(error) as caught:
            call()
        text, _, line = str(caught.value).rpartition(" (")
        assert text == message
        assert line.startswith("test_random.py:")
