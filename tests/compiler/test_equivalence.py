"""Compiled programs give the interpreter's bits."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.op import Op
from tensorgraph.ops.custom import Custom
from tensorgraph.testing import SAMPLES, Sample
from tensorgraph.testing.equivalence import kernel_difference
from tensorgraph.testing.samples import ELEMENTWISE
from tests.compiler.programs import assert_same_bits, random_program

ALL_SAMPLES = [sample for samples in SAMPLES.values() for sample in samples]
SEEDS = range(60)


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_definition(op: Op) -> bool:
    """Whether the interpreter computes it by nested loops, in another order than NumPy."""
    return bool(op.helpers) and type(op).evaluate is not Op.evaluate and not isinstance(op, Custom)


@pytest.mark.parametrize("sample", ALL_SAMPLES, ids=str)
def test_every_operation(sample: Sample) -> None:
    arrays = sample.draw(np.random.default_rng(0))
    inputs = [tg.placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)]
    output = sample.function(*inputs)
    kernel = tg.compile(inputs, [output, output])
    expected, _ = evaluate_graph(kernel.graph, arrays)
    if any(by_definition(node.op) for node in kernel.graph.nodes):
        for got, wanted in zip(kernel(*arrays), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)
        return
    assert_same_bits(kernel(*arrays), expected)
    assert_same_bits(kernel(*arrays), expected)  # in memory used before
    inner = tg.compile(inputs, tg.sum(output * 1))  # as a step on the way, not kept
    assert_same_bits([inner(*arrays)], evaluate_graph(inner.graph, arrays)[0])


OF_SEVERAL = [(op, f) for op, f in ELEMENTWISE.items() if len(SAMPLES[op][0].draw(np.random.default_rng(0))) > 1]


@pytest.mark.parametrize(("op", "function"), OF_SEVERAL, ids=[op.name for op, _ in OF_SEVERAL])
@pytest.mark.parametrize("number", [0.0, -0.0, 1.0, -1.0, 2.0, 0.5])
@pytest.mark.filterwarnings("ignore")
def test_operations_on_a_number(op: type[Op], function: Callable[..., tg.Tensor], number: float) -> None:
    """One operand is a number that is known: laws and statements look at it."""
    drawn = [sample.draw(np.random.default_rng(0)) for sample in SAMPLES[op]]
    of_one_shape = [arrays for arrays in drawn if all(a.shape == (3,) for a in arrays)]
    assert of_one_shape
    for arrays in of_one_shape:
        for i, array in enumerate(arrays):
            known = np.asarray(number if array.dtype.kind in "fc" else abs(number)).astype(array.dtype)
            inputs = [tg.placeholder(a.shape, a.dtype, name=f"x{k}") for k, a in enumerate(arrays) if k != i]
            output = function(*inputs[:i], known, *inputs[i:])
            for made in (output, tg.sum(output)):  # kept, and as a step on the way
                found = kernel_difference(tg.compile(inputs, made), [*arrays[:i], *arrays[i + 1 :]])
                assert found is None, f"operand {i}: {found}"


@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs(seed: int) -> None:
    program = random_program(seed, symbolic=seed % 2 == 0)
    kernel = tg.compile(program.inputs, program.outputs, program.updates)
    rng = np.random.default_rng(seed)
    for size in (4, 0, 1, 7, 4, 4) if seed % 2 == 0 else (4, 4, 4):
        arrays = program.feeds(rng, size)
        outputs, values = program.expected(arrays, kernel)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = kernel(*arrays)
        assert_same_bits(got, outputs)
        assert_same_bits([p.numpy() for p, _ in program.updates], values)


@pytest.mark.parametrize("seed", SEEDS)
def test_strided_inputs_give_the_same_bits(seed: int) -> None:
    program = random_program(seed, symbolic=True)
    kernel = tg.compile(program.inputs, program.outputs)
    arrays = program.feeds(np.random.default_rng(seed), 5)
    expected = [np.array(y) for y in kernel(*arrays)]
    assert_same_bits(kernel(*[np.asfortranarray(a) for a in arrays]), expected)
    assert_same_bits(kernel(*[np.repeat(a, 2, axis=0)[::2] for a in arrays]), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_saved_modules_give_the_same_bits(seed: int, tmp_path: Path) -> None:
    program = random_program(seed, symbolic=seed % 2 == 1)
    kernel = tg.compile(program.inputs, program.outputs, program.updates, name="step")
    kernel.save(tmp_path / "saved.py")
    module = loaded(tmp_path / "saved.py")
    state = module.init_state()
    rng = np.random.default_rng(seed)
    for _ in range(3):
        arrays = program.feeds(rng, 4)
        assert_same_bits(module.step(state, *arrays), kernel(*arrays))
    names = [kernel.program.names[p.node] for p, _ in program.updates]
    assert_same_bits([state[name] for name in names], [p.numpy() for p, _ in program.updates])


@pytest.mark.parametrize("seed", SEEDS)
def test_results_share_no_memory(seed: int) -> None:
    program = random_program(seed, symbolic=True)
    kernel = tg.compile(program.inputs, program.outputs, program.updates)
    arrays = program.feeds(np.random.default_rng(seed), 4)
    given = [a.copy() for a in arrays]
    start = [p.numpy().copy() for p, _ in program.updates]
    expected, values = program.expected(arrays, kernel)
    got = kernel(*arrays)
    for i, a in enumerate(got):
        assert not any(np.shares_memory(a, b) for b in [*got[:i], *arrays])
    for y in got:
        y[...] = 77  # what a caller does to results is the caller's
    assert_same_bits(arrays, given)
    assert_same_bits([p.numpy() for p, _ in program.updates], values)
    for (p, _), value in zip(program.updates, start, strict=True):
        p.assign(value)
    assert_same_bits(kernel(*arrays), expected)
