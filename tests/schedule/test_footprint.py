"""What `kernel.memory` says, beside what tracemalloc measures, and what a warm call allocates."""

from __future__ import annotations

import gc
import importlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.codegen import Kernel
from tensorgraph.errors import InputError
from tensorgraph.ops.custom import Custom
from tests.compiler.programs import random_program

nn, F = tg.nn, tg.nn.functional
Case = tuple[Kernel, list[np.ndarray], dict[str, int]]
R = np.random.default_rng(11)
WARM = 16 * 1024


def trained(model: nn.Module, shape: tuple[int, ...], classes: int, batch: int, optimizer: tg.optim.Optimizer) -> Case:
    """A training step on a batch."""
    x = tg.placeholder(("batch", *shape), "float32", name="x")
    y = tg.placeholder(("batch",), "int64", name="y")
    loss = F.cross_entropy(model(x), y)
    kernel = tg.compile([x, y], [loss], updates=optimizer.updates(loss, model.parameters()))
    arrays = [R.normal(size=(batch, *shape)).astype("f4"), R.integers(0, classes, batch)]
    return kernel, arrays, {"batch": batch}


def applied(function: Callable[..., object], *arrays: np.ndarray) -> Case:
    """A function of arrays, of known sizes."""
    inputs = [tg.placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)]
    return tg.compile(inputs, function(*inputs)), list(arrays), {}


def floats(*shape: int) -> np.ndarray:
    return R.normal(size=shape).astype("f4")


def mlp(activation: type[nn.Module] = nn.ReLU, optimizer: type[tg.optim.Optimizer] = tg.optim.Adam) -> Case:
    model = nn.Sequential(nn.Linear(784, 512), activation(), nn.Linear(512, 512), activation(), nn.Linear(512, 10))
    return trained(model, (784,), 10, 256, optimizer(1e-3))


def cnn(*, norm: bool = False) -> Case:
    first = [nn.Conv2d(1, 16, 3), *([nn.BatchNorm2d(16)] if norm else []), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32 * 36, 10)]
    return trained(nn.Sequential(*first, *second), (1, 28, 28), 10, 64, tg.optim.Adam(1e-3))


def attention(q, k, v):
    scores = q @ tg.matrix_transpose(k) / 8
    return F.softmax(scores, axis=-1) @ v


def attention_gradient(q, k, v):
    return tg.gradients(tg.sum(attention(q, k, v) ** 2), [q, k, v])


def layer_norm(x, gain, bias):
    return tg.sum(
        F.gelu(x) + gain * ((x - tg.mean(x, axis=1, keepdims=True)) / tg.std(x, axis=1, keepdims=True)) + bias
    )


def orders(x):
    """Three arrays in fresh memory, one read through views, of which there is one at a time."""
    one = tg.sum(tg.exp(tg.matrix_transpose(tg.argsort(x))[10:] * 1e-3))
    return one + tg.sum(tg.argsort(x, axis=0)[3:] * 2.0) + tg.sum(tg.argsort(x + 1) * 3.0)


def embedding() -> Case:
    table = tg.Parameter(floats(5000, 64), name="table")
    ids = tg.placeholder(("batch", 20), "int64", name="ids")
    loss = tg.mean(tg.tanh(table[ids]) ** 2)
    updates = tg.optim.SGD(0.1).updates(loss, [table])
    return tg.compile([ids], [loss], updates=updates), [R.integers(0, 5000, (64, 20))], {"batch": 64}


def dropped() -> Case:
    model = nn.Sequential(nn.Linear(100, 400), nn.Dropout(0.5), nn.ReLU(), nn.Linear(400, 10))
    return trained(model, (100,), 10, 512, tg.optim.SGD(0.1))


CASES: dict[str, Callable[[], Case]] = {
    "mlp, Adam": mlp,
    "mlp, SGD": lambda: mlp(nn.Sigmoid, tg.optim.SGD),
    "mlp, tanh, RMSprop": lambda: mlp(nn.Tanh, tg.optim.RMSprop),
    "cnn": cnn,
    "cnn with batch norm": lambda: cnn(norm=True),
    "embedding": embedding,
    "dropout": dropped,
    "attention": lambda: applied(attention, *(floats(8, 256, 64) for _ in range(3))),
    "gradient of attention": lambda: applied(attention_gradient, *(floats(8, 128, 64) for _ in range(3))),
    "layer norm": lambda: applied(layer_norm, floats(512, 1024), floats(1024), floats(1024)),
    "logsumexp": lambda: applied(lambda x: tg.logsumexp(x, axis=1), floats(1000, 500)),
    "softplus as an output": lambda: applied(tg.softplus, floats(1000, 500)),
    "erf": lambda: applied(lambda x: tg.sum(tg.erf(x) * tg.lgamma(x + 3)), floats(1000, 500)),
    "sorted": lambda: applied(
        lambda x: (tg.sort(x), tg.argsort(x), tg.argmax(x, axis=0), tg.erf(x)), floats(1000, 500)),
    "fresh memory given back": lambda: applied(orders, floats(1000, 500)),
    "random": lambda: applied(lambda k: tg.random.normal(k, (500_000,)) * 2, np.array([1, 2], np.uint32)),
    "segments": lambda: applied(
        lambda x, ids: tg.segment_sum(x, ids, 100), floats(5000, 60), R.integers(0, 100, 5000)),
    "views as outputs": lambda: applied(lambda x: (tg.matrix_transpose(tg.exp(x)), tg.exp(x)[10:]), floats(1000, 500)),
    "padded": lambda: applied(lambda x: tg.pad(tg.sin(x), ((1, 2), (3, 0))) * 2, floats(1000, 500)),
}  # fmt: skip

