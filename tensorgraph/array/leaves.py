"""Leaves that users make: parameters and placeholders."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorgraph.array.tensor import Tensor, TensorLike, as_array
from tensorgraph.errors import InputError, ShapeError, TensorGraphError
from tensorgraph.ir.leaves import Placeholder, Storage, Variable
from tensorgraph.ir.node import Node
from tensorgraph.ir.provenance import find_site, locate, located
from tensorgraph.ir.types import Array, TensorType, as_dtype, as_shape

__all__ = ["Parameter", "placeholder"]


class Parameter(Tensor):
    """A tensor with storage, which compiled updates write.

    Parameters
    ----------
    value
        The first value. Python numbers and lists become float32; an array keeps its dtype.
    name
        What printed graphs, drawings and emitted source call it.
    dtype
        Overrides the value's.
    trainable
        Whether optimizers update it. Running statistics and random keys are not trained.

    Examples
    --------
    >>> import tensorgraph as tg
    >>> w = tg.Parameter([[1, 2]], name="w")
    >>> w.dtype, w.shape
    (dtype('float32'), (1, 2))
    """

    __slots__ = ()

    def __init__(
        self, value: TensorLike, name: str | None = None, dtype: Any = None, *, trainable: bool = True
    ) -> None:
        if isinstance(value, Tensor):
            value = value.numpy()
        given = dtype if dtype is not None else None if isinstance(value, (np.ndarray, np.generic)) else np.float32
        array = as_array(value, None if given is None else as_dtype(given))
        if name is None:
            place = locate(find_site())
            name = place.variable if place and place.variable else "parameter"
        super().__init__(Node(Variable(name, TensorType.of(array), Storage(array, trainable))))

    @property
    def name(self) -> str:
        """Its name."""
        return self._op.label

    @property
    def _op(self) -> Variable:
        assert isinstance(self.node.op, Variable)
        return self.node.op

    @property
    def trainable(self) -> bool:
        """Whether optimizers update it."""
        return self._op.storage.trainable

    def rename(self, name: str) -> None:
        """Call it something else, also in graphs that are recorded already.

        A name says how a parameter is shown and saved; it is no part of what a graph computes.

        Examples
        --------
        >>> w = Parameter([1.0], name="weight")
        >>> w.rename("encoder.weight")
        >>> w.name
        'encoder.weight'
        """
        object.__setattr__(self._op, "label", name)

    def assign(self, value: TensorLike) -> None:
        """Store another value of the same shape; it is cast to the parameter's dtype.

        Raises
        ------
        ShapeError
            If the shapes differ.
        """
        new = np.asarray(value.numpy() if isinstance(value, Tensor) else value)
        if new.shape != self.shape:
            message = f"parameter {self.name!r} is {self.node.type} and cannot take a value of shape {list(new.shape)}"
            raise located(ShapeError(message))
        storage = self._op.storage
        if storage.value.flags.writeable:
            storage.value[...] = new.astype(storage.value.dtype)
        else:
            storage.value = new.astype(storage.value.dtype)

    def _value(self, asked: str) -> Array:
        value = self._op.storage.value.view()  # current, and never cached
        value.flags.writeable = False
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        return _parameter, (type(self), self.node)


def _parameter(cls: type[Parameter], node: Node) -> Parameter:
    made = cls.__new__(cls)
    Tensor.__init__(made, node)
    return made


def placeholder(shape: Any, dtype: Any = None, *, name: str | None = None) -> Tensor:
    """An input of graphs.

    Parameters
    ----------
    shape
        Sizes; a string such as ``"batch"`` names a size that is known only when values are fed.
    dtype
        Data type; float64 unless given, as in NumPy.
    name
        What kernels, printed graphs and messages call it; the variable it is assigned to unless given.

    Raises
    ------
    ShapeError, DTypeError
        If the shape or dtype is none.

    Examples
    --------
    >>> placeholder(("batch", 784), "float32", name="x")
    <Tensor 'x': float32[batch, 784]>
    """
    try:
        kind = TensorType(as_dtype(np.float64 if dtype is None else dtype), as_shape(shape))
        if any(isinstance(n, int) and n < 0 for n in kind.shape):
            raise ShapeError(
                f"placeholder: {list(kind.shape)} has a negative size; name an unknown size, such as 'batch'"
            )
    except TensorGraphError as error:
        raise located(error) from None
    if name is None:
        place = locate(find_site())
        name = place.variable if place and place.variable else "x"
    if not name:
        raise located(InputError("placeholder: the name is empty"))
    return Tensor(Node(Placeholder(name, kind)))
