"""Model: collects declarations. The only mutable stage; `compile()` reads it once and nobody keeps a reference to it."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import sympy

from cable import Detector, IClamp, NetCon, SEClamp, VClamp
from cable.constants import KELVIN_AT_ZERO_CELSIUS
from geometry import Location, Morphology, Selection, d_lambda
from rxd.declare.ions import Ion, make_ion
from rxd.declare.mechanism import Mechanism, PointMechanism
from rxd.declare.reactions import MultiCompartmentReaction, Rate, Reaction
from rxd.declare.region import Extracellular, Region, as_selection
from rxd.declare.species import Parameter, Quantity, Species, State
from rxd.declare.stimuli import PointProcess
from rxd.declare.symbols import NodeSymbol
from rxd.errors import DeclarationError
from rxd.units import as_number

if TYPE_CHECKING:
    from rxd.simulation import Simulation

CLAMPS = (IClamp, SEClamp, VClamp)
MEMBRANE_SETTINGS: Final = MappingProxyType({"Ra": "ohm cm", "cm": "uF/cm2", "v_init": "mV"})


class Model:
    """Everything declared about one neuron (or forest of neurons).

    Parameters
    ----------
    morphology : geometry.Morphology
    segments : int, dict, callable or rule
        How sections are divided: `geometry.d_lambda` (default 0.1), `geometry.max_length(um)`, a number for all.
    Ra, cm : float
        Axial resistivity (ohm cm) and membrane capacitance (uF/cm2); `set` changes them for a selection.
    celsius : float
        Temperature in degrees Celsius.
    v_init : float
        Initial membrane potential in mV.
    """

    def __init__(
        self,
        morphology: Morphology,
        segments: Any = None,
        Ra: float = 100.0,
        cm: float = 1.0,
        celsius: float = 6.3,
        v_init: float = -65.0,
    ) -> None:
        if not isinstance(morphology, Morphology):
            message = f"Model takes a Morphology (geometry.load('cell.swc')); got {morphology!r}."
            raise DeclarationError(message)
        self.morphology = morphology
        self.segments = d_lambda(0.1) if segments is None else segments
        self.celsius = as_number(celsius, "celsius")
        if self.celsius <= -KELVIN_AT_ZERO_CELSIUS:
            message = f"celsius is the temperature in degrees Celsius and cannot be below absolute zero; got {celsius!r}."
            raise DeclarationError(message)
        self.temperature_apart = False  # True: kernels read what follows from the temperature, see rxd.symbolic.thermal
        self.settings: list[tuple[Selection, dict[str, float]]] = []
        self.regions: list[Region] = []
        self.quantities: list[Quantity] = []
        self.reactions: list[Reaction | MultiCompartmentReaction | Rate] = []
        self.inserted: list[tuple[Mechanism, Selection]] = []
        self.clamps: list[Any] = []
        self.point_processes: list[PointProcess] = []
        self.connections: list[NetCon] = []
        self.detectors: list[Detector] = []
        self.ions: dict[str, Ion] = {}
        self._placed: set[int] = set()
        self.set(morphology.all, Ra=Ra, cm=cm, v_init=v_init)

    def set(self, selection: Selection, **values: float) -> None:
        """Set ``Ra`` (ohm cm), ``cm`` (uF/cm2) or ``v_init`` (mV) for a selection; later calls win."""
        chosen = self._own(as_selection(selection, "Model.set"), "Model.set")
        numbers = {}
        for name, value in values.items():
            if name not in MEMBRANE_SETTINGS:
                message = f"Model.set knows {', '.join(MEMBRANE_SETTINGS)}; got '{name}'."
                raise DeclarationError(message)
            numbers[name] = as_number(value, name, MEMBRANE_SETTINGS[name])
            if numbers[name] <= 0 and name != "v_init":
                message = f"{name} must be positive, in {MEMBRANE_SETTINGS[name]}; got {value!r}."
                raise DeclarationError(message)
        self.settings.append((chosen, numbers))

    def ion(
        self,
        name: str,
        charge: int | None = None,
        inside: float | None = None,
        outside: float | None = None,
        e: float | None = None,
    ) -> None:
        """Set an ion's valence, constant concentrations (mM) and constant reversal potential (mV) for the model."""
        self.ions[name] = make_ion(name, self.ions.get(name), charge=charge, inside=inside, outside=outside, e=e)

    def insert(self, mechanism: Mechanism, on: Selection) -> None:
        """Insert a density mechanism in the sections of a selection.

        Raises
        ------
        DeclarationError
            If a mechanism of that name is already in one of the sections.
        """
        if not isinstance(mechanism, Mechanism):
            message = f"insert takes a mechanism such as rxd.library.hh(); got {mechanism!r}."
            if isinstance(mechanism, PointMechanism):
                place = f"model.add(rxd.PointProcess({mechanism.name}, cell.soma(0.5)))"
                message = f"'{mechanism.name}' sits at one place: {place}."
            raise DeclarationError(message)
        chosen = self._own(as_selection(on, f"insert('{mechanism.name}')"), f"insert('{mechanism.name}')")
        for other, where in self.inserted:
            overlap = set(where.sections) & set(chosen.sections)
            if other.name == mechanism.name and overlap:
                section = self.morphology.names[min(overlap)]
                message = (
                    f"Mechanism '{mechanism.name}' is already inserted in {section}. Insert it once, or rename one (name=...)."
                )
                raise DeclarationError(message)
        self.inserted.append((mechanism, chosen))

    def add(self, *things: Any) -> Any:
        """Add declarations; each brings in the species, states, parameters and regions it refers to.

        Accepts species, states, parameters, regions, reactions, rates, clamps, point processes and connections, or
        sequences of them. Returns the thing added (a tuple for several).
        """
        for thing in things:
            self._add(thing)
        return things[0] if len(things) == 1 else things

    def compile(self, method: str = "coupled", **options: Any) -> Simulation:
        """Compile the model: see `rxd.simulation.compile_model` for the stages and options."""
        from rxd.simulation import compile_model

        return compile_model(self, method=method, **options)

    def _add(self, thing: Any) -> None:
        if isinstance(thing, Region):
            self._add_region(thing)
        elif isinstance(thing, Quantity):
            self._add_quantity(thing)
        elif isinstance(thing, (Reaction, MultiCompartmentReaction, Rate)):
            self._add_reaction(thing)
        elif isinstance(thing, PointProcess):
            self._own_location(thing.location, repr(thing))
            self._append_once(self.point_processes, thing)
        elif isinstance(thing, CLAMPS):
            self._own_location(thing.location, type(thing).__name__)
            self._append_once(self.clamps, thing)
        elif isinstance(thing, NetCon):
            self._add_connection(thing)
        elif isinstance(thing, Detector):
            self._own_location(thing.location, "Detector")
            self._append_once(self.detectors, thing)
        elif isinstance(thing, PointMechanism):
            message = f"Say where '{thing.name}' goes: model.add(rxd.PointProcess({thing.name}, cell.soma(0.5)))."
            raise DeclarationError(message)
        elif isinstance(thing, Mechanism):
            message = f"Say where '{thing.name}' goes: model.insert(mechanism, on=cell.soma)."
            raise DeclarationError(message)
        elif isinstance(thing, Iterable) and not isinstance(thing, (str, bytes, sympy.Basic)):
            for item in thing:
                self._add(item)
        else:
            message = f"A model takes species, reactions, clamps, point processes, connections ...; got {thing!r}."
            raise DeclarationError(message)

    def _add_region(self, region: Region) -> None:
        if region in self.regions:
            return
        if not isinstance(region, Extracellular):
            self._own(region.selection, f"Region '{region.name}'")
        if any(other.name == region.name for other in self.regions):
            message = f"Another region is already called '{region.name}'. Names label results: give this one its own."
            raise DeclarationError(message)
        self.regions.append(region)

    def _add_quantity(self, quantity: Quantity) -> None:
        if quantity in self.quantities:
            return
        if any(other.name == quantity.name for other in self.quantities):
            message = (
                f"Another species, state or parameter is already called '{quantity.name}'. Names label results: rename one."
            )
            raise DeclarationError(message)
        for region in quantity.regions:
            self._add_region(region)
        self.quantities.append(quantity)

    def _add_reaction(self, reaction: Reaction | MultiCompartmentReaction | Rate) -> None:
        if reaction in self.reactions:
            return
        if isinstance(reaction, Rate):
            symbols = {reaction.unknown} | reaction.expression.free_symbols
        else:
            symbols = {*reaction.lhs, *reaction.rhs} | reaction.kf.free_symbols | reaction.kb.free_symbols
        for symbol in sorted((s for s in symbols if isinstance(s, NodeSymbol)), key=lambda s: s.name):
            self._add_quantity(symbol.owner)
        if isinstance(reaction, MultiCompartmentReaction):
            self._add_region(reaction.membrane)
        self.reactions.append(reaction)

    def _add_connection(self, connection: NetCon) -> None:
        if not isinstance(connection.target, PointProcess):
            message = f"NetCon's target is a rxd.PointProcess (a synapse); got {connection.target!r}."
            raise DeclarationError(message)
        if not connection.target.mechanism.on_event:
            message = (
                f"'{connection.target.mechanism.name}' takes no events; connect to a synapse such as rxd.library.exp_syn()."
            )
            raise DeclarationError(message)
        if connection.detector is not None:
            self._own_location(connection.detector.location, "source of NetCon")
        self._add(connection.target)
        self._append_once(self.connections, connection)

    def _own(self, selection: Selection, what: str) -> Selection:
        if selection.morphology is not self.morphology:
            message = (
                f"{what}: its sections belong to another morphology than the model's. "
                f"Select from the cell the model was made with."
            )
            raise DeclarationError(message)
        return selection

    def _own_location(self, location: Location, what: str) -> None:
        if location.section.morphology is not self.morphology:
            message = f"{what}: {location!r} is on another morphology than the model's."
            raise DeclarationError(message)

    def _append_once(self, items: list[Any], thing: Any) -> None:
        if id(thing) not in self._placed:  # which the lists keep alive; a network has thousands
            self._placed.add(id(thing))
            items.append(thing)

    def __repr__(self) -> str:
        species = sum(isinstance(q, Species) for q in self.quantities)
        states = sum(isinstance(q, State) for q in self.quantities)
        parameters = sum(isinstance(q, Parameter) for q in self.quantities)
        return (
            f"Model({len(self.morphology.names)} sections; {len(self.regions)} regions, {species} species, {states} states, "
            f"{parameters} parameters, {len(self.reactions)} reactions, {len(self.inserted)} mechanisms inserted, "
            f"{len(self.clamps)} clamps, {len(self.point_processes)} point processes, {len(self.connections)} connections)"
        )
