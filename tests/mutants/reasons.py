"""Why some mutants survive: what they change is no mistake, or nothing that a result could show."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["REASONS", "reason"]

BLOCKS = "It changes how a batch is cut into blocks, and with it the memory and the time: the result is the same."
LINES = "It changes where a long line of the emitted source is broken."
INDICES = "The inputs from the third on are integers, of which the engine asks no derivative."
SHAPED = "A cotangent is brought to the shape and dtype of its operand by the engine, so either gives the same zeros."
LIKE = "Shape and dtype are those of the operand either way: the engine gives a cotangent the type of its result."
SIZES = "Either has this size."
EQUAL = "The two are compared, too: of equal numbers one is infinite if the other is."
NOBODY = "It divides what nobody receives: no row is the extreme of an empty segment."
DOUBLING = "One doubling more: there is no row so far away, and nothing is multiplied."
OVERWRITTEN = "The next window overwrites what is written too far, and after the last there is nothing."
ZERO = "It adds or subtracts zero to find the dtype; integers have no negative zero."
SYMMETRIC = "Its two arguments count alike."
EMPTY = "An empty range is left out or does nothing, whichever way it is empty."
CUT = "What is too many is cut off by the next lines."
PATHS = "It chooses between two ways to the same result, which are fast for other sizes."
COUNTED = "Only the number of spatial axes is read of it."
SAME = "The shapes have just been compared: they are equal."
FROM_END = "The index counts from the end of the window, then, and names the same element."
UNREAD = "Only places that were written are read again."
ENDS = "A slice ends where its array does."
BORDER = "At the border both forms are right."
INFINITE = "It is added to an infinite result, which it does not change."
ELEMENTS = "Where there are results the input has elements, so the size is at least 1."
MASKED = "What stands in the place of rows that are not taken is multiplied by 0."
WALK = "It spares a walk below the arguments, to nodes through which no derivative flows."
UNUSED = "What stands there is not taken: it only has to be in the domain."
NORM = "The divisor is the length of a vector of which this is a part: if it is 0, so is the part."
SUMMED = "The terms of a series are added in another order: its last bits may differ."
TRUTH = "A sum of truth values is 0 where all of them are false, whatever its dtype."
ALIKE = "The two have just been compared: they have the same dtype."
POSITIVE = "No step of a slice is 0: Python refuses it."
GIVEN = "Its callers give cotangents of the type of their node already."
WORDS = "Numbers have at most 8 bytes or 16."
DIVIDED = "The two ways differ only where zero is divided by, and neither has a number there."
ROOM = "It leaves more room at the end of a row of memory, or of numbers."
READ = "Every value in it is read later, which replaces this."
NEGATIVE = "A negative size at the example is taken for none by what follows."
UNPLACED = "The memory of this value is an argument: its piece of the workspace is not looked at."
LINE = "A size is read that nothing spells: a line more."
RANK = "It ranks operands by an estimate: what comes of it is taken only where it needs less memory than other orders."
EXAMPLE = "It is part of an example that a law is tried on: another number does as well."
NEXT = "What is done is taken from the list in the next turn."
MEMORY = "It keeps what is not read again: a matter of memory."
COLONS = "What is not said of the last axes is taken whole."
UFUNC = "The NumPy function calls the same after looking at its arguments."
BETWEEN = "No integers have a number of bits between those that this tells apart."
PLACED = "The reshape that follows puts the axes of size 1 where they belong, and another law makes it part of the sum."
IN_ORDER = "A set of a few small integers is in their order."
SUBNORMAL = "Powers of two below the normal numbers are exact, too, where the processor does not take them for zero."
MORE = "It keeps more than it promises with this NumPy, which computes both sides alike."
NO_SUM = "A sum along an axis of one element is none any more: another law comes first."
NEGATED = "Numbers that are only compared with each other are all of the other sign."
FILTER = "It lets more through than need be: what follows looks at all of it."
ORDER = "They are gone through in another order, and each becomes the same."
SAVED = "No order can save as much as is asked for, then: it only spares the search."
ROW = "A row that is not too long is shorter than that by itself."
CASTS = "It changes how many numbers are cast at a time: the time, and not the numbers."
TENTH = "An estimate that is held to a tenth of what is measured is off by less."
ASKING = "It waits by asking again and again."
TWICE = "It is copied again where it is used: here, while no other call is halfway through a step."
RAISED = "It is raised to the size of what is put there."
SCALAR = "What has no axes is no operand of a product of vectors."
ALONE = "One alone is united with nothing."
ROLE = "What lies side by side has one role: all of it is trained, or nothing is."
LETTERS = "The parts of a text are joined, whether they are words or letters."
# Patterns of `Mutant.key`, which names source, scope and edit, and the reason.
REASONS: Mapping[str, str] = {
    r"numerics/(conv|pool)\.py: (conv|pool)_blocks: .*1 << (21|16).* -> (?!\(min).*": BLOCKS,
    r"numerics/conv\.py: conv(_\w+_grad)?: (8 \* o|c \* taps|groups \* depth) \* positions -> .*": BLOCKS,
    r"codegen/emit\.py: broken_comment: textwrap\.wrap\(text, 110\) -> .*": LINES,
    r"codegen/emit\.py: _summary: textwrap\.wrap\(.*, 110\) -> .*, 111\)\)": LINES,
    r"codegen/state\.py: _gather: array\.size -> \(array\.size \+ 1\)": ROOM,
    r"codegen/state\.py: _gather: ALIGNMENT // dtype\.itemsize -> \(ALIGNMENT\)": ROOM,
    r"schedule/blocks\.py: _row_bytes: dict\.fromkeys\(values, 0\) -> .*": READ,
    r"schedule/memory\.py: Pool\._at_example: max\(.*, 0\) -> \(evaluate_dim.*": NEGATIVE,
    r"laws/scalars\.py: _mean: .*": EXAMPLE,
    r"laws/scatter\.py: _added_in_row: expand_dims\(.*": EXAMPLE,
    r"codegen/loops\.py: block_function: Buffer\(.*, -1\) -> .*": UNPLACED,
    r"codegen/sizes\.py: read_sizes: not s\.copied and s\.block is None -> \(not s\.copied or .*": LINE,
    r"schedule/order\.py: _deep_first: (held \+= work\.takes\[j\]|max\(needs\[i\], held .*) -> .*": RANK,
    r"laws/products\.py: _many_rows: kind\.ndim > 1 -> \(kind\.ndim >= 1\)": ROW,
    r"codegen/team\.py: together: news\.acquire\(\) -> pass": ASKING,
    r"codegen/workspace\.py: _update: update\.size <= update\.block -> .* < .*": BORDER,
    r"laws/products\.py: sum_of_products_in_rows: vecdot\(x, y\) -> .*": SYMMETRIC,
    r"codegen/kernel\.py: Kernel\.profile: array\.copy\(\) if .*": TWICE,
    r"codegen/team\.py: serve: np\.setbufsize\(CASTING\) -> pass": CASTS,
    r"autodiff/engine\.py: pull_back: len\(given\) > 1 -> \(len\(given\) >= 1\)": ALONE,
    r"schedule/updates\.py: _wish: all\(\(isinstance\(op, Variable\) .*": ROLE,
    r"codegen/statements\.py: Speller\._filled: parts\.append\((.*)\) -> \(parts\.extend\(\1\)\)": LETTERS,
    r"laws/products\.py: _same_rows: (a\.ndim > 0 -> .*|a -> \(b\))": SCALAR,
    r"schedule/updates\.py: _ordered: stack\.pop\(\) -> .*:2": NEXT,
    r"schedule/memory\.py: Pool\._slot: self\._largest\.append\(0\) -> .*": RAISED,
    r"schedule/footprint\.py: nbytes: max\(.*, 0\) -> \(max\(.*, 1\)\)": TENTH,
    r"schedule/footprint\.py: Footprint\.workspace: .*ALIGNMENT.*": TENTH,
    r"passes/simplify\.py: _Work\.done: waiting\.pop\(\) -> .*:2": NEXT,
    r"codegen/emit\.py: _unpacked: len\(line\) <= 120 -> .*": LINES,
    r"autodiff/rules\.py: RULES\[ix\.Index(Set|Add)\]: i < 2 -> \(i (< 3|<= 2)\)": INDICES,
    r"autodiff/rules\.py: _zero: x -> \(g\)": SHAPED,
    r"autodiff/structural\.py: sign_adjoint: x -> \(g\):2": SHAPED,
    r"autodiff/structural\.py: (sign_adjoint: x -> \(g\)|extreme_adjoint: g -> \(x\))": LIKE,
    r"autodiff/library\.py: segment_extreme_adjoint: g -> \(x\)": LIKE,
    r"autodiff/library\.py: (cumulative_prod_adjoint|segment_prod_adjoint): x -> \(g\):2": SIZES,
    r"autodiff/structural\.py: (difference: a -> \(b\)|softmax_weights: x -> \(y\))": EQUAL,
    r"autodiff/library\.py: segment_extreme_adjoint: where\(count == 0, 1, count\) -> .*": NOBODY,
    r"autodiff/library\.py: _running: full\(\(1, \*rows\.shape\[1:\]\), 1, .*": UNUSED,
    r"autodiff/structural\.py: softmax_weights: x -> \(y\):2": LIKE,
    r"autodiff/structural\.py: power_by_base: a -> \(b\)": SHAPED,
    r"autodiff/structural\.py: power_by_exponent: a -> \(b\)": DIVIDED,
    r"autodiff/engine\.py: pull_back: found\.pop\(node\) -> .*": MEMORY,
    r"autodiff/rules\.py: RULES\[t\.Atan2\]: hypot\(a, b\) -> \(hypot\(b, a\)\)(:2)?": SYMMETRIC,
    r"autodiff/library\.py: _running: step < size -> \(step <= size\)": DOUBLING,
    r"numerics/adaptive_pool\.py: adaptive_max_indices: i \+ 1 -> \(i \+ 2\)": OVERWRITTEN,
    r"numerics/adaptive_pool\.py: adaptive_max_indices: stop -> \(start\)": FROM_END,
    r"autodiff/structural\.py: written: full\(g\.shape, -1\) -> .*": UNREAD,
    r"autodiff/library\.py: _recurrence: rest > 0 -> \(rest >= 0\)": EMPTY,
    r"autodiff/library\.py: _together: rows -> \(numbers\)": SIZES,
    r"autodiff/library\.py: segment_extreme_adjoint: x -> \(g\):2": SIZES,
    r"numerics/adaptive_pool\.py: adaptive_max_pool_grad: x -> \(g\):2": SIZES,
    r"numerics/adaptive_pool\.py: adaptive_max_pool_select: x -> \(t\):2": SAME,
    r"numerics/conv\.py: conv\w*: np\.result_type\(\w, \w\) -> \(np\.result_type\(.*": SYMMETRIC,
    r"ops/conv\.py: \w+\.infer: self\.check\(\w, \w\) -> .*": SYMMETRIC,
    r"numerics/pool\.py: max_pool_select: x -> \(t\)(:[23])?": SAME,
    r"numerics/pool\.py: max_pool_grad: x -> \(g\):2": BLOCKS,
    r"autodiff/engine\.py: _mask_below: astype\(mask, np\.float32\) -> \(mask\)": TRUTH,
    r"autodiff/engine\.py: pull_back: _conformed\(value, node\) -> \(value\)": GIVEN,
    r"ops/indexing\.py: slice_length: step > 0 -> \(step >= 0\)": POSITIVE,
    r"autodiff/structural\.py: ratio: b -> \(a\)": NORM,
    r"autodiff/engine\.py: pull_back: frozenset\(wrt\) -> .*": WALK,
    r"autodiff/structural\.py: softmax_weights: where\(count == 0, 1, count\) -> .*": UNUSED,
    r"numerics/basic\.py: sinc_derivative: np\.where\(near, (1\.0, z|z, 0\.0)\) -> .*": UNUSED,
    r"numerics/basic\.py: sinc_derivative: reversed\(.*": SUMMED,
    r"autodiff/library\.py: _spread: x -> \(g\)": SIZES,
    r"autodiff/library\.py: _spread: g -> \(x\)": LIKE,
    r"numerics/basic\.py: sinc_derivative: 0\.25 \* order -> .*": BORDER,
    r"autodiff/engine\.py: _by_rule: where\(any_\(mask, k, keepdims=True\), x, 0\) -> .*, x, 1\)\)": MASKED,
    r"numerics/segment\.py: segment_starts: ids\[1:\] < ids\[:-1\] -> \(ids\[1:\] <= ids\[:-1\]\)": PATHS,
    r"numerics/conv\.py: (conv_input_grad|fold): max\(size \+ a \+ b, 0\) -> .*": ELEMENTS,
    r"numerics/pool\.py: pool_taps: max\(last \* s \+ shift, 0\) -> .*": EMPTY,
    r"numerics/pool\.py: pool_blocks: min\(start \+ step, shape\[0\]\) -> \(start \+ step\)": ENDS,
    r"numerics/segment\.py: segment_reduce: step < counts\.max\(\) -> .*": DOUBLING,
    r"numerics/basic\.py: sinc_derivative: np\.abs\(z\) < .* -> \(np\.abs\(z\) <= .*": BORDER,
    r"numerics/basic\.py: logsumexp: np\.zeros_like\(top\) -> .*": INFINITE,
    r"numerics/basic\.py: (sigmoid|softplus): x \+ np\.float16\(0\) -> .*": ZERO,
    r"ops/linalg\.py: matmul_dtype: np\.result_type\(a, b\) -> .*": SYMMETRIC,
    r"autodiff/structural\.py: spread: broadcast_to\(restored\(n, g\), x\.shape\) -> .*": SHAPED,
    r"numerics/pool\.py: pool_taps: all\(\(part\.start < part\.stop .* -> \(any\(.*": EMPTY,
    r"numerics/pool\.py: pool_keep: values\.dtype\.itemsize > 8 -> .*": WORDS,
    r"numerics/pool\.py: pool_taps: max\(min\(.* -> \(min\(.*": EMPTY,
    r"numerics/pool\.py: pool_taps: (part\.start < part\.stop -> .*|target -> \(source\):2)": EMPTY,
    r"numerics/segment\.py: segment_starts: ids\.size -> .*": CUT,
    r"numerics/segment\.py: segment_reduce: (values\[0\]\.size < 32|16 \* starts\.size)( or .*)? -> .*": PATHS,
    r"numerics/segment\.py: segment_reduce: order\.size -> \(order\.size \+ 1\)": PATHS,
    r"numerics/conv\.py: (conv: groups -> \(1\):2|conv_input_grad: groups -> \(1\):3)": PATHS,
    r"ops/conv\.py: _Convolution\.check: self\.stride -> .*": COUNTED,
    r"ops/shape\.py: Pad\.statements: types\[0\]\.ndim - axis - 1 -> .*": COLONS,
    r"ops/reduction\.py: Reduction\.statements: self\.ufunc is None -> .*": UFUNC,
    r"ops/indexing\.py: IndexAdd\.statements: not self\.distinct and .* -> \(not self\.distinct or .*": PATHS,
    r"laws/structure\.py: _holds: int\(np\.finfo\(wide\)\.nmant\) \+ 1 -> \(.* (\+ 2|- 1)\)": BETWEEN,
    r"laws/structure\.py: _holds: narrow\.itemsize \* 8( - .*)? -> \(narrow\.itemsize \* (9|8 \+ .*)\)": BETWEEN,
    r"laws/structure\.py: _holds: narrow\.itemsize \* 8 - .* <= digits -> \(.* < digits\)": BETWEEN,
    r"laws/structure\.py: _merged: outer_op\.keepdims( and inner_op\.keepdims)? -> .*": PLACED,
    r"laws/structure\.py: _merged: sorted\(.*\) -> .*": IN_ORDER,
    r"laws/structure\.py: sum_of_broadcast: count > 2 \*\* .* -> \(count >= .*": BORDER,
    r"laws/structure\.py: _composed: slice\(0, 0\) -> \(slice\(1, 0\)\)": EMPTY,
    r"laws/algebra\.py: div_power_of_two: min\(.*\) -> \(max\(.*": SUBNORMAL,
    r"laws/powers\.py: power_(two|minus_one): 'stable' -> \('exact'\)": MORE,
    r"laws/stability\.py: one_over_one_plus_exp: 'stable' -> \('exact'\)": MORE,
    r"laws/stability\.py: log_one_minus_exp: x > -math\.log\(2\) -> \(x >= .*": BORDER,
    r"laws/stability\.py: _may_be_empty: x\.type\.shape\[a\] > 0 -> \(.* > 1\)": NO_SUM,
    r"laws/scatter\.py: _place_of_long: node\.type\.ndim - k -> \(k - node\.type\.ndim\)": NEGATED,
    r"ops/linalg\.py: _plain: a -> \(b\)": ALIKE,
    r"passes/simplify\.py: _Work\.done: reversed\((roots|pending)\) -> .*": ORDER,
    r"schedule/order\.py: orders: own <= LEAST -> \(own < LEAST\)": SAVED,
    r"schedule/order\.py: _tidy: max\(\[.*\]\) > LITTLE -> \(.* >= LITTLE\)": BORDER,
    r"ops/pool\.py: (Adaptive)?MaxPoolSelect\.infer: x -> \(t\):2": SAME,
}


def reason(key: str) -> str | None:
    """Why it survives; None if it should not."""
    return next((why for pattern, why in REASONS.items() if re.fullmatch(pattern, key)), None)
