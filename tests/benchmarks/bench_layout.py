"""Products with a weight stored as ``[out, in]``, which is read transposed, and as ``[in, out]``."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.timing import Result, ratio

SIZES = ((784, 16), (784, 512), (512, 512))


def run(smoke: bool = False) -> Result:
    """Ratios of the second to the first, of the forward product and both gradients."""
    found: Result = {}
    rng = np.random.default_rng(0)
    rounds = 2 if smoke else 60
    for batch in (2,) if smoke else (1, 32, 256):
        for rows, width in SIZES[:1] if smoke else SIZES:
            x, d = rng.random((batch, rows), np.float32), rng.random((batch, width), np.float32)
            w = rng.random((width, rows), np.float32)
            v = np.ascontiguousarray(w.T)
            y, g = np.empty_like(d), np.empty_like(x)
            dw, dv = np.empty_like(w), np.empty_like(v)
            pairs = {
                "x @ w": (lambda x=x, v=v, y=y: np.dot(x, v, y), lambda x=x, w=w, y=y: np.dot(x, w.T, y)),
                "gradient of x": (lambda d=d, v=v, g=g: np.dot(d, v.T, g), lambda d=d, w=w, g=g: np.dot(d, w, g)),
                "gradient of w": (
                    lambda x=x, d=d, dv=dv: np.dot(x.T, d, dv), lambda x=x, d=d, dw=dw: np.dot(d.T, x, dw),
                ),
            }  # fmt: skip
            for name, (turned, plain) in pairs.items():
                label = f"batch {batch}, {rows} x {width}, {name}: [in, out] / [out, in]"
                found[label] = ratio(turned, plain, rounds)
    return found
