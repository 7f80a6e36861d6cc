"""Emitted sources that a person has read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg

ROOT = Path(__file__).parents[2]
FIXED = {"locations": False, "machine": tg.Machine.reference}


def training_step() -> tg.Kernel:
    x = tg.placeholder(("batch", 4), "float32", name="x")
    y = tg.placeholder(("batch", 2), "float32", name="y")
    w1, b1 = tg.Parameter(np.ones((4, 3), "f4"), name="w1"), tg.Parameter(np.zeros(3, "f4"), name="b1")
    w2, b2 = tg.Parameter(np.ones((3, 2), "f4"), name="w2"), tg.Parameter(np.zeros(2, "f4"), name="b2")
    with tg.scope("hidden"):
        hidden = tg.tanh(x @ w1 + b1)
    with tg.scope("out"):
        predicted = hidden @ w2 + b2
    loss = tg.mean((predicted - y) ** 2)
    parameters = [w1, b1, w2, b2]
    updates = [(p, p - 0.1 * g) for p, g in zip(parameters, tg.gradients(loss, parameters), strict=True)]
    return tg.compile([x, y], loss, updates, name="step", **FIXED)


def adam() -> tg.Kernel:
    """Two layers whose updates are one loop over blocks, the steps counted in a whole number."""
    x = tg.placeholder(("batch", 4), "float32", name="x")
    w, b = tg.Parameter(np.ones((4, 300), "f4"), name="w"), tg.Parameter(np.zeros(300, "f4"), name="b")
    loss = tg.mean((x @ w + b) ** 2)
    return tg.compile([x], loss, tg.optim.Adam().updates(loss, [w, b]), name="step", **FIXED)


def cross_entropy() -> tg.Kernel:
    logits = tg.placeholder(("batch", 10), "float32", name="logits")
    labels = tg.placeholder(("batch",), "int64", name="labels")
    rows = tg.log_softmax(logits, axis=1)
    loss = -tg.mean(tg.take_along_axis(rows, labels[:, None], axis=1))
    return tg.compile([logits, labels], [loss, *tg.gradients(loss, [logits])], name="gradient", **FIXED)


def normalization() -> tg.Kernel:
    x = tg.placeholder(("batch", 8), "float64", name="x")
    scale = tg.Parameter(np.ones(8), name="scale")
    centred = x - tg.mean(x, axis=0)
    return tg.compile(
        [x], scale * centred / tg.sqrt(tg.mean(centred * centred, axis=0) + 1e-5), name="normalize", **FIXED
    )


def cubed(x):
    """A function of the user's."""
    return x * x * x


CUBED = tg.custom_op(cubed)


def helpers() -> tg.Kernel:
    x = tg.placeholder(("n", 3), "float64", name="x")
    kept = tg.asarray([0.25, -0.0, np.inf])
    table = tg.asarray(np.arange(200.0))
    y = tg.sigmoid(x) + kept
    z = CUBED(tg.logsumexp(y.at[:, 0].set(1.5), axis=1))
    return tg.compile([x], {"rows": z, "table": table[:3] * 2.0, "twice": (y, x)}, name="mixed", **FIXED)


KERNELS = {"training_step": training_step, "adam": adam, "cross_entropy": cross_entropy, "normalization": normalization,
           "helpers": helpers}  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
def test_source(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.py", KERNELS[name]().source)


def test_saved_module(golden: Callable[[str, str], None], tmp_path: Path) -> None:
    training_step().save(tmp_path / "step.py")
    golden("saved_step.py", (tmp_path / "step.py").read_text(encoding="utf-8"))


def test_goldens_pass_the_linter() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "tests/golden"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "golden").glob("*.py")), ids=lambda path: path.name)
def test_goldens_are_python_without_paths(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    compile(text, path.name, "exec")
    assert str(ROOT) not in text
    assert max(map(len, text.splitlines())) <= 120


def test_bytes_do_not_depend_on_the_process() -> None:
    code = "import sys; from tests.codegen.test_golden import KERNELS\n"
    code += "for make in KERNELS.values(): sys.stdout.write(make().source)"
    runs = []
    for seed in ("0", "1", "4242"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        runs.append(result.stdout)
    assert runs[0] == runs[1] == runs[2] == "".join(make().source for make in KERNELS.values())
