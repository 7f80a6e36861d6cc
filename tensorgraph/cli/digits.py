"""Commands about the digit network."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tensorgraph.data import digit_image, load_digits
from tensorgraph.errors import DataError
from tensorgraph.files import atomic_write
from tensorgraph.train.digits import DigitNetwork, Epoch, train_digits, training_steps
from tensorgraph.viz.dot import render_svg, to_dot

__all__ = ["predict", "train"]


def train(data_dir: Path | None, seed: int, epochs: int, out: Path) -> None:
    """Train, print, and write the files."""
    console = Console()
    data = load_digits(data_dir)
    _check_writable(out)
    console.print(f"{len(data.train_images):,} training images, {len(data.test_images):,} test images, seed {seed}")
    untrained = DigitNetwork(seed, training_steps(data, epochs))
    console.print(f"784-16-16-10 sigmoid network: {untrained.parameters:,} weights and biases")
    last = Epoch(0, float("nan"), 0.0)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("training", total=epochs)

        def report(epoch: Epoch) -> None:
            nonlocal last
            last = epoch
            progress.advance(task)
            progress.console.print(f"epoch {epoch.number:3d}   loss {epoch.loss:.4f}   accuracy {epoch.accuracy:.4f}")

        network = train_digits(data, seed, epochs, report)
    console.print(f"test accuracy {last.accuracy:.3f}")
    for name in _write(network, untrained, out):
        console.print(f"wrote {out / name}", highlight=False, soft_wrap=True)


def _check_writable(out: Path) -> None:
    """Fail before training rather than after."""
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise DataError(f"{out} cannot be written: choose another folder with --out")


def _write(network: DigitNetwork, untrained: DigitNetwork, out: Path) -> list[str]:
    """Weights, training step from the start, and graph; a file appears only when it is whole."""
    network.save(out / "digits.npz")
    untrained.step.save(out / "digits_step.py")
    dot = to_dot(network.step.graph, "digits")
    svg = render_svg(dot)
    picture, content = ("digits.dot", dot.encode()) if svg is None else ("digits.svg", svg)
    with atomic_write(out / picture) as file:
        file.write(content)
    return ["digits.npz", "digits_step.py", "digits_step.npz", picture]


def predict(image: Path, weights: Path) -> None:
    """Print the digit and the activation of each output."""
    pixels = digit_image(image)
    network = DigitNetwork.load(weights)
    shares = network.probabilities(pixels.reshape(1, 784))[0]
    console = Console()
    console.print(f"digit {int(np.argmax(shares))}")
    for digit, share in enumerate(shares):
        console.print(f"  {digit}  {share:.4f}  {'█' * round(40 * float(share))}", highlight=False)
