"""The benchmark: training steps, expressions, inference, start-up and memory, beside what a user would pick instead.

``python -m tests.benchmarks.peers`` runs it, and so does ``tensorgraph bench``. A row (``rows.py``) is defined once, as
data; a file per peer makes it a `Work`, which is checked before it is timed.
"""

from __future__ import annotations
