"""Every law is held to its tier, and a law that promises too much is found out."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import settings

import tensorgraph as tg
from tensorgraph.array.tensor import Tensor
from tensorgraph.ir.node import Node
from tensorgraph.ops import reduction as r
from tensorgraph.passes.simplify import simplify
from tensorgraph.rewrite import EVERY, Law, Sample, law, node_law
from tensorgraph.rewrite.law import TIERS, Pattern, Sides, Tier
from tests.rewrite.table import PATH, text
from tests.rewrite.tiers import applies, broken, large, many, met, refuted

PROFILE = settings().max_examples


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_law(one: Law) -> None:
    assert refuted(one, examples=max(PROFILE, 60)) is None


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_law_of_operands_of_several_dtypes(one: Law) -> None:
    assert refuted(one, examples=2 * max(PROFILE, 60), mixed=True) is None


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_applies_to_its_samples(one: Law) -> None:
    assert one.samples
    assert all(applies(one, sample) for sample in one.samples)


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_law_on_samples_of_others(one: Law) -> None:
    """It keeps its promise, too, where it applies although the sample is about another."""
    pairs = [(other, s) for other in EVERY if other is not one for s in other.samples if met(one, other, s)]
    assert not pairs or refuted(one, max(PROFILE, 60), pairs) is None


SUMS = [one for one in EVERY if {*one.kinds} & {"f", "d"} and (one.per_term or r.Sum in one.roots)]


@pytest.mark.parametrize("one", SUMS, ids=lambda one: one.name)
def test_law_of_sums_on_large_matrices(one: Law) -> None:
    """Their sums are added in other orders."""
    cases = [large(one, sample) for sample in one.samples if not any(s.startswith("i:") for s in sample.shapes)]
    assert [broken(one, case) for case in cases if case is not None] == [None] * len(cases)


def test_laws_are_named_and_stated() -> None:
    assert len({one.name for one in EVERY}) == len(EVERY)
    assert len({one.statement for one in EVERY}) == len(EVERY)
    assert all("=" in one.statement and one.tier in TIERS for one in EVERY)


POWERS = ("power_", "integer_power_")
EQUATIONS = [one for one in EVERY if isinstance(one.rewrite, Pattern) or one.name.startswith(POWERS)]


LOST = pytest.mark.xfail(strict=True, reason="sigmoid is 0 where exp(-x) is too large: below the normal numbers")
ROUNDED = [one for one in EQUATIONS if "f" in one.kinds and one.tier != "reals"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "one",
    [pytest.param(one, id=one.name, marks=LOST if one.name == "exp_over_one_plus_exp" else ()) for one in ROUNDED],
)
def test_equation_on_many_numbers(one: Law, dtype: str) -> None:
    """So many that some are rounded as badly as can be."""
    case = many(one, dtype, 500)
    assert case is not None
    assert broken(one, case) is None


class Negations(ast.NodeTransformer):
    """Python's ``not``, which gives no tensor, as a function."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        function = ast.Name("logical_not", ast.Load())
        return ast.Call(function, [node.operand], []) if isinstance(node.op, ast.Not) else node


NAMES = {**vars(tg), "max": tg.maximum, "min": tg.minimum}
REMARK = r", for (constants|a constant)|(?P<case>,? (for|of) .*)|:.*| \((the|integers|without) .*| \(integers\)"
EQUATION = re.compile(rf"(?P<left>.+?) = (?P<right>.+?)({REMARK})?")


OF_CONSTANTS = [
    one for one in EVERY if one.name in {"neg_times_constant", "neg_of_constant_times", "divide_by_constant",
                                        "constants_added", "sum_of_multiple"}
]  # fmt: skip


