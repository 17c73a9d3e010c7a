"""What a script reads of one segment at every step is what recordings and whole sections show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rxd.neuron.session import Session

STEPS = 200


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        yield h


def cable(h: Any) -> Any:
    section = h.Section(name="axon")
    section.L, section.diam, section.nseg = 400, 2, 5
    section.insert("hh")
    clamp = h.IClamp(section(0.1))
    clamp.delay, clamp.dur, clamp.amp = 0.2, 100, 0.8
    return section, clamp


READ: dict[str, Callable[[Any], float]] = {
    "v": lambda s: s(0.3).v,
    "ina": lambda s: s(0.3).ina,
    "ik": lambda s: s(0.3).ik,
    "il_hh": lambda s: s(0.3).hh.il,
    "m_hh": lambda s: s(0.3).hh.m,
    "n_hh": lambda s: s(0.3).n_hh,
}


@pytest.mark.parametrize("secondorder", [0, 2])
def test_reads_at_every_step_are_what_recordings_hold(h: Any, secondorder: int) -> None:
    section, _clamp = cable(h)
    h.secondorder = secondorder
    recorded = {name: h.Vector().record(getattr(section(0.3), f"_ref_{name}")) for name in READ}
    h.finitialize(-65)
    found: dict[str, list[float]] = {name: [] for name in READ}
    for _ in range(STEPS):
        h.fadvance()
        for name, read in READ.items():
            found[name].append(read(section))
    for name, values in found.items():
        np.testing.assert_allclose(values, np.array(recorded[name])[1:], rtol=1e-12, atol=1e-14, err_msg=name)


def test_a_current_that_has_been_read_stays_after_an_edit_until_the_next_step(h: Any) -> None:
    section, _clamp = cable(h)
    h.finitialize(-65)
    for _ in range(4):
        h.fadvance()
        shown = section(0.3).ik
        section(0.3).hh.gkbar = section(0.3).hh.gkbar * 1.1
        assert section(0.3).ik == shown
        section(0.3).v = section(0.3).v + 1
        assert section(0.3).ik == shown
    before = section(0.3).ik
    h.fcurrent()
    assert section(0.3).ik != before


def test_reads_follow_a_section_that_is_cut_anew_and_end_with_its_mechanism(h: Any) -> None:
    section, _clamp = cable(h)
    h.finitialize(-65)
    for _ in range(3):
        h.fadvance()
        assert section(0.3).ina == pytest.approx([seg.ina for seg in section][1], rel=1e-12)
    before = [seg.v for seg in section]
    section.nseg = 15
    assert [seg.v for seg in section][1::3] == before
    for _ in range(3):
        h.fadvance()
        assert section(0.3).ina == [seg.ina for seg in section][4]
    section.uninsert("hh")
    with pytest.raises(AttributeError):
        section(0.3).hh.m  # noqa: B018 - the access is what is tested


def test_vectors_that_single_steps_fill_are_complete_whenever_somebody_looks(h: Any) -> None:
    section, _clamp = cable(h)
    v, t = h.Vector().record(section(0.5)._ref_v), h.Vector().record(h._ref_t)
    shown = v.as_numpy
    h.finitialize(-65)
    read = [section(0.5).v]
    for step in range(1, 60):
        h.fadvance()
        read.append(section(0.5).v)
        if step % 7 == 0:
            assert len(v) == len(t) == step + 1
            assert v[step] == read[-1]
        if step == 30:
            h.continuerun(h.t + 1)
            read += list(v)[len(read) :]
            break
    assert list(v) == read
    assert list(shown()) == read
    assert list(t) == pytest.approx(h.dt * np.arange(len(v)))
