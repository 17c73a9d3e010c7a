"""The initial state of an engine: species as declared, gates at rest, synapses closed.

In: a compiled engine and what its session says of time 0. Out: its state at the beginning of a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rxd.neuron.engine.beginnings import Beginnings
from rxd.neuron.engine.declare import is_ion
from rxd.neuron.engine.formulas import Resting, rest

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine

__all__ = ["Initial"]


class Initial:
    """Sets the initial state, gates by functions that give them at rest."""

    def __init__(self, engine: Engine, functions: Resting) -> None:
        self.engine, self.resting, self.beginnings = engine, functions, Beginnings(engine)

    def set(self) -> None:
        """The initial state: species as declared, gates at rest for the present voltage, synapses closed."""
        engine = self.engine
        engine.session.chemistry.initialize()
        for record in engine.layout.records:
            engine.fields.stale.update(record.settle_ions())
        engine.fields.flush()
        for record in engine.layout.records:
            engine.y[engine.readout.positions("v")[engine.layout.index[record.id]]] = record.store["v"]
        for quantity in engine.session.chemistry.quantities:
            for region in quantity.regions:
                positions = engine.places.of_species(quantity, region)
                if positions is not None:
                    engine.y[positions] = quantity._values[region.number]
                    engine.y[engine.places.displayed(quantity, region)] = quantity._values[region.number]
                    engine.exchange.cast_shadows(quantity, region)
                else:
                    engine.exchange.note_species(quantity, region)
        engine.ends.load(at_rest=True)
        if engine.hooks.precede:
            engine.changed()
            engine.hooks.run("before initial", 0.0)
            engine.fields.flush()
        engine.linked.refresh()
        left = self.beginnings.compute()  # INITIAL may read what it left the last time
        self.beginnings.put(left, ions=True)
        engine.fields.flush()
        self._gates()
        self.beginnings.put(left, ions=False)
        engine.synapses.close()
        engine.circuits.initialize()
        engine.state.t = 0.0
        engine.see(0.0)
        engine.seen.begin()
        engine.state.memory.pop("dt", None)  # a run begins as the first one did
        engine.start()
        engine.sources.read()
        engine.changed()

    def _gates(self) -> None:
        """Gates at rest for the present voltage and for ions as NEURON lets INITIAL blocks see them: before rxd sets them."""
        engine = self.engine
        y, numbers = engine.state.y, engine.session.globals
        seen = y.copy()
        for quantity in engine.session.chemistry.quantities:
            for region in (region for region in quantity.regions if is_ion(quantity, region)):
                positions = engine.places.of_species(quantity, region)
                name = f"{quantity.name}{region.nrn_region}0_{quantity.name}_ion"
                if positions is not None and name in numbers:
                    seen[positions] = numbers[name]
        rest(self.resting, engine.groups, seen, y)
