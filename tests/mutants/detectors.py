"""What looks for a mistake: properties of the samples of operations first, then tests of the same floor.

A detector is named by a string, so that a mutant can be tried in another process.
"""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable, Sequence
from itertools import zip_longest

import numpy as np

import tensorgraph as tg
from tensorgraph import optim
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.axes import AxisMap
from tensorgraph.ir.op import Op
from tensorgraph.ops import all_ops
from tensorgraph.ops.custom import Custom
from tensorgraph.testing import SAMPLES, Sample, check_gradients
from tensorgraph.testing.fuzz import check_stages
from tests.autodiff.hard_points import HARD_POINTS
from tests.compiler.programs import assert_same_bits, random_program
from tests.ops.type_rules import check_type_rule
from tests.schedule.test_blocks import TINY, eager

__all__ = ["plan", "run"]

MOST = 24  # samples that are tried for one mutant
PROGRAMS = 10
SEED = 0
QUICK = ("tests/mutants/test_found.py tests/ops/test_edges.py", "tests/conv/test_window_types.py")  # less than a second


# ---- properties of one sample


def _traced(sample: Sample) -> tuple[list[tg.Tensor], tg.Tensor, tuple[np.ndarray, ...]]:
    arrays = sample.draw(np.random.default_rng(SEED))
    inputs = [tg.placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(arrays)]
    return inputs, sample.function(*inputs), arrays


def gradient(sample: Sample) -> None:
    """First and second derivatives, in both modes, are the numeric ones."""
    if sample.differentiable and not sample.op.name.startswith("random") and _traced(sample)[1].dtype.kind in "fc":
        check_gradients(sample.function, *sample.draw(np.random.default_rng(SEED)), order=2)


def compiled(sample: Sample) -> None:
    """The kernel gives the interpreter's bits, or nearly so where the interpreter has another definition."""
    inputs, output, arrays = _traced(sample)
    kernel = tg.compile(inputs, [output, output])
    inner = tg.compile(inputs, tg.sum(output * 1))
    for made in (kernel, inner):
        expected = evaluate_graph(made.graph, arrays)[0]
        for _ in range(2):  # the second time in memory used before
            found = made(*arrays)
            found = found if isinstance(found, list) else [found]
            if any(_by_definition(node.op) for node in made.graph.nodes):
                for a, b in zip(found, expected, strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
            else:
                assert_same_bits(found, expected)


def _by_definition(op: Op) -> bool:
    return bool(op.helpers) and type(op).evaluate is not Op.evaluate and not isinstance(op, Custom)


def typed(sample: Sample) -> None:
    """The text form reads back, axes fit the types, attributes make the operation again, values have the type."""
    inputs, output, arrays = _traced(sample)
    graph = tg.Graph([x.node for x in inputs], [output.node]).verify()
    assert tg.Graph.parse(str(graph), constants=graph.constants()) == graph
    for node in graph.nodes:
        if isinstance(node.op, sample.op):
            types = [source.type for source in node.inputs]
            AxisMap.parse(node.op.axes(*types)).sizes(types, node.types)
            assert type(node.op)(**node.op.attributes()) == node.op
    evaluate_graph(graph, arrays)


def defined(sample: Sample) -> None:
    """The fast form gives what the definition gives."""
    inputs, output, arrays = _traced(sample)
    graph = tg.Graph([x.node for x in inputs], [output.node])
    for node in graph.nodes:
        if isinstance(node.op, sample.op) and _by_definition(node.op):
            operands = [evaluate_graph(tg.Graph(graph.inputs, [i]), arrays)[0][0] for i in node.inputs]
            fast, slow = np.asarray(Op.evaluate(node.op, *operands)), np.asarray(node.op.evaluate(*operands))
            assert fast.dtype == slow.dtype == node.type.dtype
            np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-12)


def accepted(sample: Sample) -> None:
    """Operands that the type rule accepts give what it states."""
    check_type_rule(sample)


# ---- properties of other things


