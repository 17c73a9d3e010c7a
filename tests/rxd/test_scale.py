"""Many cells in one model: each does what it does alone, and setting them up takes memory in proportion."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import geometry
import rxd
from geometry import Morphology
from rxd import library

DT = 0.025


def neuron() -> Morphology:
    return geometry.examples.y_branch()


def copies(cell: Morphology, n: int) -> Morphology:
    """A forest of n cells side by side."""
    points = np.tile(cell.points, (n, 1))
    points[:, 0] += np.repeat(1000.0 * np.arange(n), len(cell.points))
    size = cell.n_sections
    parent = np.tile(cell.parent, n)
    return Morphology(
        points=points,
        point_offset=np.concatenate([[0], np.cumsum(np.tile(np.diff(cell.point_offset), n))]),
        parent=np.where(parent < 0, -1, parent + np.repeat(size * np.arange(n), size)),
        parent_x=np.tile(cell.parent_x, n),
        kinds=cell.kinds * n,
        names=tuple(f"cell{i}.{name}" for i in range(n) for name in cell.names),
    )


def compiled(cell: Morphology, method: str = "split", segments: int = 7, current: bool = True) -> rxd.Simulation:
    """Gates, a calcium current, diffusion, a reaction, a state on some sections only, a clamp in the first of each cell."""
    model = rxd.Model(cell, segments=segments, Ra=120)
    roots = cell.roots
    model.insert(library.hh(), on=roots)
    model.insert(library.pas(g=1e-4, e=-65), on=cell.all - roots)
    if current:
        model.insert(library.ca_hva(), on=cell.all)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    tips = rxd.Region(cell.all - roots, name="tips")
    ca = rxd.Species(cyt, name="ca", charge=2, d=0.6, initial=lambda nodes: 1e-4 * (1 + nodes.x))
    buf = rxd.Species(cyt, name="buf", initial=0.05)
    cabuf = rxd.Species(cyt, name="cabuf", d=0.1, initial=0.001)
    x = rxd.State(tips, name="x", initial=1.0)
    model.add(rxd.Reaction(ca + buf, cabuf, 100.0, 0.1), rxd.Rate(x, -0.3 * x))
    for root in roots:
        model.add(rxd.IClamp(root(0.5), delay=0.5, dur=2.0, amp=0.5))
    return model.compile(method, dt=DT)


@pytest.mark.parametrize("method", ["split", "coupled"])
def test_each_of_many_cells_does_what_it_does_alone(method: str) -> None:
    number = 3
    alone, together = compiled(neuron(), method), compiled(copies(neuron(), number), method)
    for simulation in (alone, together):
        simulation.run(2.0)
    assert alone.values(rxd.v).max() > -60
    for label in ("v", "ca[cyt]", "cabuf[cyt]", "x[tips]", "hh.m"):
        one, many = alone.values(label), together.values(label)
        rows = many.reshape(number, len(one))
        assert np.allclose(rows, rows[0], rtol=1e-12, atol=1e-14), label
        # the coupled step's size depends on all cells, by a norm over all of them
        assert np.allclose(rows[0], one, rtol=1e-12 if method == "split" else 1e-3, atol=1e-13), label


def test_many_cells_hold_many_times_the_calcium_of_one() -> None:
    number = 5
    held = []
    for cell in (neuron(), copies(neuron(), number)):
        simulation = compiled(cell)
        simulation.run(1.0)
        block = simulation.discretization.layout["ca[cyt]"]
        held.append(float(simulation.values("ca[cyt]") @ simulation.discretization.capacity[block.order]))
    assert held[1] == pytest.approx(number * held[0], rel=1e-12)


def test_memory_grows_by_a_bounded_number_of_bytes_a_node() -> None:
    peaks, unknowns = [], []
    compiled(neuron(), current=False).run(DT)  # what is loaded once
    for number in (20, 120):
        forest = copies(neuron(), number)
        tracemalloc.start()
        simulation = compiled(forest, segments=51, current=False)
        simulation.run(DT)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        unknowns.append(simulation.problem.size)
    assert np.diff(peaks)[0] / np.diff(unknowns)[0] < 600


def test_sections_with_equal_equations_are_one_group_however_many_they_are() -> None:
    one, many = compiled(neuron(), current=False).system, compiled(copies(neuron(), 4), current=False).system
    assert [group.unknowns for group in one.groups] == [group.unknowns for group in many.groups]
    assert [4 * len(group.sections) for group in one.groups] == [len(group.sections) for group in many.groups]
    sections = sorted(section for group in many.groups for section in group.sections)
    assert sections == list(range(4 * neuron().n_sections))


def test_groups_stand_in_the_order_of_their_first_sections() -> None:
    cell = copies(neuron(), 2)
    model = rxd.Model(cell, segments=1)
    size = neuron().n_sections
    model.insert(library.pas(), on=cell.where(lambda section: section.index in (0, 2 + size)))
    groups = model.compile("split", dt=DT).system.groups
    assert [group.sections[0] for group in groups] == [0, 1]
    assert groups[0].sections == (0, 2 + size)


def test_species_of_one_region_share_their_tree() -> None:
    _, ca, cabuf = compiled(neuron(), current=False).discretization.transports
    assert ca.plan is cabuf.plan
    assert ca.parent is cabuf.parent
    assert np.allclose(cabuf.conductance, ca.conductance * 0.1 / 0.6, rtol=1e-14)
