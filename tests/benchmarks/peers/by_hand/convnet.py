"""Convolutional networks: tiles of images, each taken forward and backward by one thread while it is in its cache.

Channels are last inside. A convolution is columns times filters; what an odd pooling drops is never computed. The rows
of the columns are ordered by their place in the pooling window first, so that pooling and its gradient work on halves
of arrays. Of equal values in a window the first takes the gradient: two tournaments of pairs. Bias and ReLU follow the
pooling, on a quarter of the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.peers.by_hand.arena import Arena, scalar, sweep
from tests.benchmarks.peers.by_hand.heads import head
from tests.benchmarks.peers.by_hand.threads import Pool, Task
from tests.benchmarks.peers.channels import to_channels_first, to_channels_last
from tests.benchmarks.peers.networks import Conv, Dense, Network
from tests.benchmarks.peers.work import Outcome, Work

__all__ = ["build"]

TILE = 16  # images
LARGE = 1_000_000  # weights of a dense layer that is better multiplied once for the whole batch

Pass = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one convolution with its pooling.

    Attributes
    ----------
    height, inputs
        Of the image that it sees.
    kernel, outputs
        Of its filters.
    pooled
        Height after pooling.
    """

    height: int
    inputs: int
    kernel: int
    outputs: int

    @property
    def pooled(self) -> int:
        """Height after pooling."""
        return (self.height - self.kernel + 1) // 2


def convolutions(spec: Network) -> list[Sizes]:
    """The sizes of each."""
    pairs = zip(spec.layers, spec.shapes, strict=False)
    return [Sizes(shape[1], shape[0], layer.size, layer.channels) for layer, shape in pairs if isinstance(layer, Conv)]


class ConvLane:
    """One convolution, its ReLU and its pooling, for one tile: buffers and views, made once.

    Attributes
    ----------
    h
        The result, channels last.
    g
        Its gradient, to be written before `backward`.
    """

    def __init__(self, sizes: Sizes, tile: int, first: bool, weight: Any, bias: Any, keeps: bool) -> None:
        self.sizes, self.tile, self.first = sizes, tile, first
        k, y, o = sizes.kernel, sizes.pooled, sizes.outputs
        depth, n = k * k * sizes.inputs, tile * y * y
        self.weight, self.bias = weight.reshape(depth, o), bias
        shape = (depth, 4 * n) if first else (4 * n, depth)
        self.columns = np.empty(shape, np.float32)
        self.z = np.empty((2, 2, n, o), np.float32)
        self.top = np.empty((2, n, o), np.float32)
        self.h = np.empty((tile, y, y, o), np.float32)
        self.g = np.empty_like(self.h) if keeps else None

    def source(self, images: np.ndarray, start: int) -> np.ndarray:
        """The windows of a tile of images, in the order of the columns, as a view."""
        s, t = self.sizes, self.tile
        k, y, c, h = s.kernel, s.pooled, s.inputs, s.height
        if self.first:  # images are [n, c, y, x]; columns are [ky, kx, c, py, px, n, y, x]
            plane, row = 4 * h * h, 4 * h
            shape, strides = (k, k, c, 2, 2, t, y, y), (row, 4, plane, row, 4, c * plane, 2 * row, 8)
        else:  # images are [n, y, x, c]; columns are [py, px, n, y, x, ky, kx, c]
            plane, row, unit = 4 * h * h * c, 4 * h * c, 4 * c
            shape, strides = (2, 2, t, y, y, k, k * c), (row, unit, plane, 2 * row, 2 * unit, row, 4)
        return np.ndarray(shape, np.float32, images, start * images.strides[0], strides)

    def forward(self) -> Callable[[np.ndarray], None]:
        """From windows to `h`."""
        z, top, bias, zero = self.z, self.top, self.bias, scalar(0)
        columns, weight = self.columns, self.weight
        operand = columns.T if self.first else columns
        rows, h = z.reshape(-1, z.shape[-1]), self.h.reshape(top.shape[1:])
        left, right, upper, lower = z[:, 0], z[:, 1], top[0], top[1]
        k, y, c, t = self.sizes.kernel, self.sizes.pooled, self.sizes.inputs, self.tile
        target = columns.reshape((k, k, c, 2, 2, t, y, y) if self.first else (2, 2, t, y, y, k, k * c))
        copyto, dot, maximum, add = np.copyto, np.dot, np.maximum, np.add

        def run(windows: np.ndarray) -> None:
            copyto(target, windows)
            dot(operand, weight, rows)
            maximum(left, right, out=top)
            maximum(upper, lower, out=h)
            add(h, bias, h)
            maximum(h, zero, out=h)

        return run

    def backward(self, dw: np.ndarray, db: np.ndarray, below: np.ndarray | None) -> Pass:
        """From `g` to the gradients of filters and bias, and into the gradient of the images `below`.

        The filters' gradient is written, the images' likewise; `z` and `columns` are used up.
        """
        assert self.g is not None
        z, top, zero = self.z, self.top, scalar(0)
        n, o = top.shape[1:]
        h, g = self.h.reshape(n, o), self.g.reshape(n, o)
        left, right, upper, lower = z[:, 0], z[:, 1], top[0], top[1]
        rows, mask, wins = z.reshape(-1, o), np.empty((n, o), np.float32), np.empty_like(top)
        operand = self.columns if self.first else self.columns.T
        flat, ones = dw.reshape(-1, o), np.ones(n, np.float32)
        dot, multiply, subtract, greater_equal = np.dot, np.multiply, np.subtract, np.greater_equal
        spread = None if below is None else self.spread(below, rows)

        def run() -> None:
            np.greater(h, zero, out=mask)
            multiply(g, mask, g)
            dot(ones, g, db)
            greater_equal(left, right, out=wins)
            greater_equal(upper, lower, out=mask)
            multiply(g, mask, upper)
            subtract(g, upper, lower)
            multiply(top, wins, left)
            subtract(top, left, right)
            dot(operand, rows, flat)
            if spread is not None:
                spread()

        return run

    def spread(self, below: np.ndarray, rows: np.ndarray) -> Pass:
        """A product for each place of the filter, added where its window saw the images."""
        s, t = self.sizes, self.tile
        k, y, c, h = s.kernel, s.pooled, s.inputs, s.height
        part = np.empty((len(rows), c), np.float32)
        shaped = part.reshape(2, 2, t, y, y, c)
        plane, row, unit = 4 * h * h * c, 4 * h * c, 4 * c
        strides = (row, unit, plane, 2 * row, 2 * unit, 4)
        places = [
            np.ndarray(shaped.shape, np.float32, below, i * row + j * unit, strides) for i in range(k) for j in range(k)
        ]
        filters = [f.T for f in self.weight.reshape(k * k, c, -1)]
        pairs = list(zip(places, filters, strict=True))
        dot, add = np.dot, np.add

        def run() -> None:
            below.fill(0)
            for place, f in pairs:
                dot(rows, f, part)
                add(place, shaped, place)

        return run