def hard(index: int) -> None:
    """Value, gradient and second derivative at a point that needs care."""
    point = HARD_POINTS[index]
    x = tg.asarray(np.asarray(point.x, float))
    first = tg.grad(lambda x: tg.sum(point.f(x)))
    second = tg.grad(lambda x: tg.sum(first(x)))
    found = (point.f(x), first(x), second(x))
    for got, wanted in zip(found, (point.value, point.gradient, point.second), strict=True):
        np.testing.assert_allclose(got.numpy(), np.asarray(wanted, float), rtol=1e-9, atol=1e-12)


def program(seed: int) -> None:
    """A random program compiled gives the interpreter's bits, for several sizes, and updates its state."""
    made = random_program(seed, symbolic=seed % 2 == 0)
    kernel = tg.compile(made.inputs, made.outputs, made.updates)
    rng = np.random.default_rng(seed)
    for size in (4, 0, 7, 4) if seed % 2 == 0 else (4, 4):
        arrays = made.feeds(rng, size)
        outputs, values = made.expected(arrays, kernel)
        found = kernel(*arrays)
        assert_same_bits(found, outputs)
        assert not any(np.shares_memory(a, b) for i, a in enumerate(found) for b in [*found[:i], *arrays])
        assert_same_bits([p.numpy() for p, _ in made.updates], values)


def steps(seed: int) -> None:
    """Gradients of a random program, compiled, are the interpreter's."""
    made = random_program(seed, symbolic=True, length=8)
    total = sum((tg.sum(y) for y in made.outputs if y.dtype.kind == "f"), tg.asarray(0.0))
    wrt = [*made.inputs[:2], *[p for p, _ in made.updates]]
    wanted = tg.gradients(total, wrt, disconnected="zero")
    kernel = tg.compile(made.inputs, wanted)
    arrays = made.feeds(np.random.default_rng(seed), 5)
    assert_same_bits(kernel(*arrays), evaluate_graph(kernel.graph, arrays)[0])


def rows(seed: int) -> None:
    """A random program whose statements share loops over a few rows gives the interpreter's bits."""
    made = random_program(seed, symbolic=seed % 2 == 0)
    with eager():
        kernel = tg.compile(made.inputs, made.outputs, made.updates, machine=TINY)
        for size in (4, 0, 33) if seed % 2 == 0 else (4, 4):
            arrays = made.feeds(np.random.default_rng(seed), size)
            outputs, values = ([np.array(v) for v in part] for part in evaluate_graph(kernel.graph, arrays))
            assert_same_bits(kernel(*arrays), outputs)
            assert_same_bits([p.numpy() for p, _ in made.updates], values)


def stages(seed: int) -> None:
    """Text, passes, kernel and saved module of a random program, each against the interpreter."""
    made = random_program(seed, symbolic=seed % 2 == 0)
    graph = made.graph()
    if any(isinstance(node.op, Custom) for node in graph.nodes):
        return  # functions have no text
    found = check_stages(graph, made.feeds(np.random.default_rng(seed), 4), saved=True)
    assert found is None, found


OPTIMIZERS: tuple[Callable[[], optim.Optimizer], ...] = (
    lambda: optim.SGD(0.1), lambda: optim.SGD(0.1, momentum=0.9), lambda: optim.Adam(0.01),
    lambda: optim.RMSprop(0.01, momentum=0.5),
)  # fmt: skip


def training(number: int) -> None:
    """Three steps of an optimizer, with parameters side by side, give the interpreter's bits and state."""
    rng = np.random.default_rng(number)
    shapes = [(3, 5), (5,), (5, 2), (2,)]
    w1, b1, w2, b2 = (tg.Parameter(rng.normal(size=s).astype("f4"), name=f"p{i}") for i, s in enumerate(shapes))
    x, y = tg.placeholder(("n", 3), "float32", name="x"), tg.placeholder(("n", 2), "float32", name="y")
    error = tg.tanh(x @ w1 + b1) @ w2 + b2 - y
    loss = tg.mean(error * error)
    updates = OPTIMIZERS[number]().updates(loss, [w1, b1, w2, b2])
    kernel = tg.compile([x, y], [loss, error], updates)
    state = [variable for variable, _ in kernel.graph.updates]
    for size in (4, 7, 1):
        arrays = [rng.normal(size=(size, k)).astype("f4") for k in (3, 2)]
        outputs, values = ([np.array(v) for v in part] for part in evaluate_graph(kernel.graph, arrays))
        assert_same_bits(kernel(*arrays), outputs)
        assert_same_bits([v.op.storage.value for v in state], values)


