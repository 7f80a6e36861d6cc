"""What several examples share: the generator of letters, and pictures."""

from __future__ import annotations
