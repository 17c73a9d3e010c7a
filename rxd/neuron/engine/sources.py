"""Sources on nodes that `node.include_flux` has declared.

In: an engine. Out: the steady ones as parameters of its equations, the others added step by step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rxd.neuron.rxd.constants import molecules_per_mM_um3

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine

__all__ = ["add_varying", "read_steady", "varying"]


def read_steady(engine: Engine) -> None:
    """Read the sources on nodes into their parameters, mM/ms."""
    if not engine.declared.fluxes:
        return
    totals = {key: np.zeros(engine.layout.segments.n) for key in engine.declared.fluxes}
    for flux in engine.session.chemistry.living_fluxes():
        if not flux.is_steady:
            continue
        species, region, table, index = flux.species(), flux.region, flux.table, flux.index
        if species is None:
            continue
        segment = engine.layout.index[table.records[table.record[index]].id][table.place[index]]
        totals[species.number, region.number][segment] += flux.read() / (table.volume[index] * molecules_per_mM_um3())
    for key, parameter in engine.declared.fluxes.items():
        engine.fields.put_parameter(parameter.name, totals[key])


def add_varying(engine: Engine, dt: float) -> None:
    """Add what sources outside the equations give in a step: read at its end, with h.t still at its start, as in NEURON."""
    found = [flux for flux in engine.session.chemistry.fluxes if not flux.is_steady]
    if not found:
        return
    for flux in found:
        species = flux.species()
        positions = None if species is None else engine.places.of_species(species, flux.region)
        if positions is not None:
            engine.y[positions[flux.index]] += dt * flux.read() / (flux.table.volume[flux.index] * molecules_per_mM_um3())
    engine.changed()
    engine.jumped = True


def varying(engine: Engine) -> bool:
    """Whether there are sources to be added at the end of every fixed step, before recordings."""
    return any(not flux.is_steady for flux in engine.session.chemistry.fluxes)
