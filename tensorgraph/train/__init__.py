"""Training the networks that come with the library."""

from __future__ import annotations

from tensorgraph.train.digits import DigitNetwork, Epoch, train_digits

__all__ = ["DigitNetwork", "Epoch", "train_digits"]
