"""Convolutional layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from tensorgraph.array.leaves import Parameter
from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.array.windows import Padding, Sizes
from tensorgraph.errors import InputError, ShapeError
from tensorgraph.ir.provenance import located
from tensorgraph.nn import functional as f
from tensorgraph.nn.linear import positive, uniform_fan_in
from tensorgraph.nn.module import Module, Rng

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_LAYOUTS = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}


class _Convolution(Module):
    """Base: weights, sizes and their checks."""

    rank: ClassVar[int]
    transposed: ClassVar[bool] = False

    def __init__(
        self, in_channels: int | None, out_channels: int, kernel_size: Sizes, stride: Sizes, padding: Padding,
        dilation: Sizes, groups: int, bias: bool, layout: str | None, rng: Rng, dtype: Any,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self.in_channels = in_channels
        self.out_channels = positive(f"{name}: out_channels", out_channels)
        sizes = list(kernel_size) if isinstance(kernel_size, Sequence) else [kernel_size] * self.rank
        if len(sizes) != self.rank:
            message = f"{name}: kernel_size is {kernel_size!r}: it must be one number, or {self.rank} of them"
            raise located(InputError(message))
        self.kernel_size = tuple(positive(f"{name}: kernel_size", size) for size in sizes)
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = positive(f"{name}: groups", groups)
        self.layout = _LAYOUTS[self.rank][0] if layout is None else layout
        if self.layout not in (*_LAYOUTS[self.rank], "NCHW", "NHWC"):
            known = " or ".join(map(repr, _LAYOUTS[self.rank]))
            raise located(InputError(f"{name}: layout is {layout!r}: say {known}"))
        self._divides("output", self.out_channels)
        self.weight: Parameter | None = None
        self.bias: Parameter | None = None
        self._first = bias, np.random.default_rng(rng), np.dtype(dtype)
        if in_channels is not None:
            self._make(in_channels)

    def _divides(self, which: str, channels: int) -> None:
        if channels % self.groups:
            message = f"{type(self).__name__}: {channels} {which} channels do not divide into {self.groups} groups"
            raise located(InputError(message))

    def _make(self, in_channels: int) -> None:
        bias, rng, dtype = self._first
        n = self.in_channels = positive(f"{type(self).__name__}: in_channels", in_channels)
        self._divides("input", n)
        first, second = (n, self.out_channels) if self.transposed else (self.out_channels, n)
        shape = (first, second // self.groups, *self.kernel_size)
        fan_in = math.prod(shape[1:])
        self.weight = Parameter(uniform_fan_in(shape, fan_in, rng, dtype), "weight")
        if bias:
            self.bias = Parameter(uniform_fan_in((self.out_channels,), fan_in, rng, dtype), "bias")

    @property
    def waiting(self) -> bool:
        return self.weight is None

    def prepare_for(self, path: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        shape = shapes.get(f"{path}.weight" if path else "weight", ())
        if len(shape) == self.rank + 2:
            self._make(shape[0] if self.transposed else shape[1] * self.groups)

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, *spatial]``, or with channels last in that layout."""
        x = asarray(x)
        name = type(self).__name__
        if x.ndim != self.rank + 2:
            message = f"{name}: the input is {x.node.type}: it must have {self.rank + 2} axes, {self.layout}"
            raise located(ShapeError(message))
        channels = x.shape[1 if self.layout[1] == "C" else -1]
        if not isinstance(channels, int):
            raise located(ShapeError(f"{name}: the channels of {x.node.type} must be known"))
        if self.weight is None:
            self._make(channels)
        if channels != self.in_channels:
            message = f"{name}: the input is {x.node.type}, with {channels} channels in layout {self.layout}"
            raise located(ShapeError(f"{message}, and the layer takes {self.in_channels}"))
        assert self.weight is not None
        return self._compute(x, self.weight)

    def _compute(self, x: Tensor, weight: Parameter) -> Tensor:
        function: Callable[..., Tensor] = (f.conv1d, f.conv2d, f.conv3d)[self.rank - 1]
        return function(
            x, weight, self.bias, stride=self.stride, padding=self.padding, dilation=self.dilation, groups=self.groups,
            layout=self.layout,
        )  # fmt: skip

    def extra_repr(self) -> str:
        size = self.kernel_size[0] if len(set(self.kernel_size)) == 1 else self.kernel_size
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={size}"
        for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            value = getattr(self, name)
            text += "" if value == usual else f", {name}={value!r}"
        return text if self._first[0] else f"{text}, bias=False"


