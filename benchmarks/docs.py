"""Writes `docs/performance.md` from a report: every number in it comes from there, and the sentences are chosen by it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.costs import cost, met, ratio, roofline
from benchmarks.files import ROOT
from benchmarks.limits import ANCHORS, LIMITS
from benchmarks.measure import Row
from benchmarks.report import Report
from benchmarks.tables import (
    CELL_HEAD,
    HEAD,
    PRECISION_HEAD,
    STEP_HEAD,
    THREAD_HEAD,
    TIMES,
    cell_lines,
    main_lines,
    markdown,
    other_head,
    other_lines,
    precision_lines,
    short,
    step_lines,
    thread_lines,
    verdict,
)

INTRODUCTION = """# How fast it is

Written by `make bench` (`python -m benchmarks --write-docs`) from its own measurements: do not edit it, run it. Every model
runs in a process of its own, on one thread; the simulators take turns, run by run, so that other work on the machine meets
all of them alike; runs shorter than 0.5 s are repeated at every turn and the last counts, as processors that slept begin
slowly. A cell is the median (least..largest) over the runs, in ns per unit of work; a star marks a number whose runs differ
by more than 30 % of it. `cpu ratio` compares the time of the processor instead of the clock's; it is what targets are judged
by. `check` is the relative difference of a figure of the answer, between first-order NEURON and second-order Axoplasm at the
same step. `first order` is `method="split", order=1`: NEURON's own order of operations, so that `its check` compares like
with like and `its ratio` (of the processor's time) is what the same scheme costs. `compat` is the model's NEURON script run
by `python -m rxd.neuron`. `MB` is the peak of the whole process, interpreter and compiler included. `setup` is from the first
line of the model to the end of the first step, imports excluded; cold: with an empty kernel cache."""


TITLES = {
    "arbor": "## Against Arbor",
    "nmodl": "## Against the chain as an NMODL KINETIC block\n\nNothing diffuses in it, which favours it; wanted: at least 6.",
}
CELLS = """Copies of the reconstructed neuron with channels and four species: from the first line of the model to the end of
the first step, kernels cached; initialising again; the peak of the process."""
LEAST = """The least that any program of this method must do for a unit: every unknown read and written once by chemistry and
once by transport, every field and coefficient read once, every rate and its derivative evaluated once. A step of second order
does more: two stages a linear part, the factorisations, several sweeps in 3D. So a factor of 1 is out of reach, and one of 10
names what is worth a profile. Bytes are divided by the bandwidth of a working set of that size, flops by the rate of a matrix
product. `sweeps`: how often a step goes through the voxels of all species to diffuse them."""


def write_docs(report: Report, folder: Path) -> Path:
    """The page and its two figures."""
    path = folder / "performance.md"
    parts = [INTRODUCTION, machine_text(report), "## Work", work_tables(report.rows), ratios_text(report.rows)]
    parts += ["![Cost against size](figures/performance.png)"]
    for other, title in TITLES.items():
        lines = other_lines(report.rows, other)
        if lines:
            parts += [title, markdown(other_head(other), lines)]
    if lines := thread_lines(report.rows):
        parts += ["## Two threads", markdown(THREAD_HEAD, lines)]
    if lines := cell_lines(report.rows):
        parts += ["## Many cells in one model", CELLS, markdown(CELL_HEAD, lines)]
    parts += ["## Scripts written for NEURON, unchanged", script_text(report)]
    parts += ["## Coupled against split steps", markdown(STEP_HEAD, step_lines(report.rows)), steps_text(report.rows)]
    if report.curves:
        parts += ["## Error against time", *map(verdict, report.curves), "![Error against time](figures/precision.png)"]
        parts += [markdown(PRECISION_HEAD, precision_lines(report.curves))]
        parts += [f"Failed: {m}: {why}" for curve in report.curves for m, why in curve.failures.items()]
    parts += ["## Roofline", roofline_text(report), "## Targets that were missed", missed_text(report) or "None."]
    if report.profiles:
        parts += ["## Where the time of the slowest goes", "By `python -m benchmarks.profile`, samples of the processor:"]
        parts += [f"{title}:\n\n```text\n{text.rstrip()}\n```" for title, text in report.profiles.items()]
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    return path


def work_tables(rows: Iterable[Row]) -> str:
    """The main table in two: times, then memory and setup."""
    lines = main_lines(tuple(rows))
    times = markdown(HEAD[:TIMES], [line[:TIMES] for line in lines])
    setup = markdown([HEAD[0], HEAD[1], *HEAD[TIMES:]], [[line[0], line[1], *line[TIMES:]] for line in lines])
    words = (
        "In 3D the simulators cut voxels differently, so that their answers do: exactly, bulb and neurite have 474.55 um3. "
        "Work of 3D is a voxel of each simulator's own."
    )
    return f"{times}\n\n{words}\n\nMemory and setup:\n\n{setup}"


def machine_text(report: Report) -> str:
    """The machine, its load, the versions, what was left out."""
    m = report.machine
    loads = [load for row in report.rows for load in row.load] or [0.0]
    busy = (
        "**The machine was busy**: treat absolute times as too long, ratios as rough, and look at the ranges."
        if max(m.load[0], m.load[1]) > 2.0 or sum(loads) / len(loads) > 1.8
        else "Its own process counts as a load of 1."
    )
    rates = ", ".join(f"{size / 1e3:.0f} kB: {rate / 1e9:.1f}" for size, rate in m.bandwidth)
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    notes = "".join(f"\n- {note}" for note in report.notes)
    return (
        f"Machine: {m.cpu}, {m.cores} cores, {m.system}, Python {m.python}. {report.date}, {report.seconds / 60:.1f} minutes. "
        f"Load average {m.load[0]:.2f} before, {min(loads):.2f} to {max(loads):.2f} during, {m.load[1]:.2f} after. {busy}\n\n"
        f"Versions: {versions}. One core multiplies matrices at {m.flops / 1e9:.1f} Gflop/s and does `a += s b` at "
        f"(working set: GB/s) {rates}." + ("\n" + notes if notes else "")
    )


def ratios_text(rows: Iterable[Row]) -> str:
    """Facts that need two rows."""
    by_name = {row.job.name: row for row in rows}
    costs = {n: cost(by_name[f"cascade_{n}"].samples.get("axoplasm")) for n in (10, 40) if f"cascade_{n}" in by_name}
    lines = []
    if all(costs.get(n) for n in (10, 40)):
        grows = costs[40].cpu / costs[10].cpu  # type: ignore[union-attr]
        lines.append(f"Chain: time(40 species) / time(10 species) = {grows:.1f}, wanted at most 5.")
    big = by_name.get("cascade_200")
    if big and "axoplasm" in big.samples and big.samples["axoplasm"].cold_s is not None:
        lines.append(
            f"200 species: {big.samples['axoplasm'].cold_s:.1f} s from nothing to the first step, wanted: compiled in 20 s."
        )
    if "cascade_40" in by_name and by_name["cascade_40"].samples["axoplasm"].cold_s is not None:
        lines.append(f"40 species: {by_name['cascade_40'].samples['axoplasm'].cold_s:.1f} s, wanted less than 12 s.")
    start = by_name.get("init")
    if start and "axoplasm" in start.samples and "neuron" in start.samples:
        ours, theirs = start.samples["axoplasm"], start.samples["neuron"]
        lines.append(
            f"Initialising the cell the first time: kernels cached {ours.setup_s:.2f} s, nothing cached "
            f"{ours.cold_s or 0:.2f} s, NEURON {theirs.setup_s:.2f} s (wanted: 3 times faster, and no slower). "
            f"From the start of the process to the first step with cached kernels {ours.ready_s:.2f} s, wanted less than "
            f"1.5 s; NEURON {theirs.ready_s:.2f} s."
        )
    lines += [*_selection(by_name), *_growth(by_name)]
    lines += _memory(by_name)
    return "\n".join(f"- {line}" for line in lines)


def _memory(by_name: dict[str, Row]) -> list[str]:
    """What a voxel takes: a fine mesh against a coarse one, as code takes the same in both; and against no mesh at all."""
    rows = [by_name.get(name) for name in ("d3", "d3_small")]
    fine, coarse = (row.samples.get("axoplasm") if row else None for row in rows)
    if fine is None or coarse is None or not {"mesh_bytes", "nodes"} <= fine.facts.keys() & coarse.facts.keys():
        return []
    empty = min(row.samples["axoplasm"].peak_mb for row in by_name.values() if "axoplasm" in row.samples)
    each = 1e6 * (fine.peak_mb - coarse.peak_mb) / (fine.facts["nodes"] - coarse.facts["nodes"])
    code = coarse.peak_mb - empty - 1e-6 * each * coarse.facts["nodes"]
    mesh = fine.facts["mesh_bytes"]
    line = (
        f"3D diffusion, one species: a voxel more takes {each:.0f} bytes at the peak, all that is made on the way and all of a "
        f"step included, of which the mesh is {mesh:.0f}; wanted: at most 64 a voxel and species, plus the mesh. Besides, the "
        f"code that cuts voxels and steps in them takes {code:.0f} MB more than that of a model without."
    )
    return [line]


def _selection(by_name: dict[str, Row]) -> list[str]:
    """How long it takes to choose nodes and read their values."""
    row = by_name.get("select")
    names = {"axoplasm": "here", "compat": "by the script", "neuron": "in NEURON"}
    found = {name: c for name in names if row and (c := cost(row.samples.get(name)))}
    if row is None or "axoplasm" not in found:
        return []
    each = ", ".join(f"{1e-6 * c.median:.3g} ms {names[name]}" for name, c in found.items())
    nodes = row.samples["axoplasm"].facts["nodes"]
    return [f"Selecting {nodes} of {10 * nodes} nodes and reading their concentrations: {each}; wanted: less than 1 ms."]


def _growth(by_name: dict[str, Row]) -> list[str]:
    """Whether a long run keeps anything."""
    row = by_name.get("long_run")
    sample = row.samples.get("axoplasm") if row else None
    if sample is None or sample.check is None:
        return []
    steps = sample.facts["steps"]
    return [f"Memory after {steps} steps more: {sample.check / 1e3:+.0f} kB; wanted: no growth."]


def steps_text(rows: Iterable[Row]) -> str:
    """The three costs that issue 3 limits."""
    for row in rows:
        if row.job.name == "demo_step":
            c = {name: found.cpu for name, s in row.samples.items() if (found := cost(s))}
            if {"split", "direct", "petsc", "scipy"} <= set(c):
                return (
                    "Four stages of a Rosenbrock method of nearly order 4 stand against two half steps and a whole one of "
                    f"order 2. Embedded solver / split: {c['direct'] / c['split']:.1f}, wanted at most 3. PETSc / embedded: "
                    f"{c['petsc'] / c['direct']:.1f}, wanted at most 3. SciPy / PETSc: {c['scipy'] / c['petsc']:.1f}, "
                    "wanted more than 1."
                )
    return ""


def script_text(report: Report) -> str:
    """NEURON and the compatibility layer on the same files."""
    if not report.scripts:
        return "Left out: not asked for, no time left, or not on this machine."
    lines = []
    for row in report.scripts:
        line = [row.name, " ".join(row.arguments)]
        for simulator in ("neuron", "compat"):
            step, spread = row.number(simulator, "per_step_us"), row.spread(simulator, "per_step_us")
            failed = row.failures.get(simulator, "-").replace("|", "/")[:60]
            line.append(failed if step is None or spread is None else f"{short(step)} ({short(spread[0])}..{short(spread[1])})")
        a, b = row.number("neuron", "per_step_us"), row.number("compat", "per_step_us")
        line.append("-" if a is None or not b else f"{a / b:.1f}")
        line += ["-" if (s := row.number(name, "setup_s")) is None else f"{s:.2f}" for name in ("neuron", "compat")]
        checks = [row.number(name, "check") for name in ("neuron", "compat")]
        line.append("-" if None in checks else f"{abs(checks[1] / checks[0] - 1) if checks[0] else 0:.1e}")  # type: ignore[operator]
        lines.append(line)
    head = ("script", "arguments", "NEURON us a step", "compat us a step", "ratio", "NEURON setup s", "compat setup s", "check")
    return "Kernels cached; the clock's time, a process a run.\n\n" + markdown(head, lines)


def roofline_text(report: Report) -> str:
    """Least time by traffic and by arithmetic, and how far the measurement is from the larger."""
    lines = []
    for row in report.rows:
        found, sample = roofline(row, report.machine), row.samples.get("axoplasm")
        if found is None or sample is None:
            continue
        measured = cost(sample)
        assert measured is not None
        bound = "arithmetic" if found.by_flops > found.by_bytes else "traffic"
        lines.append(
            [
                row.job.title, f"{found.bytes:.0f}", f"{found.flops:.0f}", f"{sample.facts['working_set'] / 1e3:.0f}",
                short(found.by_bytes), short(found.by_flops), short(measured.cpu), bound, f"{found.factor:.1f}",
                f"{sample.facts['sweeps']:.0f}" if sample.facts.get("sweeps") else "-",
            ]
        )  # fmt: skip
    head = (
        "work",
        "bytes",
        "flops",
        "working set kB",
        "ns by bytes",
        "ns by flops",
        "measured cpu ns",
        "bound",
        "times the bound",
        "sweeps",
    )
    return f"{LEAST}\n\n{markdown(head, lines)}"


def missed_text(report: Report) -> str:
    """Every target that was not met, with what is known about why."""
    lines = []
    for row in report.rows:
        if met(row) is False:
            found = ratio(row)
            assert found is not None
            why = LIMITS.get(row.job.name, "No profile has been made yet.")
            theirs, then = cost(row.samples["neuron"]), ANCHORS.get(row.job.name)
            if then and theirs:
                why = f"NEURON took {short(theirs.cpu)} ns a unit here, {then} ns where the target was set. {why}"
            lines.append(
                f"- **{row.job.title}**: {found[1]:.1f} (by the clock {found[0]:.1f}), wanted {row.job.target:g}. {why}"
            )
    for row in report.rows:
        found = ratio(row, "arbor")
        if row.job.name == "hh_tree" and found and found[1] < 1:
            lines.append(
                f"- **{row.job.title}, Arbor**: {found[1]:.2f} of Arbor's time over ours, wanted more than 1. {LIMITS['arbor']}"
            )
    behind = [f"{row.job.title} {found[1]:.1f}" for row in report.rows if (found := ratio(row, "nmodl")) and found[1] < 6]
    if behind:
        lines.append(f"- **Against NMODL**, wanted 6: {', '.join(behind)}. {LIMITS['nmodl']}")
    missing = [row.job.title for row in report.rows if row.job.target is not None and met(row) is None]
    if missing:
        lines.append(f"- Not compared, because one side is missing or failed: {', '.join(missing)}.")
    return "\n".join(lines)


def default_folder() -> Path:
    """The project's `docs`."""
    return ROOT / "docs"
