"""Sources on nodes that `node.include_flux` has declared.

In: an engine. Out: what they add at the end of every fixed step; with variable steps their rates in its equations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rxd.neuron.engine.linked import LONGEST
from rxd.neuron.errors import caution
from rxd.solve.between_steps import Gains
from rxd.solve.sweep_kernels import sweep_alone
from rxd.solve.team import gathered

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.space.fluxes import Flux
    from rxd.neuron.vectors.pointers import Pointer

__all__ = ["Sources"]

FAR: Final = 1e-24
"""What a step of line sweeps brings this much less to than to its source is nothing beside round-off."""
FEW: Final = 32
"""So many sources that change have each what they make of a step kept; more are spread together in every step."""


class Sources:
    """The sources on the nodes of an engine.

    Attributes
    ----------
    swept : ndarray of bool
        Which places in the state line sweeps diffuse in a fixed step.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._stale = False
        self._changing = _Changing(())
        self._rates, self.swept = np.zeros(0), np.zeros(0, dtype=bool)
        self._gains: dict[float, Gains] = {}
        self.read()
        if self._changing.reads and engine.adaptive:
            caution(
                "With CVode, functions and pointers given to include_flux are read at the beginning of each internal step, of "
                f"at most {LONGEST} ms. Numbers need no such steps.",
            )

    @property
    def varying(self) -> bool:
        """Whether some have to be read by Python at the end of every fixed step."""
        if self._stale:
            self.read()
        return bool(self._changing.reads)

    def forget(self) -> None:
        """Another source has come; fixed steps look at all of them anew."""
        self._stale = True

    def read(self) -> None:
        """Find the nodes of all sources, and read those that do not change."""
        self._stale = False
        engine, chemistry = self.engine, self.engine.session.chemistry
        self._rates, self.swept = np.zeros(len(engine.y)), np.zeros(len(engine.y), dtype=bool)
        self._gains.clear()
        sweeps = None if engine.adaptive else engine.stepper._graphs.sweeps
        for start, n in () if sweeps is None else sweeps.species[:, :2]:
            self.swept[start : start + n] = True
        places: dict[Any, Any] = {}
        changing: list[tuple[Flux, np.ndarray]] = []
        for flux in chemistry.living_fluxes() if chemistry.fluxes else ():
            key = flux.species(), flux.region
            if key not in places:
                places[key] = engine.places.of_species(*key)
            positions = places[key]
            if positions is None:
                continue
            if flux.constant:
                np.add.at(self._rates, positions[flux.index], flux.read() * flux.rates_of_one())
            else:
                changing.append((flux, positions[flux.index]))
        self._changing = _Changing(changing)
        if engine.adaptive and engine.declared.fluxes:
            self._put(self._present())

    def hold(self) -> None:
        """Let the equations of variable steps have what sources give now."""
        if self.varying:
            self._put(self._present())

    def longest(self, until: float) -> float:
        """How far a variable step may go."""
        return min(until, self.engine.t + LONGEST) if self.varying else until

    def gains(self, dt: float) -> Gains:
        """What the sources that do not change add at the end of a fixed step.

        What goes into voxels diffuses in the step: NEURON's line sweeps take it as they take currents. A step is linear, so it
        is the same every time.
        """
        if self._stale:
            self.read()
        if dt not in self._gains:
            self._gains.clear()  # of the last dt alone
            gain = self.in_a_step(self._rates, dt) if self._rates.any() else self._rates
            where = np.flatnonzero(np.abs(gain) > FAR * np.abs(gain).max(initial=0.0))
            self._gains[dt] = Gains(where, gain[where])
        return self._gains[dt]

    def add(self, dt: float) -> None:
        """Add what all give in a fixed step: read at its end, with h.t still at its start, as in NEURON."""
        gains, engine = self.gains(dt), self.engine
        if gains.position.size:
            engine.y[gains.position] += gains.amount
            engine.changed()
        if self._changing.reads:
            if len(self._changing.reads) <= FEW or not self.swept.any():
                position, amount = self._changing.in_a_step(self, dt)
                np.add.at(engine.y, position, amount)
            else:
                engine.y[:] += self.in_a_step(self._changing.rates(len(engine.y)), dt)
            engine.changed()
            engine.jumped = True

    def _present(self) -> np.ndarray:
        return self._rates + self._changing.rates(len(self._rates))

    def _put(self, rates: np.ndarray) -> None:
        """Write rates (mM/ms, by place in the state) into the parameters of segments, the states of voxels."""
        engine = self.engine
        quantities = {quantity.number: quantity for quantity in engine.session.chemistry.quantities}
        for (number, place), parameter in engine.declared.fluxes.items():
            quantity = quantities.get(number)
            region: Any = None if quantity is None else next(r for r in quantity.regions if r.number == place)
            positions = engine.places.of_species(quantity, region)
            own = engine.places.of_source(quantity, region)
            if own is not None:
                swells = getattr(engine.declared.regions[place], "fraction", None) is not None
                engine.y[own] = rates[positions] * (np.ravel(region.known_fractions) if swells else 1.0)
            else:
                engine.fields.put_parameter(parameter.name, engine.exchange.by_segment(quantity, region, rates[positions]))

    def in_a_step(self, rates: np.ndarray, dt: float) -> np.ndarray:
        """What rates (mM/ms, by place in the state) change in a fixed step."""
        sweeps = self.engine.stepper._graphs.sweeps
        source = np.where(self.swept, rates, 0.0)
        if not source.any():
            return dt * rates
        return np.where(self.swept, 0.0, dt * rates) + _swept(sweeps, source, dt)


