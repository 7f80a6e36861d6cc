"""``python -m tensorgraph``."""

from __future__ import annotations

from tensorgraph.cli import main

main()
