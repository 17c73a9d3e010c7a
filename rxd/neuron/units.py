"""Units, as `neuron.units` has them: numbers in NEURON's base units ms, mV, um, mM.

In: nothing. Out: factors such as `uM`, and the unit of a variable as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rxd.neuron.session import Session

# time, ms
ms = 1
us = 1e-3 * ms
ns = 1e-6 * ms
ps = 1e-9 * ms
sec = s = 1e3 * ms
minute = 60 * s
hour = 60 * minute
day = 24 * hour

# voltage, mV
mV = 1
uV = 1e-3 * mV
V = 1e3 * mV

# length, um
um = 1
nm = 1e-3 * um
mm = 1e3 * um
cm = 1e4 * um
m = 1e6 * um

# concentration, mM
mM = 1
uM = 1e-3 * mM
nM = 1e-6 * mM
M = 1e3 * mM

# the same with their own letter, as scripts write them
μs = us  # noqa: PLC2401
μV = uV  # noqa: PLC2401
μm = um  # noqa: PLC2401
μM = uM  # noqa: PLC2401

# other units NEURON has: g and mol as multiples of themselves
g = 1
mol = 1
S = 1

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "v": "mV", "dt": "ms", "t": "ms", "tstop": "ms", "v_init": "mV", "celsius": "degC", "cm": "uF/cm2", "diam": "um", "L":
        "um", "Ra": "ohm-cm", "area": "um2", "i_membrane": "mA/cm2", "i_cap": "mA/cm2",
    }
)  # fmt: skip


def unit_of(session: Session, name: str) -> str:
    """The unit of a variable as text; empty if it has none.

    Parameters
    ----------
    session : Session
    name : str
        Such as `v`, `gnabar_hh`, `ina` or `ExpSyn.g`.
    """
    from rxd.neuron.mechanisms import POINTS

    if name in UNITS:
        return UNITS[name]
    if "." in name:
        kind, variable = name.split(".", 1)
        return POINTS[kind].units.get(variable, "") if kind in POINTS else ""
    owner = session.catalogue.owner(name)
    if owner is None:
        return ""
    ion = session.catalogue.ion_of(owner)
    if ion is not None:
        kinds = ("mV", "mM", "mM", "mA/cm2", "S/cm2")
        return dict(zip(ion.variables, kinds, strict=True))[name]
    return session.catalogue.density[owner].units.get(name[: -len(owner) - 1], "")
