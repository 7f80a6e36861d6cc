"""Networks of dense layers: the small one of sigmoids, and the wide one of ReLUs with Adam."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from tests.benchmarks.peers.by_hand.arena import BLOCK, AdamSweep, Arena, scalar
from tests.benchmarks.peers.by_hand.heads import head
from tests.benchmarks.peers.by_hand.threads import Pool, Task
from tests.benchmarks.peers.networks import Adam, Dense, Network, Sgd
from tests.benchmarks.peers.work import Outcome, Work

__all__ = ["inference", "small", "wide"]

SHORT = 64  # examples in a batch: below, columns of examples and biases inside the product are faster


def widths(spec: Network) -> list[int]:
    """Of the input and of each layer."""
    return [spec.input[0], *[layer.units for layer in spec.layers if isinstance(layer, Dense)]]


def small(spec: Network, size: int) -> Work:
    """Sigmoids, squared errors, SGD: the learning rate is a factor of the first cotangent."""
    x, y = spec.batch(size)
    a, b, c, d = widths(spec)
    shapes = [(a, b), (b,), (b, c), (c,), (c, d), (d,)]
    parameters, gradients = Arena(shapes, aligned=False), Arena(shapes, aligned=False)
    firsts = spec.parameters()
    for view, first in zip(parameters.views, firsts, strict=True):
        view[...] = first.T
    assert isinstance(spec.optimizer, Sgd)
    make = columns if size <= SHORT else rows
    step = make(parameters, gradients, (a, b, c, d), size, spec.optimizer.rate)

    def outcome(found: float) -> Outcome:
        return {"loss": np.asarray(found), **{f"p{i}": p.T.copy() for i, p in enumerate(parameters.views)}}

    return Work(lambda: step(x, y), outcome)


Step = Callable[[np.ndarray, np.ndarray], float]


def columns(parameters: Arena, gradients: Arena, sizes: tuple[int, ...], size: int, rate: float) -> Step:
    """Activations as columns with a row of ones under them: a weight and its bias are one matrix, as they lie."""
    (W1, b1, W2, _, W3, _), (G1, g1), (_, b, c, d) = parameters.views, gradients.views[:2], sizes
    P, G, end = parameters.flat, gradients.flat, len(parameters.flat)
    second, third = parameters.starts[2], parameters.starts[4]
    V2, V3 = P[second:third].reshape(b + 1, c).T, P[third:end].reshape(c + 1, d).T
    D2, D3 = G[second:third].reshape(b + 1, c), G[third:end].reshape(c + 1, d)
    H1, H2 = np.ones((b + 1, size), np.float32), np.ones((c + 1, size), np.float32)
    h1, h2, W1T, column = H1[:b], H2[:c], W1.T, b1[:, None]
    z1, z2, z3, e3, d1, d2 = (np.empty((n, size), np.float32) for n in (b, c, d, d, b, c))
    d1T, d2T, e3T, flat, ones = d1.T, d2.T, e3.T, e3.reshape(-1), np.ones(size, np.float32)
    one, factor, share = scalar(1), scalar(2 * rate / (size * d)), 1 / (size * d)
    dot, add, multiply, subtract, negative = np.dot, np.add, np.multiply, np.subtract, np.negative
    exp, reciprocal = np.exp, np.reciprocal

    def step(x: np.ndarray, y: np.ndarray) -> float:
        xT = x.T
        dot(W1T, xT, z1)
        add(z1, column, z1)
        negative(z1, z1)
        exp(z1, z1)
        add(z1, one, z1)
        reciprocal(z1, h1)
        dot(V2, H1, z2)
        negative(z2, z2)
        exp(z2, z2)
        add(z2, one, z2)
        reciprocal(z2, h2)
        dot(V3, H2, z3)
        negative(z3, z3)
        exp(z3, z3)
        add(z3, one, z3)
        reciprocal(z3, z3)
        subtract(z3, y.T, e3)
        loss = float(dot(flat, flat)) * share
        multiply(e3, factor, e3)
        multiply(e3, z3, e3)
        subtract(one, z3, z3)
        multiply(e3, z3, e3)
        dot(H2, e3T, D3)
        dot(W3, e3, d2)
        multiply(d2, h2, d2)
        subtract(one, h2, z2)
        multiply(d2, z2, d2)
        dot(H1, d2T, D2)
        dot(W2, d2, d1)
        multiply(d1, h1, d1)
        subtract(one, h1, z1)
        multiply(d1, z1, d1)
        dot(xT, d1T, G1)
        dot(d1, ones, g1)
        subtract(P, G, P)
        return loss

    return step


def rows(parameters: Arena, gradients: Arena, sizes: tuple[int, ...], size: int, rate: float) -> Step:
    """Activations as rows, biases added; their gradients are products with ones."""
    (W1, b1, W2, b2, W3, b3), P, (_, b, c, d) = parameters.views, parameters.flat, sizes
    (G1, g1, G2, g2, G3, g3), G = gradients.views, gradients.flat
    h1, z1, d1 = (np.empty((size, b), np.float32) for _ in range(3))
    h2, z2, d2 = (np.empty((size, c), np.float32) for _ in range(3))
    z3, e3 = (np.empty((size, d), np.float32) for _ in range(2))
    W2T, W3T, h1T, h2T, flat, ones = W2.T, W3.T, h1.T, h2.T, e3.reshape(-1), np.ones(size, np.float32)
    one, factor, share = scalar(1), scalar(2 * rate / (size * d)), 1 / (size * d)
    dot, add, multiply, subtract, negative = np.dot, np.add, np.multiply, np.subtract, np.negative
    exp, reciprocal = np.exp, np.reciprocal

    def step(x: np.ndarray, y: np.ndarray) -> float:
        dot(x, W1, z1)
        add(z1, b1, z1)
        negative(z1, z1)
        exp(z1, z1)
        add(z1, one, z1)
        reciprocal(z1, h1)
        dot(h1, W2, z2)
        add(z2, b2, z2)
        negative(z2, z2)
        exp(z2, z2)
        add(z2, one, z2)
        reciprocal(z2, h2)
        dot(h2, W3, z3)
        add(z3, b3, z3)
        negative(z3, z3)
        exp(z3, z3)
        add(z3, one, z3)
        reciprocal(z3, z3)
        subtract(z3, y, e3)
        loss = float(dot(flat, flat)) * share
        multiply(e3, factor, e3)
        multiply(e3, z3, e3)
        subtract(one, z3, z3)
        multiply(e3, z3, e3)
        dot(h2T, e3, G3)
        dot(ones, e3, g3)
        dot(e3, W3T, d2)
        multiply(d2, h2, d2)
        subtract(one, h2, z2)
        multiply(d2, z2, d2)
        dot(h1T, d2, G2)
        dot(ones, d2, g2)
        dot(d2, W2T, d1)
        multiply(d1, h1, d1)
        subtract(one, h1, z1)
        multiply(d1, z1, d1)
        dot(x.T, d1, G1)
        dot(ones, d1, g1)
        subtract(P, G, P)
        return loss

    return step


def wide(spec: Network, size: int, pool: Pool) -> Work:
    """ReLUs, cross-entropy, Adam: each weight's gradient is made in panels, and each panel used while in cache."""
    x, y = spec.batch(size)
    sizes = widths(spec)
    shapes = [shape for a, b in pairwise(sizes) for shape in ((a, b), (b,))]
    parameters = Arena(shapes)
    for view, first in zip(parameters.views, spec.parameters(), strict=True):
        view[...] = first.T
    assert isinstance(spec.optimizer, Adam)
    adam = AdamSweep(spec.optimizer, len(parameters.flat), pool.size)
    W1, b1, W2, b2, W3, b3 = parameters.views
    h1, g1, m1 = (np.empty((size, sizes[1]), np.float32) for _ in range(3))
    h2, g2, m2 = (np.empty((size, sizes[2]), np.float32) for _ in range(3))
    z = np.empty((size, sizes[3]), np.float32)
    loss_of = head(spec.loss, z, size, adam.scale)
    zero = scalar(0)
    dot, add, multiply, maximum, greater = np.dot, np.add, np.multiply, np.maximum, np.greater
    W2T, W3T = W2.T, W3.T
    source = [x.T]
    updates = [
        *layer_updates(adam, parameters, 0, source, g1, pool.size),
        *layer_updates(adam, parameters, 2, [h1.T], g2, pool.size),
        *layer_updates(adam, parameters, 4, [h2.T], z, pool.size),
    ]

    def step(x: np.ndarray, y: np.ndarray) -> float:
        source[0] = x.T
        dot(x, W1, h1)
        add(h1, b1, h1)
        maximum(h1, zero, out=h1)
        dot(h1, W2, h2)
        add(h2, b2, h2)
        maximum(h2, zero, out=h2)
        dot(h2, W3, z)
        add(z, b3, z)
        loss = loss_of(y)
        dot(z, W3T, g2)
        greater(h2, zero, out=m2)
        multiply(g2, m2, g2)
        dot(g2, W2T, g1)
        greater(h1, zero, out=m1)
        multiply(g1, m1, g1)
        adam.advance()
        with pool.limit():
            pool.run(updates)
        return loss

    def outcome(found: float) -> Outcome:
        means = parameters.alike(adam.mean)
        return {
            "loss": np.asarray(found),
            **{f"p{i}": p.T.copy() for i, p in enumerate(parameters.views)},
            **{f"m{i}": m.T.copy() for i, m in enumerate(means)},
        }

    return Work(lambda: step(x, y), outcome)


