"""Functions of `h` for random numbers outside of `Random`.

In: places in streams. Out: NEURON's numbers. Each takes the session first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.random_numbers.ran4 import ran4
from rxd.neuron.vectors.pointers import Pointer

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["RANDOM_FUNCTIONS"]

LARGEST = 4294967295


def mcell_ran4(session: Session, place: Pointer, *_: Any) -> float:
    """The number between 0 and 1 at a place of the stream that `mcell_ran4_init` has named; the place becomes the next one."""
    if not isinstance(place, Pointer):
        raise HocError(f"mcell_ran4 takes a reference to a place, such as place = h.ref(1); got {place!r}.")
    at = int(place.get()) & LARGEST
    place.set(float((at + 1) & LARGEST))
    return float(ran4(np.array([at], dtype=np.uint64), int(session.globals["random_low"]))[0] / (LARGEST + 1))


def mcell_ran4_init(session: Session, name: float | None = None) -> float:
    """Name the stream of `mcell_ran4`, and of `Random.MCellRan4` without a second number; returns the name before."""
    return _setting(session, "random_low", name, LARGEST)


def use_mcell_ran4(session: Session, flag: float | None = None) -> float:
    """Which generator mod files get that ask for none; returns the flag before."""
    return _setting(session, "random_ran4", flag, 1)


def _setting(session: Session, key: str, value: float | None, largest: int) -> float:
    before = session.globals[key]
    if value is not None:
        if not 0 <= float(value) <= largest:
            raise HocError(f"Arg out of range: {value}; it is 0 to {largest}.")
        session.globals[key] = float(int(value))
    return before


RANDOM_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {function.__name__: function for function in (mcell_ran4, mcell_ran4_init, use_mcell_ran4)}
)
