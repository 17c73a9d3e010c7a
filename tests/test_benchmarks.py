"""The benchmarks run at tiny sizes, give the same answer twice, and report what they measured; no time is judged here."""

from __future__ import annotations

import importlib
import math
import time
from pathlib import Path

import pytest

from benchmarks import jobs
from benchmarks.__main__ import main
from benchmarks.costs import cost, difference, met, ratio, roofline
from benchmarks.docs import write_docs
from benchmarks.machine import Machine
from benchmarks.measure import Curve, Plan, Point, Row, measure, relative_error, time_at
from benchmarks.process import BenchError, Sample, Served, Simulators, find_simulators
from benchmarks.report import Report, read_json, updated, write_json
from benchmarks.scripts import ScriptRow
from benchmarks.serve import timed
from benchmarks.tables import HEAD, grid, main_lines, verdict

MACHINE = Machine("a processor", "a system", "3.11", 2, (0.5, 1.5), ((1e3, 1e9), (1e6, 1e9)), 1e9)
QUICK = {job.name: job for job in jobs.jobs("quick")}


def sample(simulator: str, seconds: list[float], **more: object) -> Sample:
    return Sample(simulator, units=1e3, unit="step", seconds=seconds, cpu=seconds, check=2.0, setup_s=1.0, **more)  # type: ignore[arg-type]


def row(ours: list[float], theirs: list[float], target: float = 4) -> Row:
    job = jobs.Job("hh_tree", "A tree", "hh_tree", {}, jobs.BOTH, target, "HH tree")
    facts = {"nodes": 10, "bytes": 100.0, "flops": 50.0, "working_set": 1e4}
    return Row(
        job, {"axoplasm": sample("axoplasm", ours, facts=facts, cold_s=3.0), "neuron": sample("neuron", theirs)}, (1.0, 1.0)
    )


def report(rows: tuple[Row, ...]) -> Report:
    precision = jobs.precisions("quick")[0]
    points = {"split": [Point(0.1, 1e-5, [1.0], [1.0])], "NEURON, CVODE": [Point(1e-3, 1e-5, [8.0], [8.0])]}
    curves = (Curve(precision, points, 1e-9, {"coupled, petsc": "PETSc is missing"}),)
    scripts = (ScriptRow("d3", ("1",), {"neuron": [{"per_step_us": 2.0, "setup_s": 1.0, "check": 1.0}]}, {"compat": "why"}),)
    return Report("2026-01-01", 60.0, MACHINE, {"NEURON": "9"}, ("a note",), rows, curves, scripts, {"A tree": "99 % waiting"})


@pytest.mark.parametrize("name", QUICK)
def test_every_model_runs_and_gives_the_same_answer_twice(name: str) -> None:
    job = QUICK[name]
    built = importlib.import_module(f"benchmarks.axoplasm.{job.model}").build(**job.size)
    answers = []
    for _ in range(2):
        built.prepare()
        built.run()
        answers.append(built.check())
    assert math.isfinite(answers[0])
    assert answers[0] == answers[1]
    assert built.units > 0


@pytest.mark.parametrize("method", ["coupled", "split"])
def test_models_for_precision_take_settings(method: str) -> None:
    built = importlib.import_module("benchmarks.axoplasm.wave_hh").build(nseg=11, tstop=1, method=method)
    found = []
    for setting in (0.05, 0.025, 0.05):
        built.set(setting)
        built.prepare()
        built.run()
        found.append(built.values())
    assert len(found[0]) == 22
    assert found[0] == found[2] != found[1]


def test_every_job_has_a_model_for_each_of_its_simulators() -> None:
    root = Path(jobs.__file__).parent
    for job in jobs.jobs("full"):
        columns = ("axoplasm",) if job.variants else job.columns
        for column in columns:
            folder = "axoplasm" if column in jobs.OURS else "neuron" if column in ("compat", "nmodl") else column
            model = f"{job.model}_nmodl" if column == "nmodl" else job.model
            assert (root / folder / f"{model}.py").exists(), (job.name, column)
    names = [job.name for job in jobs.jobs("full")]
    assert len(set(names)) == len(names)
    assert set(QUICK) <= set(names)


