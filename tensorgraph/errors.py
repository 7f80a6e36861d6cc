"""Every error that tensorgraph raises.

Each class is also the builtin that fits it, so ``except ValueError`` written for NumPy code keeps
working. A message says which operation, the operand types, the rule that broke and the remedy, and
ends with the user's own line: ``add: float64[3, 4] and float64[5] do not broadcast: axis -1 is 4
and 5 (model.py:12, in conv1)``.
"""

from __future__ import annotations

__all__ = [
    "AxisError",
    "CompileError",
    "DTypeError",
    "DataError",
    "DimError",
    "GradientError",
    "IndexingError",
    "InputError",
    "NaNError",
    "ParseError",
    "ShapeError",
    "SymbolicError",
    "TensorGraphError",
    "UnsupportedError",
    "VerifyError",
]


class TensorGraphError(Exception):
    """Base class of all errors of this library."""


class ShapeError(TensorGraphError, ValueError):
    """Shapes that do not fit the operation."""


class AxisError(ShapeError, IndexError):
    """An axis out of range, or named twice."""


class DTypeError(TensorGraphError, TypeError):
    """Data types that the operation does not take."""


class IndexingError(TensorGraphError, IndexError):
    """An index out of bounds, or of a kind that cannot be recorded."""


class DimError(TensorGraphError, ValueError):
    """A question about a symbolic dimension that has no answer for all its values."""


class SymbolicError(TensorGraphError, TypeError):
    """A value was asked of a tensor that depends on placeholders."""


class UnsupportedError(TensorGraphError, TypeError):
    """A NumPy function, argument or operand that cannot be recorded."""


class GradientError(TensorGraphError, ValueError):
    """A derivative that does not exist or was asked for in the wrong way."""


class InputError(TensorGraphError, ValueError):
    """An input that is unknown, missing, given twice, or of the wrong type."""


class CompileError(TensorGraphError, RuntimeError):
    """A graph that cannot be compiled."""


class NaNError(TensorGraphError, FloatingPointError):
    """A NaN that a kernel compiled with ``debug_nans=True`` has computed."""


class ParseError(TensorGraphError, ValueError):
    """Text that is not the text form of a graph."""


class VerifyError(TensorGraphError, RuntimeError):
    """A graph that breaks an invariant: a mistake of a pass, not of the user."""


class DataError(TensorGraphError, ValueError):
    """A data file that is missing, damaged or not of the expected kind."""
