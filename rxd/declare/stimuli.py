"""Things at one place: a synapse or other point process. Clamps and connections come from `cable`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from geometry import Location
from rxd.declare.mechanism import Mechanism, PointMechanism
from rxd.errors import DeclarationError
from rxd.units import as_number


class PointProcess:
    """A point mechanism at a location; the target of a `cable.NetCon`.

    Parameters
    ----------
    mechanism : PointMechanism
        For example ``rxd.library.exp_syn(tau=2, e=0)``.
    location : geometry.Location
        ``cell.soma(0.5)``.
    parameters : float
        Override the mechanism's parameters at this place.
    """

    __slots__ = ("location", "mechanism", "parameters")

    def __init__(self, mechanism: PointMechanism, location: Location, **parameters: float) -> None:
        if not isinstance(mechanism, PointMechanism):
            message = f"PointProcess takes a point mechanism such as rxd.library.exp_syn(); got {mechanism!r}."
            if isinstance(mechanism, Mechanism):
                message = f"'{mechanism.name}' belongs into whole sections: model.insert({mechanism.name}, on=cell.soma)."
            raise DeclarationError(message)
        if not isinstance(location, Location):
            message = f"PointProcess '{mechanism.name}' sits at a location such as cell.soma(0.5); got {location!r}."
            raise DeclarationError(message)
        for name in parameters:
            if name not in mechanism.parameters:
                message = f"'{mechanism.name}' has no parameter '{name}'. It has: {', '.join(mechanism.parameters)}."
                raise DeclarationError(message)
        numbers = {name: as_number(value, f"Parameter '{name}' of '{mechanism.name}'") for name, value in parameters.items()}
        self.mechanism = mechanism
        self.location = location
        self.parameters: Mapping[str, Any] = MappingProxyType({**mechanism.parameters, **numbers})

    def __repr__(self) -> str:
        return f"PointProcess({self.mechanism.name!r} at {self.location!r})"
