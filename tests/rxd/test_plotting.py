"""Figures: the numbers in them are those of the results, axes say what they show, mistakes are named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import geometry
import rxd
from rxd import library, plotting
from rxd.errors import DeclarationError


@pytest.fixture(scope="module")
def seen() -> SimpleNamespace:
    """A branch with a species that spreads from its left tip, and voltage."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=5)
    model.insert(library.pas(g=1e-4, e=-65), on=cell.all)
    cyt = rxd.Region(cell["parent"] | cell["left"], "cyt", side="i", shape=rxd.FractionalVolume(0.8, surface_fraction=1))
    er = rxd.Region(cell["left"], "er", shape=rxd.FractionalVolume(0.2))
    wall = rxd.Region(cell["left"], "wall", shape=rxd.DistributedBoundary(1))
    membrane = rxd.Region(cell["parent"] | cell["left"], "membrane", shape=rxd.membrane)
    ca = rxd.Species([cyt, er], "ca", d=1.0, charge=2, initial=lambda node: 1e-3 * (1 + node.path_distance))
    free, bound = rxd.Species(cyt, "free", initial=0.1), rxd.Species(cyt, "bound")
    inward = rxd.MultiCompartmentReaction(ca[er], ca[cyt], 1.0, 1.0, membrane=wall)
    pump = rxd.MultiCompartmentReaction(ca[cyt], None, 1.0, membrane=membrane)
    model.add(inward, pump, rxd.Reaction(ca[cyt] + free[cyt], bound[cyt], 1.0, 0.1))
    sim = model.compile("split", dt=0.5)
    result = sim.run(10, record=[rxd.v, rxd.v(cell["right"](0.5)), ca[cyt]], every=0.5)
    return SimpleNamespace(cell=cell, model=model, result=result, ca=ca[cyt], pump=pump, inward=inward)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def texts(ax: Any) -> str:
    return " | ".join(text.get_text() for text in ax.texts)


def test_importing_loads_no_matplotlib() -> None:
    code = "import sys, rxd.plotting, rxd.schematic; assert not [m for m in sys.modules if m.startswith('matplotlib')]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_along_path_follows_the_path(seen: SimpleNamespace) -> None:
    path = seen.cell["parent"] | seen.cell["left"]
    distance, values = plotting.along_path(seen.result, seen.ca, path)
    assert np.allclose(distance, np.arange(10, 200, 20))
    assert np.allclose(values[0], 1e-3 * (1 + distance))
    assert values.shape == (21, 10)


def test_along_path_leaves_what_lies_beyond_a_branch() -> None:
    specs = [geometry.SectionSpec("main", [(0, 0, 0, 1), (100, 0, 0, 1)])]
    specs.append(geometry.SectionSpec("side", [(50, 0, 0, 1), (50, 40, 0, 1)], parent="main", parent_x=0.5))
    cell = geometry.Morphology.from_sections(specs)
    model = rxd.Model(cell, segments={"main": 5, "side": 2})
    model.insert(library.pas(), on=cell.all)
    result = model.compile("split", dt=0.1).run(0.1, record=[rxd.v])
    assert np.allclose(plotting.along_path(result, rxd.v, cell.all)[0], [10, 30, 50, 60, 80])
    assert np.allclose(plotting.along_path(result, rxd.v, cell["main"])[0], [10, 30, 50, 70, 90])


def test_kymograph_shows_micromolar_against_time_and_distance(seen: SimpleNamespace) -> None:
    ax = plotting.kymograph(seen.result, seen.ca, seen.cell["parent"] | seen.cell["left"], limits=(0, 100), label="calcium")
    mesh = ax.collections[0]
    assert np.allclose(np.asarray(mesh.get_array())[:, 0], 1 + np.arange(10, 200, 20))
    assert mesh.get_clim() == (0, 100)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "distance (µm)")
    assert ax.figure.axes[-1].get_ylabel() == "calcium (µM)"


def test_kymograph_needs_a_path_in_the_region(seen: SimpleNamespace) -> None:
    with pytest.raises(DeclarationError, match=r"'ca\[cyt\]' does not exist on the path .*right"):
        plotting.kymograph(seen.result, seen.ca, seen.cell["right"])


def test_cell_picture_has_the_values_of_its_time(seen: SimpleNamespace) -> None:
    ax = plotting.cell_picture(seen.result, seen.ca, time=10)
    body = ax.collections[-1]
    shown = body.get_array()
    assert np.allclose(np.sort(shown.compressed()), np.sort(1e3 * seen.result[seen.ca].values[-1]))
    assert np.ma.count_masked(shown) == 5  # the branch that has no calcium is grey
    assert all(np.allclose(lines.get_clim(), body.get_clim()) for lines in ax.collections)


