"""Small mistakes, made mechanically: every edit that an operator can make to a source."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["OPERATORS", "Edit", "edits"]


@dataclass(frozen=True)
class Edit:
    """One mistake.

    Attributes
    ----------
    line, operator
        Where it is, and what kind of mistake.
    scope
        The function, class or row of a table that it is in.
    before, after
        The expression or statement, and what stands there instead.
    start, stop
        The bytes of the source that are replaced.
    """

    line: int
    operator: str
    scope: str
    before: str
    after: str
    start: int
    stop: int

    def applied(self, source: str) -> str:
        """The source with the mistake."""
        raw = source.encode()
        return (raw[: self.start] + self.after.encode() + raw[self.stop :]).decode()


Change = Callable[[ast.expr], Iterator[ast.expr]]

# ---- operators on expressions


def sign(node: ast.expr) -> Iterator[ast.expr]:
    """``-x`` for ``x``; a sum for a difference."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield node.operand
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and not _text(node):
        yield ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)


def factor(node: ast.expr) -> Iterator[ast.expr]:
    """A constant factor one larger; a factor left out."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Mult, ast.Div, ast.FloorDiv)):
        return
    if _number(node.left):
        yield ast.BinOp(ast.Constant(node.left.value + 1), node.op, node.right)
    elif _number(node.right):
        yield ast.BinOp(node.left, node.op, ast.Constant(node.right.value + 1))
    elif not isinstance(node.left, (ast.Tuple, ast.List)):
        yield node.left


def off_by_one(node: ast.expr) -> Iterator[ast.expr]:
    """A number one larger, in sums, comparisons, indices, bounds and arguments."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and _number(node.right):
        yield ast.BinOp(node.left, node.op, ast.Constant(node.right.value + 1))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and _number(node.comparators[0]):
        yield ast.Compare(node.left, node.ops, [ast.Constant(node.comparators[0].value + 1)])
    if isinstance(node, ast.Subscript) and _number(node.slice):
        yield ast.Subscript(node.value, ast.Constant(node.slice.value + 1), node.ctx)
    if isinstance(node, ast.Call):
        for i, argument in enumerate(node.args):
            if _number(argument):
                arguments = [*node.args]
                arguments[i] = ast.Constant(argument.value + 1)
                yield ast.Call(node.func, arguments, node.keywords)


def axis(node: ast.expr) -> Iterator[ast.expr]:
    """Another axis; the axes kept or not."""
    if not isinstance(node, ast.Call):
        return
    for i, keyword in enumerate(node.keywords):
        value: ast.expr | None = None
        if keyword.arg == "axis" and _last(keyword.value):
            value = ast.Constant(0)
        elif keyword.arg == "axis" and _number(keyword.value):
            value = ast.Constant(keyword.value.value + 1)
        elif keyword.arg == "keepdims" and isinstance(keyword.value, ast.Constant):
            value = ast.Constant(not keyword.value.value)
        if value is not None:
            keywords = [*node.keywords]
            keywords[i] = ast.keyword(keyword.arg, value)
            yield ast.Call(node.func, node.args, keywords)
    for i, argument in enumerate(node.args):
        if _last(argument):
            yield ast.Call(node.func, [*node.args[:i], ast.Constant(0), *node.args[i + 1 :]], node.keywords)


def swap(node: ast.expr) -> Iterator[ast.expr]:
    """Two operands or arguments exchanged."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.FloorDiv, ast.Pow)):
        yield ast.BinOp(node.right, node.op, node.left)
    if isinstance(node, ast.Call):
        for i in range(len(node.args) - 1):
            one, two = node.args[i : i + 2]
            if _same_sort(one, two) and not isinstance(one, ast.Starred):
                yield ast.Call(node.func, [*node.args[:i], two, one, *node.args[i + 2 :]], node.keywords)
                return
        if _name(node.func) == "where" and len(node.args) == 3:
            yield ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], node.keywords)


COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def comparison(node: ast.expr) -> Iterator[ast.expr]:
    """A bound that belongs to the other side; a comparison turned round."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield ast.Compare(node.left, [COMPARISONS[type(node.ops[0])]()], node.comparators)


def logic(node: ast.expr) -> Iterator[ast.expr]:
    """Or for and; no negation; the other branch."""
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        yield ast.BinOp(node.left, ast.BitOr() if isinstance(node.op, ast.BitAnd) else ast.BitAnd(), node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        yield node.operand
    if isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)


MOVING = {"mT", "T"}
UNDOING = {"flip", "inverse", "moveaxis", "permute_dims", "reversed"}
NEEDED = {"abs", "argsort", "astype", "broadcast_to", "conj", "expand_dims", "imag", "real", "reshape", "sign", "sum",
          "restored", "_reduced", "_conformed", "_expanded", "_shifted", "max", "min", "frozenset",
          "sorted"}  # fmt: skip


