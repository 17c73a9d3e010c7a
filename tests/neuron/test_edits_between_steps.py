"""What is read between an edit and the next step."""

from __future__ import annotations

import pytest

from rxd.neuron.session import Session


@pytest.mark.parametrize("kind", ["", "pas", "extracellular"])
def test_ends_of_sections_can_be_read_between_another_nseg_and_the_next_step(kind):
    with Session():
        from rxd.neuron import h

        first, second = h.Section(name="first"), h.Section(name="second")
        second.connect(first(1))
        for section in (first, second):
            section.L, section.diam, section.nseg = 200, 2, 3
            section.insert(kind or "pas")
        synapse = None if kind else h.ExpSyn(first(0))
        clamp = h.IClamp(first(0))
        clamp.dur, clamp.amp = 5, 0.2
        h.finitialize(-65)
        for _ in range(4):
            h.fadvance()
        last, nearest = second(1).v, second(0.9).v
        second.nseg = 5
        assert (second(1).v, synapse is None) == (pytest.approx(last, abs=1e-9), bool(kind))
        assert second(0.9).v == pytest.approx(nearest, abs=1e-9)
        assert first(0).v > first(1).v > second(1).v
        h.fadvance()
