"""The four-pixel camera: a deep network of weights 1, -1 and 0 that names what two by two pixels show.

A pixel is from -1 (black) to 1 (white). A picture is solid, vertical (two columns), diagonal or horizontal (two rows),
each in both colourings. Every neuron adds its inputs with weights of 1 or -1 and squashes the sum to between -1 and 1:

- the first layer adds and subtracts the pixels of each diagonal,
- the second adds and subtracts what the first gives: its four neurons answer to whole pictures, with the sign of the
  colouring,
- the third has a ReLU for each sign,
- the outputs add the two colourings: solid, vertical, diagonal, horizontal.

Then the same layers learn it from random weights, on noisy pictures.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from support.pictures import grids, picture

import tensorgraph as tg
from tensorgraph import nn, optim
from tensorgraph.data import batches

NAMES = ("solid", "vertical", "diagonal", "horizontal")
# Pixels in the order upper left, upper right, lower left, lower right; the other colouring is the negative.
PATTERNS = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]], np.float32)

# One row per neuron.
FIRST = np.array(
    [
        [1, 0, 0, 1],  # upper left + lower right
        [0, 1, 1, 0],  # upper right + lower left
        [1, 0, 0, -1],  # upper left - lower right
        [0, 1, -1, 0],  # upper right - lower left
    ],
    np.float32,
)
SECOND = np.array(
    [
        [1, 1, 0, 0],  # all four: solid
        [0, 0, 1, -1],  # left - right: vertical
        [1, -1, 0, 0],  # one diagonal - the other: diagonal
        [0, 0, 1, 1],  # upper - lower: horizontal
    ],
    np.float32,
)
SIGNS = np.concatenate([np.eye(4), -np.eye(4)]).astype(np.float32)  # eight neurons: each of the four, and its negative
OUTPUT = np.concatenate([np.eye(4), np.eye(4)], axis=1).astype(np.float32)  # the two colourings together
LAYERS = ("adds and subtracts", "combines", "signs", "outputs")
WEIGHTS = {"first": FIRST, "second": SECOND, "signs": SIGNS, "output": OUTPUT}


def camera(seed: int = 0) -> nn.Sequential:
    """The network with random weights: four layers, squashing twice, then a ReLU."""
    rngs = [np.random.default_rng([seed, i]) for i in range(4)]
    return nn.Sequential(
        {
            "first": nn.Linear(4, 4, bias=False, rng=rngs[0]),
            "squash_1": nn.Tanh(),
            "second": nn.Linear(4, 4, bias=False, rng=rngs[1]),
            "squash_2": nn.Tanh(),
            "signs": nn.Linear(4, 8, bias=False, rng=rngs[2]),
            "rectify": nn.ReLU(),
            "output": nn.Linear(8, 4, bias=False, rng=rngs[3]),
        }
    )


def by_hand() -> nn.Sequential:
    """The network with the weights above."""
    model = camera()
    model.load_state_dict({f"{name}.weight": weight for name, weight in WEIGHTS.items()})
    return model


def layers(model: nn.Sequential, image: np.ndarray) -> list[np.ndarray]:
    """What each of the four layers of neurons gives for one picture."""
    found, x = [], tg.asarray(image)
    for module in model:
        x = module(x)
        found.append(x.numpy())
    return [found[1], found[3], found[5], found[6]]


def line(values: np.ndarray) -> str:
    """Numbers with two decimals."""
    return " ".join(f"{v + 0.0:5.2f}" for v in values)


def walk(model: nn.Sequential) -> None:
    """Print and check, layer by layer, one picture of each kind."""
    for name, image in zip(NAMES, PATTERNS, strict=True):
        print(f"\n{name}: pixels {line(image)}")
        for title, values in zip(LAYERS, layers(model, image), strict=True):
            print(f"    {title:<20}{line(values)}")
    outputs = model(np.concatenate([PATTERNS, -PATTERNS])).numpy()
    strength = np.tanh(2 * np.tanh(np.float32(2)))  # two squashed sums of two
    expected = strength * np.tile(np.eye(4), (2, 1))
    assert np.allclose(outputs, expected, rtol=0, atol=1e-6)
    print(f"\nthe right output is {strength:.4f} and the others are 0, for all eight pictures")


def odd_ones(model: nn.Sequential) -> None:
    """A picture with one odd pixel is as much of each kind: the network says so by a tie."""
    images = np.array(list(product((-1, 1), repeat=4)), np.float32)
    odd = images[images.prod(axis=1) < 0]
    outputs = model(odd).numpy()
    assert len(odd) == 8
    assert np.allclose(outputs, outputs[0, 0], rtol=1e-5)
    print(f"the other eight black and white pictures have one odd pixel: all four outputs are {outputs[0, 0]:.4f}")


def pictures(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures [count, 4] of contrast 0.5 to 1, and what they show."""
    labels = rng.integers(0, 4, count)
    contrast = rng.choice([-1, 1], (count, 1)) * rng.uniform(0.5, 1, (count, 1))
    return (PATTERNS[labels] * contrast + rng.normal(0, 0.1, (count, 4))).astype(np.float32), labels


def learn(seed: int, epochs: int) -> tuple[float, list[float], nn.Sequential]:
    """The accuracy on 2,000 unseen pictures after learning from random weights, the losses, and the network."""
    model = camera(seed)
    x, y = tg.placeholder(("n", 4), "float32", name="x"), tg.placeholder(("n",), "int64", name="y")
    loss = nn.functional.cross_entropy(model(x), y)
    step = tg.compile([x, y], loss, optim.Adam(0.02).updates(loss, model.parameters()), name="step")
    rng = np.random.default_rng([seed, 10])
    images, labels = pictures(1000, rng)
    losses = []
    for _ in range(epochs):
        pairs = batches(images, labels, batch_size=50, seed=rng)
        losses.append(float(np.mean([step(*pair) for pair in pairs])))
    unseen, shown = pictures(2000, np.random.default_rng([seed, 11]))
    answers = tg.compile([x], model(x), name="camera")(unseen).argmax(axis=1)
    return float(np.mean(answers == shown)), losses, model


def draw(figure: Any, learned: nn.Sequential) -> None:
    """The pictures, and the weights of the first two layers by hand and learned."""
    state = learned.state_dict()
    rows = [
        [(name, pixels.reshape(2, 2)) for name, pixels in zip(NAMES, PATTERNS, strict=True)],
        [(f"first, by hand: neuron {i + 1}", row.reshape(2, 2)) for i, row in enumerate(FIRST)],
        [(f"learned: neuron {i + 1}", row.reshape(2, 2)) for i, row in enumerate(state["first.weight"])],
    ]
    grids(figure, rows, max(1.0, float(np.abs(state["first.weight"]).max())))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="learn from one seed only")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the first weights")
    parser.add_argument("--epochs", type=int, default=40, help="passes over 1,000 pictures")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write pictures to this folder")
    args = parser.parse_args()

    model = by_hand()
    walk(model)
    odd_ones(model)
    print(f"\nlearned from random weights: {args.epochs} passes over 1,000 noisy pictures, tested on 2,000 others")
    for seed in args.seeds[:1] if args.small else args.seeds:
        accuracy, losses, learned = learn(seed, args.epochs)
        print(f"    seed {seed}: loss {losses[0]:.3f} to {losses[-1]:.3f}, right on {accuracy:.2%}")
        assert accuracy >= 0.99, f"seed {seed}: {accuracy}"
    picture(args.figures, "four_pixel_camera.png", lambda figure: draw(figure, learned), (6.5, 4.6), dpi=80)


if __name__ == "__main__":
    main()
