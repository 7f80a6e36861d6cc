"""Pooling layers."""

from __future__ import annotations

from typing import ClassVar

from tensorgraph.array.tensor import Tensor, TensorLike, asarray
from tensorgraph.array.windows import Padding, Sizes
from tensorgraph.errors import ShapeError
from tensorgraph.ir.provenance import located
from tensorgraph.nn import functional as f
from tensorgraph.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "GlobalAvgPool", "GlobalMaxPool", "MaxPool1d",
    "MaxPool2d", "MaxPool3d",
]  # fmt: skip


class _Pool(Module):
    """Base: the number of spatial axes, checked."""

    rank: ClassVar[int] = 2
    layout: str

    def _checked(self, x: TensorLike) -> Tensor:
        x = asarray(x)
        if x.ndim != self.rank + 2:
            message = f"{type(self).__name__}: the input is {x.node.type}: it must have {self.rank + 2} axes"
            raise located(ShapeError(f"{message}: batch, channels and {self.rank} spatial ones"))
        return x


class MaxPool2d(_Pool):
    """The largest element of each window over height and width.

    Parameters
    ----------
    kernel_size
        Size of the windows; one number, or one per spatial axis.
    stride
        Step between windows; their size by default.
    padding, dilation, ceil_mode, layout
        As for `functional.max_pool`.

    Raises
    ------
    ShapeError
        When called, if the input has other axes, or is smaller than a window.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPool2d(2)(np.ones((2, 3, 6, 6))).shape
    (2, 3, 3, 3)
    """

    def __init__(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Padding = 0, dilation: Sizes = 1,
        ceil_mode: bool = False, *, layout: str = "NCHW",
    ) -> None:  # fmt: skip
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode
        self.layout = layout

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, *spatial]`` to as many windows."""
        return f.max_pool(
            self._checked(x), self.kernel_size, stride=self.stride, padding=self.padding, dilation=self.dilation,
            ceil_mode=self.ceil_mode, layout=self.layout,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"{self.kernel_size}" + ("" if self.stride is None else f", stride={self.stride}")


class MaxPool1d(MaxPool2d):
    """`MaxPool2d` over one axis.

    Examples
    --------
    >>> MaxPool1d(2)([[[1.0, 3.0, 2.0, 5.0]]])
    Tensor([[[3., 5.]]], float64)
    """

    rank = 1


class MaxPool3d(MaxPool2d):
    """`MaxPool2d` over depth, height and width.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPool3d(2)(np.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 2, 2, 2)
    """

    rank = 3


class AvgPool2d(_Pool):
    """The mean of each window over height and width.

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode, layout
        As for `MaxPool2d`.
    count_include_pad
        Whether padding counts as zeros.

    Raises
    ------
    ShapeError
        When called, if the input has other axes, or is smaller than a window.

    Examples
    --------
    >>> import numpy as np
    >>> AvgPool2d(2)(np.ones((2, 3, 6, 6))).shape
    (2, 3, 3, 3)
    """

    def __init__(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Padding = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, *, layout: str = "NCHW",
    ) -> None:  # fmt: skip
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.layout = layout

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, *spatial]`` to as many windows."""
        return f.avg_pool(
            self._checked(x), self.kernel_size, stride=self.stride, padding=self.padding, ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad, layout=self.layout,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"{self.kernel_size}" + ("" if self.stride is None else f", stride={self.stride}")


class AvgPool1d(AvgPool2d):
    """`AvgPool2d` over one axis.

    Examples
    --------
    >>> AvgPool1d(2)([[[1.0, 3.0, 2.0, 6.0]]])
    Tensor([[[2., 4.]]], float64)
    """

    rank = 1


class AvgPool3d(AvgPool2d):
    """`AvgPool2d` over depth, height and width.

    Examples
    --------
    >>> import numpy as np
    >>> AvgPool3d(2)(np.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 2, 2, 2)
    """

    rank = 3


class _Adaptive(_Pool):
    """Base: the size of the result."""

    def __init__(self, output_size: Sizes, *, layout: str = "NCHW") -> None:
        self.output_size = output_size
        self.layout = layout

    def extra_repr(self) -> str:
        return f"{self.output_size}"


class AdaptiveAvgPool2d(_Adaptive):
    """The mean of each of so many windows as to give `output_size`, over height and width.

    Examples
    --------
    >>> import numpy as np
    >>> AdaptiveAvgPool2d((2, 3))(np.ones((2, 3, 7, 7))).shape
    (2, 3, 2, 3)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, *spatial]`` to ``[batch, channels, *output_size]``."""
        return f.adaptive_avg_pool(self._checked(x), self.output_size, layout=self.layout)


class AdaptiveAvgPool1d(AdaptiveAvgPool2d):
    """`AdaptiveAvgPool2d` over one axis.

    Examples
    --------
    >>> AdaptiveAvgPool1d(1)([[[1.0, 3.0]]])
    Tensor([[[2.]]], float64)
    """

    rank = 1


class AdaptiveAvgPool3d(AdaptiveAvgPool2d):
    """`AdaptiveAvgPool2d` over depth, height and width.

    Examples
    --------
    >>> import numpy as np
    >>> AdaptiveAvgPool3d(1)(np.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 1, 1, 1)
    """

    rank = 3


class AdaptiveMaxPool2d(_Adaptive):
    """The largest element of each of so many windows as to give `output_size`, over height and width.

    Examples
    --------
    >>> import numpy as np
    >>> AdaptiveMaxPool2d((2, 3))(np.ones((2, 3, 7, 7))).shape
    (2, 3, 2, 3)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, *spatial]`` to ``[batch, channels, *output_size]``."""
        return f.adaptive_max_pool(self._checked(x), self.output_size, layout=self.layout)


class AdaptiveMaxPool1d(AdaptiveMaxPool2d):
    """`AdaptiveMaxPool2d` over one axis.

    Examples
    --------
    >>> AdaptiveMaxPool1d(1)([[[1.0, 3.0]]])
    Tensor([[[3.]]], float64)
    """

    rank = 1


class AdaptiveMaxPool3d(AdaptiveMaxPool2d):
    """`AdaptiveMaxPool2d` over depth, height and width.

    Examples
    --------
    >>> import numpy as np
    >>> AdaptiveMaxPool3d(1)(np.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 1, 1, 1)
    """

    rank = 3


class GlobalAvgPool(Module):
    """The mean over all spatial axes, which stay with size 1.

    Examples
    --------
    >>> import numpy as np
    >>> GlobalAvgPool()(np.ones((2, 3, 7, 7))).shape
    (2, 3, 1, 1)
    """

    def __init__(self, *, layout: str = "NCHW") -> None:
        self.layout = layout

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, *spatial]`` to ``[batch, channels, 1, …]``."""
        return f.global_avg_pool(x, layout=self.layout)


class GlobalMaxPool(GlobalAvgPool):
    """The largest element over all spatial axes, which stay with size 1.

    Examples
    --------
    >>> import numpy as np
    >>> GlobalMaxPool()(np.ones((2, 3, 7, 7))).shape
    (2, 3, 1, 1)
    """

    def forward(self, x: TensorLike) -> Tensor:
        """``[batch, channels, *spatial]`` to ``[batch, channels, 1, …]``."""
        return f.global_max_pool(x, layout=self.layout)
