"""``python -m tests.rewrite.table`` writes docs/laws.md: the tiers, and every law with its own."""

from __future__ import annotations

from pathlib import Path

from tensorgraph.rewrite import EVERY, Law
from tensorgraph.rewrite.law import TIERS
from tensorgraph.rewrite.laws import MODULES

PATH = Path(__file__).parents[2] / "docs" / "laws.md"

HEAD = '''# Laws

Written by `python -m tests.rewrite.table`.

`compile` replaces parts of a graph by others that equal them, as long as it finds any. What it may do is stated as
*laws*. Each law names its tier: what it promises of the numbers that come out.

{tiers}

One test holds every law to its tier, at ordinary and at hostile values (zeros of both signs, infinities, NaN,
denormals, the largest numbers), for every dtype and for operands of several, with broadcasting and symbolic sizes.
"The true value" is that of the formula on real numbers, by mpmath.
Units are units in the last place of the result; *of 1* means: or of 1.0,
where the result is smaller; *per term* means: of the sum of the magnitudes of all terms, once for each term, which is
the measure for sums, since their terms may cancel. *Stable* and *rounded* laws may change the sign of a zero.

Laws that are marked *late* are used when no other applies any more. They say how to compute what others know by its
form: `log(sum(exp(x)))` would not be known again when the sum has become a product.

No law hides a NaN that the mathematics has: `x / x` at 0, `x - x` and `0 * x` at infinity stay.

```python
import numpy as np
import tensorgraph as tg

x = tg.placeholder(("n",), "float64", name="x")
naive = tg.compile(x, tg.log(1 + tg.exp(x)))
naive([1000.0, -1000.0])  # array([1000., 0.]): softplus, where exp(1000) overflows
naive.stages[3].laws  # the laws that were used, and how often
assert [law.name for law in naive.stages[3].laws] == ["log_one_plus", "log1p_exp"]
```

Laws of tier *reals* are used only where you say so: sums are then factored and constants gathered, and
`log(exp(x))` is `x` even where `exp(x)` overflows.

```python
same = tg.compile(x, tg.log(tg.exp(x)))
fast = tg.compile(x, tg.log(tg.exp(x)), fast_math=True)
assert same([1000.0]) == np.inf
assert fast([1000.0]) == 1000.0
```

`tg.jit(f, fast_math=True)` does the same for a function.

A law is a small function whose parameters are pattern variables and whose docstring is the law; one that looks at
attributes is a function of a node. They are in `tensorgraph/rewrite/laws`:

```python
from tensorgraph.rewrite import law
from tensorgraph.rewrite.law import Sides


@law
def abs_of_negative(x: tg.Tensor) -> Sides:
    """abs(-x) = abs(x)"""
    return abs(-x), abs(x)


assert abs_of_negative.apply(abs(-x).node).op.name == "abs"
```

How a whole compiled program is held to the tiers of the laws used on it is in `tensorgraph/rewrite/tiers.py`:
the same bits where only exact laws were used, else no farther from an evaluation in higher precision than the
interpreter is, by more than rounding can do, which is measured by moving every rounded result of the original.
'''


def units(law: Law) -> str:
    """How far it may be off."""
    if law.tier not in ("rounded", "stable"):
        return ""
    return f"{law.ulp:g}{' per term' if law.per_term else ''}{f' of {law.of:g}' if law.of else ''}"


def cell(statement: str) -> str:
    """The equation as code, and in brackets or behind a comma what is to be said of it."""
    return statement.replace("|", "\\|").replace("*", "\\*")


def tier(law: Law) -> str:
    """Its tier, and whether it comes late."""
    return f"{law.tier}, late" if law.late else law.tier


def text() -> str:
    """The document."""
    tiers = "\n".join(f"- *{name}*: {meaning}." for name, meaning in TIERS.items())
    parts = [HEAD.replace("{tiers}", tiers)]
    for module in MODULES:
        name = module.__name__.rpartition(".")[2]
        first = (module.__doc__ or "").strip().splitlines()[0]
        parts.append(f"\n## {name.capitalize()}\n\n{first}\n\n| law | | tier | units |\n|---|---|---|---|")
        of_module = [law for law in EVERY if law in vars(module).values()]
        parts += [f"| `{law.name}` | {cell(law.statement)} | {tier(law)} | {units(law)} |" for law in of_module]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
