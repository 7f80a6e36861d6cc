"""What a tensor is: known or not, cached, copied, and the errors of its use."""

from __future__ import annotations

import copy
import gc
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph.array.functions as tg
from tensorgraph.array.leaves import Parameter, placeholder
from tensorgraph.array.tensor import Tensor, asarray
from tensorgraph.array.value import PENDING
from tensorgraph.errors import DTypeError, InputError, ShapeError, SymbolicError, TensorGraphError, UnsupportedError
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant
from tensorgraph.ir.node import Node, topological
from tensorgraph.ops.custom import Custom
from tests.array.lines import above

A = np.array([[0.5, -1.0, 2.0], [3.0, 0.0, 1.0]])


# ---- symbolic tensors have no value


@pytest.mark.parametrize(
    ("ask", "asked"),
    [
        (bool, "bool()"),
        (float, "float()"),
        (int, "int()"),
        (complex, "complex()"),
        (np.asarray, "np.asarray"),
        (np.array, "np.asarray"),
        (lambda t: t.numpy(), "numpy()"),
        (lambda t: t.item(), "item()"),
        (lambda t: t.tolist(), "tolist()"),
        (np.from_dlpack, "__dlpack__"),
        (lambda t: f"{t:.2f}", "format()"),
    ],
)
def test_a_value_asked_of_a_symbolic_tensor_names_the_placeholders(ask: Callable[[Any], Any], asked: str) -> None:
    x, y = placeholder((), name="x"), placeholder((), name="other")
    with pytest.raises(SymbolicError) as caught:
        ask(x * y + x)
    text, _, place = str(caught.value).rpartition(" (")
    needs = "it depends on placeholders 'x', 'other': compile it and call, or feed values"
    assert text == f"{asked}: float64[] has no value yet, {needs}"
    assert place.startswith("test_tensor.py:")


def test_errors_name_the_line() -> None:
    x = placeholder(("batch", 3), "float32", name="x")
    with pytest.raises(SymbolicError) as caught:
        bool(x > 0)
    assert str(caught.value) == (
        "bool(): bool[batch, 3] has no value yet, it depends on placeholder 'x': "
        f"compile it and call, or feed values ({above(3)})"
    )
    with pytest.raises(SymbolicError) as caught:
        iter(x)
    assert str(caught.value) == (
        f"iteration: the first axis of float32[batch, 3] has no size yet: index or reduce it ({above(2)})"
    )
    with pytest.raises(TensorGraphError) as shape:
        x + np.ones(5)
    assert str(shape.value) == f"add: float32[batch, 3] and float64[5] do not broadcast: axis -1 is 3 and 5 ({above()})"
    with pytest.raises(UnsupportedError) as fixed:
        x[0] = 1.0
    assert str(fixed.value) == f"a Tensor does not change: write y = x.at[i].set(v) for x[i] = v ({above()})"
    with pytest.raises(ShapeError) as truth:
        bool(asarray([1, 2]))
    assert str(truth.value) == f"bool(): int64[2] has 2 truth values: use any() or all() ({above()})"
    with pytest.raises(DTypeError) as index:
        range(asarray(1.5))
    assert str(index.value) == f"index: float64[] is no integer ({above()})"


def test_length_and_iteration() -> None:
    assert len(asarray(A)) == 2
    assert [row.tolist() for row in asarray(A)] == A.tolist()
    assert len(placeholder((4, "n"), name="x")) == 4
    assert [t.shape for t in placeholder((2, 3), name="x")] == [(3,), (3,)]
    with pytest.raises(ValueError, match="dimension batch has no value yet"):
        len(placeholder(("batch",), name="x"))
    with pytest.raises(TypeError, match=r"^len\(\) of a tensor with no axes$"):
        len(asarray(1.0))
    with pytest.raises(TypeError, match=r"^iteration over a tensor with no axes$"):
        iter(asarray(1.0))


