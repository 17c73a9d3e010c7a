"""What packages that take cells apart ask of sections, mechanisms and files, as observed with NEURON 9.0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rxd.neuron import h

pytestmark = pytest.mark.usefixtures("session")

if TYPE_CHECKING:
    from pathlib import Path


def names_of(mechanism: str, kind: int) -> list[str]:
    standard, name = h.MechanismStandard(mechanism, kind), h.ref("")
    found = []
    for i in range(standard.count()):
        standard.name(name, i)
        found.append(name[0])
    return found


def test_what_every_section_has_can_be_listed_as_a_mechanism():
    assert [names_of("morphology", kind) for kind in (1, 2, 3)] == [["diam"], [], []]
    assert [names_of("capacitance", kind) for kind in (1, 2, 3)] == [["cm"], ["i_cap"], []]
    sec = h.Section()
    sec.cm, standard = 3, h.MechanismStandard("capacitance", 1)
    standard._in(sec(0.5))
    assert standard.get("cm") == 3
    standard.set("cm", 2)
    standard.out(sec(0.5))
    assert sec.cm == 2


def test_states_of_synapses_are_no_assigned_variables_and_clamps_have_hocs_names():
    assert [names_of("Exp2Syn", kind) for kind in (1, 2, 3)] == [["tau1", "tau2", "e"], ["i", "g"], ["A", "B"]]
    assert names_of("IClamp", 1) == ["del", "dur", "amp"]
    clamp, standard = h.IClamp(h.Section()(0.5)), h.MechanismStandard("IClamp")
    for name in ("del", "delay"):
        standard.set(name, 4)
        assert standard.get("delay") == standard.get("del") == 4
    standard.out(clamp)
    assert clamp.delay == 4


def test_sections_of_a_file_are_the_same_each_time_and_say_where_their_own_points_begin(tmp_path: Path):
    path = tmp_path / "cell.swc"
    path.write_text("1 1 0 0 0 8 -1\n2 3 0 10 0 1 1\n3 3 0 60 0 1 2\n4 3 20 90 0 1 3\n5 3 -20 90 0 1 3\n")
    reader = h.Import3d_SWC_read()
    reader.input(str(path))
    soma, stem, left, right = h.Import3d_GUI(reader, 0).swc.sections
    assert [section.parentsec for section in (soma, stem, left, right)] == [None, soma, stem, stem]
    assert left.parentsec.hname() == right.parentsec.hname() == stem.hname() != soma.hname()
    assert [section.first for section in (soma, stem, left, right)] == [0, 1, 0, 0]
    assert [list(stem.raw.getrow(i)) for i in range(3)] == [[0, 0, 0], [0, 10, 60], [0, 0, 0]]  # the soma's centre first
    assert list(stem.d) == [2, 2, 2]
    assert (stem.iscontour_, stem.is_subsidiary) == (0, 0)


def test_ions_hold_concentrations_and_potential_and_compute_the_rest():
    assert [names_of("k_ion", kind) for kind in (1, 2, 3)] == [["ek", "ki", "ko"], ["ik", "dik_dv_"], []]


def test_variables_are_found_by_packages_that_ask_the_class():
    """NetPyNE takes cells apart with `__getattribute__`, which does not ask `__getattr__`."""
    sec = h.Section()
    sec.nseg = 3
    sec.insert("hh")
    sec.cm, sec.diam, sec.gnabar_hh = 2, 3, 0.5
    segment, clamp, synapse = sec(0.5), h.IClamp(sec(0.5)), h.Exp2Syn(sec(0.5))
    clamp.delay, clamp.amp, synapse.tau2 = 4, 0.25, 7
    assert [sec.__getattribute__(name) for name in ("cm", "diam", "L", "nseg")] == [2, 3, 100, 3]
    assert [segment.__getattribute__(name) for name in ("cm", "diam", "v", "gnabar_hh", "ena")] == [2, 3, -65, 0.5, 50]
    assert segment.__getattribute__("hh").__getattribute__("gnabar") == 0.5
    assert [clamp.__getattribute__(name) for name in ("del", "delay", "amp", "i")] == [4, 4, 0.25, 0]
    assert synapse.__getattribute__("tau2") == 7
    assert {"hh", "na_ion", "k_ion", "diam"} <= set(dir(segment))
    assert "hh" not in dir(h.Section()(0.5))
    with pytest.raises(AttributeError, match="does not exist at"):
        h.Section()(0.5).__getattribute__("hh")
