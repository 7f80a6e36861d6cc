"""Compiling keeps its budgets, which grow with what a reference loop takes on the machine."""

from __future__ import annotations

import pytest

import tensorgraph as tg
from tests.benchmarks.bench_compile import BUDGETS, CALIBRATION, layers, milliseconds, recorded, reference


def budget(name: str, references: list[float]) -> float:
    """In milliseconds; a slower machine gets more in proportion, a quicker one no less."""
    return BUDGETS[name] * max(1.0, min(references) / CALIBRATION)


@pytest.mark.parametrize("name", BUDGETS)
def test_budget(name: str) -> None:
    work = recorded()[name]
    times: list[float] = []
    references: list[float] = []
    while len(times) < 8 and (not times or min(times) > budget(name, references)):
        times.append(milliseconds(work))
        references.append(reference())
    assert min(times) <= budget(name, references)


def test_a_slower_machine_gets_more_and_a_quicker_one_no_less() -> None:
    assert budget("5,000 nodes", [2 * CALIBRATION, 3 * CALIBRATION]) == 4000.0
    assert budget("5,000 nodes", [CALIBRATION / 2]) == 2000.0


def test_the_graph_of_5000_nodes_has_as_many() -> None:
    inputs, loss, updates = layers(5000)
    graph = tg.Graph([x.node for x in inputs], [loss.node], [(p.node, value.node) for p, value in updates])
    assert 5000 <= len(graph.nodes) < 6000
