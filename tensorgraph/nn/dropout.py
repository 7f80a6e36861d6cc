"""Layers that set elements to zero at random in training."""

from __future__ import annotations

import numpy as np

from tensorgraph.array import random
from tensorgraph.array.leaves import Parameter
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.errors import ShapeError
from tensorgraph.ir.provenance import located
from tensorgraph.nn import functional as f
from tensorgraph.nn.functional.noise import check_rate
from tensorgraph.nn.module import Module, Rng

__all__ = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "RandomModule"]


class RandomModule(Module):
    """Base of layers that draw random numbers: a key, which every call in training replaces.

    Parameters
    ----------
    rng
        Seed or generator of the first key; a fresh one unless given.
    """

    def __init__(self, rng: Rng = None) -> None:
        seed = int(np.random.default_rng(rng).integers(2**63))
        self.key = Parameter(random.key(seed), "key", trainable=False)

    def next_key(self) -> Tensor:
        """A key to draw with, once; the state is moved on."""
        keys = random.split(self.current(self.key))
        self.record(self.key, keys[0])
        return keys[1]


class Dropout(RandomModule):
    """In training, each element is 0 with probability `p`, and the others are divided by 1 - p.

    In inference the input passes as it is. The random key is state: every training step has other zeros, and the
    same key gives the same.

    Parameters
    ----------
    p
        Probability of a zero.
    rng
        Seed or generator of the first key; a fresh one unless given.

    Raises
    ------
    InputError
        If `p` is not from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dropout(0.5, rng=0)
    >>> sorted({float(value) for value in layer(np.ones(100)).numpy()})
    [0.0, 2.0]
    >>> layer.eval()(np.ones(3))
    Tensor([1., 1., 1.], float64)
    """

    spatial_axes: int | None = None

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        self.p = check_rate(type(self).__name__, p)
        super().__init__(rng)

    def forward(self, x: TensorLike) -> Tensor:
        """The same shape."""
        x = asarray(x)
        if self.spatial_axes is not None and x.ndim != self.spatial_axes + 2:
            message = f"{type(self).__name__}: the input is {x.node.type}: it must have {self.spatial_axes + 2} axes"
            raise located(ShapeError(message))
        if not self.training or self.p == 0:
            return x
        shape = x.shape if self.spatial_axes is None else (*x.shape[:2], *[1] * self.spatial_axes)
        return f.dropout(x, self.p, self.next_key(), shape)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout1d(Dropout):
    """`Dropout` of whole channels of ``[batch, channels, length]``.

    Examples
    --------
    >>> import numpy as np
    >>> Dropout1d(0.5, rng=0)(np.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    spatial_axes = 1


class Dropout2d(Dropout):
    """`Dropout` of whole channels of ``[batch, channels, height, width]``.

    Examples
    --------
    >>> import numpy as np
    >>> Dropout2d(0.5, rng=0)(np.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    spatial_axes = 2


class Dropout3d(Dropout):
    """`Dropout` of whole channels of ``[batch, channels, depth, height, width]``.

    Examples
    --------
    >>> import numpy as np
    >>> Dropout3d(0.5, rng=0)(np.ones((2, 3, 2, 4, 4))).shape
    (2, 3, 2, 4, 4)
    """

    spatial_axes = 3
