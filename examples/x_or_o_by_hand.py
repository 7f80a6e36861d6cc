"""X or O, by hand: a convolutional network whose every number can be followed with a pencil.

A 9 by 9 picture of an X, of 1 (ink) and -1 (paper), is compared with three features of 3 by 3: a diagonal, a cross and
the other diagonal. Each comparison gives a map of 7 by 7: at every place, the sum of nine products divided by 9, which
is 1 where picture and feature agree in all nine pixels. ReLU sets what is negative to 0; pooling keeps the largest of
every 2 by 2 and leaves 4 by 4. A second stack looks for features in these maps, and twelve numbers vote for X or O.

All of it is checked against values written out below.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from support.pictures import grids, picture

import tensorgraph as tg

PICTURES = {
    "X": """
        . . . . . . . . .
        . # . . . . . # .
        . . # . . . # . .
        . . . # . # . . .
        . . . . # . . . .
        . . . # . # . . .
        . . # . . . # . .
        . # . . . . . # .
        . . . . . . . . .""",
    "O": """
        . . . . . . . . .
        . . . # # # . . .
        . . # . . . # . .
        . # . . . . . # .
        . # . . . . . # .
        . # . . . . . # .
        . . # . . . # . .
        . . . # # # . . .
        . . . . . . . . .""",
}

FEATURES = {
    "diagonal": """
        # . .
        . # .
        . . #""",
    "cross": """
        # . #
        . # .
        # . #""",
    "other diagonal": """
        . . #
        . # .
        # . .""",
}

# What the X gives, in ninths: 9 is a perfect match.
MAPS = {
    "diagonal": """
         7 -1  1  3  5 -1  3
        -1  9 -1  3 -1  1 -1
         1 -1  9 -3  1 -1  5
         3  3 -3  5 -3  3  3
         5 -1  1 -3  9 -1  1
        -1  1 -1  3 -1  9 -1
         3 -1  5  3  1 -1  7""",
    "cross": """
         3 -5  1 -1  1 -5  3
        -5  5 -5  3 -5  5 -5
         1 -5  5 -7  5 -5  1
        -1  3 -7  9 -7  3 -1
         1 -5  5 -7  5 -5  1
        -5  5 -5  3 -5  5 -5
         3 -5  1 -1  1 -5  3""",
    "other diagonal": """
         3 -1  5  3  1 -1  7
        -1  1 -1  3 -1  9 -1
         5 -1  1 -3  9 -1  1
         3  3 -3  5 -3  3  3
         1 -1  9 -3  1 -1  5
        -1  9 -1  3 -1  1 -1
         7 -1  1  3  5 -1  3""",
}

RECTIFIED = {
    "diagonal": """
        7 0 1 3 5 0 3
        0 9 0 3 0 1 0
        1 0 9 0 1 0 5
        3 3 0 5 0 3 3
        5 0 1 0 9 0 1
        0 1 0 3 0 9 0
        3 0 5 3 1 0 7""",
    "cross": """
        3 0 1 0 1 0 3
        0 5 0 3 0 5 0
        1 0 5 0 5 0 1
        0 3 0 9 0 3 0
        1 0 5 0 5 0 1
        0 5 0 3 0 5 0
        3 0 1 0 1 0 3""",
    "other diagonal": """
        3 0 5 3 1 0 7
        0 1 0 3 0 9 0
        5 0 1 0 9 0 1
        3 3 0 5 0 3 3
        1 0 9 0 1 0 5
        0 9 0 3 0 1 0
        7 0 1 3 5 0 3""",
}

POOLED = {
    "diagonal": """
        9 3 5 3
        3 9 3 5
        5 3 9 1
        3 5 1 7""",
    "cross": """
        5 3 5 3
        3 9 5 1
        5 5 5 1
        3 1 1 3""",
    "other diagonal": """
        3 5 9 7
        5 5 9 3
        9 9 1 5
        7 3 5 3""",
}

