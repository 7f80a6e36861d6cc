"""Saved modules: a compiled step as a file that imports NumPy and the standard library only."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.codegen.emit import Module
from tensorgraph.codegen.helpers import Import, define
from tensorgraph.codegen.layout import broken, listed
from tensorgraph.codegen.runtime import arranged, borrow, checked, give_back, held, load_state, save_state
from tensorgraph.codegen.sizes import size_expressions, workspace_sizes
from tensorgraph.codegen.tidy import identifiers
from tensorgraph.codegen.workspace import state_layout
from tensorgraph.errors import CompileError
from tensorgraph.files import atomic_write
from tensorgraph.ir.dims import DimLike
from tensorgraph.ir.leaves import Constant, Placeholder, Storage, TurnedStorage, Variable
from tensorgraph.ir.node import Node
from tensorgraph.ir.tree import Tree
from tensorgraph.ir.types import Array
from tensorgraph.schedule.plan import MODULE_NAMES
from tensorgraph.schedule.program import Arena, Program

__all__ = ["save_module"]

RUNTIME = (arranged, borrow, checked, give_back, held, load_state, save_state)


def save_module(program: Program, name: str, module: Module, structure: Tree, path: Path) -> None:
    """Write ``path`` and, if there is state, the npz file of the same name.

    Raises
    ------
    CompileError
        If a user's function cannot stand in a file of its own, or a name means two things in it.
    """
    text = _text(program, name, module, structure)
    if path.suffix == ".npz":
        raise CompileError(f"{name}: cannot save to {path}: the state goes to the .npz file; give a name ending in .py")
    states = _states(program)
    if states:
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **states)
        with atomic_write(path.with_suffix(".npz")) as file:
            file.write(content.getvalue())
    with atomic_write(path) as file:
        file.write(text.encode())


def _states(program: Program) -> dict[str, Array]:
    """First values of the state, by name."""
    found = {}
    for node in _state_nodes(program):
        op = node.op
        assert isinstance(op, (Variable, Constant))
        found[program.names[node]] = np.array(_storage(op).value if isinstance(op, Variable) else op.value, order="C")
    return found


def _storage(op: Variable) -> Storage:
    """The storage as the user knows it."""
    return op.storage.of if isinstance(op.storage, TurnedStorage) else op.storage


def _is_turned(node: Node) -> bool:
    return isinstance(node.op, Variable) and isinstance(node.op.storage, TurnedStorage)


def _state_nodes(program: Program) -> list[Node]:
    """Variables, then constants too large to print."""
    graph = program.graph
    return [*graph.variables, *(n for n in graph.nodes if isinstance(n.op, Constant) and n.op.large)]


def _text(program: Program, name: str, module: Module, structure: Tree) -> str:
    for function, why in module.definitions.absent.items():
        raise CompileError(f"{name}: cannot save: {function} cannot stand in a file of its own: {why}")
    own = {"Path", *(function.__name__ for function in RUNTIME)}
    taken = frozenset(MODULE_NAMES) - {"os", "zipfile", *own}
    definitions = define({f.__name__: f for f in RUNTIME}, taken, module.definitions)
    for function, why in definitions.absent.items():  # a user's function has the name of one of them
        raise CompileError(f"{name}: cannot save: {function}: {why}; call that function something else")
    if name in {*MODULE_NAMES, *definitions.values, *definitions.imports, "np"}:
        raise CompileError(f"{name}: cannot save: the module calls something else {name!r}; compile with another name=")
    head = module.head([Import("pathlib", "Path", "Path")], definitions)
    return "\n".join([*head, *module.body, *_state_lines(program), *_step(program, name, structure)]) + "\n"


def _state_lines(program: Program) -> list[str]:
    """The functions that make, read and write states."""
    lines = []
    for node in _state_nodes(program):
        sizes = [str(n) for n in (node.type.shape[::-1] if _is_turned(node) else node.type.shape)]
        lines.append(f"    {program.names[node]!r}: ({node.type.dtype.name!r}, {listed(sizes)}),")
    layout = []
    for entry in state_layout(program):
        members = entry.members if isinstance(entry, Arena) else (entry,)
        names = [f"{program.names[node]}{'.T' if _is_turned(node) else ''}" for node in members]
        layout += broken(f"    {listed(list(map(repr, names)))},")
    first = 'load(Path(__file__).with_suffix(".npz"))' if lines else "{}"
    return [
        *["", "", *(["STATE = {", *_quoted(lines), "}"] if lines else ["STATE = {}"])],
        *(["ROWS = (", *_quoted(layout), ")  # what lies side by side"] if layout else ["ROWS = ()"]),
        "SPACES = {}  # workspaces that no call is using",
        *["", "", "def init_state():", '    """The state as it was when this file was written: arrays by name."""'],
        f"    return {first}",
        *["", "", "def load(path):", '    """Read a state that `save` wrote."""', "    return load_state(path, STATE)"],
        *["", "", "def save(path, state):", '    """Write a state; the file appears only when it is whole."""'],
        "    save_state(path, state, STATE)",
    ]


def _quoted(lines: list[str]) -> list[str]:
    return [line.replace("'", '"') for line in lines]


def _step(program: Program, name: str, structure: Tree) -> list[str]:
    """The function that a user calls."""
    names = program.names
    inputs = [node for node in program.graph.inputs if isinstance(node.op, Placeholder)]
    sizes = _sizes(program, inputs)
    lines = ["", "", *broken(f"def {name}{listed(['state', *(names[node] for node in inputs)], '(', ')')}:")]
    lines[2] = lines[2].replace("(state,):", "(state):")
    lines.append('    """Run once: gives the outputs, and puts the next values into the state."""')
    for node in inputs:
        lines += _check(node, names[node], {})
    again = []
    for node in inputs:
        own = [f"{names[node]}.shape[{axis}]" for axis in range(node.type.ndim)]
        plain = (isinstance(n, int) or sizes.get(str(n)) == text for n, text in zip(node.type.shape, own, strict=True))
        if not all(plain):
            again += _check(node, names[node], sizes)
    read = identifiers([*again, *workspace_sizes(program), *sizes.values()])
    lines += [f"    {symbol} = {text}" for symbol, text in sizes.items() if symbol in read]
    lines += again
    keys = listed([f"{names[node]}.shape" for node in inputs])
    call = f"compute({', '.join([*(names[node] for node in inputs), 'memory[1]'])})"
    given = ", ".join(["arrays", *workspace_sizes(program)])
    make = "workspace" if given == "arrays" else f"lambda arrays: workspace({given})"
    lines += [
        *broken(f"    spaces = SPACES.setdefault({keys}, {{}})"),
        '    with np.errstate(all="ignore"):',
        *broken(f"        memory = borrow(spaces, state, STATE, ROWS, {make})"),
        *broken(f"        outputs = {call}"),
        "    give_back(spaces, memory)",
    ]
    return [*lines, *broken(f"    return {_result(structure)}")]


def _sizes(program: Program, inputs: list[Node]) -> dict[str, str]:
    """Every size that can be told from the shapes of the inputs."""
    symbols = {s: None for node in inputs for n in node.type.shape if not isinstance(n, int) for s in n.symbols()}
    found: dict[str, str] = {}
    for symbol in symbols:
        try:
            found.update(size_expressions(program.graph, program.names, [symbol]))
        except CompileError:
            continue  # no statement reads it
    return found


def _check(node: Node, name: str, sizes: Mapping[str, Any]) -> list[str]:
    def size(n: DimLike) -> str:
        return str(n) if isinstance(n, int) or all(s in sizes for s in n.symbols()) else "None"

    assert isinstance(node.op, Placeholder)
    label = node.op.label.replace("\\", "\\\\").replace('"', '\\"')
    shape = listed([size(n) for n in node.type.shape])
    return broken(f'    {name} = checked("{label}", {name}, "{node.type.dtype.name}", {shape}, "{node.type}")')


def _result(structure: Tree) -> str:
    """The outputs in their structure."""
    if isinstance(structure, dict):
        return f"{{{', '.join(f'{key!r}: {_result(part)}' for key, part in structure.items())}}}"
    if isinstance(structure, list):
        return listed([_result(part) for part in structure], "[", "]")
    if isinstance(structure, tuple):
        return listed([_result(part) for part in structure])
    return "None" if structure is None else f"np.asarray(outputs[{structure}])"
