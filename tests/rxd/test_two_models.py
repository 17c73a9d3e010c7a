"""Models in one process never meet, however alike they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import geometry
import rxd
from rxd import library


def test_interleaved_runs_equal_separate_ones(spiking: Callable) -> None:
    alone = []
    for amp in (0.2, 0.6):
        sim = spiking(amp=amp).compile()
        for until in (1, 2, 3):
            sim.run(until)
        alone.append(sim.state.y)
    one, two = spiking(amp=0.2).compile(), spiking(amp=0.6).compile()
    assert one.kernels.module is two.kernels.module  # they share machine code, and nothing else
    for until in (1, 2, 3):
        one.run(until)
        two.run(until)
    assert np.array_equal(one.state.y, alone[0])
    assert np.array_equal(two.state.y, alone[1])
    assert not np.array_equal(alone[0], alone[1])


def test_two_simulations_of_one_model_are_independent(spiking: Callable) -> None:
    made = spiking()
    one, two = made.compile(), made.compile(dt=0.0125)
    one.run(3)
    assert two.t == 0
    assert np.array_equal(two.state.y, made.compile().state.y)


def test_species_of_another_model_are_not_taken_for_ones_own() -> None:
    cell = geometry.cylinder(20, 1)
    first, second = (rxd.Species(rxd.Region(cell.all, "cyt"), "c", initial=value) for value in (1.0, 2.0))
    model = rxd.Model(cell, segments=2)
    model.add(first)
    with pytest.raises(rxd.DeclarationError, match="already called"):
        model.add(second)
    with pytest.raises(rxd.DeclarationError, match="already called"):
        model.add(rxd.Rate(first, -second))


def test_equal_names_in_two_models_keep_their_own_numbers(plain: Callable) -> None:
    sims = [plain(initial=value).compile(dt=0.1) for value in (1.0, 2.0)]
    for sim in sims:
        sim.run(1)
    assert [sim.values("c[cyt]")[0] for sim in sims] == pytest.approx([1.0, 2.0], rel=1e-12)


def test_one_mechanism_serves_several_models() -> None:
    mechanism = library.pas(g=1e-4, e=-70)
    ends = []
    for diam in (10, 20):
        cell = geometry.cylinder(20, diam)
        model = rxd.Model(cell, segments=1, v_init=-70)
        model.insert(mechanism, on=cell.all)
        model.add(rxd.IClamp(cell.all(0.5), amp=0.01, delay=0, dur=1e9))
        sim = model.compile("split", dt=0.1)
        sim.run(200)
        ends.append(sim.values("v")[0] + 70)
    assert ends == pytest.approx([0.01 / (1e-2 * 1e-4 * np.pi * d * 20) for d in (10, 20)], rel=1e-6)


def test_many_models_leave_nothing_behind(plain: Callable) -> None:
    """Module-level names of the packages are the same before and after: no registry fills up."""
    import sys

    def names() -> dict[str, int]:
        modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("rxd", "cable", "geometry")}
        return {
            f"{name}.{key}": len(value)
            for name, module in modules.items()
            for key, value in vars(module).items()
            if isinstance(value, (list, dict, set)) and not key.startswith("__")
        }

    plain().compile(dt=0.1).run(1)
    before = names()
    for _ in range(3):
        plain().compile(dt=0.1).run(1, record=["c[cyt]"])
    assert names() == before
