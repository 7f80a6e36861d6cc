"""Special functions by rational approximation, in double accuracy.

float16 and float32 are computed in float64, except that `erf` has a float32 form of its own. Approximations without a
source were made for this file: rational interpolation of the named quotient at Chebyshev nodes in 60-digit arithmetic.
"""

from __future__ import annotations

import numpy as np


def special_wide(x: np.ndarray) -> np.ndarray:
    """Convert to float64, as an array that is never scalar."""
    return np.asarray(x, np.float64)


def special_narrow(value: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Convert a result to the dtype of its argument, float64 for integers."""
    return np.asarray(value).astype(x.dtype if x.dtype.kind == "f" else np.float64, copy=False)


def special_horner(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Evaluate a polynomial whose highest coefficient comes first, in the dtype of ``x``."""
    return special_horner_into(coefficients, x, np.empty_like(x))


def special_horner_into(coefficients: tuple[float, ...], x: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Evaluate a polynomial in memory that is given."""
    np.multiply(x, coefficients[0], total)
    np.add(total, coefficients[1], total)
    for coefficient in coefficients[2:]:
        np.multiply(total, x, total)
        np.add(total, coefficient, total)
    return total


def erf_small(x: np.ndarray) -> np.ndarray:
    """Evaluate erf for ``|x| <= 0.46875``.

    W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23, 1969.
    """
    above = (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    )
    below = (
        1.0,
        2.36012909523441209e1,
        2.44024637934444173e2,
        1.28261652607737228e3,
        2.84423683343917062e3,
    )
    y = np.minimum(np.abs(x), 0.46875)
    square = y * y
    return np.asarray(x * special_horner(above, square) / special_horner(below, square))


def erfc_positive(x: np.ndarray) -> np.ndarray:
    """Evaluate erfc for ``x >= 0.46875``, the square split so that its exponential keeps every digit (Cody 1969)."""
    middle = (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    )
    middle_below = (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    )
    far = (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    )
    far_below = (
        1.0,
        2.56852019228982242e0,
        1.87295284992346725e0,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    )
    y = np.clip(x, 0.46875, 28.0)
    head = np.trunc(y * 16) / 16
    scale = np.exp(-head * head) * np.exp((head - y) * (head + y))
    near = special_horner(middle, y) / special_horner(middle_below, y)
    inverse = 1 / (y * y)
    tail = 0.56418958354775628695 - inverse * special_horner(far, inverse) / special_horner(far_below, inverse)
    return np.asarray(scale * np.where(y <= 4.0, near, tail / y))


def erf_single(
    x: np.ndarray, out: np.ndarray, y: np.ndarray, square: np.ndarray, divisor: np.ndarray, outside: np.ndarray
) -> np.ndarray:
    """Evaluate erf in float32: ``erf(x) / x`` as a rational function of ``x**2`` up to 3.92, whence erf is 1.

    The result goes to ``out``, which may be ``x``; the others are memory beside it.
    """
    above = (
        3.12933146e-9,
        9.89487966e-7,
        3.34829421e-5,
        0.000620869295,
        0.00640257466,
        0.0629612232,
        0.229134293,
        1.12837917,
    )
    below = (
        8.47572379e-8,
        6.76551539e-6,
        0.000149158297,
        0.00213596066,
        0.0207091441,
        0.134597605,
        0.536398265,
        1.0,
    )
    np.absolute(x, square)
    np.greater_equal(square, np.float32(3.92), outside)
    np.clip(x, np.float32(-3.92), np.float32(3.92), y)
    np.multiply(y, y, square)
    ratio = np.divide(special_horner_into(above, square, out), special_horner_into(below, square, divisor), out)
    np.clip(np.multiply(y, ratio, out), -1, 1, out)
    np.copyto(out, np.sign(y, y), where=outside)
    return out


def erf(x: np.ndarray) -> np.ndarray:
    """Evaluate the error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to ``x``."""
    if x.dtype in (np.float16, np.float32):
        single = x.astype(np.float32, copy=False)
        out, y, square, divisor = (np.empty(x.shape, np.float32) for _ in range(4))
        return special_narrow(erf_single(single, out, y, square, divisor, np.empty(x.shape, bool)), x)
    y = special_wide(x)
    outer = np.copysign(1 - erfc_positive(np.abs(y)), y)
    return special_narrow(np.where(np.abs(y) <= 0.46875, erf_small(y), outer), x)


def erfc(x: np.ndarray) -> np.ndarray:
    """Evaluate ``1 - erf(x)`` without cancellation."""
    y = special_wide(x)
    outer = erfc_positive(np.abs(y))
    outer = np.where(y < 0, 2 - outer, outer)
    return special_narrow(np.where(np.abs(y) <= 0.46875, 1 - erf_small(y), outer), x)


def quantile_core(offset: np.ndarray, tail: np.ndarray) -> np.ndarray:
    """Invert the normal distribution from ``p - 1/2`` and ``min(p, 1 - p)``, each exact where it is used.

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
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.minimum(np.abs(offset), 0.425)
        square = 0.180625 - size * size
        inner = offset * special_horner(central, square) / special_horner(central_below, square)
        depth = np.sqrt(-np.log(np.minimum(tail, 0.1)))
        r, s = np.clip(depth - 1.6, 0.0, 3.4), np.clip(depth - 5.0, 0.0, 23.0)
        outer = special_horner(near, r) / special_horner(near_below, r)
        outermost = special_horner(far, s) / special_horner(far_below, s)
    outer = np.where(tail == 0, np.inf, np.where(depth <= 5.0, outer, outermost))
    return np.asarray(np.where(np.abs(offset) <= 0.425, inner, np.copysign(outer, offset)))


def ndtri(p: np.ndarray) -> np.ndarray:
    """Evaluate the inverse of the standard normal distribution function; infinite at 0 and 1, NaN beyond."""
    y = special_wide(p)
    return special_narrow(quantile_core(y - 0.5, np.minimum(y, 1 - y)), p)


def erfinv(x: np.ndarray) -> np.ndarray:
    """Evaluate the inverse of `erf`; infinite at -1 and 1, NaN beyond."""
    y = special_wide(x)
    return special_narrow(quantile_core(y / 2, (1 - np.abs(y)) / 2) * 0.70710678118654752440, x)


def lgamma_positive(x: np.ndarray) -> np.ndarray:
    """Evaluate the logarithm of gamma for ``x >= 0``.

    Its zeros are factored out: ``lgamma(1 + t) / t`` on [-0.3, 0.7] and ``lgamma(2 + t) / t`` on [-0.3, 1] are
    rational approximations. Below 0.7 and from 3 to 8 the recurrence leads there; from 8 on, Stirling's series (NIST
    DLMF 5.11.1).
    """
    one = (
        0.00018541330636773869,
        0.0088260771408033721,
        0.1089723667059444,
        0.53808093273450868,
        1.171944060229867,
        0.85333072125237013,
        -0.70420695918116386,
        -1.399916947287175,
        -0.57721566490153286,
    )
    one_below = (
        4.0172047763863574e-5,
        0.0033882363914599687,
        0.067075377229895237,
        0.54242706538493864,
        2.2011137639824328,
        4.8840221066595567,
        6.0119073921716082,
        3.8501796050361945,
        1.0,
    )
    two = (
        5.4945227064839516e-6,
        0.00045020635934448747,
        0.0097951517351796477,
        0.08922687501859184,
        0.39980549130046124,
        0.91896142622681554,
        1.021816705131019,
        0.42278433509846714,
    )
    two_below = (
        1.080557245027616e-6,
        0.00014532296280065155,
        0.0045378466946246193,
        0.056708180960170339,
        0.34342700668315423,
        1.0712415556300535,
        1.6541522796582,
        1.0,
    )
    stirling = (
        43867 / 244188,
        -3617 / 122400,
        1 / 156,
        -691 / 360360,
        1 / 1188,
        -1 / 1680,
        1 / 1260,
        -1 / 360,
        1 / 12,
    )
    product, y = np.ones_like(x), np.minimum(x, 8.0)
    for _ in range(5):
        high = y > 3
        y = np.where(high, y - 1, y)
        product *= np.where(high, y, 1.0)
    t = np.where(x < 0.7, x, np.clip(x - 1, -0.3, 0.7))
    result = t * special_horner(one, t) / special_horner(one_below, t)
    result = np.where(x < 0.7, result - np.log(x), result)
    t = np.clip(y - 2, -0.3, 1.0)
    result = np.where(x > 1.7, t * special_horner(two, t) / special_horner(two_below, t) + np.log(product), result)
    z = np.maximum(x, 8.0)
    series = special_horner(stirling, 1 / z / z) / z
    result = np.where(x < 8, result, (z - 0.5) * (np.log(z) - 1) + (0.41893853320467274178 + series))
    return np.asarray(result)


def lgamma(x: np.ndarray) -> np.ndarray:
    """Evaluate ``log(abs(gamma(x)))``; infinite at 0, -1, -2 and so on. Below 0 by reflection (NIST DLMF 5.5.3)."""
    y = special_wide(x)
    with np.errstate(all="ignore"):
        positive = lgamma_positive(np.where(y < 0, 1 - y, y))
        sine = np.abs(np.sin(np.pi * (y - np.round(y))))
        result = np.where(y < 0, -np.log(sine / np.pi) - positive, positive)
    return special_narrow(np.where(np.isinf(y), np.inf, result), x)


def digamma_positive(x: np.ndarray) -> np.ndarray:
    """Evaluate the logarithmic derivative of gamma for ``x >= 0``.

    Its zero ``r`` is factored out: ``digamma(x) / (x - r)`` on [1, 2] is a rational approximation in ``x - 3/2``. Below
    1 and from 2 to 10 the recurrence leads there; from 10 on, the asymptotic series (NIST DLMF 5.11.2).
    """
    above = (
        8.8854740456396272e-5,
        0.0051370617723186433,
        0.077049618548557375,
        0.45063782810808408,
        1.1081309317902872,
        0.95105587603183288,
    )
    below = (
        1.5681225379103563e-5,
        0.0014107905243022097,
        0.029837878248190108,
        0.24765453685506994,
        0.938308924472472,
        1.6105871291840671,
        1.0,
    )
    series = (3617 / 8160, -1 / 12, 691 / 32760, -1 / 132, 1 / 240, -1 / 252, 1 / 120, -1 / 12)
    y, steps = np.where(x < 1, x + 1, np.minimum(x, 10.0)), np.where(x < 1, -1 / x, 0.0)
    for _ in range(8):
        high = y > 2
        y = np.where(high, y - 1, y)
        steps += np.where(high, 1 / y, 0.0)
    t = np.where(x < 1, x - 0.5, y - 1.5)
    root = (t + 1.5 - 1.4616321449683622) - 9.549995429965697e-17
    middle = root * special_horner(above, t) / special_horner(below, t) + steps
    z = np.maximum(x, 10.0)
    square = 1 / z / z
    far = np.log(z) - (0.5 / z - square * special_horner(series, square))
    return np.asarray(np.where(x < 10, middle, far))


def digamma(x: np.ndarray) -> np.ndarray:
    """Evaluate the derivative of `lgamma`; NaN at -1, -2 and so on. Below 0 by reflection (NIST DLMF 5.5.4)."""
    y = special_wide(x)
    with np.errstate(all="ignore"):
        positive = digamma_positive(np.where(y < 0, 1 - y, y))
        part = y - np.round(y)
        result = np.where(y < 0, positive - np.pi / np.tan(np.pi * part), positive)
    return special_narrow(np.where((y < 0) & (part == 0), np.nan, result), x)


def zeta_tail(s: int, x: np.ndarray) -> np.ndarray:
    """Sum ``(x + k) ** -s`` over ``k >= 0``, for ``x >= 0``: twelve terms, then Euler-Maclaurin (NIST DLMF 25.11.5)."""
    bernoulli = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
    z = x + 12
    power, factor = z**-s, 1.0
    rest = power * (z / (s - 1) + 0.5)
    power = power / z
    for j, number in enumerate(bernoulli):
        factor *= s / 2 if j == 0 else (s + 2 * j - 1) * (s + 2 * j) / ((2 * j + 1) * (2 * j + 2))
        rest += number * factor * power
        power = power / z / z
    for k in range(11, -1, -1):
        rest += (x + k) ** -s
    return rest


def polygamma(order: int, x: np.ndarray) -> np.ndarray:
    """Evaluate the derivative of `digamma` of an order from 1 on; below 0 only the first, which has a short reflection.

    It is ``(-1) ** (order + 1) * order!`` times the sum of ``(x + k) ** -(order + 1)`` (NIST DLMF 5.15.1 and 5.15.6).
    """
    y = special_wide(x)
    scale = -1.0
    for k in range(1, order + 1):
        scale *= -k
    with np.errstate(all="ignore"):
        positive = np.where(y == np.inf, 0.0, scale * zeta_tail(order + 1, np.where(y < 0, 1 - y, y)))
        sine = np.sin(np.pi * (y - np.round(y)))
        mirrored = (np.pi / sine) ** 2 - positive if order == 1 else np.full_like(y, np.nan)
    return special_narrow(np.where(y < 0, mirrored, positive), x)
