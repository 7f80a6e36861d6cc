"""Predicted against measured time of single statements: ``python -m tests.benchmarks.bench_cost`` lists them all.

With ``--table`` it prints this machine's figures in the form in which `tensorgraph.schedule.rates` holds them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import tensorgraph as tg
from tensorgraph.ir.op import Op, Operand
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.conv import Conv, ConvInputGrad, ConvWeightGrad
from tensorgraph.ops.elementwise import Cast, Elementwise, Where
from tensorgraph.ops.indexing import Gather, IndexAdd, IndexSet
from tensorgraph.ops.linalg import Matmul, Vecdot
from tensorgraph.ops.ordering import ArgSort, Sort
from tensorgraph.ops.pool import AvgPool, AvgPoolGrad, MaxPool, MaxPoolGrad
from tensorgraph.ops.random import RandomBernoulli, RandomNormal, RandomUniform
from tensorgraph.ops.reduction import ArgMax, LogSumExp, Max, Prod, Sum
from tensorgraph.ops.registry import all_ops
from tensorgraph.ops.scan import CumulativeSum
from tensorgraph.ops.shape import Concat, Pad, Reshape
from tensorgraph.schedule import Cost, cost
from tensorgraph.schedule.measure import best, measure_rates, measure_speeds, one_thread
from tests.benchmarks.timing import Result

WORTH = 20e-6  # seconds: shorter statements are calls, and a matter of counting
FACTOR = 2.0
ELEMENTWISE = (
    "add multiply divide sqrt exp log tanh sin sigmoid relu maximum greater negative power erf softplus abs floor log1p"
)
PRODUCTS = (
    (32, 784, 16), (32, 784, 512), (256, 784, 512), (784, 256, 512), (10, 256, 512), (1, 784, 512), (1, 2000, 2000),
    (3000, 3000, 1), (64, 64, 64), (200, 200, 200), (512, 512, 512), (10000, 27, 16), (27, 10000, 16),
    (10000, 288, 64), (10000, 64, 288), (4, 1000, 1000), (1000, 1000, 8), (1000, 1, 1000), (1000, 4, 1000),
    (10000, 500, 1), (16, 16, 20000),
)  # fmt: skip
BATCHED = ((1000, 4, 4, 4), (100, 16, 16, 16), (64, 64, 64, 64), (32, 16, 27, 676))
IMAGES = (  # n, c, side, kernel, o
    (32, 1, 9, 3, 3), (32, 1, 28, 5, 8), (32, 8, 12, 5, 16), (32, 1, 28, 3, 32), (32, 32, 13, 3, 64),
    (4, 16, 74, 3, 32), (8, 64, 28, 3, 64),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A statement: an op on arrays; `strided` are the positions of operands that are read across the grain."""

    label: str
    op: Op
    arrays: tuple[Any, ...]
    strided: tuple[int, ...] = ()

    def work(self) -> Callable[[], object]:
        """What the emitted statement does, into a buffer where it can."""
        names = [f"x{i}" for i in range(len(self.arrays))]
        scope = {"np": np, **{f.__name__: f for f in self.op.helpers}}
        out = np.asarray(self.op.evaluate(*self.arrays)) if self.op.takes_out() else None
        text = f"lambda {', '.join([*names, 'out'])}: lambda: {self.op.spell(names, 'out')}"
        made: Callable[[], object] = eval(text, scope)(*self.arrays, out)
        return made

    def predicted(self, machine: tg.Machine) -> Cost:
        """What it costs on this machine."""
        inputs = [TensorType.of(a) for a in self.arrays]
        found = self.op.infer(*inputs)
        outputs = [found] if isinstance(found, TensorType) else list(found)
        return cost(self.op, inputs, outputs, machine, {}, strided=self.strided)


def _numbers(shape: tuple[int, ...], dtype: str, low: float = 0.1, high: float = 0.9) -> Any:
    return np.random.default_rng(0).uniform(low, high, shape).astype(dtype)


def _case(op: Op, *arrays: Any, strided: tuple[int, ...] = ()) -> Case:
    kinds = ", ".join(f"{a.dtype.name}{list(a.shape)}" for a in arrays)
    return Case(f"{op!r} on {kinds}{' strided' if strided else ''}", op, arrays, strided)


def _elementwise(dtype: str, sizes: tuple[int, ...]) -> Iterator[Case]:
    known = {cls.name: cls for cls in all_ops() if issubclass(cls, Elementwise)}
    for n in sizes:
        x = _numbers((n,), dtype)
        for name in ELEMENTWISE.split():
            op = known[name]()
            yield _case(op, *[x] if "{1}" not in op.numpy else [x, x[::-1].copy()])
        yield _case(Where(), x > 0.5, x, x[::-1].copy())
        yield _case(Cast(np.dtype("float64" if dtype == "float32" else "float32")), x)


def _matrices(dtype: str, shapes: tuple[tuple[int, int], ...]) -> Iterator[Case]:
    known = {cls.name: cls for cls in all_ops() if issubclass(cls, Elementwise)}
    for rows, columns in shapes:
        x = _numbers((rows, columns), dtype)
        for reduction in (Sum, Max, Prod, LogSumExp):
            for axes in ((0,), (1,), (0, 1)):
                yield _case(reduction(axes), x)
        for axis in (0, 1):
            yield _case(ArgMax(axis), x)
            yield _case(CumulativeSum(axis), x)
            yield _case(Concat(axis), x, x)
            yield _case(Sort(axis), x)
        yield _case(ArgSort(1), x)
        yield _case(Pad(((1, 1), (2, 2))), x, x[0, 0])
        yield _case(known["add"](), x, x[0])
        yield _case(known["multiply"](), x, x[:, :1].copy())
        turned = np.asfortranarray(x)
        yield _case(known["add"](), x, turned, strided=(1,))
        yield _case(Reshape((rows * columns,)), turned, strided=(0,))
        i = np.random.default_rng(1).integers(0, rows, rows)
        j = np.random.default_rng(2).integers(0, columns, rows)
        yield _case(Gather((Operand(1), slice(None))), x, i)
        yield _case(Gather((Operand(1), Operand(2))), x, i, j)
        yield _case(IndexSet((Operand(2), slice(None))), x, x, i)
        yield _case(IndexAdd((Operand(2), slice(None))), x, x, i)
        yield _case(IndexAdd((Operand(2), Operand(3))), x, x[:, 0].copy(), i, j)