class DenseLane:
    """Dense layers with ReLUs between them, for so many rows."""

    def __init__(self, rows: int, weights: Sequence[np.ndarray], biases: Sequence[np.ndarray], keeps: bool) -> None:
        self.weights, self.biases = weights, biases
        self.values = [np.empty((rows, len(b)), np.float32) for b in biases]
        self.masks = [np.empty_like(value) for value in self.values[:-1]] if keeps else []
        self.gradients = [np.empty_like(value) for value in self.values[:-1]] if keeps else []
        self.scores = self.values[-1]

    def forward(self, h: np.ndarray) -> Pass:
        """From features to scores."""
        dot, add, maximum, zero = np.dot, np.add, np.maximum, scalar(0)
        inputs = [h, *self.values[:-1]]
        layers = list(zip(inputs, self.weights, self.biases, self.values, strict=True))
        scores = self.scores

        def run() -> None:
            for x, w, b, z in layers:
                dot(x, w, z)
                add(z, b, z)
                if z is not scores:
                    maximum(z, zero, out=z)

        return run

    def backward(self, h: np.ndarray, g: np.ndarray, dws: Sequence[np.ndarray], dbs: Sequence[np.ndarray]) -> Pass:
        """From the gradient of the scores, in their place, to those of weights and biases, and of features in `g`."""
        dot, multiply, greater, zero = np.dot, np.multiply, np.greater, scalar(0)
        ones = np.ones(len(h), np.float32)
        inputs = [h, *self.values[:-1]]
        below = [g, *self.gradients]
        above = [*self.gradients, self.scores]
        masks: list[Any] = [None, *self.masks]
        layers = list(zip([x.T for x in inputs], [w.T for w in self.weights], inputs, below, above, dws, dbs, masks,
                          strict=True))[::-1]  # fmt: skip

        def run() -> None:
            for xT, wT, x, lower, upper, dw, db, mask in layers:
                dot(xT, upper, dw)
                dot(ones, upper, db)
                dot(upper, wT, lower)
                if mask is not None:
                    greater(x, zero, out=mask)
                    multiply(lower, mask, lower)

        return run


