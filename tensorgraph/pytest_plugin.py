"""The pytest plugin: its options. The tools themselves load when an option asks for them."""

from __future__ import annotations

from typing import Any

import pytest

PROFILES = ("dev", "ci", "intense")
REPORT = pytest.StashKey[Any]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("tensorgraph", "tensorgraph")
    group.addoption("--tensorgraph-profile", choices=PROFILES, help="how many examples property tests draw")
    group.addoption("--tensorgraph-ops", action="store_true", help="report the operations exercised and those not")


def pytest_configure(config: pytest.Config) -> None:
    """Load what the options ask for, and nothing if they ask for nothing."""
    profile, ops = config.getoption("--tensorgraph-profile"), config.getoption("--tensorgraph-ops")
    if not (profile or ops):
        return
    from tensorgraph.testing import plugin

    if profile:
        plugin.load_profile(profile)
    if ops:
        config.stash[REPORT] = plugin.OpReport()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send what a worker of pytest-xdist has noted to its controller."""
    report = session.config.stash.get(REPORT, None)
    if report is not None and hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tensorgraph_ops"] = report.names


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker has noted."""
    report = node.config.stash.get(REPORT, None)
    if report is not None:
        report.merge(getattr(node, "workeroutput", {}).get("tensorgraph_ops", ()))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the report."""
    report = config.stash.get(REPORT, None)
    if report is not None:
        terminalreporter.section("tensorgraph operations")
        for line in report.lines():
            terminalreporter.line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Make nodes as before."""
    report = config.stash.get(REPORT, None)
    if report is not None:
        report.finish()
