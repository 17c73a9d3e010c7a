"""`neuron.tests.utils`: settings of `h` for the length of a block, as NEURON's own tests make them.

In: a setting. Out: a context in which it holds; what it was before holds again afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rxd.neuron.parallel import ParallelContext
    from rxd.neuron.runs.cvode import CVode

__all__ = [
    "cvode_enabled",
    "cvode_use_global_timestep",
    "cvode_use_long_double",
    "fast_imem",
    "get_c_compiler",
    "hh_table_disabled",
    "num_threads",
    "parallel_context",
]


@contextmanager
def _set(setting: Callable[..., Any], value: Any) -> Iterator[None]:
    before = setting()
    setting(value)
    try:
        yield
    finally:
        setting(before)


@contextmanager
def cvode_enabled(enabled: bool) -> Iterator[CVode | None]:
    """Variable steps, or fixed ones; gives `h.CVode()` if variable, else None."""
    from rxd.neuron import h

    with _set(h.cvode_active, enabled):
        yield h.CVode() if enabled else None


@contextmanager
def cvode_use_global_timestep(cvode: CVode | None, enabled: bool) -> Iterator[None]:
    """One step for all cells (`CVode.use_local_dt` off); nothing to do with fixed steps, where `cvode` is None."""
    if cvode is None:
        yield
        return
    with _set(cvode.use_local_dt, not enabled):
        yield


@contextmanager
def cvode_use_long_double(cvode: CVode | None, enabled: bool) -> Iterator[None]:
    """`CVode.use_long_double`; nothing to do with fixed steps, where `cvode` is None."""
    if cvode is None:
        yield
        return
    with _set(cvode.use_long_double, enabled):
        yield


@contextmanager
def fast_imem(enabled: bool) -> Iterator[None]:
    """`CVode.use_fast_imem`, which makes `seg.i_membrane_`."""
    from rxd.neuron import h

    with _set(h.CVode().use_fast_imem, enabled):
        yield


@contextmanager
def hh_table_disabled() -> Iterator[None]:
    """Rates of hh by their formulas."""
    from rxd.neuron import h

    before = h.usetable_hh
    h.usetable_hh = 0
    try:
        yield
    finally:
        h.usetable_hh = before


@contextmanager
def num_threads(context: ParallelContext, threads: int = 1, parallel: bool = True) -> Iterator[None]:
    """`ParallelContext.nthread`."""
    with _set(context.nthread, threads):
        yield


@contextmanager
def parallel_context() -> Iterator[ParallelContext]:
    """A `ParallelContext` whose gids are forgotten at the end."""
    from rxd.neuron import h

    context = h.ParallelContext()
    try:
        yield context
    finally:
        context.gid_clear()


def get_c_compiler() -> str:
    """The C compiler that the environment names (CC), or nothing."""
    return os.environ.get("CC", "")
