"""`extracellular` and currents through the membrane: i_membrane, i_cap, vext; figures of NEURON 9.0.2 where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rxd.neuron import Session, h


@pytest.fixture
def cell() -> Iterator[list[Any]]:
    with Session():
        soma, axon, dend, twig = (h.Section(name=name) for name in ("soma", "axon", "dend", "twig"))
        axon.connect(soma(0))
        dend.connect(soma(1))
        twig.connect(dend(0.5))
        for sec, length, diam, nseg in ((soma, 20, 20, 1), (axon, 300, 1, 7), (dend, 200, 2, 5), (twig, 100, 1, 3)):
            sec.L, sec.diam, sec.nseg, sec.Ra = length, diam, nseg, 100
            sec.insert("pas")
            sec.insert("extracellular")
        yield [soma, axon, dend, twig]


def segments(cell: list[Any]) -> list[Any]:
    return [seg for sec in cell for seg in sec]


def record(cell: list[Any], name: str) -> list[Any]:
    return [h.Vector().record(getattr(seg, f"_ref_{name}")) for seg in segments(cell)]


def test_what_leaves_through_the_membrane_is_what_the_clamp_gives(cell: list[Any]) -> None:
    """Charge goes nowhere else, and the membrane's current is capacitive plus leak of the step's end."""
    clamp = h.IClamp(cell[0](0.5))
    clamp.dur, clamp.amp = 1e9, 0.3
    total, charging, v = record(cell, "i_membrane"), record(cell, "i_cap"), record(cell, "v")
    h.finitialize(-70)
    h.continuerun(2)
    area = np.array([seg.area() for seg in segments(cell)])
    assert 0.01 * area @ np.array(total)[:, 1:] == pytest.approx(0.3, rel=1e-9)
    leak = 0.001 * (np.array(v) + 70)
    assert np.array(total)[:, 1:] == pytest.approx((np.array(charging) + leak)[:, 1:], rel=1e-7, abs=1e-12)
    assert [vector[0] for vector in (*charging, *total)] == [0] * 2 * len(total)
    seen = np.array([(seg.i_membrane, seg.i_cap, seg.vext[0]) for seg in segments(cell)])
    assert seen == pytest.approx(np.array([(a[-1], b[-1], 0) for a, b in zip(total, charging, strict=True)]), rel=1e-6)


def test_the_same_step_by_step_and_without_a_loop(cell: list[Any]) -> None:
    clamp = h.IClamp(cell[2](0.9))
    clamp.delay, clamp.dur, clamp.amp = 0.5, 1, 0.3
    total = record(cell, "i_membrane")
    for seg in cell[1]:
        seg.e_extracellular = 30 * seg.x
    h.finitialize(-70)
    h.continuerun(2)
    once = np.array(total)
    h.finitialize(-70)
    while h.t < 2 - h.dt / 2:
        h.fadvance()
    assert np.array(total) == pytest.approx(once, rel=1e-9, abs=1e-13)


def test_a_uniform_field_does_nothing_and_a_gradient_what_currents_would(cell: list[Any]) -> None:
    """`e_extracellular` acts as the currents sum g (e_k - e_i) would: in an unbranched cable g is known."""
    h.finitialize(-70)
    for seg in segments(cell):
        seg.e_extracellular = 50
    h.continuerun(1)
    assert [seg.v for seg in segments(cell)] == pytest.approx([-70] * 16, abs=1e-9)
    with Session():
        cable = h.Section(name="cable")
        cable.L, cable.diam, cable.nseg, cable.Ra = 300, 1, 3, 100
        cable.insert("pas")
        g = 100 * np.pi / 4 / (100 * 100)  # uS, between neighbouring segments: 100 area / (Ra length)
        clamps = [h.IClamp(seg) for seg in cable]
        for clamp, share in zip(clamps, (1, -2, 1), strict=True):
            clamp.dur, clamp.amp = 1e9, share * g * 20
        h.finitialize(-70)
        h.continuerun(1)
        expected = [seg.v for seg in cable]
    with Session():
        cable = h.Section(name="cable")
        cable.L, cable.diam, cable.nseg, cable.Ra = 300, 1, 3, 100
        cable.insert("pas")
        cable.insert("extracellular")
        cable(0.5).e_extracellular = 20
        h.finitialize(-70)
        h.continuerun(1)
        assert [seg.v for seg in cable] == pytest.approx(expected, abs=1e-9)
        assert cable(0.5).vext[0] == 20


def test_a_field_that_a_vector_plays() -> None:
    """v and vext after 5 ms: NEURON 9.0.2, whose vext is of the middle of the last step."""
    with Session():
        cable = h.Section(name="cable")
        cable.L, cable.diam, cable.nseg, cable.Ra = 300, 1, 5, 100
        cable.insert("pas")
        cable.insert("extracellular")
        times, values = h.Vector(np.arange(0, 10, 0.025)), h.Vector(-300 * np.sin(2 * np.arange(0, 10, 0.025)))
        values.play(cable(0.1)._ref_e_extracellular, times, 1)
        h.finitialize(-70)
        h.continuerun(5)
        assert [seg.v for seg in cable] == pytest.approx(
            [-120.41093199539164, -22.515855958786833, -55.535782667261294, -72.33243600023857, -79.20499337832341], rel=1e-9
        )
        assert cable(0.1).vext[0] == pytest.approx(156.8139358594858, rel=1e-9)


def test_properties_of_layers(cell: list[Any]) -> None:
    soma = cell[0]
    assert (soma.xg[0], soma(0.5).xraxial[1], soma(0.5).extracellular.e) == (1e9, 1e9, 0)
    soma.xg[0] = 1e10
    assert soma(0.5).xg[0] == 1e10


@pytest.mark.parametrize("xg", [1e-3, 1e10])
def test_recordings_around_the_membrane_are_what_segments_show_after_each_step(session: Session, xg: float) -> None:
    sections = [h.Section(name=f"s{i}") for i in range(3)]
    for i, section in enumerate(sections):
        section.L, section.diam, section.nseg = 100, 2, 1 + 2 * i
        section.insert("hh")
        section.insert("extracellular")
        section.xraxial[0], section.xg[0], section.xc[0] = 1e3, xg, 0.1 if xg < 1 else 0
        if i:
            section.connect(sections[i - 1](1))
    spots = [segment for section in sections for segment in section]
    shown: list[Callable[[Any], float]] = [lambda s: s.i_membrane, lambda s: s.vext[0], lambda s: s.vext[1]]
    recorded = [[h.Vector().record(s._ref_i_membrane), *(h.Vector().record(s._ref_vext[k]) for k in (0, 1))] for s in spots]
    kept = recorded[0][0].as_numpy()  # an array that shows the elements has them at once
    assert len(kept) == 0
    h.finitialize(-65)
    read: list[list[list[float]]] = [[[] for _ in shown] for _ in spots]
    for k in range(60):
        sections[0].e_extracellular = 10.0 if 10 <= k < 20 else 0.0
        h.fadvance()
        for segment, found in zip(spots, read, strict=True):
            for values, look in zip(found, shown, strict=True):
                values.append(look(segment))
        if k == 30:
            assert len(recorded[3][1]) == 32
        if k == 40:
            gone, ours = sections.pop(), 5
            spots, read = spots[:-ours], read[:-ours]
            del segment, section
            h.delete_section(sec=gone)
    assert len(recorded[-1][0]) == 42
    for vectors, found in zip(recorded, read, strict=False):
        for vector, values in zip(vectors, found, strict=True):
            np.testing.assert_allclose(vector.as_numpy()[1:], values, rtol=1e-13, atol=1e-16)
    assert max(abs(value) for value in read[0][0]) > 1e-3


def played_fibre(xg: float, alone: bool, shorter: bool, smooth: bool = True) -> list[list[float]]:
    """A fibre in a field that Vectors play, and what its voltages are; each with times of its own, or all with the same."""
    with Session():
        sections = [h.Section(name=f"s{i}") for i in range(7)]
        for i, section in enumerate(sections):
            section.L, section.diam = 100, 2
            section.insert("hh")
            section.insert("extracellular")
            section.xraxial[0], section.xg[0], section.xc[0] = 1e3, xg, 0.1 if xg < 1 else 0
            if i:
                section.connect(sections[i - 1](1))
        times = h.Vector([0.11, 0.3, 0.5, 0.5, 0.77, 1.2])
        kept = []
        for i, section in enumerate(sections):
            course, own = h.Vector([0, -10 * i, 20, -30 + i, 0, 1]), times.c() if alone else times
            course.play(section(0.5)._ref_e_extracellular, own, smooth)
            kept.append((course, own))
        recorded = [h.Vector().record(section(0.5)._ref_v) for section in sections]
        h.finitialize(-65)
        h.CVode().event(0.6, lambda: setattr(sections[2], "e_extracellular", 99.0))  # what is played comes over it
        h.CVode().event(0.7, lambda: kept[3][0].fill(5.0))
        if shorter:
            h.CVode().event(0.9, lambda: kept[4][0].resize(5))
        while h.t < 1.5:
            h.fadvance()
        last = recorded.pop(), kept.pop(), sections.pop()
        h.delete_section(sec=last[2])
        for _ in range(10):
            h.fadvance()
        return [list(vector) for vector in recorded]


@pytest.mark.parametrize(
    ("xg", "second"),  # numbers of NEURON 9.0.2 for the second section after 20, 26, 30, 36 and 60 steps
    [
        (1e-3, [-65.98695549723648, -65.55399995836719, -65.39367680704326, -65.30694556101321, -65.03689603102303]),
        (1e10, [-70.82978281787358, -68.467742535124, -66.77512147946699, -65.6907806050986, -64.30038794619091]),
    ],
)
def test_fields_that_vectors_play_at_the_same_times_are_what_each_plays_alone(xg: float, second: list[float]) -> None:
    together = played_fibre(xg, alone=False, shorter=False)
    assert together == played_fibre(xg, alone=True, shorter=False)
    np.testing.assert_allclose([together[1][k] for k in (20, 26, 30, 36, 60)], second, rtol=1e-11)
    # NEURON ends with an error where a Vector becomes too short; here the others go on
    assert played_fibre(xg, alone=False, shorter=True) == played_fibre(xg, alone=True, shorter=True)


@pytest.mark.parametrize(
    ("xg", "second"),  # numbers of NEURON 9.0.2, as above
    [
        (1e-3, [-66.8016832150343, -65.50878840531473, -65.95817188145735, -65.78606891736175, -65.1718308496204]),
        (1e10, [-71.74297626181152, -45.374669173028074, -41.8928444616825, -67.24335415341163, -62.41514684483576]),
    ],
)
def test_jumps_of_a_field_are_what_each_plays_alone(xg: float, second: list[float]) -> None:
    together = played_fibre(xg, alone=False, shorter=False, smooth=False)
    assert together == played_fibre(xg, alone=True, shorter=False, smooth=False)
    np.testing.assert_allclose([together[1][k] for k in (20, 26, 30, 36, 60)], second, rtol=1e-9)
    assert played_fibre(xg, alone=False, shorter=True, smooth=False) == played_fibre(xg, alone=True, shorter=True, smooth=False)


def test_currents_computed_anew_leave_the_last_step_alone(cell: list[Any]) -> None:
    """What fibres are recorded with after a run-up: `h.fcurrent`, then `h.frecord_init` took zeros for the first sample."""
    clamp = h.IClamp(cell[0](0.5))
    clamp.dur, clamp.amp = 1e9, 0.3
    soma = cell[0]
    total = h.Vector().record(soma(0.5)._ref_i_membrane)
    h.finitialize(-70)
    for _ in range(4):
        h.fadvance()
    seen = soma.i_membrane, soma.i_cap
    assert min(map(abs, seen)) > 1e-3
    for _ in range(2):
        h.fcurrent()
        assert (soma.i_membrane, soma.i_cap) == seen
    h.frecord_init()
    assert list(total) == [seen[0]]
    h.fadvance()
    assert soma.i_membrane != seen[0]
    h.finitialize(-70)
    assert (soma.i_membrane, soma.i_cap) == (0, 0)


@pytest.mark.parametrize("resists", [False, True])
def test_what_is_around_the_membrane_can_be_read_after_edits(cell: list[Any], resists: bool) -> None:
    """A script that builds on, or edits a section, in the middle of a run: numbers of the last step had no place any more."""
    _, axon, dend, twig = cell
    for section in cell:
        for segment in section:
            segment.e_extracellular = 20 * segment.x
        if resists:
            section.xg[0], section.xraxial[0] = 1e-3, 1e3
    h.finitialize(-70)
    for _ in range(4):
        h.fadvance()

    def shown(*sections: Any) -> list[tuple[float, float, float]]:
        return [(segment.i_membrane, segment.i_cap, segment.vext[0]) for section in sections for segment in section]

    before = shown(*cell)
    other = h.Section(name="other")
    other.insert("extracellular")
    other.e_extracellular = 3
    assert shown(*cell) == before
    assert other.i_membrane == other.i_cap == 0
    h.fcurrent()
    assert shown(*cell) == before
    h.fadvance()
    before = shown(axon, dend)
    twig.nseg = 5
    assert shown(axon, dend) == before
    assert [segment.i_membrane for segment in twig] == [0] * 5
    assert np.ptp([segment.vext[0] for segment in twig]) > 1e-3
    h.fcurrent()
    assert shown(axon, dend) == before
    h.fadvance()
    before = shown(axon, dend)
    h.delete_section(sec=twig)
    assert shown(axon, dend) == before
    h.fadvance()
    assert shown(axon, dend) != before
