"""Saved modules: they run with NumPy alone, and refuse what does not fit."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import CompileError
from tests.compiler.programs import assert_same_bits
from tests.compiler.test_equivalence import loaded

SCALE = 2.5
TABLE = np.ones(3)


def inner(x):
    return SCALE * x


@tg.custom_op
def plain(x):
    """Uses another function, a number and two modules of this file."""
    return inner(x) + math.pi * NormalDist().mean


@tg.custom_op
def with_array(x):
    return x + TABLE


@tg.custom_op
def with_package(x):
    import networkx  # noqa: F401

    return x


@tg.custom_op
def checked(x):
    return x


def step_kernel() -> tuple[tg.Kernel, tg.Parameter]:
    x = tg.placeholder(("batch", 3), "float32", name="x")
    y = tg.placeholder(("batch",), "float32", name="y")
    w = tg.Parameter(np.linspace(-1, 1, 3, dtype="f4"), name="w")
    table = tg.asarray(np.linspace(0, 1, 900, dtype="f4").reshape(300, 3))
    loss = tg.mean((tg.sigmoid(x @ w) - y) ** 2) + tg.sum(table @ w) * 1e-3
    (gradient,) = tg.gradients(loss, [w])
    return tg.compile([x, y], {"loss": loss, "parts": (x * 2, [y])}, {w: w - 0.1 * gradient}, name="step"), w


RUN = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorgraph", "tests", "networkx", "hypothesis"}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
import numpy as np
sys.path.insert(0, sys.argv[1])
import saved
state = saved.init_state()
x, y = np.load("x.npy"), np.load("y.npy")
for _ in range(3):
    outputs = saved.step(state, x, y)
saved.save("after.npz", state)
again = saved.load("after.npz")
assert again.keys() == state.keys() and all(np.array_equal(again[k], state[k]) for k in state)
np.savez("got.npz", loss=outputs["loss"], double=outputs["parts"][0], last=outputs["parts"][1][0], w=state["w"])
assert not any(name.partition(".")[0] == "tensorgraph" for name in sys.modules)
"""


def test_a_fresh_interpreter_without_the_library(tmp_path: Path) -> None:
    kernel, w = step_kernel()
    kernel.save(tmp_path / "saved.py")
    rng = np.random.default_rng(0)
    x, y = rng.random((5, 3), dtype="f4"), rng.random(5, dtype="f4")
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    command = [sys.executable, "-I", "-c", RUN, str(tmp_path)]
    subprocess.run(command, cwd=tmp_path, check=True)
    for _ in range(3):
        expected = kernel(x, y)
    got = np.load(tmp_path / "got.npz")
    assert_same_bits([got["loss"], got["double"], got["last"]], [expected["loss"], x * 2, y])
    assert_same_bits([got["w"]], [w.numpy()])
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [
        "after.npz", "got.npz", "saved.npz", "saved.py", "x.npy", "y.npy",
    ]  # fmt: skip


@pytest.fixture
def saved(tmp_path: Path):
    step_kernel()[0].save(tmp_path / "saved.py")
    return loaded(tmp_path / "saved.py")


X, Y = np.ones((2, 3), "f4"), np.ones(2, "f4")


def test_inputs_that_do_not_fit(saved) -> None:
    state = saved.init_state()
    x, y = "input 'x' is float32[batch, 3] and was given", "input 'y' is float32[batch] and was given"
    for args, message in [
        ((X.astype("f8"), Y), f"{x} float64[2, 3]: cast it with .astype('float32')"),
        ((X[0], Y), f"{x} float32[3]: its shape must be [any, 3]"),
        ((X[:, :2], Y), f"{x} float32[2, 2]: its shape must be [any, 3]"),
        ((X, np.ones(4, "f4")), f"{y} float32[4]: its shape must be [2]"),
        ((X, None), f"{y} object[]: cast it with .astype('float32')"),
    ]:
        with pytest.raises(ValueError, match=r"^input ") as error:
            saved.step(state, *args)
        assert str(error.value) == message
    assert_same_bits([state["w"]], [saved.init_state()["w"]])


def test_states_that_do_not_fit(saved, tmp_path: Path) -> None:
    state = saved.init_state()
    names = ", ".join(state)
    for change, message in [
        ({"w": np.ones(3)}, "'w' of the state is float64[3], and must be float32[3]"),
        ({"w": np.ones(2, "f4")}, "'w' of the state is float32[2], and must be float32[3]"),
    ]:
        with pytest.raises(ValueError, match=r"^'w' of the state") as error:
            saved.step({**state, **change}, X, Y)
        assert str(error.value) == message
        with pytest.raises(ValueError, match=r"^'w' of the state") as error:
            saved.save(tmp_path / "bad.npz", {**state, **change})
        assert str(error.value) == message
    with pytest.raises(ValueError, match=r"^the state has no") as error:
        saved.step({}, X, Y)
    assert str(error.value) == f"the state has no 'w': it must have {names}"
    assert not (tmp_path / "bad.npz").exists()