def test_processes_take_turns_and_fill_their_samples(tmp_path: Path) -> None:
    simulators = find_simulators(None, compat=False, timeout=60)
    found = measure(QUICK["voxelise"], Simulators({"axoplasm": simulators.commands["axoplasm"]}), Plan(2, math.inf), tmp_path)
    ours = found.samples["axoplasm"]
    assert set(found.samples) == {"axoplasm"}
    assert len(ours.seconds) == len(ours.cpu) == 2
    assert ours.cold_s is not None
    assert ours.units == ours.facts["nodes"] > 1000
    assert 10 < ours.peak_mb < 5000
    assert ours.check == pytest.approx(474.55, abs=0.1)  # two frusta, in closed form


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    simulators = find_simulators(None, compat=False, timeout=60)
    with pytest.raises(BenchError, match="no_such_model"):
        Served(simulators, "axoplasm", "no_such_model", {}, tmp_path)


def test_a_job_that_fails_keeps_its_row(tmp_path: Path) -> None:
    broken = jobs.Job("voxelise", "Voxelising", "voxelise", {"dx_nm": -1}, ("axoplasm",), cold=False)
    found = measure(broken, find_simulators(None, compat=False, timeout=60), Plan(1, math.inf), tmp_path)
    assert "dx" in found.samples["axoplasm"].failure
    assert cost(found.samples["axoplasm"]) is None
    assert "failed" in grid(HEAD, main_lines([found])) or "-" in grid(HEAD, main_lines([found]))


def test_costs_ratios_and_targets() -> None:
    quick, slow = row([1.0, 2.0, 3.0], [10.0, 9.0, 8.0]), row([2.0, 2.0, 2.1], [4.0, 4.0, 4.0])
    found = cost(quick.samples["axoplasm"])
    assert found is not None
    assert (found.median, found.low, found.high) == (2e6, 1e6, 3e6)
    assert found.noisy
    assert ratio(quick) == (4.5, 4.5)
    assert difference(quick) == 0.0
    assert met(quick) is True
    assert met(slow) is False
    assert met(row([], [])) is None


def test_roofline_takes_the_larger_of_two_bounds() -> None:
    found = roofline(row([1e-3], [1.0]), MACHINE)
    assert found is not None
    assert (found.by_bytes, found.by_flops) == pytest.approx((100.0, 50.0))  # a number a nanosecond
    assert found.factor == pytest.approx(10.0)  # 1000 ns a unit


def test_plan_cuts_repeats_when_time_is_over() -> None:
    assert len(list(Plan(5, math.inf).rounds())) == 5
    assert len(list(Plan(5, -math.inf).rounds())) == 3


def test_time_at_an_error_is_interpolated_on_logarithms() -> None:
    points = [Point(0, 1e-2, cpu=[1.0]), Point(0, 1e-4, cpu=[4.0]), Point(0, 1e-3, cpu=[9.0])]
    assert time_at(points, 1e-3) == pytest.approx(2.0)  # the third point is beaten by the second
    assert time_at(points, 1.0) == pytest.approx(1.0)
    assert math.isnan(time_at(points, 1e-6))


def test_error_is_the_worse_of_potential_and_calcium() -> None:
    import numpy as np

    reference = np.array([-65.0, -60.0, 1e-3, 2e-3])
    assert relative_error(reference + np.array([1.0, 0, 0, 0]), reference) == pytest.approx(0.01)
    assert relative_error(reference + np.array([1.0, 0, 1e-3, 0]), reference) == pytest.approx(0.5)


def test_verdict_compares_the_best_of_both() -> None:
    assert "8.0 times faster; wanted 5: met" in verdict(report(()).curves[0])


def test_report_survives_json_and_becomes_the_page(tmp_path: Path) -> None:
    whole = report((row([1.0], [2.0]),))
    write_json(whole, tmp_path / "a.json")
    again = read_json(tmp_path / "a.json")
    write_json(again, tmp_path / "b.json")
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    page = write_docs(again, tmp_path).read_text()
    for words in (
        "a processor",
        "a note",
        "99 % waiting",
        "**A tree**: 2.0",
        "PETSc is missing",
        "| d3 | 1 | 2 (2..2) | why |",
    ):
        assert words in page


