"""Point processes at the ends of sections: where currents meet and nothing is stored, as at NEURON's nodes without area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rxd.neuron import h, rxd

pytestmark = pytest.mark.usefixtures("session")


def cable(name: str, length: float, diam: float, nseg: int, mechanism: str = "hh") -> Any:
    section = h.Section(name=name)
    section.L, section.diam, section.nseg = length, diam, nseg
    section.insert(mechanism)
    return section


def tree() -> list[Any]:
    soma, dend = cable("soma", 20, 20, 1), cable("dend", 100, 2, 3)
    tip, back = cable("tip", 150, 1, 3, "pas"), cable("back", 80, 1.5, 1, "pas")
    dend.connect(soma(1))
    tip.connect(dend(1))
    back.connect(dend(1), 1)
    return [soma, dend, tip, back]


def event(place: Any, start: float) -> tuple[Any, ...]:
    synapse, source = h.ExpSyn(place), h.NetStim()
    synapse.tau, source.start, source.number = 2, start, 1
    connection = h.NetCon(source, synapse)
    connection.weight[0], connection.delay = 0.01, 0
    return synapse, source, connection


def run(sections: list[Any], stop: float = 3) -> np.ndarray:
    recorded = [h.Vector().record(s(0.5)._ref_v) for s in sections]
    h.finitialize(-65)
    h.continuerun(stop)
    return np.array(recorded)


def test_a_synapse_where_three_sections_meet() -> None:
    """NEURON 9.0.2's figures, and those of a section so short that it is the point where they meet."""
    sections = tree()
    kept = event(sections[1](1), 1)
    at_end = run(sections)
    assert at_end[:, -1] == pytest.approx(FIGURES, rel=1e-7)
    assert sections[1](1).v == sections[2](0).v == sections[3](1).v
    point = cable("point", 1e-4, 1, 1, "pas")
    point.connect(sections[1](1))
    kept[0].loc(point(0.5))
    assert run(sections) == pytest.approx(at_end, abs=1e-3)


# v in the middles of the four sections of `tree` after 3 ms, with an event at 1 ms for a synapse where the last three meet
FIGURES = (34.32937185341929, 28.622199358795072, -5.159468603439281, 12.857774848085992)


def clamped(kind: str) -> Callable[[Any], Any]:
    def make(place: Any) -> Any:
        clamp = getattr(h, kind)(place)
        if kind == "IClamp":
            clamp.dur, clamp.amp = 1e9, 0.05
        else:
            clamp.dur1, clamp.amp1, clamp.rs = 1e9, -20, 3
        return clamp

    return make


@pytest.mark.parametrize("kind", ["IClamp", "SEClamp"])
def test_a_clamp_at_an_end_is_in_series_with_half_a_segment(kind: str) -> None:
    s = cable("s", 100, 2, 1, "pas")
    clamp = clamped(kind)(s(1))
    h.finitialize(-70)
    h.dt = 50
    for _ in range(60):
        h.fadvance()
    half, leak = h.ri(s(1)), 0.01 * s(0.5).area() * 0.001
    current = 0.05 if kind == "IClamp" else (-20 + 70) / (3 + half + 1 / leak)
    assert clamp.i == pytest.approx(current, rel=1e-5)
    assert s(0.5).v == pytest.approx(-70 + current / leak, rel=1e-6)
    assert s(1).v == pytest.approx(-70 + current / leak + current * half, rel=1e-6)


def test_what_flows_in_at_an_end_leaves_through_the_membrane() -> None:
    h.cvode.use_fast_imem(True)
    sections = tree()
    kept = [event(sections[1](1), 0.5), event(sections[2](1), 0.6)]
    total = [h.Vector().record(seg._ref_i_membrane_) for s in sections for seg in s]
    h.finitialize(-65)
    while h.t < 2:
        h.fadvance()
        through = sum(seg.i_membrane_ for s in sections for seg in s)
        lost = sum(place.i_membrane_ for place in (sections[1](1), sections[2](1)))
        assert through == pytest.approx(-lost, abs=1e-9)
    assert max(vector.max() for vector in total) > 0 < min(synapse.g for synapse, *_ in kept)


def test_variable_steps_and_changes_on_the_way() -> None:
    """Events make ends jump, which no step has to resolve; a model compiled anew goes on as it was."""
    sections = tree()
    kept = [event(sections[1](1), 1), event(sections[0](0), 1.5)]
    h.dt = 0.001
    fine = run(sections)[:, -1]
    h.cvode.active(True)
    h.cvode.atol(1e-6)
    assert run(sections)[:, -1] == pytest.approx(fine, abs=0.1)
    h.cvode.active(False)
    h.dt = 0.025
    coarse = run(sections)[:, -1]
    h.finitialize(-65)
    h.continuerun(2)
    before = sections[1](1).v
    other = cable("other", 10, 1, 1)
    h.continuerun(3)
    assert before != -65
    assert [s(0.5).v for s in sections] == pytest.approx(coarse, rel=1e-6)
    assert other(0.5).v != 0
    del kept


def test_ends_are_free_again_without_their_point_process() -> None:
    sections = tree()
    free = run(sections)
    kept = event(sections[2](1), 1)
    assert not np.allclose(run(sections), free, atol=1)
    del kept
    assert run(sections) == pytest.approx(free, rel=1e-12)


