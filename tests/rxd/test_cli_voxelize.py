"""The command `axoplasm voxelize`: what it prints and writes, and how it fails."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import geometry
from geometry.frustum import Solid
from geometry.voxelize import voxelize
from rxd.cli import app
from rxd.voxel_report import closure

SWC = """# a soma of three points, an apical dendrite with a branch, a thin axon
1 1 0 0 0 4 -1
2 1 0 -4 0 4 1
3 1 0 4 0 4 1
4 4 0 4 0 1.5 1
5 4 0 20 0 1.2 4
6 4 8 30 0 0.8 5
7 4 -8 30 0 0.8 5
8 2 0 -4 0 0.2 1
9 2 0 -12 0 0.2 8
"""


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    path = tmp_path / "cell.swc"
    path.write_text(SWC)
    return path


def call(cell: Path, *arguments: object) -> Result:
    picture = ["--picture", cell.parent / "new" / "picture.png"]
    return CliRunner().invoke(app, ["voxelize", str(cell), *(str(a) for a in (*picture, *arguments))])


def numbers(result: Result, line: str) -> list[float]:
    text = next(given for given in result.stdout.splitlines() if given.startswith(line))
    return [float(number) for number in re.findall(r"[-+]?\d[\d.e+-]*", text)]


def test_prints_what_the_voxels_are_and_writes_a_picture(cell: Path) -> None:
    result = call(cell, "--dx", 0.5, "--output", cell.with_suffix(".npz"))
    assert result.exit_code == 0, result.stderr
    assert (cell.parent / "new" / "picture.png").read_bytes().startswith(b"\x89PNG")
    saved = np.load(cell.with_suffix(".npz"))
    n, _, _, _, inside, cut = numbers(result, "voxels")[:6]
    assert n == len(saved["volume"]) == inside + cut
    volume, frusta, percent = (v for k, v in enumerate(numbers(result, "volume")) if k in (0, 2, 4))
    assert volume == pytest.approx(saved["volume"].sum(), rel=1e-5)
    assert percent == pytest.approx(100 * (volume / frusta - 1), abs=0.01)
    assert -5 < percent < 0.1
    assert numbers(result, "membrane")[0] == pytest.approx(saved["membrane_area"].sum(), rel=1e-5)
    torn, leaks, pieces = numbers(result, "closed")
    assert torn < 1e-12
    assert (leaks, pieces) == (0, 1)
    for word in ("us per voxel", "bytes each", "picture.png", "cell.npz"):
        assert word in result.stdout
    for word in ("warning", "axon", "0.4 um", "--dx 0.4", "--sections"):
        assert word in result.stderr


def test_chosen_sections_and_an_edge_for_each_axis(cell: Path) -> None:
    result = call(cell, "--dx", "0.5,0.25,0.4", "--sections", "apical", "--sections", "soma")
    assert result.exit_code == 0, result.stderr
    assert "0.5 x 0.25 x 0.4 um" in result.stdout
    assert "warning" not in result.stderr
    apical = geometry.load(cell).apical
    whole = geometry.segment(apical.morphology, 1)
    assert "lead to sections left out" in call(cell, "--sections", "apic[0]", "--dx", 0.4).stdout
    only = call(cell, "--sections", "apic", "--dx", 0.4)
    assert numbers(only, "volume")[2] == pytest.approx(whole.volume[whole.of(apical)].sum(), rel=1e-5)


@pytest.mark.parametrize("ending", [".vtu", ".vti"])
def test_writes_voxels_for_viewers(cell: Path, ending: str) -> None:
    result = call(cell, "--dx", 1, "--sections", "soma", "--output", cell.with_suffix(ending))
    assert result.exit_code == 0, result.stderr
    text = cell.with_suffix(ending).read_text()
    for name in ("owner", "fraction", "normal", "section"):
        assert f'Name="{name}"' in text


def test_writes_the_membrane_for_viewers(cell: Path) -> None:
    result = call(cell, "--dx", 0.5, "--sections", "soma", "--output", cell.with_suffix(".vtp"))
    assert result.exit_code == 0, result.stderr
    text = cell.with_suffix(".vtp").read_text()
    for name in ("Polys", "normal", "voxel", "section"):
        assert name in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--dx", "fine"), ("--dx", "0.25", "'fine'")),
        (("--dx", "1,2"), ("--dx", "'1,2'")),
        (("--dx", "0"), ("dx", "above zero")),
        (("--dx", "1e-5"), ("voxels", "GB", "--dx", "--sections")),
        (("--sections", "basal"), ("no basal", "soma", "apical")),
        (("--sections", "dendd"), ("no section 'dendd'",)),
        (("--output", "cell.stl"), (".vtu", ".npz", "cell.stl")),
    ],
)
def test_mistakes_are_one_line(cell: Path, arguments: tuple[str, str], words: tuple[str, ...]) -> None:
    result = call(cell, *arguments)
    assert result.exit_code == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("axoplasm: ")
    for word in words:
        assert word in last
    assert "Traceback" not in result.output


def test_a_file_that_is_no_morphology_is_one_line(cell: Path) -> None:
    cell.write_bytes(bytes(range(256)))
    result = call(cell)
    assert result.exit_code == 1
    assert "cell.swc" in result.stderr.strip().splitlines()[-1]


def test_closure_sees_faces_that_lead_nowhere() -> None:
    grid = voxelize(Solid([[0, 0, 0, 1, 3, 1, 1, 1]]), 0.3)
    assert closure(grid) == (pytest.approx(0, abs=1e-14), 0)
    whole = np.abs(grid.surface_vector).sum()
    face = grid.low_face.copy()
    face[np.argmax(grid.neighbor[:, 0] < 0), 0] += 0.25
    values = {name: getattr(grid, name) for name in grid.__slots__}
    torn, leaks = closure(geometry.VoxelGrid(**{**values, "low_face": face}))
    assert torn == pytest.approx(0.25 * 0.09 / whole, rel=0.01)
    assert leaks == 1