def test_report_has_the_first_order_two_threads_many_cells_and_long_runs(tmp_path: Path) -> None:
    work = row([2.0], [8.0])
    work.samples["first"] = sample("axoplasm", [1.0])
    work.samples["threads"] = sample("axoplasm", [1.1])
    cells = []
    for number, megabytes in ((1, 200.0), (10, 209.0)):
        job = jobs.Job(f"cells_{number}", f"{number} cells", "many_cells", {}, ("axoplasm",), table="cells")
        facts = {"nodes": 100 * number, "unknowns": 1000 * number, "cells": number}
        made = sample("axoplasm", [0.5], facts=facts, peak_mb=megabytes)
        made.units, made.setup_s = number, 2.0
        cells.append(Row(job, {"axoplasm": made}, (1.0, 1.0)))
    select = Row(jobs.Job("select", "s", "select", {}, table="facts"), {"axoplasm": sample("axoplasm", [3e-4])}, (1.0, 1.0))
    select.samples["axoplasm"].units = 1.0
    select.samples["axoplasm"].facts["nodes"] = 10
    steps = Row(jobs.Job("long_run", "l", "long_run", {}, table="facts"), {"axoplasm": sample("axoplasm", [1.0])}, (1.0, 1.0))
    steps.samples["axoplasm"].facts["steps"] = 7
    page = write_docs(report((work, *cells, select, steps)), tmp_path).read_text()
    for words in (
        "| 4.0 | 4.0 | >= 4 met | 0.0e+00 | 1.00e+06 (1.00e+06..1.00e+06) | 8.0 | 0.0e+00 |",
        "| A tree | 10 | 2.00e+06 (2.00e+06..2.00e+06) | 1.10e+06 (1.10e+06..1.10e+06) | 1.82 | >= 1.7 |",
        "| 10 cells | 1000 | 2.00 | 200 | 50 | 209 | - | - | - | - | 1000 |",
        "Selecting 10 of 100 nodes and reading their concentrations: 0.3 ms here; wanted",
        "Memory after 7 steps more: +0 kB",
    ):
        assert words in page
    assert "| s |" not in page


def test_report_takes_over_what_is_measured_again() -> None:
    old, new = report((row([1.0], [2.0]),)), report((row([1.0], [3.0]),))
    both = updated(old, new)
    assert both.rows == new.rows
    other = jobs.Job("new", "A new job", "hh_tree", {})
    added = updated(old, report((Row(other, {}, (1.0, 1.0)),)))
    assert [found.job.name for found in added.rows] == ["hh_tree", "new"]
    assert len(both.curves) == 1
    assert "hh_tree" in both.notes[-1]


def test_command_reports_what_a_run_has_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(report((row([1.0], [8.0]),)), tmp_path / "a.json")
    options = [
        "--from-json",
        str(tmp_path / "a.json"),
        "--output",
        str(tmp_path),
        "--write-docs",
        "--docs",
        str(tmp_path / "docs"),
    ]
    assert main(options) == 0
    assert ">= 4 met" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "docs" / "figures").iterdir()) == ["performance.png", "precision.png"]


def test_list_names_the_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--list"])
    assert "hh_tree" in capsys.readouterr().out


class WakesUp:
    """Work whose first run takes longer than the others."""

    def __init__(self, first: float, others: float) -> None:
        self.first, self.others, self.runs = first, others, 0

    def prepare(self) -> None:
        """Nothing."""

    def run(self) -> None:
        """One run."""
        time.sleep(self.others if self.runs else self.first)
        self.runs += 1


@pytest.mark.parametrize(("first", "others", "least"), [(0.001, 0.001, 3), (0.1, 0.001, 3), (0.6, 0.001, 1)])
def test_the_first_run_counts_only_if_it_is_long(first: float, others: float, least: int) -> None:
    work = WakesUp(first, others)
    seconds = timed(work)["seconds"]
    assert work.runs >= least
    assert (seconds >= first) == (least == 1 or first == others)
