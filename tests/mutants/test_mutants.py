"""Mutants are made as they should be, and a few of them are planted: each must be found, or explained."""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path

import pytest

from tests.mutants.operators import OPERATORS, edits
from tests.mutants.reasons import REASONS, reason
from tests.mutants.targets import ROOT, TARGETS, Mutant, mutants
from tests.mutants.trial import sampled, tried

EVERY = mutants()
SAMPLE, SECONDS = len(TARGETS), 60.0
TABLE = ROOT / "docs" / "testing" / "mutants.md"
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="a mutant runs in a forked process")


def made(source: str) -> set[tuple[str, str]]:
    return {(edit.operator, edit.applied(source)) for edit in edits(source)}


@pytest.mark.parametrize(
    ("line", "operator", "after"),
    [
        ("return -x", "sign", "return (x)"),
        ("return x - y", "sign", "return (x + y)"),
        ("return 2 * x", "factor", "return (3 * x)"),
        ("return x / n", "factor", "return (x)"),
        ("return x[1]", "off_by_one", "return (x[2])"),
        ("return sum(x, axis=-1)", "axis", "return (sum(x, axis=0))"),
        ("return y @ x", "swap", "return (x @ y)"),
        ("return x < y", "comparison", "return (x <= y)"),
        ("return x and y", "logic", "return (x or y)"),
        ("return x.mT", "transposition", "return (x)"),
        ("return sum(y, axes)", "dropped", "return (y)"),
        ("return f(dilation)", "ignored", "return f(((1,) * len(dilation)))"),
        ("return sin(x)", "function", "return (cos(x))"),
        ("return x", "operand", "return (y)"),
        ("return free.pop()", "buffer", "return (free[-1])"),
        ("total += x", "left_out", "total = x"),
    ],
)
def test_kinds_of_mistakes(line: str, operator: str, after: str) -> None:
    head = "def f(x, y):\n    "
    assert (operator, f"{head}{after}\n") in made(f"{head}{line}\n")


def test_what_is_no_mistake_is_left_alone() -> None:
    source = 'def f(x: int = 1 - 2) -> "a":\n    """1 - 2"""\n    assert x - 1\n    raise ValueError(x - 1)\n'
    assert edits(source) == []


def test_mutants_are_many_and_can_be_read() -> None:
    assert len(EVERY) > 1000
    assert {m.edit.operator for m in EVERY} == {*OPERATORS, "operand", "left_out", "promise"}
    assert {m.target for m in EVERY} == set(TARGETS)
    assert len({m.id for m in EVERY}) == len({m.key for m in EVERY}) == len(EVERY)
    assert [m.id for m in mutants()] == [m.id for m in EVERY]
    for mutant in EVERY[::25]:
        ast.parse(mutant.source())


@FORKS
def test_a_sample_is_found() -> None:
    """One of each source, the same in each run of these sources: by properties and by the tests of the floor."""
    chosen = sampled([m for m in EVERY if reason(m.key) is None], SAMPLE, seed=4)
    assert {m.target for m in chosen} == set(TARGETS)
    outcomes = tried(chosen, jobs=2, seconds=SECONDS)
    assert outcomes
    found = sum(o.found is not None for o in outcomes)
    assert found >= 0.85 * len(outcomes), [o.mutant.key for o in outcomes if o.found is None]


@FORKS
def test_sources_without_a_mistake_survive() -> None:
    mutant = EVERY[0]
    same = Mutant("none", "none", mutant.target, type(mutant.edit)(1, "none", "_zero", "", "", 0, 0))
    (outcome,) = tried([same])
    assert outcome.found is None
    assert outcome.unsound == ()


def test_reasons_are_patterns_of_mutants() -> None:
    assert [p for p in REASONS if not any(re.fullmatch(p, m.key) for m in EVERY)] == []
    assert all(why.endswith(".") for why in REASONS.values())


def test_the_document_is_a_table() -> None:
    text = TABLE.read_text(encoding="utf-8")
    assert "## Found, of tried" in text
    assert "## Survivors" in text
    assert json.dumps(str(Path.home())).strip('"') not in text