class _Changing:
    """The sources that Python reads: a pointer once for all nodes it gives to, a function for each.

    Parameters
    ----------
    sources : sequence of (Flux, ndarray of int)
        With the places in the state that each acts on; one may occur more than once.

    Attributes
    ----------
    reads : list of callable
        What is read.
    """

    __slots__ = ("_positions", "_rates", "_response", "_which", "reads")

    def __init__(self, sources: Sequence[tuple[Flux, np.ndarray]]) -> None:
        self.reads: list[Callable[[], Any]] = []
        which = []
        known: dict[Pointer, int] = {}
        for flux, positions in sources:
            number = len(self.reads)
            if flux.pointer is None:
                self.reads += [flux.read] * len(positions)
                which.append(np.arange(number, len(self.reads)))
                continue
            if known.setdefault(flux.pointer, number) == number:
                self.reads.append(flux.read)
            which.append(np.full(len(positions), known[flux.pointer]))
        nothing = np.zeros(0, dtype=np.int64)
        self._which = np.concatenate([nothing, *which])
        self._positions = np.concatenate([nothing, *(positions for _, positions in sources)])
        self._rates = np.concatenate([np.zeros(0), *(flux.rates_of_one() for flux, _ in sources)])
        self._response: tuple[float, np.ndarray, np.ndarray, np.ndarray] | None = None

    def rates(self, size: int) -> np.ndarray:
        """What they give now, mM/ms, by place in a state of some size."""
        return np.bincount(self._positions, self._now()[self._which] * self._rates, minlength=size)

    def in_a_step(self, sources: Sources, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """What they add at the end of a fixed step: places in the state, which may occur more than once, and how much (mM)."""
        if not sources.swept.any():
            return self._positions, dt * self._now()[self._which] * self._rates
        response = self._response
        if response is None or response[0] != dt:
            of_one = [self._of_one(number, sources, dt) for number in range(len(self.reads))]
            which = np.repeat(np.arange(len(of_one)), [len(where) for where, _ in of_one])
            places, amounts = (np.concatenate(arrays) for arrays in zip(*of_one, strict=True))
            self._response = response = dt, which, places, amounts
        return response[2], self._now()[response[1]] * response[3]

    def _now(self) -> np.ndarray:
        return np.array([float(read()) for read in self.reads])

    def _of_one(self, number: int, sources: Sources, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """What 1 of what one of them reads makes of a step: places and amounts."""
        here = self._which == number
        gain = sources.in_a_step(np.bincount(self._positions[here], self._rates[here], minlength=len(sources.engine.y)), dt)
        where = np.flatnonzero(np.abs(gain) > FAR * np.abs(gain).max(initial=0.0))
        return where, gain[where]


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
