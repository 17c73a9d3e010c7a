"""The report as text: one table for the terminal, and the same columns as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from benchmarks.costs import Cost, cost, difference, met, ratio
from benchmarks.measure import Curve, Row, time_at

HEAD = (
    "work", "size", "unit", "ours ns", "NEURON ns", "ratio", "cpu ratio", "target", "check", "first order ns", "its ratio",
    "its check", "compat ns",
    "MB", "NEURON MB", "setup cold s", "warm s", "NEURON s",
)  # fmt: skip
TIMES = 13
"""Of these columns, those about time; memory and setup follow."""


def cells(row: Row) -> list[str]:
    """A line of the main table."""
    ours, theirs, compat = (row.samples.get(name) for name in ("axoplasm", "neuron", "compat"))
    found, same, reached = ratio(row), difference(row), met(row)
    first, first_same = ratio(row, ours="first"), difference(row, ours="first")
    target = "" if row.job.target is None else f">= {row.job.target:g}" + {None: "", True: " met", False: " missed"}[reached]
    return [
        row.job.title, size_text(row), (ours or theirs).unit if ours or theirs else "", number(cost(ours)), _of(theirs, number),
        f"{found[0]:.1f}" if found else "-", f"{found[1]:.1f}" if found else "-", target,
        "-" if same is None else f"{same:.1e}", _of(row.samples.get("first"), number), f"{first[1]:.1f}" if first else "-",
        "-" if first_same is None else f"{first_same:.1e}", _of(compat, number),
        _of(ours, lambda c: "", "peak_mb"), _of(theirs, lambda c: "", "peak_mb"),
        f"{ours.cold_s:.2f}" if ours and ours.cold_s is not None else "-",
        f"{ours.setup_s:.2f}" if ours else "-", f"{theirs.setup_s:.2f}" if theirs and not theirs.failure else "-",
    ]  # fmt: skip


def _of(sample, form, attribute: str = "") -> str:  # noqa: ANN001
    if sample is None:
        return "-"
    if sample.failure:
        return "failed"
    return f"{getattr(sample, attribute):.0f}" if attribute else form(cost(sample))


def number(found: Cost | None) -> str:
    """Median with the range in brackets; a star if it is noisy."""
    if found is None:
        return "-"
    return f"{short(found.median)} ({short(found.low)}..{short(found.high)}){'*' if found.noisy else ''}"


def short(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}" if value < 1e5 else f"{value:.2e}"


def size_text(row: Row) -> str:
    """Number of nodes, where the model says it."""
    nodes = next((s.facts["nodes"] for s in row.samples.values() if "nodes" in s.facts), None)
    return "" if nodes is None else f"{nodes}"


def grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns of equal width for the terminal."""
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
    return "\n".join(
        "  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in (head, *lines)
    )


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Lines of the main table."""
    return [cells(row) for row in rows if row.job.variants is None and row.job.table == "work"]


def thread_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Lines of jobs that ran on two threads as well: the clock's time is what counts."""
    lines = []
    for row in rows:
        one, two = cost(row.samples.get("axoplasm")), cost(row.samples.get("threads"))
        if one and two:
            lines.append([row.job.title, size_text(row), number(one), number(two), f"{one.median / two.median:.2f}", ">= 1.7"])
        elif "threads" in row.samples:
            lines.append([row.job.title, size_text(row), number(one), "failed", "-", ">= 1.7"])
    return lines


def cell_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Setting up many cells: seconds, milliseconds a cell, memory; bytes an unknown are those beyond the smallest model's."""
    chosen = [row for row in rows if row.job.table == "cells"]
    known = [s for row in chosen if (s := row.samples.get("axoplasm")) and not s.failure]
    base = min(known, key=lambda s: s.facts["cells"], default=None)
    lines = []
    for row in chosen:
        line = [row.job.title, size_text(row)]
        for name in ("axoplasm", "neuron"):
            sample = row.samples.get(name)
            if sample is None or sample.failure:
                line += ["-" if sample is None else "failed"] * 4
                continue
            again = cost(sample)
            line += [f"{sample.setup_s:.2f}", short(1e3 * sample.setup_s / sample.units)]
            line += ["-" if again is None else short(1e-6 * again.median), f"{sample.peak_mb:.0f}"]
        ours = row.samples.get("axoplasm")
        more = ours.facts["unknowns"] - base.facts["unknowns"] if base and ours in known else 0
        line.append(f"{1e6 * (ours.peak_mb - base.peak_mb) / more:.0f}" if more else "-")
        lines.append(line)
    return lines


