"""Models whose sizes change between runs: the next engine takes over the last stepper, and gives what a new one gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rxd.neuron import Session, current_session, h

WIDE = """
NEURON { SUFFIX wide NONSPECIFIC_CURRENT i RANGE g }
PARAMETER { g = 0.0001 (S/cm2) }
ASSIGNED { v (mV) i (mA/cm2) diam (um) area (um2) }
BREAKPOINT { i = g*(v + 60)*diam*area/100 }
"""
FLAT = """
NEURON { POINT_PROCESS Flat NONSPECIFIC_CURRENT i RANGE g }
PARAMETER { g = 0.0001 (uS) }
ASSIGNED { v (mV) i (nA) diam (um) area (um2) }
BREAKPOINT { i = g*(v + 50)*diam*area/100 }
"""
MODS = {"wide": WIDE, "flat": FLAT}


class Cell:
    """A soma with a tree of dendrites that branches, a synapse, a clamp, and recordings."""

    def __init__(self) -> None:
        self.soma = h.Section(name="soma")
        self.soma.L = self.soma.diam = 20
        self.soma.insert("hh")
        self.dends = [h.Section(name=f"dend{i}") for i in range(4)]
        for dend, (parent, x) in zip(self.dends, [(self.soma, 1), (self.soma, 1), (None, 1), (None, 0.5)], strict=True):
            dend.L, dend.diam, dend.nseg = 100, 2, 3
            dend.insert("pas")
            dend.connect((parent or self.dends[0])(x))
        self.clamp = h.IClamp(self.soma(0.5))
        self.clamp.delay, self.clamp.dur, self.clamp.amp = 1, 1e9, 0.3
        self.synapse, self.source = h.ExpSyn(self.dends[2](0.7)), h.NetStim()
        self.source.start, self.source.interval, self.source.number = 1, 2, 10
        self.arrives = h.NetCon(self.source, self.synapse)
        self.arrives.weight[0] = 0.003
        self.fires = h.NetCon(self.soma(0.5)._ref_v, None, sec=self.soma)
        self.spikes = h.Vector()
        self.fires.record(self.spikes)
        self.recorded = [h.Vector().record(r) for r in (self.soma(0.5)._ref_v, self.soma(0.5)._ref_ina, self.synapse._ref_i)]

    def seen(self) -> list[float]:
        now = [h.t, self.soma(0.5).v, self.soma(0.5).ik, self.dends[3](0.9).v, self.dends[1](0.1).i_pas, self.synapse.i]
        return [*now, *(float(np.sum(v.as_numpy())) for v in (*self.recorded, self.spikes))]


EDITS: dict[str, Callable[[Cell, float], None]] = {
    "Ra": lambda cell, a: setattr(cell.dends[0], "Ra", 50 + 100 * a),
    "cm": lambda cell, a: setattr(cell.dends[2], "cm", 0.5 + a),
    "L": lambda cell, a: setattr(cell.dends[1], "L", 20 + 100 * a),
    "diam": lambda cell, a: setattr(cell.dends[0], "diam", 0.5 + a),
    "soma": lambda cell, a: (setattr(cell.soma, "diam", 10 + 10 * a), setattr(cell.soma, "gnabar_hh", 0.1 + 0.05 * a))[0],
    "points": lambda cell, a: cell.dends[3].pt3dadd([0, 50, 60 + a], [0, 0, 5], [0, 0, a], [1 + a, 2, 0.5]),
    "others": lambda cell, a: [setattr(cell.dends[1], "L", 99 + a), setattr(cell.dends[1](0.5).pas, "e", -70 + a)][0],
}


def protocol(names: list[str], forget: bool, between: Callable[[float], None]) -> np.ndarray:
    """What is seen after edits; `forget`: with another engine built from nothing after each."""
    with Session():
        cell, seen = Cell(), []
        h.finitialize(-65)
        h.continuerun(2)
        for number, name in enumerate(names):
            a = (0.37 * (number + 1)) % 1
            EDITS[name](cell, a)
            if forget:
                current_session().touch()
            between(a)
            seen.append(cell.seen())
    return np.array(seen)


def anew(a: float) -> None:
    h.finitialize(-65 + a)
    h.continuerun(5)


def midway(a: float) -> None:
    for _ in range(20):
        h.fadvance()
    h.continuerun(h.t + 1 + a)


def engine() -> Any:
    return current_session().run.engine


@pytest.mark.parametrize("between", [anew, midway])
def test_edits_of_sizes_give_what_a_new_engine_gives_to_the_last_bit(between):
    names = [*EDITS, *reversed(EDITS)]
    np.testing.assert_array_equal(protocol(names, False, between), protocol(names, True, between))


@pytest.mark.parametrize("name", ["L", "points"])
def test_an_edited_model_is_the_model_built_so(name):
    found = []
    for ready in (True, False):
        with Session():
            cell = Cell()
            if ready:
                h.finitialize(-65)
                h.continuerun(3)
            EDITS[name](cell, 0.6)
            anew(0)
            found.append(cell.seen())
    np.testing.assert_array_equal(*found)


def test_sizes_keep_the_stepper():
    with Session():
        cell = Cell()
        EDITS["points"](cell, 0.5)
        anew(0)
        stepper, constants = engine().stepper, engine().stepper._kept
        for name, edit in EDITS.items():
            before = engine()
            edit(cell, 0.7)
            anew(0)
            assert engine() is not before, name
            assert engine().stepper is stepper, name
            assert stepper._kept is constants, name


@pytest.mark.parametrize(
    "edit",
    [
        lambda cell: setattr(cell.dends[0], "nseg", 5),
        lambda cell: cell.dends[3].disconnect(),
        lambda cell: setattr(cell.dends[0](0.1), "diam", 3),  # segments become sections of their own
        lambda cell: setattr(cell, "other", h.ExpSyn(cell.soma(0.5))),
    ],
)
def test_what_changes_more_than_sizes_gets_another_stepper(edit):
    with Session():
        cell = Cell()
        anew(0)
        stepper = engine().stepper
        edit(cell)
        cell.dends[0].Ra = 120
        anew(0)
        assert engine().stepper is not stepper


def test_segments_cut_twice_with_no_run_between_take_the_parameters_of_the_old_ones():
    found = []
    for back in (True, False):
        with Session():
            cell = Cell()
            cell.dends[0](0.1).pas.g = 0.005
            anew(0)
            if back:
                cell.dends[0].nseg = 1
                cell.dends[0].nseg = 3
            else:
                cell.dends[0].g_pas = cell.dends[0](0.5).pas.g
            anew(0)
            found.append(cell.seen())
    np.testing.assert_array_equal(*found)


def test_mod_files_read_the_sizes_there_are_now(mods):
    soma = h.Section(name="soma")
    soma.L = soma.diam = 10
    soma.insert("wide")
    point = h.Flat(soma(0.5))
    h.finitialize(-65)
    h.fadvance()
    stepper = engine().stepper
    soma.diam, soma.L = 30, 15
    h.finitialize(-65)
    h.fadvance()
    area = soma(0.5).area()
    assert engine().stepper is stepper
    assert soma(0.5).wide.i == pytest.approx(1e-4 * -5 * 30 * area / 100, rel=1e-12)
    assert point.i == pytest.approx(1e-4 * -15 * 30 * area / 100, rel=1e-12)
    density, c = soma(0.5).wide.i + 100 * point.i / area, 1e-3
    slope = 1e-4 * 30 * area / 100 * (1 + 100 / area)
    assert soma(0.5).v == pytest.approx(-65 - density / (c / h.dt + slope), rel=1e-12)


def numbers_inside() -> list[np.ndarray]:
    """What an engine computes with, the padding of last chunks and the balance of branch points among it."""
    found = engine()
    if found.fields.stale or found.fields.cells:
        found.fields.flush()
    stepper, cable = found.stepper, found.discretization.cable
    fields = [group.fields for group in found.groups]
    return [*fields, stepper._groups.fields, cable.conductance, cable.capacity, stepper._balanced_junctions(found.y)]


@pytest.mark.parametrize("name", EDITS)
def test_edits_leave_the_numbers_of_a_new_engine_to_the_last_lane(name):
    with Session():
        cell = Cell()
        cell.dends[2].nseg = 1  # ten segments: the last chunk is not full
        anew(0)
        EDITS[name](cell, 0.7)
        for a in (0.001, 0.0005, 0.0002):  # the third time segments are written one by one, the last of their group among them
            for number, segment in enumerate(segment for dend in cell.dends for segment in dend):
                segment.pas.g = a * (1 + 0.1 * number)
            anew(0)
        found = [np.array(numbers) for numbers in numbers_inside()]
        current_session().touch()
        anew(0)
        for here, there in zip(found, numbers_inside(), strict=True):
            np.testing.assert_array_equal(here, there)


def test_sections_hung_up_by_their_other_end_are_no_change_of_size():
    with Session():
        cell = Cell()
        dend = cell.dends[3]
        for segment, g in zip(dend, (0.0001, 0.001, 0.01), strict=True):
            segment.pas.g = g
        anew(0)
        found = []
        for end in (1, 0, 1):
            h.disconnect(sec=dend)
            dend.connect(cell.dends[0](0.5), end)
            anew(0)
            found.append([segment.v for segment in dend])
        current_session().touch()
        anew(0)
        np.testing.assert_array_equal(found[2], [segment.v for segment in dend])
        np.testing.assert_array_equal(found[2], found[0])
        assert np.abs(np.subtract(found[1], found[0])).max() > 1e-3
