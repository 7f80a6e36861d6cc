"""Additions at places that index arrays name, sometimes twice: simplified, they add the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import TensorGraphError
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.passes.simplify import simplify
from tests.compiler.programs import assert_same_bits

ROWS, COLUMNS = 3, 4
SEEDS = range(500)


def positions(rng: np.random.Generator, ids: list[tg.Tensor], rows: Any) -> tg.Tensor:
    """Three numbers of rows: counted, known or unknown, different or not, in one of several shapes."""
    made = [
        *[tg.arange(rows)] * 4, tg.arange(-1, rows), tg.arange(2, 1 - rows, -1), tg.arange(1, 3), tg.arange(2, -2, -1),
        tg.arange(-1, 3), np.array([2, 0, 1]), np.array([0, 0, 1]), np.array([-1, 0, 2]), *ids, 1,
    ][rng.integers(15)]  # fmt: skip
    if isinstance(made, int):
        return tg.asarray(made)
    moved = tg.asarray(made)
    axis: int | tuple[int, ...] | None = [None, None, None, 0, 1, (0, 2)][rng.integers(6)]
    return moved if axis is None else tg.expand_dims(moved, axis)


def scattered(rng: np.random.Generator, x: tg.Tensor, y: tg.Tensor, ids: list[tg.Tensor]) -> tg.Tensor:
    """Values added into zeros, or into what is not zero everywhere; taken from another, or summed."""
    base = [*[tg.zeros_like(x)] * 4, -tg.zeros_like(x), x][rng.integers(6)]
    if isinstance(x.shape[0], int) and rng.random() < 0.1:
        base = tg.asarray(np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % 3 * 1.0)
    index = [positions(rng, ids, x.shape[0]) for _ in range(rng.choice([1, 2, 2]))]
    where = tuple(index) if rng.random() < 0.9 else (index[0], slice(0, 2))
    picked = base[where]
    value = (y[0, 0], tg.broadcast_to(y[0, 1], picked.shape), picked * 0 + y[0, 0])[rng.integers(3)]
    made = base.at[where].add(value)
    sums = tg.sum(made, axis=0), tg.sum(made, axis=1), tg.sum(made, axis=1), tg.sum(made, axis=1, keepdims=True)
    return (made, made + x, x + made, x - made, made - x, *sums)[rng.integers(9)]


@pytest.mark.parametrize("seed", SEEDS)
def test_scatters(seed: int) -> None:
    """Of small integers, which no order of the sums rounds."""
    rng = np.random.default_rng(seed)
    rows = "n" if seed % 2 else ROWS
    x, y = (tg.placeholder((rows, COLUMNS), "float64", name=name) for name in "xy")
    ids = [tg.placeholder((ROWS,), "int64", name=f"i{k}") for k in range(2)]
    inputs = [x, y, *ids]
    made = None
    while made is None:
        try:
            made = scattered(rng, x, y, ids)
        except TensorGraphError:
            continue  # shapes that may not broadcast
    graph = tg.Graph([z.node for z in inputs], [made.node])
    arrays = [*(rng.integers(1, 9, (ROWS, COLUMNS)).astype(float) for _ in "xy"), *rng.integers(-3, 3, (2, ROWS))]
    (expected,), _ = evaluate_graph(graph, arrays)
    (found,), _ = evaluate_graph(simplify(graph).graph, arrays)
    assert_same_bits([found + 0.0], [expected + 0.0])


COUNTED = (range(3), [0, 1, 2])
NOT_COUNTED = (range(1, 3), range(0, 3, 2), range(2), [2, 0, 1], [0, 1])


@pytest.mark.parametrize("rows", [*COUNTED, *NOT_COUNTED], ids=str)
def test_sums_of_what_is_in_each_row(rows: range | list[int]) -> None:
    """They are the values, if every row has one, in order."""
    places = tg.arange(rows.start, rows.stop, rows.step) if isinstance(rows, range) else np.array(rows)
    v, ids = tg.placeholder((len(rows),), "float64", name="v"), tg.placeholder((len(rows),), "int64", name="ids")
    made = tg.sum(tg.zeros((ROWS, COLUMNS)).at[places, ids].add(v), axis=1)
    result = simplify(tg.Graph([v.node, ids.node], [made.node]))
    assert ("sum_of_scatter" in {law.name for law in result.laws}) == (rows in COUNTED)
    values = np.arange(1.0, len(rows) + 1)
    wanted = np.zeros(ROWS)
    wanted[list(rows)] = values
    (found,), _ = evaluate_graph(result.graph, [values, np.arange(len(rows))])
    assert_same_bits([found], [wanted])


@pytest.mark.parametrize("rows", [range(3), range(1, 3), range(0, 3, 2), range(2), range(-1, 2)], ids=str)
def test_sums_of_what_is_in_each_row_of_unknown_many(rows: range) -> None:
    z, ids = tg.placeholder(("n", COLUMNS), "float64", name="z"), tg.placeholder((), "int64", name="ids")
    places = tg.arange(rows.start, z.shape[0] + rows.stop - 3, rows.step)
    made = tg.sum(tg.zeros_like(z).at[places, ids].add(tg.astype(places, "float64") + 5), axis=1)
    graph = tg.Graph([z.node, ids.node], [made.node])
    result = simplify(graph)
    assert ("sum_of_scatter" in {law.name for law in result.laws}) == (rows == range(3))
    arrays = [np.zeros((3, COLUMNS)), np.array(1)]
    assert_same_bits(evaluate_graph(result.graph, arrays)[0], evaluate_graph(graph, arrays)[0])
