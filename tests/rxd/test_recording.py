"""What can be recorded, where, and when samples are taken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import geometry
import rxd
from rxd import library


def test_samples_are_evenly_spaced_with_both_ends(plain: Callable) -> None:
    sim = plain().compile(dt=0.1)
    assert sim.run(1.0, record=["v"], every=0.25).t == pytest.approx([0, 0.25, 0.5, 0.75, 1.0], abs=1e-12)
    assert sim.run(2.05, record=["v"], every=0.5).t == pytest.approx([1.0, 1.5, 2.0, 2.05], abs=1e-12)  # the end, off the grid
    assert sim.run(2.05, record=["v"]).t == pytest.approx([2.05])
    assert sim.run(3.05, record=["v"], every=7.0).t == pytest.approx([2.05, 3.05])


def test_default_interval_gives_a_thousand_samples_but_not_more_than_steps(plain: Callable) -> None:
    sim = plain().compile(dt=0.1)
    assert len(sim.run(2.0, record=["v"]).t) == 21
    assert len(sim.run(502.0, record=["v"]).t) == 1001


def test_samples_are_the_state_at_their_time(plain: Callable) -> None:
    made = plain()
    sim, steps = made.compile(dt=0.1), made.compile(dt=0.1)
    result = sim.run(2, record=[made.species], every=0.5)
    for t, values in zip(result.t, result.values[0], strict=True):
        steps.run(t)
        np.testing.assert_allclose(values, steps.values(made.species), rtol=1e-13)


def test_nothing_recorded_is_no_sample_at_all(plain: Callable) -> None:
    result = plain().compile(dt=0.1).run(1)
    assert len(result.t) == 0
    assert result.values == ()


def test_the_interval_of_samples_hardly_matters_to_the_result(spiking: Callable) -> None:
    ends = []
    for every in (0.025, 0.37, 4.0):
        sim = spiking().compile()
        sim.run(4, record=["v"], every=every)
        ends.append(sim.state.y)
    for end in ends[1:]:  # steps end elsewhere: what differs is the error of the method
        np.testing.assert_allclose(end, ends[0], rtol=0, atol=0.1)


def test_many_ways_to_name_one_thing(spiking: Callable) -> None:
    made = spiking()
    sim, ca, cyt = made.compile(), made.species, made.cyt
    results = [sim.run(0, record=[key]) for key in (ca, ca[cyt], "ca[cyt]", ca._sympy_())]
    assert {result.traces[0].label for result in results} == {"ca[cyt]"}
    for result in results:
        assert all(key in result for key in (ca, ca[cyt], "ca[cyt]"))
        assert "buf[cyt]" not in result


def test_a_species_on_two_regions_is_two_traces() -> None:
    cell = geometry.cylinder(20, 1)
    cyt, er = (rxd.Region(cell.all, name, shape=rxd.FractionalVolume(0.5)) for name in ("cyt", "er"))
    ca = rxd.Species([cyt, er], "ca", initial={cyt: 1.0, er: 2.0})
    model = rxd.Model(cell, segments=2)
    model.add(ca)
    result = model.compile("split").run(0, record=[ca])
    assert [trace.label for trace in result.traces] == ["ca[cyt]", "ca[er]"]
    assert result[ca[er]].values.tolist() == [[2.0, 2.0]]


def test_a_place_is_one_number_per_time(spiking: Callable) -> None:
    made = spiking()
    sim = made.compile()
    here, there = made.cell["left"](0.5), made.cell["right"](0.9)
    keys = [rxd.v, rxd.v(here), rxd.v(there), made.species[made.cyt](here)]
    result = sim.run(2, record=keys, every=0.5)
    segments = sim.discretization.segments
    everywhere = result[rxd.v].values
    np.testing.assert_array_equal(result[rxd.v(here)].values, everywhere[:, segments.index(here)])
    np.testing.assert_array_equal(result[rxd.v(there)].values, everywhere[:, segments.index(there)])
    assert result[keys[3]].dims == ("time",)


def test_a_place_and_all_of_a_cell_with_one_segment() -> None:
    cell = geometry.cylinder(20, 20)
    model = rxd.Model(cell, segments=1)
    model.insert(library.pas(), on=cell.all)
    place = rxd.v(cell.all(0.5))
    result = model.compile("split").run(1, record=[rxd.v, place, rxd.v, place], every=0.5)
    assert len(result.traces) == 2  # each once, though both are the same node
    assert result[rxd.v].dims == ("time", "node")
    assert result[place].dims == ("time",)


def test_currents_are_recorded_as_the_state_makes_them(spiking: Callable) -> None:
    sim = spiking().compile()
    result = sim.run(3, record=["hh.ina", "hh.m", "hh.h", rxd.v, "exp_syn.i", "exp_syn.g"], every=0.1)
    values = dict(zip((trace.label for trace in result.traces), result.values, strict=True))
    expected = 0.12 * values["hh.m"] ** 3 * values["hh.h"] * (values["v"] - 50)
    np.testing.assert_allclose(values["hh.ina"], expected, rtol=1e-12, atol=1e-14)
    place = sim.discretization.point_segment[0]
    np.testing.assert_allclose(
        values["exp_syn.i"][:, 0], values["exp_syn.g"][:, 0] * values["v"][:, place], rtol=1e-12, atol=1e-14
    )
    assert np.ptp(values["exp_syn.i"]) > 1e-3


def test_currents_of_several_groups_come_in_order_of_segments() -> None:
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=2)
    model.insert(library.pas(g=lambda node: 1e-4 * (1 + node.segment), e=0.0), on=cell.all)
    model.add(rxd.Species(rxd.Region(cell["parent"] | cell["right"], "cyt"), "c"))
    sim = model.compile("split")
    assert [group.segment.tolist() for group in sim.discretization.groups] == [[0, 1, 4, 5], [2, 3]]
    np.testing.assert_allclose(sim.values("pas.i"), 1e-4 * np.arange(1, 7) * -65, rtol=1e-12)


def test_spikes_are_kept_by_place(spiking: Callable) -> None:
    made = spiking()
    made.model.add(
        rxd.Detector(made.cell["parent"](0.0), threshold=0.0), rxd.Detector(made.cell["parent"](0.0), threshold=1000.0)
    )
    spikes = made.compile().run(5).spikes
    assert {place: len(times) for place, times in spikes.items()} == {
        "parent(0) at 0 mV": 1, "parent(0) at 1000 mV": 0, "right(1)": 1
    }  # fmt: skip
    assert spikes["parent(0) at 0 mV"][0] < spikes["right(1)"][0]


def test_a_second_run_only_has_its_own_spikes(spiking: Callable) -> None:
    sim = spiking().compile()
    first, second = sim.run(4), sim.run(8)
    assert [len(times) for times in first.spikes.values()] == [1]
    assert [len(times) for times in second.spikes.values()] == [0]


def test_values_of_a_place_are_read_without_a_run(spiking: Callable) -> None:
    made = spiking()
    sim = made.compile()
    place = made.cell["left"](0.5)
    assert sim.values(rxd.v(place)).tolist() == [-65.0]
    assert sim.values(made.species[made.cyt](place)) == pytest.approx([1.5e-3])


def test_a_progress_bar_runs_to_the_end(plain: Callable, capsys: pytest.CaptureFixture) -> None:
    sim = plain().compile(dt=0.1)
    sim.run(5)
    result = sim.run(15, record=["v"], every=1, progress=True)
    assert len(result.t) == 11
    assert "100%" in (text := capsys.readouterr().err)
    assert "10/10 ms" in text


def test_a_current_at_a_place() -> None:
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=2)
    model.insert(library.pas(g=1e-4, e=0.0), on=cell["left"])
    sim = model.compile("split")
    result = sim.run(0, record=[rxd.Probe("pas.i", cell["left"](0.2))])
    assert result.values[0].tolist() == [[1e-4 * -65]]
    with pytest.raises(rxd.DeclarationError, match=r"'pas.i' does not exist at right\(0.2\)"):
        sim.run(1, record=[rxd.Probe("pas.i", cell["right"](0.2))])


def test_what_is_asked_for_twice_is_recorded_once_where_it_came_first(spiking: Callable) -> None:
    made = spiking()
    soma, label = rxd.v(next(iter(made.cell))(0.5)), "ca[cyt]"
    result = made.compile().run(0, record=["v", soma, label, rxd.v, made.species, soma])
    assert [(trace.label, trace.scalar) for trace in result.traces] == [("v", False), ("v", True), (label, False)]
