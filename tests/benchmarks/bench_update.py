"""A large layer's weight gradient and its update by Adam: one after the other, or joined panel by panel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.benchmarks.peers.by_hand.arena import BLOCK, AdamSweep
from tests.benchmarks.peers.networks import Adam
from tests.benchmarks.timing import Result, ratio

PANELS = (BLOCK, 2 * BLOCK, 4 * BLOCK)  # elements
SIZES = ((32, 784, 512), (256, 784, 512), (32, 512, 512), (256, 512, 512))  # batch, inputs, outputs
Step = Callable[[], None]


def apart(x: np.ndarray, g: np.ndarray) -> Step:
    """The whole gradient, then Adam in blocks that stay in the cache."""
    size = x.shape[1] * g.shape[1]
    gradient = np.empty((x.shape[1], g.shape[1]), np.float32)
    adam = AdamSweep(Adam(), size, 1)
    blocks = adam.blocks(np.ones(size, np.float32), gradient.reshape(-1))

    def step() -> None:
        adam.advance()
        np.dot(x.T, g, gradient)
        for block in blocks:
            block(0)

    return step


def joined(x: np.ndarray, g: np.ndarray, elements: int) -> Step:
    """Some rows of the gradient, and Adam on them while they are in the cache."""
    rows, width = x.shape[1], g.shape[1]
    height = max(1, elements // width)
    weight, panel = np.ones((rows, width), np.float32), np.empty((height, width), np.float32)
    adam = AdamSweep(Adam(), rows * width, 1)
    adam.buffers = [np.empty(height * width, np.float32)]
    panels = []
    for top in range(0, rows, height):
        part = panel[: min(height, rows - top)]
        update = adam.block(weight[top : top + height].reshape(-1), part.reshape(-1), top * width)
        panels.append((x.T[top : top + height], part, update))

    def step() -> None:
        adam.advance()
        for rows_of_x, part, update in panels:
            np.dot(rows_of_x, g, part)
            update(0)

    return step


def run(smoke: bool = False) -> Result:
    """Ratios of the joined form to the other, by batch, size and panel."""
    found: Result = {}
    rng = np.random.default_rng(0)
    for batch, rows, width in ((2, 16, 8),) if smoke else SIZES:
        x, g = (rng.random((batch, n), np.float32) for n in (rows, width))
        for elements in PANELS:
            label = f"batch {batch}, {rows} x {width}, panels of {elements // 1024}k: joined / apart"
            found[label] = ratio(joined(x, g, elements), apart(x, g), 2 if smoke else 60)
    return found
