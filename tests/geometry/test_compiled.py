"""Ranges of work for threads: every piece once, whatever the number of threads; errors come through."""

from __future__ import annotations

import numba
import numpy as np
import pytest

import geometry
from geometry.compiled import in_ranges


@pytest.mark.parametrize(("count", "least"), [(0, 4), (1, 4), (7, 4), (8, 4), (1001, 4), (1001, 600)])
def test_every_piece_of_work_is_done_once(count: int, least: int) -> None:
    done, ranges = np.zeros(count, dtype=int), []

    def kernel(begin: int, past: int, out: np.ndarray) -> None:
        ranges.append(past - begin)
        out[begin:past] += 1

    in_ranges(kernel, count, least, done)
    assert np.all(done == 1)
    assert sum(ranges) == count
    assert len(ranges) == 1 or (numba.get_num_threads() > 1 and sorted(ranges)[1] >= least)


def test_an_error_in_a_range_is_raised() -> None:
    def kernel(begin: int, past: int) -> None:
        raise ValueError(f"{begin} to {past}")

    with pytest.raises(ValueError, match="0 to"):
        in_ranges(kernel, 100, 10)


def test_voxels_do_not_depend_on_the_number_of_threads() -> None:
    segments = geometry.segment(geometry.examples.y_branch(), 5)
    threads, grids = numba.get_num_threads(), []
    for number in (1, threads):
        numba.set_num_threads(number)
        try:
            grids.append(geometry.voxelize_sections(segments, 0.5))
        finally:
            numba.set_num_threads(threads)
    for name in ("ijk", "volume", "aperture", "neighbor", "membrane_area", "owner"):
        np.testing.assert_array_equal(getattr(grids[0], name), getattr(grids[1], name), err_msg=name)
