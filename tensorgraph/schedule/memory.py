"""Which results share memory.

A result lives until the last statement that reads it or a view of it. Then its piece of the workspace is free for
another: the smallest free piece that is large enough, or the largest one, which grows; but no small result keeps
a large piece from those that need it. Where sizes are not known yet, pieces are compared at an example size; whatever
the sizes then are, a piece is as large as the largest of what was put into it.

Threads that share a loop compute blocks of the same values at the same time. So the pieces for values of which only
a block is kept are there once for each thread, and nothing else takes them.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from tensorgraph.ir.dims import DimLike, dim_key, evaluate_dim
from tensorgraph.ir.names import Namer
from tensorgraph.ir.types import TensorType
from tensorgraph.schedule.program import Arena, Buffer

__all__ = ["EXAMPLE", "Pool"]

WASTE = 8  # how many times as large as a result its piece may be
PAGE = 4096  # bytes: up to this a piece serves any result
EXAMPLE = 64  # what an unknown size is taken to be where sizes are compared

Entry: TypeAlias = "tuple[int, int]"


class Pool:
    """Pieces of a workspace, and which of them are free."""

    def __init__(self, symbols: Iterable[str], namer: Namer) -> None:
        self.buffers: list[Buffer] = []
        self._sizes: list[dict[DimLike, None]] = []
        self._largest: list[int] = []
        self._own: set[int] = set()
        # By whether every thread has one of its own: size at the example, piece.
        self._free: dict[bool, list[Entry]] = {False: [], True: []}
        self._known: dict[object, Buffer] = {}
        self._namer = namer
        self._example = dict.fromkeys(symbols, EXAMPLE)

    def know(self, sizes: Mapping[str, int]) -> None:
        """More sizes to compare by."""
        self._example.update(sizes)

    @property
    def slots(self) -> tuple[tuple[DimLike, ...], ...]:
        """The numbers of bytes asked of each piece."""
        return tuple(tuple(sizes) for sizes in self._sizes)

    @property
    def own(self) -> frozenset[int]:
        """The pieces that every thread has for itself."""
        return frozenset(self._own)

    def take(self, kind: TensorType, prefer: Sequence[Buffer] = (), *, own: bool = False) -> Buffer:
        """Memory for a value, one for every thread if it is its `own`; one of the free buffers in `prefer` if any."""
        free = self._free[own]
        wished = [entry for b in prefer if _holds(free, entry := (self._largest[b.slot], b.slot))]
        return self._buffer(kind, self._slot(kind.nbytes, own, wished[0] if wished else None))

    def free(self, buffer: Buffer) -> None:
        """Give a buffer's piece back."""
        insort(self._free[buffer.slot in self._own], (self._largest[buffer.slot], buffer.slot))

    def arena(self, arena: Arena, names: Sequence[str], types: Sequence[TensorType]) -> list[Buffer]:
        """Memory for values side by side: one buffer each, with names to wish for."""
        row = TensorType(arena.dtype, (arena.size,))
        whole = Buffer(arena.name, row, self._slot(row.nbytes, False, None))
        self.buffers.append(whole)
        return self.parts(whole, types, arena.offsets(), names)

    def parts(
        self, whole: Buffer, types: Sequence[TensorType], offsets: Sequence[DimLike], names: Sequence[str] = ()
    ) -> list[Buffer]:
        """Parts of a row, so many elements after its beginning."""
        found = []
        for i, (kind, offset) in enumerate(zip(types, offsets, strict=True)):
            key = whole.name, kind.key(), dim_key(offset)
            if key not in self._known:
                name = self._namer(names[i] if names else f"{whole.name}_{i}")
                self._known[key] = made = Buffer(name, kind, whole.slot, whole.name, offset)
                self.buffers.append(made)
            found.append(self._known[key])
        return found

    def _slot(self, nbytes: DimLike, own: bool, wished: Entry | None) -> int:
        """A free piece, or a new one, that is made as large as this."""
        free = self._free[own]
        wanted = self._at_example(nbytes)
        if wished is None and free:
            best = free[min(bisect_left(free, (wanted, -1)), len(free) - 1)]
            wished = best if best[0] <= max(WASTE * wanted, PAGE) else None
        if wished is None:
            slot = len(self._sizes)
            self._sizes.append({})
            self._largest.append(0)
            self._own |= {slot} if own else set()
        else:
            del free[bisect_left(free, wished)]
            slot = wished[1]
        self._sizes[slot][nbytes] = None
        self._largest[slot] = max(self._largest[slot], wanted)
        return slot

    def _buffer(self, kind: TensorType, slot: int) -> Buffer:
        key = slot, kind.key()
        if key not in self._known:
            self._known[key] = made = Buffer(self._name(), kind, slot)
            self.buffers.append(made)
        return self._known[key]

    def _at_example(self, nbytes: DimLike) -> int:
        return nbytes if isinstance(nbytes, int) else max(evaluate_dim(nbytes, self._example), 0)

    def _name(self) -> str:
        return self._namer(f"m{len(self.buffers)}")


def _holds(free: list[Entry], entry: Entry) -> bool:
    at = bisect_left(free, entry)
    return at < len(free) and free[at] == entry