def test_files_that_are_no_state(saved, tmp_path: Path) -> None:
    state = saved.init_state()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        saved.load(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("no", encoding="utf-8")
    np.savez(tmp_path / "other.npz", v=np.ones(3))
    saved.save(tmp_path / "good.npz", state)
    content = bytearray((tmp_path / "good.npz").read_bytes())
    content[150] ^= 255
    (tmp_path / "flipped.npz").write_bytes(content)
    for name, start in [("text", "is no npz file"), ("flipped", "is damaged: ")]:
        path = tmp_path / f"{name}.npz"
        with pytest.raises(ValueError, match="npz") as error:
            saved.load(path)
        assert str(error.value).startswith(f"{path} {start}")
    with pytest.raises(ValueError, match="npz") as error:
        saved.load(tmp_path / "other.npz")
    assert str(error.value) == f"{tmp_path / 'other.npz'}: the state has no 'w': it must have {', '.join(state)}"


def test_a_failed_save_keeps_the_old_file(saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = saved.init_state()
    path = tmp_path / "state.npz"
    saved.save(path, state)
    before = path.read_bytes()

    def failing(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", lambda file, **kwargs: (file.write(b"half"), failing()))
    with pytest.raises(OSError, match=r"^disk full$"):
        saved.save(path, state)
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match=r"^disk full$"):
        saved.save(path, state)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["saved.npz", "saved.py", "state.npz"]


def test_saving_where_one_cannot(tmp_path: Path) -> None:
    kernel, _ = step_kernel()
    with pytest.raises(FileNotFoundError):
        kernel.save(tmp_path / "none" / "step.py")
    with pytest.raises(CompileError) as error:
        kernel.save(tmp_path / "step.npz")
    message = (
        f"step: cannot save to {tmp_path / 'step.npz'}: the state goes to the .npz file; give a name ending in .py"
    )
    assert str(error.value) == message
    assert list(tmp_path.iterdir()) == []


def test_users_functions_come_along(tmp_path: Path) -> None:
    x = tg.placeholder(("n",), name="x")
    kernel = tg.compile([x], plain(x), name="run")
    kernel.save(tmp_path / "run.py")
    text = (tmp_path / "run.py").read_text(encoding="utf-8")
    for line in ("import math", "from statistics import NormalDist", "SCALE = 2.5", "def inner(x):", "def plain(x):"):
        assert line in text.splitlines()
    assert "custom_op" not in text
    run = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.'); import run; print(run.run({}, [1.0, 2.0]))"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout == f"{kernel([1.0, 2.0])}\n"


def test_functions_that_cannot_come_along(tmp_path: Path) -> None:
    k = 2.0

    def closing(x):
        return x * k

    x = tg.placeholder((3,), name="x")
    package = "it uses networkx, and a module may import NumPy and the standard library only"
    for function, name, why in [
        (tg.custom_op(closing), "closing", "it closes over 'k'"),
        (tg.custom_op(lambda x: x), "lambda", "it is not defined with def"),
        (tg.custom_op(np.sqrt), "sqrt", "it is a ufunc, not a function defined with def"),
        (with_array, "with_array", "it uses 'TABLE', a ndarray of its file"),
        (with_package, "with_package", package),
    ]:
        kernel = tg.compile([x], function(x), name="run")
        kernel([1.0, 4.0, 9.0])
        with pytest.raises(CompileError) as error:
            kernel.save(tmp_path / "run.py")
        text = str(error.value)
        assert text.startswith(f"run: cannot save: {name}")
        assert text.endswith(f" cannot stand in a file of its own: {why}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["load", "compute", "np", "erf", "zipfile"])
def test_names_that_mean_two_things(name: str, tmp_path: Path) -> None:
    x = tg.placeholder((3,), name="x")
    kernel = tg.compile([x], tg.erf(x), name=name)
    with pytest.raises(CompileError) as error:
        kernel.save(tmp_path / "run.py")
    assert str(error.value) == (
        f"{name}: cannot save: the module calls something else {name!r}; compile with another name="
    )


def test_a_user_function_named_like_one_of_ours(tmp_path: Path) -> None:
    x = tg.placeholder((3,), name="x")
    kernel = tg.compile([x], checked(x), name="run")
    np.testing.assert_array_equal(kernel([1.0, 2.0, 3.0]), [1, 2, 3])
    with pytest.raises(CompileError, match=r"^run: cannot save: checked"):
        kernel.save(tmp_path / "run.py")


def test_saved_modules_pass_the_linter(tmp_path: Path) -> None:
    folder = Path(__file__).parents[1] / "golden"
    kernel, _ = step_kernel()
    kernel.save(tmp_path / "saved.py")
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--stdin-filename", str(folder / "saved.py"), "-"]
    text = (tmp_path / "saved.py").read_text(encoding="utf-8")
    result = subprocess.run(command, input=text, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
