"""Plain NumPy functions that spellings call; emitted modules contain their source text."""

from __future__ import annotations