class Lane:
    """What one thread has for a tile: the convolutions, and the dense layers unless they wait for the whole batch."""

    def __init__(self, spec: Network, tile: int, parameters: Sequence[np.ndarray], trains: bool) -> None:
        self.layers = convolutions(spec)
        count = len(self.layers)
        self.convs = [
            ConvLane(sizes, tile, i == 0, parameters[2 * i], parameters[2 * i + 1], trains)
            for i, sizes in enumerate(self.layers)
        ]
        self.forwards = [conv.forward() for conv in self.convs]
        self.features = self.convs[-1].h.reshape(tile, -1)
        self.count = count

    def forward(self, images: np.ndarray, start: int) -> None:
        """A tile of images, to features."""
        for conv, run in zip(self.convs, self.forwards, strict=True):
            run(conv.source(images, start))
            images, start = conv.h, 0

    def backward(self, gradients: Sequence[np.ndarray]) -> list[Pass]:
        """From the gradient of features to those of filters and biases, last layer first."""
        below = [None, *[conv.g for conv in self.convs[:-1]]]
        return [
            self.convs[i].backward(gradients[2 * i], gradients[2 * i + 1], below[i])
            for i in reversed(range(self.count))
        ]


def build(spec: Network, task: str, size: int, pool: Pool) -> Work:
    """A training step, or the scores of a batch."""
    firsts = to_channels_last(spec, spec.parameters())
    parameters = Arena([array.shape for array in firsts])
    for view, first in zip(parameters.views, firsts, strict=True):
        view[...] = first
    tile = next(t for t in range(min(TILE, size), 0, -1) if size % t == 0)
    large = max(layer.units * shape[0] for layer, shape in dense_layers(spec)) > LARGE
    if task == "infer":
        return inference(spec, size, tile, parameters, pool)
    return (whole if large else tiled)(spec, size, tile, parameters, pool)


def dense_layers(spec: Network) -> list[tuple[Dense, tuple[int, ...]]]:
    """With the shapes that they see."""
    return [(a, shape) for a, shape in zip(spec.layers, spec.shapes, strict=False) if isinstance(a, Dense)]


def inference(spec: Network, size: int, tile: int, parameters: Arena, pool: Pool) -> Work:
    """Convolutions by tiles, dense layers on the whole batch."""
    x, _ = spec.batch(size)
    lanes = [Lane(spec, tile, parameters.views, trains=False) for _ in range(pool.size)]
    dense = parameters.views[2 * lanes[0].count :]
    features = np.empty((size, lanes[0].features.shape[1]), np.float32)
    head_of = DenseLane(size, dense[::2], dense[1::2], keeps=False)
    run_head = head_of.forward(features)

    def tile_task(start: int) -> Task:
        part = features[start : start + tile]

        def run(lane: int) -> None:
            lanes[lane].forward(x, start)
            np.copyto(part, lanes[lane].features)

        return run

    tasks = [tile_task(start) for start in range(0, size, tile)]

    def step() -> np.ndarray:
        with pool.limit():
            pool.run(tasks)
        run_head()
        return head_of.scores.copy()

    return Work(step, lambda found: {"scores": found})


def trained(spec: Network, parameters: Arena, state: Any) -> Callable[[float], Outcome]:
    """Plain arrays of the state."""

    def outcome(found: float) -> Outcome:
        arrays = to_channels_first(spec, parameters.views)
        means = to_channels_first(spec, parameters.alike(state.mean)) if state is not None else []
        return {
            "loss": np.asarray(found),
            **{f"p{i}": p.copy() for i, p in enumerate(arrays)},
            **{f"m{i}": m.copy() for i, m in enumerate(means)},
        }

    return outcome


