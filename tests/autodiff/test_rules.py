"""Every rule against numeric derivatives, and every operation has a rule or a reason."""

from __future__ import annotations

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.autodiff.rules import NONDIFFERENTIABLE, RULES
from tensorgraph.errors import GradientError
from tensorgraph.interpret import evaluate
from tensorgraph.ir.op import Op
from tensorgraph.ops import all_ops
from tensorgraph.ops.meta import Alias, Override
from tensorgraph.testing import SAMPLES, UNSAMPLED, Sample, check_gradients

OPS = {*all_ops(), Alias, Override}  # these two have no spelling, so the registry leaves them out
DIFFERENTIABLE = [s for op, samples in SAMPLES.items() if op in RULES or op is Override for s in samples]


def arrays(sample: Sample, seed: int = 0) -> tuple[np.ndarray, ...]:
    return sample.draw(np.random.default_rng(seed))


@pytest.mark.parametrize("sample", [s for s in DIFFERENTIABLE if s.differentiable], ids=str)
def test_derivatives_to_second_order(sample: Sample) -> None:
    check_gradients(sample.function, *arrays(sample), order=2)


@pytest.mark.parametrize("op", sorted(RULES, key=lambda op: op.name), ids=lambda op: op.name)
def test_every_rule_is_sampled(op: type[Op]) -> None:
    assert any(sample.differentiable for sample in SAMPLES[op])


@pytest.mark.parametrize("op", sorted(OPS, key=lambda op: op.name), ids=lambda op: op.name)
def test_a_rule_or_a_reason(op: type[Op]) -> None:
    assert (op in RULES) + (op in NONDIFFERENTIABLE) == 1


def test_no_rule_of_something_else() -> None:
    assert {*RULES, *NONDIFFERENTIABLE} <= OPS
    assert all(reason and not reason.endswith(".") for reason in NONDIFFERENTIABLE.values())


@pytest.mark.parametrize(
    "op", sorted(set(NONDIFFERENTIABLE) - set(UNSAMPLED) - {Override}, key=lambda op: op.name), ids=lambda op: op.name
)
def test_nondifferentiable_operations_pass_no_derivative(op: type[Op]) -> None:
    for sample in SAMPLES[op]:
        if not sample.differentiable:
            continue
        operands = [tg.asarray(a) for a in arrays(sample)]
        y = tg.sum(tg.astype(sample.function(*operands), "float64"))
        for x in operands:
            if x.dtype.kind in "fc":
                assert np.all(tg.gradients(y, x, disconnected="zero").numpy() == 0)
                with pytest.raises(GradientError):
                    tg.gradients(y, x)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, 2.5, 1.0, 2.0])
def test_known_exponents(exponent: float) -> None:
    check_gradients(lambda x: x**exponent, np.array([[0.7, 1.3], [2.1, 0.4]]))


@pytest.mark.parametrize("order", range(5))
def test_derivatives_of_sinc(order: int) -> None:
    f = tg.sinc
    for _ in range(order):
        f = tg.grad(f)
    check_gradients(f, 0.8, order=1)
    check_gradients(f, 1e-3, order=1)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_prod_of_any_number_to_third_order(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    values[: count // 2] = 0.0
    check_gradients(tg.prod, values, order=3, modes=["reverse"])


def test_prod_along_a_symbolic_axis() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    derivative = tg.gradients(tg.prod(x), x)
    second = tg.gradients(tg.sum(derivative), x)
    value = np.array([2.0, 0.0, 3.0, 5.0])
    first, both = evaluate([derivative.node, second.node], {x.node: value})
    np.testing.assert_array_equal(first, [0.0, 30.0, 0.0, 0.0])
    known = tg.grad(lambda x: tg.sum(tg.grad(tg.prod)(x)))(tg.asarray(value)).numpy()
    np.testing.assert_allclose(both, known)


COMPOSITES = {
    "softmax": (lambda x: tg.softmax(x, axis=0), (3, 2)),
    "log_softmax": (tg.log_softmax, (2, 3)),
    "mean": (lambda x: tg.mean(x, axis=-1), (2, 3)),
    "var": (lambda x: tg.var(x, axis=0, correction=1), (3, 2)),
    "std": (lambda x: tg.std(x, axis=1, keepdims=True), (2, 3)),
    "norm": (lambda x: tg.vector_norm(x, axis=0), (3, 2)),
    "norm_1": (lambda x: tg.vector_norm(x, ord=1), (3,)),
    "norm_3": (lambda x: tg.vector_norm(x, ord=3), (4,)),
    "norm_inf": (lambda x: tg.vector_norm(x, ord=float("inf")), (4,)),
    "einsum": (lambda x: tg.einsum("ij,kj,jj->ik", x, x, x), (3, 3)),
    "diagonal": (lambda x: tg.einsum("ii->i", x), (3, 3)),
    "tril": (lambda x: tg.tril(x) @ tg.triu(x), (3, 3)),
    "vecdot": (lambda x: tg.vecdot(x, tg.vecdot(x, x[0], axis=-1), axis=0), (3, 2)),
    "outer": (lambda x: tg.outer(x, x), (3,)),
    "tensordot": (lambda x: tg.tensordot(x, x, axes=([1], [0])), (2, 2)),
    "split": (lambda x: tg.split(x, 2)[1] * tg.flip(x)[:2], (4,)),
    "pad_reflect": (lambda x: tg.pad(x, 2, mode="reflect") ** 2, (3,)),
    "pad_wrap": (lambda x: tg.pad(x, 1, mode="wrap") ** 2, (3, 2)),
    "layer_norm": (lambda x: (x - tg.mean(x, -1, keepdims=True)) / tg.std(x, -1, keepdims=True), (2, 3)),
    "nan_to_num": (lambda x: tg.nan_to_num(x) ** 2, (3,)),
    "at_multiply": (lambda x: x.at[1:].multiply(x[:-1]), (3,)),
}


@pytest.mark.parametrize("name", COMPOSITES)
@pytest.mark.parametrize("kind", [float, complex])
def test_composites(name: str, kind: type) -> None:
    f, shape = COMPOSITES[name]
    if kind is complex and name in {"softmax", "log_softmax", "norm_inf"}:
        pytest.skip("takes real numbers")
    rng = np.random.default_rng(3)
    x = rng.normal(size=shape) * (1 + 0.5j if kind is complex else 1)
    check_gradients(f, x if kind is float else x + 1j * rng.normal(size=shape))
