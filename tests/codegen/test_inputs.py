"""What is in the way of every call: which inputs need no reading, and which do."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tensorgraph as tg
from tensorgraph.codegen.inputs import Inputs
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.types import DTYPES


def inputs(graph: Graph) -> Inputs:
    return Inputs("kernel", graph)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_of_the_right_dtype_needs_no_reading(dtype: str) -> None:
    x = tg.placeholder(("n", 2), dtype, name="x")
    graph = Graph([x.node], [x.node])
    array = np.ones((3, 2), dtype)
    for each in (graph, pickle.loads(pickle.dumps(graph))):
        assert inputs(each).checker()(array) == ((3, 2),)
        (read,) = inputs(each).read([array], {})
        assert read is array


def test_all_inputs_are_looked_at() -> None:
    x, y = (tg.placeholder(("n",), "float32", name=name) for name in "xy")
    check = inputs(Graph([x.node, y.node], [(x + y).node])).checker()
    right = np.ones(3, np.float32)
    wrong = [np.ones(3), np.ones(6, np.float32)[::2], right.astype(">f4"), np.ma.array(right), [1.0, 2.0, 3.0]]
    assert check(right, right) == ((3,), (3,))
    for array in wrong:
        assert check(array, right) is None
        assert check(right, array) is None


def test_a_kernel_without_inputs_has_nothing_to_look_at() -> None:
    p = tg.Parameter(np.ones(2), name="p")
    kernel = tg.compile([], p * 2)
    assert inputs(kernel.graph).checker()() == ()
    assert kernel().tolist() == [2.0, 2.0]


class Sequence:
    """Numbers that NumPy can read, of a dtype that they do not name."""

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array([0.1, 0.2], dtype)


def test_only_what_has_no_dtype_may_be_rounded() -> None:
    kernel = tg.compile(x := tg.placeholder((2,), "float32", name="x"), x * 2, name="twice")
    assert kernel([0.1, 0.2]).dtype == np.float32  # Python's numbers
    for value in (np.array([0.1, 0.2]), Sequence()):
        with pytest.raises(tg.errors.InputError, match="twice: input 'x' is float32"):
            kernel(value)


def test_numbers_of_python_fit_up_to_the_last() -> None:
    kernel = tg.compile(x := tg.placeholder((2,), "int8", name="x"), x * 1, name="same")
    assert kernel([-128, 127]).tolist() == [-128, 127]
    for value in ([-129, 0], [0, 128]):
        with pytest.raises(tg.errors.InputError, match="same: input 'x' is int8"):
            kernel(value)
