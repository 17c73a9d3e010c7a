"""Synapses whose events Python runs: what an event takes, and that runs of steps go on between events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.engine.fields import Fields
from rxd.neuron.mods.events import EventCode

DRAWN = """
NEURON { POINT_PROCESS Drawn NONSPECIFIC_CURRENT i RANGE open, seen, tau BBCOREPOINTER rng }
PARAMETER { tau = 5 }
ASSIGNED { v i open seen rng usingR123 }
STATE { s }
INITIAL { open = 0  seen = -1 }
BREAKPOINT { SOLVE d METHOD cnexp  i = s*(1 + open)*v }
DERIVATIVE d { s' = -s/tau }
NET_RECEIVE(weight) {
    if (flag == 1) {
VERBATIM
        double next = vector_vec(other)[0];
ENDVERBATIM
    }
    if (weight < 0) {
        net_send(1, 1)
    } else {
        seen = draw()
        open = open + seen
        s = s + weight
    }
}
FUNCTION draw() {
VERBATIM
    _ldraw = nrnran123_dblpick((nrnran123_State*)_p_rng);
ENDVERBATIM
}
PROCEDURE setRNG() {
VERBATIM
    _p_rng = nrnran123_newstream3((uint32_t)*getarg(1), (uint32_t)*getarg(2), (uint32_t)*getarg(3));
ENDVERBATIM
}
"""

MODS = {"drawn": DRAWN}


@pytest.fixture
def synapses(mods: Any) -> Any:
    soma = h.Section(name="soma")
    soma.L = soma.diam = 10
    soma.insert("pas")
    made = [h.Drawn(soma(0.5)) for _ in range(20)]
    kept = []
    for number, synapse in enumerate(made):
        synapse.setRNG(1, 2, number)
        train = h.NetStim()
        train.start, train.interval, train.number = 1 + 0.1 * number, 4, 3
        connection = h.NetCon(train, synapse)
        connection.delay, connection.weight[0] = 1, 1e-5
        kept += [train, connection]
    return soma, made, kept


def test_events_write_where_they_change_something_and_draw_without_the_interpreter(
    synapses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, made, _ = synapses
    h.finitialize(-70)
    for _ in range(40):
        h.fadvance()

    def refuse(*_: Any) -> None:
        raise AssertionError("all points of a group, or the interpreter, for one number")

    monkeypatch.setattr(Fields, "put", refuse)
    monkeypatch.setattr(EventCode, "do", refuse)
    engine = made[0].session.run.engine
    wires = None
    while h.t < 15:
        h.fadvance()
        wires = made[0].session.run.wires if wires is None else wires
    assert made[0].session.run.wires is wires  # what events of Python's change is nothing to those of the loop
    stream = h.Random()
    for number in (0, 19):
        stream.Random123(1, 2, number)
        drawn = [stream.uniform(0, 1), stream.repick(), stream.repick()]
        assert made[number].seen == drawn[2]
        assert made[number].open == pytest.approx(sum(drawn), rel=1e-15)  # Python 3.12 and later add up more exactly
    made[19].tau = 7
    (group,) = {engine.synapses.node(synapse)[0] for synapse in made}
    rows = [r for r, field in enumerate(engine.system.groups[group].fields) if field.kind == "point"]
    for row in rows:
        name = engine.system.groups[group].fields[row].args[0]
        values = np.array([synapse.values[name] for synapse in made])
        padded = np.concatenate([values, np.full(12, values[-1])])
        assert np.array_equal(engine.groups[group].fields[:, row].ravel(), padded)
    start = sum(other.fields.size for other in engine.groups[:group])
    own = engine.groups[group].fields.ravel()
    assert np.array_equal(engine.stepper._groups.fields[start : start + own.size], own)


def test_what_events_alone_change_is_recorded_in_the_loop(synapses: Any, loop_lengths: list[int]) -> None:
    _, made, kept = synapses
    for train in kept[2::2]:
        train.number = 0
    recorded = [h.Vector().record(pointer) for pointer in (made[0]._ref_open, made[0]._ref_tau, h._ref_t)]
    h.finitialize(-70)
    h.continuerun(15)
    assert sum(loop_lengths) == 600
    stream = h.Random()
    stream.Random123(1, 2, 0)
    opened = np.cumsum([0.0, stream.uniform(0, 1), stream.repick(), stream.repick()])
    opening, tau, t = (np.array(vector) for vector in recorded)
    assert np.array_equal(opening, opened[np.searchsorted([2, 6, 10], t - 1e-6)])
    assert set(tau) == {5.0}


def test_c_code_amid_others_is_refused_when_its_turn_comes(synapses: Any) -> None:
    _, _, kept = synapses
    h.finitialize(-70)
    h.continuerun(2.5)
    kept[1].weight[0] = -1
    with pytest.raises(ValueError, match=r"^[^ ]*/drawn\.mod, line 11: VERBATIM holds C code"):
        h.continuerun(10)
