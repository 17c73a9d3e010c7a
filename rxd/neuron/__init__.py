"""NEURON scripts on Axoplasm: the names of the Python module `neuron`, with the same meaning.

In: scripts written for NEURON. Out: models run by the public API of `rxd`. `from rxd.neuron import h, n, rxd` is the one line
to change; `python -m rxd.neuron SCRIPT` runs a script unchanged. Nothing else in Axoplasm imports this package.
"""

from __future__ import annotations

from typing import Any

from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.interpreter import Interpreter
from rxd.neuron.session import Session, current_session

__all__ = ["HocBaseObject", "HocError", "NotSupported", "Session", "current_session", "h", "hclass", "n"]
__version__ = "9.0.2"  # the NEURON whose behaviour is followed

h = Interpreter("<TopLevelHocInterpreter>")
n = Interpreter("<TopLevelNEURONInterface>")


def __getattr__(name: str) -> Any:
    """Submodules on first use: `rxd`, `crxd`, `gui`, `units`, ..., so that `from rxd.neuron import h` stays quick."""
    import importlib

    if name.startswith("__"):
        raise AttributeError(name)
    if name in {"rxd", "crxd"}:
        from rxd.neuron.internals import guard_modules

        module = importlib.import_module("rxd.neuron.rxd")
        guard_modules()
        return module
    if name in {"gui", "units", "expect_hocerr", "nrn", "hoc"}:
        return importlib.import_module(f"rxd.neuron.{name}")
    if name in {"config", "coreneuron", "doc", "gui2", "hclass3", "nonvint_block_supervisor", "sections"}:
        return importlib.import_module(f"rxd.neuron.{name}")
    classes = importlib.import_module("rxd.neuron.hclass3")
    if name in classes.__all__:
        return getattr(classes, name)
    raise NotSupported(f"neuron.{name} is not supported; there are: h, n, rxd, crxd, gui, units.")
