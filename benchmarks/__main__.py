"""`python -m benchmarks`: measure, print a table, write JSON and figures, and with ``--write-docs`` `docs/performance.md`."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import jobs, machine, measure, scripts
from benchmarks.costs import ratio
from benchmarks.docs import default_folder, ratios_text, write_docs
from benchmarks.files import ROOT
from benchmarks.plots import plot_costs, plot_precision
from benchmarks.process import ONE_THREAD, Served, Simulators, find_simulators
from benchmarks.report import Report, read_json, updated, write_json
from benchmarks.tables import (
    CELL_HEAD,
    HEAD,
    OTHERS,
    PRECISION_HEAD,
    STEP_HEAD,
    THREAD_HEAD,
    cell_lines,
    grid,
    main_lines,
    other_head,
    other_lines,
    precision_lines,
    step_lines,
    thread_lines,
    verdict,
)


def main(arguments: list[str] | None = None) -> int:
    """Measure and report; returns the exit code."""
    options = parser().parse_args(arguments)
    output = Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    if options.from_json:
        report = read_json(Path(options.from_json))
    else:
        report = run(options, output)
        if options.update:
            report = updated(read_json(Path(options.update)), report)
        write_json(report, output / "benchmarks.json")
    print_tables(report)
    plot_costs(report.rows, output / "cost.png")
    plot_precision(report.curves, output / "precision.png")
    if options.write_docs:
        folder = Path(options.docs) if options.docs else default_folder()
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        plot_costs(report.rows, folder / "figures" / "performance.png")
        plot_precision(report.curves, folder / "figures" / "precision.png")
        write_json(report, folder / "performance.json")
        print(f"\nwrote {write_docs(report, folder)}")
    return 0


def parser() -> argparse.ArgumentParser:
    """What may be asked for."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument("names", nargs="*", help="jobs to run; default all (see --list)")
    made.add_argument("--neuron", metavar="PYTHON", help="an interpreter that has NEURON (and Arbor); default: this one")
    made.add_argument("--scale", choices=("full", "quick"), default="full", help="quick only shows that everything runs")
    made.add_argument("--repeat", type=int, default=5, help="runs of every simulator, in turn")
    made.add_argument(
        "--minutes", type=float, default=12.0, help="when they are over, three runs must do and scripts are left out"
    )
    made.add_argument("--timeout", type=float, default=300.0, help="seconds that a process may take to be ready")
    made.add_argument("--no-compat", action="store_true", help="leave out the compatibility layer")
    made.add_argument("--no-precision", action="store_true", help="leave out error against time")
    made.add_argument("--no-scripts", action="store_true", help="leave out the unchanged NEURON scripts")
    made.add_argument("--no-profiles", action="store_true", help="leave out where the time of the slowest goes")
    made.add_argument("--output", default="build/benchmarks", help="folder for JSON and figures")
    made.add_argument("--write-docs", action="store_true", help="write docs/performance.md and its figures")
    made.add_argument("--docs", help="another folder than docs/ for that")
    made.add_argument("--from-json", metavar="FILE", help="measure nothing, report what a run has written")
    made.add_argument("--update", metavar="FILE", help="put what is measured now into a report that a run has written")
    made.add_argument("--list", action=_List, nargs=0, help="names of the jobs")
    return made


class _List(argparse.Action):
    """Print the jobs and leave."""

    def __call__(self, *_: object) -> None:
        for job in jobs.jobs("full"):
            print(f"{job.name:<18}{job.title}, {dict(job.size)}")
        for precision in jobs.precisions("full"):
            print(f"{precision.name:<18}{precision.title}, error against time")
        sys.exit(0)


def run(options: argparse.Namespace, output: Path) -> Report:
    """All that was asked for."""
    began, load = time.monotonic(), os.getloadavg()[0]
    date = time.strftime("%Y-%m-%d %H:%M")
    simulators = find_simulators(options.neuron, not options.no_compat, options.timeout)
    caches = Path(tempfile.mkdtemp(prefix="axoplasm-caches-"))
    plan = measure.Plan(options.repeat, began + 60 * options.minutes)
    rows, curves, notes = [], [], missing(simulators)
    here = machine.describe(load, options.scale == "quick")
    for note in notes:
        print(note)
    chosen = [job for job in jobs.jobs(options.scale) if not options.names or job.name in options.names]
    for job in chosen:
        rows.append(measure.measure(job, simulators, plan, caches))
        print(f"{time.monotonic() - began:6.0f} s  {job.name}", *_failures(rows[-1]), flush=True)
        so_far = Report(date, 0.0, here, {}, (), tuple(rows), (), (), {})
        write_json(so_far, output / "benchmarks.part.json")
    for precision in jobs.precisions(options.scale) if not options.no_precision else ():
        if not options.names or precision.name in options.names:
            curves.append(measure.measure_precision(precision, simulators, plan))
            print(f"{time.monotonic() - began:6.0f} s  {precision.name}", curves[-1].failures or "", flush=True)
    asked = not options.no_scripts and (not options.names or "scripts" in options.names)
    if asked and time.monotonic() > plan.deadline:
        notes.append("The unchanged NEURON scripts were left out for want of time.")
    if options.scale == "full" and not options.names:
        notes.append(first_ever(simulators))
    profiles = {} if options.no_profiles else profile_slowest(rows, caches)
    shutil.rmtree(caches)
    found = scripts.run_scripts(options.scale, simulators, plan) if asked and time.monotonic() < plan.deadline else []
    (output / "benchmarks.part.json").unlink(missing_ok=True)
    return Report(
        date, time.monotonic() - began, replace(here, load=(load, os.getloadavg()[0])), versions(simulators), tuple(notes),
        tuple(rows), tuple(curves), tuple(found), profiles,
    )  # fmt: skip


