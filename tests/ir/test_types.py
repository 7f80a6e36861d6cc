"""Types, shapes and broadcasting."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.errors import DTypeError, ShapeError
from tensorgraph.ir.dims import Dim
from tensorgraph.ir.types import DTYPES, TensorType, as_dtype, as_shape, broadcast_shapes, scalar_dtype

n, m = Dim.symbol("n"), Dim.symbol("m")
DIMS = st.one_of(st.integers(0, 9), st.sampled_from([n, m, 2 * n + 1, n * m, (n + 1) // 2, n - 1]))
TYPES = st.builds(
    lambda dtype, shape: TensorType(as_dtype(dtype), tuple(shape)), st.sampled_from(DTYPES), st.lists(DIMS, max_size=4)
)


@pytest.mark.parametrize("name", DTYPES)
def test_a_dtype_is_the_object_that_numpy_keeps_of_it(name: str) -> None:
    dtype = np.dtype(name)
    assert all(as_dtype(each) is dtype for each in (name, dtype, dtype.type, dtype.newbyteorder(), dtype.str))


@given(TYPES)
def test_text_reads_back(kind: TensorType) -> None:
    assert TensorType.parse(str(kind)) == kind


@given(TYPES)
def test_pickle_hash_and_key_agree(kind: TensorType) -> None:
    again = pickle.loads(pickle.dumps(kind))
    assert again == kind
    assert hash(again) == hash(kind)
    assert again.key() == kind.key()


@given(TYPES, TYPES)
def test_types_are_equal_as_their_texts_are(a: TensorType, b: TensorType) -> None:
    assert (a == b) == (str(a) == str(b))
    assert (a.key() == b.key()) == (a == b)


@given(st.lists(st.lists(st.sampled_from([1, 1, 2, 3]), max_size=3), min_size=1, max_size=3))
def test_known_shapes_broadcast_as_in_numpy(shapes: list[list[int]]) -> None:
    given_shapes = [tuple(s) for s in shapes]
    try:
        expected = np.broadcast_shapes(*given_shapes)
    except ValueError:
        with pytest.raises(ShapeError):
            broadcast_shapes(*given_shapes)
    else:
        assert broadcast_shapes(*given_shapes) == expected


def test_a_symbol_broadcasts_with_itself_and_with_one() -> None:
    assert str(broadcast_shapes((n, 3), (1, 3), (n, 1))) == "(n, 3)"
    assert str(broadcast_shapes((n,), (2, 1, 1))) == "(2, 1, n)"


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 4), (5,)), "do not broadcast: axis -1 is 4 and 5"),
        (
            ((n, 3), (m, 3)),
            "do not broadcast: axis -2 is n and m; a symbolic size broadcasts only with itself and with 1",
        ),
        (((n,), (3,)), "do not broadcast: axis -1 is n and 3; a symbolic size broadcasts only with itself and with 1"),
        (((0,), (n,)), "do not broadcast: axis -1 is 0 and n; a symbolic size broadcasts only with itself and with 1"),
    ],
)
def test_shapes_that_do_not_broadcast(shapes: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        broadcast_shapes(*shapes)
    assert str(caught.value) == message


def test_sizes() -> None:
    kind = TensorType(np.dtype("float32"), as_shape(("batch", 3)))
    assert str(kind) == "float32[batch, 3]"
    assert str(kind.size) == "3*batch"
    assert str(kind.nbytes) == "12*batch"
    assert kind.symbolic
    assert kind.with_sizes({"batch": 5}) == TensorType(np.dtype("float32"), (5, 3))
    assert as_shape(3) == (3,)
    assert as_shape("n + 1")[0] == n + 1
    assert as_shape((np.int64(3), n)) == (3, n)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scalar", [True, 1, 1.0, 1j])
def test_scalars_are_weak_as_in_numpy(dtype: str, scalar: complex) -> None:
    assert scalar_dtype(np.dtype(dtype), scalar) == (np.zeros(1, dtype) + scalar).dtype or scalar is True
    assert scalar_dtype(np.dtype(dtype), scalar) == np.result_type(np.dtype(dtype), scalar)


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("nothing", f"'nothing' is no data type: use one of {', '.join(DTYPES)}"),
        ("longdouble", f"data type {np.dtype('longdouble').name} is not supported: use one of {', '.join(DTYPES)}"),
        ("U3", f"data type str96 is not supported: use one of {', '.join(DTYPES)}"),
        (object, f"data type object is not supported: use one of {', '.join(DTYPES)}"),
    ],
)
def test_dtypes_that_are_not_ours(dtype: Any, message: str) -> None:
    with pytest.raises(DTypeError) as caught:
        as_dtype(dtype)
    assert str(caught.value) == message


@pytest.mark.parametrize("item", [1.5, True, None, [2]])
def test_what_is_no_dimension(item: Any) -> None:
    with pytest.raises(ShapeError) as caught:
        as_shape((item,))
    assert str(caught.value) == f"{item!r} is no dimension: use a size of at least 0 or a name such as 'batch'"


def test_byte_order_is_native() -> None:
    assert as_dtype(">f4") == np.dtype("float32")
    assert as_dtype(">f4").isnative


def test_a_type_does_not_change() -> None:
    kind = TensorType(np.dtype("float32"), (3,))
    with pytest.raises(AttributeError, match=r"^a TensorType does not change: cannot set 'shape'$"):
        kind.shape = (4,)
