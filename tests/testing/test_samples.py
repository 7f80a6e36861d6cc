"""Every operation has samples; they are inside its domain and apply it."""

from __future__ import annotations

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.ir.node import topological
from tensorgraph.ir.op import Domain, Interval, Op
from tensorgraph.ops import all_ops
from tensorgraph.ops.elementwise import Add, Where
from tensorgraph.testing import SAMPLES, UNSAMPLED, Sample, samples_of
from tensorgraph.testing.draws import CLEAR, LAYOUTS, between_integers, draw_operands, laid_out
from tensorgraph.testing.samples import ELEMENTWISE

EVERY = [sample for samples in SAMPLES.values() for sample in samples]


@pytest.mark.parametrize("op", all_ops(), ids=lambda op: op.name)
def test_samples_or_a_reason(op: type[Op]) -> None:
    assert (op in SAMPLES) + (op in UNSAMPLED) == 1


def test_labels_tell_samples_apart() -> None:
    labels = [str(sample) for sample in EVERY]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("sample", EVERY, ids=str)
def test_the_operation_is_applied(sample: Sample) -> None:
    operands = sample.draw(np.random.default_rng(1))
    result = sample.function(*map(tg.asarray, operands))
    assert sample.op in {type(node.op) for node in topological([result.node])}
    assert result.numpy().shape == result.shape


@pytest.mark.parametrize("sample", EVERY, ids=str)
def test_draws_are_reproducible(sample: Sample) -> None:
    one, two = (sample.draw(np.random.default_rng(5)) for _ in range(2))
    assert [a.tobytes() for a in one] == [b.tobytes() for b in two]


def inside(values: np.ndarray, interval: Interval) -> bool:
    real = np.real(values)
    if interval.open:
        return bool(np.all((real > interval.low) & (real < interval.high)))
    return bool(np.all((real >= interval.low) & (real <= interval.high)))


@pytest.mark.parametrize("op", sorted(set(ELEMENTWISE) - {Where}, key=lambda op: op.name), ids=lambda op: op.name)
def test_operands_are_inside_the_domain(op: type[Op]) -> None:
    for sample in samples_of(op):
        if sample.label == "hostile":
            continue
        for seed in range(5):
            operands = sample.draw(np.random.default_rng(seed))
            assert all(inside(a, op.domain.interval(i)) for i, a in enumerate(operands)), str(sample)
            assert all(a.dtype.kind in op.domain.kinds for a in operands), str(sample)


@pytest.mark.parametrize("op", sorted(ELEMENTWISE, key=lambda op: op.name), ids=lambda op: op.name)
def test_every_kind_of_shape_is_sampled(op: type[Op]) -> None:
    drawn = [sample.draw(np.random.default_rng(0)) for sample in samples_of(op)]
    shapes = [a.shape for operands in drawn for a in operands]
    floating = any(k in op.domain.kinds for k in "fc")
    assert any(0 in shape for shape in shapes)
    assert any(1 in shape for shape in shapes) or not floating
    assert () in shapes or not floating
    assert any(not a.flags.c_contiguous for operands in drawn for a in operands)


def test_values_stay_clear_of_kinks_and_of_each_other() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, y = draw_operands(rng, Domain(kinks=(0.0,)), [(2, 3), (3,)], "f")
        assert np.abs(x).min() >= CLEAR
        values = np.concatenate([np.ravel(x), y])
        assert np.diff(np.sort(values)).min() > 0.0
    (x, y) = draw_operands(rng, Domain(), [(3,), (3,)], "f")
    assert np.diff(np.sort(np.concatenate([x, y]))).min() >= 0.6 * 4 / 6


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_keep_the_elements(layout: str) -> None:
    array = np.arange(6.0).reshape(2, 3)
    moved = laid_out(array, layout)
    np.testing.assert_array_equal(moved, array)
    assert moved.flags.c_contiguous == (layout == "contiguous")


def test_rounding_is_far_from_its_jumps() -> None:
    values = between_integers(np.random.default_rng(0), (1000,))
    assert np.abs(values - np.round(values)).min() > 0.1
    assert np.abs(np.abs(values - np.round(values)) - 0.5).min() > 0.1


def test_samples_of() -> None:
    assert samples_of(Add)[0].function is tg.add
    with pytest.raises(KeyError):
        samples_of(Op)
