"""Report: everything that was measured, to and from JSON.

In: rows, curves, scripts, the machine. Out: JSON, and the same records again.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.jobs import Job, Precision
from benchmarks.machine import Machine
from benchmarks.measure import Curve, Point, Row
from benchmarks.process import Sample
from benchmarks.scripts import ScriptRow


@dataclass(frozen=True)
class Report:
    """A whole run of the benchmarks.

    Attributes
    ----------
    date : str
        When it began.
    seconds : float
        How long it took.
    versions : dict
        Of the simulators and of what ours is built on.
    notes : tuple of str
        What was left out and why.
    profiles : dict
        Where the time of some jobs goes, as text, by the job's title.
    """

    date: str
    seconds: float
    machine: Machine
    versions: dict[str, str]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...]
    scripts: tuple[ScriptRow, ...]
    profiles: dict[str, str]


def updated(old: Report, new: Report) -> Report:
    """An older report with the rows and curves that a newer run has measured again; the newer run's machine is noted."""
    rows, curves = {row.job.name: row for row in new.rows}, {curve.precision.name: curve for curve in new.curves}
    load = f"{new.machine.load[0]:.2f} before, {new.machine.load[1]:.2f} after"
    note = f"Measured again on {new.date} (load {load}): {', '.join([*rows, *curves])}."
    return dataclasses.replace(
        old,
        rows=tuple(({row.job.name: row for row in old.rows} | rows).values()),
        curves=tuple(curves.get(curve.precision.name, curve) for curve in old.curves),
        scripts=new.scripts or old.scripts,
        profiles=old.profiles | new.profiles,
        notes=(*old.notes, note),
    )


def write_json(report: Report, path: Path) -> None:
    """All of it as one JSON file."""
    path.write_text(json.dumps(dataclasses.asdict(report), indent=1, default=dict) + "\n", encoding="utf-8")


def read_json(path: Path) -> Report:
    """A report that `write_json` wrote."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    machine = data["machine"]
    machine["load"], machine["bandwidth"] = tuple(machine["load"]), tuple(map(tuple, machine["bandwidth"]))
    rows = tuple(
        Row(Job(**row["job"]), {name: Sample(**sample) for name, sample in row["samples"].items()}, tuple(row["load"]))
        for row in data["rows"]
    )
    curves = tuple(
        Curve(
            Precision(**curve["precision"]),
            {method: [Point(**point) for point in points] for method, points in curve["points"].items()},
            curve["between"],
            curve["failures"],
        )
        for curve in data["curves"]
    )
    scripts = tuple(ScriptRow(**script) for script in data["scripts"])
    given = {name: data[name] for name in ("date", "seconds", "versions", "profiles")}
    return Report(machine=Machine(**machine), notes=tuple(data["notes"]), rows=rows, curves=curves, scripts=scripts, **given)