def first_ever(simulators: Simulators) -> str:
    """A sentence on the first model of its kind on a machine, when what all models share is compiled too."""
    models = {
        "split, on a tree": ("hh_tree", {"depth": 1}),
        "split, in voxels": ("d3", {"dx_nm": 500}),
        "coupled": ("wave_hh", {"nseg": 11, "tstop": 1}),
    }
    found = []
    for title, (model, size) in models.items():
        with ExitStack() as stack:
            empty = stack.enter_context(tempfile.TemporaryDirectory())
            served = Served(simulators, "axoplasm", model, size, Path(empty), NUMBA_CACHE_DIR=empty)
            found.append(f"{title}: {stack.enter_context(served).sample.setup_s:.0f} s")
    return f"The first model of its kind on a machine waits for what all models share, once: {', '.join(found)}."


def profile_slowest(rows: list[measure.Row], caches: Path) -> dict[str, str]:
    """Where the time of the three jobs that are farthest from their targets goes, where `perf` is installed."""
    if shutil.which("perf") is None:
        return {}
    known = [(found[1] / row.job.target, row.job) for row in rows if row.job.target and (found := ratio(row))]
    profiles = {}
    for _, job in sorted(known, key=lambda pair: pair[0])[:3]:
        environment = os.environ | dict.fromkeys(ONE_THREAD, "1") | {"AXOPLASM_CACHE": str(caches / job.model)}
        command = [sys.executable, "-m", "benchmarks.profile", job.name]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
        profiles[job.title] = done.stdout if done.returncode == 0 else f"failed: {done.stderr.strip().splitlines()[-1]}"
    return profiles


def _failures(row: measure.Row) -> list[str]:
    return [f"{name} failed: {sample.failure}" for name, sample in row.samples.items() if sample.failure]


def missing(simulators: Simulators) -> list[str]:
    """What is not there to compare with."""
    titles = {"neuron": "NEURON", "arbor": "Arbor"}
    return [
        f"{title} is not installed (pip install axoplasm[bench], or --neuron PYTHON): its part is left out."
        for name, title in titles.items()
        if name not in simulators
    ]


def versions(simulators: Simulators) -> dict[str, str]:
    """Versions of the simulators, and of what ours is built on."""
    found = {"Axoplasm": _commit() or _version("axoplasm")}
    for name, title in (("neuron", "NEURON"), ("arbor", "Arbor")):
        if name in simulators:
            code = f"import importlib.metadata as m; print(m.version({name!r}))"
            done = subprocess.run([*simulators.commands[name], "-c", code], capture_output=True, text=True, check=False)
            found[title] = done.stdout.strip() or "of unknown version"
    for name in ("numpy", "scipy", "numba", "sympy", "petsc4py"):
        found[name] = _version(name)
    return found


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    folder = Path(__file__).resolve().parent
    try:
        done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def print_tables(report: Report) -> None:
    """Everything on the terminal."""
    m = report.machine
    print(f"\n{m.cpu}, {m.cores} cores, load {m.load[0]:.2f} before, {m.load[1]:.2f} after; {report.seconds / 60:.1f} minutes")
    print("times in ns per unit: median (least..largest), * = noisy\n")
    print(grid(HEAD, main_lines(report.rows)))
    others = [(other_head(other), other_lines(report.rows, other)) for other in OTHERS]
    more = (
        (THREAD_HEAD, thread_lines(report.rows)),
        (CELL_HEAD, cell_lines(report.rows)),
        (STEP_HEAD, step_lines(report.rows)),
    )
    for head, lines in (*others, *more):
        if lines:
            print("\n" + grid(head, lines))
    print(ratios_text(report.rows))
    if report.curves:
        print("\n" + grid(PRECISION_HEAD, precision_lines(report.curves)))
        for curve in report.curves:
            print(verdict(curve))
    for row in report.scripts:
        numbers = {name: row.number(name, "per_step_us") for name in ("neuron", "compat")}
        print(f"script {row.name} {' '.join(row.arguments)}: us a step {numbers}", row.failures or "")


if __name__ == "__main__":
    sys.exit(main())
