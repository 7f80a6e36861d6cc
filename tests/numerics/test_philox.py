"""Random numbers: published vectors, independence of tiling, and moments under fixed keys."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.ops.numerics.philox import (
    fold_in,
    normal_quantile,
    normal_tail,
    philox,
    random_bernoulli,
    random_bits,
    random_exponential,
    random_gumbel,
    random_key,
    random_normal,
    random_permutation,
    random_randint,
    random_truncated_normal,
    random_uniform,
    split,
)

KEY = random_key(20)
MANY = 200_000
Draw = Callable[[tuple[int, ...], int], np.ndarray]

# Each takes (shape, offset).
STREAMS: dict[str, Draw] = {
    "bits": lambda shape, offset: random_bits(KEY, shape, offset),
    "uniform16": lambda shape, offset: random_uniform(KEY, shape, np.float16, offset=offset),
    "uniform32": lambda shape, offset: random_uniform(KEY, shape, np.float32, -2, 5, offset),
    "uniform64": lambda shape, offset: random_uniform(KEY, shape, np.float64, offset=offset),
    "normal32": lambda shape, offset: random_normal(KEY, shape, np.float32, offset),
    "normal64": lambda shape, offset: random_normal(KEY, shape, np.float64, offset),
    "randint": lambda shape, offset: random_randint(KEY, shape, -5, 100, np.int32, offset),
    "bernoulli": lambda shape, offset: random_bernoulli(KEY, shape, 0.3, offset),
    "exponential": lambda shape, offset: random_exponential(KEY, shape, np.float32, offset),
    "gumbel": lambda shape, offset: random_gumbel(KEY, shape, np.float64, offset),
    "truncated32": lambda shape, offset: random_truncated_normal(KEY, -2, 2, shape, np.float32, offset),
    "truncated64": lambda shape, offset: random_truncated_normal(KEY, 1, 9, shape, np.float64, offset),
}


# The file kat_vectors of Random123, lines "philox4x32 10".
@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_known_answers(counter: list[int], key: list[int], words: list[int]) -> None:
    actual = philox(np.array(key, np.uint32), np.array([counter, counter], np.uint32))
    np.testing.assert_array_equal(actual, np.array([words, words], np.uint32), strict=True)


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_rounds_in_plain_integers(key: int, block: int) -> None:
    a, b, c, d = block & 0xFFFFFFFF, block >> 32, 7, 9
    first, second = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        left, right = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (
            (right >> 32) ^ b ^ first,
            right & 0xFFFFFFFF,
            (left >> 32) ^ d ^ second,
            left & 0xFFFFFFFF,
        )
        first, second = (first + 0x9E3779B9) % (1 << 32), (second + 0xBB67AE85) % (1 << 32)
    counter = np.array([block & 0xFFFFFFFF, block >> 32, 7, 9], np.uint32)
    np.testing.assert_array_equal(philox(random_key(key), counter), np.array([a, b, c, d], np.uint32), strict=True)


@pytest.mark.parametrize("name", STREAMS)
@given(offset=st.one_of(st.integers(0, 50), st.integers(8190 * 4, 8194 * 4)), size=st.integers(0, 40))
def test_any_tiling_gives_the_same_numbers(name: str, offset: int, size: int) -> None:
    stream = STREAMS[name]
    whole = stream((8210 * 4,), 0)
    np.testing.assert_array_equal(stream((size,), offset), whole[offset : offset + size], strict=True)


@pytest.mark.parametrize("name", STREAMS)
def test_shapes(name: str) -> None:
    stream = STREAMS[name]
    flat = stream((24,), 0)
    for shape in [(), (0,), (2, 0, 3), (2, 3, 4)]:
        actual = stream(shape, 0)
        assert isinstance(actual, np.ndarray)
        np.testing.assert_array_equal(actual, flat[: actual.size].reshape(shape), strict=True)


def test_counters_past_32_bits() -> None:
    near, far = random_bits(KEY, (8,), 0), random_bits(KEY, (8,), 1 << 34)
    assert not np.any(near == far)
    np.testing.assert_array_equal(random_bits(KEY, (8,), (1 << 34) - 4)[4:], far[:4])


def test_bits_are_balanced() -> None:
    bits = np.unpackbits(random_bits(KEY, (MANY,)).view(np.uint8)).reshape(MANY, 32)
    assert np.abs(bits.mean(0) - 0.5).max() < 4.5 * 0.5 / MANY**0.5
    assert np.abs(np.corrcoef(bits.T) - np.eye(32)).max() < 4.5 / MANY**0.5


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_uniform(dtype: type) -> None:
    x = random_uniform(KEY, (MANY,), dtype)
    assert x.dtype == dtype
    assert x.min() >= 0
    assert x.max() < 1
    steps = x.astype(float) * 2 / float(np.finfo(dtype).eps)
    np.testing.assert_array_equal(steps, np.round(steps))
    assert np.abs(np.mean(steps % 2) - 0.5) < 4 * 0.5 / MANY**0.5
    counts = np.bincount((x.astype(float) * 64).astype(int), minlength=64)
    chi_square = np.sum((counts - MANY / 64) ** 2 / (MANY / 64))
    assert 63 - 4 * 126**0.5 < chi_square < 63 + 4 * 126**0.5
    x = random_uniform(KEY, (MANY,), dtype, -3, -2.75)
    assert x.min() >= -3
    assert x.max() < -2.75


def moments(x: np.ndarray, mean: float, variance: float) -> None:
    """Within 4 standard errors, taking the fourth moment from the sample."""
    x = x.astype(np.float64).ravel()
    assert abs(x.mean() - mean) < 4 * (variance / x.size) ** 0.5
    squares = (x - mean) ** 2
    assert abs(squares.mean() - variance) < 4 * squares.std() / x.size**0.5


def kolmogorov(x: np.ndarray, distribution: Callable[[np.ndarray], np.ndarray]) -> None:
    """Largest distance to the distribution function below its 1e-4 critical value."""
    expected = distribution(np.sort(x.astype(np.float64).ravel()))
    place = np.arange(x.size)
    distance = max(np.max((place + 1) / x.size - expected), np.max(expected - place / x.size))
    assert distance < 2.23 / x.size**0.5


def normal(x: np.ndarray) -> np.ndarray:
    return np.array([float(mpmath.ncdf(v)) for v in x])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_normal(dtype: type) -> None:
    x = random_normal(KEY, (MANY,), dtype)
    assert x.dtype == dtype
    moments(x, 0, 1)
    moments(x[::2].astype(float) * x[1::2], 0, 1)
    kolmogorov(x[:5000].astype(float), normal)
    assert abs(np.mean(x.astype(float) ** 4) - 3) < 4 * 96**0.5 / MANY**0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponential_and_gumbel(dtype: type) -> None:
    x = random_exponential(KEY, (MANY,), dtype)
    assert x.dtype == dtype
    assert x.min() >= 0
    moments(x, 1, 1)
    kolmogorov(x, lambda v: -np.expm1(-v))
    x = random_gumbel(KEY, (MANY,), dtype)
    assert x.dtype == dtype
    assert np.isfinite(x).all()
    moments(x, np.euler_gamma, np.pi**2 / 6)
    kolmogorov(x, lambda v: np.exp(-np.exp(-v)))


@pytest.mark.parametrize(("lower", "upper"), [(-2.0, 2.0), (-0.5, 3.0), (1.0, np.inf), (4.0, 6.0), (-np.inf, -12.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_truncated_normal(lower: float, upper: float, dtype: type) -> None:
    x = random_truncated_normal(KEY, lower, upper, (4000,), dtype)
    assert x.dtype == dtype
    assert x.min() >= lower
    assert x.max() <= upper
    sign = -1 if lower + upper < 0 else 1
    low, high = sorted((sign * lower, sign * upper))
    most, least = mpmath.ncdf(-low), mpmath.ncdf(-high)
    kolmogorov(sign * x, lambda v: np.array([float((most - mpmath.ncdf(-t)) / (most - least)) for t in v]))


@given(st.floats(0, 37))
def test_tail_and_quantile(x: float) -> None:
    tail = normal_tail(x)
    expected = mpmath.erfc(x / mpmath.sqrt(2)) / 2
    assert abs(tail - expected) <= 1e-12 * expected
    assert abs(normal_quantile(np.array([tail]))[0] - x) <= 1e-11


@pytest.mark.parametrize(("low", "high"), [(0, 6), (-7, 4), (0, 1 << 40), (-(1 << 63), 1 << 63)])
def test_randint(low: int, high: int) -> None:
    x = random_randint(KEY, (MANY,), low, high, np.int64)
    assert x.min() >= low
    assert x.max() < high
    classes = min(high - low, 16)
    counts = np.array([((x.astype(object) - low) * classes // (high - low) == i).sum() for i in range(classes)])
    chi_square = np.sum((counts - MANY / classes) ** 2 / (MANY / classes))
    assert chi_square < classes - 1 + 4 * (2 * (classes - 1)) ** 0.5


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(1, 1 << 64))
def test_randint_is_the_high_half_of_the_product(low: int, span: int) -> None:
    span = min(span, (1 << 63) - low)
    pairs = random_bits(KEY, (10, 2)).astype(object)
    expected = [low + ((int(a) + (int(b) << 32)) * span >> 64) for a, b in pairs]
    assert random_randint(KEY, (10,), low, low + span, np.int64).tolist() == expected


def test_bernoulli() -> None:
    for p in (0.01, 0.5, 0.9):
        x = random_bernoulli(KEY, (MANY,), p)
        assert x.dtype == bool
        assert abs(x.mean() - p) < 4 * (p * (1 - p) / MANY) ** 0.5
    assert not random_bernoulli(KEY, (MANY,), 0.0).any()
    assert random_bernoulli(KEY, (MANY,), 1.0).all()


def test_permutation() -> None:
    for n in (0, 1, 2, 1000):
        np.testing.assert_array_equal(np.sort(random_permutation(KEY, n)), np.arange(n))
    keys = split(KEY, 6000)
    seen = np.array([random_permutation(key, 3) for key in keys])
    _, counts = np.unique(seen, axis=0, return_counts=True)
    assert len(counts) == 6
    assert np.sum((counts - 1000) ** 2 / 1000) < 5 + 4 * 10**0.5


def test_keys() -> None:
    assert random_key(1 + (2 << 32)).tolist() == [1, 2]
    assert random_key(-1).tolist() == [0xFFFFFFFF] * 2
    keys = split(KEY, 1000)
    assert keys.shape == (1000, 2)
    assert keys.dtype == np.uint32
    np.testing.assert_array_equal(keys[:3], split(KEY, 3))
    folded = np.array([fold_in(KEY, i) for i in range(1000)])
    assert folded.dtype == np.uint32
    np.testing.assert_array_equal(fold_in(KEY, np.array(5)), folded[5])
    words = random_bits(KEY, (1000, 4))[:, :2]
    everything = np.concatenate([keys, folded, words, KEY[None]])
    assert len(np.unique(everything, axis=0)) == 3001  # no two streams meet
    streams = np.array([random_uniform(key, (100,), np.float64) for key in keys])
    assert np.abs(np.corrcoef(streams[:100]) - np.eye(100)).max() < 0.55
    moments(streams, 0.5, 1 / 12)


def test_keys_are_not_written() -> None:
    key = random_key(3)
    key.flags.writeable = False
    random_normal(key, (5,), np.float32)
    split(key, 2)
    fold_in(key, 3)
    random_permutation(key, 4)
