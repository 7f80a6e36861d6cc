"""State in files, and state that does not fit."""

from __future__ import annotations

import builtins
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorgraph import nn
from tensorgraph.errors import DataError, InputError


def model(width: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, width, rng=0), nn.BatchNorm1d(width), nn.Dropout(rng=0))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"model{suffix}"
    one, two = model(), nn.Sequential(nn.Linear(3, 4, rng=1), nn.BatchNorm1d(4), nn.Dropout(rng=1))
    one.save(path)
    two.load(path)
    for name, value in one.state_dict().items():
        assert np.array_equal(two.state_dict()[name], value)
        assert two.state_dict()[name].dtype == value.dtype
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    before = path.read_bytes()
    one.save(path)
    assert path.read_bytes() == before


def test_any_name_can_be_saved(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            self.file = nn.Linear(2, 2)
            self.allow_pickle = nn.Linear(2, 2).weight

    Odd().save(tmp_path / "odd.npz")
    Odd().load(tmp_path / "odd.npz")
    assert sorted(np.load(tmp_path / "odd.npz")) == ["allow_pickle", "file.bias", "file.weight"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.npz"
    model().save(path)
    before = path.read_bytes()

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np.lib.format, "write_array", broken)
    with pytest.raises(OSError, match="disk full"):
        model().save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name in ("missing.npz", "missing.safetensors"):
        if name.endswith("safetensors"):
            pytest.importorskip("safetensors")
        with pytest.raises(DataError, match=rf"{name} does not exist, or is no file$"):
            model().load(tmp_path / name)
        (tmp_path / f"bad-{name}").write_bytes(b"nothing of the kind")
        with pytest.raises(DataError, match=rf"bad-{name} is damaged, or no {Path(name).suffix} file: "):
            model().load(tmp_path / f"bad-{name}")
    with pytest.raises(DataError, match=r"model\.pt: the suffix says the format, and must be \.npz or \.safetensors$"):
        model().save(tmp_path / "model.pt")
    np.save(tmp_path / "one.npy", np.ones(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(DataError, match=r"one\.npz holds one array, not an archive of named ones$"):
        model().load(tmp_path / "one.npz")


def test_without_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without(name: str, *args: Any) -> Any:
        if name.startswith("safetensors"):
            raise ModuleNotFoundError("No module named 'safetensors'", name="safetensors")
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)
    message = "safetensors files need the package safetensors: pip install 'tensorgraph[safetensors]'"
    for act in (model().save, model().load):
        with pytest.raises(ModuleNotFoundError) as caught:
            act(tmp_path / "model.safetensors")
        assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []
    assert builtins.open is open


def test_another_architecture_is_refused_whole() -> None:
    mine, other = model(), nn.Sequential(nn.Linear(5, 4, rng=0), nn.ReLU(), nn.Linear(4, 2))
    state = {**other.state_dict(), "0.bias": np.ones(4, "complex64")}
    before = mine.state_dict()
    with pytest.raises(InputError) as caught:
        mine.load_state_dict(state)
    line = caught.traceback[0].lineno + 1
    assert str(caught.value) == (
        f"Sequential: the state does not fit (test_saving.py:{line}):\n"
        "  missing: 1.weight (float32[4])\n"
        "  missing: 1.bias (float32[4])\n"
        "  missing: 1.running_mean (float32[4])\n"
        "  missing: 1.running_var (float32[4])\n"
        "  missing: 1.num_batches_tracked (int64[])\n"
        "  missing: 2.key (uint32[2])\n"
        "  unexpected: 2.weight (float32[2, 4])\n"
        "  unexpected: 2.bias (float32[2])\n"
        "  misshapen: 0.weight is float32[4, 3] and was given float32[4, 5]\n"
        "  of another kind: 0.bias is float32[4] and was given complex64[4]"
    )
    assert all(np.array_equal(before[path], value) for path, value in mine.state_dict().items())


def test_not_strict() -> None:
    mine = model()
    mine.load_state_dict({"0.bias": np.full(4, 2.0), "stray": np.ones(1)}, strict=False)
    assert mine.state_dict()["0.bias"].tolist() == [2.0] * 4
    with pytest.raises(InputError, match=r"misshapen: 0\.bias"):
        mine.load_state_dict({"0.bias": np.ones(3)}, strict=False)
