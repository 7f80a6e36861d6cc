"""Pictures of graphs."""

from __future__ import annotations

from tensorgraph.viz.dot import render_svg, to_dot

__all__ = ["render_svg", "to_dot"]
