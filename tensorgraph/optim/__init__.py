"""Optimizers, schedules of their learning rates, and clipping of gradients.

An optimizer turns a loss into more graph: the next values of parameters and of its own state, which
`tensorgraph.compile` takes as ``updates=``.
"""

from __future__ import annotations

from tensorgraph.optim import schedules
from tensorgraph.optim.clipping import clip_by_global_norm, clip_by_value, global_norm
from tensorgraph.optim.optimizer import Group, Optimizer
from tensorgraph.optim.rules import SGD, Adagrad, Adam, AdamW, RMSprop

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Group",
    "Optimizer",
    "RMSprop",
    "clip_by_global_norm",
    "clip_by_value",
    "global_norm",
    "schedules",
]
