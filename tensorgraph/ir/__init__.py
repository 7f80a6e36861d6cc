"""The graph: types, dimensions, operations, nodes, and the text form.

``op`` says what an operation is, ``node`` applies one, ``graph`` is a function of nodes; ``types`` and
``dims`` are what is known before anything is computed; ``provenance`` remembers the user's line.
"""

from __future__ import annotations

from tensorgraph.ir.axes import AxisMap
from tensorgraph.ir.dims import Dim
from tensorgraph.ir.graph import Graph
from tensorgraph.ir.leaves import Constant, Placeholder, Storage, Variable, constant
from tensorgraph.ir.node import Node, Result, substitute, topological
from tensorgraph.ir.op import Domain, Interval, Op
from tensorgraph.ir.provenance import Location, scope
from tensorgraph.ir.types import TensorType

__all__ = [
    "AxisMap", "Constant", "Dim", "Domain", "Graph", "Interval", "Location", "Node", "Op", "Placeholder", "Result",
    "Storage", "TensorType", "Variable", "constant", "scope", "substitute", "topological",
]  # fmt: skip
