"""Pictures with matplotlib, where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["grids", "picture"]


def picture(
    folder: Path | None, name: str, draw: Callable[[Any], None], size: tuple[float, float], dpi: int = 100
) -> None:
    """Let `draw` fill a figure and write it to `folder`, if one was asked for; say so where that cannot be done."""
    if folder is None:
        return
    if find_spec("matplotlib") is None:
        print(f"{name} was left out: pictures need matplotlib (pip install 'tensorgraph[plot]')")
        return
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    svg = name.endswith(".svg")
    with rc_context({"svg.hashsalt": "tensorgraph", "font.size": 8, "axes.titlesize": 9}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(folder / name, dpi=dpi, metadata={"Date": None} if svg else {"Software": None})
    print(f"wrote {name}")


def grids(figure: Any, rows: Sequence[Sequence[tuple[str, np.ndarray] | None]], limit: float) -> None:
    """Draw rows of titled matrices, None for a gap: orange above 0, blue below, and numbers where there is room."""
    axes = figure.subplots(len(rows), max(map(len, rows)), squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        for ax, item in zip(line, row, strict=True):
            ax.set_axis_off()
            if item is None:
                continue
            title, values = item
            ax.set_title(title)
            ax.imshow(values, cmap="PuOr_r", vmin=-limit, vmax=limit)
            for (i, j), value in np.ndenumerate(values) if len(values) < 8 else ():
                shade = "white" if abs(value) > 0.7 * limit else "black"
                ax.text(j, i, _short(value), ha="center", va="center", fontsize=6, color=shade)


def _short(value: float) -> str:
    """A number of at most two decimals."""
    return f"{value + 0.0:.2f}".rstrip("0").rstrip(".")
