"""Run every benchmark: ``python -m tests.benchmarks [--smoke] [--json]``."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path


def main() -> None:
    """Run them all, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Run every benchmark.")
    parser.add_argument("--smoke", action="store_true", help="once and small: do they run?")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("names", nargs="*", help="only these, such as ground")
    options = parser.parse_args()
    found = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    unknown = set(options.names) - {name.removeprefix("bench_") for name in found}
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    results = {}
    for name in found:
        short = name.removeprefix("bench_")
        if short in options.names or not options.names:
            results[short] = importlib.import_module(f"tests.benchmarks.{name}").run(options.smoke)
            if not options.json:
                show(short, results[short])
    if options.json:
        print(json.dumps(results, indent=2))


def show(name: str, figures: dict[str, float]) -> None:
    """One benchmark as a table."""
    width = max(map(len, figures))
    print(name, "-" * (width + 14 - len(name)))
    for label, figure in figures.items():
        print(f"{label:<{width}}  {figure:>12.2f}", flush=True)


if __name__ == "__main__":
    main()
