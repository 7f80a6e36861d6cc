"""That predicted times of real kernels' statements are near measured ones."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench_explain import run


def test_it_runs() -> None:
    results = run(smoke=True)
    assert len(results) == 6
    assert all(figure >= 0 for figure in results.values())
    assert results["statements over 20 us, measured machine"] > 30


@pytest.mark.slow
@pytest.mark.benchmark
def test_most_predictions_are_within_a_factor_of_two() -> None:
    results = run(smoke=False)
    for machine in ("measured", "detected"):
        assert results[f"statements over 20 us, {machine} machine"] > 100
        assert results[f"predicted within a factor of 2, {machine} machine, % (target 80)"] > 80
