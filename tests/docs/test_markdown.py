"""The Python in the documents runs.

The blocks of a file run in order, in one module and a directory of their own. A block below
``<!-- no-run: reason -->`` is left out.
"""

from __future__ import annotations

import re
import sys
import textwrap
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md") if (ROOT / name).is_file()),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r" *(?P<ticks>`{3,})(?P<language>\w*)[^`]*$")
NO_RUN = re.compile(r"\s*<!-- no-run: .*\S.* -->\s*")


@dataclass(frozen=True)
class Block:
    """A fenced block to run, and the number of the line where its code begins."""

    line: int
    code: str


def blocks(text: str) -> list[Block]:
    """Find the Python blocks that are to run."""
    found: list[Block] = []
    lines = text.splitlines()
    before = ""  # the last line that was not blank
    start = 0
    while start < len(lines):
        opening = FENCE.match(lines[start])
        end = start
        if opening:
            closing = re.compile(rf" *{opening['ticks']}`*\s*")
            end = next((i for i in range(start + 1, len(lines)) if closing.fullmatch(lines[i])), len(lines))
            if opening["language"] == "python" and not NO_RUN.fullmatch(before):
                found.append(Block(start + 2, textwrap.dedent("\n".join(lines[start + 1 : end]))))
        before = lines[start] if lines[start].strip() else before
        start = end + 1
    return found


def run(path: Path, name: str, module: ModuleType) -> None:
    """Run the blocks of one document; a failure names the document and the line."""
    for block in blocks(path.read_text(encoding="utf-8")):
        line = block.line
        try:
            # Blank lines ahead give the code the line numbers of the document.
            code = compile("\n" * (block.line - 1) + block.code, str(path), "exec", dont_inherit=True)
            exec(code, module.__dict__)
        except Exception as error:
            stack = traceback.extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in stack if frame.filename == str(path)]
            if isinstance(error, SyntaxError) and error.filename == str(path):
                lines.append(error.lineno)
            line = next((number for number in reversed(lines) if number), line)
            raise AssertionError(f"{name}:{line}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_document(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("document")
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "document", module)  # dataclasses and pickle look it up there
    monkeypatch.chdir(tmp_path)
    run(path, path.relative_to(ROOT).as_posix(), module)


TEXT = """\
```python
a = 1
```

<!-- no-run: needs the network -->

```python
a = 2
```

````markdown
```python
a = 3
```
````

- item

  ```python
  assert a == 1
  b = 1 / 0
  ```
"""


def test_blocks() -> None:
    assert blocks(TEXT) == [Block(2, "a = 1"), Block(20, "assert a == 1\nb = 1 / 0")]


def test_failure_names_document_and_line(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(AssertionError, match=r"^page\.md:21: ZeroDivisionError: division by zero$"):
        run(path, "page.md", ModuleType("document"))


def test_syntax_error_names_document_and_line(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("Text.\n\n```python\na = 1\nb = = 2\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"^page\.md:5: SyntaxError: "):
        run(path, "page.md", ModuleType("document"))
