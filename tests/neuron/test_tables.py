"""hh takes its rates from tables between -100 and 100 mV, as NEURON 9.0.2, where the numbers were observed."""

from __future__ import annotations

import pytest

from rxd.neuron import h

pytestmark = pytest.mark.usefixtures("session")


@pytest.mark.parametrize(
    ("v", "table", "exact"),
    [
        (-120, 0.0005329778846169563, 3.160786852362364e-05),  # the end of the table
        (-50.3, 0.24456190812108816, 0.24444772080191954),
        (124, 0.9999701540173902, 0.9999932838384552),
    ],
)
def test_tables_end_at_100_mV(v, table, exact):
    section = h.Section(name="soma")
    section.insert("hh")
    h.finitialize(v)
    assert section(0.5).m_hh == pytest.approx(table, rel=1e-12)
    h.usetable_hh = 0
    h.finitialize(v)
    assert section(0.5).m_hh == pytest.approx(exact, rel=1e-12)
