"""`Op`: what an operation is, stated once.

A primitive is a class. Its fields are the attributes; it says its type rule (`infer`), its spelling in
NumPy (`numpy`), how its output axes follow from its input axes (`axes`), and where it may be sampled
(`domain`). Printing, reading back, interpreting, emitting and testing are derived from these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from string import Formatter
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import numpy as np

from tensorgraph.ir.dims import Dim, DimLike, evaluate_dim, rename_dim
from tensorgraph.ir.types import Array, TensorType

__all__ = ["Domain", "Interval", "Op", "Types", "cached", "format_attribute", "freeze", "rename_sizes", "resolve"]

Types: TypeAlias = "TensorType | tuple[TensorType, ...]"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Interval:
    """Where one input may be sampled; an open end excludes its bound."""

    low: float = -np.inf
    high: float = np.inf
    open: bool = False


@dataclass(frozen=True, slots=True)
class Domain:
    """Where an operation is defined and where its derivative is not.

    Attributes
    ----------
    inputs
        An `Interval` per input; the last one serves the rest.
    kinds
        The dtype kinds taken: ``b`` bool, ``i`` and ``u`` integers, ``f`` real, ``c`` complex.
    kinks
        Values of the first input at which the derivative jumps or does not exist.
    ties
        Whether equal inputs (or elements) are such a point.
    analytic
        Whether the complex step is a valid derivative.
    """

    inputs: tuple[Interval, ...] = (Interval(),)
    kinds: str = "biufc"
    kinks: tuple[float, ...] = ()
    ties: bool = False
    analytic: bool = True

    def interval(self, i: int) -> Interval:
        """The interval of input `i`."""
        return self.inputs[min(i, len(self.inputs) - 1)]


class Op:
    """Base of all primitives: immutable, equal by class and attributes.

    Class attributes
    ----------------
    name
        What messages and drawings call it; the class name in snake case unless given.
    numpy
        Spelling in NumPy: ``{0}`` and so on for inputs, ``{*}`` for all of them, ``{axis}`` for an
        attribute, ``{index:items}`` for one written inside brackets, ``{out}`` where an ``out=`` buffer can go.
    helpers
        Plain NumPy functions that the spelling calls; emitted modules contain their text.
    domain
        See `Domain`.
    view
        Whether the result may share memory with the first input.
    overwrites
        Which operands may lie in the memory that `statements` write; of elementwise operations with one statement
        all of them.
    forwards
        Whether result ``i`` is simply input ``i``: such a node only carries meaning for derivatives.
    leaf
        Whether it has no inputs and is equal only to itself.
    flags
        What a node of it depends on by itself (see `tensorgraph.ir.node`).
    """

    __slots__ = ()

    name: ClassVar[str] = "op"
    numpy: ClassVar[str] = ""
    helpers: ClassVar[tuple[Callable[..., Any], ...]] = ()
    domain: ClassVar[Domain] = Domain()
    view: ClassVar[bool] = False
    overwrites: ClassVar[tuple[int, ...]] = ()
    forwards: ClassVar[bool] = False
    leaf: ClassVar[bool] = False
    flags: ClassVar[int] = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    # ---- stated by each class
    def infer(self, *types: TensorType) -> Types:
        """The type of the result, or a tuple of them; raises what the user will read."""
        raise TypeError(f"{type(self).__name__} states no type rule")

    def axes(self, *types: TensorType) -> str:
        """The axis map for operands of these types (see `tensorgraph.ir.axes`)."""
        raise TypeError(f"{type(self).__name__} states no axis map")

    def flops(self, *types: TensorType) -> DimLike:
        """Floating-point operations; one per output element unless a class says otherwise."""
        result = self.infer(*types)
        return result.size if isinstance(result, TensorType) else sum((t.size for t in result), start=0)

    def statements(self, types: Sequence[TensorType], known: Sequence[Array | None]) -> tuple[str, ...]:
        """NumPy statements that put the result into memory which is there already; none if there is no such way.

        ``{out}`` is that memory and ``{0}`` an operand, as in `numpy`; ``{0:bits}`` is an operand seen as integers
        of its width, ``{out:as0}`` the memory in the shape of operand 0, and ``{=1}`` a number in the result's dtype.

        Parameters
        ----------
        types
            Types of the operands.
        known
            The values of operands that are constants.
        """
        return (type(self).numpy.replace("{out}", ", out={out}"),) if self.takes_out() else ()

    def scratch(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """Types of the memory that `statements` need beside the result, ``{s0}`` and so on."""
        return ()

    def temporaries(self, types: Sequence[TensorType]) -> int:
        """Bytes that the statements, or where there are none the spelling, allocate at a time beside the result.

        Parameters
        ----------
        types
            Types of the operands, whose sizes are numbers. An attribute that has sizes holds numbers too.
        """
        return 0

    # ---- derived
    def evaluate(self, *arrays: Array) -> Any:
        """Compute with NumPy, by the spelling; a class with a reference definition overrides this."""
        call = _compiled(type(self), len(arrays))
        return call(*arrays, **self.attributes())

    def attributes(self) -> dict[str, Any]:
        """Attribute names and values, in order."""
        return {name: getattr(self, name) for name in attribute_names(type(self))}

    def spell(self, operands: Sequence[str], out: str | None = None) -> str:
        """The NumPy expression for these operand names."""
        parts = []
        for literal, field, spec in _template(type(self)):
            parts.append(literal)
            if field is None:
                continue
            if field == "out":
                parts.append(f", out={out}" if out else "")
            elif field == "*":
                parts.append(", ".join(operands) + ("," if len(operands) == 1 and spec == "tuple" else ""))
            elif field.isdigit():
                parts.append(operands[int(field)])
            else:
                parts.append(format_attribute(getattr(self, field), operands, inside=spec == "items"))
        return "".join(parts)

    @classmethod
    def takes_out(cls) -> bool:
        """Whether the spelling has a place for an ``out=`` buffer."""
        return "{out}" in cls.numpy

    def key(self) -> object:
        """Equal for equal operations only."""
        names = attribute_names(type(self))
        return (type(self), *(freeze(getattr(self, n)) for n in names)) if names else type(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Op) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        inner = ", ".join(f"{k}={format_attribute(v)}" for k, v in self.attributes().items())
        return f"{type(self).__name__}({inner})"


def cached(function: F) -> F:
    """`functools.cache`, typed for classes: to mypy a class whose instances define a hash has none itself."""
    return cast(F, cache(function))


@cached
def attribute_names(cls: type[Op]) -> tuple[str, ...]:
    """Names of an op's attributes: its dataclass fields."""
    # __dataclass_fields__ also lists ClassVars, under another field type.
    fields: Mapping[str, Any] = getattr(cls, "__dataclass_fields__", {})
    return tuple(name for name, field in fields.items() if field._field_type.name == "_FIELD")