class Conv2d(_Convolution):
    """Convolution over height and width: cross-correlation, as in every neural-network library.

    Weight ``[out_channels, in_channels / groups, *kernel_size]`` and bias ``[out_channels]`` start uniform within
    1 / sqrt(in_channels / groups * kernel elements), as in PyTorch.

    Parameters
    ----------
    in_channels
        Channels of the input; None to take them from the first call.
    out_channels
        Channels of the result: the number of features looked for.
    kernel_size
        One number, or one per spatial axis.
    stride, padding, dilation, groups
        As for `functional.conv2d`; padding may be ``"same"`` or ``"valid"``.
    bias
        Whether there is one.
    layout
        ``"NCHW"``, or ``"NHWC"`` for channels last in input and result.
    rng
        Seed or generator of the first values; a fresh one unless given.
    dtype
        Of the parameters.

    Raises
    ------
    InputError
        If a size is no positive integer, or the groups do not divide the channels.
    ShapeError
        When called, if the input has other channels, or is smaller than the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Conv2d(3, 8, 3, padding=1, rng=0)
    >>> layer(np.ones((2, 3, 5, 5), "float32")).shape
    (2, 8, 5, 5)
    """

    rank = 2

    def __init__(
        self, in_channels: int | None, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Padding = 0,
        dilation: Sizes = 1, groups: int = 1, bias: bool = True, *, layout: str | None = None, rng: Rng = None,
        dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, layout, rng, dtype
        )


class Conv1d(Conv2d):
    """Convolution over one axis; parameters as for `Conv2d`. Layouts are ``"NCW"`` and ``"NWC"``.

    Examples
    --------
    >>> import numpy as np
    >>> Conv1d(3, 8, 3, stride=2, rng=0)(np.ones((2, 3, 7), "float32")).shape
    (2, 8, 3)
    """

    rank = 1


class Conv3d(Conv2d):
    """Convolution over depth, height and width; parameters as for `Conv2d`. Layouts are ``"NCDHW"`` and ``"NDHWC"``.

    Examples
    --------
    >>> import numpy as np
    >>> Conv3d(3, 8, 3, rng=0)(np.ones((2, 3, 5, 5, 5), "float32")).shape
    (2, 8, 3, 3, 3)
    """

    rank = 3


class ConvTranspose2d(_Convolution):
    """Transposed convolution over height and width: the adjoint of `Conv2d`, which enlarges.

    Weight ``[in_channels, out_channels / groups, *kernel_size]`` and bias ``[out_channels]`` start uniform within
    1 / sqrt(out_channels / groups * kernel elements), as in PyTorch.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, layout, rng, dtype
        As for `Conv2d`.
    output_padding
        Added to the size of the result at the end, less than the stride.

    Raises
    ------
    InputError, ShapeError
        As `Conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> ConvTranspose2d(3, 8, 2, stride=2, rng=0)(np.ones((2, 3, 5, 5), "float32")).shape
    (2, 8, 10, 10)
    """

    rank = 2
    transposed = True

    def __init__(
        self, in_channels: int | None, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Padding = 0,
        output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1, *,
        layout: str | None = None, rng: Rng = None, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        self.output_padding = output_padding
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, layout, rng, dtype
        )

    def _compute(self, x: Tensor, weight: Parameter) -> Tensor:
        return f.conv_transpose(
            x, weight, self.bias, stride=self.stride, padding=self.padding, output_padding=self.output_padding,
            dilation=self.dilation, groups=self.groups, layout=self.layout,
        )  # fmt: skip


class ConvTranspose1d(ConvTranspose2d):
    """Transposed convolution over one axis; parameters as for `ConvTranspose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> ConvTranspose1d(3, 8, 2, stride=2, rng=0)(np.ones((2, 3, 5), "float32")).shape
    (2, 8, 10)
    """

    rank = 1


class ConvTranspose3d(ConvTranspose2d):
    """Transposed convolution over depth, height and width; parameters as for `ConvTranspose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> ConvTranspose3d(3, 8, 2, stride=2, rng=0)(np.ones((2, 3, 2, 2, 2), "float32")).shape
    (2, 8, 4, 4, 4)
    """

    rank = 3
