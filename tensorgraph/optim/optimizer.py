"""`Optimizer`: from a loss to the next values of parameters, as graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from tensorgraph.array.functions import astype
from tensorgraph.array.leaves import Parameter
from tensorgraph.array.state import load_arrays
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.autodiff import gradients
from tensorgraph.errors import DTypeError, GradientError, InputError
from tensorgraph.ir import scope
from tensorgraph.ir.dims import same_shape
from tensorgraph.ir.node import topological
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array
from tensorgraph.optim.clipping import clip_by_global_norm, clip_by_value

__all__ = ["Group", "LearningRate", "Optimizer", "Parameters", "Update"]

LearningRate: TypeAlias = "float | Tensor | Callable[[Tensor], Tensor]"
Parameters: TypeAlias = "Iterable[Parameter] | Iterable[Mapping[str, Any]]"
Update: TypeAlias = tuple[Parameter, Tensor]
Settings: TypeAlias = Mapping[str, Any]
State: TypeAlias = Mapping[str, Tensor]


class _Rate:
    """A learning rate: a stored number, a tensor, or a function of the step count."""

    def __init__(self, owner: str, given: LearningRate, name: str) -> None:
        self.owner = owner
        if isinstance(given, Tensor) or callable(given):
            self.given: Any = given
        else:
            self.given = Parameter(np.float64(_rate(owner, given)), name, trainable=False)

    @property
    def scheduled(self) -> bool:
        """Whether it depends on the step count."""
        return not isinstance(self.given, Tensor)

    def at(self, count: Tensor | None) -> Tensor:
        """The rate of this step, float64."""
        return astype(asarray(self.given(count) if self.scheduled else self.given), np.float64)

    def assign(self, value: float) -> None:
        """Store another number."""
        if not isinstance(self.given, Parameter):
            what = "a schedule" if self.scheduled else "a tensor"
            message = f"{self.owner}: the learning rate is {what}, which is part of the compiled step"
            raise located(InputError(f"{message}: to assign numbers, begin with a number"))
        self.given.assign(_rate(self.owner, value))


def _rate(owner: str, value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        message = f"{owner}: learning_rate is {number}: it must be a finite number of at least 0"
        raise located(InputError(message))
    return number


class Group:
    """Parameters that share settings.

    Attributes
    ----------
    parameters
        The parameters.
    settings
        The optimizer's settings, with those that the group overrides.
    """

    def __init__(self, parameters: tuple[Parameter, ...], settings: Settings, rate: _Rate, own_rate: bool) -> None:
        self.parameters = parameters
        self.settings = settings
        self.rate = rate
        self.own_rate = own_rate

    @property
    def learning_rate(self) -> Any:
        """The rate of this group; assigning a number changes it without recompiling.

        Raises
        ------
        InputError
            When assigned, if the group has no rate of its own, or it is negative, infinite or NaN.
        """
        return self.rate.given

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if not self.own_rate:
            message = "the group shares the optimizer's learning rate: assign that, or give the group one of its own"
            raise located(InputError(f"{self.rate.owner}: {message}"))
        self.rate.assign(value)


class Optimizer:
    """Base of optimizers: groups, gradients, clipping, and state.

    State (moments, step count, learning rate) is held in parameters that are not trained, so compiled steps write
    it and `state_dict` saves it.

    A subclass names its `slots`, arrays like the parameter that it keeps for each, and defines `rule`.

    Parameters
    ----------
    learning_rate
        A number, which can be changed later; a schedule from `tensorgraph.optim.schedules`; or a tensor.
    **settings
        What groups can override.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    counts: ClassVar[bool] = False  # whether the rule reads the step count
    complex: ClassVar[bool] = False  # whether the rule holds for complex numbers

    def __init__(self, learning_rate: LearningRate, **settings: Any) -> None:
        self._name = type(self).__name__
        self._rate = _Rate(self._name, learning_rate, "learning_rate")
        self.settings = settings
        self.check(settings)
        self.groups: list[Group] = []
        self._step: Parameter | None = None
        self._state: dict[Parameter, dict[str, Parameter]] = {}

    # ---- stated by each class
    def slots(self, settings: Settings) -> tuple[str, ...]:
        """Names of the arrays kept for each parameter."""
        return ()

    def first(self, slot: str, settings: Settings) -> float:
        """The first value of a slot."""
        return 0.0

    def check(self, settings: Settings) -> None:
        """Raise `InputError` for a setting that is out of range."""

    def rule(
        self, p: Tensor, g: Tensor, state: State, settings: Settings, rate: Tensor, count: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The next value of a parameter and of its slots.

        Parameters
        ----------
        p, g
            The parameter and its gradient.
        state
            Its slots.
        settings
            Those of its group.
        rate
            Learning rate, a float64 scalar.
        count
            Number of this step as a float64 scalar, from 1; None if nothing counts.
        """
        raise NotImplementedError

    # ---- learning rate
    @property
    def learning_rate(self) -> Any:
        """The parameter that holds the learning rate, or the schedule or tensor it was given as.

        Assigning a number takes effect at the next step of programs compiled before.

        Raises
        ------
        InputError
            When assigned, if the number is negative, infinite or NaN, or the rate is a schedule.
        """
        return self._rate.given

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._rate.assign(value)

    # ---- updates
    def updates(
        self, loss: Tensor, parameters: Parameters, clip_norm: float | None = None, clip_value: float | None = None
    ) -> list[Update]:
        """One step: pairs of a parameter and its next value, for ``updates=`` of `tensorgraph.compile`.

        Parameters
        ----------
        loss
            A scalar.
        parameters
            What to train; or groups, each a dict with ``"parameters"`` and settings of its own, among them
            ``"learning_rate"``.
        clip_norm
            Bound of the norm of all gradients together; see `clip_by_global_norm`.
        clip_value
            Bound of each element, applied before that of the norm.

        Returns
        -------
        list[tuple[Parameter, Tensor]]
            The parameters, and the state of this optimizer.

        Raises
        ------
        GradientError
            If the loss is no scalar, or does not depend on a parameter.
        InputError
            If something is no trainable parameter, or is given twice.

        Examples
        --------
        >>> import tensorgraph as tg
        >>> from tensorgraph.optim import SGD
        >>> w = tg.Parameter([3.0], name="w")
        >>> (parameter, value), = SGD(0.1).updates(tg.sum(w * w), [w])
        >>> value
        Tensor([2.4], float32)
        """
        groups = self._grouped(parameters)
        flat = [p for group in groups for p in group.parameters]
        below = set(topological([asarray(loss).node]))
        lost = [repr(p.name) for p in flat if p.node not in below]
        if lost:
            message = f"{self._name}: the loss does not depend on {_several('parameter', lost)}"
            raise located(GradientError(f"{message}: leave such parameters out"))
        found: Sequence[Tensor] = gradients(asarray(loss), flat)
        return self._apply(groups, found, clip_norm, clip_value)

    def updates_for(
        self, gradients: Sequence[TensorLike], parameters: Parameters, clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> list[Update]:  # fmt: skip
        """`updates` for gradients that were computed in some other way, in the order of the parameters.

        Raises
        ------
        InputError
            If there are not as many gradients as parameters, or their shapes differ.
        """
        groups = self._grouped(parameters)
        flat = [p for group in groups for p in group.parameters]
        given = [asarray(g) for g in gradients]
        if len(given) != len(flat):
            raise located(InputError(f"{self._name}: {len(given)} gradients for {len(flat)} parameters"))
        for p, g in zip(flat, given, strict=True):
            if not same_shape(p.shape, g.shape):
                message = f"{self._name}: parameter {p.name!r} is {p.node.type} and its gradient is {g.node.type}"
                raise located(InputError(message))
        return self._apply(
            groups, [astype(g, p.dtype) for p, g in zip(flat, given, strict=True)], clip_norm, clip_value
        )

    def _apply(
        self, groups: list[Group], found: Sequence[Tensor], clip_norm: float | None, clip_value: float | None
    ) -> list[Update]:
        with scope(self._name.lower()):
            if clip_value is not None:
                found = clip_by_value(found, clip_value)
            if clip_norm is not None:
                found = clip_by_global_norm(found, clip_norm)
            step = self._counter(groups)
            count = None if step is None else astype(step + 1, np.float64)
            changed: list[Update] = []
            kept: list[Update] = []
            remaining = iter(found)
            for group in groups:
                rate = group.rate.at(step)
                for p in group.parameters:
                    slots = self._slots(p, group.settings)
                    value, state = self.rule(p, next(remaining), slots, group.settings, rate, count)
                    changed.append((p, value))
                    kept.extend((slots[name], new) for name, new in state.items())
            return [*changed, *kept, *([] if step is None else [(step, step + 1)])]

    def _grouped(self, parameters: Parameters) -> list[Group]:
        items: list[Any] = list(parameters)
        if not items:
            raise located(InputError(f"{self._name}: there are no parameters to train"))
        if not any(isinstance(item, Mapping) for item in items):
            items = [{"parameters": items}]
        old = {i: group.rate for i, group in enumerate(self.groups) if group.own_rate}
        groups = [self._group(i, item, old.get(i)) for i, item in enumerate(items)]
        seen: set[int] = set()
        for p in (p for group in groups for p in group.parameters):
            if id(p.node) in seen:
                raise located(InputError(f"{self._name}: parameter {p.name!r} is given twice"))
            seen.add(id(p.node))
        self.groups = groups
        return groups

    def _group(self, i: int, item: Any, rate: _Rate | None) -> Group:
        if not isinstance(item, Mapping) or "parameters" not in item:
            message = f"{self._name}: group {i} is {item!r}: every group is a dict with 'parameters'"
            raise located(InputError(message))
        own = {key: value for key, value in item.items() if key != "parameters"}
        given = own.pop("learning_rate", None)
        unknown = [repr(key) for key in own if key not in self.settings]
        if unknown:
            message = f"{self._name}: group {i} has unknown {_several('setting', unknown)}"
            known = ", ".join(["learning_rate", *self.settings])
            raise located(InputError(f"{message}: known are {known}"))
        settings = {**self.settings, **own}
        self.check(settings)
        members = tuple(item["parameters"])
        for p in members:
            self._check_parameter(p)
        if given is None:
            return Group(members, settings, self._rate, own_rate=False)
        if rate is None:
            rate = _Rate(self._name, given, f"learning_rate_{i}")
        return Group(members, settings, rate, own_rate=True)

    def _check_parameter(self, p: Any) -> None:
        if not isinstance(p, Parameter):
            raise located(InputError(f"{self._name}: {type(p).__name__} is no Parameter: only parameters are trained"))
        if not p.trainable:
            raise located(InputError(f"{self._name}: {p.name!r} is state, which is not trained: leave it out"))
        if p.dtype.kind not in ("fc" if self.complex else "f"):
            kinds = "floating-point or complex" if self.complex else "real floating-point"
            message = f"{self._name}: parameter {p.name!r} is {p.node.type}: it trains {kinds} parameters"
            raise located(DTypeError(message))

    def _counter(self, groups: Sequence[Group]) -> Parameter | None:
        needed = any(group.rate.scheduled or self.needs_count(group.settings) for group in groups)
        if self._step is None and needed:
            self._step = Parameter(np.array(0, np.int64), "step", trainable=False)
        return self._step

    def needs_count(self, settings: Settings) -> bool:
        """Whether the rule reads the step count for these settings."""
        return self.counts

    def _slots(self, p: Parameter, settings: Settings) -> dict[str, Parameter]:
        slots = self._state.setdefault(p, {})
        for name in self.slots(settings):
            if name not in slots:
                first = np.full(p.shape, self.first(name, settings), p.dtype)
                slots[name] = Parameter(first, f"{p.name}.{name}", trainable=False)
        return {name: slots[name] for name in self.slots(settings)}

    # ---- state
    def named_state(self) -> dict[str, Parameter]:
        """All state by name: ``learning_rate``, ``step``, and for each parameter ``NAME.SLOT``."""
        found: dict[str, Parameter] = {}
        rates = [("learning_rate", self._rate)]
        rates += [(f"groups.{i}.learning_rate", group.rate) for i, group in enumerate(self.groups) if group.own_rate]
        for name, rate in rates:
            if isinstance(rate.given, Parameter):
                found[name] = rate.given
        if self._step is not None:
            found["step"] = self._step
        for p, slots in self._state.items():
            for slot, parameter in slots.items():
                name, copies = f"{p.name}.{slot}", 1
                while name in found:  # two parameters of one name
                    copies += 1
                    name = f"{p.name}_{copies}.{slot}"
                found[name] = parameter
        return found

    def state_dict(self) -> dict[str, Array]:
        """Copies of all state, by name. There are moments once `updates` was called.

        Examples
        --------
        >>> from tensorgraph.optim import SGD
        >>> SGD(0.1).state_dict()
        {'learning_rate': array(0.1)}
        """
        return {name: parameter.numpy().copy() for name, parameter in self.named_state().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Store what `state_dict` gave; call `updates` before, so that there is state to fill.

        Raises
        ------
        InputError
            Names every missing and unexpected name and every shape that differs; nothing is stored then.
        """
        load_arrays(self._name, self.named_state(), state, strict)

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        rate = self.learning_rate
        shown = f"{float(rate):g}" if isinstance(rate, Parameter) else repr(rate)
        return f"{self._name}({shown}{settings})"


def _several(word: str, names: Sequence[str]) -> str:
    return f"{word}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def check_range(owner: str, what: str, value: Any, low: float = 0.0, high: float = math.inf) -> None:
    """Raise `InputError` unless ``low <= value < high``."""
    if not low <= value < high:
        bound = f"at least {low:g}" if high == math.inf else f"at least {low:g} and less than {high:g}"
        raise located(InputError(f"{owner}: {what} is {value}: it must be {bound}"))
