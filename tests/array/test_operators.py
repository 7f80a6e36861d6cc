"""Python's operators on tensors, against NumPy."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.errors import DTypeError
from tensorgraph.ir.types import DTYPES
from tests.array.lines import above

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift,
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip
UNARY = [operator.neg, operator.pos, operator.abs, operator.invert]
SCALARS = [True, 2, 0, 1.5, -3, 1j, 300]


def outcome(act: Callable[..., Any], *operands: Any) -> Any:
    """The value, or the kind of error."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = act(*operands)
            return np.asarray(value)
        except OverflowError:
            return DTypeError
        except TypeError:
            return TypeError
        except ValueError:
            return ValueError


def agree(act: Callable[..., Any], *operands: Any) -> None:
    """Tensors and arrays give the same value and dtype, or both refuse."""
    arrays = [np.asarray(o) if isinstance(o, Tensor) else o for o in operands]
    expected, found = outcome(act, *arrays), outcome(act, *operands)
    if not isinstance(expected, np.ndarray) or expected.dtype.name not in DTYPES:
        assert not isinstance(found, np.ndarray), f"NumPy refuses, we give {found!r}"
        return
    assert isinstance(found, np.ndarray), f"we refuse ({found}), NumPy gives {expected!r}"
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def sample(dtype: str) -> Any:
    return np.array([[1, 2, 0], [3, 1, 2]]).astype(dtype)


@pytest.mark.parametrize("act", BINARY)
@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("right", DTYPES)
def test_binary_operators_are_those_of_arrays(act: Callable[..., Any], left: str, right: str) -> None:
    a, b = sample(left), sample(right)[:1] + np.zeros((), right)
    agree(act, asarray(a), asarray(b))
    agree(act, asarray(a), b)
    agree(act, a, asarray(b))


@pytest.mark.parametrize("act", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_unary_operators_are_those_of_arrays(act: Callable[..., Any], dtype: str) -> None:
    if act is operator.pos and dtype == "bool":
        pytest.skip("NumPy refuses +bool; the tensor is returned")
    agree(act, asarray(sample(dtype)))


@pytest.mark.parametrize("act", BINARY)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scalar", SCALARS)
def test_python_scalars_are_weak(act: Callable[..., Any], dtype: str, scalar: complex) -> None:
    if not (act is operator.pow and dtype == "bool" and scalar == 2):  # NumPy squares that, in int8
        agree(act, asarray(sample(dtype)), scalar)
    agree(act, scalar, asarray(sample(dtype)))


@pytest.mark.parametrize("scalar", [np.float64(2), np.float32(2), np.int8(3), np.bool_(True)])
@pytest.mark.parametrize("dtype", ["int8", "float32", "uint64"])
def test_numpy_scalars_are_not_weak(scalar: Any, dtype: str) -> None:
    for act in (operator.add, operator.mul, operator.lt):
        agree(act, asarray(sample(dtype)), scalar)
        agree(act, scalar, asarray(sample(dtype)))
        assert isinstance(act(scalar, asarray(sample(dtype))), Tensor)


@given(
    st.sampled_from([operator.add, operator.sub, operator.mul, operator.le, operator.truediv]),
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0),
    st.sampled_from(["float32", "int16", "complex64"]),
    st.data(),
)
def test_operands_broadcast_as_in_numpy(
    act: Callable[..., Any], shapes: hnp.BroadcastableShapes, dtype: str, data: st.DataObject
) -> None:
    a, b = (data.draw(hnp.arrays(dtype, shape, elements=st.integers(-5, 5))) for shape in shapes.input_shapes)
    agree(act, asarray(a), asarray(b))


@given(st.sampled_from(BINARY[-6:]), st.sampled_from(DTYPES[1:9]), st.integers(-(2**70), 2**70))
def test_comparison_with_integers_out_of_range(act: Callable[..., Any], dtype: str, number: int) -> None:
    agree(act, asarray(sample(dtype)), number)


def test_a_scalar_that_does_not_fit_is_an_error_on_the_users_line() -> None:
    x = asarray(np.array([1, 2], np.uint8))
    with pytest.raises(DTypeError) as caught:
        x + 300
    assert str(caught.value) == f"add: 300 does not fit uint8; cast the tensor first ({above()})"
    with pytest.raises(DTypeError) as caught:
        -1 - x
    assert str(caught.value) == f"subtract: -1 does not fit uint8; cast the tensor first ({above()})"
    with pytest.raises(DTypeError) as caught:
        asarray(x, "float16").astype("no")
    assert str(caught.value).startswith("astype: 'no' is no data type: use one of bool, int8, ")
    assert str(caught.value).endswith(f"({above(2)})")


def test_matmul_divmod_round_and_contains() -> None:
    a: Any = np.arange(6.0).reshape(2, 3)
    b: Any = np.arange(3.0)
    assert np.array_equal((asarray(a) @ asarray(b)).numpy(), a @ b)
    assert np.array_equal((a @ asarray(b)).numpy(), a @ b)
    assert np.array_equal(([1.0, 2.0] @ asarray(a)).numpy(), [1.0, 2.0] @ a)
    assert isinstance(a @ asarray(b), Tensor)
    whole, rest = divmod(asarray([7, -7]), 3)
    assert (whole.tolist(), rest.tolist()) == ([2, -3], [1, 2])
    assert round(asarray([1.25, 2.75]), 1).tolist() == [1.2, 2.8]
    assert 2 in asarray([1, 2])
    assert 5 not in asarray([1, 2])


def test_tensors_hash_by_identity() -> None:
    x, y = asarray([1]), asarray([1])
    assert len({x, y}) == 2
    assert hash(x) == hash(x)
    assert [t is x for t in {x: 1}] == [True]
