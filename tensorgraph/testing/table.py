"""The table of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorgraph.ir.op import Op
from tensorgraph.ops import shape as sh
from tensorgraph.testing.library import library_samples
from tensorgraph.testing.movement import indexing_samples, meta_samples, movement_samples
from tensorgraph.testing.samples import Sample, elementwise_samples, linalg_samples, reduction_samples

__all__ = ["SAMPLES", "UNSAMPLED", "samples_of"]


def _by_op(samples: Sequence[Sample]) -> Mapping[type[Op], tuple[Sample, ...]]:
    table: dict[type[Op], tuple[Sample, ...]] = {}
    for sample in samples:
        table[sample.op] = (*table.get(sample.op, ()), sample)
    return table


SAMPLES: Mapping[type[Op], tuple[Sample, ...]] = _by_op(
    [
        *elementwise_samples(),
        *reduction_samples(),
        *linalg_samples(),
        *movement_samples(),
        *indexing_samples(),
        *meta_samples(),
        *library_samples(),
    ]
)

# Primitives without samples, and why.
UNSAMPLED: Mapping[type[Op], str] = {sh.DimSize: "its value is known only when placeholders are fed"}


def samples_of(op: type[Op]) -> tuple[Sample, ...]:
    """The samples of an operation.

    Raises
    ------
    KeyError
        If there are none.

    Examples
    --------
    >>> from tensorgraph.ops.elementwise import Add
    >>> str(samples_of(Add)[0])
    'add-real-scalar-scalar'
    """
    return SAMPLES[op]