# The second stack, of what the first one gives: a long diagonal, ink all around, a long other diagonal.
SECOND_FEATURES = {"diagonal": "# .\n. #", "cross": "# #\n# #", "other diagonal": ". #\n# ."}

# Its 2 by 2 results for X and O, in thirty-sixths: the mean of four ninths.
SECOND_POOLED = {
    "X": {"diagonal": "12 4\n4 14", "cross": "24 14\n14 10", "other diagonal": "12 4\n4 6"},
    "O": {"diagonal": "8 10\n10 8", "cross": "8 8\n8 8", "other diagonal": "0 8\n8 0"},
}

# Twelve weights for each letter: an X is strong in both diagonals' upper left and lower right and has a cross.
VOTES = {
    "X": {"diagonal": "1 -1\n-1 1", "cross": "1 0\n0 0", "other diagonal": "1 -1\n-1 1"},
    "O": {"diagonal": "-1 1\n1 -1", "cross": "0 0\n0 0", "other diagonal": "-1 1\n1 -1"},
}
RESULT = {"X": {"X": 52, "O": -28}, "O": {"X": -12, "O": 20}}  # thirty-sixths


def ink(text: str) -> np.ndarray:
    """A picture as a matrix: ``#`` is 1 and ``.`` is -1."""
    return np.array([[1.0 if c == "#" else -1.0 for c in line.split()] for line in text.strip().splitlines()])


def numbers(texts: dict[str, str]) -> np.ndarray:
    """Matrices of numbers, stacked."""
    return np.array([[line.split() for line in text.strip().splitlines()] for text in texts.values()], float)


def first_weights() -> np.ndarray:
    """The three features as weights of a convolution, [3, 1, 3, 3]."""
    return np.stack([ink(text) for text in FEATURES.values()])[:, None]


def second_weights() -> np.ndarray:
    """The second features: each looks at one map only, so the weights [3, 3, 2, 2] are 0 elsewhere."""
    weights = np.zeros((3, 3, 2, 2))
    for i, text in enumerate(SECOND_FEATURES.values()):
        weights[i, i] = ink(text)
    return weights


def stack(x: Any, weights: np.ndarray, count: int) -> tuple[tg.Tensor, tg.Tensor, tg.Tensor]:
    """One stack: the mean of `count` products at every place, ReLU of it, and the largest of every 2 by 2."""
    maps = tg.conv2d(x, weights) / count
    rectified = tg.relu(maps)
    return maps, rectified, tg.max_pool(rectified, 2, stride=2, ceil_mode=True)


def network(images: Any) -> tg.Tensor:
    """Votes [n, 2] for X and O of pictures [n, 1, 9, 9]."""
    once = stack(images, first_weights(), 9)[2]
    twice = stack(once, second_weights(), 4)[2]
    weights = np.stack([numbers(votes).ravel() for votes in VOTES.values()])
    return tg.reshape(twice, (-1, 12)) @ weights.T


def check(name: str, found: tg.Tensor, expected: np.ndarray, parts: int) -> np.ndarray:
    """The matrices that were found, in parts of 1; they are those that were written out."""
    assert np.array_equal(found.numpy()[0], expected / parts), f"{name}: {found} is not {expected} / {parts}"
    return expected


def side_by_side(title: str, matrices: np.ndarray, names: Sequence[str] = tuple(FEATURES)) -> None:
    """Print matrices next to each other."""
    print(f"\n{title}")
    width = max(4 * matrices.shape[2], 15)
    print("  ".join(f"{name:<{width}}" for name in names).rstrip())
    for rows in zip(*matrices, strict=True):
        print("  ".join(f"{''.join(f'{v:4.0f}' for v in row):<{width}}" for row in rows).rstrip())


