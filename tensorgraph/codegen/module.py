"""Saved modules: a compiled step as a file that imports NumPy and the standard library only."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.codegen.emit import state_nodes
from tensorgraph.files import atomic_write
from tensorgraph.ir.leaves import Constant, Placeholder, Variable
from tensorgraph.schedule.program import Program

__all__ = ["save_module"]

_RUNTIME = '''

INPUTS = {inputs}
STATE = {state}
UPDATED = {updated}


def init_state():
    """The state as it was when this file was written: a dict of arrays."""
    return load(Path(__file__).with_suffix(".npz")) if STATE else {{}}


def load(path):
    """Read a state that `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in STATE if name not in file.files]
        if missing:
            raise ValueError(f"{{path}} has no {{', '.join(missing)}}")
        return {{name: file[name] for name in STATE}}


def save(path, state):
    """Write the state to an npz file, which appears only when it is whole."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        np.savez(file, **state)
    part.replace(path)


def {name}(state, {arguments}):
    """Run once: gives the outputs, and writes the next values into `state`."""
    arrays = [np.asarray(a) for a in ({arguments})]
    sizes = {{}}
    for array, (label, dtype, shape) in zip(arrays, INPUTS, strict=True):
        if array.dtype != dtype or array.ndim != len(shape):
            raise ValueError(f"input {{label!r}} is {{dtype}}{{list(shape)}}, not {{array.dtype}}{{list(array.shape)}}")
        for size, actual in zip(shape, array.shape, strict=True):
            expected = sizes.setdefault(size, actual) if isinstance(size, str) and size.isidentifier() else size
            if isinstance(expected, int) and expected != actual:
                raise ValueError(f"input {{label!r}} is {{dtype}}{{list(shape)}}, not of shape {{list(array.shape)}}")
    with np.errstate(all="ignore"):
        outputs, values = compute(*arrays, [state[key] for key in STATE], buffers({sizes}))
    for key, value in zip(UPDATED, values, strict=True):
        state[key] = np.array(value)
    return {result}
'''


def save_module(program: Program, name: str, source: str, path: Path) -> None:
    """Write ``path`` and, if there is state, the npz file of the same name."""
    graph = program.graph
    nodes = state_nodes(graph)
    keys = [program.names[node] for node in nodes]
    inputs = [
        (node.op.label, node.type.dtype.name, tuple(n if isinstance(n, int) else str(n) for n in node.type.shape))
        for node in graph.inputs
        if isinstance(node.op, Placeholder)
    ]
    arguments = "".join(f"{program.names[node]}, " for node in graph.inputs).rstrip(" ")
    runtime = _RUNTIME.format(
        inputs=_listed(inputs),
        state=_listed(keys),
        updated=_listed([program.names[variable] for variable, _ in graph.updates]),
        name=name,
        arguments=arguments or "",
        sizes=_sizes_text(source),
        result="outputs[0]" if len(graph.outputs) == 1 else "outputs",
    )
    head = "\nimport numpy as np\n"
    text = source.replace(head, "\nfrom pathlib import Path\n" + head, 1) + runtime
    if nodes:
        values: dict[str, Any] = {}
        for key, node in zip(keys, nodes, strict=True):
            op = node.op
            values[key] = op.storage.value if isinstance(op, Variable) else op.value if isinstance(op, Constant) else None
        content = io.BytesIO()
        np.savez(content, **values)
        with atomic_write(path.with_suffix(".npz")) as file:
            file.write(content.getvalue())
    with atomic_write(path) as file:
        file.write(text.encode())


def _listed(items: list[Any]) -> str:
    return "[" + "".join(f"\n    {item!r}," for item in items) + ("\n]" if items else "]")


def _sizes_text(source: str) -> str:
    """Arguments of ``buffers`` in terms of the inputs: the same expressions that ``compute`` uses."""
    signature = source.split("def buffers(", 1)[1].split(")", 1)[0]
    names = [n.strip() for n in signature.split(",") if n.strip()]
    body = source.split("def compute(", 1)[1]
    found = []
    for n in names:
        line = next(line for line in body.splitlines() if line.startswith(f"    {n} = "))
        found.append(line.split(" = ", 1)[1])
    return ", ".join(found)
