"""Why convolution: what a dense layer costs on a picture, and what a convolution costs.

Both turn a colour picture into six maps of features. A dense layer has a weight for every pair of an input and an
output; a convolution has one small filter per feature, used at every place, so its size does not depend on the
picture's. All numbers are read from `Module.summary()`. It records shapes and computes nothing, so that a layer of
17,856,288,000,000 weights can be counted: its weights are one number in memory, shown as many.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from support.pictures import picture

import tensorgraph as tg
from tensorgraph import nn
from tensorgraph.ir.leaves import Storage, Variable

CHANNELS = 3
FEATURES = 6
KERNEL = 5


class Declared(tg.Parameter):
    """A parameter of any size whose elements are all one 0 in memory: for counting, not for training."""

    def __init__(self, *shape: int) -> None:
        value = np.broadcast_to(np.float32(0), shape)
        tg.Tensor.__init__(self, tg.Node(Variable("weight", tg.TensorType(value.dtype, shape), Storage(value))))


class Dense(nn.Module):
    """`nn.Linear` with declared weights."""

    def __init__(self, in_features: int, out_features: int) -> None:
        self.weight = Declared(out_features, in_features)
        self.bias = Declared(out_features)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """[n, inputs] to [n, outputs]."""
        return nn.functional.linear(x, self.weight, self.bias)


class ToMaps(nn.Module):
    """Numbers as maps."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """[n, c * h * w] to [n, c, h, w]."""
        return tg.reshape(x, (-1, *self.shape))


def dense(size: int) -> nn.Sequential:
    """Every output sees every input."""
    out = size - KERNEL + 1
    return nn.Sequential(
        {
            "flatten": nn.Flatten(),
            "dense": Dense(CHANNELS * size * size, FEATURES * out * out),
            "maps": ToMaps(FEATURES, out, out),
        }
    )


def convolutional() -> nn.Sequential:
    """The same maps from one filter for each."""
    return nn.Sequential({"convolution": nn.Conv2d(CHANNELS, FEATURES, KERNEL, rng=0)})


def classifier(size: int, hidden: int = 1000) -> nn.Sequential:
    """A dense network that only wants to name the picture."""
    inputs = CHANNELS * size * size
    return nn.Sequential(
        {
            "flatten": nn.Flatten(),
            "hidden": Dense(inputs, hidden),
            "relu": nn.ReLU(),
            "output": Dense(hidden, 10),
        }
    )


def convolutional_classifier() -> nn.Sequential:
    """Two convolutions, the mean of each map, and a small dense layer: as many parameters for any picture."""
    return nn.Sequential(
        {
            "conv1": nn.Conv2d(CHANNELS, 16, KERNEL, rng=0),
            "relu1": nn.ReLU(),
            "pool": nn.MaxPool2d(2),
            "conv2": nn.Conv2d(16, 32, KERNEL, rng=1),
            "relu2": nn.ReLU(),
            "mean": nn.GlobalAvgPool(),
            "flatten": nn.Flatten(),
            "output": nn.Linear(32, 10, rng=2),
        }
    )


def counts(size: int) -> dict[str, nn.Summary]:
    """Summaries of all four for colour pictures of size by size."""
    shape = (1, CHANNELS, size, size)
    return {
        "dense": dense(size).summary(shape),
        "convolutional": convolutional().summary(shape),
        "dense classifier": classifier(size).summary(shape),
        "convolutional classifier": convolutional_classifier().summary(shape),
    }


def check() -> None:
    """A declared layer counts as a real one does."""
    shape = (1, CHANNELS, 8, 8)
    real = nn.Sequential(nn.Flatten(), nn.Linear(CHANNELS * 64, 10, rng=0)).summary(shape)
    declared = nn.Sequential(nn.Flatten(), Dense(CHANNELS * 64, 10)).summary(shape)
    assert (real.parameters, real.flops) == (declared.parameters, declared.flops)


def check_counts(found: dict[int, dict[str, nn.Summary]]) -> None:
    """What the text of this example claims."""
    for size, table in found.items():
        out = size - KERNEL + 1
        assert table["dense"].parameters == (CHANNELS * size * size + 1) * FEATURES * out * out
        assert table["convolutional"].parameters == (CHANNELS * KERNEL * KERNEL + 1) * FEATURES == 456
        outputs = {table[name].rows[0].output for name in ("dense", "convolutional")}
        assert outputs == {f"[1, {FEATURES}, {out}, {out}]"}
    classifiers = {table["convolutional classifier"].parameters for table in found.values()}
    assert len(classifiers) == 1, "a convolutional network has as many parameters for any picture"


def memory(parameters: int) -> str:
    """What that many float32 numbers take."""
    size = 4.0 * parameters
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def draw(figure: Any, found: dict[int, dict[str, nn.Summary]]) -> None:
    """Parameters by size of the picture, on logarithmic axes."""
    ax = figure.subplots()
    sizes = [16, 32, 64, 128, 256, 512, 1000]
    tables = {size: found.get(size) or counts(size) for size in sizes}
    for name, style in zip(tables[sizes[0]], ("o-", "s-", "o--", "s--"), strict=True):
        ax.loglog(sizes, [tables[size][name].parameters for size in sizes], style, label=name)
    ax.set_xlabel("height and width of the picture")
    ax.set_ylabel("parameters")
    ax.legend()
    ax.grid(alpha=0.3)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="accepted, as by every example; this one is small")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write pictures to this folder")
    args = parser.parse_args()

    check()
    found = {size: counts(size) for size in (32, 1000)}
    check_counts(found)
    print(f"{'picture':<18}{'network':<26}{'parameters':>20}{'in float32':>12}")
    for size, table in found.items():
        for name, summary in table.items():
            shape = f"{size} x {size} x {CHANNELS}"
            print(f"{shape:<18}{name:<26}{summary.parameters:>20,}{memory(summary.parameters):>12}")
    for name, summary in found[1000].items():
        print(f"\n{name}, 1000 x 1000 x {CHANNELS}\n{summary}")
    picture(args.figures, "why_convolution.svg", lambda figure: draw(figure, found), (5.5, 3.6))


if __name__ == "__main__":
    main()
