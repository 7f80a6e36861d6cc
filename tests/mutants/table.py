"""The table of mutants that were found and that survived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.mutants.operators import OPERATORS, operand
from tests.mutants.reasons import REASONS, reason
from tests.mutants.trial import Outcome

__all__ = ["markdown"]

HEAD = """\
# Mutants

Are the tests able to fail? Small mistakes are planted mechanically in the sources, one at a time, and the properties
of `tensorgraph.testing` look for them, then the tests of the same floor. Each kind of mistake is made at most once in
a line (twice in a derivative rule), so that the set follows from the sources. Written by

```
python -m tests.mutants --all --table docs/testing/mutants.md
```

which takes hours and runs at night. `--results tests/mutants/results.json` goes on from what was found before, and
keeps what it finds: an outcome there is of the sources as they were when it was tried, and a change to the line itself
drops it. `--sample N
--seed S` tries a few of each source, as the test suite does, and `--source autodiff/rules` only those of one. A mutant
that is said below to be no mistake is looked for by the properties and by the quick tests, not by the whole floor.

{summary}
"""
KINDS = """\
## Mistakes

| kind | what is done |
|---|---|
"""


def markdown(outcomes: Sequence[Outcome], known: int) -> tuple[str, list[Outcome]]:
    """The document, and the survivors that have no reason."""
    survivors = [o for o in outcomes if o.found is None]
    unexplained = [o for o in survivors if reason(o.mutant.key) is None]
    found = len(outcomes) - len(survivors)
    summary = (
        f"Of {known} mutants {len(outcomes)} were tried: {found} were found and {len(survivors)} survived, "
        f"{len(survivors) - len(unexplained)} of these for a reason below."
    )
    kinds = [f"| `{name}` | {_said(f)} |" for name, f in [*OPERATORS.items(), ("operand", operand)]]
    kinds.append(
        "| `promise` | A law that promises more than it keeps: no units in the last place, or a stronger tier. |"
    )
    kinds.append("| `left_out` | A call left out; an assignment for an accumulation. |")
    parts = [
        HEAD.format(summary=summary), "\n".join([KINDS.rstrip(), *kinds]), _by_source(outcomes), _by_detector(outcomes),
        _survivors(survivors),
    ]  # fmt: skip
    return "\n\n".join(part.strip() for part in parts) + "\n", unexplained


def _said(function: object) -> str:
    return " ".join((function.__doc__ or "").split())


def _by_source(outcomes: Sequence[Outcome]) -> str:
    operators = sorted({o.mutant.edit.operator for o in outcomes})
    all_ = Counter((o.mutant.target.name, o.mutant.edit.operator) for o in outcomes)
    found = Counter((o.mutant.target.name, o.mutant.edit.operator) for o in outcomes if o.found)
    names = list(dict.fromkeys(o.mutant.target.name for o in outcomes))
    rows = [f"| source | {' | '.join(operators)} | all |", f"|---|{'---|' * (len(operators) + 1)}"]
    for name in names:
        cells = [_cell(found[name, k], all_[name, k]) for k in operators]
        whole = [sum(table[name, k] for k in operators) for table in (found, all_)]
        rows.append(f"| `{name}` | {' | '.join(cells)} | {_cell(*whole)} |")
    cells = [_cell(sum(found[n, k] for n in names), sum(all_[n, k] for n in names)) for k in operators]
    rows.append(f"| all | {' | '.join(cells)} | {_cell(sum(found.values()), sum(all_.values()))} |")
    return "\n".join(["## Found, of tried", "", *rows])


def _cell(found: int, tried: int) -> str:
    return f"{found}/{tried}" if tried else ""


UNEXPLAINED = "Not explained: a property is missing, or the run ended before the tests of the floor were tried."
WORDS = {
    "gradient": "`check_gradients` on a sample, to second order in both modes",
    "compiled": "a sample compiled against the interpreter",
    "typed": "type rule, axis map and text form of a sample",
    "accepted": "operands that a type rule accepts, against what it states",
    "defined": "a sample in its fast form against its definition",
    "hard point": "value and derivatives at a hard point",
    "program": "a random program compiled against the interpreter",
    "gradients of program": "the gradients of a random program, compiled",
    "law": "a law held to its tier, on ordinary and hostile values",
    "rows": "a random program in loops over blocks of few rows, against the interpreter",
    "stages": "every stage of the compiler on a random program, as the fuzzer holds them",
    "training": "three steps of an optimizer, compiled, against the interpreter",
    "tests": "a test of the same floor",
    "import": "the package does not import",
    "time": "it does not end",
    "crash": "the process ends",
}


def _by_detector(outcomes: Sequence[Outcome]) -> str:
    counts = Counter(o.detector for o in outcomes if o.found)
    rows = [f"| {WORDS[name]} | {counts[name]} |" for name in WORDS if counts[name]]
    return "\n".join(["## What found them first", "", "| detector | mutants |", "|---|---|", *rows])


def _survivors(survivors: Sequence[Outcome]) -> str:
    lines = ["## Survivors", ""]
    by_reason: dict[str, list[str]] = {}
    for outcome in survivors:
        why = reason(outcome.mutant.key) or UNEXPLAINED
        by_reason.setdefault(why, []).append(f"- `{outcome.mutant.id}` {_edit(outcome)}")
    order = [*dict.fromkeys(why for why in REASONS.values() if why in by_reason)]
    for why in [*order, *(w for w in by_reason if w not in order)]:
        lines += [f"**{why}**", "", *by_reason[why], ""]
    return "\n".join(lines if survivors else [*lines, "None."])


def _edit(outcome: Outcome) -> str:
    _, scope, edit = outcome.mutant.key.split(": ", 2)
    before, _, after = edit.rpartition(" -> ")
    return f"in {scope}: `{before}` → `{after}`"