def _products(dtype: str) -> Iterator[Case]:
    for m, k, n in PRODUCTS:
        yield _case(Matmul(), _numbers((m, k), dtype), _numbers((k, n), dtype))
        yield _case(Vecdot(), _numbers((m, k), dtype), _numbers((k,), dtype))
    for b, m, k, n in BATCHED:
        yield _case(Matmul(), _numbers((b, m, k), dtype), _numbers((b, k, n), dtype))


def _images(dtype: str) -> Iterator[Case]:
    one, none, pool = (1, 1), ((0, 0), (0, 0)), ((2, 2), ((0, 0), (0, 0)), (1, 1), (2, 2), False)
    for n, c, side, k, o in IMAGES:
        x, w = _numbers((n, c, side, side), dtype), _numbers((o, c, k, k), dtype)
        g = _numbers((n, o, side - k + 1, side - k + 1), dtype)
        yield _case(Conv(one, none, one, 1), x, w)
        yield _case(Conv(one, ((1, 1), (1, 1)), one, 1), x, w)
        yield _case(ConvInputGrad(one, none, one, 1, (side, side)), g, w)
        yield _case(ConvWeightGrad(one, none, one, 1, (k, k)), x, g)
        half = g.shape[-1] // 2
        yield _case(MaxPool(*pool), g)
        yield _case(MaxPoolGrad(*pool), g[..., :half, :half].copy(), g)
        yield _case(AvgPool(*pool, True), g)
        yield _case(AvgPoolGrad(*pool, True, g.shape[2:]), g[..., :half, :half].copy())


def _draws(dtype: str, sizes: tuple[int, ...]) -> Iterator[Case]:
    key = np.array([1, 2], np.uint32)
    for n in sizes:
        yield _case(RandomUniform((n,), np.dtype(dtype), 0.0, 1.0), key)
        yield _case(RandomNormal((n,), np.dtype(dtype)), key)
        yield _case(RandomBernoulli((n,), 0.5), key)


def cases(smoke: bool) -> Iterator[Case]:
    """Statements of every kind and size."""
    sizes = (1000,) if smoke else (1000, 10_000, 100_000, 1_000_000, 10_000_000)
    shapes = ((32, 64),) if smoke else ((32, 64), (256, 256), (10_000, 10), (10, 10_000), (1000, 1000), (4000, 1000))
    for dtype in ("float32",) if smoke else ("float32", "float64"):
        yield from _elementwise(dtype, sizes)
        yield from _matrices(dtype, shapes)
        yield from _draws(dtype, sizes[:4])
        if not smoke:
            yield from _products(dtype)
            yield from _images(dtype)


def compared(machines: list[tg.Machine], smoke: bool) -> list[tuple[Case, float, list[Cost]]]:
    """Of each case the least seconds measured, on one thread, and what is predicted for each machine."""
    with one_thread(), np.errstate(all="ignore"):
        return [
            (case, best(case.work(), 1e-4 if smoke else 1e-2), [case.predicted(m) for m in machines])
            for case in cases(smoke)
        ]


def within(pairs: list[tuple[float, float]]) -> float:
    """The percentage of predictions within the factor."""
    return 100.0 * sum(1 / FACTOR <= a / b <= FACTOR for a, b in pairs) / max(len(pairs), 1)


def run(smoke: bool) -> Result:
    """Measure; `smoke` only sees that it runs."""
    machines = {"measured": tg.Machine.measure(), "detected": tg.Machine.detect()}
    rows = compared(list(machines.values()), smoke)
    worth = 0.0 if smoke else WORTH
    results: Result = {"statements over 20 us": float(sum(seconds > worth for _, seconds, _ in rows))}
    for i, name in enumerate(machines):
        pairs = [(costs[i].seconds, seconds) for _, seconds, costs in rows if seconds > worth]
        results[f"predicted within a factor of 2, {name} machine, % (target 80)"] = within(pairs)
        ratios = sorted(a / b for a, b in pairs)
        results[f"predicted / measured, median, {name} machine"] = ratios[len(ratios) // 2]
    return results


def main() -> None:
    """Print every case, those that are worst predicted last; or the table of rates."""
    if "--table" in sys.argv:
        machine = tg.Machine.detect()
        print(measure_speeds(machine.l1, machine.l2, machine.l3))
        for name, rate in measure_rates():
            print(f'    "{name}": ({1e9 * rate.start:.0f}, {", ".join(f"{1e12 * r:.0f}" for r in rate[1:])}),')
        return
    machine = tg.Machine.measure()
    print(machine)
    rows = [(costs[0], seconds, case.label) for case, seconds, costs in compared([machine], smoke=False)]
    rows.sort(key=lambda row: abs(np.log(row[0].seconds / row[1])))
    for found, seconds, label in rows:
        if seconds > WORTH:
            print(f"{found.seconds / seconds:6.2f}  {1e6 * seconds:10.1f} us  {found.limit:<10} {label}")
    print(f"{within([(found.seconds, s) for found, s, _ in rows if s > WORTH]):.1f} % within a factor of {FACTOR:g}")


if __name__ == "__main__":
    main()