def test_cell_pictures_share_scale_and_colour_bar(seen: SimpleNamespace) -> None:
    figure = plotting.cell_pictures(seen.result, seen.ca, [0, 5, 10])
    assert len(figure.axes) == 4
    assert len({ax.collections[-1].get_clim() for ax in figure.axes[:3]}) == 1
    assert [ax.get_title() for ax in figure.axes[:3]] == ["0 ms", "5 ms", "10 ms"]
    assert [bool(texts(ax)) for ax in figure.axes[:3]] == [True, False, False]
    assert figure.axes[3].get_ylabel() == "ca[cyt] (µM)"


def test_pieces_join_up_and_have_the_length_and_area_of_their_sections() -> None:
    cell = geometry.examples.pyramidal_cell(n_basal=1, n_oblique=0, n_trunk=2)
    segments = geometry.segment(cell, 3)
    pieces = plotting.segment_pieces(segments)
    assert len(pieces) == segments.n
    for index, section in enumerate(cell):
        own = pieces[segments.offset[index] : segments.offset[index + 1]]
        assert all(np.allclose(a[-1], b[0]) for a, b in pairwise(own))
        length = sum(np.linalg.norm(np.diff(piece[:, :3], axis=0), axis=1).sum() for piece in own)
        assert length == pytest.approx(section.length)
        assert np.allclose(own[0][0], section.points[0])
        assert np.allclose(own[-1][-1], section.points[-1])


def test_segments_are_drawn_at_their_thickness() -> None:
    cell = geometry.cylinder(100, 4)
    ax = plt.subplots()[1]
    body = plotting.draw_cell(geometry.segment(cell, 5), np.arange(5.0), ax)
    for path in body.get_paths():
        x, y = path.vertices[:4].T
        assert 0.5 * abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) == pytest.approx(80)


@pytest.mark.parametrize(("size", "bar"), [(1000, "200 µm"), (90, "20 µm"), (4.5, "1 µm")])
def test_scale_bar_is_round_and_true(size: float, bar: str) -> None:
    ax = plt.subplots()[1]
    ax.set(xlim=(0, size), ylim=(0, size))
    plotting.scale_bar(ax)
    assert texts(ax) == bar
    x = ax.lines[0].get_xdata()
    assert f"{x[1] - x[0]:g} µm" == bar


def test_scale_bar_stands_in_the_emptier_corner() -> None:
    cell = geometry.Morphology.from_sections([geometry.SectionSpec("a", [(0, 0, 0, 1), (10, 0, 0, 1), (100, 100, 0, 1)])])
    ax = plt.subplots()[1]
    plotting.draw_cell(geometry.segment(cell, 9), np.zeros(9), ax)
    plotting.scale_bar(ax, 20)
    assert min(ax.lines[0].get_xdata()) > 50


def test_voltage_traces_at_places_or_wherever_recorded(seen: SimpleNamespace) -> None:
    ax = plotting.voltage_traces(seen.result, [seen.cell["left"](0.5)])
    segment = seen.result.segments.index(seen.cell["left"](0.5))
    assert np.array_equal(ax.lines[0].get_ydata(), seen.result.values[0][:, segment])
    assert ax.get_ylabel() == "v (mV)"
    both = plotting.voltage_traces(seen.result)
    assert [line.get_label() for line in both.lines][-1] == "right(0.5)"


def test_what_was_not_recorded_is_named(seen: SimpleNamespace) -> None:
    with pytest.raises(DeclarationError, match=r"'ca\[er\]' was not recorded .*ca\[cyt\].*record="):
        plotting.cell_picture(seen.result, "ca[er]", 0)
    with pytest.raises(DeclarationError, match=r"'ca\[cyt\]' was not recorded at .*right"):
        plotting.at_place(seen.result, "ca[cyt]", seen.cell["right"](0.5))
    empty = seen.model.compile("split", dt=0.5).run(0.5, record=[seen.ca])
    with pytest.raises(DeclarationError, match=r"'v' was not recorded.*rxd\.v"):
        plotting.voltage_traces(empty)


def test_schematic_shows_regions_species_and_crossings(seen: SimpleNamespace) -> None:
    ax = plotting.schematic(seen.model, {seen.pump: "pump"})
    shown = texts(ax)
    for word in ("outside", "cyt", "er", "pas: leak", "pump", "ca   D = 1 µm²/ms", "ca + free ⇌ bound"):
        assert word in shown
    arrows = [text for text in ax.texts if not text.get_text()]
    tips = sorted(text.xy[0] for text in arrows if text.xy[0] < text.xyann[0])
    assert len(arrows) == 3  # leak of the membrane, pump, exchange with the store
    assert len(tips) == 2
    assert tips[0] < 1.5  # the pump out of the cell
    assert tips[1] > 3.0  # the exchange out of the store


def test_colour_map_rises_evenly_in_darkness() -> None:
    """Lightness (CIE) falls at an even pace: equal steps of the value look equal."""
    rgb = plotting.colour_map()(np.linspace(0, 1, 9))[:, :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16
    steps = -np.diff(lightness)
    assert steps.min() > 0
    assert steps.max() / steps.min() < 2
    assert lightness[0] < 90  # visible on white paper
