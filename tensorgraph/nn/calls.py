"""What happens while a model is called: scopes open, and state updates gather until the outermost call ends.

A layer that is called twice in one model must see the state that its first call left. So layers do not hang
their updates on their own nodes: the outermost call collects them, each variable's newest value, and hangs
them on its results. What goes through one outermost call is one training step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tensorgraph.array.leaves import Parameter
from tensorgraph.array.tensor import Tensor
from tensorgraph.errors import InputError
from tensorgraph.ir import scope
from tensorgraph.ir.node import Node
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import flatten_tree, unflatten_tree

if TYPE_CHECKING:
    from tensorgraph.nn.module import Module

__all__ = ["current", "invoke", "observed", "record"]


class _Run:
    """One outermost call."""

    def __init__(self) -> None:
        self.paths: dict[int, str] = {}
        self.open: list[str] = []
        self.updates: dict[Node, Node] = {}

    def enter(self, module: Module) -> str:
        """Open the module's path; returns the part of it that is not open yet."""
        if id(module) not in self.paths:  # the outermost one, or one that is in no attribute of those above it
            for path, inner in module.named_modules():
                self.paths.setdefault(id(inner), path)
            module.name_parameters()
        path = self.paths[id(module)]
        outer = self.open[-1] if self.open else ""
        self.open.append(path)
        if path == outer or not path:
            return ""
        if not outer or path.startswith(f"{outer}."):
            return path[len(outer) + 1 :] if outer else path
        return path.rpartition(".")[2]  # shared with another part of the model


_run: ContextVar[_Run | None] = ContextVar("tensorgraph_nn_run", default=None)
_observer: ContextVar[list[tuple[Module, Any]] | None] = ContextVar("tensorgraph_nn_observer", default=None)


def invoke(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a module's ``forward`` under its scope; the outermost call carries the state updates."""
    outer = _run.get()
    run = _Run() if outer is None else outer
    token = _run.set(run) if outer is None else None
    try:
        part = run.enter(module)
        try:
            with ExitStack() as stack:
                if part:
                    stack.enter_context(scope(part.replace(".", "/")))
                result = module.forward(*args, **kwargs)
        finally:
            run.open.pop()
    finally:
        if token is not None:
            _run.reset(token)
            module.name_parameters()  # some may be new
    seen = _observer.get()
    if seen is not None:
        seen.append((module, result))
    return _carrying(module, result, run.updates) if outer is None and run.updates else result


def _carrying(module: Module, result: Any, updates: dict[Node, Node]) -> Any:
    """The result, whose tensors record the updates."""
    leaves, structure = flatten_tree(result)
    if not any(map(_carries, leaves)):
        message = f"{type(module).__name__}: the result has no computed tensor, so its state updates would be lost"
        raise located(InputError(f"{message}: return a tensor, or tuples, lists and dicts of them"))
    pairs = tuple(updates.items())
    changed = [Tensor(leaf.node.with_effects(pairs)) if _carries(leaf) else leaf for leaf in leaves]
    return unflatten_tree(structure, changed)


def _carries(leaf: Any) -> bool:
    """Whether effects can hang here: a leaf of the graph is known by its identity, so it must stay as it is."""
    return isinstance(leaf, Tensor) and not leaf.node.op.leaf


def current(parameter: Parameter) -> Tensor:
    """The value of a piece of state now: what this call's earlier updates left, else what is stored."""
    run = _run.get()
    newer = None if run is None else run.updates.get(parameter.node)
    return parameter if newer is None else Tensor(newer)


def record(module: Module, parameter: Parameter, value: Tensor) -> None:
    """Have the graph that is being recorded write `value` into `parameter`."""
    run = _run.get()
    if run is None:
        message = f"{type(module).__name__}: state is updated while the module is called"
        raise located(InputError(f"{message}: call it, not its forward"))
    if value.node.type != parameter.node.type:
        message = f"{type(module).__name__}: {parameter.name!r} is {parameter.node.type} and its next value is"
        raise located(InputError(f"{message} {value.node.type}: cast or reshape it"))
    run.updates[parameter.node] = value.node


@contextmanager
def observed() -> Iterator[list[tuple[Module, Any]]]:
    """A list that fills with every module called and its result."""
    seen: list[tuple[Module, Any]] = []
    token = _observer.set(seen)
    try:
        yield seen
    finally:
        _observer.reset(token)
