"""Why some mutants survive: what they change is no mistake, or nothing that a result could show."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["REASONS", "reason"]

# Patterns of `Mutant.key`, which names source, scope and edit, and the reason.
REASONS: Mapping[str, str] = {}


def reason(key: str) -> str | None:
    """Why it survives; None if it should not."""
    return next((why for pattern, why in REASONS.items() if re.fullmatch(pattern, key)), None)
