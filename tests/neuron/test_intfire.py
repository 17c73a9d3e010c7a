"""Integrate-and-fire cells: NEURON's numbers, and the compiled loop against events handed over one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rxd.neuron.events.arrivals
from rxd.neuron.session import Session
from rxd.solve.firing import factors, firing_time, moved_2, moved_4


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        h.load_file("stdrun.hoc")
        yield h


def network(h: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Cells of all kinds that excite and inhibit each other, a cable among them; what is kept, recorded, and the cells."""
    kinds = (h.IntFire1, h.IntFire2, h.IntFire4)
    cells, kept = [kinds[i % 3]() for i in range(9)], []
    soma = h.Section(name="soma")
    soma.L = soma.diam = 10
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    cells[0].refrac = 1
    cells[1].ib = 1.1
    for i in range(4):
        train = h.NetStim()
        train.start, train.interval, train.number, train.noise = i, 2.5, 1e9, 0.5 * (i % 2)
        kept += [train, *(h.NetCon(train, cells[(2 * i + k) % 9], 0, 0.5 * k, 0.35) for k in range(5))]
    for i, cell in enumerate(cells):
        kept += [h.NetCon(cell, cells[(i + k) % 9], 0, delay, w) for k, delay, w in ((1, 0, 0.2), (2, 1.5, -0.1), (4, 1, 0.15))]
        kept.append(h.NetCon(cell, synapse, 0, 1, 0.004))
        kept.append(h.NetCon(soma(0.5)._ref_v, cell, -20, 0.3, 0.2, sec=soma))
    spikes, numbers = h.Vector(), h.Vector()
    for i, cell in enumerate(cells):
        kept.append(h.NetCon(cell, None))
        kept[-1].record(spikes, numbers, i)
    vectors = [h.Vector().record(soma(0.5)._ref_v), h.Vector().record(synapse._ref_g), spikes, numbers]
    return [*kept, soma, synapse], vectors, cells


def states(cells: list[Any]) -> list[dict[str, float]]:
    return [dict(cell.values) for cell in cells]


@pytest.mark.parametrize("most", [1 << 16, 7])
def test_a_network_in_the_loop_is_that_of_single_events(h: Any, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """To the last bit; also where the loop has room for a few spikes only and ends in the midst of a step's events."""
    monkeypatch.setattr(rxd.neuron.events.arrivals, "MOST_SPIKES", most)
    kept, vectors, cells = network(h)
    found = []
    for single in (True, False):
        h.finitialize(-65)
        while single and h.t < 40 - 0.5 * h.dt:
            h.fadvance()
        h.continuerun(40)
        found.append(([vector.to_python() for vector in vectors], states(cells)))
    assert found[0] == found[1]
    assert set(found[0][0][3]) == set(range(9))
    assert max(found[0][0][0]) > 0  # the cable has fired, too
    assert kept


def test_runs_in_pieces_and_functions_between_them(h: Any) -> None:
    kept, vectors, cells = network(h)

    def stronger() -> None:
        kept[1].weight[0] = 0.5
        cells[3].tau = 7

    def schedule() -> None:
        kept[1].weight[0] = 0.35
        cells[3].tau = 10
        h.cvode.event(11.3, stronger)

    handler = h.FInitializeHandler(schedule)
    found = []
    for stops in ([30.0], np.arange(0.7, 29.5, 0.7)):
        h.finitialize(-65)
        for stop in (*stops, 30.0):
            h.continuerun(float(stop))
        found.append(([vector.to_python() for vector in vectors], states(cells)))
    assert found[0] == found[1]
    assert handler


def test_spikes_of_neuron(h: Any) -> None:
    """Observed in NEURON 9.0.2."""
    four, two, one = h.IntFire4(), h.IntFire2(), h.IntFire1()
    two.ib = 1.2
    train = h.NetStim()
    train.start, train.interval, train.number = 1, 3, 20
    wires = [(four, 0.9), (four, -0.4), (two, 0.3), (one, 0.4), (one, 0.4)]
    kept = [h.NetCon(train, cell, 0, 1 + 0.3 * i, weight) for i, (cell, weight) in enumerate(wires)]
    spikes = [h.Vector() for _ in range(3)]
    for cell, vector in zip((four, two, one), spikes, strict=True):
        kept.append(h.NetCon(cell, None))
        kept[-1].record(vector)
    h.finitialize(-65)
    h.continuerun(26.2)
    assert spikes[0].to_python() == pytest.approx(
        [6.853253930921374, 10.678337826626702, 14.162680247516, 17.538262072004358, 21.096308684588923, 25.05528295630574],
        rel=1e-14,
    )
    expected = [9.787053444122876, 16.18858663565768, 21.61272244193878]
    assert spikes[1].to_python() == pytest.approx(expected, rel=1e-14)
    assert spikes[2].to_python() == pytest.approx([5.9, 14.9, 23.9], rel=1e-14)
    assert four.nself == 22
    h.continuerun(54.2)
    assert (four.E(), four.I(), four.M()) == pytest.approx(
        (0.405308946691139, -0.22667892709363485, 0.5626083019304748), rel=1e-12
    )
    assert (one.M(), four.nself, four.nexcite, four.ninhibit) == (-1.0, 41, 18, 18)


@pytest.mark.parametrize(
    ("a", "b", "c"), [(1.3, -0.5, 0.2), (1.3, -5, 0.9), (0.2, 3.5, -0.4), (1.5, 0.3, 0.0), (1.01, 0, 0.99)]
)
def test_the_time_of_firing_solves_the_equation(a: float, b: float, c: float) -> None:
    t = firing_time(a, b, c, 7.0, 20.0)
    assert a + b * np.exp(-t / 20) + (c - a - b) * np.exp(-t / 7) == pytest.approx(1, abs=3e-6)
    early = np.linspace(0, t, 1000)[:-1]
    assert (a + b * np.exp(-early / 20) + (c - a - b) * np.exp(-early / 7) < 1).all()


def test_states_between_events_solve_their_equations() -> None:
    """Two steps are one, and the derivative is that of the equations."""
    whole = moved_2(0.3, 1.4, 0.2, 5.0, 11.0, 3.7)
    assert moved_2(*moved_2(0.3, 1.4, 0.2, 5.0, 11.0, 1.2), 0.2, 5.0, 11.0, 2.5) == pytest.approx(whole, rel=1e-13)
    p = factors(5.0, 10.0, 20.0, 50.0)
    state = (0.1, 0.7, -0.3, -0.2)
    assert moved_4(p, *moved_4(p, *state, 1.3), 2.1) == pytest.approx(moved_4(p, *state, 3.4), rel=1e-13)
    step = 1e-6
    slope = (moved_4(p, *state, step)[0] - moved_4(p, *state, -step)[0]) / (2 * step)
    assert slope == pytest.approx(-p[3] * state[0] + p[4] * state[1] + p[8] * state[3], rel=1e-8)
    times = np.linspace(0, 200, 20001)
    for e, i1 in ((1.0, 0.0), (0.0, 1.0)):
        assert max(moved_4(p, 0.0, e, i1, 0.0, t)[0] for t in times) == pytest.approx(1, abs=1e-6)
