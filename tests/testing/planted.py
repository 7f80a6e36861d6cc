"""Mistakes planted in the compiler, and programs that meet them."""

from __future__ import annotations

import sys

import tensorgraph as tg
import tensorgraph.compiler.compile
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.node import Node
from tensorgraph.ops.elementwise import Add, Subtract
from tensorgraph.ops.transcendental import Tanh
from tensorgraph.passes.fold import rewritten

__all__ = ["PIPELINE", "deep", "forgetful", "wrong_fold"]

PIPELINE = sys.modules[tensorgraph.compiler.compile.__module__]


def wrong_fold(graph: Graph) -> Graph:
    """A pass that takes x - y for x + y."""
    return rewritten(graph, lambda node, inputs: Node(Add(), *inputs) if isinstance(node.op, Subtract) else None)


def forgetful(graph: Graph) -> Graph:
    """A pass that drops tanh."""
    return rewritten(graph, lambda node, inputs: inputs[0] if isinstance(node.op, Tanh) else None)


def deep() -> tuple[tg.Tensor, tg.Tensor]:
    x = tg.placeholder(("n", 3), "float64", name="x")
    hidden = tg.sum(tg.exp(tg.sin(x) * 2), axis=0)
    return x, tg.cos(hidden - tg.sqrt(hidden)) + 1
