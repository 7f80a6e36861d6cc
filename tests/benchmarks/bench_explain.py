"""Predicted against measured time of the statements of real kernels: ``python -m tests.benchmarks.bench_explain``.

Every statement is measured where it stands, by `Kernel.profile`, on one thread. Those over 20 us count.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

import tensorgraph as tg
from tensorgraph import nn
from tensorgraph.codegen import Kernel
from tensorgraph.schedule.measure import one_thread
from tests.benchmarks.bench_cost import WORTH, within
from tests.benchmarks.timing import Result

Case = tuple[str, Kernel, list[Any]]


def _array(*shape: int, dtype: str = "float32") -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


def _classifier(label: str, model: nn.Module, shape: tuple[int, ...], batch: int, optimizer: Any) -> Case:
    x = tg.placeholder(("batch", *shape), "float32", name="x")
    y = tg.placeholder(("batch",), "int64", name="y")
    loss = nn.functional.cross_entropy(model(x), y)
    step = tg.compile([x, y], loss, optimizer.updates(loss, model.parameters()))
    labels = np.random.default_rng(0).integers(0, 10, batch)
    return f"{label}, batch {batch}", step, [_array(batch, *shape), labels]


def _dense(*sizes: int) -> nn.Module:
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        layers += [nn.Linear(a, b, rng=i), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _convolutional(first: int, second: int, kernel: int, side: int, dense: int) -> nn.Module:
    size = ((side - kernel + 1) // 2 - kernel + 1) // 2
    return nn.Sequential(
        *(nn.Conv2d(1, first, kernel, rng=0), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(first, second, kernel, rng=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(second * size * size, dense, rng=2), nn.ReLU(), nn.Linear(dense, 10, rng=3)),
    )


def _normalized(rows: int, columns: int) -> Iterator[Case]:
    x = tg.placeholder(("rows", columns), "float32", name="x")
    y = nn.LayerNorm(columns)(x) + nn.functional.gelu(x)
    array = _array(rows, columns)
    yield f"layer norm + GELU {rows}x{columns}, value", tg.compile([x], y), [array]
    loss = tg.sum(y * y)
    yield f"layer norm + GELU {rows}x{columns}, gradient", tg.compile([x], tg.gradients(loss, [x])), [array]


def _chain(n: int) -> Iterator[Case]:
    x = tg.placeholder(("n",), "float64", name="x")
    y = tg.exp(-(x * x)) * tg.sin(3 * x + 1) / (1 + tg.abs(x)) + tg.sqrt(x * x + 2) - tg.tanh(x)
    array = _array(n, dtype="float64")
    yield f"chain of {n}, value", tg.compile([x], y), [array]
    yield f"chain of {n}, gradient", tg.compile([x], [y, *tg.gradients(tg.sum(y), [x])]), [array]


def _logistic(rows: int, columns: int) -> Case:
    x = tg.placeholder((rows, columns), "float64", name="x")
    t = tg.placeholder((rows,), "float64", name="t")
    v = tg.placeholder((columns,), "float64", name="v")
    w = tg.Parameter(np.zeros(columns), name="w")
    loss = tg.mean(tg.softplus(x @ w) - t * (x @ w))
    (gradient,) = tg.gradients(loss, [w])
    product = tg.gradients(tg.sum(gradient * v), [w])
    arrays = [_array(rows, columns, dtype="float64"), (_array(rows) > 0).astype("f8"), _array(columns, dtype="float64")]
    return f"logistic Hessian-vector product {rows}x{columns}", tg.compile([x, t, v], [loss, *product]), arrays


def cases(smoke: bool) -> Iterator[Case]:
    """Kernels as people have them."""
    small = _dense(784, 16, 16, 10)
    yield _classifier("784-16-16-10, SGD", small, (784,), 4 if smoke else 256, tg.optim.SGD(0.1))
    yield from _chain(1000 if smoke else 2_000_000)
    if smoke:
        return
    for batch in (32, 256):
        yield _classifier("784-512-512-10, Adam", _dense(784, 512, 512, 10), (784,), batch, tg.optim.Adam(1e-3))
    lenet, mnist = _convolutional(8, 16, 5, 28, 120), _convolutional(32, 64, 3, 28, 128)
    yield _classifier("LeNet, Adam", lenet, (1, 28, 28), 32, tg.optim.Adam(1e-3))
    yield _classifier("MNIST CNN, Adam", mnist, (1, 28, 28), 32, tg.optim.Adam(1e-3))
    yield from _normalized(2048, 1024)
    yield from _chain(20_000)
    yield _logistic(10_000, 500)


def explained(machine: tg.Machine, smoke: bool) -> list[tuple[str, Any]]:
    """The rows of all kernels, profiled, each with its kernel's label."""
    found = []
    with one_thread():
        for label, kernel, arrays in cases(smoke):
            found += [(label, row) for row in kernel.explain(*arrays, machine=machine).rows]
    return found


def run(smoke: bool) -> Result:
    """Measure; `smoke` only sees that it runs."""
    machines = {"measured": tg.Machine.measure(), "detected": tg.Machine.detect()}
    results: Result = {}
    for name, machine in machines.items():
        rows = [row for _, row in explained(machine, smoke) if row.measured > (0.0 if smoke else WORTH)]
        pairs = [(row.predicted, row.measured) for row in rows]
        results[f"statements over 20 us, {name} machine"] = float(len(rows))
        results[f"predicted within a factor of 2, {name} machine, % (target 80)"] = within(pairs)
        ratios = sorted(a / b for a, b in pairs)
        results[f"predicted / measured, median, {name} machine"] = ratios[len(ratios) // 2]
    return results


def main() -> None:
    """Print every statement over 20 us, those that are worst predicted last."""
    machine = tg.Machine.detect() if "--detected" in sys.argv else tg.Machine.measure()
    print(machine)
    rows = [(label, row) for label, row in explained(machine, smoke=False) if row.measured > WORTH]
    rows.sort(key=lambda item: abs(np.log(max(item[1].predicted, 1e-9) / item[1].measured)))
    for label, row in rows:
        ratio = row.predicted / row.measured
        what = f"{row.name} = {row.op} {row.type}"
        print(f"{ratio:6.2f}  {1e6 * row.measured:10.1f} us  {row.limit:<10} {what[:70]:<70} {label}")
    pairs = [(row.predicted, row.measured) for _, row in rows]
    print(f"{within(pairs):.1f} % of {len(rows)} statements within a factor of 2")


if __name__ == "__main__":
    main()
