"""What NumPy's kernels take, by name: the figures that `Machine.reference` and `Machine.detect` hold.

Measured by ``python -m tests.benchmarks.bench_cost --table`` (the median of three runs) on one core of an AMD EPYC of
family 26 with 1 MiB of L2 and 32 MiB of L3, CPython 3.11, NumPy 2.4, OpenBLAS 0.3.31: as it is, and with NumPy
and OpenBLAS held to AVX2 (``NPY_DISABLE_CPU_FEATURES`` and ``OPENBLAS_CORETYPE=Haswell``), where most of the
transcendental functions have no vector form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["AVX2", "AVX512", "DTYPES", "SPEEDS", "Rate", "Speeds"]

DTYPES = ("float16", "float32", "float64", "complex128")


class Rate(NamedTuple):
    """What a kernel takes: seconds of a call, and of a unit of work in each dtype; 0 for a dtype that it does not take.

    A unit is an element; of sorting, an element times the binary logarithm of the length; of pooling, an
    element of a window; of a name that ends in ``_run``, an inner loop.
    """

    start: float
    half: float
    single: float
    double: float
    complex: float


class Speeds(NamedTuple):
    """What memory and matrix products give.

    Attributes
    ----------
    call
        Seconds of the shortest call of NumPy.
    bandwidth
        Bytes a second, read and written, of an addition in the first, second and third level of cache and in memory.
    fault
        Seconds a byte of memory that is new to the process.
    gemm, thin
        Floating-point operations a second of one core in float32 and float64: of a large square product, and of
        one with 8 columns.
    """

    call: float
    bandwidth: tuple[float, ...]
    fault: float
    gemm: tuple[float, ...]
    thin: tuple[float, ...]

    def better(self, other: Speeds) -> Speeds:
        """The quicker of two measurements, figure by figure."""
        return Speeds(
            min(self.call, other.call),
            tuple(map(max, self.bandwidth, other.bandwidth)),
            min(self.fault, other.fault),
            tuple(map(max, self.gemm, other.gemm)),
            tuple(map(max, self.thin, other.thin)),
        )


SPEEDS = Speeds(280e-9, (155e9, 200e9, 125e9, 45e9), 0.07e-9, (127e9, 62e9), (79e9, 32e9))

# Nanoseconds of a call; then picoseconds of a unit in each of DTYPES, with AVX-512 and with AVX2 alone.
_TABLE: Mapping[str, tuple[int, ...]] = {
    "abs": (301, 53, 84, 157, 550, 53, 83, 155, 517),
    "acos": (301, 278, 288, 778, 24068, 277, 282, 765, 24091),
    "acosh": (301, 437, 410, 1435, 16689, 438, 404, 1429, 16691),
    "add": (301, 3485, 86, 145, 253, 3509, 84, 141, 258),
    "all": (1769, 1042, 119, 167, 307, 1009, 109, 161, 304),
    "any": (1997, 1024, 104, 154, 292, 1017, 102, 149, 294),
    "argmax": (1057, 1467, 45, 92, 0, 1487, 42, 89, 0),
    "argmax_run": (301, 23752, 14921, 16196, 17165, 23451, 14966, 16086, 17094),
    "argmin": (1056, 1368, 42, 88, 0, 1355, 42, 85, 0),
    "argsort": (301, 4809, 3923, 3990, 0, 4745, 3782, 3823, 0),
    "asin": (301, 269, 297, 741, 21914, 255, 278, 722, 21760),
    "asinh": (301, 482, 440, 1278, 23208, 481, 433, 1276, 23450),
    "astype": (329, 1017, 158, 108, 178, 1013, 157, 114, 178),
    "atan": (301, 293, 258, 704, 21157, 293, 257, 697, 20526),
    "atan2": (301, 19925, 384, 1361, 0, 19856, 369, 1346, 0),
    "atanh": (301, 337, 310, 861, 18895, 340, 309, 851, 18592),
    "avg_pool": (30581, 1608, 405, 654, 1552, 1599, 391, 619, 1496),
    "avg_pool_grad": (30002, 2541, 744, 1123, 2213, 2504, 733, 1109, 2171),
    "bitwise_and": (301, 0, 91, 142, 0, 0, 88, 142, 0),
    "bitwise_invert": (301, 0, 73, 109, 0, 0, 76, 109, 0),
    "bitwise_left_shift": (301, 0, 99, 159, 0, 0, 100, 159, 0),
    "bitwise_or": (301, 0, 90, 141, 0, 0, 88, 141, 0),
    "bitwise_right_shift": (301, 0, 99, 185, 0, 0, 99, 186, 0),
    "bitwise_xor": (301, 0, 91, 144, 0, 0, 89, 146, 0),
    "buffered": (301, 0, 278, 243, 391, 0, 276, 230, 332),
    "cbrt": (301, 217, 221, 546, 0, 217, 218, 521, 0),
    "ceil": (301, 5118, 84, 157, 0, 5099, 82, 156, 0),
    "clip": (1282, 6698, 659, 666, 0, 6833, 675, 672, 0),
    "conj": (301, 306, 284, 286, 170, 308, 282, 285, 178),
    "cos": (301, 9603, 425, 7929, 19005, 9596, 420, 7981, 18785),
    "cosh": (301, 256, 287, 599, 20194, 257, 278, 586, 20026),
    "cumulative_prod": (1442, 8550, 2991, 2960, 4297, 8530, 2979, 2971, 4260),
    "cumulative_sum": (1453, 9188, 3004, 3003, 2971, 9131, 2979, 2969, 2971),
    "digamma": (62949, 27831, 25069, 24397, 0, 27126, 24522, 24277, 0),
    "divide": (301, 3928, 104, 276, 2191, 3921, 103, 273, 2189),
    "equal": (301, 1269, 76, 100, 799, 1272, 63, 106, 793),
    "erf": (18258, 5516, 2862, 14563, 0, 5375, 2856, 14210, 0),
    "erfc": (37943, 16628, 14617, 14644, 0, 16723, 14104, 14078, 0),
    "erfinv": (43164, 18459, 16456, 16343, 0, 18243, 15982, 15892, 0),
    "exp": (301, 224, 367, 587, 5268, 226, 358, 555, 5232),
    "exp2": (301, 186, 699, 512, 5452, 185, 697, 590, 5350),
    "expm1": (301, 266, 300, 751, 24339, 269, 302, 733, 24345),
    "floor": (301, 4878, 93, 159, 0, 4849, 91, 153, 0),
    "floor_divide": (301, 14125, 6220, 6463, 0, 14029, 6167, 6287, 0),
    "gather": (301, 915, 913, 1083, 829, 906, 906, 1076, 825),
    "gather_many": (301, 2670, 2656, 2646, 2567, 2660, 2640, 2633, 2550),
    "gather_row": (301, 8194, 8121, 8378, 7833, 8153, 8081, 8429, 7867),
    "greater": (301, 1521, 75, 103, 770, 1482, 73, 100, 756),
    "greater_equal": (304, 1531, 74, 103, 794, 1483, 71, 99, 772),
    "hypot": (304, 6291, 2776, 4513, 0, 6145, 2720, 4339, 0),
    "is_finite": (301, 1030, 84, 137, 534, 1007, 86, 139, 522),
    "is_inf": (301, 1027, 85, 145, 529, 1012, 87, 143, 526),
    "is_nan": (301, 1031, 78, 116, 359, 1007, 76, 116, 349),
    "less": (308, 1467, 74, 102, 778, 1435, 71, 99, 761),
    "less_equal": (305, 1471, 71, 100, 776, 1433, 69, 99, 761),
    "lgamma": (64632, 34162, 33030, 32254, 0, 33523, 32247, 31667, 0),
    "log": (301, 181, 291, 582, 16343, 178, 272, 553, 15933),
    "log10": (301, 183, 215, 639, 16433, 181, 212, 623, 16332),
    "log1p": (301, 322, 290, 626, 9365, 313, 278, 604, 9436),
    "log2": (301, 183, 199, 572, 16514, 181, 188, 556, 16302),
    "logaddexp": (301, 17858, 8745, 11140, 0, 17436, 8550, 10919, 0),
    "logical_and": (301, 2032, 799, 798, 1784, 1980, 780, 782, 1747),
    "logical_not": (301, 1016, 530, 532, 794, 1011, 519, 520, 784),
    "logical_or": (301, 1019, 799, 796, 1546, 1003, 778, 782, 1509),
    "logical_xor": (301, 2025, 799, 801, 1320, 1981, 787, 787, 1311),
    "logsumexp": (7516, 7029, 616, 911, 0, 7046, 615, 884, 0),
    "matmul_item": (301, 31678, 56601, 53756, 55245, 31433, 56554, 53124, 53877),
    "matmul_naive": (301, 4751, 996, 1000, 1124, 4662, 984, 985, 1122),
    "max": (1830, 1843, 48, 79, 0, 1816, 47, 76, 0),
    "max_into_run": (301, 7233, 23084, 24079, 9612, 7128, 22779, 23838, 9606),
    "max_pool": (17132, 8261, 362, 551, 0, 8481, 344, 537, 0),
    "max_pool_grad": (57154, 18523, 2246, 3139, 0, 17996, 2212, 3056, 0),
    "max_pool_select": (55870, 21782, 1781, 2662, 0, 20316, 1760, 2573, 0),
    "max_run": (301, 11549, 38833, 37520, 18460, 11277, 38822, 37266, 18416),
    "maximum": (304, 2055, 87, 141, 1032, 2003, 84, 137, 1011),
    "min": (1819, 1849, 45, 80, 0, 1822, 51, 81, 0),
    "minimum": (304, 2073, 85, 141, 850, 2005, 83, 135, 837),
    "multiply": (304, 3577, 95, 144, 263, 3503, 90, 134, 256),
    "ndtri": (41880, 17565, 15378, 16046, 0, 17904, 14764, 14426, 0),
    "negative": (301, 352, 51, 97, 1071, 342, 50, 96, 1045),
    "not_equal": (301, 1271, 67, 106, 796, 1254, 72, 102, 786),
    "polygamma": (40494, 43911, 42272, 41366, 0, 42370, 39952, 39878, 0),
    "power": (301, 8065, 436, 1316, 28414, 8002, 424, 1277, 27970),
    "prod": (1762, 3027, 756, 760, 4330, 2942, 749, 753, 4262),
    "prod_into_run": (301, 12858, 6718, 6505, 0, 12717, 6833, 6836, 0),
    "prod_run": (301, 15658, 9487, 9618, 7628, 15254, 9391, 9604, 7315),
    "random_bernoulli": (64776, 6758, 7033, 6915, 0, 6770, 6706, 6736, 0),
    "random_bits": (63471, 6637, 6627, 6419, 0, 6421, 6392, 6568, 0),
    "random_exponential": (69454, 8967, 7391, 12843, 0, 9149, 7592, 12924, 0),
    "random_gumbel": (70830, 9389, 8066, 14004, 0, 9664, 8284, 14284, 0),
    "random_int": (76145, 13533, 13795, 13972, 0, 13878, 13744, 13773, 0),
    "random_normal": (75607, 10386, 8849, 22499, 0, 10363, 8650, 22499, 0),
    "random_truncated_normal": (138091, 30084, 29208, 33437, 0, 29966, 28096, 32772, 0),
    "random_uniform": (71231, 17452, 7273, 12988, 0, 17278, 7604, 12902, 0),
    "relu": (558, 1910, 348, 505, 0, 1944, 338, 494, 0),
    "remainder": (301, 16467, 5966, 5917, 0, 16194, 5895, 5902, 0),
    "rint": (301, 4982, 80, 123, 1043, 4893, 81, 125, 1033),
    "run": (301, 2935, 2511, 2839, 2329, 3342, 2612, 3792, 1972),
    "scatter_add": (301, 4789, 787, 766, 1000, 4756, 780, 766, 1008),
    "scatter_add_row": (301, 11609, 7859, 7910, 11405, 11534, 7739, 7641, 10244),
    "searchsorted": (301, 5814, 5764, 5850, 0, 5803, 5773, 5838, 0),
    "segment_max": (11337, 5278, 4229, 4325, 0, 5275, 4274, 4367, 0),
    "segment_min": (11350, 5269, 4270, 4312, 0, 5293, 4291, 4356, 0),
    "segment_prod": (11019, 5829, 4645, 4670, 8495, 5760, 4627, 4701, 8533),
    "segment_sum": (11241, 5270, 4167, 4230, 4760, 5125, 4140, 4225, 4783),
    "sigmoid": (3642, 9870, 1318, 1832, 0, 9698, 1297, 1764, 0),
    "sign": (301, 1275, 368, 530, 3243, 1252, 362, 531, 3043),
    "signbit": (301, 1031, 77, 125, 0, 1010, 76, 118, 0),
    "sin": (301, 228, 424, 7861, 17426, 229, 418, 7702, 17283),
    "sinc": (44111, 364311, 348410, 371378, 0, 360287, 348046, 362040, 0),
    "sinh": (301, 253, 257, 721, 20311, 254, 253, 715, 20103),
    "softplus": (1751, 9627, 1234, 2166, 0, 9608, 1202, 2075, 0),
    "sort": (301, 4207, 3451, 3433, 0, 4143, 3299, 3338, 0),
    "sqrt": (301, 3328, 303, 955, 3128, 3229, 300, 952, 3105),
    "stride": (301, 221, 211, 223, 381, 216, 206, 219, 378),
    "subtract": (309, 3556, 89, 145, 266, 3516, 86, 142, 255),
    "sum": (1789, 1686, 150, 154, 304, 1660, 147, 154, 298),
    "sum_into_run": (301, 28555, 10843, 10819, 10957, 28452, 10845, 10795, 11529),
    "sum_run": (301, 12430, 12633, 12869, 15888, 12488, 12657, 12694, 15965),
    "tan": (301, 297, 277, 925, 14382, 292, 268, 903, 14206),
    "tanh": (301, 329, 196, 833, 22302, 328, 191, 818, 22149),
    "trunc": (301, 5730, 94, 156, 0, 5690, 92, 155, 0),
    "where": (301, 3538, 3703, 3551, 3585, 3303, 3656, 3376, 3597),
}


def _rates(first: int) -> tuple[tuple[str, Rate], ...]:
    """The rows with the four columns from this one."""
    columns = slice(first, first + len(DTYPES))
    return tuple((name, Rate(row[0] * 1e-9, *(unit * 1e-12 for unit in row[columns]))) for name, row in _TABLE.items())


AVX512 = _rates(1)
AVX2 = _rates(1 + len(DTYPES))
