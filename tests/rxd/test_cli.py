"""The command line: what it prints and writes, and how it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr
from typer.testing import CliRunner, Result

from rxd.cli import app, error_line
from rxd.demo_report import FIGURES

SWC = """# a soma, an apical dendrite with a branch, a basal dendrite, an axon
1 1 0 0 0 8 -1
2 1 0 -8 0 8 1
3 1 0 8 0 8 1
4 4 0 8 0 1.5 1
5 4 0 60 0 1.2 4
6 4 20 100 0 0.8 5
7 4 -20 90 0 0.8 5
8 3 8 0 0 1 1
9 3 60 -10 0 0.5 8
10 2 0 -8 0 0.5 1
11 2 0 -60 0 0.4 10
"""


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    path = tmp_path / "cell.swc"
    path.write_text(SWC)
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def in_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """In a process of its own, since a NEURON script takes over its interpreter."""
    code = "from rxd.cli import app; app()"
    command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def one_line(result: Result) -> str:
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert "Traceback" not in result.output + result.stderr
    return lines[0]


def test_demo_writes_figures_and_results_and_says_what_was_solved(cell: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "output"
    result = call("demo", cell, "--until", 30, "--dt", 0.1, "--method", "split", "--output", folder)
    assert result.exit_code == 0, result.stderr
    for name in FIGURES:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    with xr.open_dataset(folder / "results.nc", engine="h5netcdf") as data:
        assert data["ca[cyt]"].attrs["units"] == "mM"
        assert float(data["time"][-1]) == 30
        assert data["ca[cyt]"].shape[0] == 61
    for word in ("6 sections", "segments", "unknowns", "non-zeros", "split", "dt = 0.1 ms", "compile", "300 steps", "nS"):
        assert word in result.stdout
    for stage in ("compile", "30/30 ms", "plot"):
        assert stage in result.stderr  # the progress bars
    assert result.stderr.count("compile") <= 3, "no terminal: the bar does not move, which would be a line each time"


def test_demo_takes_the_coupled_method_by_default(cell: Path, tmp_path: Path) -> None:
    result = call("demo", cell, "--until", 5, "--output", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "coupled" in result.stdout
    assert "no calcium wave" in result.stdout


def test_demo_says_what_stands_for_an_apical_dendrite(cell: Path, tmp_path: Path) -> None:
    cell.write_text(SWC.replace(" 4 ", " 3 "))
    result = call("demo", cell, "--until", 1, "--dt", 0.1, "--method", "split", "--output", tmp_path)
    assert "no apical dendrite in this morphology: the longest path" in result.stdout


def test_info_counts(cell: Path) -> None:
    result = call("info", cell)
    assert result.exit_code == 0
    for word in ("6 sections", "apical", "basal", "axon", "um2", "um3", "segments", "d_lambda(0.1)", "ends"):
        assert word in result.stdout
    finer = call("info", cell, "--d-lambda", 0.01)
    assert segments(finer) > 2 * segments(result)


def segments(result: Result) -> int:
    return int(next(line for line in result.stdout.splitlines() if line.strip().startswith("segments")).split()[1])


def test_help_lists_the_commands() -> None:
    result = call("--help")
    assert result.exit_code == 0
    for command in ("demo", "info", "voxelize", "run", "bench"):
        assert command in result.stdout


@pytest.mark.parametrize("command", ["demo", "info", "voxelize"])
def test_missing_file_is_one_line(command: str, tmp_path: Path) -> None:
    result = call(command, tmp_path / "absent.swc")
    assert result.exit_code == 1
    assert "absent.swc" in one_line(result)


def test_mistake_in_a_file_is_one_line_with_file_and_line(cell: Path) -> None:
    cell.write_text(SWC.replace("5 4 0 60 0 1.2 4", "5 4 0 sixty 0 1.2 4"))
    result = call("info", cell)
    assert result.exit_code == 1
    line = one_line(result)
    assert "cell.swc" in line
    assert "6" in line
    assert "sixty" in line


def test_unknown_method_names_the_methods(cell: Path, tmp_path: Path) -> None:
    result = call("demo", cell, "--method", "euler", "--output", tmp_path)
    assert result.exit_code == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("axoplasm: ")
    assert "euler" in last
    assert "split" in last
    assert "coupled" in last


def test_negative_step_is_refused(cell: Path, tmp_path: Path) -> None:
    result = call("demo", cell, "--dt", -1, "--output", tmp_path)
    assert result.exit_code == 1
    assert "dt" in result.stderr.strip().splitlines()[-1]


def test_words_that_make_no_sense_exit_with_two(cell: Path) -> None:
    assert call("dmeo").exit_code == 2
    assert call("demo", cell, "--until", "long").exit_code == 2
    assert call("info").exit_code == 2


def test_debug_lets_the_error_through(tmp_path: Path) -> None:
    result = call("info", tmp_path / "absent.swc", "--debug")
    assert isinstance(result.exception, OSError | ValueError)


def test_run_runs_a_script_for_neuron(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\nfrom neuron import h\nprint(h.Section(name='a').name(), sys.argv[1:], __name__)\n")
    done = in_process("run", script, "--debug", "7")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "a ['--debug', '7'] __main__"


def test_error_of_a_script_is_one_line_with_its_line(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("x = {}\n\nx['soma']\n")
    done = in_process("run", script)
    assert done.returncode == 1
    assert done.stderr.strip() == f"axoplasm: {script}:3: KeyError: soma"
    assert "Traceback" in in_process("run", "--debug", script).stderr


def test_run_takes_hoc_and_refuses_missing_scripts(tmp_path: Path) -> None:
    hoc = tmp_path / "cell.hoc"
    hoc.write_text("create soma\nsoma.L = 21\nprint soma.L\n")
    assert in_process("run", hoc).stdout.strip() == "21"
    absent = call("run", tmp_path / "absent.py")
    assert absent.exit_code == 1
    assert "absent.py" in one_line(absent)


def test_unexpected_errors_say_how_to_see_more() -> None:
    assert error_line(ZeroDivisionError("division by zero")) == (
        "ZeroDivisionError: division by zero (unexpected; --debug shows where)"
    )


def test_bench_passes_its_arguments_on() -> None:
    done = in_process("bench", "--list")
    assert done.returncode == 0
    assert "hh_tree" in done.stdout
    assert in_process("bench", "--nonsense").returncode == 2


def test_bench_says_that_it_needs_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rxd.cli.__file__", str(tmp_path / "rxd" / "cli.py"))
    result = call("bench")
    assert result.exit_code == 1
    assert "clone it and run `make bench`" in one_line(result)
