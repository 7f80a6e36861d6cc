"""Conventions of the sources that no linter checks."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tensorgraph

ROOT = Path(__file__).parents[1]
MAX_LINES = 520
FOLDERS = ("tensorgraph", "tests", "examples", "docs", ".ci", ".github")
TEXT = {"", ".cfg", ".css", ".html", ".js", ".json", ".md", ".py", ".toml", ".yml"}
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|Users|root|work|opt)/\w|[A-Z]:\\+Users\\")
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b")


def sources() -> Iterator[Path]:
    """Every text file of the project, emitted kernels apart."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT)
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            parts = path.relative_to(ROOT).parts
            skipped = "__pycache__" in parts or ".venv" in parts or parts[:2] == ("tests", "golden")
            if not skipped and path.is_file() and path.suffix in TEXT:
                yield path


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


ALL = sorted(path for path in sources() if not path.name.startswith(".coverage"))
PYTHON = [path for path in ALL if path.suffix == ".py"]


def matches(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name(path)}:{number}: {line.strip()}"
        for path in ALL
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_files_are_short() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_annotations_are_not_evaluated() -> None:
    def has_import(path: Path) -> bool:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        return not body or any(
            isinstance(statement, ast.ImportFrom)
            and statement.module == "__future__"
            and any(alias.name == "annotations" for alias in statement.names)
            for statement in body
        )

    assert [name(path) for path in PYTHON if not has_import(path)] == []


def test_no_path_of_one_machine() -> None:
    assert matches(MACHINE_PATH) == []


def test_nothing_is_left_for_later() -> None:
    assert matches(UNFINISHED) == []


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert tensorgraph.__version__ == project["version"]


MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(ROOT / "tensorgraph")], "tensorgraph.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("module_name", MODULES)
def test_public_methods_have_docstrings(module_name: str) -> None:
    module = importlib.import_module(module_name)
    missing = [
        f"{cls.__qualname__}.{attribute}"
        for class_name, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module_name and not class_name.startswith("_")
        for attribute, value in vars(cls).items()
        if not attribute.startswith("_") and isinstance(value, (property, classmethod, staticmethod, type(name)))
        if not inspect.getdoc(getattr(cls, attribute))
    ]
    assert missing == []