@cached
def _template(cls: type[Op]) -> tuple[tuple[str, str | None, str], ...]:
    return tuple((text, field, spec or "") for text, field, spec, _ in Formatter().parse(cls.numpy))


@cached
def _compiled(cls: type[Op], count: int) -> Callable[..., Any]:
    """The spelling as a function of arrays and attributes."""
    names = [f"_{i}" for i in range(count)]
    body = []
    for literal, field, spec in _template(cls):
        body.append(literal)
        if field is None or field == "out":
            continue
        if field == "*":
            body.append(", ".join(names) + ("," if spec == "tuple" else ""))
        else:
            body.append(f"_{field}" if field.isdigit() else field)
    attributes = attribute_names(cls)
    signature = ", ".join(names + (["*", *attributes] if attributes else []))
    scope = {"np": np, **{helper.__name__: helper for helper in cls.helpers}}
    function: Callable[..., Any] = eval(f"lambda {signature}: {''.join(body)}", scope)
    return function


def format_attribute(value: Any, operands: Sequence[str] = (), *, inside: bool = False) -> str:
    """An attribute as Python source; `inside` brackets, slices are written ``1:3``."""
    if isinstance(value, tuple):
        if any(_bracket_only(item) for item in value) or inside:
            items = ", ".join(format_attribute(item, operands, inside=True) for item in value) or "()"
            comma = "," if len(value) == 1 else ""
            if not inside:
                return f"np.s_[{items}{comma}]"
            return items + comma if value and isinstance(value[0], tuple) else items
        inner = ", ".join(format_attribute(item, operands) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, slice):
        start, stop, step = ("" if v is None else str(v) for v in (value.start, value.stop, value.step))
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    if isinstance(value, Operand):
        return operands[value.position] if operands else repr(value)
    if isinstance(value, np.dtype):
        return f"np.{value.name}"
    if value is Ellipsis:
        return "..."
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if np.isnan(value) else ("np.inf" if value > 0 else "-np.inf")
    return str(value) if isinstance(value, Dim) else repr(value)


@dataclass(frozen=True, slots=True)
class Operand:
    """In an index: the place of an array, as the number of the input that holds it."""

    position: int


def _bracket_only(item: Any) -> bool:
    return isinstance(item, (slice, Operand)) or item is Ellipsis


def freeze(value: Any) -> object:
    """A hashable key for an attribute that tells 1, 1.0 and True apart and never compares dimensions."""
    if isinstance(value, Dim):
        return value.terms
    if isinstance(value, tuple):
        return tuple(map(freeze, value))
    if isinstance(value, slice):
        return "slice", freeze(value.start), freeze(value.stop), freeze(value.step)
    if isinstance(value, float):
        return "float", repr(value)
    return (bool, value) if isinstance(value, bool) else value


def resolve(op: Op, sizes: Mapping[str, int]) -> Op:
    """The op with every symbolic dimension in its attributes replaced by its size."""
    return _with_dims(op, lambda size: evaluate_dim(size, sizes))


def rename_sizes(op: Op, names: Mapping[str, str]) -> Op:
    """The op with some sizes in its attributes called otherwise."""
    return _with_dims(op, lambda size: rename_dim(size, names))


def _with_dims(op: Op, new: Callable[[Dim], DimLike]) -> Op:
    changed = {name: fixed for name, value in op.attributes().items() if (fixed := _fixed(value, new)) is not value}
    return replace(op, **changed) if changed else op  # type: ignore[type-var]


def _fixed(value: Any, new: Callable[[Dim], DimLike]) -> Any:
    if isinstance(value, Dim):
        return new(value)
    if isinstance(value, tuple):
        fixed = tuple(_fixed(item, new) for item in value)
        return fixed if any(a is not b for a, b in zip(fixed, value, strict=True)) else value
    if isinstance(value, slice):
        parts = tuple(_fixed(v, new) for v in (value.start, value.stop, value.step))
        return slice(*parts) if any(isinstance(v, Dim) for v in (value.start, value.stop, value.step)) else value
    return value