def first_stack(image: np.ndarray) -> tg.Tensor:
    """Check and print the first stack on the X."""
    maps, rectified, pooled = stack(image[None, None], first_weights(), 9)
    side_by_side("maps of 7 x 7, in ninths", check("maps", maps, numbers(MAPS), 9))
    side_by_side("after ReLU", check("ReLU", rectified, numbers(RECTIFIED), 9))
    side_by_side("after pooling, 4 x 4", check("pooling", pooled, numbers(POOLED), 9))
    return pooled


def second_stack() -> None:
    """Check and print the second stack and the vote, on both letters."""
    for letter, text in PICTURES.items():
        image = ink(text)[None, None]
        _, _, twice = stack(stack(image, first_weights(), 9)[2], second_weights(), 4)
        expected = numbers(SECOND_POOLED[letter])
        assert np.allclose(twice.numpy()[0], expected / 36, rtol=1e-15, atol=1e-16), f"second stack: {twice}"
        side_by_side(f"the second stack on the {letter}: 2 x 2, in thirty-sixths", expected)
        votes = network(image).numpy()[0] * 36
        assert np.allclose(votes, list(RESULT[letter].values()), rtol=1e-14), f"votes: {votes}"
        won = "XO"[int(votes.argmax())]
        assert won == letter
        print(f"votes, in thirty-sixths: X {votes[0]:.0f}, O {votes[1]:.0f}: it is an {won}")


def spoiled(image: np.ndarray) -> np.ndarray:
    """All 81 pictures with one pixel of the wrong colour."""
    return np.where(np.eye(81, dtype=bool).reshape(81, 1, 9, 9), -image, image)


def moved(image: np.ndarray) -> np.ndarray:
    """The eight pictures that are moved by one pixel."""
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    return np.stack([np.roll(image, step, (0, 1)) for step in steps])[:, None]


def other_pictures() -> tuple[dict[str, int], dict[str, int]]:
    """How many spoiled and how many moved pictures of each letter are named rightly."""
    images = tg.placeholder(("n", 1, 9, 9), name="images")
    vote = tg.compile([images], network(images), name="vote")

    def right(pictures: Callable[[np.ndarray], np.ndarray]) -> dict[str, int]:
        votes = {letter: vote(pictures(ink(text))) for letter, text in PICTURES.items()}
        return {letter: int((votes[letter].argmax(axis=1) == i).sum()) for i, letter in enumerate(votes)}

    wrong_pixel, one_off = right(spoiled), right(moved)
    assert wrong_pixel == {"X": 81, "O": 81}
    assert one_off == {"X": 8, "O": 4}
    return wrong_pixel, one_off


def draw(figure: Any) -> None:
    """The X, its features, maps and pooled maps."""
    image = ink(PICTURES["X"])
    names = list(FEATURES)
    maps, rectified, pooled = (part.numpy()[0] for part in stack(image[None, None], first_weights(), 9))
    rows = [
        [("the picture", image), *((name, ink(FEATURES[name])) for name in names)],
        [None, *((f"map: {name}", maps[i]) for i, name in enumerate(names))],
        [None, *(("after ReLU", rectified[i]) for i in range(3))],
        [None, *(("after pooling", pooled[i]) for i in range(3))],
    ]
    grids(figure, rows, 1.0)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="accepted, as by every example; this one is small")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write pictures to this folder")
    args = parser.parse_args()

    print("an X of 9 x 9:" + PICTURES["X"].replace("\n        ", "\n    "))
    first_stack(ink(PICTURES["X"]))
    second_stack()
    wrong_pixel, one_off = other_pictures()
    print("\nnamed rightly, of pictures that the weights were not made for:")
    for letter in PICTURES:
        counts = f"with one wrong pixel {wrong_pixel[letter]} of 81, moved by one pixel {one_off[letter]} of 8"
        print(f"    {letter} {counts}")
    picture(args.figures, "x_or_o_by_hand.png", draw, (7.5, 8), dpi=80)


if __name__ == "__main__":
    main()