def test_an_end_inside_another_section_is_its_segment() -> None:
    soma, spine = cable("soma", 30, 20, 3), cable("spine", 5, 1, 1, "pas")
    spine.connect(soma(0.5))
    tip = cable("tip", 5, 1, 1, "pas")
    tip.connect(spine(1))
    assert spine(0) == soma(0.5)
    assert tip(0) == spine(1) != spine(0.9)
    assert len({spine(0), soma(0.5), soma(0.6), tip(0), spine(1)}) == 2
    spine(0).v = -50
    assert [soma(x).v for x in (0.2, 0.5, 0.8)] == [-65, -50, -65]
    assert spine(0).hh.gnabar == 0.12
    assert [str(mechanism) for mechanism in spine(0)] == ["k_ion", "na_ion", "hh"]
    assert list(tip(0)) == []
    with pytest.raises(AttributeError, match="does not exist"):
        _ = spine(0).pas
    clamp, synapse = h.IClamp(spine(0)), h.ExpSyn(soma(0.5))
    assert soma(0.5).point_processes() == spine(0).point_processes() == [synapse, clamp]
    assert clamp.get_segment() == soma(0.5)
    region = rxd.Region([soma, spine, tip], name="r")
    x = rxd.Species(region, name="x", initial=lambda node: node.x + 10 * (node.sec == spine))
    assert x.nodes(spine(0)).value == x.nodes(soma(0.5)).value == [0.5]
    assert x.nodes(spine(1e-4)).value == [10.5]


def test_nodes_are_segments_then_voxels_then_those_outside() -> None:
    thin, thick = cable("thin", 4, 1, 2, "pas"), cable("thick", 4, 1, 1, "pas")
    thick.connect(thin)
    rxd.set_solve_type([thick], dimension=3)
    box = rxd.Extracellular(-2, -2, -2, 2, 2, 2, dx=2)
    cyt, inner = (rxd.Region([thin, thick], name=name, dx=0.5) for name in ("cyt", "inner"))
    x = rxd.Species([box, inner, cyt], name="x")
    found = x.nodes
    kinds = [(type(node).__name__, node.region) for node in found]
    changes = [kind for i, kind in enumerate(kinds) if i == 0 or kinds[i - 1] != kind]
    assert changes == [
        ("Node1D", inner), ("Node1D", cyt), ("Node3D", inner), ("Node3D", cyt), ("NodeExtracellular", box)
    ]  # fmt: skip
    found.value = range(len(found))
    assert found.value == list(range(len(found)))
    assert x[box].nodes.value == list(range(len(found) - 8, len(found)))


# what `of` of the function below gives in NEURON 9.0.2 after 14 steps of 0.025 ms, nA
THROUGH = {
    0: [0.005378796, 0.000696985, 0, 0, -0.004708182, 0.005386899, 0.000696985, -0.004754497, 0],
    2: [0.005456738, 0.001054912, 0, 0, -0.004840140, 0.005465369, 0.001054912, -0.005136879, 0],
}


@pytest.mark.parametrize("order", [0, 2])
def test_membrane_currents_beside_synapses_at_ends(order: int) -> None:
    """What a synapse at a joint to a middle lets out is through that segment, at another end through no segment."""
    h.cvode.use_fast_imem(True)
    h.secondorder = order
    sections = [cable(name, 10, 1, 1, "pas") for name in ("s", "d", "f")]
    sections[1].connect(sections[0](1))
    sections[2].connect(sections[0](0.5))
    for section in sections:
        section.Ra, section.g_pas, section.e_pas = 100, 1e-4, -65
    kept = []
    for place in (sections[2](0), sections[1](1), sections[0](0)):
        kept.append(event(place, 0))
        kept[-1][0].tau, kept[-1][0].e, kept[-1][2].delay, kept[-1][2].weight[0] = 0.5, -70, 0.2, 0.001
    clamps = [h.IClamp(sections[1](1)), h.IClamp(sections[2](1))]
    for clamp in clamps:
        clamp.delay, clamp.dur, clamp.amp = 0.1, 1, 0.001
    places = [place for section in sections for place in section.allseg()]
    recorded = [h.Vector().record(place._ref_i_membrane_) for place in places]
    h.finitialize(-60)
    for _ in range(14):
        h.fadvance()
    assert [place.i_membrane_ for place in places] == pytest.approx(THROUGH[order], abs=2e-9)
    assert [one[14] for one in recorded] == pytest.approx(THROUGH[order], abs=2e-9)
    assert sum(place.i_membrane_ for place in places if place.x > 0 or place.sec is sections[0]) == pytest.approx(
        0.002, abs=1e-12
    )


@pytest.mark.parametrize("end", [0, 1])
def test_the_voltage_of_a_whole_section_is_that_of_its_ends(end: int) -> None:
    """With h.secondorder an end that keeps its old voltage swings around the others: in NEURON both are -41.28222 here."""
    section = cable("a", 20, 20, 1)
    synapse = h.ExpSyn(section(end))
    h.secondorder = 2
    h.finitialize(-65)
    for step in range(48):
        if step == 41:
            section.v = -40
        h.fadvance()
    assert synapse.g == 0
    assert section(0.5).v == pytest.approx(-41.28222, abs=1e-5)
    assert section(end).v == pytest.approx(-41.28222, abs=1e-5)


def test_the_0_end_of_a_section_is_a_place_of_its_parent() -> None:
    """As in NEURON: `branch.v = -50` sets soma(0.5).v where the branch begins there."""
    soma, branch = cable("soma", 20, 20, 3), cable("branch", 100, 2, 1)
    branch.connect(soma(0.5))
    h.finitialize(-65)
    branch.v = -50
    assert [segment.v for segment in soma] == [-65, -50, -65]
    assert branch(0).v == -50
