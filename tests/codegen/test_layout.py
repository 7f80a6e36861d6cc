"""Long lines of emitted source."""

from __future__ import annotations

import ast

import pytest

from tensorgraph.codegen.layout import WIDTH, broken, commented, listed


@pytest.mark.parametrize("count", [1, 5, 30, 200])
@pytest.mark.parametrize("item", ["name", "'a, b'", "np.s_[1, (2, 3)]", "b', ('"])
def test_broken_lines_fit_and_mean_the_same(count: int, item: str) -> None:
    line = f"    result = call({', '.join([item] * count)}, key=[{', '.join(['1'] * count)}])"
    lines = broken(line)
    assert max(map(len, lines)) <= WIDTH
    assert ast.dump(ast.parse("if 1:\n" + "\n".join(lines))) == ast.dump(ast.parse("if 1:\n" + line))
    assert (len(lines) == 1) == (len(line) <= WIDTH)


def test_comments_go_above_where_they_are_too_long() -> None:
    assert commented("a = b", "float32[3]") == ["    a = b  # float32[3]"]
    assert commented("a = b", " ".join(["word"] * 30)) == [
        "    # " + " ".join(["word"] * 23),
        "    # " + " ".join(["word"] * 7),
        "    a = b",
    ]


def test_tuples() -> None:
    assert (listed([]), listed(["a"]), listed(["a", "b"]), listed(["a"], "[", "]")) == ("()", "(a,)", "(a, b)", "[a]")
