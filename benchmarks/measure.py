"""Measures jobs: builds with an empty and a filled kernel cache, then alternates runs between the simulators.

In: jobs and simulators. Out: `Row`s and `Curve`s.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.jobs import OURS, Job, Precision
from benchmarks.process import BenchError, Sample, Served, Simulators


@dataclass
class Row:
    """A job with what every column did, and the load of the machine before and after."""

    job: Job
    samples: dict[str, Sample]
    load: tuple[float, float]


@dataclass
class Point:
    """Error and seconds of one method with one setting."""

    setting: float
    error: float = float("nan")
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass
class Curve:
    """A `Precision` with the points of every method; how far the references are apart; what failed."""

    precision: Precision
    points: dict[str, list[Point]]
    between: float
    failures: dict[str, str]


@dataclass(frozen=True)
class Plan:
    """How long to measure: repeats, and a moment (`time.monotonic`) after which no more repeats than three are made."""

    repeat: int
    deadline: float

    def rounds(self) -> Iterable[int]:
        """Numbers of the rounds; fewer when time is short."""
        for i in range(self.repeat):
            if i >= 3 and time.monotonic() > self.deadline:
                return
            yield i


def measure(job: Job, simulators: Simulators, plan: Plan, caches: Path) -> Row:
    """All columns of a job, run in turn; jobs of one model share a cache of kernels below `caches`."""
    samples: dict[str, Sample] = {}
    before, cache = os.getloadavg()[0], caches / job.model
    with ExitStack() as stack:
        served: dict[str, Served] = {}
        for column in job.columns:
            simulator, size = _of(job, column)
            if simulator not in simulators:
                continue
            try:
                served[column] = stack.enter_context(_built(simulators, simulator, job, column, size, cache))
                samples[column] = served[column].sample
            except BenchError as error:
                samples[column] = Sample(simulator, failure=str(error))
        for _ in plan.rounds():
            for column, process in served.items():
                _try(samples[column], process.run)
        for column, process in served.items():
            _try(samples[column], lambda p=process, s=samples[column]: setattr(s, "check", p.ask("check")["check"]))
    return Row(job, samples, (before, os.getloadavg()[0]))


def _of(job: Job, column: str) -> tuple[str, Mapping[str, Any]]:
    """Simulator and size of a column."""
    if job.variants is None:
        return ("axoplasm", {**job.size, **OURS[column]}) if column in OURS else (column, job.size)
    return "axoplasm", {**job.size, **job.variants[column]}


def _built(simulators: Simulators, simulator: str, job: Job, column: str, size: Mapping[str, Any], cache: Path) -> Served:
    """A process with a filled cache; for Axoplasm a first one fills it, whose time is that of a cold start."""
    if simulator != "axoplasm" or not job.cold or column in OURS:
        more = {"NUMBA_NUM_THREADS": "2"} if column == "threads" else {}
        return Served(simulators, simulator, job.model, size, cache, **more)
    with Served(simulators, simulator, job.model, size, cache) as first:
        cold = first.sample.setup_s
    warm = Served(simulators, simulator, job.model, size, cache)
    warm.sample.cold_s = cold
    return warm


def _try(sample: Sample, action: Any) -> None:
    """Act, unless the process has failed already; remember why if it fails now."""
    if sample.failure:
        return
    try:
        action()
    except BenchError as error:
        sample.failure = str(error)


def measure_precision(precision: Precision, simulators: Simulators, plan: Plan) -> Curve:
    """Errors of all methods against the reference of their simulator, and times, all settings in turn."""
    failures: dict[str, str] = {}
    points: dict[str, list[Point]] = {}
    with tempfile.TemporaryDirectory(prefix="axoplasm-cache-") as cache, ExitStack() as stack:
        served: dict[str, Served] = {}
        for method, (simulator, arguments, settings) in precision.methods.items():
            if simulator not in simulators:
                continue
            try:
                size = {**precision.size, **arguments}
                served[method] = stack.enter_context(Served(simulators, simulator, precision.model, size, Path(cache)))
                points[method] = [Point(setting) for setting in settings]
            except BenchError as error:
                failures[method] = str(error)
        references = _references(precision, served)
        for i in plan.rounds():
            for method, process in served.items():
                if method not in failures:
                    try:
                        _once(process, points[method], references.get(precision.methods[method][0]) if i == 0 else None)
                    except BenchError as error:
                        failures[method] = str(error)
    both = list(references.values())
    between = relative_error(both[1], both[0]) if len(both) == 2 else float("nan")
    return Curve(precision, points, between, failures)


def _references(precision: Precision, served: Mapping[str, Served]) -> dict[str, np.ndarray]:
    """The final state by each simulator's most exact method."""
    found = {}
    for simulator, (method, setting) in precision.references.items():
        if method in served:
            process = served[method]
            process.ask(f"set {setting!r}")
            process.ask("run")
            found[simulator] = np.array(process.ask("values")["values"])
    return found


def _once(process: Served, points: list[Point], reference: np.ndarray | None) -> None:
    for point in points:
        process.ask(f"set {point.setting!r}")
        answer = process.ask("run")
        point.seconds.append(answer["seconds"])
        point.cpu.append(answer["cpu"])
        if reference is not None:
            point.error = relative_error(np.array(process.ask("values")["values"]), reference)


def relative_error(values: np.ndarray, reference: np.ndarray) -> float:
    """Largest error of the potential in units of 100 mV, or of calcium in units of its largest value, whichever is larger."""
    v, ca = np.split(values - reference, 2)
    return float(max(np.abs(v).max() / 100.0, np.abs(ca).max() / np.abs(np.split(reference, 2)[1]).max()))


def time_at(points: list[Point], error: float) -> float:
    """Seconds of processor that a method needs for an error, by interpolation between its points (logarithmic); NaN outside."""
    known = sorted((p.error, float(np.median(p.cpu))) for p in points if np.isfinite(p.error) and p.error > 0)
    if not known or error < known[0][0]:
        return float("nan")
    front: list[tuple[float, float]] = []
    for e, s in known:  # a point that is beaten in both ways says nothing
        if not front or s < front[-1][1]:
            front.append((e, s))
    errors, seconds = np.log([e for e, _ in front]), np.log([s for _, s in front])
    return float(np.exp(np.interp(np.log(error), errors, seconds)))
