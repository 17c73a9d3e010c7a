"""NEURON's mechanism `extracellular`: `e_extracellular`, `i_membrane`, `vext`.

In: sections it is inserted in. Out: what a field outside drives along the cable, the density of the current through the
membrane. With `xg` as large as it is by default the outside is at `e_extracellular`, and no more than that enters the
equations; layers with a resistance or a capacitance of their own are solved with the voltages (`rxd.neuron.engine.circuits`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = [
    "COMPUTED",
    "DENSITY",
    "LAYERS",
    "MOST",
    "NAME",
    "computed",
    "driven",
    "is_inserted",
    "layers",
    "potentials",
    "resists",
    "seen",
]

NAME: Final = "extracellular"
LAYERS: Final = ("xraxial", "xg", "xc", "vext")
MOST: Final = 8
"""Layers there can be."""
COMPUTED: Final = frozenset(("i_membrane", "i_cap", *(f"vext_{i}_{NAME}" for i in range(MOST))))
_LEAST_CONDUCTANCE: Final = 1e3
DENSITY: Final = 100.0
"""mA/cm2 per nA/um2."""


def computed(record: SectionRecord, name: str) -> np.ndarray | None:
    """What follows from the state: `i_membrane` and `i_cap` (mA/cm2), `vext` (mV); None without the mechanism."""
    if name == "i_cap":
        return record.session.membrane.capacitive(record)
    if NAME not in record.mechanisms:
        return None
    if name == "i_membrane":
        engine, membrane = record.session.run.engine, record.session.membrane
        moved = engine is not None and (engine.fixed.moved or engine.adaptive) and engine.layout.fits(record)
        if not moved or membrane.holds(name, record):  # no step has been made since `finitialize`, or since an edit
            return membrane.last(name, record)
        return DENSITY * membrane.of(record) / record.shape.area
    engine = record.session.run.engine
    if engine is not None and engine.circuits.circuit is not None:
        return engine.circuits.of(record, int(name[len("vext_")]))
    return record.session.membrane.part(record, seen(record.session))


def layers(session: Session) -> int:
    """How many layers there are, as `h.nlayer_extracellular` has it."""
    return int(session.catalogue.density[NAME].arrays["xg"])


def resists(session: Session) -> bool:
    """Whether a layer of any section has a resistance to ground that counts, or a capacity."""
    for record in session.topology:
        if NAME in record.mechanisms:
            for layer in range(layers(session)):
                conductance, capacity = (record.store[f"{name}_{layer}_{NAME}"] for name in ("xg", "xc"))
                if conductance.min() < _LEAST_CONDUCTANCE or capacity.any():
                    return True
    return False


def is_inserted(session: Session) -> bool:
    """Whether any section has the mechanism."""
    return any(NAME in record.mechanisms for record in session.topology)


def potentials(session: Session) -> np.ndarray:
    """`e_extracellular` of all segments in the order of the sections, 0 without the mechanism."""
    key = f"e_{NAME}"
    return np.concatenate([r.store[key] if key in r.store else np.zeros(r.nseg) for r in session.topology])


def seen(session: Session) -> np.ndarray:
    """The potentials outside that the last step has met; before there was one, those set now."""
    engine = session.run.engine
    if engine is not None and engine.circuits.circuit is not None:
        return engine.circuits.outside()
    if engine is not None and engine.fixed.moved:
        for electrode in engine.electrodes.electrodes:
            if electrode.clamp.kind == NAME:
                field: Any = electrode
                met: np.ndarray = field.outside if engine.revision == session.revision else field.met()
                return met
    return potentials(session)


def driven(session: Session) -> np.ndarray | None:
    """The current along the cable that the field drives into every segment, nA; None where there is no field."""
    if not is_inserted(session):
        return None
    outside = seen(session)
    return session.membrane.along(outside) if outside.any() else None
