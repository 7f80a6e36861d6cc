"""`gradient_test`: a property-based test of gradients from a function and what its arguments are."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tensorgraph.array.tensor import Tensor
from tensorgraph.errors import InputError, TensorGraphError
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array, TensorType
from tensorgraph.testing.definition import at_definition
from tensorgraph.testing.gradients import check_gradients
from tensorgraph.testing.strategies.arrays import tensors
from tensorgraph.testing.strategies.shapes import shapes

__all__ = ["argument_strategies", "gradient_test"]

SIZES = (2, 1, 3)
TYPE = re.compile(r"\w+\[.*\]")


def gradient_test(
    f: Callable[..., Any] | None = None,
    /,
    *,
    order: int = 2,
    modes: Sequence[str] = ("reverse", "forward"),
    examples: int | None = None,
    options: Mapping[str, Any] | None = None,
    **strategies: st.SearchStrategy[Any],
) -> Any:
    """Make a test of a function's gradients, at arguments that Hypothesis draws and shrinks.

    Parameters
    ----------
    f
        The function: of tensors, giving a tensor or tensors. pytest calls the test without arguments.
    order, modes
        As for `check_gradients`.
    examples
        How many arguments are drawn; those of the Hypothesis profile by default.
    options
        More arguments of `check_gradients`, such as ``{"rtol": 1e-6}``.
    **strategies
        For arguments by name. An argument without one is drawn by its annotation: a type such as
        ``"float64[n, 3]"``, in which equal names are equal sizes; ``Annotated[Tensor, strategy]``; ``Tensor``
        or none for arrays of any small shape; ``float``, ``int``, ``bool``.

    Returns
    -------
    test
        Raises `GradientMismatch` for the smallest arguments found; its ``function`` is `f`.

    Raises
    ------
    InputError
        If an argument cannot be drawn.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> @gradient_test
    ... def test_distance(x: "float64[n, 3]", y: "float64[n, 3]"):
    ...     return tg.sum((x - y) ** 2)
    >>> test_distance()
    """
    if f is None:
        return lambda function: gradient_test(
            function, order=order, modes=modes, examples=examples, options=options, **strategies
        )
    function = f
    arguments = argument_strategies(function, strategies)

    def check(values: dict[str, Any]) -> None:
        given_, rest = list(values.values()), dict(options or {})
        at_definition(function, lambda: check_gradients(function, *given_, order=order, modes=modes, **rest))

    @wraps(function)
    def test() -> None:
        __tracebackhide__ = True
        profile = settings()
        run = settings(
            max_examples=examples or profile.max_examples, deadline=None,
            suppress_health_check=list(HealthCheck), phases=[p for p in profile.phases if p is not Phase.explain],
        )(given(values=arguments)(check))  # fmt: skip
        run()

    del test.__wrapped__
    test.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
    test.function = function  # type: ignore[attr-defined]
    test.arguments = arguments  # type: ignore[attr-defined]
    return test


def argument_strategies(
    f: Callable[..., Any], strategies: Mapping[str, st.SearchStrategy[Any]] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    """Values for all arguments of a function, by name and in order.

    Parameters
    ----------
    f
        The function.
    strategies
        For some of its arguments; the others are drawn by their annotations. See `gradient_test`.

    Raises
    ------
    InputError
        If an argument cannot be drawn.
    """
    chosen = dict(strategies or {})
    name = getattr(f, "__name__", type(f).__name__)
    parameters = {k: p for k, p in inspect.signature(f).parameters.items() if p.default is p.empty or k in chosen}
    unknown = [k for k in chosen if k not in parameters]
    if unknown:
        known = ", ".join(parameters) or "none"
        raise located(InputError(f"gradient_test: {name} has no argument {unknown[0]!r}: its arguments are {known}"))
    parts: dict[str, Any] = {}
    for key, parameter in parameters.items():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        parts[key] = chosen[key] if key in chosen else _read(name, key, _annotation(f, parameter))
    if not parts:
        raise located(InputError(f"gradient_test: {name} takes no argument: there is nothing to differentiate by"))
    return _together(parts)


def _annotation(f: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """The annotation, evaluated unless it is a type of ours in quotes."""
    text = parameter.annotation
    if not isinstance(text, str):
        return text
    bare = text.strip("'\"")
    if TYPE.fullmatch(bare) and _tensor_type(bare) is not None:
        return bare
    try:
        return typing.get_type_hints(f, include_extras=True).get(parameter.name, text)
    except Exception:  # an annotation of another argument that is a type of ours, or a name that is not there
        scope = {**getattr(f, "__globals__", {})}
        try:
            return eval(text, scope)
        except Exception:
            return text


def _tensor_type(text: str) -> TensorType | None:
    try:
        return TensorType.parse(text)
    except TensorGraphError:
        return None


def _read(function: str, name: str, annotation: Any) -> Any:
    """A strategy, or a type of ours, for an annotation."""
    if typing.get_origin(annotation) is typing.Annotated:
        inner = next((m for m in annotation.__metadata__ if isinstance(m, (st.SearchStrategy, TensorType, str))), None)
        annotation = inner if inner is not None else typing.get_args(annotation)[0]
    if isinstance(annotation, (st.SearchStrategy, TensorType)):
        return annotation
    kind = _tensor_type(annotation) if isinstance(annotation, str) else None
    if kind is not None:
        return kind
    plain: dict[Any, st.SearchStrategy[Any]] = {
        float: smooth("float64", ()),
        int: st.integers(1, 3),
        bool: st.booleans(),
    }
    if annotation in plain:
        return plain[annotation]
    if annotation in {inspect.Parameter.empty, Tensor, np.ndarray, Any, "Tensor", "tg.Tensor"}:
        return smooth("float64", shapes(min_side=1, max_side=3, max_rank=2))
    advice = f"annotate it with a type such as 'float64[n, 3]', or pass {name}=strategy to gradient_test"
    raise located(InputError(f"gradient_test: no values are known for argument {name!r} of {function}: {advice}"))


def smooth(dtype: Any, shape: Any) -> st.SearchStrategy[Array]:
    """Numbers away from where functions usually have kinks, in row-major order."""
    return tensors(dtype, shape, values="smooth", layouts="contiguous", low=-2, high=2)


@st.composite
def _together(draw: st.DrawFn, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Values of all arguments; symbolic sizes are the same in all of them."""
    kinds = [part for part in parts.values() if isinstance(part, TensorType)]
    symbols = {s for kind in kinds for n in kind.shape if not isinstance(n, int) for s in n.symbols()}
    sizes = {symbol: draw(st.sampled_from(SIZES)) for symbol in sorted(symbols)}
    values: dict[str, Any] = {}
    for name, part in parts.items():
        if isinstance(part, TensorType):
            shape = tuple(int(n) for n in part.with_sizes(sizes).shape)
            part = smooth(part.dtype, shape) if part.dtype.kind in "fc" else tensors(part.dtype, shape, low=0, high=1)  # noqa: PLW2901
        values[name] = draw(part)
    return values
