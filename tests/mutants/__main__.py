"""``python -m tests.mutants``: plant mistakes one at a time, and say which are found."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tests.mutants.reasons import reason
from tests.mutants.table import markdown
from tests.mutants.targets import Mutant, mutants
from tests.mutants.trial import Outcome, sampled, tried


def main() -> int:
    """The number of mutants that survived without a reason, at most 1."""
    options = _options()
    every = mutants()
    known = _known(options.results, every)
    count = len(every) if options.all else options.sample
    wanted = [m for m in every if not options.source or m.target.path.startswith(tuple(options.source))]
    chosen = [m for m in sampled(wanted, count, options.seed) if not _settled(m, known)]
    chosen.sort(key=lambda m: m in known)  # first those that were never tried
    start = time.monotonic()
    limit = None if options.minutes is None else 60 * options.minutes

    def keep(outcome: Outcome) -> None:
        _tell(outcome)
        known[outcome.mutant] = outcome
        if options.results:  # after each, so that a run that is broken off loses none
            _write(options.results, [known[m] for m in every if m in known])

    tried(chosen, options.jobs, limit, keep, tests=not options.properties)
    outcomes = [known[m] for m in every if m in known]
    text, unexplained = markdown(outcomes, len(every))
    if options.table:
        options.table.write_text(text, encoding="utf-8")
    unsound = sorted({name for o in outcomes for name in o.unsound})
    print(*[f"fails without any mistake, so it was left out: {name}" for name in unsound], sep="\n")
    survived = sum(o.found is None for o in outcomes)
    print(f"{len(outcomes)} of {len(every)} mutants, {survived} survived, {len(unexplained)} of them unexplained, "
          f"{time.monotonic() - start:.0f} s")  # fmt: skip
    return int(bool(unexplained))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--all", action="store_true", help="try all of them")
    parser.add_argument("--sample", type=int, default=40, metavar="N", help="try so many (40)")
    parser.add_argument("--source", action="append", default=[], metavar="START", help="only of these: autodiff/rules")
    parser.add_argument("--seed", type=int, default=0, help="decides which (0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--minutes", type=float, help="stop after so many")
    parser.add_argument("--properties", action="store_true", help="leave the tests of the floor out")
    parser.add_argument("--table", type=Path, help="write the table here")
    parser.add_argument("--results", type=Path, help="keep results here; what was found before is not tried again")
    return parser.parse_args()


def _tell(outcome: Outcome) -> None:
    said = f"found by {outcome.found}: {outcome.why}" if outcome.found else f"SURVIVED {outcome.mutant.key}"
    print(f"{outcome.seconds:6.2f} s  {outcome.mutant.id}: {said}"[:200], flush=True)


def _write(path: Path, outcomes: list[Outcome]) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps({o.mutant.key: o.found for o in outcomes}, indent=0), encoding="utf-8")
    new.replace(path)


def _settled(mutant: Mutant, known: dict[Mutant, Outcome]) -> bool:
    """Whether there is nothing to try again: it was found, or it survived for a reason."""
    return mutant in known and (known[mutant].found is not None or reason(mutant.key) is not None)


def _known(path: Path | None, every: list[Mutant]) -> dict[Mutant, Outcome]:
    if path is None or not path.is_file():
        return {}
    by_key = {m.key: m for m in every}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {by_key[key]: Outcome(by_key[key], by, "", 0.0) for key, by in found.items() if key in by_key}


if __name__ == "__main__":
    sys.exit(main())
