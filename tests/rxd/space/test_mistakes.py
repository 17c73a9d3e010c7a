"""Mistakes about space are named, with the sections and a remedy, before anything is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from geometry.voxelize import VoxelWarning
from rxd import library

CELL = geometry.examples.y_branch()  # parent, left, right


def discretized(*things: Any, segments: int = 2, hh: bool = False) -> Any:
    """The stages that look at space, without the compiler."""
    from rxd.discretize.build import discretize
    from rxd.symbolic.build import build_system

    model = rxd.Model(CELL, segments=segments)
    if hh:
        model.insert(library.hh(), on=CELL.all)
    model.add(*things)
    return discretize(build_system(model), CELL, model.segments, model.settings)


def box(*corners: float, **more: Any) -> rxd.Extracellular:
    return rxd.Extracellular(*(corners or (0, 0, 0, 10, 10, 10)), dx=5, **more)


def test_voxels_wider_than_a_section_are_warned_about_by_name() -> None:
    cyt = rxd.Region(CELL.all - CELL["parent"], "cyt", dimension=3, dx=2)
    with pytest.warns(
        VoxelWarning, match=r"2 sections are thinner somewhere \(down to 1.26 um\) than a voxel of 2 um.*left, right"
    ):
        discretized(rxd.Species(cyt, "u"))


def test_regions_in_voxels_share_one_edge() -> None:
    left, right = rxd.Region(CELL["left"], "a", dimension=3, dx=0.5), rxd.Region(CELL["right"], "b", dimension=3, dx=0.4)
    with pytest.raises(rxd.DiscretizationError, match=r"dx differ \('a': 0.5 um, 'b': 0.4 um\). Give them the same dx"):
        discretized(rxd.Species(left, "u"), rxd.Species(right, "w"))


def crossing(cyt: rxd.Region, other: rxd.Region) -> rxd.MultiCompartmentReaction:
    membrane = rxd.Region(CELL.all, "mem", shape=rxd.membrane)
    k = rxd.Species([cyt, other], "k", d=1, charge=1)
    return rxd.MultiCompartmentReaction(k[cyt], k[other], 1.0, 1.0, membrane=membrane)


def test_box_that_does_not_hold_the_cell_names_what_is_outside() -> None:
    low, high = CELL.bounds()
    only_parent = box(*(low - 1), float(CELL["left"](0.0).section.points[0, 0]) + 3, *(high[1:] + 1))
    with pytest.raises(rxd.DiscretizationError, match=r"'ecs' does not contain left, right, which exchange with it\. Enlarge"):
        discretized(crossing(rxd.Region(CELL.all, "cyt", side="i"), only_parent))


def test_box_that_does_not_hold_the_channels_is_refused_too() -> None:
    with pytest.raises(rxd.DiscretizationError, match="'ecs' does not contain left, parent, right"):
        discretized(rxd.Species(box(500, 500, 500, 510, 510, 510), "k", d=1, charge=1), hh=True)


def test_sections_that_do_not_exchange_may_lie_outside_a_box() -> None:
    assert discretized(rxd.Species(box(), "dye", d=1)).layout["dye[ecs]"].n_tree == 0


@pytest.mark.parametrize(
    "shape", [rxd.Shell(0.5, 0.8), rxd.FixedCrossSection(1.0), rxd.FixedPerimeter(2.0), rxd.ScalableBorder(1.0)], ids=repr
)
def test_shapes_without_a_meaning_in_voxels_are_refused(shape: Any) -> None:
    region = rxd.Region(CELL["left"], "thin", dimension=3, dx=0.5, shape=shape)
    thing = rxd.State(region, "u") if shape.is_area and not shape.is_volume else rxd.Species(region, "u")
    with pytest.raises(rxd.DiscretizationError, match=r"Region 'thin': the shape .* has no meaning in voxels. Use dimension=1"):
        discretized(thing)


def test_one_reaction_in_one_and_three_dimensions_names_the_section() -> None:
    solid = rxd.Region(CELL.all, "cyt", dimension=CELL["left"], dx=0.5)
    flat = rxd.Region(CELL.all, "er", shape=rxd.FractionalVolume(0.2))
    with pytest.raises(rxd.DeclarationError, match=r"mixes 1D and 3D in section left \(1D in er, 3D in cyt\)"):
        discretized(crossing(solid, flat))


def test_sections_in_voxels_must_be_the_region_s() -> None:
    with pytest.raises(rxd.DeclarationError, match=r"Region 'cyt': none of the sections .*\(right\) is in the region"):
        rxd.Region(CELL["left"], "cyt", dimension=CELL["right"])
    with pytest.raises(rxd.DeclarationError, match="none at all"):
        rxd.Region(CELL["left"], "cyt", dimension=CELL.soma - CELL.soma)
    other = geometry.examples.y_branch()
    with pytest.raises(rxd.DeclarationError, match="none of the sections"):
        rxd.Region(CELL["left"], "cyt", dimension=other["left"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rxd.Region(CELL.all - CELL.all, "cyt", dimension=3), "the selection is empty"),
        (lambda: rxd.Region(CELL.all, "cyt", dimension=2), "dimension is 1, 3 or the selection of sections that are 3D; got 2"),
        (lambda: rxd.Region(CELL.all, "cyt", dimension=3, dx=0), "dx is the edge of a voxel in um and must be positive"),
        (lambda: rxd.Species(box(), "k", d=(1, 2)), "one number, or three for x, y and z; got"),
        (lambda: rxd.Species(box(), "k", d=(1, 2, -3)), "cannot be negative; got -3"),
        (
            lambda: rxd.Species(rxd.Region(CELL.all, "cyt", dimension=CELL["left"]), "k", d=(1, 2, 3)),
            "parent, right are one-dimensional there",
        ),
        (lambda: rxd.Species(box(), "k", d=1, boundary=3.0), "is by box: boundary={ecs: 3.0}"),
    ],
)
def test_bad_declarations_are_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(rxd.DeclarationError, match=words):
        make()


def test_bad_boundaries_are_refused() -> None:
    ecs, cyt = box(), rxd.Region(CELL.all, "cyt")
    for held, d, words in (
        ({cyt: 1.0}, 1.0, r"Region\('cyt'.* is not an extracellular box of the species \(boxes: ecs\)"),
        ({ecs: 1.0}, 0.0, "nothing crosses the sides of 'ecs', where d is 0"),
        ({ecs: {"top": 1.0}}, 1.0, "a box has the sides xlo, xhi, ylo, yhi, zlo, zhi, not 'top'"),
        ({box(): 1.0}, 1.0, "is not an extracellular box of the species"),
    ):
        with pytest.raises(rxd.DeclarationError, match=words):
            rxd.Species([ecs, cyt], "k", d=d, boundary=held)
    with pytest.raises(rxd.UnitsError, match="boundary of species 'k' at zhi must be a number in mM"):
        rxd.Species(ecs, "k", d=1.0, boundary={ecs: {"zhi": "much"}})


def test_gate_that_reads_an_ion_in_voxels_names_the_section() -> None:
    model = rxd.Model(CELL, segments=1)
    model.insert(library.kca(), on=CELL["left"])
    cyt = rxd.Region(CELL["left"], "cyt", side="i", dimension=3, dx=0.5)
    model.add(rxd.Species(cyt, "ca", charge=2, initial=1e-4))
    with pytest.raises(rxd.DeclarationError, match="in voxels in left, but a gate belongs to a segment"):
        model.compile("split", dt=0.1)


def test_anisotropy_is_kept_as_the_largest_and_its_fractions() -> None:
    ecs = box()
    k = rxd.Species(ecs, "k", d=(np.float64(1.0), 4, 2))
    assert k.d[ecs] == 4
    assert k.axes[ecs] == (0.25, 1.0, 0.5)
    assert rxd.Species(box(), "k", d=3).axes != {}
