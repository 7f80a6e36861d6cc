"""X or O, learned: a convolutional network that finds its own features.

The letters are generated: moved, scaled, rotated by up to 20 degrees, thick and thin, dimmed and noisy. The network is
a convolution, ReLU and max pooling, twice, then a dense layer. It is trained from three seeds, each of which has its
own first weights and its own pictures, and tested on 2,000 pictures that it has not seen. Then a sweep over its
hyperparameters: number and size of the features, window and stride of the pooling.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from support.letters import NAMES, SIZE, letters
from support.pictures import picture
from threadpoolctl import threadpool_limits

import tensorgraph as tg
from tensorgraph import nn, optim
from tensorgraph.data import batches

BATCH = 50
UNSEEN = 2000


@dataclass(frozen=True)
class Setting:
    """Hyperparameters of the network.

    Attributes
    ----------
    features
        Number of features of the first convolution; the second has twice as many.
    size
        Height and width of a feature.
    window, stride
        Of both poolings.
    """

    features: int = 8
    size: int = 3
    window: int = 2
    stride: int = 2


@dataclass(frozen=True)
class Result:
    """What training gave.

    Attributes
    ----------
    accuracy
        Share of unseen pictures that are named rightly.
    losses
        Mean loss of each pass.
    parameters
        Number of weights and biases.
    seconds
        Of training, without compiling.
    model
        The network.
    """

    accuracy: float
    losses: tuple[float, ...]
    parameters: int
    seconds: float
    model: nn.Sequential


def network(setting: Setting, seed: int) -> nn.Sequential:
    """The layers; padding keeps the size, so that every setting fits."""
    rngs = [np.random.default_rng([seed, i]) for i in range(3)]
    f = setting.features

    def pool() -> nn.Module:
        return nn.MaxPool2d(setting.window, setting.stride)

    return nn.Sequential(
        {
            "conv1": nn.Conv2d(1, f, setting.size, padding="same", rng=rngs[0]),
            "relu1": nn.ReLU(),
            "pool1": pool(),
            "conv2": nn.Conv2d(f, 2 * f, setting.size, padding="same", rng=rngs[1]),
            "relu2": nn.ReLU(),
            "pool2": pool(),
            "flatten": nn.Flatten(),
            "output": nn.Linear(None, len(NAMES), rng=rngs[2]),
        }
    )


def train(setting: Setting, seed: int, count: int, epochs: int, rate: float = 0.003) -> Result:
    """Train on `count` pictures, and test on others."""
    model = network(setting, seed)
    x = tg.placeholder(("n", 1, SIZE, SIZE), "float32", name="x")
    y = tg.placeholder(("n",), "int64", name="y")
    scores = model(x)
    loss = nn.functional.cross_entropy(scores, y)
    descent = optim.Adam(optim.schedules.cosine(rate, epochs * (count // BATCH)))
    step = tg.compile([x, y], loss, descent.updates(loss, model.parameters()), name="step")
    name = tg.compile([x], tg.argmax(scores, axis=1), name="name")

    pictures, labels = letters(count, np.random.default_rng([seed, 10]))
    order = np.random.default_rng([seed, 11])
    losses = []
    start = perf_counter()
    with threadpool_limits(1, "blas"):  # matrices this small do not pay for the threads of BLAS waiting for each other
        for _ in range(epochs):
            pairs = batches(pictures, labels, batch_size=BATCH, seed=order, drop_last=True)
            losses.append(float(np.mean([step(*pair) for pair in pairs])))
    seconds = perf_counter() - start
    unseen, shown = letters(UNSEEN, np.random.default_rng([seed, 12]))
    accuracy = float(np.mean(name(unseen) == shown))
    size = sum(p.numpy().size for p in model.parameters())
    return Result(accuracy, tuple(losses), size, seconds, model)


def by_seed(seeds: Sequence[int], count: int, epochs: int, least: float) -> Result:
    """Train from each seed, print, and require the least accuracy; the last result."""
    print(network(Setting(), 0).summary(("n", 1, SIZE, SIZE)))
    print(f"\n{epochs} passes over {count:,} pictures, tested on {UNSEEN:,} others:")
    times = []
    for seed in seeds:
        result = train(Setting(), seed, count, epochs)
        losses = f"loss {result.losses[0]:.3f} to {result.losses[-1]:.3f}"
        print(f"    seed {seed}: {losses}, right on {result.accuracy:.2%}")
        assert result.accuracy >= least, f"seed {seed}: {result.accuracy} is less than {least}"
        times.append(f"{result.seconds:.1f}")
    print(f"    seconds of training: {', '.join(times)}")
    return result


def sweep(settings: Sequence[Setting], count: int, epochs: int) -> dict[Setting, Result]:
    """Train each setting for a short while, and print a table."""
    print(f"\nhyperparameters: {epochs} passes over {count:,} pictures, seed 0")
    print("features  size  window  stride  parameters  accuracy")
    found = {}
    for s in settings:
        result = found[s] = train(s, 0, count, epochs)
        print(f"{s.features:8}{s.size:6}{s.window:8}{s.stride:8}{result.parameters:12,}{result.accuracy:10.2%}")
    return found


def all_settings() -> list[Setting]:
    """The grid of the sweep."""
    pools = ((2, 2), (3, 2), (3, 3))
    return [Setting(f, size, *pool) for f, size, pool in product((2, 4, 8, 16), (3, 5), pools)]


def draw_sweep(figure: Any, found: dict[Setting, Result]) -> None:
    """Errors on unseen pictures, by parameters."""
    ax = figure.subplots()
    groups = sorted({(s.size, s.window, s.stride) for s in found})
    for group, style in zip(groups, ("o-", "s-", "^-", "o--", "s--", "^--"), strict=False):
        results = [r for s, r in found.items() if (s.size, s.window, s.stride) == group]
        sizes, errors = [r.parameters for r in results], [100 * (1 - r.accuracy) for r in results]
        label = "features {0} x {0}, pooling {1} x {1}, stride {2}".format(*group)
        ax.plot(sizes, errors, style, label=label)
    ax.set_xscale("log")
    ax.set_xlabel("parameters (2, 4, 8, 16 features)")
    ax.set_ylabel("% of unseen letters named wrongly")
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=7)
    ax.grid(alpha=0.3)


def draw_letters(figure: Any, model: nn.Sequential) -> None:
    """Letters, the learned features, and their maps of the first letter."""
    pictures, _ = letters(8, 0)
    features = model.state_dict()["conv1.weight"][:, 0]
    maps = nn.functional.relu(model[0](pictures[:1])).numpy()[0]
    axes = figure.subplots(3, 8)
    for line, images, cmap in zip(axes, (pictures[:, 0], features, maps), ("gray_r", "PuOr_r", "Oranges"), strict=True):
        limit = float(np.abs(images).max())
        for ax, image in zip(line, images, strict=True):
            ax.imshow(image, cmap=cmap, vmin=-limit if cmap == "PuOr_r" else 0, vmax=limit)
            ax.set_xticks([])
            ax.set_yticks([])
    for ax, title in zip(axes[:, 0], ("letters", "features", "maps of the first"), strict=True):
        ax.set_title(title, loc="left")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one seed, fewer pictures, two settings: some seconds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of weights and pictures")
    parser.add_argument("--pictures", type=int, default=3000, help="to train on")
    parser.add_argument("--epochs", type=int, default=4, help="passes over them")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write pictures to this folder")
    args = parser.parse_args()

    if args.small:
        by_seed(args.seeds[:1], 1000, 4, least=0.97)
        sweep([Setting(features=2), Setting(features=4)], 500, 2)
        return
    result = by_seed(args.seeds, args.pictures, args.epochs, least=0.99)
    found = sweep(all_settings(), 1000, 4)
    picture(args.figures, "x_or_o_features.png", lambda figure: draw_letters(figure, result.model), (7, 3), dpi=80)
    picture(args.figures, "x_or_o_sweep.svg", lambda figure: draw_sweep(figure, found), (5.5, 3.6))


if __name__ == "__main__":
    main()
