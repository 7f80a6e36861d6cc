"""Properties that surviving mutants showed to be missing."""

from __future__ import annotations

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.interpret import evaluate

BOUNDS = (None, 0, 1, 3, 7, -1, -2, -7)


@pytest.mark.parametrize("step", [None, 1, 2, 3, -1, -2, -3])
def test_slices_of_a_symbolic_axis(step: int | None) -> None:
    """Of every kind of bound; the length that the type states is the one that comes out."""
    x = tg.placeholder(("n",), "float64", name="x")
    for start in BOUNDS:
        for stop in BOUNDS:
            y = x[start:stop:step]
            for size in (0, 1, 2, 5, 8):
                value = np.arange(float(size))
                (found,) = evaluate([y.node], {x.node: value})
                np.testing.assert_array_equal(found, value[start:stop:step], err_msg=f"{start}:{stop}:{step} of {size}")
