"""What a model knows of ions: valence, usual concentrations and reversal potentials."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from geometry.records import dataclass
from rxd.errors import DeclarationError
from rxd.units import as_number


@dataclass(frozen=True, slots=True)
class Ion:
    """An ion: ``inside`` and ``outside`` in mM where no species says otherwise; ``e`` in mV, None for Nernst of the two."""

    name: str
    charge: int
    inside: float
    outside: float
    e: float | None = None


# Valences, and concentrations as NEURON's defaults have them (Hodgkin and Huxley 1952 for na and k).
KNOWN_IONS: Final = MappingProxyType(
    {
        "na": Ion("na", 1, 10.0, 140.0, 50.0),
        "k": Ion("k", 1, 54.4, 2.5, -77.0),
        "ca": Ion("ca", 2, 5e-5, 2.0),
        "cl": Ion("cl", -1, 10.0, 130.0),
        "mg": Ion("mg", 2, 0.5, 1.0),
    }
)


def make_ion(name: str, known: Ion | None, **settings: float | None) -> Ion:
    """An `Ion` from a known one and the settings that were given.

    Raises
    ------
    DeclarationError
        If a new ion lacks a charge or a concentration is not positive.
    """
    ion = known or KNOWN_IONS.get(name)
    given = {key: as_number(value, f"{key} of ion '{name}'") for key, value in settings.items() if value is not None}
    for side in ("inside", "outside"):
        if given.get(side, 1.0) <= 0:
            message = f"{side} of ion '{name}' is a concentration in mM and must be positive; got {given[side]}."
            raise DeclarationError(message)
    charge = given.get("charge", 1.0)
    if ion is not None and (charge == 0 or charge != int(charge)):
        message = f"charge of ion '{name}' is a whole number, not zero; got {settings['charge']!r}."
        raise DeclarationError(message)
    if ion is None:
        if "charge" not in given or given["charge"] == 0:
            message = (
                f"Ion '{name}' is new to the model: give its charge, model.ion('{name}', charge=1, inside=..., outside=...)."
            )
            raise DeclarationError(message)
        ion = Ion(name, int(given.pop("charge")), given.pop("inside", 1.0), given.pop("outside", 1.0))
    elif "charge" in given:
        given["charge"] = int(given["charge"])
    if given.keys() & {"inside", "outside"}:
        given.setdefault("e", None)  # type: ignore[arg-type]  # concentrations were given: Nernst, not the usual constant
    return replace(ion, **given)  # type: ignore[arg-type]
