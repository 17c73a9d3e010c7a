"""Processes that a script forks one after the other: what each of them would load is loaded before, once.

In: forks. Out: modules and machine code in the memory that a process shares with those it forks. Optimisers run every
simulation in a process of its own, forked from one that has only declared the model; a child that loads all by itself takes
half a second for that, and a tenth of it for the simulation.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from rxd.neuron.session import Session, current_session

__all__ = ["Forks", "steps_of_a_cell"]


class Forks:
    """Counts the forks of this process, and loads what its children need before the first that is more than a few.

    Parameters
    ----------
    few : int
        Forks before which nothing is loaded: as many children as there are processors load it at the same time.
    """

    def __init__(self, few: int) -> None:
        self._left = few

    def watch(self) -> None:
        """From now on, where processes can be forked."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self.count)

    def count(self) -> None:
        """One more. Threads beside the main one load nothing: it may be in the middle of something."""
        if self._left > 0:
            self._left -= 1
        elif self._left == 0 and threading.current_thread() is threading.main_thread():
            self._left = -1
            session = current_session()
            session.hoc.ready()
            if session.run.engine is None:  # else it is in memory
                from geometry.kernel_files import NotKeptError, kept_code_only

                for variable in (True, False):
                    with kept_code_only(), suppress(NotKeptError):
                        steps_of_a_cell(variable)


def steps_of_a_cell(variable: bool) -> None:
    """Steps of a small cell, of variable or of fixed length."""
    from rxd.neuron import h

    with Session():
        soma, dendrite = (h.Section(name=name) for name in ("soma", "dendrite"))
        dendrite.connect(soma)
        soma.insert("hh")
        dendrite.insert("pas")
        clamp = h.IClamp(soma(0.5))
        clamp.dur = clamp.amp = 0.1
        times, voltage = (h.Vector().record(what) for what in (h._ref_t, soma(0.5)._ref_v))
        h.cvode_active(variable)
        h.finitialize(-65)
        h.continuerun(0.1)
        del times, voltage
