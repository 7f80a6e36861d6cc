"""Generated X's and O's: moved, scaled, rotated, drawn thick and thin, dimmed, and noisy."""

from __future__ import annotations

import numpy as np

__all__ = ["NAMES", "SIZE", "letters"]

NAMES = ("X", "O")
SIZE = 16


def letters(count: int, rng: np.random.Generator | int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of X's and O's.

    Parameters
    ----------
    count
        How many.
    rng
        Seed or generator; the same seed gives the same pictures.

    Returns
    -------
    pictures
        float32 [count, 1, 16, 16]: about 0 is paper and up to 1 is ink.
    labels
        int64 [count]: 0 is an X and 1 is an O.
    """
    rng = np.random.default_rng(rng)
    labels = rng.integers(0, 2, count)
    x, y = _coordinates(count, rng)
    away = np.where(labels[:, None, None] == 0, _from_cross(x, y), _from_ring(x, y))
    half = rng.uniform(0.5, 1.5, (count, 1, 1))  # half the width of the stroke
    ink = np.clip(half + 0.5 - away, 0, 1)
    dimmed = ink * rng.uniform(0.4, 1.0, (count, 1, 1))
    noisy = dimmed + rng.normal(0, 0.1, dimmed.shape)
    return noisy[:, None].astype(np.float32), labels


def _coordinates(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of every pixel, in pixels from the letter's middle, along its own axes and in its own scale."""
    row, column = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    down, right = rng.uniform(-2, 2, (2, count, 1, 1))
    tall, wide = rng.uniform(0.7, 1.2, (2, count, 1, 1))
    angle = np.radians(rng.uniform(-20, 20, (count, 1, 1)))
    v, u = row - down, column - right
    return (np.cos(angle) * u + np.sin(angle) * v) / wide, (np.cos(angle) * v - np.sin(angle) * u) / tall


def _from_cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance from two strokes between opposite corners."""
    return np.minimum(_from_stroke(x, y), _from_stroke(x, -y))


def _from_stroke(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance from the stroke between (-4, -4) and (4, 4)."""
    along = np.clip((x + y) / 2, -4, 4)
    return np.hypot(x - along, y - along)


def _from_ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance from a circle of radius 4.5."""
    return np.abs(np.hypot(x, y) - 4.5)
