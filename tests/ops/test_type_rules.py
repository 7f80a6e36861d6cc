"""A type rule accepts what can be computed, and says what comes out."""

from __future__ import annotations

import pytest

from tensorgraph.ops import all_ops
from tensorgraph.testing import SAMPLES
from tests.ops.type_rules import check_type_rule

# They take no operands, or keys, which have one type.
ONLY_THESE = {"arange"} | {op.name for op in all_ops() if op.name.startswith("random")}


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("op", [op for op in all_ops() if op in SAMPLES], ids=lambda op: op.name)
def test_what_is_accepted_has_the_type_that_is_stated(op: type) -> None:
    accepted = sum(check_type_rule(sample) for sample in SAMPLES[op])
    assert accepted or op.name in ONLY_THESE
