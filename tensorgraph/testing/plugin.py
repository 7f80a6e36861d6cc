"""What the pytest plugin does once one of its options is given; ``tensorgraph.pytest_plugin`` registers it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, settings

from tensorgraph.testing.exercised import OpRecorder, format_exercised

__all__ = ["PROFILES", "OpReport", "load_profile"]

PROFILES: dict[str, dict[str, Any]] = {
    "dev": {"max_examples": 30},
    "ci": {"max_examples": 60, "derandomize": True, "print_blob": True, "database": None},
    "intense": {"max_examples": 2000, "print_blob": True},
}


def load_profile(name: str) -> None:
    """Make one of `PROFILES` the settings of every Hypothesis test that is read after this.

    Parameters
    ----------
    name
        ``"dev"``: few examples; ``"ci"``: the same ones in every run; ``"intense"``: very many.

    Examples
    --------
    >>> from hypothesis import settings
    >>> before = settings.get_current_profile_name()
    >>> load_profile("dev")
    >>> settings.default.max_examples
    30
    >>> settings.load_profile(before)
    """
    slow = [HealthCheck.too_slow]
    settings.register_profile(f"tensorgraph-{name}", deadline=None, suppress_health_check=slow, **PROFILES[name])
    settings.load_profile(f"tensorgraph-{name}")


class OpReport:
    """The hooks of ``--tensorgraph-ops``: which operations were recorded, in this process and its workers."""

    def __init__(self) -> None:
        self._recorder = OpRecorder()
        self._recorder.start()
        self._names: set[str] = set()

    def merge(self, names: Iterable[str]) -> None:
        """Add what a worker has noted."""
        self._names.update(names)

    @property
    def names(self) -> list[str]:
        """All operations noted."""
        return sorted(self._names | self._recorder.names)

    def finish(self) -> None:
        """Stop noting."""
        self._recorder.stop()

    def lines(self) -> list[str]:
        """The report."""
        return format_exercised(self.names)
