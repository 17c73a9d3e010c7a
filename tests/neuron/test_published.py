"""What published models ask of NEURON that no other test does: one case for every defect that running them has shown."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import HocError, Session, h

SYNAPSE = """NEURON { POINT_PROCESS Pulse NONSPECIFIC_CURRENT i RANGE tau }
PARAMETER { tau = 2 (ms) }
ASSIGNED { v (mV) i (nA) }
STATE { g (uS) }
INITIAL { g = 0 }
BREAKPOINT { SOLVE decay METHOD cnexp i = g * v }
DERIVATIVE decay { g' = -g / tau }
NET_RECEIVE(weight (uS)) { g = g + weight }
"""
VECEVENT = """NEURON { ARTIFICIAL_CELL VecStim BBCOREPOINTER ptr }
ASSIGNED { index etime (ms) ptr }
VERBATIM
int c_code;
ENDVERBATIM
"""


@pytest.fixture(autouse=True)
def session():
    with Session() as session:
        yield session


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_vecstim_fires_at_the_times_of_its_vector(folder):
    (folder / "vecevent.mod").write_text(VECEVENT)  # as models bring it along; nothing of it is read
    source, spikes = h.VecStim(), h.Vector()
    times = h.Vector([0, 1.5, 1.5, 4])
    source.play(times)
    connection = h.NetCon(source, None)
    connection.record(spikes)
    h.finitialize(-65)
    h.CVode().event(2, lambda: times.append(4.5))
    h.CVode().solve(6)
    assert spikes.to_python() == [0, 1.5, 1.5, 4, 4.5]
    source.play()
    h.finitialize(-65)
    h.CVode().solve(6)
    assert len(spikes) == 0
    source.play(h.Vector([3, 2]))
    h.finitialize(-65)
    with pytest.raises(HocError, match=r"spike 1 is at 2 ms, before 3 ms"):
        h.CVode().solve(6)


def test_counts_are_whole_numbers_that_range_takes():
    section = h.Section(name="soma")
    section.insert("hh")
    other = h.Section(name="dend")
    other.connect(section)
    items, kinds = h.List(), h.MechanismType(0)
    items.append(section)
    text = h.ref("")
    for number in (
        items.index(section), kinds.count(), kinds.selected(), h.MechanismStandard("hh").count(),
        h.SectionRef(section).nchild(), h.StringFunctions().head("abc", "b", text),
        h.StringFunctions().is_point_process(h.NetStim()),
        h.ParallelContext().nthread(), h.ParallelContext().gid_exists(3), h.CVode().queue_mode(),
    ):  # fmt: skip
        assert isinstance(number, int)
        range(number)


def test_mechanism_types_know_the_point_processes_of_mod_files(folder):
    (folder / "pulse.mod").write_text(SYNAPSE)
    section = h.Section(name="soma")
    point = h.Pulse(section(0.5))
    kinds, name = h.MechanismType(1), h.ref("")
    kinds.select("Pulse")
    assert kinds.selected(name) == kinds.count() - 1
    assert name[0] == "Pulse"
    assert kinds.is_netcon_target(kinds.selected())
    assert not kinds.is_artificial(kinds.selected())
    assert kinds.pp_begin(sec=section) is point
    assert kinds.pp_next() is None
    assert kinds.file().endswith("pulse.mod")
    assert "POINT_PROCESS Pulse" in kinds.code()


def test_connections_find_their_relatives():
    cells = [h.Section(name=name) for name in ("a", "b")]
    synapses = [h.ExpSyn(cell(0.5)) for cell in cells]
    stimulus = h.NetStim()
    first = h.NetCon(stimulus, synapses[0])
    second = h.NetCon(stimulus, synapses[1])
    third = h.NetCon(cells[0](0.5)._ref_v, synapses[1], sec=cells[0])
    assert list(first.prelist()) == [first, second]
    assert list(second.synlist()) == [second, third]
    assert list(third.prelist()) == [third]
    parallel = h.ParallelContext()
    parallel.set_gid2node(7, parallel.id())
    parallel.cell(7, third)
    assert (third.srcgid(), first.srcgid()) == (7, -1)


def test_a_library_that_is_not_there_is_a_warning(folder):
    with pytest.warns(UserWarning, match="there are none where it lies"):
        assert h.nrn_load_dll(str(folder / "nowhere" / "libnrnmech.so")) == 0


def test_small_functions_of_old_models():
    section = h.Section(name="soma")
    assert h.pt3dconst(0, sec=section) == 0
    assert h.nrnunit_use_legacy(0) == 0
    text = h.ref("")
    h.sprint(text, "%s %d", "cell", 3.0)
    assert text[0] == "cell 3"
    with pytest.raises(HocError, match="as in NEURON 9"):
        h.nrnunit_use_legacy(1)


def test_cvode_records_values_and_their_times():
    section = h.Section(name="soma")
    section.insert("pas")
    values, times = h.Vector(), h.Vector()
    cvode = h.CVode()
    cvode.record(section(0.5)._ref_v, values, times)
    h.finitialize(-60)
    h.continuerun(1)
    np.testing.assert_allclose(times.to_python(), np.arange(41) * 0.025, atol=1e-12)
    assert len(values) == 41
    cvode.record_remove(values)
    h.finitialize(-50)
    h.continuerun(1)
    assert values[0] == -60
