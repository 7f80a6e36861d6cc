"""Check a function or a model that is known by name only: what ``tensorgraph check`` does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tensorgraph.array.leaves import placeholder
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.errors import DTypeError, InputError, ShapeError, TensorGraphError
from tensorgraph.ir.node import substitute, topological
from tensorgraph.ir.provenance import located
from tensorgraph.ir.tree import flatten_tree, unflatten_tree
from tensorgraph.ir.types import TensorType
from tensorgraph.nn.module import Module
from tensorgraph.testing.definition import at_definition
from tensorgraph.testing.determinism import called
from tensorgraph.testing.gradients import check_gradients
from tensorgraph.testing.properties import argument_strategies, smooth

__all__ = ["CheckReport", "check_target"]

GUESSES = ((), (3,), (2, 3), (3, 3), (2, 3, 4), (2, 3, 6, 6))


@dataclass(frozen=True)
class CheckReport:
    """What was checked.

    Attributes
    ----------
    name
        Of the function or model.
    arguments
        What the arguments were: names and types.
    examples
        How many times it was checked, each time at other values.
    ops
        Operations in its graph.
    order
        Of the highest derivative.
    """

    name: str
    arguments: tuple[str, ...]
    examples: int
    ops: tuple[str, ...]
    order: int

    def __str__(self) -> str:
        return "\n".join([
            f"{self.name}: the gradients are right",
            f"  arguments: {', '.join(self.arguments)}",
            f"  operations: {', '.join(self.ops) or 'not known'}",
            f"  checked at {self.examples} points, to order {self.order}, in reverse and forward mode",
        ])  # fmt: skip


def check_target(
    target: Any, name: str, types: Sequence[str] = (), *, order: int = 2, examples: int = 10, number: int = 0
) -> CheckReport:
    """Check the gradients of a function, a test made by `gradient_test`, or a Module, at drawn values.

    Parameters
    ----------
    target
        What to check. A Module is checked with respect to its inputs and its parameters; a Module class is
        made without arguments.
    name
        What the report calls it.
    types
        Of its arguments, such as ``"float64[n, 3]"``; by default from annotations, else small shapes are tried.
    order
        Of the highest derivative.
    examples
        How many points.
    number
        Seed.

    Raises
    ------
    GradientMismatch
        If a gradient is wrong.
    InputError
        If the target is none, or its arguments cannot be found out.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> print(check_target(lambda x: tg.sum(tg.tanh(x)), "f", ["float64[3]"], examples=2))
    f: the gradients are right
      arguments: x float64[3]
      operations: sum, tanh
      checked at 2 points, to order 2, in reverse and forward mode
    """
    if isinstance(target, type) and issubclass(target, Module):
        target = _made(target, name)
    if not callable(target):
        message = f"check: {name} is a {type(target).__name__}: name a function, a Module, or a test of gradient_test"
        raise located(InputError(message))
    function, arguments = at_definition(target, lambda: _arguments(target, name, types))
    points: list[dict[str, Any]] = []

    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(values=arguments)
    def run(values: dict[str, Any]) -> None:
        points.append(values)
        at_definition(target, lambda: check_gradients(function, *values.values(), order=order))

    run()
    shown = tuple(f"{k} {TensorType.of(np.asarray(v))}" for k, v in points[-1].items())
    return CheckReport(name, shown, len(points), _ops(function, points[-1]), order)


def _made(cls: type[Module], name: str) -> Module:
    try:
        return cls()
    except TypeError as error:
        message = f"check: {name} cannot be made without arguments ({error}): name an instance of it"
        raise located(InputError(message)) from None


def _arguments(target: Any, name: str, types: Sequence[str]) -> tuple[Callable[..., Any], st.SearchStrategy[Any]]:
    if isinstance(target, Module):
        return _of_module(target, name, [TensorType.parse(t) for t in types])
    if hasattr(target, "arguments") and hasattr(target, "function") and not types:
        return target.function, target.arguments
    function: Callable[..., Any] = getattr(target, "function", target)
    names = [k for k, p in _parameters(function, name) if p.default is p.empty]
    if types:
        if len(types) != len(names):
            raise located(InputError(f"check: {name} takes {len(names)} arguments, and {len(types)} types are given"))
        chosen = {key: _typed(text) for key, text in zip(names, types, strict=True)}
        return function, _drawn(chosen)
    annotated = [p.annotation is not p.empty for _, p in _parameters(function, name) if p.default is p.empty]
    if not names or any(annotated):
        return function, argument_strategies(function)
    shape = _fitting(lambda s: function(*[placeholder(s, name=f"x{i}") for i in range(len(names))]), name)
    drawn = st.tuples(*[smooth("float64", shape) for _ in names])  # Hypothesis shuffles what its dictionaries have
    return function, drawn.map(lambda values: dict(zip(names, values, strict=True)))


def _parameters(function: Callable[..., Any], name: str) -> list[tuple[str, inspect.Parameter]]:
    try:
        found = inspect.signature(function).parameters.items()
    except (TypeError, ValueError):
        raise located(
            InputError(f"check: {name} has no signature: wrap it in a function with named arguments")
        ) from None
    return [(k, p) for k, p in found if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]


def _typed(text: str) -> TensorType:
    try:
        return TensorType.parse(text)
    except TensorGraphError as error:
        raise located(InputError(f"check: {text!r} is no type: {error}: write one such as 'float64[n, 3]'")) from None


def _drawn(kinds: dict[str, TensorType]) -> st.SearchStrategy[dict[str, Any]]:
    """Values of these types, by way of annotations."""

    def stand_in(**values: Any) -> None: ...

    parameters = [inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, annotation=t) for k, t in kinds.items()]
    stand_in.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return argument_strategies(stand_in)


def _fitting(
    call: Callable[[tuple[int, ...]], Any], name: str, more: Sequence[tuple[int, ...]] = ()
) -> tuple[int, ...]:
    """The first shape that the function takes."""
    for shape in (*more, *GUESSES):
        try:
            called(call, (shape,), name, "tensors")
        except (ShapeError, DTypeError):
            continue
        return shape
    advice = "say what its arguments are with --input 'float64[n, 3]', once per argument"
    raise located(InputError(f"check: {name} takes none of the shapes {', '.join(map(str, GUESSES))}: {advice}"))


# ---- models


def _of_module(
    module: Module, name: str, types: Sequence[TensorType]
) -> tuple[Callable[..., Any], st.SearchStrategy[Any]]:
    """The model as a function of its inputs and of its parameters."""
    kinds = list(types) or [_guessed(module, name)]
    module(*[placeholder(kind.shape, kind.dtype, name=f"x{i}") for i, kind in enumerate(kinds)])
    parameters = dict(module.named_parameters())

    def function(*values: Any) -> Any:
        inputs, weights = values[: len(kinds)], values[len(kinds) :]
        leaves, structure = flatten_tree(module(*map(asarray, inputs)))
        given_ = {p.node: asarray(w).node for p, w in zip(parameters.values(), weights, strict=True)}
        found = substitute([asarray(y).node.without_effects() for y in leaves], given_)
        return unflatten_tree(structure, [Tensor(node) for node in found])

    inputs = {f"input {i}" if len(kinds) > 1 else "input": kind for i, kind in enumerate(kinds)}
    return function, _inputs(inputs).map(lambda x: {**x, **{k: p.numpy().copy() for k, p in parameters.items()}})


def _inputs(kinds: dict[str, TensorType]) -> st.SearchStrategy[dict[str, Any]]:
    plain = {f"x{i}": kind for i, kind in enumerate(kinds.values())}
    return _drawn(plain).map(lambda values: dict(zip(kinds, values.values(), strict=True)))


def _guessed(module: Module, name: str) -> TensorType:
    """The input's type from the first weights: features of a dense layer, channels of a convolution."""
    shapes = list(_input_shapes(module))
    dtype = (
        next((p.dtype for p in module.parameters() if p.dtype.kind == "f"), np.dtype(np.float64)) if shapes else None
    )
    kind = np.dtype(np.float64) if dtype is None else dtype
    shape = _fitting(lambda s: module(placeholder(s, kind, name="x")), name, shapes)
    return TensorType(np.dtype(kind), shape)


def _input_shapes(module: Module) -> Iterator[tuple[int, ...]]:
    for inner in module.modules():
        weight = getattr(inner, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim >= 2:
            size = int(weight.shape[1])
            yield (2, size) if weight.ndim == 2 else (2, size, *[6] * (weight.ndim - 2))


def _ops(function: Callable[..., Any], values: dict[str, Any]) -> tuple[str, ...]:
    inputs = [placeholder(np.shape(v), np.asarray(v).dtype, name=f"x{i}") for i, v in enumerate(values.values())]
    try:
        roots = [asarray(y).node for y in flatten_tree(function(*inputs))[0]]
    except Exception:  # it reads values, or is no function of tensors
        return ()
    return tuple(sorted({node.op.name for node in topological(roots) if not node.op.leaf}))
