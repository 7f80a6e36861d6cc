"""The systems give the numbers that they and their pages claim."""

from __future__ import annotations

import importlib
import io
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tensorgraph as tg

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "systems").glob("*.md"))
OUTPUT = re.compile(r"<!-- output: (\w+)\.py( --small)? -->\n```text\n(.*?)\n```", re.DOTALL)
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module


# ---- the pages
BLOCKS = [(page.name, *match.groups()) for page in PAGES for match in OUTPUT.finditer(page.read_text(encoding="utf-8"))]


@cache
def printed(name: str, option: str | None) -> str:
    """What the example prints."""
    sys_argv, sys.argv = sys.argv, [f"{name}.py", *([option.strip()] if option else [])]
    try:
        with redirect_stdout(io.StringIO()) as stream:
            importlib.import_module(name).main()
    finally:
        sys.argv = sys_argv
    return stream.getvalue()


def test_pages_have_outputs() -> None:
    assert {name for _, name, *_ in BLOCKS} == {
        "edge_detection", "four_pixel_camera", "why_convolution", "x_or_o", "x_or_o_by_hand",
    }  # fmt: skip


@pytest.mark.parametrize(("page", "name", "option", "text"), BLOCKS, ids=[f"{b[0]}-{i}" for i, b in enumerate(BLOCKS)])
def test_output_on_page(load: Load, page: str, name: str, option: str | None, text: str) -> None:
    assert text in printed(name, option), f"{page}: {name}.py prints something else"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures(page: Path) -> None:
    targets = re.findall(r"\]\(([^):]+)\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).is_file()] == []


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "figures").iterdir()}
    assert {name: size for name, size in sizes.items() if size > 100_000} == {}


# ---- X or O by hand
def test_first_stack_by_hand(load: Load) -> None:
    example = load("x_or_o_by_hand")
    image = example.ink(example.PICTURES["X"])
    maps, rectified, pooled = (part.numpy()[0] for part in example.stack(image[None, None], example.first_weights(), 9))
    assert image.shape == (9, 9)
    assert (maps.shape, rectified.shape, pooled.shape) == ((3, 7, 7), (3, 7, 7), (3, 4, 4))
    diagonal = image[np.arange(9), np.arange(9)]
    assert diagonal.tolist() == [-1, 1, 1, 1, 1, 1, 1, 1, -1]
    assert maps[0, 1, 1] == maps[1, 3, 3] == 1
    assert maps[0, 0, 0] == 7 / 9
    assert maps[0, 3, 3] == 5 / 9
    assert maps[0, 0, 6] == 3 / 9
    assert np.array_equal(maps[2], maps[0, :, ::-1])  # the X is its own mirror image
    assert np.array_equal(rectified, np.maximum(maps, 0))
    assert pooled[0].round(2).tolist() == [
        [1.0, 0.33, 0.56, 0.33],
        [0.33, 1.0, 0.33, 0.56],
        [0.56, 0.33, 1.0, 0.11],
        [0.33, 0.56, 0.11, 0.78],
    ]


@pytest.mark.parametrize(("letter", "votes"), [("X", [52, -28]), ("O", [-12, 20])])
def test_vote_by_hand(load: Load, letter: str, votes: list[int]) -> None:
    example = load("x_or_o_by_hand")
    found = example.network(example.ink(example.PICTURES[letter])[None, None]).numpy()
    np.testing.assert_allclose(found * 36, [votes], rtol=1e-14)


def test_other_pictures_by_hand(load: Load) -> None:
    assert load("x_or_o_by_hand").other_pictures() == ({"X": 81, "O": 81}, {"X": 8, "O": 4})


# ---- X or O, learned
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_x_or_o_is_learned(load: Load, seed: int) -> None:
    example = load("x_or_o")
    result = example.train(example.Setting(), seed, count=3000, epochs=4)
    assert example.UNSEEN == 2000
    assert result.accuracy >= 0.99
    assert result.losses[-1] < result.losses[0] / 5


def test_sweep_covers_the_hyperparameters(load: Load) -> None:
    example = load("x_or_o")
    settings = example.all_settings()
    assert len(set(settings)) == 24
    for field in ("features", "size", "window", "stride"):
        assert len({getattr(setting, field) for setting in settings}) > 1
    found = example.sweep([example.Setting(features=2), example.Setting(features=8, size=5)], 500, 2)
    few, many = found.values()
    assert few.parameters < many.parameters
    assert few.accuracy < many.accuracy