def law(name: str) -> None:
    """A law keeps its promise, and applies where it is said to."""
    # by pytest: Hypothesis must not be used before its plugin is loaded
    named = " or ".join(f"{test}[{name}" for test in ("law", "says", "samples", "others", "numbers", "matrices"))
    tests(f"tests/rewrite/test_laws.py -k '{named}'")


def tests(path: str) -> None:
    """A file of tests passes."""
    import pytest

    quiet = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    status = pytest.main([*quiet, "-m", "not peers and not slow and not benchmark", *shlex.split(path)])
    assert status in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}, f"exit status {status}"


BY_SAMPLE: dict[str, Callable[[Sample], None]] = {
    "gradient": gradient, "compiled": compiled, "typed": typed, "defined": defined, "accepted": accepted,
}  # fmt: skip
BY_NUMBER: dict[str, Callable[[int], None]] = {
    "hard point": hard, "program": program, "gradients of program": steps, "rows": rows, "stages": stages,
    "training": training,
}  # fmt: skip
COMPILED = {"program": PROGRAMS, "training": 4, "rows": 8, "gradients of program": 4, "stages": 10}
KINDS: dict[str, tuple[str, ...]] = {
    "rules": ("gradient",),
    "engine": ("gradient",),
    "types": ("typed", "accepted", "compiled", "gradient"),
    "numerics": ("defined", "compiled", "gradient"),
    "compiler": ("compiled",),
    "laws": (),
}


def run(detector: str) -> None:
    """Raise if what the detector looks at is wrong."""
    kind, _, what = detector.partition(": ")
    if kind in BY_SAMPLE:
        BY_SAMPLE[kind](_sample(what))
    elif kind in BY_NUMBER:
        BY_NUMBER[kind](int(what))
    elif kind == "law":
        law(what)
    else:
        tests(what)


def _sample(label: str) -> Sample:
    return next(s for samples in SAMPLES.values() for s in samples if str(s) == label)


# ---- which of them


def plan(kind: str, ops: Sequence[str], files: Sequence[str]) -> list[str]:
    """Detectors for a mutant that may change these classes of operations, cheap and near ones first."""
    if kind == "laws":
        return [*(f"law: {name}" for name in ops), *(f"tests: {file}" for file in files)]
    samples = _samples(kind, ops)
    first, *others = [[f"{detector}: {sample}" for sample in samples] for detector in KINDS[kind]]
    quick = [f"tests: {file}" for file in files if file in QUICK]
    chosen = [*first, *quick, *(name for group in others for name in group)]
    if kind in {"rules", "engine"}:
        chosen += [f"hard point: {i}" for i in range(len(HARD_POINTS))]
    if kind == "compiler":
        numbered = [f"{name}: {i}" for name, count in COMPILED.items() for i in range(count)]
        chosen = [*numbered, f"tests: {files[0]}", *chosen]
        files = files[1:]
    return [*chosen, *(f"tests: {file}" for file in files if file not in QUICK)]


def _samples(kind: str, ops: Sequence[str]) -> list[Sample]:
    classes = {cls.__name__: cls for cls in [*all_ops(), *SAMPLES]}
    near = [classes[name] for name in ops if name in classes and classes[name] in SAMPLES]
    if kind == "compiler":  # one of each operation
        return [random.Random(1).choice(samples) for samples in SAMPLES.values()]
    if kind == "engine" or not near:
        every = [s for samples in SAMPLES.values() for s in samples]
        return random.Random(1).sample(every, 2 * MOST)
    rows = zip_longest(*(SAMPLES[cls] for cls in near[:6]))
    return [s for row in rows for s in row if s is not None][:MOST]
