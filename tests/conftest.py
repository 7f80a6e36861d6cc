"""Hypothesis profiles, golden files, and what is skipped when."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

GOLDEN = Path(__file__).parent / "golden"

# No deadlines: the first example compiles, and CI machines are shared.
settings.register_profile("dev", max_examples=30, deadline=None)
# The same examples in every run, so that a change fails only by its own fault; "intense" looks for new ones.
settings.register_profile(
    "ci",
    max_examples=60,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "intense", max_examples=2000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") == "true" else "dev")
settings.load_profile(PROFILE)

os.environ.setdefault("MPLBACKEND", "Agg")  # no window, in subprocesses neither


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden instead of comparing with it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROFILE != "intense":
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: runs under HYPOTHESIS_PROFILE=intense"))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with ``tests/golden/NAME``, or write it there under ``--update-golden``."""
    update = request.config.getoption("--update-golden")

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            return
        if not path.is_file():
            pytest.fail(f"tests/golden/{name} does not exist: run pytest with --update-golden, and read what it wrote")
        expected = path.read_bytes().decode()
        assert text == expected, f"tests/golden/{name} differs; if that is right, run pytest with --update-golden"

    return compare
