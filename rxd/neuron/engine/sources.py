"""Sources on nodes that `node.include_flux` has declared.

In: an engine. Out: what they add at the end of every step; with variable steps the steady ones as parameters of its equations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.rxd.constants import molecules_per_mM_um3
from rxd.solve.between_steps import Gains
from rxd.solve.sweep_kernels import sweep_alone
from rxd.solve.team import gathered

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine

__all__ = ["add_varying", "read_steady", "varying"]


def read_steady(engine: Engine) -> Gains:
    """Read the constant sources on segments, mM/ms: with variable steps into parameters of the equations.

    NEURON's fixed steps add them at their end, after reactions: so they are returned.
    """
    totals = {key: np.zeros(engine.layout.segments.n) for key in engine.declared.fluxes}
    gains: dict[int, float] = {}
    for flux in engine.session.chemistry.living_fluxes() if engine.session.chemistry.fluxes else ():
        species, region, table, index = flux.species(), flux.region, flux.table, flux.index
        if not flux.is_steady or species is None:
            continue
        rate = flux.read() / (table.volume[index] * molecules_per_mM_um3())
        if engine.adaptive:
            segment = engine.layout.index[table.records[table.record[index]].id][table.place[index]]
            totals[species.number, region.number][segment] += rate
        elif (positions := engine.places.of_species(species, region)) is not None:
            position = int(positions[index])
            gains[position] = gains.get(position, 0.0) + rate
    for key, parameter in engine.declared.fluxes.items():
        engine.fields.put_parameter(parameter.name, totals[key])
    return Gains(np.array(list(gains), dtype=np.int64), np.array(list(gains.values())))


def add_varying(engine: Engine, dt: float) -> None:
    """Add what sources outside the equations give in a step: read at its end, with h.t still at its start, as in NEURON.

    What they give to voxels diffuses in the step: NEURON's line sweeps take it as they take currents.
    """
    found = [flux for flux in engine.session.chemistry.fluxes if not flux.is_steady]
    gains = engine.gains
    if gains.position.size:
        engine.y[gains.position] += dt * gains.amount
        engine.changed()
    if not found:
        return
    sweeps = None if engine.adaptive else engine.stepper._graphs.sweeps
    source = np.zeros(0 if sweeps is None else len(engine.y))
    for flux in found:
        species = flux.species()
        positions = None if species is None else engine.places.of_species(species, flux.region)
        if positions is None:
            continue
        position = int(positions[flux.index])
        rate = flux.read() / (flux.table.volume[flux.index] * molecules_per_mM_um3())
        if sweeps is not None and np.any((sweeps.species[:, 0] <= position) & (position < sweeps.species[:, :2].sum(axis=1))):
            source[position] += rate
        else:
            engine.y[position] += dt * rate
    if sweeps is not None and source.any():
        engine.y[:] += _swept(sweeps, source, dt)
    engine.changed()
    engine.jumped = True


def _swept(sweeps: Any, source: np.ndarray, dt: float) -> np.ndarray:
    """What a step makes of a source (mM/ms) in voxels where there is nothing else; a step is linear."""
    moved = sweeps.species.copy()
    moved[:, 2] = 1
    gains = []
    for part in (source, np.zeros_like(source)) if len(sweeps.held) else (source,):
        gain, drift = np.zeros_like(source), np.zeros_like(source)
        sweep_alone(gain, dt, part, drift, sweeps._replace(species=moved), gathered(1))
        gains.append(gain)
    return gains[0] - gains[1] if len(sweeps.held) else gains[0]


def varying(engine: Engine) -> bool:
    """Whether there are sources to be added at the end of every fixed step, before recordings."""
    return any(not flux.is_steady for flux in engine.session.chemistry.fluxes)
