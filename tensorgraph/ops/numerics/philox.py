"""Counter-based random numbers: each element a function of (key, flat index) alone.

The generator is Philox4x32-10 of J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as
easy as 1, 2, 3", SC 2011. Every function takes a fixed number of 32-bit words per element, so that any tiling gives the
same numbers: elements ``offset .. offset + size`` of a stream are drawn by passing ``offset``.

Counters are ``(index low, index high, 0, purpose)``; the purposes keep streams apart: 0 random bits, 1 `split`,
2 `fold_in`. Keys are ``uint32[2]`` and names follow ``jax.random``.
"""

from __future__ import annotations

import numpy as np


def philox(key: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """Encrypt counters ``uint32[..., 4]`` to as many words: ten rounds of Philox4x32 (Salmon et al. 2011, section 3.3).

    A round multiplies words 0 and 2 by two constants; the high halves, mixed with the other two words and the round's
    key, and the low halves change places. The round's key grows by two Weyl constants.
    """
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    a, b, c, d = (counter[..., i].astype(np.uint64) for i in range(4))
    first, second = int(key[0]), int(key[1])
    for _ in range(10):
        left, right = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (
            (right >> half) ^ b ^ np.uint64(first),
            right & mask,
            (left >> half) ^ d ^ np.uint64(second),
            left & mask,
        )
        first, second = (first + 0x9E3779B9) & 0xFFFFFFFF, (second + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([a, b, c, d], -1).astype(np.uint32)


def philox_blocks(key: np.ndarray, start: int, stop: int, purpose: int) -> np.ndarray:
    """Encrypt the counters ``start .. stop`` of one purpose to ``uint32[stop - start, 4]``."""
    out = np.empty((stop - start, 4), np.uint32)
    for begin in range(start, stop, 8192):
        end = min(begin + 8192, stop)
        index = np.arange(end - begin, dtype=np.uint64) + np.uint64(begin)
        counter = np.zeros((end - begin, 4), np.uint64)
        counter[:, 0] = index & np.uint64(0xFFFFFFFF)
        counter[:, 1] = index >> np.uint64(32)
        counter[:, 3] = purpose
        out[begin - start : end - start] = philox(key, counter)
    return out


def random_bits(key: np.ndarray, shape: tuple[int, ...], offset: int = 0) -> np.ndarray:
    """Draw random 32-bit words; element ``i`` is word ``i % 4`` of block ``i // 4``."""
    size = int(np.prod(shape))
    words = philox_blocks(key, offset // 4, -(-(offset + size) // 4), 0).reshape(-1)
    return words[offset % 4 : offset % 4 + size].reshape(shape)


def random_words(key: np.ndarray, size: int, offset: int) -> np.ndarray:
    """Draw random 64-bit words, two 32-bit words each, the first one low."""
    pairs = random_bits(key, (size, 2), 2 * offset).astype(np.uint64)
    return pairs[:, 0] | (pairs[:, 1] << np.uint64(32))


def random_fraction(key: np.ndarray, size: int, dtype: np.dtype | type, offset: int) -> np.ndarray:
    """Draw multiples of the dtype's epsilon / 2, uniform in [0, 1): every value is exact and 1 is never met."""
    if np.dtype(dtype) == np.float64:
        return (random_words(key, size, offset) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    kept = 11 if np.dtype(dtype) == np.float16 else 24
    bits = random_bits(key, (size,), offset) >> np.uint32(32 - kept)
    return (bits.astype(np.float32) * np.float32(2.0**-kept)).astype(dtype)


def random_uniform(
    key: np.ndarray,
    shape: tuple[int, ...],
    dtype: np.dtype | type,
    low: float = 0.0,
    high: float = 1.0,
    offset: int = 0,
) -> np.ndarray:
    """Draw from the uniform distribution on [low, high)."""
    kind = np.dtype(dtype).type
    fraction = random_fraction(key, int(np.prod(shape)), dtype, offset)
    values = kind(low) + fraction * (kind(high) - kind(low))
    return np.asarray(np.minimum(values, np.nextafter(kind(high), kind(low)))).reshape(shape)


def random_normal(key: np.ndarray, shape: tuple[int, ...], dtype: np.dtype | type, offset: int = 0) -> np.ndarray:
    """Draw from the standard normal distribution.

    Elements ``2 j`` and ``2 j + 1`` are cosine and sine of one Box-Muller pair (G. E. P. Box and M. E. Muller, "A note
    on the generation of random normal deviates", 1958). The radius comes from a fraction in (0, 1], whose logarithm is
    finite: float32 reaches 5.8, float64 8.6.
    """
    size = int(np.prod(shape))
    work = np.float64 if np.dtype(dtype) == np.float64 else np.float32
    start, stop = offset // 2, -(-(offset + size) // 2)
    fraction = random_fraction(key, 2 * (stop - start), work, 2 * start).reshape(-1, 2)
    radius = np.sqrt(work(-2) * np.log(work(1) - fraction[:, 0]))
    angle = work(2 * np.pi) * fraction[:, 1]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(-1)
    return pairs[offset % 2 : offset % 2 + size].reshape(shape).astype(dtype, copy=False)


def random_randint(
    key: np.ndarray, shape: tuple[int, ...], low: int, high: int, dtype: np.dtype | type, offset: int = 0
) -> np.ndarray:
    """Draw integers from [low, high), ``low`` where that is empty: the high half of a 64-bit word times the span.

    The product is made of 32-bit halves. D. Lemire, "Fast random integer generation in an interval", 2019, without its
    rejection, which takes a varying number of words: the bias is at most span / 2**64.
    """
    span = max(high - low, 1)
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    word = random_words(key, int(np.prod(shape)), offset)
    if span >= 1 << 64:
        picked = word
    else:
        span_low, span_high = np.uint64(span & 0xFFFFFFFF), np.uint64(span >> 32)
        word_low, word_high = word & mask, word >> half
        middle = word_high * span_low + ((word_low * span_low) >> half)
        cross = word_low * span_high + (middle & mask)
        picked = word_high * span_high + (middle >> half) + (cross >> half)
    return (picked + np.uint64(low & 0xFFFFFFFFFFFFFFFF)).astype(dtype).reshape(shape)


def random_bernoulli(key: np.ndarray, shape: tuple[int, ...], p: float = 0.5, offset: int = 0) -> np.ndarray:
    """Draw booleans that are True with probability ``p``, to 32 bits; never at 0, always at 1."""
    bound = np.uint64(min(max(round(p * 2.0**32), 0), 1 << 32))
    return np.asarray(random_bits(key, shape, offset) < bound)


def random_exponential(key: np.ndarray, shape: tuple[int, ...], dtype: np.dtype | type, offset: int = 0) -> np.ndarray:
    """Draw from the exponential distribution of mean 1, by minus the logarithm of a fraction in (0, 1]."""
    work = np.float64 if np.dtype(dtype) == np.float64 else np.float32
    fraction = random_fraction(key, int(np.prod(shape)), work, offset)
    return np.asarray(-np.log1p(-fraction), dtype).reshape(shape)


def random_gumbel(key: np.ndarray, shape: tuple[int, ...], dtype: np.dtype | type, offset: int = 0) -> np.ndarray:
    """Draw from the standard Gumbel distribution, by ``-log(-log(u))`` with ``u`` kept off 0."""
    work = np.float64 if np.dtype(dtype) == np.float64 else np.float32
    fraction = random_fraction(key, int(np.prod(shape)), work, offset)
    exponential = -np.log1p(-np.maximum(fraction, np.finfo(work).eps / work(4)))
    return np.asarray(-np.log(exponential), dtype).reshape(shape)


def normal_tail(x: float) -> float:
    """Give the probability that a standard normal exceeds ``x >= 0``, in double accuracy.

    Below 3, G. Marsaglia's series ("Evaluating the normal distribution", J. Stat. Softw. 11, 2004); above,
    Laplace's continued fraction for Mills' ratio.
    """
    if x == np.inf:
        return 0.0
    density = float(np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))
    if x < 3:
        term = total = x
        for k in range(1, 60):
            term *= x * x / (2 * k + 1)
            total += term
        return 0.5 - density * total
    fraction = x
    for k in range(100, 0, -1):
        fraction = x + k / fraction
    return density / fraction


def normal_quantile(tail: np.ndarray) -> np.ndarray:
    """Give the value that a standard normal exceeds with probability ``tail <= 1/2``.

    M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37, 1988.
    """
    central = (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    )
    central_below = (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    )
    near = (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    )
    near_below = (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    )
    far = (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    )
    far_below = (
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    )
    offset = 0.5 - tail
    square = 0.180625 - offset * offset
    depth = np.sqrt(-np.log(np.minimum(tail, 0.1)))
    middle = offset * np.polyval(central, square) / np.polyval(central_below, square)
    outer = np.polyval(near, depth - 1.6) / np.polyval(near_below, depth - 1.6)
    outermost = np.polyval(far, depth - 5.0) / np.polyval(far_below, depth - 5.0)
    return np.where(offset <= 0.425, middle, np.where(depth <= 5.0, outer, outermost))


def random_truncated_normal(
    key: np.ndarray, lower: float, upper: float, shape: tuple[int, ...], dtype: np.dtype | type, offset: int = 0
) -> np.ndarray:
    """Draw from the standard normal distribution between two bounds, by inversion in double precision.

    The interval is mirrored, if need be, to lie on the side where tail probabilities are small and thus accurate.
    """
    mirror = lower + upper < 0
    start, stop = (-upper, -lower) if mirror else (lower, upper)
    most = normal_tail(start) if start >= 0 else 1.0 - normal_tail(-start)
    least = normal_tail(stop) if stop >= 0 else 1.0 - normal_tail(-stop)
    kept = 53 if np.dtype(dtype) == np.float64 else 24
    work = np.float64 if kept == 53 else np.float32
    fraction = random_fraction(key, int(np.prod(shape)), work, offset).astype(np.float64) + 2.0 ** -(kept + 1)
    tail = least + fraction * (most - least)
    values = normal_quantile(np.maximum(np.minimum(tail, 1 - tail), 1e-300))
    values = np.clip(np.where(tail <= 0.5, values, -values), start, stop)
    return (-values if mirror else values).astype(dtype).reshape(shape)


def random_permutation(key: np.ndarray, n: int) -> np.ndarray:
    """Draw a permutation of ``0 .. n``: the order of as many random 64-bit words."""
    return np.argsort(random_words(key, n, 0), kind="stable")


def random_key(seed: int) -> np.ndarray:
    """Make a key of the low 64 bits of a seed."""
    return np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], np.uint32)


def split(key: np.ndarray, n: int = 2) -> np.ndarray:
    """Derive ``n`` independent keys ``uint32[n, 2]``; key ``i`` does not depend on ``n``."""
    return philox_blocks(key, 0, n, 1)[:, :2].copy()


def fold_in(key: np.ndarray, data: int | np.ndarray) -> np.ndarray:
    """Derive the key of one integer, of which the low 64 bits count."""
    index = int(data) & 0xFFFFFFFFFFFFFFFF
    counter = np.array([index & 0xFFFFFFFF, index >> 32, 0, 2], np.uint32)
    return philox(key, counter)[:2].copy()