def layer_updates(
    adam: AdamSweep, arena: Arena, i: int, source: list[np.ndarray], g: np.ndarray, lanes: int
) -> list[Task]:
    """Tasks for a weight, in panels of whole rows, and for its bias; the source is the layer's input, transposed."""
    weight, width = arena.views[i], arena.views[i].shape[1]
    height = max(1, BLOCK // width)
    panels = [
        panel_update(adam, weight[top : top + height], arena.starts[i] + top * width, source, top, g, lanes)
        for top in range(0, len(weight), height)
    ]
    bias, row, ones, dot = arena.views[i + 1], np.empty(width, np.float32), np.ones(len(g), np.float32), np.dot
    finish = adam.block(bias, row, arena.starts[i + 1])

    def update_bias(lane: int) -> None:
        dot(ones, g, row)
        finish(lane)

    return [*panels, update_bias]


def panel_update(
    adam: AdamSweep, panel: np.ndarray, start: int, source: list[np.ndarray], top: int, g: np.ndarray, lanes: int
) -> Task:
    """A task for some rows of a weight, which begin at `top` of it and at `start` of the moments."""
    below, dot = top + len(panel), np.dot
    buffers = [np.empty_like(panel) for _ in range(lanes)]
    finish = [adam.block(panel.reshape(-1), buffer.reshape(-1), start) for buffer in buffers]

    def update(lane: int) -> None:
        dot(source[0][top:below], g, buffers[lane])
        finish[lane](lane)

    return update


def inference(spec: Network, size: int) -> Work:
    """Scores, fresh; everything before them in buffers."""
    x, _ = spec.batch(size)
    arrays = spec.parameters()
    weights = [(np.ascontiguousarray(w.T), b) for w, b in zip(arrays[::2], arrays[1::2], strict=True)]
    buffers = [np.empty((size, len(b)), np.float32) for _, b in weights[:-1]]
    zero, one = scalar(0), scalar(1)
    dot, add, maximum = np.dot, np.add, np.maximum
    negative, exp, reciprocal = np.negative, np.exp, np.reciprocal
    sigmoid = isinstance(spec.optimizer, Sgd)
    hidden = [(w, b, z) for (w, b), z in zip(weights, buffers, strict=False)]
    last, bias = weights[-1]

    def step(h: np.ndarray) -> np.ndarray:
        for w, b, z in hidden:
            dot(h, w, z)
            add(z, b, z)
            if sigmoid:
                negative(z, z)
                exp(z, z)
                add(z, one, z)
                reciprocal(z, z)
            else:
                maximum(z, zero, out=z)
            h = z
        scores = dot(h, last)
        add(scores, bias, scores)
        if sigmoid:
            negative(scores, scores)
            exp(scores, scores)
            add(scores, one, scores)
            reciprocal(scores, scores)
        return scores

    return Work(lambda: step(x), lambda found: {"scores": found})
