"""Every cell of the table of operations and properties is filled, and the document is the table."""

from __future__ import annotations

import pytest

from tensorgraph.ir.op import Op
from tensorgraph.ops import all_ops
from tests.oracles import table
from tests.oracles.table import DASH, EXEMPT, MISSING, PATH, PROPERTIES, cells

WORDS = {"yes", "mpmath", "nested loops", "Python", "order 2", DASH}


@pytest.mark.parametrize("op", all_ops(), ids=lambda op: op.name)
def test_no_cell_is_missing_and_the_document_says_so(op: type[Op]) -> None:
    row = cells(op)
    assert {name for name, cell in row.items() if cell == MISSING} == set()
    assert set(row.values()) <= WORDS
    line = f"| `{op.name}` | {' | '.join(row.values())} |"
    assert line in PATH.read_text(encoding="utf-8").splitlines(), "run python -m tests.oracles.table"


def test_the_document_has_nothing_else() -> None:
    rows = [line for line in PATH.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == len(all_ops())


def test_exemptions_are_of_operations_and_have_reasons() -> None:
    names = {op.name for op in all_ops()}
    assert {name for name, _ in EXEMPT} <= names
    assert {cell for _, cell in EXEMPT} <= set(PROPERTIES)
    assert all(EXEMPT.values())


def test_a_wrong_operation_leaves_a_cell_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorgraph.ops.reduction import Sum

    monkeypatch.setitem(table.REFERENCES, Sum, lambda op, x: x)
    assert table.value_oracle(Sum) == MISSING
