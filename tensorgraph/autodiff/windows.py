"""The transposes of convolution and pooling, with the attributes of the operation that is transposed."""

from __future__ import annotations

from typing import Any

from tensorgraph.array.tensor import Tensor, apply
from tensorgraph.ops import conv, pool
from tensorgraph.ops.windows import sizes

__all__ = ["conv_input", "conv_of", "conv_weights", "folded", "like", "unfolded"]


def _steps(n: Any) -> dict[str, Any]:
    return {"stride": n.op.stride, "padding": n.op.padding, "dilation": n.op.dilation}


def conv_of(n: Any, x: Tensor, w: Tensor) -> Tensor:
    """The convolution itself."""
    return apply(conv.Conv(**_steps(n), groups=n.op.groups), x, w)


def conv_input(n: Any, g: Tensor, w: Tensor, x: Tensor) -> Tensor:
    """Its transpose in the input, which has the shape of `x`."""
    return apply(conv.ConvInputGrad(**_steps(n), groups=n.op.groups, size=x.shape[2:]), g, w)


def conv_weights(n: Any, x: Tensor, g: Tensor, w: Tensor) -> Tensor:
    """Its transpose in the weights, which have the shape of `w`."""
    return apply(conv.ConvWeightGrad(**_steps(n), groups=n.op.groups, kernel=sizes(w.shape[2:])), x, g)


def folded(n: Any, g: Tensor, x: Tensor) -> Tensor:
    """Columns added back to the shape of `x`."""
    return apply(conv.Fold(**_steps(n), kernel=n.op.kernel, size=x.shape[2:]), g)


def unfolded(n: Any, g: Tensor) -> Tensor:
    """Columns of what was folded."""
    return apply(conv.Unfold(**_steps(n), kernel=n.op.kernel), g)


def like(n: Any, op: type[pool._Pool], *operands: Tensor, **more: Any) -> Tensor:
    """Another pooling operation over the same windows."""
    known = n.op.attributes()
    names = [name for name in op.__dataclass_fields__ if name in known or name in more]
    return apply(op(**{name: more[name] if name in more else known[name] for name in names}), *operands)
