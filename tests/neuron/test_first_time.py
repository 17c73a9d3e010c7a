"""What a terminal shows while code that all models share is compiled."""

from __future__ import annotations

import io

import numba as nb
import pytest
from numba.core import event

from rxd.neuron.first_time import LINE, announce_compiling


@pytest.mark.parametrize(("module", "written"), [("rxd.solve.nowhere", LINE), ("somebody.else", "")])
def test_the_first_function_of_ours_that_is_compiled_is_announced_once(module, written):
    stream = io.StringIO()
    listener = announce_compiling(stream)
    try:
        for _ in range(2):

            def double(x):
                return 2 * x

            double.__module__ = module
            assert nb.njit(double)(2) == 4
    finally:
        event.unregister("numba:compile", listener)
    assert stream.getvalue() == written
