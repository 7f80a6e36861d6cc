"""What was measured, as values that become JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.benchmarks.peers.catalogue import BY_HAND, OURS

__all__ = ["Entry", "Line", "Report"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One figure.

    Attributes
    ----------
    raised
        Whether malloc's thresholds were.
    value
        Median, in the line's unit.
    ratio
        Median over the rounds of our figure by this one: above 1 we lose. None if ours is missing.
    rounds
        How many there were.
    """

    peer: str
    raised: bool
    value: float
    ratio: float | None
    rounds: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Attributes
    ----------
    unit
        ``ms``, ``s`` or ``MB``.
    left_out
        Peers without a figure here, and why; a wrong one is told as such.
    disturbed
        Cores that other processes held meanwhile; None if nothing says.
    """

    name: str
    unit: str
    entries: tuple[Entry, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    disturbed: float | None = None

    @property
    def ours(self) -> Entry | None:
        """Our figure."""
        return next((entry for entry in self.entries if entry.peer == OURS), None)

    @property
    def by_hand(self) -> Entry | None:
        """The best of NumPy written by hand."""
        return best(entry for entry in self.entries if entry.peer in BY_HAND)

    @property
    def peer(self) -> Entry | None:
        """The best of the others, with malloc at its best."""
        return best(entry for entry in self.entries if entry.peer not in (OURS, *BY_HAND))


def best(entries: Iterable[Entry]) -> Entry | None:
    """The least figure."""
    return min(entries, key=lambda entry: entry.value, default=None)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything: the machine, versions, lines, and what to know about them.

    Attributes
    ----------
    machine, versions
        By name.
    missing
        Peers that are not installed.
    notes
        Sentences for the head of the table.
    """

    machine: Mapping[str, str]
    versions: Mapping[str, str]
    missing: Mapping[str, str]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Report:
        """What `to_json` gave."""
        lines = [{**line, "entries": tuple(Entry(**entry) for entry in line["entries"])} for line in data["lines"]]
        return Report(**{**data, "lines": tuple(Line(**line) for line in lines), "notes": tuple(data["notes"])})
