from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tensorgraph.cli import main
from tensorgraph.cli.bench import bench, sources
from tensorgraph.errors import InputError

ROOT = Path(__file__).parents[2]


def test_it_runs_in_the_sources(monkeypatch, capfd, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tensorgraph", "bench", "--list", "--rows", "LeNet, Adam, batch"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert capfd.readouterr().out.splitlines() == [
        "LeNet, Adam, batch 32",
        "LeNet, Adam, batch 128",
        "peak memory, LeNet, Adam, batch 32",
        "peak memory, LeNet, Adam, batch 128",
    ]


def test_files_are_written_where_it_was_called(monkeypatch, capfd, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ["--rows", "SGD, inference, batch 1$"]
    arguments = [*rows, "--peers", "numpy", "--smoke", "--seconds", "1", "--json", "found.json"]
    monkeypatch.setattr(sys, "argv", ["tensorgraph", "bench", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert (tmp_path / "found.json").is_file()
    assert "784-16-16-10" in capfd.readouterr().out


def test_without_the_sources_it_says_what_to_do(tmp_path) -> None:
    assert sources([tmp_path, ROOT]) == ROOT
    with pytest.raises(InputError) as error:
        bench([], [tmp_path])
    assert str(error.value) == (
        "bench: the benchmarks are not part of an installed package: run it in a copy of tensorgraph's sources, "
        "installed with pip install -e '.[bench,peers]'"
    )
