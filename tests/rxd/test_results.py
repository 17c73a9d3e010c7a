"""Results: labels, units, coordinates, files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import rxd
from rxd.solve.problem import Reason


@pytest.fixture
def result(spiking: Callable) -> rxd.Results:
    made = spiking()
    place = rxd.v(made.cell["right"](1.0))
    return made.compile().run(4, record=[rxd.v, place, "ca[cyt]", "hh.m", "hh.ina", "exp_syn.g", "exp_syn.i"], every=0.5)


def test_arrays_carry_units_and_places(result: rxd.Results) -> None:
    v = result[rxd.v]
    assert v.dims == ("time", "node")
    assert v.shape == (9, 9)
    assert v.name == "v"
    assert v.attrs == {"units": "mV", "long_name": "v"}
    assert v.time.attrs["units"] == "ms"
    assert list(v.section.values) == ["parent"] * 3 + ["left"] * 3 + ["right"] * 3
    np.testing.assert_allclose(v.x, [1 / 6, 0.5, 5 / 6] * 3)
    np.testing.assert_allclose(v.path_distance[3:6], 100 + 100 * np.array([1 / 6, 0.5, 5 / 6]))
    assert v.path_distance.attrs["units"] == "um"


@pytest.mark.parametrize(
    ("label", "unit"),
    [("v", "mV"), ("ca[cyt]", "mM"), ("hh.m", "1"), ("hh.ina", "mA/cm2"), ("exp_syn.g", "uS"), ("exp_syn.i", "nA")],
)
def test_units(label: str, unit: str, result: rxd.Results) -> None:
    assert result[label].attrs["units"] == unit


def test_species_only_have_the_sections_they_live_in(result: rxd.Results) -> None:
    assert set(result["ca[cyt]"].section.values) == {"left"}
    assert result["exp_syn.g"].section.values.tolist() == ["left"]


def test_selecting_by_label_and_place(result: rxd.Results) -> None:
    v = result[rxd.v]
    at_end = v.isel(node=(v.section == "right") & (v.x > 0.8)).squeeze()
    (place,) = [trace for trace in result.traces if trace.scalar]
    found = result.values[result.traces.index(place)][:, 0]
    np.testing.assert_array_equal(found, at_end.values)
    assert v.sel(time=2.0).shape == (9,)


def test_what_was_not_recorded_is_named_with_what_was(result: rxd.Results) -> None:
    with pytest.raises(KeyError, match=r"'hh\.n' was not recorded; recorded: v, ca\[cyt\].*Add it to record="):
        result["hh.n"]
    assert "hh.n" not in result


def test_a_file_holds_everything(result: rxd.Results, tmp_path: Path) -> None:
    path = result.save(tmp_path / "run.nc")
    assert os.listdir(tmp_path) == ["run.nc"]  # noqa: PTH208  (names are what is meant)
    with xr.open_dataset(path, engine="h5netcdf") as file:
        assert file.attrs["reason"] == Reason.DONE.value
        assert file.attrs["steps"] == result.statistics.steps
        np.testing.assert_array_equal(file["time"], result.t)
        for index, trace in enumerate(result.traces):
            name = f"{trace.label} at right(0.8333)" if trace.scalar else trace.label
            names = [n for n in file.data_vars if n == name or (trace.scalar and str(n).startswith("v at right("))]
            (variable,) = (file[n] for n in names)
            np.testing.assert_array_equal(variable.values.reshape(len(result.t), -1), result.values[index])
            assert variable.attrs["units"] == trace.unit
        np.testing.assert_array_equal(file["path_distance_v"], result[rxd.v].path_distance)
        assert file["section_ca[cyt]"].values.tolist() == ["left"] * 3
        np.testing.assert_array_equal(file["spikes right(1)"], result.spikes["right(1)"])
        assert file["spikes right(1)"].attrs["units"] == "ms"


def test_a_file_that_cannot_be_written_whole_does_not_appear(result: rxd.Results, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        result.save(tmp_path / "absent" / "run.nc")
    old = tmp_path / "old.nc"
    old.write_text("kept")
    (tmp_path / "old.nc.part").mkdir()
    with pytest.raises(OSError, match=r"old\.nc"):
        result.save(old)
    assert old.read_text() == "kept"


def test_statistics_say_what_was_done(spiking: Callable) -> None:
    sim = spiking(amp=0.0, train=(1.0, 2.0)).compile()
    result = sim.run(3)
    assert result.reason is Reason.DONE
    assert result.statistics.steps == 120
    assert result.statistics.events == 2
    assert result.statistics.solves > 120
    assert result.statistics.seconds > 0


def test_text_says_what_is_inside(result: rxd.Results) -> None:
    text = repr(result)
    assert "9 times" in text
    assert "ca[cyt] (3)" in text
    assert "1 spikes" in text
    assert "requested time" in text


def test_a_later_run_leaves_earlier_results_alone(spiking: Callable) -> None:
    sim = spiking().compile()
    first = sim.run(2, record=["v"], every=1)
    kept = first.values[0].copy()
    sim.run(4, record=["v"], every=1)
    assert np.array_equal(first.values[0], kept)


def test_results_are_frozen(result: rxd.Results) -> None:
    with pytest.raises(AttributeError):
        result.t = np.zeros(1)
