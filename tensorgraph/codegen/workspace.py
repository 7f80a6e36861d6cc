"""The function ``workspace``: memory, views of it, and the updates, made once and used by many calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tensorgraph.codegen.layout import broken, commented, listed
from tensorgraph.codegen.statements import Speller, view_text
from tensorgraph.codegen.tidy import identifiers
from tensorgraph.ir.dims import Dim, DimLike
from tensorgraph.ir.leaves import Constant, TurnedStorage, Variable
from tensorgraph.ir.names import is_literal
from tensorgraph.ir.node import Node
from tensorgraph.ir.text import spell
from tensorgraph.ir.types import TensorType
from tensorgraph.ops.linalg import Matmul
from tensorgraph.ops.shape import BroadcastTo
from tensorgraph.schedule.places import fixed_nodes
from tensorgraph.schedule.program import Arena, Part, Program, Ref, Step, Update

__all__ = [
    "Definition",
    "definitions",
    "direct_lines",
    "pruned",
    "state_layout",
    "update_lines",
    "written_by_one_call",
]


@dataclass(frozen=True, slots=True)
class Definition:
    """Lines that define a name."""

    name: str
    lines: Sequence[str]
    reads: frozenset[str] = field(default_factory=frozenset)


def _defined(name: str, code: str, comment: str = "") -> Definition:
    lines = commented(f"{name} = {code}", comment) if comment else broken(f"    {name} = {code}")
    return Definition(name, lines, frozenset(identifiers([code])))


def pruned(found: Sequence[Definition], needed: Iterable[str]) -> list[Definition]:
    """Only what is read, by others or by these."""
    wanted = set(needed)
    kept = []
    for definition in reversed(found):
        if definition.name in wanted:
            kept.append(definition)
            wanted |= definition.reads
    return kept[::-1]


def state_layout(program: Program) -> list[Arena | Node]:
    """What a workspace is made over: arenas, variables that stand alone, and constants too large to print."""
    arenas = [arena for update in program.updates for arena in update.state if len(arena.members) > 1]
    inside = {node for arena in arenas for node in arena.members}
    alone = [node for node in program.graph.nodes if _alone(node) and node not in inside]
    return [*arenas, *alone]


def _alone(node: Node) -> bool:
    return isinstance(node.op, Variable) or (isinstance(node.op, Constant) and node.op.large)


def definitions(program: Program, speller: Speller) -> list[Definition]:
    """Everything that a workspace may hold, in order."""
    found = []
    for entry in state_layout(program):
        if isinstance(entry, Arena):
            found += [
                _member(program, entry, node, at) for node, at in zip(entry.members, entry.offsets(), strict=True)
            ]
    for block in program.blocks:
        about = dict.fromkeys([block.cut.rows], "rows in a block") | {
            block.cut.lane: "in a lane, which one thread takes"
        }
        found += [_defined(name, text, about.get(name, "")) for name, text in block.cut.texts().items()]
    found += _memory(program)
    inside = {node: buffer.name for node, buffer in program.places.items()}
    names = {**program.names, **inside}
    multiplied = {source for s in program.statements if isinstance(s.node.op, Matmul) for source in s.node.inputs}
    fixed = fixed_nodes(program.graph)
    for node in program.bound:
        operands = [names.get(source, "") for source in node.inputs]
        plain = any(is_literal(source) for source in node.inputs) or not node.op.view
        code = spell(node, names) if plain else view_text(node, operands)
        if node in multiplied and node in fixed and isinstance(node.op, BroadcastTo):
            code = f"np.array({code})"  # BLAS would copy it in every call
        elif not node.type.ndim and not node.op.view and not code.startswith("np.asarray("):
            code = f"np.asarray({code})"  # NumPy takes an array of no axes in half the time of a number
        found.append(_defined(program.names[node], code, str(node.type)))
    if written_by_one_call(program):
        found += [_defined(name, code) for name, code in _rows(program, program.updates[0])]
    return [*found, *(_defined(name, code) for name, code in speller.views.items())]


def _member(program: Program, arena: Arena, node: Node, offset: int) -> Definition:
    end = offset + int(node.type.size) if isinstance(node.type.size, int) else offset
    code = f"{arena.name}[{offset}:{end}]"
    if node.type.ndim != 1:
        code += f".reshape({_listed(node.type)})"
    turned = isinstance(node.op, Variable) and isinstance(node.op.storage, TurnedStorage)
    return _defined(program.names[node], code, f"{node.type}{', stored transposed' if turned else ''}")


def _memory(program: Program) -> list[Definition]:
    """Pieces of the workspace, and the buffers in them."""
    common = [slot for slot in range(len(program.slots)) if slot not in program.own]
    own = sorted(program.own)
    places = {slot: f"pieces[{i}]" for i, slot in enumerate(common)}
    places |= {slot: f"piece[{i}]" for i, slot in enumerate(own)}
    carved = [f"carve({', '.join(_largest(program.slots[slot]) for slot in slots)})" for slots in (common, own)]
    threads = [block.cut.threads for block in program.blocks]
    count = threads[0] if len(threads) == 1 else f"max({', '.join(threads)})"
    found = [_defined("pieces", carved[0])] if common else []
    found += [_defined("own", f"[{carved[1]} for _ in range({count})]")] if own else []
    for buffer in program.buffers:
        kind = buffer.type
        if buffer.whole:
            code = f"{buffer.whole}[{buffer.offset}:{buffer.offset + kind.size}]"
            code += "" if kind.ndim == 1 else f".reshape({_listed(kind)})"
            found.append(_defined(buffer.name, code, str(kind)))
            continue
        made = f"np.ndarray({_listed(kind)}, np.{kind.dtype.name}, {places[buffer.slot]})"
        found.append(_defined(buffer.name, f"[{made} for piece in own]" if buffer.slot in program.own else made))
    return found


def _listed(kind: TensorType) -> str:
    return listed([str(n) for n in kind.shape])


def _largest(sizes: Sequence[DimLike]) -> str:
    """An expression for the largest of these."""
    numbers = [n for n in sizes if isinstance(n, int)]
    texts = [*([str(max(numbers))] if numbers else []), *(str(n) for n in sizes if isinstance(n, Dim))]
    return f"max({', '.join(texts)})" if len(texts) > 1 else texts[0]


# ---- updates


def written_by_one_call(program: Program) -> bool:
    """Whether a single call writes all state, after all others: then nothing can come in between."""
    if len(program.updates) != 1 or program.updates[0].size > program.updates[0].block:
        return False
    writes = [isinstance(step.out, Part) and step.out.role == "state" for step in program.updates[0].steps]
    return writes[-1:] == [True] and sum(writes) == 1


def update_lines(program: Program, speller: Speller) -> list[str]:
    """The lines that list the calls of all updates."""
    lines = ["", "    update = []"]
    for update in program.updates:
        lines += _update(program, update, speller) if update.steps else []
    return lines


def direct_lines(program: Program, speller: Speller) -> list[str]:
    """The lines that make the calls of an update, where one of them writes all state."""
    (update,) = program.updates
    calls = [call for step in update.steps for call in _spelled(step, _whole(update), speller)]
    return [_title(program, update), *(line for call in calls for line in broken(f"    {call}"))]


def _title(program: Program, update: Update) -> str:
    members = ", ".join(program.names[node] for node in update.state[0].members[:8])
    more = len(update.state[0].members) - 8
    count = "1 element" if update.size == 1 else f"{update.size} elements"
    return f"    # {count} of {members}{f' and {more} more' if more > 0 else ''}"


def _rows(program: Program, update: Update) -> list[tuple[str, str]]:
    """Variables that stand alone, seen as rows: names and code."""
    read = {ref for step in update.steps for ref in (*step.operands, step.out)}
    alone = [a for i, a in enumerate(update.state) if Part("state", i) in read and len(a.members) == 1]
    return [(arena.name, f"{program.names[arena.members[0]]}.reshape(-1)") for arena in alone]


def _whole(update: Update) -> dict[Ref, str]:
    """What the arenas are called."""
    texts: dict[Ref, str] = {Part("state", i): a.name for i, a in enumerate(update.state)}
    texts |= {Part("work", i): a.name for i, a in enumerate(update.work)}
    return texts | {Part("temp", i): b.name for i, b in enumerate(update.temps)}


def _update(program: Program, update: Update, speller: Speller) -> list[str]:
    lines = ["", _title(program, update)]
    flat = [line for name, code in _rows(program, update) for line in broken(f"    {name} = {code}")]
    if update.size <= update.block:
        return [*lines, *flat, *_calls(update, _whole(update), speller, "    ")]
    texts: dict[Ref, str] = {Part("state", i): f"{a.name}[part]" for i, a in enumerate(update.state)}
    texts |= {Part("work", i): f"{a.name}[part]" for i, a in enumerate(update.work)}
    texts |= {Part("temp", i): f"{b.name}_part" for i, b in enumerate(update.temps)}
    temps = [f"        {b.name}_part = {b.name}[: part.stop - start]" for b in update.temps]
    return [
        *lines,
        *flat,
        f"    for start in range(0, {update.size}, {update.block}):  # so much at a time stays in the cache",
        f"        part = slice(start, min(start + {update.block}, {update.size}))",
        *temps,
        *_calls(update, texts, speller, "        "),
    ]


def _calls(update: Update, texts: Mapping[Ref, str], speller: Speller, indent: str) -> list[str]:
    lines = [f"{indent}update += ["]
    for step in update.steps:
        for call in _spelled(step, texts, speller):
            function, _, arguments = call.partition("(")
            target, assigned, source = call.partition("[...] = ")
            if assigned:
                function, arguments = f"{target}.__setitem__", f"..., {source})"
            lines += broken(f"{indent}    partial({function}, {arguments},")
    return [*lines, f"{indent}]"]


def _spelled(step: Step, texts: Mapping[Ref, str], speller: Speller) -> list[str]:
    operands = [_text(ref, texts, speller) for ref in step.operands]
    kinds = [] if step.node is None else [source.types[0] for source in step.node.inputs]
    return list(speller.calls(step.node, operands, texts[step.out], kinds))


def _text(ref: Ref, texts: Mapping[Ref, str], speller: Speller) -> str:
    if isinstance(ref, Part):
        return texts[ref]
    return speller.update_operand(ref)
