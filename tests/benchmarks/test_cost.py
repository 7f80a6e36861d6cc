"""That predicted times are near measured ones; and that the benchmark of it runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.bench_cost import run, within


def test_it_runs() -> None:
    results = run(smoke=True)
    assert len(results) == 5
    assert results["statements over 20 us"] > 50
    assert all(figure > 0 for figure in results.values())


def test_within_a_factor_of_two() -> None:
    assert within([(1.0, 1.0), (2.0, 1.0), (1.0, 2.0), (2.1, 1.0), (1.0, 2.1)]) == 60.0


def test_it_prints_the_table_of_rates() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.bench_cost", "--table"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0].startswith("Speeds(call=")
    assert any(line.startswith('    "exp": (') for line in lines[1:])


@pytest.mark.slow
@pytest.mark.benchmark
def test_most_predictions_are_within_a_factor_of_two() -> None:
    results = run(smoke=False)
    assert results["statements over 20 us"] > 400
    assert results["predicted within a factor of 2, measured machine, % (target 80)"] > 80
