"""NEURON scripts on Axoplasm: the names of the Python module `neuron`, with the same meaning.

In: scripts written for NEURON. Out: models run by the public API of `rxd`. `from rxd.neuron import h, n, rxd` is the one line
to change; `python -m rxd.neuron SCRIPT` runs a script unchanged. Nothing else in Axoplasm imports this package.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, Final

from rxd.collector import collector_paused
from rxd.neuron.errors import NotSupported

if TYPE_CHECKING:
    from rxd.neuron.entry import HocError, Session, current_session, h, n

__all__ = ["HocBaseObject", "HocError", "NotSupported", "Session", "current_session", "h", "hclass", "n"]
__version__ = "9.0.2"  # the NEURON whose behaviour is followed

OF_CLASSES: Final = frozenset(
    "DensityMechanism HocBaseObject hclass load_mechanisms nrn_dll_loaded numpy_element_ref psection version".split()
)
"""Names of `rxd.neuron.hclass3`."""


def __getattr__(name: str) -> Any:
    """Names and submodules on first use: `rxd`, `crxd`, `gui`, `units`, ..., so that `from rxd.neuron import h` stays quick."""
    if name.startswith("__"):
        raise AttributeError(name)
    with collector_paused():
        if name in {"HocError", "Session", "current_session", "h", "n"}:
            value = getattr(importlib.import_module("rxd.neuron.entry"), name)
            setattr(sys.modules[__name__], name, value)  # from now on without asking
            return value
        if name in {"rxd", "crxd"}:
            from rxd.neuron.internals import guard_modules

            module = importlib.import_module("rxd.neuron.rxd")
            guard_modules()
            return module
        if name in {"gui", "units", "expect_hocerr", "nrn", "hoc"}:
            return importlib.import_module(f"rxd.neuron.{name}")
        if name in {"config", "coreneuron", "doc", "gui2", "hclass3", "nonvint_block_supervisor", "sections"}:
            return importlib.import_module(f"rxd.neuron.{name}")
        if name in OF_CLASSES:  # others may be parts of the package, on their way
            return getattr(importlib.import_module("rxd.neuron.hclass3"), name)
    raise NotSupported(f"neuron.{name} is not supported; there are: h, n, rxd, crxd, gui, units.")


def __dir__() -> list[str]:
    return sorted({*vars(sys.modules[__name__]), *__all__})