def transposition(node: ast.expr) -> Iterator[ast.expr]:
    """A transposition, an inverse or a reversal left out."""
    if isinstance(node, ast.Attribute) and node.attr in MOVING:
        yield node.value
    if isinstance(node, ast.Call) and _name(node.func) in UNDOING and node.args:
        yield node.args[0]


def dropped(node: ast.expr) -> Iterator[ast.expr]:
    """A sum over a broadcast axis, a conjugate, a cast, a bound left out."""
    if isinstance(node, ast.Call) and _name(node.func) in NEEDED and node.args:
        positions = range(len(node.args)) if _name(node.func) in {"max", "min"} else range(1)
        for i in positions:
            value = node.args[i]
            if not isinstance(value, (ast.Starred, ast.GeneratorExp)):
                yield ast.Tuple([value], ast.Load()) if _name(node.func) == "frozenset" else value
    if isinstance(node, ast.Attribute) and node.attr == "size" and isinstance(node.value, ast.Name):
        yield ast.BinOp(node, ast.Add(), ast.Constant(1))


NEUTRAL = {"dilation": "(1,)", "stride": "(1,)", "padding": "((0, 0),)"}


def ignored(node: ast.expr) -> Iterator[ast.expr]:
    """Dilation, stride, padding or groups taken to be the usual ones."""
    word = _name(node)
    if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
        if word in NEUTRAL:
            yield ast.parse(f"{NEUTRAL[word]} * len({ast.unparse(node)})", mode="eval").body
        elif word in {"groups", "keepdims", "ceil_mode", "count_include_pad"}:
            yield ast.Constant(1 if word == "groups" else False)


PAIRS = (
    ("sin", "cos"), ("sinh", "cosh"), ("maximum", "minimum"), ("max", "min"), ("any", "all"), ("floor", "ceil"),
    ("ones", "zeros"), ("ones_like", "zeros_like"), ("conv_input", "conv_weights"), ("Squeeze", "ExpandDims"),
    ("cumulative_sum", "cumulative_prod"), ("digamma", "sigmoid"), ("log", "exp"), ("append", "extend"),
    ("isinf", "isnan"), ("MaxPoolGrad", "MaxPoolSelect"), ("add", "discard"),
)  # fmt: skip
PARTNER = {**dict(PAIRS), **{b: a for a, b in PAIRS}}


def function(node: ast.expr) -> Iterator[ast.expr]:
    """A function's sibling in its place."""
    if isinstance(node, ast.Call) and _name(node.func) in PARTNER:
        other = PARTNER[_name(node.func)]
        known = isinstance(node.func, ast.Name)
        func = ast.Name(other) if known else ast.Attribute(node.func.value, other)
        yield ast.Call(func, node.args, node.keywords)


GROUPS = (("a", "b"), ("low", "high"), ("g", "u", "x", "w", "y", "t"), ("start", "stop"), ("source", "target"),
          ("first", "last"),
          ("stride", "dilation"), ("s", "d"), ("rows", "numbers"), ("n", "k"), ("left", "right"))  # fmt: skip


def operand(node: ast.expr, known: Sequence[str] = ()) -> Iterator[ast.expr]:
    """Another variable of the same function."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        others = [name for group in GROUPS if node.id in group for name in group if name in known and name != node.id]
        yield from (ast.Name(name) for name in others[:1])


def buffer(node: ast.expr) -> Iterator[ast.expr]:
    """What is taken stays there to be taken again; a set that forgets."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "pop" and not node.args:
            yield ast.Subscript(node.func.value, ast.Constant(-1), ast.Load())
        elif node.func.attr == "pop":
            yield ast.Subscript(node.func.value, node.args[0], ast.Load())
        elif node.func.attr in {"get", "setdefault"} and len(node.args) == 2:
            yield node.args[1]
        elif node.func.attr == "union":
            yield node.func.value


OPERATORS: dict[str, Change] = {
    "sign": sign, "factor": factor, "off_by_one": off_by_one, "axis": axis, "swap": swap, "comparison": comparison,
    "logic": logic, "transposition": transposition, "dropped": dropped, "ignored": ignored, "function": function,
    "buffer": buffer,
}  # fmt: skip


def _number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _last(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and _number(node.operand)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _same_sort(one: ast.expr, two: ast.expr) -> bool:
    return any(_name(one) in group and _name(two) in group and _name(one) != _name(two) for group in GROUPS)


def _text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, (ast.List, ast.Tuple, ast.JoinedStr)) or _string(side) for side in (node.left, node.right)
    )


def _string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


# ---- statements


