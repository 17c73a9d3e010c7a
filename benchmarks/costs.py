"""Numbers of the report from samples: medians, noise, ratios, the roofline.

In: `Row`s. Out: `Line`s, one a row, that tables, plots and documents print.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benchmarks.machine import Machine
from benchmarks.measure import Row
from benchmarks.process import Sample

NOISY = 0.3
"""A number whose runs differ by more than this fraction of the median is called noisy."""


@dataclass(frozen=True)
class Cost:
    """Time of a unit of work in ns: median, least and largest of the runs, and the median of the processor's time."""

    median: float
    low: float
    high: float
    cpu: float
    runs: int

    @property
    def noisy(self) -> bool:
        """Whether the runs differ so much that the number is a hint only."""
        return (self.high - self.low) > NOISY * self.median


def cost(sample: Sample | None) -> Cost | None:
    """Cost of a unit, or None if it did not run."""
    if sample is None or sample.failure or not sample.seconds:
        return None
    scale = 1e9 / sample.units
    return Cost(
        median(sample.seconds) * scale, min(sample.seconds) * scale, max(sample.seconds) * scale,
        median(sample.cpu) * scale, len(sample.seconds),
    )  # fmt: skip


def ratio(row: Row, other: str = "neuron", ours: str = "axoplasm") -> tuple[float, float] | None:
    """Time of another column over ours: elapsed, and of the processor."""
    a, b = cost(row.samples.get(other)), cost(row.samples.get(ours))
    return None if a is None or b is None else (a.median / b.median, a.cpu / max(b.cpu, 1e-9))


def difference(row: Row, other: str = "neuron", ours: str = "axoplasm") -> float | None:
    """Relative difference of the check figures."""
    a, b = row.samples.get(other), row.samples.get(ours)
    if a is None or b is None or a.check is None or b.check is None:
        return None
    return abs(a.check - b.check) / max(abs(a.check), 1e-300)


@dataclass(frozen=True)
class Roofline:
    """The least time of a unit: by bytes and by flops, ns; and what was measured over the larger of them."""

    bytes: float
    flops: float
    by_bytes: float
    by_flops: float
    factor: float


def roofline(row: Row, machine: Machine) -> Roofline | None:
    """How far a job is from what the machine can do."""
    sample, found = row.samples.get("axoplasm"), cost(row.samples.get("axoplasm"))
    if sample is None or found is None or "bytes" not in sample.facts:
        return None
    facts = sample.facts
    by_bytes = 1e9 * facts["bytes"] / machine.bandwidth_at(facts["working_set"])
    by_flops = 1e9 * facts["flops"] / machine.flops
    return Roofline(facts["bytes"], facts["flops"], by_bytes, by_flops, found.cpu / max(by_bytes, by_flops))


def met(row: Row) -> bool | None:
    """Whether the target is met by the processor's time, which other work on the machine disturbs less; None without one."""
    found = ratio(row)
    return None if row.job.target is None or found is None else found[1] >= row.job.target
