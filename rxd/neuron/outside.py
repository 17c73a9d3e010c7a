"""NEURON's mechanism `extracellular`, as far as its layers do not resist: `e_extracellular`, `i_membrane`, `vext`.

In: sections it is inserted in. Out: what a field outside drives along the cable, the density of the current through the
membrane, checks of what scripts set. With `xg` as large as it is by default the outside is at `e_extracellular`, which is
what holds here; layers with a resistance or a capacitance of their own are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rxd.neuron.errors import NotSupported

if TYPE_CHECKING:
    from rxd.neuron.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = ["COMPUTED", "LAYERS", "NAME", "check_layer", "computed", "driven", "is_inserted", "potentials"]

NAME: Final = "extracellular"
LAYERS: Final = ("xraxial", "xg", "xc", "vext")
COMPUTED: Final = frozenset(("i_membrane", "i_cap", *(f"vext_{i}_{NAME}" for i in range(2))))
_LEAST_CONDUCTANCE: Final = 1e3
_DENSITY: Final = 100.0  # mA/cm2 per nA/um2


def computed(record: SectionRecord, name: str) -> np.ndarray | None:
    """What follows from the state: `i_membrane` and `i_cap` (mA/cm2), `vext` (mV); None without the mechanism."""
    if name == "i_cap":
        return record.session.membrane.capacitive(record)
    if NAME not in record.mechanisms:
        return None
    if name == "i_membrane":
        engine = record.session.run.engine
        if engine is None or engine.fixed.past is None:  # no step has been made since `finitialize`
            return np.zeros(record.nseg)
        return _DENSITY * record.session.membrane.of(record) / record.shape.area
    return record.session.membrane.part(record, seen(record.session))


def check_layer(name: str, value: float) -> None:
    """Refuse what the layers cannot do here.

    Raises
    ------
    NotSupported
        For a conductance so small that it would resist, and for a capacitance.
    """
    if name.startswith("xg_") and value < _LEAST_CONDUCTANCE:
        raise NotSupported(
            f"xg = {value:g} S/cm2: extracellular layers that resist are not supported; xg stays at {_LEAST_CONDUCTANCE:g} or "
            "more (1e9 is NEURON's value), and e_extracellular is the potential outside."
        )
    if name.startswith("xc_") and value != 0:
        raise NotSupported(f"xc = {value:g} uF/cm2: extracellular layers with a capacitance are not supported; xc stays at 0.")


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
    if engine is not None and engine.fixed.past is not None:
        for electrode in engine.electrodes.electrodes:
            if electrode.clamp.kind == NAME:
                met: np.ndarray = electrode.outside  # type: ignore[attr-defined]
                return met
    return potentials(session)


def driven(session: Session) -> np.ndarray | None:
    """The current along the cable that the field drives into every segment, nA; None where there is no field."""
    if not is_inserted(session):
        return None
    outside = seen(session)
    return session.membrane.along(outside) if outside.any() else None