@pytest.mark.parametrize("value", [object(), "text", [[1, 2], [3]], None, {"a": 1}])
def test_what_is_no_array_of_numbers(value: object) -> None:
    with pytest.raises(
        UnsupportedError, match=rf"^asarray: {re.escape(repr(value))} is no array of numbers.* \(test_tensor"
    ):
        asarray(value)  # type: ignore[arg-type]


def test_text_of_tensors() -> None:
    x = placeholder(("batch", 3), "float32", name="x")
    assert repr(x) == "<Tensor 'x': float32[batch, 3]>"
    assert repr(tg.exp(x)) == str(tg.exp(x)) == "<Tensor of exp: float32[batch, 3]>"
    assert repr(asarray([1.0, 2.0])) == "Tensor([1., 2.], float64)"
    assert f"{asarray(2.5):.2f} {asarray(2)}" == "2.50 2"


# ---- concrete tensors


def counted() -> tuple[list[int], Tensor]:
    calls = [0]

    def double(x: Any) -> Any:
        calls[0] += 1
        return x * 2

    return calls, Tensor(Node(Custom(double, None, None), asarray(A).node))


def test_a_value_is_computed_once() -> None:
    calls, t = counted()
    assert calls == [0]
    np.testing.assert_array_equal(t, A * 2)
    assert (float(t[0, 0]), str(t) != "", t.tolist()) == (1.0, True, (A * 2).tolist())
    np.testing.assert_array_equal(tg.exp(t).numpy(), np.exp(A * 2))
    assert calls == [1]


def test_values_cannot_be_written() -> None:
    t = asarray(A) * 2
    with pytest.raises(ValueError, match="read-only"):
        t.numpy()[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(asarray(A))[0] = 1
    fresh = np.array(t)
    fresh[0] = 7
    assert t.tolist() == (A * 2).tolist()


def test_asarray_copies_unless_told() -> None:
    array = A.copy()
    copied, shared = asarray(array), asarray(array, copy=False)
    array[0, 0] = 9
    assert (float(copied[0, 0]), float(shared[0, 0])) == (0.5, 9.0)
    assert asarray(copied) is copied
    assert asarray(copied, "float32").dtype == np.float32
    assert np.asarray(copied, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match=r"^a float64 tensor cannot become float32 without a copy$"):
        np.asarray(copied, dtype=np.float32, copy=False)
    assert array.flags.writeable


def test_dlpack() -> None:
    t = asarray(A) + 1
    taken = np.from_dlpack(t)
    np.testing.assert_array_equal(taken, A + 1)
    assert not np.shares_memory(taken, t.numpy())


def test_a_concrete_loop_drops_its_history() -> None:
    t = asarray(1.0)
    deepest = 0
    for _ in range(5 * PENDING):
        t = t * 1.0 + 1.0
        deepest = max(deepest, t.node.depth)
    assert deepest <= PENDING + 1
    assert float(t) == 1.0 + 5 * PENDING


def test_history_with_placeholders_or_parameters_is_kept() -> None:
    for start in (placeholder((), name="x"), Parameter(1.0, name="w")):
        t: Tensor = start
        for _ in range(PENDING + 10):
            t = t + 1.0
        assert len(topological([t.node])) > PENDING
        assert not isinstance(t.node.op, Constant)


def test_a_long_concrete_chain_frees_what_it_passed() -> None:
    t = asarray(np.zeros(10_000))
    for _ in range(3 * PENDING):
        t = t + 1.0
    gc.collect()
    kept = sum(node.memo is not None for node in topological([t.node]))
    assert kept <= 1
    assert t.numpy()[0] == 3 * PENDING


# ---- parameters


def test_parameters_are_never_cached() -> None:
    w = Parameter([1.0, 2.0], name="w")
    y = w * 2
    assert y.tolist() == [2, 4]
    w.assign([5.0, 6.0])
    assert (w.tolist(), y.tolist(), float(tg.sum(w))) == ([5, 6], [10, 12], 11.0)
    assert y.node.memo is None


def test_parameters() -> None:
    weight = Parameter([[1, 2]])
    assert (weight.name, weight.dtype, weight.trainable) == ("weight", np.dtype("float32"), True)
    assert Parameter(np.ones(2)).dtype == np.float64
    assert Parameter(1, dtype="int64", trainable=False).trainable is False
    with pytest.raises(ShapeError) as caught:
        weight.assign([1.0])
    assert str(caught.value) == f"parameter 'weight' is float32[1, 2] and cannot take a value of shape [1] ({above()})"
    source = np.ones(2)
    kept = Parameter(source)
    source[0] = 9
    assert kept.tolist() == [1, 1]


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copies_share_what_was_shared(duplicate: Callable[[Any], Any]) -> None:
    w, x = Parameter([1.0, 2.0], name="w"), placeholder((2,), name="x")
    y = tg.exp(w * x)
    twin_w, twin_x, twin_y, value = duplicate((w, x, y, asarray(A) + 1))
    assert isinstance(twin_w, Parameter)
    assert (twin_w.name, twin_w.tolist()) == ("w", [1, 2])
    assert Graph([twin_x.node], [twin_y.node]).variables == (twin_w.node,)
    assert value.tolist() == (A + 1).tolist()
    twin_w.assign([7.0, 8.0])
    assert w.tolist() == [1, 2]


# ---- placeholders


def test_a_placeholder_takes_the_name_of_its_variable() -> None:
    images = placeholder(("batch", 784), "float32")
    assert repr(images) == "<Tensor 'images': float32[batch, 784]>"
    assert [repr(t) for t in [placeholder(3)]] == ["<Tensor 'x': float64[3]>"]
    assert placeholder("n", int).dtype == np.int64


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            ((3, -1), None, "x"),
            ShapeError,
            "placeholder: [3, -1] has a negative size; name an unknown size, such as 'batch'",
        ),
        (((3, 1.5), None, "x"), ShapeError, "1.5 is no dimension: use a size of at least 0 or a name such as 'batch'"),
        ((("2 n",), None, "x"), TensorGraphError, "'2 n' is no dimension: use a number, a name, or arithmetic of them"),
        (((3,), None, ""), InputError, "placeholder: the name is empty"),
    ],
)
def test_placeholders_that_are_none(arguments: tuple[Any, Any, str], kind: type[Exception], message: str) -> None:
    shape, dtype, name = arguments
    with pytest.raises(kind) as caught:
        placeholder(shape, dtype, name=name)
    assert str(caught.value) == f"{message} ({above()})"


