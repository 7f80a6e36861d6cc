"""Edge detection: a filter of nine numbers that sees where bright meets dark, and how sizes follow from settings.

A picture of 6 by 6 is bright (10) on the left and dark (0) on the right. The vertical filter subtracts the column
right of a place from the column left of it: rows of 0 30 30 0 say that there is an edge in the middle. Turned by a
quarter, the filter sees horizontal edges. An edge from dark to bright gives -30, which a ReLU silences. Then padding,
stride and pooling, each with the size that it gives.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from support.pictures import grids, picture

import tensorgraph as tg

BRIGHT = 10.0
IMAGE = np.repeat([[BRIGHT, BRIGHT, BRIGHT, 0.0, 0.0, 0.0]], 6, axis=0)
VERTICAL = np.repeat([[1.0, 0.0, -1.0]], 3, axis=0)
HORIZONTAL = np.rot90(VERTICAL, -1)

# Kernel, stride, padding before and after, and the sizes that they make of 6 by 6.
CONVOLUTIONS: list[tuple[str, int, dict[str, Any], int]] = [
    ("valid", 3, {}, 4),
    ("padding 1", 3, {"padding": 1}, 6),
    ("same", 3, {"padding": "same"}, 6),
    ("stride 2", 3, {"stride": 2}, 2),
    ("padding 1, stride 2", 3, {"padding": 1, "stride": 2}, 3),
    ("dilation 2", 3, {"dilation": 2}, 2),
    ("valid", 5, {}, 2),
]
POOLINGS: list[tuple[str, int, dict[str, Any], int]] = [
    ("2 x 2", 2, {}, 3),
    ("2 x 2, stride 1", 2, {"stride": 1}, 5),
    ("3 x 3, stride 2", 3, {"stride": 2}, 2),
    ("3 x 3, stride 2, ceil mode", 3, {"stride": 2, "ceil_mode": True}, 3),
    ("4 x 4", 4, {}, 1),
    ("4 x 4, ceil mode", 4, {"ceil_mode": True}, 2),
]


def convolve(image: np.ndarray, kernel: np.ndarray, **settings: Any) -> tg.Tensor:
    """The convolution of one picture with one filter."""
    return tg.conv2d(image[None, None], kernel[None, None], **settings)[0, 0]


def show(title: str, values: np.ndarray) -> None:
    """Print a matrix."""
    print(f"\n{title}")
    for row in values:
        print("".join(f"{v + 0.0:5.0f}" for v in row))


def claim(title: str, found: tg.Tensor, expected: list[float], *, columns: bool = False) -> None:
    """Print a square result whose rows (or columns) are all alike, as they are expected to be."""
    matrix = np.tile(expected, (len(expected), 1))
    matrix = matrix.T if columns else matrix
    assert np.array_equal(found.numpy(), matrix), f"{title}: {found}"
    show(title, found.numpy())


def edges() -> None:
    """The edge, its turned and its mirrored picture, and the ReLU."""
    show("the picture", IMAGE)
    show("the vertical filter", VERTICAL)
    claim("vertical filter: the edge is two wide, as the filter is three", convolve(IMAGE, VERTICAL), [0, 30, 30, 0])
    claim("horizontal filter: there is no such edge", convolve(IMAGE, HORIZONTAL), [0, 0, 0, 0])

    turned = np.rot90(IMAGE, -1)
    show("the picture turned by a quarter", turned)
    show("the filter turned likewise: horizontal", HORIZONTAL)
    claim("horizontal filter on it", convolve(turned, HORIZONTAL), [0, 30, 30, 0], columns=True)
    claim("vertical filter on it", convolve(turned, VERTICAL), [0, 0, 0, 0])

    mirrored = convolve(IMAGE[:, ::-1], VERTICAL)
    claim("the mirrored picture, dark to bright: the sign says which way", mirrored, [0, -30, -30, 0])
    claim("ReLU of that: only edges from bright to dark are left", tg.relu(mirrored), [0, 0, 0, 0])
    first = tg.relu(convolve(IMAGE, VERTICAL))
    claim("ReLU of the first: as it was", first, [0, 30, 30, 0])
    claim("max pooling of that, 2 x 2: the edge is still there", tg.max_pool(first[None, None], 2)[0, 0], [30, 30])


def sizes() -> Iterator[tuple[str, str]]:
    """Settings and the sizes that they give; each is the one that the rule says."""
    for name, kernel, settings, size in CONVOLUTIONS:
        found = tg.conv2d(IMAGE[None, None], np.ones((1, 1, kernel, kernel)), **settings).shape
        assert found == (1, 1, size, size), f"{name}: {found}"
        if settings.get("padding") != "same":
            span = settings.get("dilation", 1) * (kernel - 1) + 1
            assert size == (6 + 2 * settings.get("padding", 0) - span) // settings.get("stride", 1) + 1
        yield f"convolution {kernel} x {kernel}, {name}", f"{size} x {size}"
    for name, window, settings, size in POOLINGS:
        found = tg.max_pool(IMAGE[None, None], window, **settings).shape
        assert found == (1, 1, size, size), f"{name}: {found}"
        yield f"max pooling {name}", f"{size} x {size}"


def too_large() -> str:
    """What a filter that is larger than the picture says."""
    try:
        tg.conv2d(IMAGE[None, None], np.ones((1, 1, 7, 7)))
    except tg.errors.ShapeError as error:
        return str(error).partition(" (")[0]
    raise AssertionError("a filter of 7 x 7 fitted a picture of 6 x 6")


def draw(figure: Any) -> None:
    """The picture, the mirrored one and what both filters see."""
    rows = []
    for title, image in (("bright to dark", IMAGE), ("dark to bright", IMAGE[:, ::-1])):
        found = convolve(image, VERTICAL).numpy()
        edge = tg.relu(found).numpy()
        rows.append([(title, image), ("vertical filter", VERTICAL), ("convolution", found), ("ReLU", edge)])
    grids(figure, rows, 30.0)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="accepted, as by every example; this one is small")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write pictures to this folder")
    args = parser.parse_args()

    edges()
    print("\nsizes that a picture of 6 x 6 becomes: floor((n + 2 padding - span) / stride) + 1, where a filter of f")
    print("elements spans dilation (f - 1) + 1")
    for name, size in sizes():
        print(f"    {name:<44}{size}")
    print(f"    {'convolution 7 x 7':<44}{too_large()}")
    picture(args.figures, "edge_detection.png", draw, (6.5, 3.4), dpi=90)


if __name__ == "__main__":
    main()
