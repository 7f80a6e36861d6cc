"""Derivatives as more graph: the rules, the reverse pass, and transformations of functions."""

from __future__ import annotations

from tensorgraph.autodiff.custom import checkpoint, custom_gradient
from tensorgraph.autodiff.transforms import grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "checkpoint", "custom_gradient", "grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp",
]  # fmt: skip
