"""The lines of the test that runs, for messages that end with them."""

from __future__ import annotations

import sys
from pathlib import Path


def above(lines: int = 1) -> str:
    """``test_file.py:12``: so many lines above the caller."""
    frame = sys._getframe(1)
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno - lines}"
