"""What a user writes without thinking of overflow is computed as if he had."""

from __future__ import annotations

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.compiler.compile import compile_graph
from tensorgraph.rewrite.tiers import differs_by_laws
from tensorgraph.testing.equivalence import kernel_difference, laws_used

BIG = np.array([[1000.0, -1000.0, 0.0], [-1e-300, 30.0, -40.0]])


def softmax(x: tg.Tensor) -> tg.Tensor:
    return tg.exp(x) / tg.sum(tg.exp(x), axis=1, keepdims=True)


def log_softmax_of(x: np.ndarray) -> np.ndarray:
    x = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def log_one_minus_exp_of(x: np.ndarray) -> np.ndarray:
    z = -abs(x) - 1e-20
    return np.where(z > -1, np.log(-np.expm1(z)), np.log1p(-np.exp(z)))


FORMULAS = {
    "softplus": (lambda x: tg.log(1 + tg.exp(x)), lambda x: np.logaddexp(x, 0)),
    "sigmoid": (lambda x: 1 / (1 + tg.exp(-x)), lambda x: np.exp(-np.logaddexp(-x, 0))),
    "sigmoid as a quotient": (lambda x: tg.exp(x) / (tg.exp(x) + 1), lambda x: np.exp(-np.logaddexp(-x, 0))),
    "log of sigmoid": (lambda x: tg.log(1 / (1 + tg.exp(-x))), lambda x: -np.logaddexp(-x, 0)),
    "log of 1 - sigmoid": (lambda x: tg.log(1 - tg.sigmoid(x)), lambda x: -np.logaddexp(x, 0)),
    "expm1": (lambda x: tg.exp(x) - 1, np.expm1),
    "log1p": (lambda x: tg.log(x * x + 1), lambda x: np.log1p(x * x)),
    "log(1 - exp)": (lambda x: tg.log(1 - tg.exp(-abs(x) - 1e-20)), log_one_minus_exp_of),
    "logsumexp": (
        lambda x: tg.log(tg.sum(tg.exp(x), axis=1)), lambda x: np.logaddexp.reduce(x, axis=1)
    ),
    "log of softmax": (lambda x: tg.log(softmax(x)), log_softmax_of),
    "log of softmax, picked": (lambda x: -tg.log(softmax(x)[:, 1]), lambda x: -log_softmax_of(x)[:, 1]),
    "cross-entropy over softmax": (
        lambda x: -tg.sum(tg.log(softmax(x)) * 0.5, axis=1), lambda x: -np.sum(log_softmax_of(x) * 0.5, axis=1)
    ),
    "cross-entropy over sigmoid": (
        lambda x: -(0.25 * tg.log(tg.sigmoid(x)) + 0.75 * tg.log(1 - tg.sigmoid(x))),
        lambda x: 0.25 * np.logaddexp(-x, 0) + 0.75 * np.logaddexp(x, 0),
    ),
    "hyperbolic tangent": (
        lambda x: (tg.exp(x) - tg.exp(-x)) / (tg.exp(x) + tg.exp(-x)), np.tanh
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name: str) -> None:
    naive, right = FORMULAS[name]
    x = tg.placeholder(("n", 3), "float64", name="x")
    kernel = tg.compile(x, naive(x))
    with np.errstate(all="ignore"):
        expected = right(BIG)
    np.testing.assert_allclose(kernel(BIG), expected, rtol=1e-14, atol=1e-323)
    assert kernel_difference(kernel, [BIG]) is None


@pytest.mark.parametrize("shape", [(), (3, 1), (1, 3)])
def test_log_of_one_minus_exp_of_what_is_repeated(shape: tuple[int, ...]) -> None:
    x = tg.placeholder(shape, "float64", name="x")
    whole = tg.broadcast_to(x, (3, 3))
    kernel = tg.compile(x, tg.log(1 - tg.exp(whole)))
    assert kernel_difference(kernel, [np.full(shape, -1e-20)]) is None


@pytest.mark.parametrize("number", [-0.5, -1e-20, -40.0, 0.25])
def test_log_of_one_minus_exp_of_a_number(number: float) -> None:
    x = tg.placeholder((3,), "float64", name="x")
    kernel = tg.compile(x, tg.log(1 - tg.exp(number * x**0)))
    assert kernel_difference(kernel, [np.ones(3)]) is None


CENTRES = {
    "largest": (lambda x: tg.max(x, axis=1, keepdims=True), False),
    "largest, finite": (lambda x: tg.minimum(tg.max(x, axis=1, keepdims=True), 1e300), False),
    "largest along another axis": (lambda x: tg.max(x, axis=0, keepdims=True), True),
    "largest of all": (lambda x: tg.max(x, axis=(0, 1), keepdims=True), True),
    "largest of others": (lambda x: tg.max(2 * x, axis=1, keepdims=True), True),
    "sum": (lambda x: tg.sum(x, axis=1, keepdims=True), True),
    "column": (lambda x: x[:, :1], True),
    "column, bounded": (lambda x: tg.minimum(x[:, :1], 1e300), True),
}


@pytest.mark.parametrize("name", CENTRES)
def test_sums_of_exponentials_are_centred_unless_they_are(name: str) -> None:
    centre, used = CENTRES[name]
    x = tg.placeholder((2, 3), "float64", name="x")
    kernel = tg.compile(x, tg.log(tg.sum(tg.exp(x - centre(x)), axis=1)))
    assert ("log_sum_exp" in {law.name for law in laws_used(kernel.stages)}) == used
    assert kernel_difference(kernel, [BIG]) is None


REWRITTEN = {
    "repeated": lambda x: tg.broadcast_to(x, (4, *x.shape)),
    "repeated inside": lambda x: tg.broadcast_to(tg.expand_dims(x, -1), (*x.shape, 4)),
    "negated": lambda x: -x,
    "turned": lambda x: x.T,
    "shifted": lambda x: 1.0 - x,
    "summed": lambda x: x + tg.sum(x, axis=-1, keepdims=True),
    "smaller": lambda x: x[:1],
}


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("second", REWRITTEN)
@pytest.mark.parametrize("first", REWRITTEN)
def test_softmax_is_centred_once_whatever_else_laws_make_of_its_argument(first: str, second: str, axis: int) -> None:
    x = tg.placeholder((3, 3), "float64", name="x")
    argument = REWRITTEN[second](REWRITTEN[first](x))
    plain = tg.exp(argument) / tg.sum(tg.exp(argument), axis=axis, keepdims=True)
    kernel = tg.compile(x, [tg.softmax(argument, axis=axis), plain, tg.log(plain)])
    assert (
        kernel_difference(kernel, [np.array([[900.0, -900.0, 0.0], [1e-300, 30.0, -40.0], [0.5, 0.25, 0.0]])]) is None
    )


def test_a_softmax_less_the_largest_of_a_long_sum() -> None:
    x = tg.placeholder((3, 3), "float64", name="x")
    long = x
    for i in range(40):
        long = tg.sin(long) * float(i) + long + x
    kernel = tg.compile(x, tg.softmax(-tg.broadcast_to(long, (4, 3, 3)), axis=0))
    np.testing.assert_array_equal(kernel(np.ones((3, 3))), np.full((4, 3, 3), 0.25))


def test_softmax_of_what_may_be_empty() -> None:
    """It has no largest element then."""
    x = tg.placeholder(("n", 3), "float64", name="x")
    kernel = tg.compile(x, tg.exp(x) / tg.sum(tg.exp(x), axis=(0, 1), keepdims=True))
    assert kernel(np.ones((0, 3))).shape == (0, 3)
    np.testing.assert_allclose(kernel(np.zeros((2, 3))), np.full((2, 3), 1 / 6))


@pytest.mark.parametrize(
    "f",
    [lambda x: x / x, lambda x: x - x, lambda x: 0 * x, lambda x: x * 0 + 1, lambda x: tg.exp(x) / tg.exp(x),
     lambda x: tg.sum(x - x, keepdims=True) + x * 0, lambda x: tg.log(tg.exp(x)) - x],
)  # fmt: skip
def test_no_nan_is_hidden(f) -> None:
    x = tg.placeholder((4,), "float64", name="x")
    values = np.array([0.0, np.inf, -np.inf, np.nan])
    plain = f(tg.asarray(values)).numpy()
    assert np.isnan(plain).any()
    for fast in (False, True):
        found = tg.compile(x, f(x), fast_math=fast)(values)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(plain))


