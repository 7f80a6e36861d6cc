"""Workers as seen from the process that asks them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.catalogue import RAISED

__all__ = ["ROOT", "DiedError", "Worker", "environment"]

ROOT = Path(__file__).parents[3]


class DiedError(Exception):
    """A worker ended in the middle; the message is the last that it said."""


def environment(raised: bool) -> dict[str, str]:
    """Of a process; malloc's thresholds raised or as they are."""
    return {**os.environ, **(RAISED if raised else {}), "PYTHONPATH": str(ROOT)}


class Worker:
    """A process that runs works; it waits without using the machine while others run."""

    def __init__(self, raised: bool) -> None:
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the worker)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.peers.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, text=True, cwd=ROOT, env=environment(raised),
        )  # fmt: skip

    def send(self, **request: Any) -> None:
        """Ask for something.

        Raises
        ------
        DiedError
            If it has ended.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise DiedError(self._last_words()) from None

    def receive(self) -> dict[str, Any]:
        """Wait for the answer.

        Raises
        ------
        DiedError
            If it ended instead.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise DiedError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, **request: Any) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        self.send(**request)
        return self.receive()

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def _last_words(self) -> str:
        self.process.wait()
        self.log.seek(0)
        lines = [line.strip() for line in self.log if line.strip()]
        return f"its process ended with {self.process.returncode}: {lines[-1] if lines else 'it said nothing'}"