@pytest.mark.parametrize("one", [*EQUATIONS, *OF_CONSTANTS], ids=lambda one: one.name)
def test_a_law_does_what_it_says(one: Law) -> None:
    """Its statement, read as a program, uses it, and both sides become the same, unless it speaks of some numbers."""
    found = EQUATION.fullmatch(one.statement)
    assert found is not None
    dtype = {"b": "bool", "i": "int64", "u": "int64", "f": "float64"}[one.kinds[-1]]
    constants: dict[str, Tensor] = {}
    known = {name: tg.placeholder((3,), "bool" if name == "c" else dtype, name=name) for name in "cxyz"}
    if one in OF_CONSTANTS:
        known, constants = (
            {"x": tg.placeholder((3,), "float64", name="x")},
            {"b": tg.asarray(0.3), "c": tg.asarray(0.7)},
        )
    made = []
    for side in ("left", "right"):
        tree = ast.fix_missing_locations(Negations().visit(ast.parse(found[side], mode="eval")))
        value = tg.asarray(eval(compile(tree, one.name, "eval"), NAMES, {**known, **constants}))
        graph = tg.Graph([x.node for x in known.values()], [value.node])
        made.append(simplify(graph, fast_math=one.tier == "reals"))
    left, right = made
    assert one in left.laws
    assert left.graph == right.graph or found["case"]


def test_the_document_lists_them() -> None:
    assert PATH.read_text(encoding="utf-8") == text(), "run python -m tests.rewrite.table"


def wrong(left_and_right, tier: Tier, ulp: float = 0) -> Law:
    def sides(x: Tensor, y: Tensor) -> Sides:
        """wrong = law"""
        return left_and_right(x, y)

    return law(tier=tier, ulp=ulp)(sides)


WRONG = {
    "x + 0 is not exact": wrong(lambda x, y: (x + y * 0 + 0, x + y * 0), "exact"),
    "neither is 0 - x": wrong(lambda x, y: (0 - (x - y), -(x - y)), "exact"),
    "x / x at 0": wrong(lambda x, y: (x / x * y, y), "stable"),
    "x - x at infinity": wrong(lambda x, y: (x - x + y, y), "stable"),
    "0 * x at infinity": wrong(lambda x, y: (0 * x + y, y), "stable"),
    "log(exp(x)) overflows": wrong(lambda x, y: (x + y, tg.log(tg.exp(x + y))), "stable"),
    "x * y / y": wrong(lambda x, y: (x * y / y, x), "exact"),
    "reassociation": wrong(lambda x, y: ((x + y) + 1, x + (y + 1)), "stable", 4),
    "1 / (1 / x)": wrong(lambda x, y: (1 / (1 / (x * y)), x * y), "exact"),
    "a constant": wrong(lambda x, y: (x * y * 2, x * y * 2.0000002), "rounded", 1),
    "naive softplus": wrong(lambda x, y: (tg.softplus(x * y), tg.log(1 + tg.exp(x * y))), "stable", 4),
    "max of nan": wrong(lambda x, y: (tg.maximum(x, y), tg.where(x > y, x, y)), "exact"),
    "not less": wrong(lambda x, y: (tg.logical_not(x < y), x >= y), "exact"),
    "not even on real numbers": wrong(lambda x, y: (tg.exp(x) * y, tg.exp(y) * x), "reals"),
}


@pytest.mark.parametrize("name", WRONG)
def test_finds_wrong_laws(name: str) -> None:
    found = refuted(WRONG[name], examples=3000)
    assert found is not None
    assert "wrong = law" in found


@node_law(r.Sum, samples=[Sample(lambda x: tg.sum(3 * x, axis=1), ("m n",))], tier="stable", ulp=2)
def factored(node: Node) -> Tensor | None:
    """sum(3 * x) = 3 * sum(x): the terms may cancel before or after they are rounded"""
    return tg.sum(Tensor(node.inputs[0].inputs[1]), axis=node.op.axis) * 3


@node_law(r.Sum, samples=[Sample(lambda x: tg.sum(x, axis=1), ("m n",))], tier="exact")
def backwards(node: Node) -> Tensor | None:
    """sum(x) = sum(x, backwards): another order"""
    return tg.sum(tg.flip(Tensor(node.inputs[0]), axis=1), axis=node.op.axis)


@pytest.mark.parametrize("one", [factored, backwards], ids=lambda one: one.name)
def test_finds_wrong_laws_on_sums(one: Law) -> None:
    assert refuted(one, examples=2000) is not None
