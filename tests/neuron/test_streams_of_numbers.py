"""Random numbers, text files, states and queues under NEURON's names; numbers observed in NEURON 9.0.2."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rxd.neuron import rxd
from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.random_numbers.ran4 import Ran4
from rxd.neuron.session import Session


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        h.load_file("stdrun.hoc")
        yield h


def test_mcellran4_gives_neurons_numbers(h: Any) -> None:
    random = h.Random()
    assert random.MCellRan4(5, 7) == 5
    random.uniform(0, 1)
    assert [random.repick() for _ in range(3)] == [0.18284082366153598, 0.838583076139912, 0.002696545794606209]
    assert random.seq() == 9
    random.MCellRan4(5, 7)
    random.normal(0, 1)
    assert [random.repick() for _ in range(3)] == pytest.approx([-0.76031594104962, -0.77692977077629, 1.44412461642485])
    assert [h.Random().MCellRan4() for _ in range(2)] == [647470399, 1172087697]
    with pytest.raises(NotSupported, match="Random123"):
        random.ACG(1)


def test_mcell_ran4_moves_its_place(h: Any) -> None:
    place = h.ref(10)
    assert h.mcell_ran4(place) == 0.38400119775906205
    assert place[0] == 11
    assert h.mcell_ran4(place) == 0.8748577747028321
    assert h.mcell_ran4_init(4) == 0
    assert h.mcell_ran4_init() == 4
    random = h.Random()
    random.MCellRan4(12)
    random.uniform(0, 1)
    assert h.mcell_ran4(h.ref(13)) == random.repick()
    with pytest.raises(HocError, match="reference"):
        h.mcell_ran4(3)


def test_single_numbers_are_those_taken_together() -> None:
    single, together = Ran4(4294967290, 3), Ran4(4294967290, 3)
    numbers = [single.one() for _ in range(300)]
    assert numbers == together.take(300).tolist()
    assert numbers[6] == Ran4(0, 3).one()  # places have 32 bits
    assert np.mean(numbers) == pytest.approx(0.5, abs=0.06)


def test_text_files_are_read_and_written_as_in_hoc(h: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, word = tmp_path / "numbers", h.ref("")
    path.write_text("1.5 2 abc 3\nhello world\nlast\n")
    assert h.ropen(str(tmp_path / "nothing")) == 0
    assert h.ropen(str(path)) == 1
    assert [h.fscan() for _ in range(3)] == [1.5, 2, 3]
    assert (h.getstr(word), word[0]) == (1, "\n")
    assert (h.getstr(word), word[0]) == (12, "hello world\n")
    assert (h.getstr(word, 1), word[0]) == (4, "last")
    with pytest.raises(HocError, match="EOF in getstr"):
        h.getstr(word, 1)
    with pytest.raises(HocError, match="EOF in fscan"):
        h.fscan()
    assert h.wopen(str(tmp_path / "out")) == 1
    assert h.fprint("%g %s\n", 3.5, "abc") == 8
    assert h.wopen() == 1
    assert (tmp_path / "out").read_text() == "3.5 abc\n"
    assert h.fprint("x=%d\n", 4) == 4
    assert capsys.readouterr().out == "x=4\n"
    h(f'ropen("{path}")\nx = fscan() + fscan()\nropen()')
    assert h.x == 3.5


def excited(h: Any) -> tuple[Any, list[Any]]:
    cell = h.Section(name="cell")
    cell.L = cell.diam = 10
    cell.insert("hh")
    synapse, train = h.ExpSyn(cell(0.5)), h.NetStim()
    train.number, train.start, train.interval, train.noise = 1e9, 1, 2, 1
    return cell, [synapse, train, h.NetCon(train, synapse, 0, 1.3, 0.002)]


def test_a_state_in_a_file_has_its_events(tmp_path: Path) -> None:
    """What NetStims and NetCons have sent arrives in another session that reads the file."""
    path, found = str(tmp_path / "state"), []
    for first in (True, False):
        with Session():
            from rxd.neuron import h

            h.load_file("stdrun.hoc")
            cell, kept = excited(h)
            h.finitialize(-65)
            state = h.SaveState()
            if first:
                h.continuerun(10)
                state.save()
                state.fwrite(h.File(path))
            else:
                state.fread(h.File(path))
                state.restore()
            h.continuerun(25)
            found.append([h.t, cell(0.5).v, kept[0].g])
    assert found[0] == found[1]
    assert found[0][2] > 0


def test_a_saved_state_has_its_netstims(h: Any) -> None:
    cell, kept = excited(h)
    h.finitialize(-65)
    h.continuerun(10)
    saved = h.SaveState()
    saved.save()
    runs = []
    for _ in range(2):
        h.continuerun(25)
        runs.append([cell(0.5).v, cell(0.5).m_hh, kept[0].g])
        saved.restore()
    assert runs[0] == runs[1]
    h.finitialize(-65)
    h.continuerun(25)
    assert runs[0] == [cell(0.5).v, cell(0.5).m_hh, kept[0].g]


def test_states_of_cvode_have_names_values_and_rates(h: Any) -> None:
    cell, kept = excited(h)
    cvode, name = h.CVode(), h.ref("")
    y, rates, moved = h.Vector(), h.Vector(), h.Vector()
    h.finitialize(-65)
    with pytest.raises(HocError, match="not active"):
        cvode.statename(0, name)
    cvode.dstates(rates)
    assert len(rates) == 0
    assert cvode.current_method() == 1
    cvode.active(True)
    assert cvode.current_method() == 301
    h.finitialize(-65)
    h.continuerun(1.5)
    cvode.ygather(y)
    names = []
    for i in range(len(y)):
        cvode.statename(i, name)
        names.append(name[0])
    place = names.index("cell.v(0.5)")
    assert y[place] == cell(0.5).v
    assert y[names.index("cell.m_hh(0.5)")] == cell(0.5).m_hh
    cvode.f(h.t, y, rates)
    cvode.dstates(moved)
    assert rates.to_python() == moved.to_python()
    before, t = y[place], h.t
    h.continuerun(t + 1e-3)
    assert (cell(0.5).v - before) / 1e-3 == pytest.approx(rates[place], rel=0.02)
    y[place] = -50
    cvode.yscatter(y)
    assert cell(0.5).v == -50
    with pytest.raises(HocError, match="size"):
        cvode.yscatter(h.Vector(2))
    cvode.acor(y)
    assert y.size() == len(names)
    assert 0 < abs(y[place]) < 1
    assert kept


def test_the_queue_is_told(h: Any) -> None:
    _, kept = excited(h)
    h.finitialize(-65)
    h.continuerun(20)
    times, flags, cells, wires = h.Vector(), h.Vector(), h.List(), h.List()
    h.cvode.event_queue_info(3, times, flags, cells)
    assert len(times) == len(flags) == 1
    assert cells[0] is kept[1]
    assert times[0] > 20
    kept[2].event(23)
    h.cvode.event_queue_info(2, times, wires)
    assert times[len(times) - 1] == 23
    assert all(wire is kept[2] for wire in wires)


@pytest.mark.parametrize("secondorder", [0, 2])
def test_what_hh_and_synapses_assign_is_of_the_step_that_neuron_shows(h: Any, secondorder: int) -> None:
    """Conductances and currents of a step's start; only currents of ions are brought to its middle."""
    cell, kept = excited(h)
    h.secondorder = secondorder
    h.finitialize(-65)
    h.continuerun(6)
    v, m, hgate = cell(0.5).v, cell(0.5).m_hh, cell(0.5).h_hh
    g = kept[0].g
    h.fadvance()
    assert cell(0.5).gna_hh == pytest.approx(0.12 * m**3 * hgate, rel=1e-12)
    assert cell(0.5).il_hh == pytest.approx(0.0003 * (v + 54.3), rel=1e-12)
    assert kept[0].i == pytest.approx(g * v, rel=1e-12)
    seen = 0.5 * (v + cell(0.5).v) if secondorder else v
    assert cell(0.5).ina == pytest.approx(0.12 * m**3 * hgate * (seen - 50), rel=1e-12)
    below = np.floor(cell(0.5).v)
    ends = []
    for at in (below, below + 1):
        opening, closing = 0.1 * -(at + 40) / np.expm1(-(at + 40) / 10), 4 * np.exp(-(at + 65) / 18)
        ends.append(opening / (opening + closing))
    assert cell(0.5).minf_hh == pytest.approx(ends[0] + (cell(0.5).v - below) * (ends[1] - ends[0]), rel=1e-12)


