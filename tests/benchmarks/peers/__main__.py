"""``python -m tests.benchmarks.peers``: measure, compare, report."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, sleep

from tests.benchmarks.peers.catalogue import PEERS, chosen, versions
from tests.benchmarks.peers.machine import machine
from tests.benchmarks.peers.quiet import LIMIT, Watch
from tests.benchmarks.peers.report import plot, table
from tests.benchmarks.peers.results import Line, Report
from tests.benchmarks.peers.session import Settings, lines, names

__all__ = ["main"]

SAMPLE = 2.0  # seconds of looking at others before the first row


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 1 if another process held the machine, a figure of ours is missing, or a peer is wrong."""
    options = _options(arguments)
    settings = Settings(options.seconds, options.smoke, options.force)
    peers, missing = chosen(options.peers)
    wanted = [name for name in names() if re.search(options.rows, name, re.IGNORECASE)]
    if options.list:
        print("\n".join(wanted))
        return 0
    if not wanted:
        return _refuse(f"no row has {options.rows!r} in its name: --list shows them all")
    forced = options.force or options.smoke
    held = 0.0 if options.smoke else _held(SAMPLE)
    if held is not None and held > LIMIT and not forced:
        return _refuse(f"another process holds {held:.2f} cores: wait until it ends, or measure with --force")
    begin = perf_counter()
    found = lines(
        wanted, peers, settings, lambda name: print(f"{perf_counter() - begin:6.1f} s  {name}", file=sys.stderr)
    )
    disturbed = [line for line in found if line.disturbed is not None and line.disturbed > LIMIT]
    if disturbed and not forced:
        worst = max(disturbed, key=lambda line: line.disturbed or 0.0)
        return _refuse(
            f"another process held the machine in {len(disturbed)} of {len(found)} rows ({worst.disturbed:.2f} cores "
            f"in {worst.name!r}): wait until it ends, or measure with --force"
        )
    report = Report(machine(), versions(peers), missing, tuple(found), tuple(_notes(options, held, disturbed, found)))
    _write(report, options.json, options.out)
    print(table(report))
    return _judged(found)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    parser.add_argument(
        "--rows", default="", metavar="PATTERN", help="only rows whose name has this (a regular expression)"
    )
    parser.add_argument(
        "--peers",
        type=lambda text: text.split(","),
        metavar="LIST",
        help=f"of {', '.join(peer.name for peer in PEERS)}",
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of turns for each row (5)")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes and one round: does it run?")
    parser.add_argument(
        "--force", action="store_true", help="report although another process holds the machine, and say so"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write peers.md, peers.json and peers.svg")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    options = parser.parse_args(arguments)
    try:
        chosen(options.peers)
        re.compile(options.rows)
    except ValueError as error:  # re.error is one
        parser.error(str(error))
    except re.error as error:
        parser.error(f"--rows {options.rows!r} is no regular expression: {error}")
    return options


def _held(seconds: float) -> float | None:
    watch = Watch()
    sleep(seconds)
    return watch.others()


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def _notes(
    options: argparse.Namespace, held: float | None, disturbed: Sequence[Line], found: Sequence[Line]
) -> list[str]:
    notes = [
        "of two figures in one cell, the second is with glibc's malloc thresholds raised; the better one is the target"
    ]
    if options.smoke:
        notes.append("smoke run: tiny sizes, one round; the figures mean nothing")
    if held is None:
        notes.append("nothing says what other processes do: the machine may have been held (psutil would tell)")
    elif options.force and (disturbed or held > LIMIT):
        notes.append(f"forced: other processes held the machine in {len(disturbed)} of {len(found)} rows")
    return notes


def _write(report: Report, file: Path | None, folder: Path | None) -> None:
    data = json.dumps(report.to_json(), indent=1) + "\n"
    if file is not None:
        file.write_text(data, encoding="utf-8")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "peers.md").write_text(table(report), encoding="utf-8")
        (folder / "peers.json").write_text(data, encoding="utf-8")
        if not plot(report, folder / "peers.svg"):
            print("no plot: matplotlib is not installed", file=sys.stderr)


def _judged(found: Sequence[Line]) -> int:
    """Whether every line has our figure, and every peer is right."""
    missing = [line for line in found if line.ours is None]
    wrong = [line for line in found if any(reason.startswith("wrong") for reason in line.left_out.values())]
    for line in missing:
        print(f"error: {line.name}: no figure of tensorgraph", file=sys.stderr)
    for line in wrong:
        print(f"error: {line.name}: a peer is wrong", file=sys.stderr)
    return 1 if missing or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
