"""Values written node by node are those written at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd


def model(kind: str) -> tuple[Any, ...]:
    dend = h.Section(name="dend")
    dend.L, dend.diam, dend.nseg = 10, 1, 11
    if kind == "voxels":
        rxd.set_solve_type([dend], dimension=3)
    cytosol = rxd.Region([dend], name="cyt", nrn_region="i", dx=0.5)
    ca = rxd.Species(cytosol, d=0.1, name="ca", charge=2, initial=1e-4)
    held = rxd.Parameter(cytosol, name="held", initial=2.0)
    decay = rxd.Rate(ca, -0.1 * held * ca)
    return dend, cytosol, ca, held, decay


def values(quantity: Any, number: float) -> list[float]:
    return [number * (1 + 0.1 * i) for i in range(len(quantity.nodes))]


@pytest.mark.parametrize("kind", ["segments", "voxels"])
def test_one_after_the_other(kind: str) -> None:
    found = []
    for one_by_one in (True, False):
        with Session():
            dend, _, ca, held, _ = model(kind)
            h.finitialize(-65)
            for turn in (1, 2):
                for quantity, number in ((ca, 1e-3 * turn), (held, 0.5 * turn)):
                    if one_by_one:
                        for node, value in zip(quantity.nodes, values(quantity, number), strict=True):
                            node.concentration = value
                            assert node.concentration == value
                    else:
                        quantity.nodes.concentration = values(quantity, number)
                shown = dend(0.5).cai
                h.fadvance()
                h.continuerun(turn)
                found.append([*ca.nodes.concentration, *held.nodes.value, shown, dend(0.5).cai])
    np.testing.assert_array_equal(found[:2], found[2:])
    assert not np.array_equal(found[0], found[1])


def test_a_look_between_two_writes_sees_both() -> None:
    with Session():
        dend, _, ca, *kept = model("segments")
        h.finitialize(-65)
        first, second = ca.nodes[0], ca.nodes[1]
        first.concentration = 1e-3
        dend(0.9).v = -50
        assert second.concentration == 1e-4
        second.concentration = 2e-3
        ca.nodes(dend)(0.99).concentration = 3e-3
        assert ca.nodes.concentration == [1e-3, 2e-3, *[1e-4] * 8, 3e-3]
        h.finitialize(-65)
        assert len(kept) == 2
        assert ca.nodes.concentration == [1e-4] * 11


def test_writes_are_followed_by_steps_pointers_and_arrays_of_boxes() -> None:
    """Values that are kept ready for the next node go when anything else changes them."""
    with Session():
        dend, _, ca, *kept = model("voxels")
        box = rxd.Extracellular(-5, -5, -5, 15, 5, 5, dx=5)
        out = rxd.Species(box, name="out", initial=1.0)
        h.finitialize(-65)
        nodes, outside = list(ca.nodes), list(out.nodes)
        for node in (*nodes, *outside):
            node.value = 0.5
        assert ca.nodes.value == [0.5] * len(nodes)
        ca.nodes.value = 0.25
        assert [nodes[0].value, nodes[-1].value] == [0.25, 0.25]
        nodes[1]._ref_concentration[0] = 0.75
        assert (nodes[1].value, ca.nodes[1].value) == (0.75, 0.75)
        out[box].states3d[:] = 3.0
        assert [node.value for node in outside] == [3.0] * len(outside)
        outside[0].value = 2.0
        outside[1].value = 4.0
        assert out[box].states3d.ravel()[:3].tolist() == [2.0, 4.0, 3.0]
        before = nodes[5].value
        h.fadvance()
        assert nodes[5].value != before
        nodes[5].value = 0.125
        kept_values = rxd.save_state()
        nodes[5].value = 0.25
        rxd.restore_state(kept_values)
        assert nodes[5].value == 0.125
        dend.nseg = 1
        with pytest.warns(UserWarning, match="nseg of dend has changed"):
            h.finitialize(-65)
        assert {node.value for node in ca.nodes} == {1e-4}
        assert kept
