"""Many sections brought up to date at once, before an edit, and one after another when a script reads them."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd
from rxd.neuron.engine.together import like_sections

pytestmark = pytest.mark.usefixtures("session")

MOVED = ("v", "m_hh", "gna_hh", "ina", "ik", "i_pas", "gk_hh", "minf_hh", "cai", "eca", "ica")


def tree():
    """Nine sections of three kinds, with clamps and synapses; calcium moves in two of them."""
    sections = [h.Section(name=f"s{i}") for i in range(9)]
    for i, section in enumerate(sections):
        section.L, section.diam, section.nseg = 40 + 5 * i, 1 + 0.1 * i, 1 + i % 4
        if i:
            section.connect(sections[(i - 1) // 2](1 - 0.5 * (i % 2)))
        section.insert("pas" if i % 3 else "hh")
        if i % 3 == 2:
            section.insert("hh")
    clamps = [h.IClamp(section(0.3)) for section in sections[:4]]
    for i, clamp in enumerate(clamps):
        clamp.delay, clamp.dur, clamp.amp = 0.1 * i, 5, 0.05 + 0.02 * i
    region = rxd.Region(sections[3:5], name="cyt", nrn_region="i")
    ca = rxd.Species(region, name="ca", charge=2, d=0.3, initial=lambda node: 1e-4 * (1 + node.x))
    return sections, clamps, region, ca, rxd.Rate(ca, -0.1 * ca)


def values(sections, read):
    return {
        (section.name(), name): np.array(found)
        for section in sections
        for name in section.record.store
        if name != "diam" and (found := read(section.record, name)) is not None
    }


def run(steps=40):
    model = tree()
    h.finitialize(-65)
    for _ in range(steps):
        h.fadvance()
    return model


def test_what_sections_show_before_an_edit_is_what_each_shows_when_it_is_read():
    with Session():
        sections, *kept = run()
        one_by_one = values(sections, lambda record, name: record.values(name))
        amps = [clamp.i for clamp in kept[0]]
    with Session() as session:
        sections, *kept = run()
        session.run.pull()
        at_once = values(sections, lambda record, name: record.store[name])
        assert amps == [clamp.values["i"] for clamp in kept[0]]
    assert at_once.keys() == one_by_one.keys()
    for key, expected in one_by_one.items():
        np.testing.assert_allclose(at_once[key], expected, rtol=1e-12, err_msg=str(key))
    assert {name for _, name in at_once} >= set(MOVED)
    assert one_by_one["s0", "v"][0] > -64


def test_sections_are_together_if_they_are_alike_in_all():
    sections, *_kept = run(1)
    engine = sections[0].record.session.run.engine
    names = [[record.name for record in some.records] for some in like_sections(engine)]
    assert sorted(map(len, names)) == [1, 1, 2, 2, 3]
    assert ["s0", "s6"] in names
    assert ["s2", "s5", "s8"] in names
    assert ["s1", "s7"] in names


def test_a_section_with_other_segments_than_the_engine_knows_is_left_alone():
    sections, *_kept = run()
    record = sections[8].record
    shown = np.array(record.values("v"))
    sections[8].nseg = 5
    assert set(record.store["v"]) == set(shown)
    engine = record.session.run.engine
    assert all(record not in some.records for some in like_sections(engine))
