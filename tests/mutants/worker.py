"""Tries mutants in a copy of the sources: one process forked for each, which imports the package anew.

Reads one request a line, as JSON, and answers with one line. Only what does not depend on the package is imported
here, once for all.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

SECONDS = 60  # of processor time for a file of tests
BRIEF = 15  # for a property at one sample
WAIT = 1800  # seconds of the clock for one mutant, on a machine that may be busy
MEMORY = 6 << 30  # bytes


def main() -> None:
    """Serve until the input ends."""
    sys.dont_write_bytecode = True
    _import_what_stays()
    sound: dict[str, bool] = {}
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_tried(request, sound)), flush=True)


def _import_what_stays() -> None:
    import hypothesis
    import mpmath
    import numpy
    import pytest

    assert all((hypothesis, mpmath, numpy, pytest))


def _tried(request: dict[str, Any], sound: dict[str, bool]) -> dict[str, Any]:
    """Plant the mistake, look for it, and take it out again; what fails without it does not count."""
    path = Path(request["path"])
    original = path.read_text(encoding="utf-8")
    skipped: list[str] = []
    while True:
        _write(path, request["source"])
        try:
            answer = _forked({**request, "skipped": skipped})
        finally:
            _write(path, original)
        found = answer["why"] if answer["found"] == "time" else answer["found"]
        if found in {None, "crash", ""}:  # the last: the import does not end
            return {**answer, "unsound": skipped}
        if found not in sound:
            sound[found] = _forked({**request, "only": found})["found"] is None
        if found == "import" and not sound[found]:
            raise SystemExit(f"without any mistake: {answer['why']}")
        if sound[found]:
            return {**answer, "unsound": skipped}
        skipped.append(found)


def _write(path: Path, source: str) -> None:
    path.write_text(source, encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()  # its time stamp could be the same


def _forked(request: dict[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _look(request, writing)
    os.close(writing)
    parts: list[bytes] = []
    in_time = True
    while True:
        left = WAIT - (time.perf_counter() - start)
        ready, _, _ = select.select([reading], [], [], max(left, 0))
        if not ready:
            os.kill(child, signal.SIGKILL)
            in_time = False
            break
        part = os.read(reading, 1 << 16)
        if not part:
            break
        parts.append(part)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    lines = b"".join(parts).decode().splitlines()
    answer: dict[str, Any] = {"found": None, "why": ""}
    if not in_time or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}):
        answer = {"found": "time", "why": lines[-1] if lines else ""}
    elif os.WIFSIGNALED(status):
        answer = {"found": "crash", "why": signal.Signals(os.WTERMSIG(status)).name}
    elif lines and lines[-1].startswith("{"):
        answer = json.loads(lines[-1])
    else:
        answer = {"found": "crash", "why": lines[-1] if lines else f"exit status {status}"}
    return {**answer, "id": request["id"], "seconds": round(time.perf_counter() - start, 2)}


def _look(request: dict[str, Any], writing: int) -> None:
    """Run detectors until one fails; never returns."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    warnings.simplefilter("ignore")
    answer: dict[str, Any] = {"found": None, "why": ""}
    detector = "import"
    try:
        from tests.mutants import detectors

        chosen = [request["only"]] if "only" in request else detectors.plan(*request["plan"])
        chosen = [name for name in chosen if name != "import"]
        for detector in chosen:
            if detector not in request.get("skipped", ()):
                os.write(writing, f"{detector}\n".encode())
                _limit(SECONDS if detector.startswith(("tests", "law")) else BRIEF)
                detectors.run(detector)
    except BaseException as error:  # a mutant may raise anything
        lines = traceback.format_exception_only(error)
        answer = {"found": detector, "why": " ".join(lines[-1].split())[:200]}
    os.write(writing, f"{json.dumps(answer)}\n".encode())
    os._exit(0)


def _limit(seconds: int) -> None:
    """Allow so much more processor time: what does not end then is a mistake that was found."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    used = int(spent.ru_utime + spent.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, hard))


if __name__ == "__main__":
    main()
