"""`Module`: parameters, and a function that uses them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from tensorgraph.array.leaves import Parameter
from tensorgraph.array.state import load_arrays
from tensorgraph.array.tensor import Tensor
from tensorgraph.errors import InputError, UnsupportedError
from tensorgraph.ir.provenance import located
from tensorgraph.ir.types import Array
from tensorgraph.nn import calls
from tensorgraph.nn.saving import read_arrays, write_arrays
from tensorgraph.nn.summary import Summary, summarize

__all__ = ["Module", "Rng"]

Rng = np.random.Generator | int | None
Self = TypeVar("Self", bound="Module")


class Module:
    """Base of layers and models: a plain class whose attributes hold parameters and other modules.

    A subclass makes its parameters in ``__init__`` (which need not call this one's) and computes in
    ``forward``. Parameters and modules are found by walking attributes in the order in which they were set,
    also inside lists, tuples and dicts; their paths (``encoder.conv1.weight``) name parameters, and nodes are
    recorded under the scope ``encoder/conv1``. One that is reached twice counts once.

    Attributes
    ----------
    training
        Whether layers such as batch normalization and dropout behave as in training; True at first.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> from tensorgraph import nn
    >>> class Net(nn.Module):
    ...     def __init__(self, rng=None):
    ...         self.hidden = nn.Linear(3, 4, rng=rng)
    ...         self.scale = tg.Parameter(2.0)
    ...
    ...     def forward(self, x):
    ...         return tg.tanh(self.hidden(x)) * self.scale
    >>> net = Net(rng=0)
    >>> [p.name for p in net.parameters()]
    ['hidden.weight', 'hidden.bias', 'scale']
    >>> net(tg.placeholder(("batch", 3), "float32", name="x")).shape
    (batch, 4)
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; every subclass says how."""
        raise located(UnsupportedError(f"{type(self).__name__} has no forward method: define what it computes"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return calls.invoke(self, args, kwargs)

    # ---- what it holds
    def members(self) -> Iterable[tuple[str, Any]]:
        """Names and values to search for parameters and modules: the attributes, unless a container says otherwise."""
        return vars(self).items()

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """The module itself, whose path is empty, and those inside it, with their paths."""
        return ((path, item) for path, item in _walk(self) if isinstance(item, Module))

    def modules(self) -> list[Module]:
        """The module itself and those inside it."""
        return [module for _, module in self.named_modules()]

    def named_state(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its path, trainable or not: weights, running statistics, random keys.

        Raises
        ------
        InputError
            If a layer has not seen its input's size yet, or two parameters have one path.
        """
        self.name_parameters()
        seen: set[str] = set()
        for path, item in list(_walk(self)):
            if isinstance(item, Module):
                if item.waiting:
                    where = f"{path!r} ({type(item).__name__})" if path else type(item).__name__
                    message = f"layer {where} has no weights yet, because its input size is not known"
                    raise located(InputError(f"{message}: call the model once"))
                continue
            if path in seen:
                raise located(InputError(f"two parameters of {type(self).__name__} have the path {path!r}: rename one"))
            seen.add(path)
            yield path, item

    def name_parameters(self) -> None:
        """Name every parameter by its path, unless its name is a longer path that ends in this one.

        Done when a model is called and when its parameters are listed, so that a name says where in the whole
        model a parameter is.
        """
        for path, item in _walk(self):
            if isinstance(item, Parameter) and item.name != path and not item.name.endswith(f".{path}"):
                item.rename(path)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """The trainable parameters with their paths."""
        return ((path, parameter) for path, parameter in self.named_state() if parameter.trainable)

    def parameters(self) -> list[Parameter]:
        """The trainable parameters: what an optimizer takes.

        Raises
        ------
        InputError
            If a layer has not seen its input's size yet.
        """
        return [parameter for _, parameter in self.named_parameters()]

    # ---- modes
    def train(self: Self, mode: bool = True) -> Self:
        """Switch to training, here and in every module inside; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Switch to inference: running statistics are used and dropout does nothing; returns the module."""
        return self.train(False)

    def apply(self: Self, function: Callable[[Module], object]) -> Self:
        """Call a function with every module inside and with this one, inner ones first; returns the module."""
        for module in reversed(self.modules()):
            function(module)
        return self

    # ---- state
    def current(self, parameter: Parameter) -> Tensor:
        """The value of a piece of state, as earlier calls in the same step left it."""
        return calls.current(parameter)

    def record(self, parameter: Parameter, value: Tensor) -> None:
        """Have every graph that contains this call's result write `value` into `parameter`.

        Parameters
        ----------
        parameter
            State of this module, made with ``trainable=False``.
        value
            Its next value, of the same dtype and shape.

        Raises
        ------
        InputError
            If the types differ, or no module is being called.
        """
        calls.record(self, parameter, value)

    def state_dict(self) -> dict[str, Array]:
        """Copies of the values of all parameters, by path.

        Examples
        --------
        >>> from tensorgraph import nn
        >>> {path: value.shape for path, value in nn.Linear(3, 4).state_dict().items()}
        {'weight': (4, 3), 'bias': (4,)}
        """
        return {path: parameter.numpy().copy() for path, parameter in self.named_state()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Store values for all parameters; nothing is stored if something does not fit.

        Parameters
        ----------
        state
            Arrays by path, as `state_dict` gives them; cast to each parameter's dtype.
        strict
            Whether every path must be there, and no other; shapes must fit in any case.

        Raises
        ------
        InputError
            Names every missing and unexpected path and every shape that differs.
        """
        for path, module in list(self.named_modules()):
            if module.waiting:
                module.prepare_for(path, {key: np.shape(value) for key, value in state.items()})
        own = dict(self.named_state())
        load_arrays(type(self).__name__, own, state, strict)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all parameters to a file, which appears whole or not at all.

        Parameters
        ----------
        path
            Where; the suffix says how: ``.npz`` or ``.safetensors``.

        Raises
        ------
        DataError
            If the suffix is another one.
        ModuleNotFoundError
            If safetensors is not installed.
        """
        write_arrays(path, self.state_dict())

    def load(self, path: str | os.PathLike[str], strict: bool = True) -> None:
        """Read parameters that `save` wrote. See `load_state_dict`.

        Raises
        ------
        DataError
            If the file is missing, damaged or of another kind.
        InputError
            If it is of another architecture.
        """
        self.load_state_dict(read_arrays(path), strict)

    def summary(self, *inputs: Any, dtype: Any = None) -> Summary:
        """A table of the layers, the shapes of their results, parameters and floating-point operations of inference.

        Parameters
        ----------
        *inputs
            One shape, tensor or array per argument of ``forward``; a shape may have names: ``("batch", 784)``.
        dtype
            Of the inputs given as shapes; by default that of the first floating parameter, else float32.

        Examples
        --------
        >>> from tensorgraph import nn
        >>> print(nn.Sequential(nn.Linear(3, 4), nn.ReLU()).summary(("batch", 3)))
        layer    type        output      parameters  FLOPs
        (model)  Sequential  [batch, 4]          16  32*batch
          0      Linear      [batch, 4]          16  28*batch
          1      ReLU        [batch, 4]           0  4*batch
        """
        return summarize(self, inputs, dtype)

    # ---- sizes that are not known at first
    @property
    def waiting(self) -> bool:
        """Whether this layer's own parameters wait for an input."""
        return False

    def prepare_for(self, path: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make the parameters that wait for an input, of the sizes that a saved state has under `path`."""

    # ---- text
    def extra_repr(self) -> str:
        """What the printed form shows of this layer's own settings."""
        return ""

    def __repr__(self) -> str:
        inner = [(name, value) for name, value in self.members() if isinstance(value, Module)]
        head = f"{type(self).__name__}({self.extra_repr()}"
        if not inner:
            return f"{head})"
        lines = [f"({name}): {value!r}".replace("\n", "\n  ") for name, value in inner]
        return "\n  ".join([head, *lines]) + "\n)"


def _walk(root: Module) -> Iterator[tuple[str, Module | Parameter]]:
    """Every module and parameter below `root`, itself first, each once, by its first path."""
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("", root)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, (Module, Parameter)):
            key = id(item) if isinstance(item, Module) else id(item.node.op)
            if key in seen:
                continue
            seen.add(key)
            yield path, item
        if isinstance(item, Module):
            inner: Iterable[tuple[Any, Any]] = item.members()
        elif isinstance(item, (list, tuple)):
            inner = enumerate(item)
        elif isinstance(item, dict):
            inner = item.items()
        else:
            continue
        found = [(f"{path}.{name}" if path else str(name), value) for name, value in inner if _holds(value)]
        stack.extend(reversed(found))


def _holds(value: Any) -> bool:
    return isinstance(value, (Module, Parameter, list, tuple, dict))