# Whose functions allocate in every call, as their classes say.
ALLOCATING = {
    "cnn", "cnn with batch norm", "dropout", "erf", "fresh memory given back", "random", "segments",
}  # fmt: skip


def peak_of(call: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    result = call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del result
    return peak


def settled(kernel: Kernel) -> None:
    """Bring variables where the kernel wants them: they are no part of the prediction."""
    kernel._state.settle()


@pytest.mark.parametrize("name", CASES)
def test_the_peak_is_the_predicted_one(name: str) -> None:
    kernel, arrays, sizes = CASES[name]()
    settled(kernel)
    predicted = kernel.memory.peak(**sizes)
    measured = peak_of(lambda: kernel(*arrays))
    assert predicted > 1_000_000
    assert 0.9 * measured <= predicted <= 1.1 * measured


@pytest.mark.parametrize("name", CASES)
def test_a_warm_call_allocates_its_results(name: str) -> None:
    kernel, arrays, sizes = CASES[name]()
    kernel(*arrays)
    warm = peak_of(lambda: kernel(*arrays)) - kernel.memory.outputs(**sizes)
    said = kernel.memory.temporaries(**sizes)
    assert (warm > WARM) == (name in ALLOCATING)
    assert abs(warm - said) <= max(WARM, 0.15 * kernel.memory.peak(**sizes))


# ---- the example systems, and random programs


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """The networks of the examples, and the shape of one input."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "examples")
    camera, why, letters = map(importlib.import_module, ("four_pixel_camera", "why_convolution", "x_or_o"))
    return {
        "camera": (camera.camera(), (4,)),
        "letters": (letters.network(letters.Setting(), 0), (1, letters.SIZE, letters.SIZE)),
        "dense": (why.classifier(8), (why.CHANNELS, 8, 8)),
        "convolutional": (why.convolutional_classifier(), (why.CHANNELS, 16, 16)),
    }


@pytest.mark.parametrize(("name", "batch"), [("camera", 20_000), ("letters", 500), ("dense", 500),
                                             ("convolutional", 500)])  # fmt: skip
def test_the_peak_of_the_example_systems(name: str, batch: int, systems: dict) -> None:
    model, shape = systems[name]
    for kernel, arrays, sizes in (
        trained(model, shape, 2, batch, tg.optim.Adam(1e-3)),
        inferred(model, shape, batch),
    ):
        settled(kernel)
        predicted = kernel.memory.peak(**sizes)
        measured = peak_of(lambda: kernel(*arrays))  # noqa: B023 (called at once)
        assert predicted > 1_000_000
        assert 0.9 * measured <= predicted <= 1.1 * measured


def inferred(model: nn.Module, shape: tuple[int, ...], batch: int) -> Case:
    x = tg.placeholder(("batch", *shape), "float32", name="x")
    return tg.compile([x], model(x)), [floats(batch, *shape)], {"batch": batch}


@pytest.mark.parametrize("seed", range(0, 60, 2))
def test_the_peak_of_random_programs(seed: int) -> None:
    program = random_program(seed, symbolic=True)
    if any(isinstance(node.op, Custom) for node in program.graph().nodes):
        pytest.skip("what a user's function allocates is not known")
    kernel = tg.compile(program.inputs, program.outputs, program.updates)
    size = next((n for n in (300, 1000, 10_000, 50_000, 200_000) if kernel.memory.peak(n=n) > 1_000_000), None)
    if size is None:
        pytest.skip("it needs no megabyte")
    arrays = program.feeds(np.random.default_rng(seed), size)
    settled(kernel)
    measured = peak_of(lambda: kernel(*arrays))
    assert 0.9 * measured <= kernel.memory.peak(n=size) <= 1.1 * measured


def test_nothing_beside_results_and_workspace_is_nothing() -> None:
    x = tg.placeholder(("n",), "float64", name="x")
    memory = tg.compile(x, tg.exp(x)).memory
    assert (memory.peak(n=10), memory.outputs(n=10), memory.workspace(n=10), memory.temporaries(n=10)) == (80, 80, 0, 0)


def test_sizes_that_are_missing() -> None:
    x = tg.placeholder(("batch", 3), name="x")
    memory = tg.compile([x], tg.exp(x)).memory
    fixed = tg.compile([tg.placeholder((3,), name="y")], tg.asarray(np.ones(3))).memory
    for call, message in [
        (memory.peak, "memory: the sizes are batch, and none is given: write peak(batch=64)"),
        (lambda: memory.outputs(n=3), "memory: the sizes are batch, and n is given: write peak(batch=64)"),
        (lambda: fixed.peak(n=3), "memory: the sizes are all known, and n is given: write peak()"),
    ]:
        with pytest.raises(InputError) as error:
            call()
        assert str(error.value).startswith(message), str(error.value)


def test_what_is_printed() -> None:
    x = tg.placeholder((1000, 100), name="x")
    kernel = tg.compile([x], [tg.erf(x) * 2, tg.sum(tg.exp(x))])
    assert str(kernel.memory).splitlines() == [
        "  workspace      800.1 kB  made once for these sizes",
        "    piece 0      800.0 kB  m0 float64[1000, 100]",
        "  outputs        800.0 kB  made in every call",
        "  temporaries      6.5 MB  at most at a time, made and freed in every call",
        "  peak             8.1 MB  of a first call; state takes 0 B beside",
    ]