def test_letters(load: Load) -> None:
    letters = importlib.import_module("support.letters").letters
    pictures, labels = letters(400, 7)
    again, same = letters(400, 7)
    others, _ = letters(400, 8)
    assert (pictures.shape, pictures.dtype, set(labels.tolist())) == ((400, 1, 16, 16), np.float32, {0, 1})
    assert np.array_equal(pictures, again)
    assert np.array_equal(labels, same)
    assert not np.array_equal(pictures, others)
    ink = np.sort(pictures.reshape(400, -1), axis=1)[:, -20:].mean(axis=1)  # dimmed: between thin 0.4 and 1
    assert 0.25 < ink.min() < 0.5
    assert 0.9 < ink.max() < 1.2


# ---- edge detection
def test_edges(load: Load) -> None:
    example = load("edge_detection")
    rows = [[0, 30, 30, 0]] * 4
    assert example.convolve(example.IMAGE, example.VERTICAL).tolist() == rows
    assert example.convolve(example.IMAGE.T, example.HORIZONTAL).tolist() == np.transpose(rows).tolist()
    assert not example.convolve(example.IMAGE, example.HORIZONTAL).numpy().any()
    mirrored = example.convolve(example.IMAGE[:, ::-1], example.VERTICAL)
    assert mirrored.tolist() == [[0, -30, -30, 0]] * 4
    assert not tg.relu(mirrored).numpy().any()
    sizes = dict(example.sizes())
    assert sizes["convolution 3 x 3, padding 1, stride 2"] == "3 x 3"
    assert sizes["max pooling 3 x 3, stride 2, ceil mode"] == "3 x 3"
    assert "cannot slide: the input is too small" in example.too_large()


# ---- the four-pixel camera
def test_camera_by_hand(load: Load) -> None:
    example = load("four_pixel_camera")
    assert set(np.concatenate([w.ravel() for w in example.WEIGHTS.values()]).tolist()) == {-1, 0, 1}
    model = example.by_hand()
    strength = np.tanh(2 * np.tanh(2))
    for pictures in (example.PATTERNS, -example.PATTERNS):
        np.testing.assert_allclose(model(pictures).numpy(), strength * np.eye(4), rtol=1e-6)
    odd = model(np.array([[1, 1, 1, -1]], np.float32)).numpy()[0]
    np.testing.assert_allclose(odd, np.tanh(np.tanh(2)), rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_camera_is_learned(load: Load, seed: int) -> None:
    example = load("four_pixel_camera")
    accuracy, losses, model = example.learn(seed, epochs=20)
    assert accuracy >= 0.99
    assert losses[-1] < losses[0] / 10
    answers = model(np.concatenate([example.PATTERNS, -example.PATTERNS])).numpy().argmax(axis=1)
    assert answers.tolist() == [0, 1, 2, 3] * 2


# ---- why convolution
def test_parameters(load: Load) -> None:
    example = load("why_convolution")
    example.check()
    found = {size: {name: s.parameters for name, s in example.counts(size).items()} for size in (32, 1000)}
    assert found == {
        32: {
            "dense": (3072 + 1) * 4704,
            "convolutional": 456,
            "dense classifier": 3072 * 1000 + 1000 + 1000 * 10 + 10,
            "convolutional classifier": 1216 + 12_832 + 330,
        },
        1000: {
            "dense": (3_000_000 + 1) * 5_952_096,
            "convolutional": 456,
            "dense classifier": 3_000_000_000 + 1000 + 1000 * 10 + 10,
            "convolutional classifier": 1216 + 12_832 + 330,
        },
    }


# ---- pictures are an extra
def test_pictures_are_left_out_without_matplotlib(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = load("edge_detection")
    monkeypatch.setattr(importlib.import_module("support.pictures"), "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["edge_detection.py", "--figures", str(tmp_path / "figures")])
    example.main()
    assert capsys.readouterr().out.endswith(
        "edge_detection.png was left out: pictures need matplotlib (pip install 'tensorgraph[plot]')\n"
    )
    assert not (tmp_path / "figures").exists()


def test_pictures_are_written(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    names = {"edge_detection": "png", "four_pixel_camera": "png", "why_convolution": "svg", "x_or_o_by_hand": "png"}
    for name, suffix in names.items():
        monkeypatch.setattr(sys, "argv", [f"{name}.py", "--small", "--figures", str(tmp_path)])
        load(name).main()
        assert (tmp_path / f"{name}.{suffix}").stat().st_size > 1000
