"""Vectors where NEURON has rules of its own: ends of windows, parts, kinds of numbers in files, arguments without sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.errors import HocError

DATA = np.random.default_rng(5).uniform(-1, 1, 37)


def vector(values: Any = DATA) -> Any:
    return h.Vector(list(values))


def test_a_filter_is_convolved_by_its_transform() -> None:
    kernel = np.array([0.5, 0.3, -0.2])
    spectrum = np.fft.fft(kernel, 64)
    packed = np.zeros(64)
    packed[:2], packed[-1] = spectrum.real[:2], spectrum.real[2]  # three numbers: two at and after 0, one before
    expected = [sum(packed[(i - j) % 64] * DATA[j] for j in range(37)) for i in range(64)]
    assert list(h.Vector().filter(vector(), vector(kernel))) == pytest.approx(expected, rel=1e-12)
    assert list(vector().filter(vector(kernel))) == pytest.approx(expected, rel=1e-12)


def test_medians_remove_what_stands_alone() -> None:
    steps = np.repeat([1.0, 4.0], 20)
    spiked = steps.copy()
    spiked[[7, 31]] = 50
    assert list(h.Vector().medfltr(vector(spiked), 2)) == steps.tolist()
    assert list(vector([5, 1, 9, 2, 8, 7]).medfltr(1)) == [3, 5, 2, 8, 7, 7.5]


def test_a_smoothed_histogram_holds_every_weight() -> None:
    times, weights = [2.02, 5.12, 5.13], [1, 2, 3]
    smooth = np.array(h.Vector().smhist(vector(times), 0, 80, 0.1, 0.09, vector(weights)))
    assert smooth.sum() * 0.1 == pytest.approx(6, rel=1e-4)
    i = np.arange(80)
    whole = sum(w * np.exp(-(((i - k) * 0.1) ** 2) / 0.18) for k, w in ((20, 1), (51, 5))) / np.sqrt(2 * np.pi * 0.09)
    assert smooth == pytest.approx(whole, abs=6 * np.exp(-10))
    assert smooth[0] == 0
    with pytest.raises(HocError, match="3 times and 1 weights"):
        h.Vector().smhist(vector(times), 0, 80, 0.1, 0.09, vector([1]))


def test_histograms_count_one_bin_below() -> None:
    assert list(vector([-5, -0.3, 0.1, 0.4, 1.2, 7]).histogram(0, 2, 0.5)) == [1, 2, 0, 1, 0, 0]
    assert list(h.Vector().spikebin(vector([0, 1, 1, 0, 2, 0]), 1)) == [0, 1, 0, 0, 1, 0]
    assert list(h.Vector().spikebin(vector([0, 1, 1, 0, 2, 0, 2]), 1, 3)) == [1, 1]


def test_parts_go_where_they_belong() -> None:
    target = h.Vector(6, 9)
    assert list(target.copy(vector(), 3, 5)) == [*DATA[3:6], 9, 9, 9]
    assert list(h.Vector(2).copy(vector([1, 2, 3]), 1, -1)) == [2, 3]
    itself = h.Vector(range(6))
    assert list(itself.copy(itself, 3)) == [0, 1, 2, 0, 1, 2, 0, 1, 2]  # as NEURON's reference warns
    assert list(itself.copy(itself, 1, 0, -1, 2, 4)) == [0, 0, 2, 1, 1, 2, 0, 1, 2]
    assert list(vector([1, 4]).insrt(1, 2, vector([3, 3]))) == [1, 2, 3, 3, 4]
    assert list(vector([1, 4, 9, 16]).apply("sqrt", 1, 2)) == [1, 2, 3, 16]
    assert list(vector([5, 6, 7]).ind(vector([2, 300, -1, 0]))) == [7, 5]
    assert list(h.Vector().index(vector([5, 6, 7]), vector([2, 300, -1, 0]))) == [7, 0, 0, 5]
    same = vector([2, 2])
    assert (same.scale(0, 5), list(same)) == (0, [2, 2])
    assert (h.Vector().max_ind(), h.Vector().min_ind()) == (-1, -1)


@pytest.mark.parametrize(
    ("kind", "size", "step"), [(1, 16 + 37, 2 / 255), (2, 16 + 74, 2 / 65535), (3, 148, 1e-7), (4, 296, 0)]
)
def test_numbers_in_files_are_of_a_kind(tmp_path: Any, kind: int, size: int, step: float) -> None:
    file, back = h.File(), h.Vector()
    file.wopen(str(tmp_path / "numbers"))
    assert vector().vwrite(file, kind) == 1
    file.close()
    assert (tmp_path / "numbers").stat().st_size == 8 + size
    file.ropen(str(tmp_path / "numbers"))
    assert back.vread(file) == 1
    file.close()
    assert np.array(back) == pytest.approx(DATA, abs=step or 1e-300)


def test_whole_numbers_and_short_files(tmp_path: Any) -> None:
    file, back = h.File(), vector([7, 8, 9])
    (tmp_path / "raw").write_bytes(np.array([60000, 1], dtype=np.uint16).tobytes())
    file.ropen(str(tmp_path / "raw"))
    assert (back.fread(file, 4, 2), list(back)) == (1, [60000, 1, 9, 0])
    with pytest.raises(HocError, match="of kind 1, 2, 3, 4, 5"):
        back.fread(file, 4, 9)
    file.close()
    file.wopen(str(tmp_path / "text"))
    vector([1, 2.5]).printf(file)
    file.close()
    assert (tmp_path / "text").read_text() == "1\n2.5\n\n"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: vector().div(0), "division by zero"),
        (lambda: vector([1, 0]).pow(-1), "no inverse"),
        (lambda: vector([1, -2]).sqrt(), "-2, is negative"),
        (lambda: h.Vector().resample(vector(), 70), "between 0 and half"),
        (lambda: h.Vector().rebin(vector(), 0), "hold none"),
        (lambda: h.Vector().psth(vector(), 1, 1, 70), "more than half"),
        (lambda: h.Vector(3).copy(vector(), 1, 6, 3), "comes before"),
        (lambda: vector().deriv(0.1, 3), "forward"),
        (lambda: vector().histogram(0, 1, 5), "do not fit"),
        (lambda: h.Vector().medfltr(vector(), 30), "none of 1 to 18"),
        (lambda: h.Vector().scale(0, 1), "no elements"),
        (lambda: vector().filter(), "vec.filter"),
    ],
)
def test_what_makes_no_sense_is_said(call: Any, said: str) -> None:
    with pytest.raises(HocError, match=said):
        call()


def test_indices_take_the_place_of_what_they_were_looked_for_in() -> None:
    values, into = vector([1, 5, 2, 7]), h.Vector()
    assert list(into.indvwhere(values, ">", 4)) == [1, 3] == list(into)
    assert values.indvwhere(">", 1) is values
    assert list(values) == [1, 2, 3]


@pytest.mark.parametrize("times", [1.0, [0, 1, 2]])
def test_a_statement_is_played_with_each_value_in_the_place_of_1(session: Any, times: Any) -> None:
    h("played = 0")
    values, when = vector([5, 6, 7]), times if isinstance(times, float) else vector(times)
    values.play("played = $1 * 2", when)
    section = h.Section(name="soma")
    seen = []
    h.finitialize(-65)
    for t in (0.5, 1.5, 2.5):
        h.continuerun(t)
        seen.append(h.played)
    assert seen == [10, 12, 14]  # as in NEURON 9.0.2
    values.play_remove()
    assert section.nseg == 1


def test_a_file_is_read_or_written_as_it_was_opened(tmp_path: Any) -> None:
    file, path = h.File(), str(tmp_path / "numbers")
    file.wopen(path)
    with pytest.raises(HocError, match=r"open for writing \(.*numbers\); call ropen"):
        file.scanvar()
    file.ropen(path)
    for write in (lambda: file.printf("%g", 1), lambda: vector().fwrite(file), lambda: vector().vwrite(file)):
        with pytest.raises(HocError, match=r"open for reading \(.*numbers\); call wopen"):
            write()
