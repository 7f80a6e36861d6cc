"""NumPy's functions and ufuncs on tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph
from tensorgraph.array.leaves import placeholder
from tensorgraph.array.numpy_functions import FUNCTIONS
from tensorgraph.array.numpy_library import LIBRARY
from tensorgraph.array.protocol import REDUCTIONS, UFUNCS
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.errors import DTypeError, UnsupportedError
from tests.array.lines import above

A = np.array([[0.25, -0.5, 0.75], [0.5, 0.125, -0.25]])
B = np.array([[2.0, 1.0, 3.0]])
K = np.array([[3, 1, 2], [5, 7, 0]])
V = np.array([1.0, -2.0, 3.0])
Call = Callable[[Any], Any]

CALLS: dict[str, Call] = {
    "all": lambda t: np.all(t, axis=1),
    "allclose": lambda t: np.allclose(t, A + 1e-12),
    "amax": lambda t: np.amax(t, 0),
    "amin": lambda t: np.amin(t, axis=1, keepdims=True),
    "any": lambda t: np.any(t, axis=0, keepdims=True),
    "argmax": lambda t: np.argmax(t, 1),
    "argmin": lambda t: np.argmin(t, axis=0, keepdims=True),
    "around": lambda t: np.around(t, 1),
    "array_equal": lambda t: np.array_equal(t, A),
    "astype": lambda t: np.astype(t, np.float32),
    "atleast_1d": lambda t: np.atleast_1d(t, 3.0),
    "atleast_2d": lambda t: np.atleast_2d(t[0]),
    "broadcast_arrays": lambda t: np.broadcast_arrays(t, B),
    "broadcast_to": lambda t: np.broadcast_to(t, (4, 2, 3)),
    "clip": lambda t: np.clip(t, -0.25, 0.5),
    "column_stack": lambda t: np.column_stack((t[0], t[1])),
    "concatenate": lambda t: np.concatenate([t, A], axis=1),
    "copy": np.copy,
    "count_nonzero": lambda t: np.count_nonzero(t, axis=1),
    "diagonal": lambda t: np.diagonal(t, 1),
    "dot": lambda t: np.dot(t, V),
    "einsum": lambda t: np.einsum("ij,j->i", t, V, optimize=True),
    "empty_like": lambda t: np.empty_like(t).shape,
    "expand_dims": lambda t: np.expand_dims(t, (0, 2)),
    "flip": lambda t: np.flip(t, 1),
    "full_like": lambda t: np.full_like(t, 7, dtype=np.int8),
    "hstack": lambda t: np.hstack([t, A]),
    "imag": lambda t: np.imag(t * 1j),
    "inner": lambda t: np.inner(t, A),
    "isclose": lambda t: np.isclose(t, A + np.array([1e-12, 1, np.nan]), equal_nan=True),
    "iscomplexobj": np.iscomplexobj,
    "linalg.matmul": lambda t: np.linalg.matmul(t, A.T),
    "linalg.matrix_norm": lambda t: np.linalg.matrix_norm(t, ord=np.inf),
    "linalg.matrix_transpose": np.linalg.matrix_transpose,
    "linalg.norm": lambda t: np.linalg.norm(t, axis=1),
    "linalg.outer": lambda t: np.linalg.outer(t[0], V),
    "linalg.tensordot": lambda t: np.linalg.tensordot(t, A, axes=2),
    "linalg.vecdot": lambda t: np.linalg.vecdot(t, V),
    "linalg.vector_norm": lambda t: np.linalg.vector_norm(t, axis=0, ord=1),
    "matrix_transpose": np.matrix_transpose,
    "max": lambda t: np.max(t, (0, 1)),
    "mean": lambda t: np.mean(t, axis=0, dtype=np.float32),
    "meshgrid": lambda t: np.meshgrid(t[0], V, indexing="ij"),
    "min": lambda t: np.min(t, axis=-1),
    "moveaxis": lambda t: np.moveaxis(t, 0, -1),
    "nan_to_num": lambda t: np.nan_to_num(np.where(t > 0, t, np.nan), nan=9.0),
    "ndim": np.ndim,
    "ones_like": lambda t: np.ones_like(t, dtype=int),
    "outer": lambda t: np.outer(t, V),
    "pad": lambda t: np.pad(t, ((1, 0), (2, 1)), constant_values=3),
    "prod": lambda t: np.prod(t, axis=1),
    "ravel": np.ravel,
    "real": np.real,
    "reshape": lambda t: np.reshape(t, (3, -1)),
    "result_type": lambda t: np.result_type(t, np.complex64),
    "round": lambda t: np.round(t, decimals=1),
    "shape": np.shape,
    "sinc": np.sinc,
    "size": lambda t: (np.size(t), np.size(t, 1)),
    "split": lambda t: np.split(t, [1], axis=1),
    "squeeze": lambda t: np.squeeze(t[:, :1], axis=1),
    "stack": lambda t: np.stack([t, A], axis=-1),
    "std": lambda t: np.std(t, axis=0, ddof=1),
    "sum": lambda t: np.sum(t, 0, keepdims=True),
    "swapaxes": lambda t: np.swapaxes(t, 0, 1),
    "take": lambda t: np.take(t, [2, 0], axis=1),
    "take_along_axis": lambda t: np.take_along_axis(t, K % 2, axis=0),
    "tensordot": lambda t: np.tensordot(t, A, axes=([1], [1])),
    "trace": np.trace,
    "transpose": lambda t: (np.transpose(t), np.transpose(t, (0, 1))),
    "tril": lambda t: np.tril(t, -1),
    "triu": lambda t: np.triu(t, k=1),
    "unstack": lambda t: np.unstack(t, axis=1),
    "var": lambda t: np.var(t, axis=(0, 1), ddof=1, keepdims=True),
    "vdot": lambda t: np.vdot(t, A),
    "vstack": lambda t: np.vstack([t, V]),
    "where": lambda t: np.where(t > 0, t, 0.0),
    "zeros_like": lambda t: np.zeros_like(t, shape=(2, 2)),
}


def name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__name__}".removeprefix("numpy.")


def check(found: Any, expected: Any) -> None:
    if isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            check(a, b)
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert isinstance(found, Tensor), f"{type(found)} instead of a tensor"
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found.numpy(), np.asarray(expected), rtol=1e-6)
    else:
        assert bool(found == expected)


def test_every_function_of_the_table_is_called_here() -> None:
    assert sorted(name(f) for f in FUNCTIONS if f not in LIBRARY) == sorted(CALLS)  # those: tests/library/test_numpy.py


@pytest.mark.parametrize("key", CALLS)
def test_functions_agree_with_numpy(key: str) -> None:
    check(CALLS[key](asarray(A)), CALLS[key](A))


def operands(ufunc: np.ufunc) -> list[np.ndarray]:
    if ufunc is np.matmul:
        return [A, A.T]
    kind: Any = float
    if ufunc.__name__.startswith(("bitwise", "left", "right", "invert")):
        kind = int
    values = [K.astype(kind) + 1, np.array([[2, 1, 3]]).astype(kind)]
    if ufunc in (np.arccos, np.arcsin, np.arctanh):
        values = [A]
    return values[: ufunc.nin]


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: str(u.__name__))
def test_ufuncs_record_and_agree_with_numpy(ufunc: np.ufunc) -> None:
    arrays = operands(ufunc)
    check(ufunc(*map(asarray, arrays)), ufunc(*arrays))
    if ufunc.nin == 2:
        check(ufunc(arrays[0], asarray(arrays[1])), ufunc(*arrays))
        check(ufunc(asarray(arrays[0]), arrays[1].tolist()), ufunc(*arrays))
    x = placeholder(arrays[0].shape, arrays[0].dtype, name="x")
    found = ufunc(x, *arrays[1:])
    assert all(not t.concrete for t in (found if isinstance(found, tuple) else (found,)))


@pytest.mark.parametrize("ufunc", REDUCTIONS, ids=lambda u: str(u.__name__))
@pytest.mark.parametrize("array", [A, K.astype(np.int8), A > 0, np.array(2.0)], ids=["float", "int8", "bool", "scalar"])
def test_reduce_agrees_with_numpy(ufunc: np.ufunc, array: Any) -> None:
    t = asarray(array)
    check(ufunc.reduce(t), ufunc.reduce(array))
    check(ufunc.reduce(t, axis=None), ufunc.reduce(array, axis=None))
    if array.ndim:
        check(ufunc.reduce(t, axis=1, keepdims=True), ufunc.reduce(array, axis=1, keepdims=True))
        check(ufunc.reduce(t, (0, 1)), ufunc.reduce(array, (0, 1)))
    if ufunc is np.add:
        check(np.add.reduce(t, dtype=np.float32), np.add.reduce(array, dtype=np.float32))


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.arctan2, np.less])
def test_outer_agrees_with_numpy(ufunc: np.ufunc) -> None:
    check(ufunc.outer(asarray(A), V), ufunc.outer(A, V))
    check(ufunc.outer(V, asarray(A)), ufunc.outer(V, A))
    check(ufunc.outer(asarray(2.0), asarray(V)), ufunc.outer(2.0, V))


def test_dtype_casts_the_operands() -> None:
    check(np.add(asarray(A), 1, dtype=np.float32), np.add(A, 1, dtype=np.float32))
    check(np.multiply(asarray(K), asarray(K), dtype="float32"), np.multiply(K, K, dtype="float32"))
    with pytest.raises(DTypeError) as caught:
        np.add(asarray(A), 1, dtype=np.int64)
    assert str(caught.value) == (
        f"np.add(dtype=int64): float64[2, 3] is not of the same kind; cast it with astype ({above(2)})"
    )


def test_arguments_that_ask_for_nothing_are_taken() -> None:
    check(np.add(asarray(A), 1, out=None, where=True, casting="same_kind", dtype=None), A + 1)
    check(np.sum(asarray(A), axis=0, out=None, where=True), A.sum(0))
    check(np.einsum("ij->i", asarray(A), optimize="greedy"), A.sum(1))


def refused(case: str) -> Callable[[], object]:
    t, array = asarray(A), A.copy()
    table: dict[str, Callable[[], object]] = {
        "out": lambda: np.add(t, 1, out=array),
        "in place": lambda: array.__iadd__(t),
        "where": lambda: np.add(t, 1, where=A > 0),
        "casting": lambda: np.add(t, 1, casting="unsafe"),
        "ufunc": lambda: np.heaviside(t, 1.0),
        "accumulate": lambda: np.add.accumulate(t),
        "at": lambda: np.add.at(array, (0, 0), t),
        "reduce": lambda: np.subtract.reduce(t),
        "initial": lambda: np.add.reduce(t, initial=1.0),
        "equal dtype": lambda: np.equal(t, 1, dtype=np.float64),
        "reciprocal": lambda: np.reciprocal(asarray([1, 2])),
        "function": lambda: np.linalg.svd(t),
        "unique": lambda: np.unique(t),
        "nonzero": lambda: np.where(t > 0),
        "put": lambda: np.put(t, 0, 1),  # type: ignore[arg-type]
        "copyto": lambda: np.copyto(array, t),
        "keyword": lambda: np.sum(t, initial=1.0),
        "order": lambda: np.reshape(t, 6, order="F"),
        "einsum": lambda: np.einsum(t, [0, 1], [0]),
        "version": lambda: t.__array_namespace__(api_version="1999.12"),
    }
    return table[case]


INSTEAD = "call it on arrays (t.numpy() of a tensor whose value is known), or wrap it with tensorgraph.custom_op"
SHAPE = "the shape of its result depends on values; keep the shape with where(mask, x, 0)"
PLACE = "an array cannot take a tensor in place; write x = x + t for x += t, and leave out= away"
CHANGE = "a tensor does not change; write y = x.at[i].set(v), or .add(v)"


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("out", f"np.add(out=) is not supported on tensors: {PLACE}"),
        ("in place", f"np.add(out=) is not supported on tensors: {PLACE}"),
        ("where", "np.add(where=) is not supported on tensors: leave the argument away; choose with where(mask, x, y)"),
        ("casting", "np.add(casting=) is not supported on tensors: leave the argument away"),
        ("ufunc", f"np.heaviside is not supported on tensors: {INSTEAD}"),
        ("accumulate", f"np.add.accumulate is not supported on tensors: {INSTEAD}"),
        ("at", f"np.add.at is not supported on tensors: {CHANGE}"),
        ("reduce", f"np.subtract.reduce is not supported on tensors: {INSTEAD}"),
        ("initial", "np.add.reduce(initial=) is not supported on tensors: leave the argument away"),
        (
            "equal dtype",
            "np.equal(dtype=float64) is not supported on tensors: its result is bool; cast that with astype",
        ),
        ("reciprocal", "np.reciprocal of int64 is not supported on tensors: it rounds to integers; write 1 / x"),
        ("function", f"np.linalg.svd is not supported on tensors: {INSTEAD}"),
        ("unique", f"np.unique is not supported on tensors: {SHAPE}"),
        ("nonzero", f"np.where(condition) is not supported on tensors: {SHAPE}"),
        ("put", f"np.put is not supported on tensors: {CHANGE}"),
        (
            "copyto",
            "np.copyto is not supported on tensors: a tensor cannot be written into an array; "
            "write y = x.numpy() of one whose value is known",
        ),
        (
            "keyword",
            "np.sum: unexpected keyword argument 'initial'; "
            "on tensors it is np.sum(a, axis=None, dtype=None, *, keepdims=False)",
        ),
        ("order", "np.reshape(order='F') is not supported on tensors: transpose first"),
        (
            "einsum",
            "np.einsum with lists of axes is not supported on tensors: write the axes as text, such as 'ij,jk->ik'",
        ),
        (
            "version",
            "__array_namespace__: version '1999.12' of the Array API is not known: "
            "use one of 2021.12, 2022.12, 2023.12, 2024.12",
        ),
    ],
)
def test_what_is_not_supported_says_what_to_do(case: str, message: str) -> None:
    call = refused(case)
    with pytest.raises(UnsupportedError) as caught:
        call()
    text, _, place = str(caught.value).rpartition(" (")
    assert text == message
    assert place.startswith("test_protocol.py:")


def test_an_array_that_is_added_to_in_place_is_unchanged() -> None:
    array = A.copy()
    with pytest.raises(UnsupportedError):
        array += asarray(A)
    assert np.array_equal(array, A)
    assert array.dtype == A.dtype


def test_arrays_of_tensors_are_no_object_arrays() -> None:
    t = asarray(2.0)
    assert np.array([t, t]).dtype == np.float64
    assert isinstance(A * t, Tensor)
    assert isinstance(np.float32(2) * t, Tensor)


def test_the_namespace_is_the_package() -> None:
    assert asarray(A).__array_namespace__() is tensorgraph
    assert asarray(A).__array_namespace__(api_version="2023.12") is sys.modules["tensorgraph"]