def test_a_state_is_written_as_it_was_saved_however_far_the_run_has_gone(h: Any, tmp_path: Path) -> None:
    cell, train, times = h.IntFire1(), h.NetStim(), h.Vector()
    cell.refrac, train.start, train.interval, train.number, train.noise = 3, 1, 2, 10, 0
    connections = [h.NetCon(train, cell, 0, 0.5, 0.7), h.NetCon(cell, None)]
    connections[1].record(times)
    h.finitialize(-65)
    h.continuerun(4)
    state, again, file = h.SaveState(), h.SaveState(), h.File(str(tmp_path / "state.dat"))
    state.save()
    h.continuerun(20)
    expected = [t for t in times if t > 4]
    state.fwrite(file)
    again.fread(file)
    h.finitialize(-65)
    again.restore()
    h.continuerun(20)
    assert [t for t in times if t > 4] == expected != []


def test_numbers_are_normal_until_a_distribution_is_chosen(h: Any) -> None:
    # NEURON 9.0.2
    expected = [-0.40377244609204493, -0.056814018651250735, 1.239496423005796]
    stream = h.Random(1)
    assert [stream.repick() for _ in range(3)] == pytest.approx(expected, rel=1e-12)
    assert list(h.Vector(3).setrand(h.Random(1))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dimension", [1, 3])
def test_initial_values_drawn_from_a_stream_are_those_of_the_same_draws_as_in_neuron(h: Any, dimension: int) -> None:
    """NEURON asks four times until the first `finitialize` is done, and three times in each later one; counted in 9.0.2."""
    one, other = h.Section(name="one"), h.Section(name="other")
    for section, nseg in ((one, 5), (other, 3)):
        section.L = section.diam = 2
        section.nseg = nseg
    rxd.set_solve_type(dimension=dimension)
    cyt = rxd.Region([one, other], dx=0.5)
    drawn = itertools.count()
    asked: list[Any] = []
    x = rxd.Species(cyt, name="x", initial=lambda _: next(drawn))
    y = rxd.Species(cyt, name="y", initial=lambda node: asked.append(node) or 4)
    n = len(x.nodes)
    for rounds in (4, 7, 10):
        h.finitialize(-65)
        assert x.nodes.value == list(range((rounds - 1) * n, rounds * n))
    assert set(y.nodes.value) == {4}
    del x
    del asked[:]
    h.finitialize(-65)
    assert len(asked) == n  # whose answers do not change is asked once


def test_functions_that_say_the_same_are_asked_no_more_often_than_needed(h: Any) -> None:
    section: Any = h.Section(name="section")
    asked: list[Any] = []
    x = rxd.Species(rxd.Region([section]), initial=lambda node: asked.append(node) or 4)
    h.finitialize(-65)
    assert len(asked) == 2
    h.finitialize(-65)
    assert len(asked) == 3
    assert x.nodes.value == [4]
