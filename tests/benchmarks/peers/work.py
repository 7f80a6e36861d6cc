"""What a peer makes of a row: something to run, and what it computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

__all__ = ["NotForThisRowError", "Outcome", "Work"]

Outcome: TypeAlias = Mapping[str, np.ndarray]


class NotForThisRowError(Exception):
    """The peer has no way to say the row; the message says why."""


@dataclass(frozen=True, slots=True)
class Work:
    """A row in the words of one peer.

    Attributes
    ----------
    step
        Runs it once on arrays that the peer holds already, and returns when everything is finished.
    outcome
        From what the last step gave, to plain arrays: ``loss``, parameters ``p0, p1, ...`` in PyTorch's layout, first
        moments ``m0, m1, ...`` of Adam; or ``value``, ``gradient``, ``product``, ``scores``.
    """

    step: Callable[[], Any]
    outcome: Callable[[Any], Outcome]
