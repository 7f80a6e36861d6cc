"""Why some mutants survive: what they change is no mistake, or nothing that a result could show."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["REASONS", "reason"]

BLOCKS = "It changes how a batch is cut into blocks, and with it the memory and the time: the result is the same."
LINES = "It changes where a long line of the emitted source is broken."
INDICES = "The inputs from the third on are integers, of which the engine asks no derivative."
SHAPED = "A cotangent is brought to the shape and dtype of its operand by the engine, so either gives the same zeros."
# Patterns of `Mutant.key`, which names source, scope and edit, and the reason.
REASONS: Mapping[str, str] = {
    r"numerics/(conv|pool)\.py: (conv|pool)_blocks: .*1 << (21|16).*": BLOCKS,
    r"numerics/conv\.py: conv(_input_grad|_weight_grad)?: 8 \* o \* positions -> .*": BLOCKS,
    r"codegen/emit\.py: broken_comment: textwrap\.wrap\(text, 110\) -> .*": LINES,
    r"codegen/emit\.py: _unpacked: len\(line\) <= 120 -> .*": LINES,
    r"autodiff/rules\.py: RULES\[ix\.Index(Set|Add)\]: i < 2 -> \(i < 3\)": INDICES,
    r"autodiff/rules\.py: _zero: x -> \(g\)": SHAPED,
    r"autodiff/structural\.py: sign_adjoint: x -> \(g\):2": SHAPED,
}


def reason(key: str) -> str | None:
    """Why it survives; None if it should not."""
    return next((why for pattern, why in REASONS.items() if re.fullmatch(pattern, key)), None)
