"""Unchanged scripts written for NEURON, by NEURON and by the compatibility layer, in turn, a process a run.

In: a folder of scripts that print one JSON line (`run_s`, `setup_s`, `per_step_us`, `check`). Out: `ScriptRow`s.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.files import ROOT, SCRIPTS
from benchmarks.measure import Plan
from benchmarks.process import ONE_THREAD, Simulators

FULL = (
    ("cascade", ("20", "101", "100")),
    ("cvode_cawave", ("201", "300")),
    ("calcium_cell", ("5",)),
    ("d3", ("400", "50", "1", "1")),
    ("init", ("1", "20")),
)
QUICK = (("hh_tree", ("2", "3", "1")),)


@dataclass
class ScriptRow:
    """Answers of one script, by simulator."""

    name: str
    arguments: tuple[str, ...]
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def number(self, simulator: str, key: str) -> float | None:
        """Median of a number over the runs."""
        found = [answer[key] for answer in self.answers.get(simulator, [])]
        return float(median(found)) if found else None

    def spread(self, simulator: str, key: str) -> tuple[float, float] | None:
        """Least and largest over the runs."""
        found = [answer[key] for answer in self.answers.get(simulator, [])]
        return (min(found), max(found)) if found else None


def run_scripts(scale: str, simulators: Simulators, plan: Plan) -> list[ScriptRow]:
    """All scripts; none where their folder is absent."""
    if not SCRIPTS.is_dir():
        return []
    wanted = [name for name in ("neuron", "compat") if name in simulators]
    with tempfile.TemporaryDirectory(prefix="axoplasm-cache-") as cache:
        return [
            _row(name, arguments, wanted, simulators, plan, Path(cache))
            for name, arguments in (FULL if scale == "full" else QUICK)
        ]


def _row(
    name: str, arguments: tuple[str, ...], wanted: list[str], simulators: Simulators, plan: Plan, cache: Path
) -> ScriptRow:
    row = ScriptRow(name, arguments)
    if "compat" in wanted:  # the first run fills the cache of kernels and is left out
        _run(row, "compat", simulators, cache)
        row.answers.pop("compat", None)
    for _ in plan.rounds():
        for simulator in wanted:
            if simulator not in row.failures:
                _run(row, simulator, simulators, cache)
    return row


def _run(row: ScriptRow, simulator: str, simulators: Simulators, cache: Path) -> None:
    environment = os.environ | dict.fromkeys(ONE_THREAD, "1") | {"AXOPLASM_CACHE": str(cache)}
    if simulator == "compat":
        environment["PYTHONPATH"] = str(ROOT)
    command = [*simulators.commands[simulator], str(SCRIPTS / f"{row.name}.py"), *row.arguments]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, text=True, capture_output=True, timeout=simulators.timeout, check=False
            )
        except subprocess.TimeoutExpired:
            row.failures[simulator] = f"not ready in {simulators.timeout:g} s"
            return
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        words = [line for line in done.stderr.splitlines() if line.strip()]
        row.failures[simulator] = words[-1].strip() if words else f"exit code {done.returncode}"
        return
    row.answers.setdefault(simulator, []).append(json.loads(lines[-1]))
