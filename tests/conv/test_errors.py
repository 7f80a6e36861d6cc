"""What is said of arguments that do not fit, word for word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.errors import DTypeError, ShapeError

X, W = tg.placeholder((2, 4, 8, 8), name="x"), tg.placeholder((6, 4, 3, 3), name="w")
SIGNAL = tg.placeholder((1, 1, 2), name="signal")
LINE = tg.placeholder((1, 1, 3), name="line")
INTEGERS = "an integer of at least 1, or 2 integers"
PADDING = 'an integer of at least 0, 2 of them, 2 pairs, "same" or "valid"'

SHAPES: dict[str, tuple[Callable[[], Any], str]] = {
    "channels": (
        lambda: tg.conv(X, tg.zeros((6, 3, 3, 3))),
        "conv: float64[2, 4, 8, 8] and float64[6, 3, 3, 3] do not convolve: the input has 4 channels, and the weights "
        "take 3",
    ),
    "channels in groups": (
        lambda: tg.conv(X, W, groups=2),
        "conv: float64[2, 4, 8, 8] and float64[6, 4, 3, 3] do not convolve: the input has 4 channels, and the weights "
        "take 8 in 2 groups",
    ),
    "groups": (
        lambda: tg.conv(X, tg.zeros((6, 1, 3, 3)), groups=4),
        "conv: float64[2, 4, 8, 8] and float64[6, 1, 3, 3] do not convolve: 6 output channels do not divide into 4 "
        "groups",
    ),
    "transposed channels": (
        lambda: tg.conv_transpose(X, W),
        "conv_transpose: float64[2, 4, 8, 8] and float64[6, 4, 3, 3] do not convolve: the input has 4 channels, and "
        "the weights take 6",
    ),
    "transposed groups": (
        lambda: tg.conv_transpose(X, tg.zeros((4, 4, 3, 3)), groups=3),
        "conv_transpose: float64[2, 4, 8, 8] and float64[4, 4, 3, 3] do not convolve: 4 input channels do not divide "
        "into 3 groups",
    ),
    "too small": (
        lambda: tg.conv1d(SIGNAL, LINE),
        "conv: float64[1, 1, 2] and float64[1, 1, 3] cannot slide: the input is too small: along spatial axis 0 it "
        "has 2 and the window spans 3",
    ),
    "too small when padded": (
        lambda: tg.conv(SIGNAL, LINE, padding=1, dilation=3),
        "conv: float64[1, 1, 2] and float64[1, 1, 3] cannot slide: the input is too small: along spatial axis 0 it "
        "has 2, or 4 with its padding, and the window spans 7",
    ),
    "pool too small": (
        lambda: tg.max_pool(SIGNAL, 3),
        "max_pool: float64[1, 1, 2] cannot slide: the input is too small: along spatial axis 0 it has 2 and the window "
        "spans 3",
    ),
    "no kernel": (
        lambda: tg.conv1d(SIGNAL, tg.zeros((1, 1, 0))),
        "conv: float64[1, 1, 2] and float64[1, 1, 0] cannot slide: the window has no elements along spatial axis 0",
    ),
    "kernel of unknown size": (
        lambda: tg.conv(SIGNAL, tg.placeholder((1, 1, "k"), name="w")),
        "conv: float64[1, 1, 2] and float64[1, 1, k] need a kernel of known size, not k",
    ),
    "rank": (
        lambda: tg.conv2d(SIGNAL, LINE),
        "conv2d: float64[1, 1, 2] needs 4 axes: batch, channels and 2 spatial ones",
    ),
    "rank of the weights": (
        lambda: tg.conv(X, LINE),
        "conv: float64[2, 4, 8, 8] and float64[1, 1, 3] need equally many axes: weights are [o, c / groups, *kernel]",
    ),
    "too many axes": (
        lambda: tg.conv(tg.zeros((1,) * 6), tg.zeros((1,) * 6)),
        "conv: float64[1, 1, 1, 1, 1, 1] needs 3 to 5 axes: batch, channels and one to three spatial ones",
    ),
    "bias": (
        lambda: tg.conv2d(X, W, tg.zeros(4)),
        "conv2d: bias float64[4] must have one element per output channel, [6]",
    ),
    "stride": (lambda: tg.conv(X, W, stride=0), f"conv: stride must be {INTEGERS}, not 0"),
    "strides": (lambda: tg.conv(X, W, stride=(1, 2, 3)), f"conv: stride must be {INTEGERS}, not (1, 2, 3)"),
    "dilation": (lambda: tg.conv(X, W, dilation=1.5), f"conv: dilation must be {INTEGERS}, not 1.5"),  # type: ignore[arg-type]
    "padding": (lambda: tg.conv(X, W, padding=-1), f"conv: padding must be {PADDING}, not -1"),
    "paddings": (lambda: tg.conv(X, W, padding=(1, 2, 3)), f"conv: padding must be {PADDING}, not (1, 2, 3)"),
    "padding by name": (lambda: tg.conv(X, W, padding="full"), f"conv: padding must be {PADDING}, not 'full'"),
    "layout": (lambda: tg.conv(X, W, layout="CHWN"), 'conv: layout must be "NCHW" or "NHWC", not \'CHWN\''),
    "same padding of an unknown size": (
        lambda: tg.conv(tg.placeholder((1, 1, "n"), name="x"), LINE, stride=2, padding="same"),
        'conv: padding "same" with stride 2 needs a known size along spatial axis 0, not n',
    ),
    "output padding": (
        lambda: tg.conv_transpose(SIGNAL, LINE, stride=2, output_padding=2),
        "conv_transpose: output_padding (2,) must be less than stride (2,)",
    ),
    "nothing left": (
        lambda: tg.conv_transpose(SIGNAL, LINE, padding=2),
        "conv_transpose: float64[1, 1, 2] and float64[1, 1, 3]: padding (2, 2) leaves nothing of the result",
    ),
    "pool padding": (
        lambda: tg.max_pool(X, 2, padding=2),
        "max_pool: padding (2, 2) along spatial axis 0 is more than half a window of 2",
    ),
    "pool rank": (
        lambda: tg.avg_pool(tg.zeros((4, 4)), 2),
        "avg_pool: float64[4, 4] needs 3 to 5 axes: batch, channels and one to three spatial ones",
    ),
    "ceil mode of an unknown size": (
        lambda: tg.max_pool(tg.placeholder((1, 1, "n"), name="x"), 2, ceil_mode=True),
        "max_pool: float64[1, 1, n] has a symbolic size along spatial axis 0: ceil_mode needs known sizes",
    ),
    "adaptive of nothing": (
        lambda: tg.adaptive_max_pool(tg.zeros((1, 1, 0)), 2),
        "adaptive_max_pool: float64[1, 1, 0] has no elements along spatial axis 0: nothing to pool",
    ),
    "columns": (
        lambda: tg.fold(tg.zeros((1, 3, 4)), (5,), 2),
        "fold: float64[1, 3, 4] does not fold: 3 rows are no multiple of 2 elements",
    ),
    "windows": (
        lambda: tg.fold(tg.zeros((1, 2, 3)), (5,), 2),
        "fold: float64[1, 2, 3] does not fold: [5] has 4 windows, not 3",
    ),
}


def said(call: Callable[[], Any], error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        call()
    text, _, line = str(caught.value).rpartition(" (")
    assert line.startswith("test_errors.py:"), caught.value
    return text


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str) -> None:
    call, message = SHAPES[name]
    assert said(call, ShapeError) == message


def test_dtypes() -> None:
    flags = np.zeros((1, 1, 3), bool)
    assert said(lambda: tg.conv(flags, LINE), DTypeError) == (
        "conv: bool[1, 1, 3] and float64[1, 1, 3] cannot be convolved: bool is no number; cast with astype"
    )
    assert said(lambda: tg.max_pool(LINE.astype(complex), 2), DTypeError) == (
        "max_pool: complex128[1, 1, 3] is not supported: max_pool takes real numbers"
    )
