"""Statements of an op, run on arrays: their fields are filled with names, as the emitter does it."""

from __future__ import annotations

from collections.abc import Sequence
from string import Formatter
from typing import Any

import numpy as np

from tensorgraph.ir.op import Op, format_attribute
from tensorgraph.ir.types import Array, TensorType

BITS = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}


def dirty(kind: TensorType) -> Array:
    """Memory with something in it: NaN, where numbers are floating."""
    found = np.empty(kind.shape, kind.dtype)
    found.reshape(-1).view(np.uint8)[...] = 0xFF if kind.dtype != np.bool_ else 1
    return found


def ways_of(op: Op, arrays: Sequence[Array]) -> tuple[str, ...]:
    return op.statements([TensorType.of(a) for a in arrays], [None] * len(arrays))


class Prepared:
    """The statements, with all memory and all views of it made beforehand."""

    def __init__(self, op: Op, arrays: Sequence[Array], out: Array) -> None:
        types = [TensorType.of(a) for a in arrays]
        self.out = out
        self.names: dict[str, Any] = {"np": np, "out": out, **{h.__name__: h for h in op.helpers}}
        self.names |= {f"a{i}": a for i, a in enumerate(arrays)}
        self.names |= {f"s{i}": dirty(kind) for i, kind in enumerate(op.scratch(types))}
        texts = [self._filled(way, op, arrays) for way in ways_of(op, arrays)]
        self.code = compile("\n".join(texts), "<statements>", "exec")

    def run(self) -> Array:
        with np.errstate(all="ignore"):
            exec(self.code, self.names)
        return self.out

    def _filled(self, way: str, op: Op, arrays: Sequence[Array]) -> str:
        operands = [f"a{i}" for i in range(len(arrays))]
        parts = []
        for text, field, spec, _ in Formatter().parse(way):
            parts.append(text)
            if field is None:
                continue
            if field.startswith("="):
                parts.append(self._view(f"c{field[1:]}", np.array(float(field[1:])).astype(self.out.dtype)))
            elif field == "out":
                parts.append(self._seen("out", self.out, spec or "", arrays))
            elif field == "*":
                parts.append(", ".join(operands) + ",")
            elif field in self.names:
                parts.append(field)
            elif field.isdigit():
                parts.append(self._seen(operands[int(field)], np.asarray(arrays[int(field)]), spec or "", arrays))
            else:
                parts.append(format_attribute(getattr(op, field), operands, inside=spec == "items"))
        return "".join(parts)

    def _view(self, name: str, array: Array) -> str:
        self.names[name] = array
        return name

    def _seen(self, name: str, array: Array, how: str, arrays: Sequence[Array]) -> str:
        if how == "bits":
            return self._view(f"{name}_bits", array.view(BITS[array.dtype.itemsize]))
        return self._view(f"{name}_as0", array.reshape(np.shape(arrays[0]))) if how else name
