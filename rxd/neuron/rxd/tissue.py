"""Volume fraction and permeability of a box in all forms that NEURON takes.

In: a number, an array, a function of x, y, z, or a State or Parameter on the box. Out: numbers for its voxels.

NEURON asks functions for the lower corner of every voxel, once, and keeps the array; so does this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import RxDException

if TYPE_CHECKING:
    from rxd.neuron.rxd.region import Extracellular

__all__ = ["alpha_at", "as_field", "is_changing", "owner_of", "present"]


def as_field(value: Any, region: Extracellular, what: str) -> Any:
    """What a script gives for a property of a box, as it is kept: a number, an array of the box's shape, or a quantity.

    Parameters
    ----------
    what : str
        "volume_fraction", "tortuosity" or "permeability".

    Raises
    ------
    RxDException
        For something else, or an array of another shape.
    """
    if np.isscalar(value):
        return float(value)  # type: ignore[arg-type]
    quantity = owner_of(value)
    if quantity is not None or isinstance(value, dict):
        if what == "tortuosity":
            raise RxDException("The tortuosity is a number, an array or a function; permeability may be a State or Parameter.")
        return _as_quantity(value, quantity, region, what)
    if callable(value):
        corners = [
            low + np.arange(n) * step
            for low, n, step in zip((region._xlo, region._ylo, region._zlo), region.shape, region._dx, strict=True)
        ]
        return np.array([[[float(value(x, y, z)) for z in corners[2]] for y in corners[1]] for x in corners[0]])
    array = np.array(value, dtype=float)
    if array.shape != region.shape:
        nx, ny, nz = region.shape
        raise RxDException(
            f"{what} must be a number, a function of x, y, z, or an array the size of the grid: {nx}x{ny}x{nz}, not "
            f"{'x'.join(map(str, array.shape))}."
        )
    return array


def owner_of(value: Any) -> Any:
    """The quantity that a script gives as a property, itself or on its region; None for other forms."""
    if hasattr(value, "regions") and hasattr(value, "settled"):
        return value
    return value.species if hasattr(value, "species") and hasattr(value, "region") else None


def _as_quantity(value: Any, quantity: Any, region: Extracellular, what: str) -> Any:
    if quantity is None:
        from rxd.neuron.rxd.species import State

        return State(**{**value, "regions": [region]})
    if region not in quantity.regions:
        raise RxDException(
            f"{what} may be a State or Parameter, but it must be defined on this region; {quantity.label} is not."
        )
    return quantity


def present(field: Any, region: Extracellular) -> Any:
    """A property now: a number, or an array of the box's shape."""
    return field if owner_of(field) is None else np.array(field.values(region)).reshape(region.shape)


def is_changing(quantity: Any) -> bool:
    """Whether a property of a box, as `owner_of` has it, changes by itself: by reactions, sources or diffusion."""
    from rxd.neuron.rxd.reactions import MultiCompartmentReaction, Rate, Reaction

    if quantity is None or quantity.kind == "Parameter":
        return False
    chemistry = quantity.session.chemistry
    coefficients = [quantity.d_on(region) for region in quantity.regions]
    if any(callable(d) or np.any(d) for d in coefficients) or any(
        flux.species() is quantity for flux in chemistry.living_fluxes()
    ):
        return True
    reactions = chemistry.of((Rate, Reaction, MultiCompartmentReaction))
    changed = (
        symbol
        for reaction in reactions
        for symbol in ([reaction.unknown] if isinstance(reaction, Rate) else [*reaction.lhs, *reaction.rhs])
    )
    return any(owner_of(symbol.quantity()) is quantity for symbol in changed)


def alpha_at(field: Any, region: Extracellular, places: Any) -> Any:
    """Volume fraction: one number where it is the same everywhere, else an array for a list of places (x, y, z)."""
    values = present(field, region)
    if np.ndim(values) == 0:
        return values
    low = np.array([region._xlo, region._ylo, region._zlo])
    ijk = ((np.asarray(places, dtype=float).reshape(-1, 3) - low) / region._dx).astype(int)
    return values[tuple(ijk.T)]
