"""PatternStim and BBSaveState: networks in parts, in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.errors import HocError

pytestmark = pytest.mark.usefixtures("session")


def cell() -> tuple[Any, Any]:
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("hh")
    return soma, h.ExpSyn(soma(0.5))


def test_spikes_of_cells_that_are_elsewhere_arrive_after_their_delays() -> None:
    """As NEURON 9.0.2 has it: 55 and 100 are nowhere, 7 is here and does not fire by the pattern."""
    pc = h.ParallelContext()
    soma, synapse = cell()
    pc.set_gid2node(7, pc.id())
    pc.cell(7, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
    made = []
    for gid, delay in ((7, 1), (100, 3.5), (55, 1)):
        made.append(pc.gid_connect(gid, synapse))
        made[-1].weight[0], made[-1].delay = 1e-5, delay
    assert [one.srcgid() for one in made] == [7, 100, 55]
    stimulus = h.PatternStim()
    stimulus.play(h.Vector([3, 5, 5, 9]), h.Vector([7, 100, 55, 100]))
    g = h.Vector().record(synapse._ref_g)
    for _ in range(2):
        h.finitialize(-65)
        h.continuerun(15)
        rises = np.flatnonzero(np.diff(np.array(g)) > 5e-6) + 1
        assert rises.tolist() == [241, 341, 501]
    with pytest.raises(HocError, match="2 times for 1"):
        stimulus.play(h.Vector([1, 2]), h.Vector([1]))


def test_a_state_in_a_file_goes_on_as_the_run_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    soma, synapse = cell()
    train = h.NetStim()
    train.interval, train.number, train.start = 3, 10, 1
    connection = h.NetCon(train, synapse)
    connection.weight[0], connection.delay = 0.01, 1.3
    h.finitialize(-65)
    h.continuerun(8)
    state = h.BBSaveState()
    state.save("state.bin")
    state.save_test()
    Path("bbss_out").rename("in")
    h.continuerun(20)
    expected = soma(0.5).v, synapse.g
    for restore in (lambda: state.restore("state.bin"), state.restore_test):
        h.finitialize(-60)
        restore()
        assert h.t == pytest.approx(8)
        h.continuerun(20)
        assert (soma(0.5).v, synapse.g) == expected
    # what scripts make of NEURON's files of several processes: pieces of a cell one after the other, their number before them
    whole = Path("in/tmp.0.0").read_bytes()
    Path("in/tmp.0.0").unlink()
    Path("in/tmp.0").write_bytes(b"1\n" + whole)
    assert Path("in/tmp").exists()
    h.finitialize(-60)
    state.restore_test()
    h.continuerun(20)
    assert (soma(0.5).v, synapse.g) == expected
