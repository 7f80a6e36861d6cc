"""Random programs over all kinds of operations, and comparison by bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import tensorgraph as tg
from tensorgraph.codegen.kernel import Kernel
from tensorgraph.interpret.evaluate import evaluate_graph
from tensorgraph.ir.types import TensorType
from tensorgraph.rewrite.tiers import differs_by_laws
from tensorgraph.testing.equivalence import laws_used


def same_bits(got: Any, expected: Any) -> bool:
    """Whether arrays have the same bits. Of NaN only the places count: which sign it has NumPy leaves open."""
    got, expected = np.array(got), np.array(expected)
    if got.dtype != expected.dtype or got.shape != expected.shape:
        return False
    if got.dtype.kind in "fc":
        missing = np.isnan(got)
        if not np.array_equal(missing, np.isnan(expected)):
            return False
        got[missing] = expected[missing] = 0
    return got.tobytes() == expected.tobytes()


def assert_same_bits(got: Sequence[Any], expected: Sequence[Any]) -> None:
    assert len(got) == len(expected)
    for i, (a, b) in enumerate(zip(got, expected, strict=True)):
        assert same_bits(a, b), f"result {i}: {np.asarray(a)!r} is not {np.asarray(b)!r}"


class Program(NamedTuple):
    inputs: list[tg.Tensor]
    outputs: list[tg.Tensor]
    updates: list[tuple[tg.Parameter, tg.Tensor]]

    def graph(self) -> tg.Graph:
        return tg.Graph(
            [x.node for x in self.inputs],
            [y.node for y in self.outputs],
            [(p.node, value.node) for p, value in self.updates],
        )

    def feeds(self, rng: np.random.Generator, size: int) -> list[np.ndarray]:
        arrays = []
        for x in self.inputs:
            shape = x.node.type.with_sizes({"n": size}).shape
            values = rng.normal(size=shape) if x.dtype.kind == "f" else rng.integers(0, 3, shape)
            arrays.append(values.astype(x.dtype))
        return arrays

    def expected(self, arrays: Sequence[np.ndarray], kernel: Kernel) -> tuple[list[Any], list[Any]]:
        """What the graph that was compiled computes; laws may have moved it no farther than their tiers say."""
        assert differs_by_laws(self.graph(), kernel.graph, laws_used(kernel.stages), arrays) is None
        outputs, values = evaluate_graph(kernel.graph, arrays)
        return [np.array(y) for y in outputs], [np.array(v) for v in values]


def echo(x):
    return x


def flipped(x):
    return x[::-1]


def halves(x):
    return x / 2, x[..., :1]


ECHO = tg.custom_op(echo)
FLIPPED = tg.custom_op(flipped)
HALVES = tg.custom_op(halves, infer=lambda t: (t, TensorType(t.dtype, (*t.shape[:-1], 1))))

UNARY: list[Callable[[tg.Tensor], tg.Tensor]] = [
    tg.exp, tg.tanh, tg.sin, tg.sigmoid, tg.relu, tg.softplus, tg.abs, tg.negative, tg.floor, tg.sign, tg.stop_gradient,
    lambda x: 2 * x, lambda x: 1 - x, lambda x: x**2, lambda x: tg.clip(x, -1, 1),
    lambda x: tg.where(x > 0, x, 0.5 * x),
    lambda x: tg.astype(tg.astype(x, "float32"), x.dtype), lambda x: tg.astype(x > 0, x.dtype), tg.softmax,
    lambda x: tg.logsumexp(x, axis=-1, keepdims=True) + x, lambda x: x - tg.mean(x, axis=0), ECHO, FLIPPED,
    lambda x: sum(HALVES(x)), lambda x: tg.flip(x, axis=-1),
    lambda x: x / (1 + tg.max(tg.abs(x), axis=-1, keepdims=True)),
]  # fmt: skip
BINARY: list[Callable[[tg.Tensor, tg.Tensor], tg.Tensor]] = [
    tg.add, tg.subtract, tg.multiply, tg.maximum, tg.minimum, tg.hypot, tg.logaddexp, tg.atan2,
    lambda x, y: x / (tg.abs(y) + 1), lambda x, y: tg.where(x < y, x, y)
]  # fmt: skip
MATRIX: list[Callable[[tg.Tensor], tg.Tensor]] = [
    lambda x: x @ tg.matrix_transpose(x), lambda x: tg.matrix_transpose(x) @ x, tg.matrix_transpose,
    lambda x: tg.sum(tg.exp(tg.matrix_transpose(x)), axis=0),
    lambda x: tg.sum(tg.sigmoid(tg.matrix_transpose(x)), axis=0),
    lambda x: tg.reshape(x, (-1,)), lambda x: tg.concat([x, x * 2], axis=1), lambda x: x[:, 1:], lambda x: x[:, ::-1],
    lambda x: x[:, [2, 0]], lambda x: tg.sum(x, axis=1), lambda x: tg.prod(x, axis=1), lambda x: tg.sum(x, axis=(0, 1)),
    lambda x: x.at[:, 0].set(0.5), lambda x: x.at[:, [0, 0]].add(x[:, :2]), lambda x: tg.expand_dims(x, 1)[:, 0],
    lambda x: tg.pad(x, ((0, 0), (1, 1))), lambda x: tg.squeeze(tg.expand_dims(x, 0), 0),
    lambda x: tg.take(x, [1, 1, 0], axis=1), lambda x: tg.einsum("ij,kj->ik", x, x),
    lambda x: tg.argmax(x, axis=1) * 0.25,
    tg.mean, lambda x: tg.sum(tg.permute_dims(x[:, :, None] * x[:, None, :], (2, 0, 1)), axis=1),
]  # fmt: skip


def random_program(seed: int, symbolic: bool, length: int = 14) -> Program:
    rng = np.random.default_rng(seed)
    n = "n" if symbolic else 4
    dtype = str(rng.choice(["float32", "float64"]))
    inputs = [
        tg.placeholder((n, 3), dtype, name="x"),
        tg.placeholder((3,), dtype, name="y"),
        tg.placeholder((n, 3), "int64", name="k"),
    ]
    parameters = [
        tg.Parameter(rng.normal(size=(3,)).astype(dtype), name="p"),
        tg.Parameter(rng.normal(size=(3,)).astype(dtype), name="q"),
        tg.Parameter(np.asfortranarray(rng.normal(size=(17, 3, 7)).astype(dtype)), name="w"),
    ]
    constants = [
        tg.asarray(rng.normal(size=3).astype(dtype)),
        tg.asarray(rng.normal(size=(7, 100, 3)).astype(dtype).T[:, 0, 0]),
        tg.sum(tg.asarray(np.asfortranarray(rng.normal(size=(40, 3, 2)).astype(dtype))), axis=(0, 2)),
    ]
    floats = [*inputs[:2], *parameters[:2], *constants, tg.sum(parameters[2], axis=(0, 2))]
    floats.append(tg.astype(inputs[2], dtype))
    rows = [x for x in floats if x.ndim == 1]
    matrices = [x for x in floats if x.ndim == 2]
    made: list[tg.Tensor] = []
    for _ in range(length):
        kind = rng.integers(4)
        if kind == 0:
            new = UNARY[rng.integers(len(UNARY))](matrices[rng.integers(len(matrices))])
        elif kind == 1:
            new = BINARY[rng.integers(len(BINARY))](
                matrices[rng.integers(len(matrices))], (rows + matrices)[rng.integers(len(rows + matrices))]
            )
        elif kind == 2:
            new = MATRIX[rng.integers(len(MATRIX))](matrices[rng.integers(len(matrices))])
        else:
            new = UNARY[rng.integers(len(UNARY))](rows[rng.integers(len(rows))])
        made.append(new)
        if repr(new.shape) == repr(inputs[0].shape) and new.dtype == dtype:
            matrices.append(new)
        elif repr(new.shape) == "(3,)" and new.dtype == dtype:
            rows.append(new)
    picked = [made[i] for i in rng.choice(len(made), size=4)]
    outputs = [*picked, picked[0], matrices[-1], rows[-1], parameters[0], inputs[1], constants[0], tg.asarray(2.0)]
    values = [rows[rng.integers(len(rows))], rows[-1]]
    updates = [(p, value) for p, value in zip(parameters, values, strict=False) if value.dtype == dtype]
    return Program(inputs, outputs, updates)
