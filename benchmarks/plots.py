"""Figures: cost against size, and error against time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.costs import cost
from benchmarks.measure import Curve, Row

COLOURS = {
    "axoplasm": "#1764ab",
    "first": "#7b5ea7",
    "neuron": "#c8501e",
    "compat": "#5aa9dc",
    "arbor": "#3c8d4f",
    "nmodl": "#e0a030",
}
NAMES = {
    "axoplasm": "Axoplasm",
    "neuron": "NEURON",
    "first": "Axoplasm, first order",
    "compat": "Axoplasm, script",
    "arbor": "Arbor",
    "nmodl": "NEURON, NMODL",
}


def plot_costs(rows: Sequence[Row], path: Path) -> None:
    """Time of a unit against the size, a panel for every curve."""
    kinds = list(dict.fromkeys(row.job.curve for row in rows if row.job.curve))
    if not kinds:
        return
    figure, axes = _panels(len(kinds))
    for panel, kind in zip(axes, kinds, strict=True):
        chosen = [row for row in rows if row.job.curve == kind]
        for name, label in NAMES.items():
            found = [(_size(row), c) for row in chosen if (c := cost(row.samples.get(name))) is not None]
            found.sort(key=lambda pair: pair[0])
            if found:
                x, y = [s for s, _ in found], np.array([c.median for _, c in found])
                spread = [y - [c.low for _, c in found], [c.high for _, c in found] - y]
                panel.errorbar(x, y, spread, marker="o", ms=4, capsize=2, color=COLOURS[name], label=label)
        unit = next((s.unit for row in chosen for s in row.samples.values() if s.unit), "unit")
        panel.set(
            xscale="log", yscale="log", title=kind, xlabel="species" if kind == "chain" else "nodes", ylabel=f"ns per {unit}"
        )
        _number_plainly(panel)
    _share_legend(figure, axes)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def plot_precision(curves: Sequence[Curve], path: Path) -> None:
    """Error against seconds of processor, a panel for every model."""
    if not curves:
        return
    figure, axes = _panels(len(curves))
    for panel, curve in zip(axes, curves, strict=True):
        for method, points in curve.points.items():
            style = "--" if method.startswith("NEURON") else "-"
            panel.plot(
                [p.error for p in points],
                [1e3 * np.median(p.cpu or [np.nan]) for p in points],
                style,
                marker="o",
                ms=4,
                label=method,
            )
        panel.set(
            xscale="log",
            yscale="log",
            title=curve.precision.title,
            xlabel="relative error at the end",
            ylabel="ms of processor",
        )
        panel.legend(fontsize=7)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def _size(row: Row) -> float:
    return float(row.job.size.get("n_species") or next(s.facts["nodes"] for s in row.samples.values() if "nodes" in s.facts))


def _number_plainly(panel: Any) -> None:
    """Write 20 and 50 instead of 2 x 10^1: the axes span a decade or two, and readers want the numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis in (panel.xaxis, panel.yaxis):
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value < 1e5 else f"{value:.0e}"))
        axis.set_minor_formatter(NullFormatter())


def _share_legend(figure: Any, panels: Sequence[Any]) -> None:
    """Put one legend under all panels, where it covers no curve."""
    handles = {label: h for panel in panels for h, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    labels = [name for name in NAMES.values() if name in handles]
    figure.legend([handles[name] for name in labels], labels, loc="outside lower center", ncols=len(labels), frameon=False)


def _panels(n: int) -> tuple[Any, list[Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * n, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, n, squeeze=False)[0])
