"""The report as Markdown and as a plot."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.peers.catalogue import BY_HAND, PEERS
from tests.benchmarks.peers.results import Entry, Line, Report

__all__ = ["plot", "table"]

TITLES = {peer.name: peer.title for peer in PEERS}


def table(report: Report) -> str:
    """Markdown: the machine, a table of ratios, and every figure."""
    parts = [
        "\n".join(f"- {name}: {value}" for name, value in report.machine.items()),
        "- versions: " + ", ".join(f"{name} {value}" for name, value in report.versions.items()),
    ]
    parts += [f"- not measured: {TITLES.get(name, name)} ({reason})" for name, reason in report.missing.items()]
    parts += [f"- {note}" for note in report.notes]
    return "\n".join(parts) + "\n\n" + _ratios(report.lines) + "\n" + _figures(report.lines) + _left_out(report.lines)


def _ratios(lines: Sequence[Line]) -> str:
    """Ours beside the best of both kinds; a loss is set in bold."""
    head = "| workload | tensorgraph | NumPy by hand | ratio | best peer | | ratio |\n|---|--:|--:|--:|--:|---|--:|\n"
    rows = []
    for line in lines:
        hand, peer = line.by_hand, line.peer
        cells = [
            line.name,
            _value(line.ours, line.unit),
            _value(hand, line.unit),
            _ratio(hand),
            _value(peer, line.unit),
        ]
        rows.append(f"| {' | '.join([*cells, '' if peer is None else _called(peer), _ratio(peer)])} |\n")
    return head + "".join(rows)


def _figures(lines: Sequence[Line]) -> str:
    """Every figure; of two in one cell, the second is with malloc's thresholds raised."""
    names = [peer.name for peer in PEERS if any(entry.peer == peer.name for line in lines for entry in line.entries)]
    head = "| workload | " + " | ".join(TITLES[name] for name in names) + " |\n|---" + "|--:" * len(names) + "|\n"
    rows = []
    for line in lines:
        cells = []
        for name in names:
            own = sorted((entry for entry in line.entries if entry.peer == name), key=lambda entry: entry.raised)
            cells.append(" / ".join(_value(entry, line.unit) for entry in own))
        rows.append(f"| {line.name} | {' | '.join(cells)} |\n")
    return head + "".join(rows)


def _left_out(lines: Sequence[Line]) -> str:
    """Who has no figure, by reason; wrong ones by row."""
    reasons: dict[str, list[str]] = {}
    for line in lines:
        for label, reason in line.left_out.items():
            name, _, malloc = label.partition("+")
            if not malloc:
                reasons.setdefault(f"{TITLES[name]}: {reason}", []).append(line.name)
    if not reasons:
        return ""
    return "\nLeft out:\n\n" + "".join(
        f"- {reason} ({len(rows)}: {'; '.join(rows)})\n" for reason, rows in reasons.items()
    )


def _value(entry: Entry | None, unit: str) -> str:
    return "" if entry is None else f"{short(entry.value)} {unit}"


def short(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _ratio(entry: Entry | None) -> str:
    if entry is None or entry.ratio is None:
        return ""
    text = f"{entry.ratio:.2f}"
    limit = 1.1 if entry.peer in BY_HAND else 1.0
    return f"**{text}**" if entry.ratio > limit else text


def _called(entry: Entry) -> str:
    return f"{TITLES[entry.peer]}{', malloc raised' if entry.raised else ''}"


def plot(report: Report, path: Path) -> bool:
    """Draw our figure by that of the best peer, an SVG; losses in another colour and shape.

    Returns
    -------
    drawn
        False without matplotlib.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return False
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    lines = [line for line in report.lines if line.ours is not None and (line.peer or line.by_hand)][::-1]
    with matplotlib.rc_context({"svg.hashsalt": "tensorgraph", "svg.fonttype": "path"}):
        figure, axes = pyplot.subplots(figsize=(10, 1.6 + 0.26 * len(lines)), layout="constrained")
        axes.axvline(1.0, color="black", linewidth=0.8)
        for place, line in enumerate(lines):
            for entry, size in ((line.peer, 7.0), (line.by_hand, 5.0)):
                if entry is not None and entry.ratio is not None:
                    axes.plot([entry.ratio], [place], **_mark(entry), markersize=size, linestyle="none")
        axes.set_xscale("log")
        axes.set_yticks(range(len(lines)), [line.name for line in lines], fontsize=8)
        axes.set_xlabel("time (or memory) of tensorgraph by that of the other: left of 1 is better")
        axes.grid(axis="x", which="both", linewidth=0.3)
        axes.legend(handles=_legend(), loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return True


BLUE, ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito's: told apart by all


def _mark(entry: Entry) -> dict[str, str]:
    assert entry.ratio is not None
    hand = entry.peer in BY_HAND
    lost = entry.ratio > (1.1 if hand else 1.0)
    shape = {(False, False): "o", (False, True): "s", (True, False): "D", (True, True): "X"}[hand, lost]
    return {"marker": shape, "color": ORANGE if lost else BLUE, "markerfacecolor": "none" if hand else "auto"}


def _legend() -> list[object]:
    lines = importlib.import_module("matplotlib.lines")
    shown = [
        ("best peer", Entry("jax", False, 1.0, 0.5, 1)),
        ("best peer, lost", Entry("jax", False, 1.0, 2.0, 1)),
        ("NumPy by hand", Entry(BY_HAND[0], False, 1.0, 0.5, 1)),
        ("NumPy by hand, lost (above 1.1)", Entry(BY_HAND[0], False, 1.0, 2.0, 1)),
    ]
    return [lines.Line2D([], [], label=label, linestyle="none", **_mark(entry)) for label, entry in shown]
