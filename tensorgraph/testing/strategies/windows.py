"""Arguments of convolutions and pools: every combination that has a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tensorgraph.testing.strategies.shapes import Shape, check_count, impossible

__all__ = ["ConvArguments", "PoolArguments", "conv_arguments", "pool_arguments"]

LAYOUT_NAMES = ("NCHW", "NHWC")


@dataclass(frozen=True)
class ConvArguments:
    """What a convolution is called with.

    Attributes
    ----------
    x, w
        Shapes of the input and of the weights.
    options
        Keyword arguments of ``tg.conv``.
    """

    x: Shape
    w: Shape
    options: dict[str, Any]


@dataclass(frozen=True)
class PoolArguments:
    """What a pool is called with.

    Attributes
    ----------
    x
        Shape of the input.
    options
        Keyword arguments of ``tg.max_pool`` or ``tg.avg_pool``, the kernel among them.
    """

    x: Shape
    options: dict[str, Any]


def _spatial(draw: st.DrawFn, rank: int, max_kernel: int, dilated: bool) -> dict[str, tuple[Any, ...]]:
    """Per axis: kernel, stride, padding, dilation, and a size with at least one window."""
    found: dict[str, list[Any]] = {"kernel": [], "stride": [], "padding": [], "dilation": [], "size": []}
    for _ in range(rank):
        kernel = draw(st.integers(1, max_kernel))
        dilation = draw(st.integers(1, 2)) if dilated else 1
        most = kernel // 2
        padding = (draw(st.integers(0, most)), draw(st.integers(0, most)))
        least = max((kernel - 1) * dilation + 1 - sum(padding), 1)
        found["kernel"].append(kernel)
        found["stride"].append(draw(st.integers(1, 3)))
        found["padding"].append(padding)
        found["dilation"].append(dilation)
        found["size"].append(least + draw(st.integers(0, 3)))
    return {name: tuple(values) for name, values in found.items()}


def _ranks(strategy: str, rank: int | None) -> st.SearchStrategy[int]:
    if rank is not None and not 1 <= rank <= 3:
        raise impossible(strategy, f"rank={rank}", "windows have one to three axes")
    return st.integers(1, 2) if rank is None else st.just(rank)


def _layouts(strategy: str, layouts: str | Sequence[str]) -> tuple[str, ...]:
    found = (layouts,) if isinstance(layouts, str) else tuple(layouts)
    wrong = [name for name in found if name not in LAYOUT_NAMES]
    if wrong or not found:
        what = f"{wrong[0]!r} is no layout" if wrong else "layouts is empty"
        raise impossible(strategy, what, "use 'NCHW', 'NHWC' or both")
    return found


def _laid(shape: Shape, layout: str) -> Shape:
    return shape if layout == "NCHW" else (shape[0], *shape[2:], shape[1])


@st.composite
def _conv(draw: st.DrawFn, ranks: st.SearchStrategy[int], max_kernel: int, layouts: tuple[str, ...]) -> ConvArguments:
    space = _spatial(draw, draw(ranks), max_kernel, dilated=True)
    groups = draw(st.integers(1, 2))
    inner, outer = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    batch = draw(st.sampled_from([1, 2, 0]))
    layout = draw(st.sampled_from(layouts))
    options = {"stride": space["stride"], "padding": space["padding"], "dilation": space["dilation"]}
    x = _laid((batch, inner * groups, *space["size"]), layout)
    w = (outer * groups, inner, *space["kernel"])
    return ConvArguments(x, w, {**options, "groups": groups, "layout": layout})


def conv_arguments(
    rank: int | None = None, *, max_kernel: int = 3, layouts: str | Sequence[str] = LAYOUT_NAMES
) -> st.SearchStrategy[ConvArguments]:
    """Arguments of ``tg.conv``: strides, paddings of both sides, dilations, groups and layouts.

    Parameters
    ----------
    rank
        Number of spatial axes; one or two by default.
    max_kernel
        Longest side of the weights.
    layouts
        ``"NCHW"``, ``"NHWC"`` or both.

    Examples
    --------
    >>> from hypothesis import find
    >>> found = find(conv_arguments(1), lambda c: c.options["stride"] == (2,))
    >>> len(found.x), len(found.w)
    (3, 3)
    """
    check_count("conv_arguments", "max_kernel", max_kernel, 1, "a kernel has at least one tap per axis")
    return _conv(_ranks("conv_arguments", rank), max_kernel, _layouts("conv_arguments", layouts))


@st.composite
def _pool(
    draw: st.DrawFn, ranks: st.SearchStrategy[int], max_kernel: int, kind: str, layouts: tuple[str, ...]
) -> PoolArguments:
    space = _spatial(draw, draw(ranks), max_kernel, dilated=kind == "max")
    layout = draw(st.sampled_from(layouts))
    options: dict[str, Any] = {name: space[name] for name in ("kernel", "stride", "padding")}
    options["ceil_mode"] = draw(st.booleans())
    if kind == "max":
        options["dilation"] = space["dilation"]
    else:
        options["count_include_pad"] = draw(st.booleans())
    x = (draw(st.sampled_from([1, 2, 0])), draw(st.integers(1, 2)), *space["size"])
    return PoolArguments(_laid(x, layout), {**options, "layout": layout})


def pool_arguments(
    kind: str = "max", rank: int | None = None, *, max_kernel: int = 3, layouts: str | Sequence[str] = LAYOUT_NAMES
) -> st.SearchStrategy[PoolArguments]:
    """Arguments of ``tg.max_pool`` or ``tg.avg_pool``.

    Parameters
    ----------
    kind
        ``"max"`` or ``"avg"``.
    rank, max_kernel, layouts
        As for `conv_arguments`.

    Examples
    --------
    >>> from hypothesis import find
    >>> len(find(pool_arguments("avg", 1), lambda p: p.options["ceil_mode"]).x)
    3
    """
    if kind not in {"max", "avg"}:
        raise impossible("pool_arguments", f"kind={kind!r}", "pools are 'max' or 'avg'")
    check_count("pool_arguments", "max_kernel", max_kernel, 1, "a window has at least one element per axis")
    return _pool(_ranks("pool_arguments", rank), max_kernel, kind, _layouts("pool_arguments", layouts))