def other_lines(rows: Sequence[Row], other: str) -> list[list[str]]:
    """Lines of jobs that a third simulator ran: "arbor" or "nmodl"."""
    lines = []
    for row in rows:
        found = ratio(row, other)
        if found:
            theirs, ours = cost(row.samples[other]), cost(row.samples["axoplasm"])
            lines.append([row.job.title, size_text(row), number(ours), number(theirs), f"{found[0]:.2f}", f"{found[1]:.2f}"])
    return lines


def step_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Split against coupled steps: microseconds of processor a step, and ratios to `split` and to `direct`."""
    lines = []
    for row in rows:
        if row.job.variants is None:
            continue
        costs = {name: cost(sample) for name, sample in row.samples.items()}
        nodes = int(size_text(row) or 0)
        for name, found in costs.items():
            sample = row.samples[name]
            if found is None:
                lines.append([row.job.title, str(nodes), name, f"failed: {sample.failure}", "", "", "", ""])
                continue
            against = [found.cpu / c.cpu if (c := costs.get(base)) else float("nan") for base in ("split", "direct")]
            cold = "-" if sample.cold_s is None else f"{sample.cold_s:.1f}"
            micro = 1e-3 * nodes
            times = (
                f"{found.median * micro:.0f} ({found.low * micro:.0f}..{found.high * micro:.0f}){'*' if found.noisy else ''}"
            )
            lines.append(
                [row.job.title, str(nodes), name, times, *(f"{a:.2f}" for a in against), cold, f"{sample.setup_s:.1f}"]
            )
    return lines


THREAD_HEAD = ("work", "size", "one thread ns", "two threads ns", "ratio by the clock", "wanted")
CELL_HEAD = (
    "model", "segments", "setup s", "ms a cell", "again, ms a cell", "MB", "NEURON setup s", "ms a cell", "again, ms a cell",
    "MB", "bytes an unknown",
)  # fmt: skip
STEP_HEAD = ("work", "segments", "method", "us a step", "cpu / split", "cpu / direct", "setup cold s", "warm s")
OTHERS: Final = MappingProxyType({"arbor": "Arbor", "nmodl": "NMODL"})


def other_head(other: str) -> tuple[str, ...]:
    """Heads of `other_lines`."""
    return ("work", "nodes", "ours ns", f"{OTHERS[other]} ns", "ratio", "cpu ratio")


PRECISION_HEAD = ("work", "method", "setting", "error", "ms", "cpu ms")


def precision_lines(curves: Sequence[Curve]) -> list[list[str]]:
    """All points of work against precision."""
    return [
        [
            curve.precision.title, method, f"{p.setting:g}", f"{p.error:.1e}",
            f"{1e3 * np.median(p.seconds):.3g} ({1e3 * min(p.seconds):.3g}..{1e3 * max(p.seconds):.3g})",
            f"{1e3 * np.median(p.cpu):.3g}",
        ]
        for curve in curves
        for method, points in curve.points.items()
        for p in points
        if p.seconds
    ]  # fmt: skip


def verdict(curve: Curve) -> str:
    """The best of NEURON's against the best of ours at the error that was asked for."""
    error, wanted = curve.precision.target
    times = {method: time_at(points, error) for method, points in curve.points.items()}
    theirs = {m: t for m, t in times.items() if m.startswith("NEURON") and np.isfinite(t)}
    ours = {m: t for m, t in times.items() if not m.startswith("NEURON") and np.isfinite(t)}
    if not theirs or not ours:
        missing = "NEURON" if not theirs else "Axoplasm"
        return f"{curve.precision.title}: no method of {missing} was run that reaches an error of {error:g}."
    a, b = min(theirs, key=theirs.__getitem__), min(ours, key=ours.__getitem__)
    found = theirs[a] / ours[b]
    return (
        f"{curve.precision.title}: for an error of {error:g}, {b} takes {1e3 * ours[b]:.3g} ms and {a} {1e3 * theirs[a]:.3g} "
        f"ms (processor time): {found:.1f} times faster; wanted {wanted:g}: {'met' if found >= wanted else 'missed'}. "
        f"The references of the two simulators differ by {curve.between:.1e}."
    )
