"""Emitted modules pass ruff: by its own rules, and by the stricter ones of this project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.codegen.tidy import identifiers, tidied
from tensorgraph.compiler.compile import Options, compile_graph
from tensorgraph.errors import CompileError
from tests.compiler.programs import random_program
from tests.schedule.test_blocks import chain
from tests.schedule.test_sides import tangled

ROOT = Path(__file__).parents[2]
# A module of one kernel needs no annotations or docstrings; users choose their own names.
CHOSEN = "D,I002,E741,PLR0915"


def layers() -> list[Kernel]:
    """Training steps of layers, with losses."""
    found = []
    image = tg.placeholder(("batch", 1, 8, 8), "float32", name="image")
    x = tg.placeholder(("batch", 5), "float32", name="x")
    labels = tg.placeholder(("batch",), "int64", name="labels")
    conv = tg.nn.Sequential(
        tg.nn.Conv2d(1, 2, 3), tg.nn.ReLU(), tg.nn.MaxPool2d(2), tg.nn.Flatten(), tg.nn.Linear(18, 3)
    )
    dense = tg.nn.Sequential(
        tg.nn.Linear(5, 4), tg.nn.BatchNorm1d(4), tg.nn.Dropout(0.3), tg.nn.Tanh(), tg.nn.Linear(4, 3)
    )
    for given, model in ((image, conv), (x, dense)):
        loss = tg.nn.functional.cross_entropy(model(given), labels)
        for rule in (tg.optim.SGD(0.1), tg.optim.Adam(1e-3), tg.optim.RMSprop(1e-3)):
            updates = rule.updates(loss, model.parameters())
            found.append(tg.compile([given, labels], loss, updates, name="step"))
    return found


def expressions() -> list[Kernel]:
    z = tg.placeholder(("n",), "float64", name="z")
    k = tg.placeholder(("n", "m"), "int64", name="k")
    return [
        tg.compile([z], tg.exp(z)),
        tg.compile([z], [chain(z), tg.sum(chain(z))]),
        tg.compile([k], tg.sort(k, axis=1)[:, ::-1] * 2),
        tg.compile([z], tg.gradients(tg.sum(tg.cumulative_sum(z) * z), z)),
    ]


def randoms() -> list[Kernel]:
    programs = [random_program(seed, symbolic=seed % 2 == 0) for seed in range(40)]
    made = [compile_graph(p.graph(), "kernel", list(range(len(p.outputs))), Options()) for p in programs]
    return [*made, *map(tangled, range(20))]


@pytest.mark.parametrize("kernels", [layers, expressions, randoms], ids=lambda f: f.__name__)
def test_emitted_and_saved_modules_pass_the_linter(kernels, tmp_path: Path) -> None:
    for number, kernel in enumerate(kernels()):
        (tmp_path / f"emitted_{number}.py").write_text(kernel.source, encoding="utf-8")
        try:
            kernel.save(tmp_path / f"saved_{number}.py")
        except CompileError:
            continue  # a user's function that cannot stand in a file
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache"]
    for how in (["--isolated", "--ignore", "E741"], ["--config", str(ROOT / "pyproject.toml"), "--ignore", CHOSEN]):
        result = subprocess.run([*ruff, *how, str(tmp_path)], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr


def test_names_that_nothing_reads() -> None:
    lines = [
        "    a = np.exp(x, m0)  # float32[n]",
        "    b = m0  # float32[n]",
        "    c = np.add(b.a, x, m1)",
        "    other = np.sin(x)",
        "    return c",
    ]
    assert identifiers(lines)["a"] == 1
    kept, starts = tidied(lines, {"a", "b", "c"}, [0, 1, 2, 4])
    assert kept == ["    np.exp(x, m0)  # float32[n]", *lines[1:]]
    assert starts == [0, 1, 2, 4]
    kept, starts = tidied([lines[1], lines[3], lines[4]], {"b", "other"}, [0, 1, 2])
    assert kept == ["    np.sin(x)", "    return c"]
    assert starts == [0, 0, 1]


def test_a_step_without_updates_lists_none() -> None:
    p = tg.Parameter(np.ones(3), name="p")
    x = tg.placeholder((3,), "float64", name="x")
    kernel = tg.compile([x], x * 2, updates={p: p})
    assert "update += [" not in kernel.source
    kernel(np.ones(3))
    assert p.numpy().tolist() == [1, 1, 1]