def _statements(node: ast.stmt) -> Iterator[tuple[str, ast.stmt | None]]:
    """A call left out; an assignment for an accumulation; a condition turned round."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "left_out", ast.Pass()
    if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.Mult, ast.Div)):
        yield "left_out", ast.Assign([node.target], node.value, lineno=0)


def _promises(node: ast.FunctionDef) -> Iterator[tuple[ast.expr, ast.expr]]:
    """A law that promises more than it keeps: no units in the last place, or a stronger tier."""
    for decorator in node.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if isinstance(keyword.value, ast.Constant):
                if keyword.arg == "ulp" and keyword.value.value:
                    yield keyword.value, ast.Constant(0)
                if keyword.arg == "tier" and keyword.value.value in STRONGER:
                    yield keyword.value, ast.Constant(STRONGER[keyword.value.value])


STRONGER = {"rounded": "exact", "stable": "exact", "reals": "stable"}

# ---- all edits of a source

SKIPPED = (ast.Raise, ast.Assert, ast.Import, ast.ImportFrom, ast.AnnAssign, ast.JoinedStr)


class _Finder:
    """Walks a module in the order of its text."""

    def __init__(self, source: str, wanted: Callable[[str], bool]) -> None:
        self.lines = [0]
        for line in source.encode().splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))
        self.wanted = wanted
        self.found: list[Edit] = []
        self.made: Counter[tuple[int, str]] = Counter()
        self.known: list[str] = []  # variables of the function

    def walk(self, node: ast.AST, scope: str) -> None:
        if isinstance(node, SKIPPED) and not (isinstance(node, ast.AnnAssign) and _table(node)):
            return
        inside = _scope(node, scope)
        if isinstance(node, ast.Dict) and scope == "RULES":
            for key, value in zip(node.keys, node.values, strict=True):
                self.walk(value, f"RULES[{ast.unparse(key)}]" if key else scope)
            return
        outer = self.known
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            self.known = [a.arg for a in ast.walk(node) if isinstance(a, ast.arg)] + _assigned(node)
        if inside and self.wanted(inside):
            self.make(node, inside)
        for child in _children(node):
            self.walk(child, inside)
        self.known = outer

    def make(self, node: ast.AST, scope: str) -> None:
        if isinstance(node, ast.stmt):
            for name, other in _statements(node):
                self.add(node, other, name, scope)
        if isinstance(node, (ast.If, ast.While)) and not isinstance(node.test, ast.Compare):
            self.add(node.test, ast.UnaryOp(ast.Not(), node.test), "logic", scope)
        if isinstance(node, ast.FunctionDef):
            for value, other in _promises(node):
                self.add(value, other, "promise", scope)
        if isinstance(node, ast.expr):
            for name, change in OPERATORS.items():
                for other in change(node):
                    self.add(node, other, name, scope)
            for other in operand(node, self.known):
                self.add(node, other, "operand", scope)

    def add(self, node: ast.AST, other: ast.AST | None, operator: str, scope: str) -> None:
        start = self.lines[node.lineno - 1] + node.col_offset
        stop = self.lines[node.end_lineno - 1] + node.end_col_offset
        before, after = ast.unparse(node), ast.unparse(ast.fix_missing_locations(other))
        if isinstance(node, ast.expr):
            after = f"({after})"
        place = node.lineno, operator
        most = 2 if scope.startswith("RULES") or operator == "promise" else 1
        if self.made[place] < most and after.strip("()") != before.strip("()"):
            self.made[place] += 1
            self.found.append(Edit(node.lineno, operator, scope, before, after, start, stop))


def _table(node: ast.AnnAssign) -> bool:
    return isinstance(node.target, ast.Name) and node.target.id == "RULES"


def _scope(node: ast.AST, scope: str) -> str:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return f"{scope}.{node.name}".lstrip(".")
    if isinstance(node, ast.AnnAssign) and _table(node):
        return "RULES"
    return scope


def _assigned(node: ast.AST) -> list[str]:
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What can be wrong: no annotations, decorators, defaults and docstrings."""
    if isinstance(node, ast.FunctionDef):
        yield from node.body
    elif isinstance(node, ast.ClassDef):
        yield from (child for child in node.body if isinstance(child, (ast.FunctionDef, ast.ClassDef)))
    elif isinstance(node, ast.AnnAssign):
        assert node.value is not None
        yield node.value
    elif isinstance(node, ast.Lambda):
        yield node.body
    else:
        yield from ast.iter_child_nodes(node)


def edits(source: str, wanted: Callable[[str], bool] = lambda scope: True) -> list[Edit]:
    """Edits inside the scopes that are wanted, in the order of the text: one of a kind in a line, two in a rule."""
    finder = _Finder(source, wanted)
    finder.walk(ast.parse(source), "")
    return sorted(finder.found, key=lambda e: (e.line, e.start, e.stop))