def test_fast_math_is_asked_for() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    y = tg.log(tg.exp(x)) * 3.0 * 0.5
    assert tg.compile(x, y)([1000.0]) == np.inf
    assert tg.compile(x, y, fast_math=True)([1000.0]) == 1500.0
    f = tg.jit(lambda x: tg.log(tg.exp(x)), fast_math=True)
    assert f(np.array([1000.0])).numpy() == 1000.0
    assert tg.jit(lambda x: tg.log(tg.exp(x)))(np.array([1000.0])).numpy() == np.inf


def test_the_stage_says_which_laws_were_used() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    stage = next(s for s in tg.compile(x, tg.log(1 + tg.exp(x))).stages if s.name == "simplify")
    assert {law.name: n for law, n in stage.laws.items()} == {"log_one_plus": 1, "log1p_exp": 1}
    head = str(stage).splitlines()[1:4]
    assert head == ["# log(1 + x) = log1p(x) (stable), 1 times", "# log(1 + exp(x)) = softplus(x) (stable), 1 times",
                    "def graph(x):"]  # fmt: skip


def test_a_wrong_pass_is_no_matter_of_tiers() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    graph = tg.Graph([x.node], [tg.log(1 + tg.exp(x)).node])
    kernel = compile_graph(graph, "kernel", 0)
    laws = kernel.stages[3].laws
    arrays = [np.array([0.5, 1.0, np.nan])]
    assert differs_by_laws(graph, kernel.graph, laws, arrays) is None
    for wrong in (tg.softplus(x) * (1 + 1e-12), tg.softplus(x) + 1e-13, tg.where(x > 0, tg.softplus(x), 0)):
        why = differs_by_laws(graph, tg.Graph([x.node], [wrong.node]), laws, arrays)
        assert why is not None
        assert why.startswith("result 0 at (")


def test_labels_out_of_range_are_refused_and_negative_ones_count_from_the_end() -> None:
    x = tg.placeholder(("n", 3), "float32", name="x")
    labels = tg.placeholder(("n",), "int64", name="labels")
    loss = -tg.mean(tg.log_softmax(x)[tg.arange(x.shape[0]), labels])
    (dx,) = tg.gradients(loss, [x])
    kernel = tg.compile([x, labels], dx)
    assert "[arange, labels] += " in kernel.source  # each row once: no slower way is needed
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(kernel(values, [-1, -3]), kernel(values, [2, 0]))
    assert kernel_difference(kernel, [values, np.array([-1, 1])]) is None
    with pytest.raises(IndexError):
        kernel(values, [0, 3])
