"""How much memory a program needs: `Footprint`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tensorgraph.errors import InputError
from tensorgraph.ir.dims import DimLike, evaluate_dim
from tensorgraph.ir.leaves import Variable
from tensorgraph.ir.names import symbols_of
from tensorgraph.ir.node import Node, Pick
from tensorgraph.ir.op import Op, resolve
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.meta import Barrier
from tensorgraph.schedule.memory import EXAMPLE
from tensorgraph.schedule.places import contiguous_nodes, is_view
from tensorgraph.schedule.program import Program, Statement

__all__ = ["Footprint", "nbytes", "temporaries"]

ALIGNMENT = 64  # bytes: pieces of a workspace begin at multiples of it


def nbytes(kind: TensorType, sizes: Mapping[str, int]) -> int:
    """The number of bytes of a value at these sizes."""
    return max(evaluate_dim(kind.nbytes, sizes), 0)


def temporaries(node: Node, sizes: Mapping[str, int]) -> int:
    """Bytes that the functions allocate by which a node is computed, beside its result."""
    if type(node.op).temporaries is Op.temporaries:
        return 0
    return resolve(node.op, sizes).temporaries([source.types[0].with_sizes(sizes) for source in node.inputs])


@dataclass(frozen=True)
class Footprint:
    """The memory that one call of a program needs, as it is planned; sizes are given by name.

    What users' functions allocate is not known, and left out.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> x = tg.placeholder(("batch", 1000), "float32", name="x")
    >>> kernel = tg.compile([x], tg.sum(tg.exp(tg.sin(x)), axis=1))
    >>> kernel.memory.peak(batch=32)
    128192
    >>> print(kernel.memory)
    where batch = 64
      workspace      256.1 kB  made once for these sizes
        piece 0      256.0 kB  m0 float32[batch, 1000]
      outputs          256 B   made in every call
      temporaries        0 B   at most at a time, made and freed in every call
      peak           256.3 kB  of a first call; state takes 0 B beside
    """

    program: Program = field(repr=False)

    def peak(self, **sizes: int) -> int:
        """The largest number of bytes of a first call at a time, beside its inputs and the state.

        Raises
        ------
        InputError
            If a size is missing or is none of the program's.
        """
        self._check(sizes)
        return self.workspace(**sizes) + self._fresh(sizes)

    def workspace(self, **sizes: int) -> int:
        """Bytes of the memory that is made once and kept for other calls with the same sizes."""
        self._check(sizes)
        program = self.program
        pieces = [-(-size // ALIGNMENT) * ALIGNMENT for size in self._pieces(sizes)]
        own, threads = sum(pieces[slot] for slot in program.own), program.threads(sizes)
        blocks = (ALIGNMENT if len(pieces) > len(program.own) else 0) + (threads * ALIGNMENT if own else 0)
        bound = [node for node in program.bound if not node.op.view]
        return sum(pieces) + own * (threads - 1) + blocks + sum(nbytes(node.type, sizes) for node in bound)

    def outputs(self, **sizes: int) -> int:
        """Bytes of the results."""
        self._check(sizes)
        return sum(nbytes(node.type, sizes) for node in self.program.graph.outputs)

    def temporaries(self, **sizes: int) -> int:
        """The most bytes at a time beside workspace and outputs: of values in fresh memory, and inside functions."""
        return max(self.peak(**sizes) - self.workspace(**sizes) - self.outputs(**sizes), 0)

    @property
    def state(self) -> int:
        """Bytes of the variables."""
        return sum(nbytes(node.type, {}) for node in self.program.graph.nodes if isinstance(node.op, Variable))

    def _pieces(self, sizes: Mapping[str, int]) -> list[int]:
        sizes = self.program.with_rows(sizes)
        return [max(0, *(evaluate_dim(n, sizes) for n in asked)) for asked in self.program.slots]

    def _fresh(self, sizes: Mapping[str, int]) -> int:
        """The most that a call allocates at a time."""
        contiguous = contiguous_nodes(self.program.graph)
        owners: dict[Node, tuple[Node, ...]] = {}  # in whose fresh memory a value lies
        names: dict[Node, int] = {}  # how many values lie in the memory of each
        held = peak = 0
        for statement in self.program.statements:
            node = statement.node
            own = statement.buffer is None and not _shares(statement, contiguous)
            takes = sum(nbytes(kind, sizes) for kind in node.types) if own else 0
            peak = max(peak, held + takes + (0 if statement.copied else temporaries(node, sizes)))
            held += takes
            if statement.buffer is None:
                shared = node.inputs if isinstance(node.op, Barrier) else node.inputs[:1]
                owners[node] = (node,) if own else tuple({o for s in shared for o in owners.get(_value(s), ())})
                for owner in owners[node]:
                    names[owner] = names.get(owner, 0) + 1
            for owner in (o for freed in statement.frees for o in owners.get(freed, ())):
                names[owner] -= 1
                held -= 0 if names[owner] else sum(nbytes(kind, sizes) for kind in owner.types)
        copies = sum(nbytes(node.type, sizes) for node in self.program.graph.outputs if node in self.program.copied)
        return max(peak, held + copies)

    def _check(self, sizes: Mapping[str, int]) -> None:
        wanted = symbols_of(self.program.graph)
        if set(sizes) != set(wanted):
            call = ", ".join(f"{symbol}={EXAMPLE}" for symbol in wanted)
            given = ", ".join(sizes) or "none"
            raise located(InputError(f"memory: the sizes are {', '.join(wanted) or 'all known'}, and {given} is given: "
                                     f"write peak({call})"))  # fmt: skip

    def __str__(self) -> str:
        symbols = symbols_of(self.program.graph)
        sizes = dict.fromkeys(symbols, EXAMPLE)
        rows = [("workspace", self.workspace(**sizes), "made once for these sizes")]
        for number, size in enumerate(self._pieces(sizes)):
            inside = ", ".join(f"{b.name} {b.type}" for b in self.program.buffers if b.slot == number)
            each = f", for each of {self.program.threads(sizes)} threads" if number in self.program.own else ""
            rows.append((f"  piece {number}", size, f"{inside}{each}"))
        rows.append(("outputs", self.outputs(**sizes), "made in every call"))
        beside = "at most at a time, made and freed in every call"
        rows.append(("temporaries", self.temporaries(**sizes), beside))
        rows.append(
            ("peak", self.peak(**sizes), f"of a first call; state takes {_readable(self.state).strip()} beside")
        )
        width = max(len(name) for name, _, _ in rows)
        lines = [f"where {', '.join(f'{s} = {EXAMPLE}' for s in symbols)}"] if symbols else []
        return "\n".join([*lines, *(f"  {name:{width}} {_readable(size):>11}  {text}" for name, size, text in rows)])


def _value(node: Node) -> Node:
    """The node that a result is picked from."""
    return node.inputs[0] if isinstance(node.op, Pick) else node


def _shares(statement: Statement, contiguous: set[Node]) -> bool:
    """Whether the value of a statement lies in memory that is there already."""
    op = statement.node.op
    return isinstance(op, Barrier) or (op.view and is_view(statement.node, contiguous))


def _readable(size: DimLike) -> str:
    """``1.5 kB``."""
    assert isinstance(size, int)
    amount = float(size)
    for unit in ("B ", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B " else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
