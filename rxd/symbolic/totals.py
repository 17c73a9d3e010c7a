"""Total currents of ions: which currents they leave out.

In: a `System`. Out: warnings. A mechanism that reads the current of an ion (`rxd.ion_current`) sees the density mechanisms of
its segment; point processes are nodes of their own, whose currents are not among them.
"""

from __future__ import annotations

import warnings

from rxd.declare.functions import ion_total
from rxd.errors import RxdWarning
from rxd.symbolic.system import LocalSystem, System

__all__ = ["warn_of_unseen_currents"]


def warn_of_unseen_currents(system: System) -> None:
    """Warn of point processes that carry an ion whose total current a mechanism reads in the same section."""
    carrying = [group for group in system.groups if group.space == "points" and any(each.ion for each in group.processes)]
    for local in system.groups if carrying else ():  # models are made again and again, and few have any
        readers = _readers(local)
        for points in carrying if readers else ():
            here = {system.points[point].section for point in points.points} & set(local.sections)
            for process in points.processes:
                if here and process.ion in readers:
                    message = (
                        f"Current '{process.label}' carries '{process.ion}', and '{readers[process.ion]}' follows the total "
                        f"current of '{process.ion}', of which point processes are no part. Declare the ion as a species, "
                        f"which both move."
                    )
                    warnings.warn(message, RxdWarning, stacklevel=2)


def _readers(local: LocalSystem) -> dict[str | None, str]:
    """A state that reads the total current of an ion, by ion."""
    return {total.args[1].name: label for label, rate in local.rates for total in rate.atoms(ion_total)}