def tiled(spec: Network, size: int, tile: int, parameters: Arena, pool: Pool) -> Work:
    """Everything in the tile, the dense layers too; gradients are added up in an arena of each thread."""
    x, y = spec.batch(size)
    sums = [Arena(parameters.shapes) for _ in range(pool.size)]
    scale, update, state = sweep(spec.optimizer, parameters.flat, sums[0].flat, pool)
    single = size == tile
    losses = [0.0] * (size // tile)
    passes = [
        lane_pass(spec, size, tile, parameters, arena if single else Arena(parameters.shapes), scale) for arena in sums
    ]

    def tile_task(i: int) -> Task:
        def run(lane: int) -> None:
            run_tile, part = passes[lane]
            losses[i] = run_tile(x, y, i * tile)
            if not single:
                np.add(sums[lane].flat, part, sums[lane].flat)

        return run

    tasks = [tile_task(i) for i in range(size // tile)]

    def step() -> float:
        if single:
            losses[0] = passes[0][0](x, y, 0)
        else:
            for arena in sums:
                arena.flat.fill(0)
            with pool.limit():
                pool.run(tasks)
            for arena in sums[1:]:
                np.add(sums[0].flat, arena.flat, sums[0].flat)
        update()
        return sum(losses)

    return Work(step, trained(spec, parameters, state))


def lane_pass(
    spec: Network, size: int, tile: int, parameters: Arena, gradients: Arena, scale: float
) -> tuple[Callable[[np.ndarray, np.ndarray, int], float], np.ndarray]:
    """Forward and backward of a tile by one thread: its loss; and the gradients that it leaves."""
    lane = Lane(spec, tile, parameters.views, trains=True)
    first = 2 * lane.count
    dense, made = parameters.views[first:], gradients.views[first:]
    layers = DenseLane(tile, dense[::2], dense[1::2], keeps=True)
    forward = layers.forward(lane.features)
    loss_of = head(spec.loss, layers.scores, size, scale)
    last = lane.convs[-1].g
    assert last is not None
    backward = [
        layers.backward(lane.features, last.reshape(tile, -1), made[::2], made[1::2]),
        *lane.backward(gradients.views[:first]),
    ]

    def run(x: np.ndarray, y: np.ndarray, start: int) -> float:
        lane.forward(x, start)
        forward()
        loss = loss_of(y[start : start + tile])
        for each in backward:
            each()
        return loss

    return run, gradients.flat


def whole(spec: Network, size: int, tile: int, parameters: Arena, pool: Pool) -> Work:
    """Convolutions by tiles, forward and then backward; between them the dense layers on the whole batch."""
    x, y = spec.batch(size)
    tile = min(tile, max(t for t in (1, 2, 4) if size % t == 0))
    lanes = [Lane(spec, tile, parameters.views, trains=True) for _ in range(size // tile)]
    first = 2 * lanes[0].count
    gradients = Arena(parameters.shapes)
    parts = [Arena(parameters.shapes[:first]) for _ in lanes]
    scale, update, state = sweep(spec.optimizer, parameters.flat, gradients.flat, pool)
    features = np.empty((size, lanes[0].features.shape[1]), np.float32)
    below = np.empty_like(features)
    dense, made = parameters.views[first:], gradients.views[first:]
    layers = DenseLane(size, dense[::2], dense[1::2], keeps=True)
    forward = layers.forward(features)
    backward = layers.backward(features, below, made[::2], made[1::2])
    loss_of = head(spec.loss, layers.scores, size, scale)
    down = [lane.backward(part.views) for lane, part in zip(lanes, parts, strict=True)]
    end = parts[0].flat.size
    convolved = gradients.flat[:end]

    def forward_task(i: int) -> Task:
        lane, part = lanes[i], features[i * tile : (i + 1) * tile]

        def run(_: int) -> None:
            lane.forward(x, i * tile)
            np.copyto(part, lane.features)

        return run

    def backward_task(i: int) -> Task:
        last = lanes[i].convs[-1].g
        assert last is not None
        target, part = last.reshape(tile, -1), below[i * tile : (i + 1) * tile]

        def run(_: int) -> None:
            np.copyto(target, part)
            for each in down[i]:
                each()

        return run

    up_tasks = [forward_task(i) for i in range(len(lanes))]
    down_tasks = [backward_task(i) for i in range(len(lanes))]

    def step() -> float:
        with pool.limit():
            pool.run(up_tasks)
        forward()
        loss = loss_of(y)
        backward()
        with pool.limit():
            pool.run(down_tasks)
        convolved.fill(0)
        for part in parts:
            np.add(convolved, part.flat, convolved)
        update()
        return loss

    return Work(step, trained(spec, parameters, state))