# ---- methods


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.T, lambda t: t.mT, lambda t: t.real, lambda t: t.astype("int8"), lambda t: t.reshape(3, 2),
        lambda t: t.reshape((-1,)), lambda t: t.transpose(), lambda t: t.transpose(1, 0), lambda t: t.transpose((0, 1)),
        lambda t: t.flatten(), lambda t: t.ravel(), lambda t: t[:1].squeeze(0), lambda t: t.swapaxes(0, 1),
        lambda t: t.sum(0),
        lambda t: t.sum(1, keepdims=True), lambda t: t.prod(axis=1), lambda t: t.mean(), lambda t: t.var(0, ddof=1),
        lambda t: t.std(1), lambda t: t.max(0), lambda t: t.min(1, keepdims=True), lambda t: t.argmax(),
        lambda t: t.argmin(1),
        lambda t: t.any(0), lambda t: t.all(), lambda t: t.clip(0.0, 1.0), lambda t: t.round(1), lambda t: t.conj(),
        lambda t: t.dot(np.ones(3)), lambda t: t.take([1, 0], axis=1), lambda t: t.imag, lambda t: t.clip(min=0.0),
    ],
)  # fmt: skip
def test_methods_are_those_of_arrays(call: Callable[[Any], Any]) -> None:
    expected = np.asarray(call(A) if hasattr(A, "mT") else A)
    found = call(asarray(A))
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_sizes() -> None:
    x = placeholder(("n", 3), name="x")
    assert (str(x.shape), x.ndim, str(x.size), x.concrete) == ("(n, 3)", 2, "3*n", False)
    assert asarray(A).concrete
