"""The decorator, the pytest options and the commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from hypothesis import strategies as st

import tensorgraph as tg
from tensorgraph.cli import main
from tensorgraph.errors import GradientError, TensorGraphError
from tensorgraph.testing import GradientMismatch, gradient_test, tensors
from tensorgraph.testing.checking import check_target

ROOT = Path(__file__).parents[2]

TESTS = """
import tensorgraph as tg
from hypothesis import settings

@tg.testing.gradient_test(examples=3)
def test_right(x: "float64[n, 2]"):
    return tg.sum(tg.tanh(x))

def test_profile():
    assert settings.default.max_examples == 60
"""

MODELS = """
import numpy as np
import tensorgraph as tg
from tensorgraph import nn


def right(x, y):
    return tg.sum(tg.sin(x) * y)


@tg.custom_gradient
def cube(x):
    return x**3, lambda g: g * 2 * x**2


def wrong(x: "float64[3]"):
    return tg.sum(cube(x))


def raises(x: "float64[3]"):
    raise KeyError("lost")


model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
three = 3
"""


@gradient_test(examples=5)
def test_by_annotation(x: float64[n, 3], w: float64[3]):  # noqa: F821 (a type of ours)
    return tg.sum(tg.tanh(x) * w)


@gradient_test(examples=5, order=1, k=st.just(np.array([0, 1])))
def test_by_strategy(x: Annotated[tg.Tensor, tensors("float64", (2,), values="smooth")], k):
    return tg.sum(tg.take(x, k) ** 2)


@gradient_test
def test_by_default(x):
    return tg.mean(tg.exp(x))


def test_a_wrong_gradient_is_found_at_small_arguments() -> None:
    @tg.custom_gradient
    def square(x):
        return x * x, lambda g: g * x

    test = gradient_test(lambda x: tg.sum(square(x)), examples=20)
    with pytest.raises(GradientMismatch, match="check_gradients") as caught:
        test()
    assert any("'x': array(" in note for note in caught.value.__notes__)


def halved(x):
    return tg.sum(tg.custom_gradient(lambda x: (x * x, lambda g: g * x))(x))


def lost(x):
    raise KeyError("w")


class Halved(tg.nn.Module):
    def forward(self, x):
        return halved(x)


@pytest.mark.parametrize(("call", "line"), [
    (gradient_test(halved, examples=3), "def halved"),
    (lambda: check_target(halved, "halved"), "def halved"),
    (lambda: check_target(Halved(), "model"), "    def forward"),
    (lambda: check_target(lost, "lost"), "def lost"),
    (gradient_test(lost, examples=3), "def lost"),
])  # fmt: skip
def test_errors_name_the_line_of_the_definition(call, line: str) -> None:
    """Not one of Hypothesis, which makes the call."""
    with pytest.raises(TensorGraphError) as caught:
        call()
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    number = re.search(r"\(test_plugin\.py:(\d+)\)$", str(caught.value))
    assert number, str(caught.value)
    assert lines[int(number[1]) - 1].startswith(line)
    assert "core.py" not in str(caught.value)


def test_a_function_that_raises_is_named() -> None:
    with pytest.raises(GradientError) as caught:
        check_target(lost, "lost")
    assert re.sub(r"py:\d+", "py:#", str(caught.value)) == (
        "check_gradients: lost raised KeyError: 'w': it is called with tensors: call it so by itself and mend it "
        "(test_plugin.py:#)"
    )


@pytest.mark.parametrize(("make", "message"), [
    (lambda: gradient_test(lambda: 1), "<lambda> takes no argument: there is nothing to differentiate by"),
    (lambda: gradient_test(lambda x: x, y=st.just(1)), "<lambda> has no argument 'y': its arguments are x"),
])  # fmt: skip
def test_what_cannot_be_drawn(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_unknown_annotations_are_refused() -> None:
    def f(x: dict): ...

    with pytest.raises(ValueError, match=r"no values are known for argument 'x' of f: annotate it with a type such as"):
        gradient_test(f)


def pytest_run(folder: Path, *options: str) -> str:
    (folder / "test_it.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tensorgraph.pytest_plugin",
        "-p",
        "no:cacheprovider",
        *options,
    ]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [*command, "test_it.py"], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )
    return done.stdout + done.stderr


def test_options(tmp_path: Path) -> None:
    text = pytest_run(tmp_path, "--tensorgraph-profile", "ci", "--tensorgraph-ops")
    assert "2 passed" in text
    assert "tensorgraph operations" in text
    (line,) = [line for line in text.splitlines() if line.startswith("exercised: ")]
    assert "tanh" in line
    assert "operations exercised" in text
    assert "erfinv" not in line


def test_workers_report_to_the_controller(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    text = pytest_run(tmp_path, "-n", "2", "--tensorgraph-profile", "ci", "--tensorgraph-ops")
    assert "2 passed" in text
    assert "tanh" in next(line for line in text.splitlines() if line.startswith("exercised: "))


def test_without_the_options_no_tool_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import sys\ndef test(): assert 'tensorgraph.testing' not in sys.modules")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tensorgraph.pytest_plugin", "-p", "no:cacheprovider"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [*command, "test_it.py"], cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_importing_the_library_does_not_import_hypothesis() -> None:
    program = "import sys, tensorgraph; assert 'hypothesis' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


# ---- commands


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["tensorgraph", *arguments])
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(SystemExit) as stopped:
        main()
    output = capsys.readouterr()
    return int(stopped.value.code or 0), output.out, output.err


@pytest.fixture
def models(tmp_path: Path) -> str:
    path = tmp_path / "models.py"
    path.write_text(MODELS)
    return str(path)


@pytest.mark.parametrize("seed", range(5))
def test_check_prints_a_report(seed: int, models: str, monkeypatch, capsys) -> None:
    code, out, err = run(monkeypatch, capsys, "check", f"{models}:right", "--examples", "2", "--seed", str(seed))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "right: the gradients are right", "  arguments: x float64[], y float64[]", "  operations: multiply, sin, sum",
        "  checked at 2 points, to order 2, in reverse and forward mode",
    ]  # fmt: skip
    code, out, _ = run(
        monkeypatch,
        capsys,
        "check",
        f"{models}:right",
        "--input",
        "float64[n, 2]",
        "--input",
        "float64[2]",
        "--order",
        "1",
    )
    assert code == 0
    assert "y float64[2]" in out


def test_check_takes_models(models: str, monkeypatch, capsys) -> None:
    code, out, _ = run(monkeypatch, capsys, "check", f"{models}:model", "--examples", "2", "--order", "1")
    assert code == 0
    assert "0.weight float32[4, 3]" in out
    assert "input float32[2, 3]" in out


def test_check_finds_a_wrong_gradient(models: str, monkeypatch, capsys) -> None:
    code, out, err = run(monkeypatch, capsys, "check", f"{models}:wrong", "--examples", "5")
    assert code == 1
    assert out == ""
    assert err.startswith("error: check_gradients: argument 0")
    assert "Traceback" not in err


@pytest.mark.parametrize(("name", "message"), [
    ("nothing", "has no 'nothing'; it has right, cube, wrong, raises"),
    ("three", "check: three is a int: name a function, a Module, or a test of gradient_test"),
    ("raises", "raised KeyError: 'lost'"),
])  # fmt: skip
def test_check_says_what_is_wrong(name: str, message: str, models: str, monkeypatch, capsys) -> None:
    code, _, err = run(monkeypatch, capsys, "check", f"{models}:{name}", "--examples", "2")
    assert code == 1
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("target", "message"), [
    ("models", "'models' names nothing: write PATH.py:NAME or MODULE:NAME"),
    ("nowhere.py:f", "nowhere.py: there is no such file"),
    ("no_such:f", "module no_such cannot be imported: ModuleNotFoundError: No module named 'no_such'"),
])  # fmt: skip
def test_targets_that_are_not_there(target: str, message: str, monkeypatch, capsys) -> None:
    code, _, err = run(monkeypatch, capsys, "check", target)
    assert (code, err) == (1, f"error: {message}\n")


def test_fuzz_prints_a_summary(tmp_path: Path, monkeypatch, capsys) -> None:
    code, out, _ = run(monkeypatch, capsys, "fuzz", "--minutes", "0.02", "--out", str(tmp_path / "found"))
    assert code == 0
    assert out.splitlines()[-1] == "nothing found"
    assert not (tmp_path / "found").exists()
