"""Running an emitted program on a state of its own, and looking at every value on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgraph.codegen.emit import emit
from tensorgraph.codegen.load import failed_at, loaded
from tensorgraph.codegen.runtime import carve
from tensorgraph.codegen.sizes import workspace_sizes
from tensorgraph.codegen.workspace import state_layout
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node
from tensorgraph.ir.types import Array
from tensorgraph.schedule.program import Arena, Program

__all__ = ["Watched", "watched"]


@dataclass(frozen=True, slots=True)
class Watched:
    """What a run of an emitted program gave.

    Attributes
    ----------
    values
        Per statement that computes, its node and copies of its results; None for one that is not read.
    outputs
        The outputs.
    state
        Every variable after the run.
    failure, at
        What a statement raised, if one did, and its node: what comes after it is missing.
    """

    values: list[tuple[Node, list[Array | None]]]
    outputs: list[Array]
    state: dict[Node, Array]
    failure: Exception | None = None
    at: Node | None = None


def watched(
    program: Program,
    name: str,
    inputs: Sequence[Array],
    state: Mapping[Node, Array],
    sizes: Mapping[str, int],
    *,
    whole: bool = False,
) -> Watched:
    """Run what `emit` makes of a program.

    Parameters
    ----------
    program, name
        What to run.
    inputs
        One array per input.
    state
        The value of every variable; the kernel's own state is not touched.
    sizes
        The size of every symbol.
    whole
        Run the program as it is, and look at nothing on the way.
    """
    computing = iter([s.node for s in program.statements if not s.copied])
    values: list[tuple[Node, list[Array | None]]] = []

    def watch(*results: Any) -> None:
        values.append((next(computing), [None if value is None else np.array(value) for value in results]))

    module = emit(program, name, locations=False, probe=None if whole else "watch")
    given = {**module.functions, "watch": watch, "np_empty": _spoilt, "carve": _spoilt_pieces}
    filename, space = loaded(f"{name} watched", module.source, given)
    rows = [_row(entry, state) for entry in state_layout(program)]
    try:
        with np.errstate(all="ignore"):
            memory = space["workspace"](rows, **{symbol: sizes[symbol] for symbol in workspace_sizes(program)})
            outputs = space["compute"](*inputs, memory)
    except Exception as error:
        return Watched(values, [], {}, error, failed_at(error, filename, module))
    return Watched(values, [np.asarray(output) for output in outputs], _state(program, rows))


def _spoilt(shape: Any, dtype: Any) -> Array:
    """New memory that holds no right value by chance: NaN, -1."""
    array = np.empty(shape, dtype)
    array.reshape(-1).view(np.uint8).fill(255)
    return array


def _spoilt_pieces(*sizes: int) -> list[Array]:
    pieces: list[Array] = carve(*sizes)
    for piece in pieces:
        piece.fill(255)
    return pieces


def _row(entry: Arena | Node, state: Mapping[Node, Array]) -> Array:
    if isinstance(entry, Arena):
        return np.concatenate([state[node].reshape(-1) for node in entry.members])
    return np.asarray(entry.op.value, order="C") if isinstance(entry.op, Constant) else np.array(state[entry])


def _state(program: Program, rows: Sequence[Array]) -> dict[Node, Array]:
    found: dict[Node, Array] = {}
    for entry, row in zip(state_layout(program), rows, strict=True):
        if isinstance(entry, Arena):
            cut = np.split(row, entry.offsets()[1:])
            parts = zip(entry.members, cut, strict=True)
            found |= {node: part.reshape([int(str(n)) for n in node.type.shape]) for node, part in parts}
        else:
            found[entry] = row
    return found
