"""The command line: ``tensorgraph train digits``, ``tensorgraph predict IMAGE``."""

from __future__ import annotations

from tensorgraph.cli.app import main

__all__ = ["main"]
