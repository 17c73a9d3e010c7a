"""Arrays side by side in memory: where they begin, and that none is part of another."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.solve.aligned import PAGE, WORTH, together

BYTES = 64


@pytest.mark.parametrize("scale", [1, WORTH // 8, PAGE // 8], ids=["small", "large", "pages"])
def test_arrays_side_by_side_share_no_cache_line(scale: int) -> None:
    sizes = [3 * scale, 0, scale + 5, 8]
    arrays = together(sizes)
    assert [array.size for array in arrays] == sizes
    assert all(array.ctypes.data % BYTES == 0 and array.flags.writeable and array.flags.c_contiguous for array in arrays)
    assert all(not array.any() for array in arrays)
    lines = [array.ctypes.data // BYTES + np.arange(-(-array.nbytes // BYTES)) for array in arrays]
    assert len(np.unique(np.concatenate(lines))) == sum(map(len, lines))
    for number, array in enumerate(arrays):
        array[:] = number
    assert all(np.all(array == number) for number, array in enumerate(arrays))


def test_much_of_it_begins_at_a_page_and_lives_as_long_as_its_arrays() -> None:
    first, second = together([WORTH // 8, 4])
    assert first.ctypes.data % PAGE == 0
    second[:] = 7.0
    del first
    np.testing.assert_array_equal(second, 7.0)
