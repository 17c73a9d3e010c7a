"""One group of sections (or point processes): every equation in the group's own symbols."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy.core.relational import Relational
from sympy.core.symbol import Str

from cable.constants import FARADAY, GAS_CONSTANT, KELVIN_AT_ZERO_CELSIUS, MOLECULES_PER_MM_UM3, thermal_voltage
from rxd.declare.functions import ion_total
from rxd.declare.mechanism import Current, Gate, Mechanism, PointMechanism
from rxd.declare.region import Extracellular
from rxd.declare.species import Parameter, Species, State
from rxd.declare.symbols import IonSymbol, NodeSymbol, PassSymbol, celsius
from rxd.errors import DeclarationError, RxdWarning
from rxd.symbolic.exponents import whole_exponentials
from rxd.symbolic.placement import Place
from rxd.symbolic.quotients import cleared_quotients
from rxd.symbolic.system import VOLTAGE, AffineGate, ElectricProcess, Field, LocalSystem, Space
from rxd.symbolic.tables import Tables
from rxd.symbolic.thermal import with_temperature_apart

# mA/cm2 per (molecules/um2/ms) of elementary charges: i = F sum(z n) J.
DENSITY_PER_FLUX = FARADAY / (1e4 * MOLECULES_PER_MM_UM3)


def thermal_voltage_of_celsius() -> sympy.Expr:
    """RT / F in mV, of the temperature as a symbol; SymPy's first sum loads its tensors, which most scripts never need."""
    return 1e3 * GAS_CONSTANT / FARADAY * (celsius + KELVIN_AT_ZERO_CELSIUS)


@dataclass
class Draft:
    """A group in the making."""

    tables: Tables
    sections: tuple[int, ...]
    space: Space = "segments"
    unknowns: list[str] = field(default_factory=lambda: [VOLTAGE])
    fields: dict[Any, Field] = field(default_factory=dict)
    rates: dict[str, sympy.Expr] = field(default_factory=dict)
    processes: list[ElectricProcess] = field(default_factory=list)
    initials: list[tuple[str, sympy.Expr]] = field(default_factory=list)
    assigned: list[tuple[str, sympy.Expr]] = field(default_factory=list)
    carried: list[tuple[str, str, sympy.Expr]] = field(default_factory=list)
    written: dict[tuple[str, str], tuple[str, sympy.Expr]] = field(default_factory=dict)
    instead: dict[tuple[str, str], sympy.Symbol] = field(default_factory=dict)
    """Species that count in place of states that are concentrations, by mechanism and name, where these species are."""
    totals: dict[sympy.Symbol, str] = field(default_factory=dict)

    def unknown(self, label: str) -> sympy.Symbol:
        """Symbol of an unknown, which becomes one of the group's."""
        if label not in self.unknowns:
            self.unknowns.append(label)
        return self.tables.symbol(label)

    def field(self, name: str, kind: Any, *args: Any) -> sympy.Symbol:
        """A number per node; asking twice gives the same symbol."""
        key = (kind, args)
        if key not in self.fields:
            taken = {f.name for f in self.fields.values()} | {t["name"] for t in self.tables.templates.values()}
            unique, number = name, 2
            while unique in taken:
                unique, number = f"{name}_{number}", number + 1
            self.fields[key] = Field(unique, kind, args)
        return self.fields[key].symbol

    def over_volume(self, name: str, kind: Any, *args: Any) -> sympy.Expr:
        """A field over the volume of a region, the last of its arguments, as that is now."""
        found = self.field(name, kind, *args)
        region = next(region for region in self.tables.model.regions if region.name == args[-1])
        fraction = getattr(region, "fraction", None)
        return found if fraction is None else found / self.quantity(fraction)

    def add_rate(self, label: str, rate: sympy.Expr) -> None:
        """Add a term to the chemistry of an unknown."""
        self.rates[label] = self.rates.get(label, sympy.Integer(0)) + rate

    def quantity(self, symbol: NodeSymbol) -> sympy.Symbol:
        """A species, state or parameter in the group's symbols."""
        if isinstance(symbol.owner, Parameter):
            return self.field(symbol.name.replace("[", "_").rstrip("]"), "parameter", symbol.name)
        return self.unknown(symbol.name)

    def translate(self, expression: sympy.Expr, defaults: Any = ()) -> sympy.Expr:
        """Model symbols -> the group's symbols; ions and temperature resolved."""
        if self.tables.model.temperature_apart:
            expression = self.thermal(expression)
        ties: dict[Any, Any] = {}
        for symbol in expression.free_symbols:
            if isinstance(symbol, NodeSymbol):
                ties[symbol] = self.quantity(symbol)
            elif isinstance(symbol, IonSymbol):
                ties[symbol] = self.ion(symbol, defaults)
            elif isinstance(symbol, PassSymbol):
                ties[symbol] = self.field(symbol.name, "pass", symbol.number)
            elif symbol == celsius:
                ties[symbol] = self.tables.numbers[celsius]
            elif symbol.name == VOLTAGE:
                ties[symbol] = self.tables.symbol(VOLTAGE)
        return cleared_quotients(whole_exponentials(expression.xreplace(ties) if ties else expression))

    def thermal(self, expression: sympy.Expr) -> sympy.Expr:
        """An expression of the temperature: its number, or fields in place of numbers that follow from the temperature."""
        model = self.tables.model
        if not model.temperature_apart:
            return expression.xreplace({celsius: self.tables.numbers[celsius]})
        return with_temperature_apart(expression, model.celsius, lambda part: self.field("thermal", "thermal", part))

    def ion(self, symbol: IonSymbol, defaults: Any) -> sympy.Expr:
        """Concentration or reversal potential of an ion: Nernst as soon as one side is a species or parameter."""
        if (symbol.ion, symbol.what) in self.written:
            return self.written[symbol.ion, symbol.what][1]
        if symbol.what == "current":
            total = sympy.Symbol(f"i{symbol.ion}_total", real=True)
            self.totals[total] = symbol.ion
            return total
        if symbol.what != "e":
            return self.ion_concentration(symbol.ion, symbol.what, defaults)
        sides = [self.written.get((symbol.ion, side)) or self.ion_symbol(symbol.ion, side) for side in ("i", "o")]
        ion = self.tables.ion(symbol.ion, defaults)
        if sides == [None, None] or ion.charge == 0:
            if ion.e is None:
                ratio = float(sympy.log(ion.outside / ion.inside))
                if self.tables.model.temperature_apart:
                    return self.thermal(thermal_voltage_of_celsius() * ratio / ion.charge)
                value = thermal_voltage(self.tables.model.celsius) / ion.charge * ratio
            else:
                value = ion.e
            self.tables.values["constant", "e", symbol.ion, value] = value
            return self.field(f"e_{symbol.ion}", "constant", "e", symbol.ion, value)
        inside, outside = (self.ion_concentration(symbol.ion, side, defaults) for side in ("i", "o"))
        if self.tables.model.temperature_apart:
            return self.thermal(thermal_voltage_of_celsius() / ion.charge) * sympy.log(outside / inside)
        return sympy.Float(thermal_voltage(self.tables.model.celsius) / ion.charge) * sympy.log(outside / inside)

    def ion_symbol(self, ion: str, side: str) -> NodeSymbol | None:
        """The species or parameter that is an ion here; a point process shares that of its segment, but none in voxels."""
        if self.space == "box":
            return None
        return self.tables.ion_symbol(ion, side, self.sections, self.space in ("voxels", "surface"))

    def ion_concentration(self, name: str, side: str, defaults: Any) -> sympy.Expr:
        """The species or parameter that holds an ion on one side, else its constant concentration in mM."""
        if (name, side) in self.written:
            return self.written[name, side][1]
        symbol = self.ion_symbol(name, side)
        if symbol is not None:
            return self.quantity(symbol)
        ion = self.tables.ion(name, defaults)
        value = ion.inside if side == "i" else ion.outside
        self.tables.values["constant", side, name, value] = value
        return self.field(f"{name}_{side}", "constant", side, name, value)

    def finish(self, name: str, points: tuple[int, ...] = (), region: str | None = None) -> LocalSystem:
        """The frozen group."""
        self._resolve_totals()
        self._start_from_written()
        return LocalSystem(
            name=name,
            space=self.space,
            sections=() if self.space in ("points", "box") else self.sections,
            points=points,
            region=region,
            scattered=self.space != "segments" or any(self.tables.templates[label].get("box") for label in self.unknowns),
            unknowns=tuple(self.unknowns),
            symbols=tuple(self.tables.symbol(label) for label in self.unknowns),
            fields=tuple(self.fields.values()),
            rates=tuple((label, rate) for label, rate in self.rates.items() if rate != 0),
            gates=affine_gates(self),
            processes=tuple(self.processes),
            initials=tuple(self.initials),
            assigned=tuple(self.assigned),
            carried=tuple(self.carried),
        )

    def _start_from_written(self) -> None:
        """A gate that starts from what another mechanism writes starts from how that one starts."""
        starts = {self.tables.symbol(label): value for label, value in self.initials}
        if self.written:
            self.initials = [(label, value.xreplace(starts)) for label, value in self.initials]

    def _resolve_totals(self) -> None:
        """Put the sum of its currents where the total current of an ion is read."""
        sums = {}
        for total, ion in self.totals.items():
            own = [p.expression for p in self.processes if p.ion == ion and p.unit == "mA/cm2"]
            own += [density for _, carrier, density in self.carried if carrier == ion]
            sums[total] = ion_total(sympy.Add(*own), Str(ion))
        if sums:
            self.rates = {label: rate.xreplace(sums) for label, rate in self.rates.items()}
            self.assigned = [(label, value.xreplace(sums)) for label, value in self.assigned]


def build_group(
    tables: Tables,
    name: str,
    space: Space,
    sections: tuple[int, ...],
    present: tuple[NodeSymbol, ...],
    places: list[Place],
    inserted: tuple[int, ...],
    region: str | None = None,
) -> LocalSystem:
    """Equations of the nodes that share these quantities, reactions and mechanisms."""
    draft = Draft(tables, sections, space)
    for symbol in present:
        if not isinstance(symbol.owner, Parameter):
            draft.unknown(symbol.name)
    for placement in inserted:
        note_writes(draft, tables.inserted[placement][0], placement)
    for placement in inserted:
        add_mechanism(draft, tables.inserted[placement][0], placement)
    for place in places:
        add_place(draft, place)
    return draft.finish(name, region=region)


def add_place(draft: Draft, place: Place) -> None:
    """A reaction: chemistry, or an electric process if its charge is a membrane current.

    Raises
    ------
    DeclarationError
        For a rate in extracellular space that reads what no voxel has, or changes what several nodes share.
    """
    _check_box(draft, place)
    rate = draft.translate(place.rate)
    if place.membrane is None:
        for symbol, number in place.net:
            draft.quantity(symbol)
            draft.add_rate(symbol.name, number * rate)
        return
    effects: list[tuple[str, sympy.Expr]] = []
    for symbol, number in place.net:
        assert symbol.region is not None
        if not isinstance(symbol.owner, Species) and not (isinstance(symbol.owner, State) and symbol.region.is_membrane):
            message = (
                f"The {place.label}: '{symbol.name}' is a {symbol.owner.kind}, not a species; only species cross a membrane, "
                "and states change on it if their region is one."
            )
            raise DeclarationError(message)
        draft.unknown(symbol.name)
        region = symbol.region.name
        effects.append(
            (
                symbol.name,
                number * draft.over_volume(f"flux_{place.membrane.name}_{region}", "flux", place.membrane.name, region),
            )
        )
    carried = [
        (ion, sympy.Float(charge * DENSITY_PER_FLUX) * _area_ratio(draft, place.membrane)) for ion, charge in place.charges
    ]
    draft.carried += [(place.label, ion, factor * rate) for ion, factor in carried]
    # What several nodes share (a box voxel), or v, cannot be part of one node's implicit solve: such a rate is a process.
    if not place.charge_out and draft.space != "surface" and not place.boxes:
        for label, factor in effects:
            draft.add_rate(label, factor * rate)
        return
    if place.charge_out:
        per_capacitance = draft.field("per_capacitance", "capacitance")
        charge = sympy.Float(place.charge_out * DENSITY_PER_FLUX) * _area_ratio(draft, place.membrane)
        effects.append((VOLTAGE, -charge * per_capacitance))
    draft.processes.append(ElectricProcess(place.label, rate, tuple(effects), "molecules/um2/ms"))


def _area_ratio(draft: Draft, membrane: Any) -> sympy.Symbol:
    """Area of a membrane per area of the segment, of which currents are densities."""
    return draft.field(f"area_ratio_{membrane.name}", "area_ratio", membrane.name)


def _check_box(draft: Draft, place: Place) -> None:
    """Refuse rates between a box and cells without a membrane: a voxel of the box meets no segment, or many."""
    if place.membrane is not None:
        return
    if draft.space == "box":
        read = sorted(s.name for s in place.rate.free_symbols if s.name == VOLTAGE or isinstance(s, IonSymbol))
        if read:
            message = (
                f"The {place.label} happens in extracellular space, which has no membrane: '{read[0]}' means nothing there. "
                f"Use the box's own species, or a MultiCompartmentReaction with membrane=."
            )
            raise DeclarationError(message)
    elif any(isinstance(symbol.region, Extracellular) for symbol, _ in place.net):
        names = " and ".join(sorted(region.name for region in place.regions))
        message = (
            f"The {place.label} reads or changes {names}, which only a membrane connects. "
            f"Use a MultiCompartmentReaction with membrane=."
        )
        raise DeclarationError(message)


def note_writes(draft: Draft, mechanism: Mechanism, placement: int, told: bool = False) -> None:
    """Concentrations and reversal potentials that a mechanism determines; ``told``: warned about before.

    Raises
    ------
    DeclarationError
        If another mechanism writes the same.
    """
    writes = mechanism.writes
    if draft.space == "surface":  # what states there are stays with the segment; a parameter counts for its membrane everywhere
        writes = {key: value for key, value in writes.items() if key[1] == "e" and str(value) in mechanism.parameters}
    if not writes:
        return
    renames = _symbols_of(draft, mechanism, mechanism.name, _mechanism_field(draft, mechanism, placement))
    for (ion, what), value in writes.items():
        other = draft.written.get((ion, what))
        place = draft.tables.model.morphology.names[draft.sections[0]]
        name = f"e{ion}" if what == "e" else f"{ion}{what}"
        if other is not None:
            message = f"Mechanisms '{other[0]}' and '{mechanism.name}' both write {name} in {place}. Leave one of them out."
            raise DeclarationError(message)
        symbol = None if what == "e" else draft.ion_symbol(ion, what)
        if symbol is None:
            draft.written[ion, what] = (mechanism.name, _translated(draft, value, renames, mechanism))
            continue
        if str(value) == name:  # the concentration itself; a state of another name that it is set to goes its own way
            draft.instead[mechanism.name, name] = draft.quantity(symbol)
        if not told:
            message = (
                f"{name} in {place} is written by mechanism '{mechanism.name}' and is the species {symbol.name}, too. The "
                f"species counts, and what '{mechanism.name}' writes is left alone. Leave one of them out."
            )
            warnings.warn(message, RxdWarning, stacklevel=2)


def _mechanism_field(draft: Draft, mechanism: Mechanism, placement: int) -> Any:
    return lambda p: draft.field(f"{p}_{mechanism.name}", "mechanism", placement, p)


def add_mechanism(draft: Draft, mechanism: Mechanism, placement: int) -> None:
    """Gates and current densities of a density mechanism.

    A current that reads or carries an ion whose concentration is in voxels here acts at the membrane voxels, each with its own
    concentration and its share of the segment's membrane; gates stay with the segment.
    """
    renames = _rename(draft, mechanism, mechanism.name, _mechanism_field(draft, mechanism, placement))
    for current in mechanism.currents:
        if (draft.space == "surface") != is_surface_current(draft.tables, current, draft.sections):
            continue
        per_capacitance = draft.field("per_capacitance", "capacitance")
        density = _translated(draft, current.density, renames, mechanism)
        share = draft.field("membrane_share", "share") if draft.space == "surface" else sympy.Integer(1)
        effects = [(VOLTAGE, -per_capacitance * share)]
        if current.ion is not None:
            _warn_without_charge(draft, mechanism, current)
            charge = draft.tables.ion(current.ion, mechanism.ions.items()).charge
            effects += _moved_by(draft, current.ion, charge, "current")
        draft.processes.append(
            ElectricProcess(f"{mechanism.name}.{current.name}", density, tuple(effects), "mA/cm2", current.ion)
        )


def _moved_by(draft: Draft, ion: str, charge: int, kind: str) -> list[tuple[str, sympy.Expr]]:
    """What a current of an ion does to its species inside and outside."""
    effects = []
    for side, sign in (("i", -1), ("o", 1)) if charge else ():
        symbol = draft.ion_symbol(ion, side)
        if symbol is not None and isinstance(symbol.owner, Species):
            assert symbol.region is not None
            per_current = draft.over_volume(f"{kind}_{symbol.region.name}", kind, symbol.region.name)
            draft.unknown(symbol.name)
            effects.append((symbol.name, sympy.Rational(sign, charge) * per_current))
    return effects


def _warn_without_charge(draft: Draft, mechanism: Mechanism, current: Current) -> None:
    """A species that has the ion's name and side but no charge stays untouched: say so (a rate constant k is no potassium)."""
    section = draft.sections[0]
    for symbol, where in draft.tables.presence.items():
        side = symbol.region.side if symbol.region is not None else None
        if not isinstance(symbol.owner, Species) or symbol.owner.charge or not side or section not in where:
            continue
        if symbol.owner.name == current.ion:
            message = (
                f"Current '{mechanism.name}.{current.name}' carries '{current.ion}', but species {symbol.name} has charge 0 "
                f"and is left alone by it. Give the species its charge=, or another name if it is not the ion."
            )
            warnings.warn(message, RxdWarning, stacklevel=2)


def build_point_group(
    tables: Tables, name: str, prefix: str, mechanism: PointMechanism, points: tuple[int, ...], writers: tuple[int, ...] = ()
) -> LocalSystem:
    """Equations of the point processes of one mechanism; their nodes share the segment's v and ions.

    ``writers``: insertions in these segments that write concentrations or reversal potentials.
    """
    process = tables.model.point_processes[points[0]]
    draft = Draft(tables, (int(process.location.section.index),), "points")
    for gate in mechanism.gates:
        label = f"{prefix}.{gate.symbol.name}"
        tables.template(label, kind="gate", points=points)
    for placement in writers:
        note_writes(draft, tables.inserted[placement][0], placement, told=True)
    renames = _rename(draft, mechanism, prefix, lambda p: draft.field(f"{p}_{prefix}", "point", p))
    per_capacitance = draft.field("per_capacitance", "membrane")
    for current in mechanism.currents:
        _refuse_point_ion(tables, mechanism, current, points)
        effects = [(VOLTAGE, -per_capacitance)]
        density = _translated(draft, current.density, renames, mechanism)
        if current.ion is not None:
            charge = draft.tables.ion(current.ion, mechanism.ions.items()).charge
            effects += _moved_by(draft, current.ion, charge, "point_current")
        draft.processes.append(ElectricProcess(f"{prefix}.{current.name}", density, tuple(effects), "nA", current.ion))
    if draft.totals:
        ion = next(iter(draft.totals.values()))
        message = f"Point mechanism '{mechanism.name}' reads the total current of '{ion}', which only density mechanisms can."
        raise DeclarationError(message)
    return draft.finish(name, points)


def _refuse_point_ion(tables: Tables, mechanism: PointMechanism, current: Current, points: tuple[int, ...]) -> None:
    """A point current of an ion whose concentration is in voxels at the place would have to change some of them."""
    for point in points if current.ion else ():
        section = int(tables.model.point_processes[point].location.section.index)
        for symbol, where in tables.voxel_presence.items():
            charged = bool(getattr(symbol.owner, "charge", 0)) and not isinstance(symbol.region, Extracellular)
            if symbol.owner.name == current.ion and charged and section in where:
                place = tables.model.morphology.names[section]
                message = (
                    f"Point mechanism '{mechanism.name}': its current '{current.name}' carries '{current.ion}', which is the "
                    f"species {symbol.name} in voxels in {place}, which point currents do not change. Declare the current "
                    f"without ion=, and the influx as a rxd.MultiCompartmentReaction, or use a density mechanism."
                )
                raise DeclarationError(message)


def _rename(draft: Draft, mechanism: Mechanism | PointMechanism, prefix: str, make_field: Any) -> dict[str, sympy.Expr]:
    """Symbols of a mechanism by name; adds its gates with their rates and initial values."""
    renames = _symbols_of(draft, mechanism, prefix, make_field)
    if draft.space == "surface":
        return renames
    written = {key for key, (name, _) in draft.written.items() if name == mechanism.name and draft.space == "segments"}
    instead = {name: species for (owner, name), species in draft.instead.items() if owner == mechanism.name}
    seen = renames | instead
    for gate in mechanism.gates:
        _refuse_voxel_gate(draft, mechanism, gate)
        own = gate.symbol.name
        draft.add_rate(f"{prefix}.{own}", _translated(draft, gate.rate, seen | {own: renames[own]}, mechanism))
    # what it writes itself starts from what is there without it
    hidden = {key: draft.written.pop(key) for key in written}
    for gate in mechanism.gates:
        draft.initials.append((f"{prefix}.{gate.symbol.name}", _translated(draft, gate.initial, renames, mechanism)))
    draft.written.update(hidden)
    for name, value in mechanism.assigned.items():
        draft.assigned.append((f"{prefix}.{name}", _translated(draft, value, seen, mechanism)))
    return seen


def _symbols_of(draft: Draft, mechanism: Mechanism | PointMechanism, prefix: str, make_field: Any) -> dict[str, sympy.Expr]:
    """Symbols of a mechanism's parameters and gates, by name."""
    renames: dict[str, sympy.Expr] = {name: make_field(name) for name in mechanism.parameters}
    for gate in mechanism.gates:
        renames[gate.symbol.name] = draft.unknown(f"{prefix}.{gate.symbol.name}")
    return renames


def _translated(draft: Draft, value: Any, renames: dict[str, sympy.Expr], mechanism: Mechanism | PointMechanism) -> sympy.Expr:
    expression = draft.tables.named(value)
    ties = {s: renames[s.name] for s in expression.free_symbols if s.name in renames and not isinstance(s, IonSymbol)}
    return draft.translate(expression.xreplace(ties), mechanism.ions.items())


def is_surface_current(tables: Tables, current: Current, sections: tuple[int, ...]) -> bool:
    """True if a current reads or carries an ion whose species is in voxels in these sections."""
    return any(_is_voxel_ion(tables, name, sections) for name in _ions_of(current))


def surface_sections(tables: Tables, mechanism: Mechanism) -> frozenset[int]:
    """Sections in which a mechanism has to do with an ion whose species is in voxels: its currents, or a reversal potential."""
    names = {name for current in mechanism.currents for name in _ions_of(current)}
    names |= {ion for ion, what in mechanism.writes if what == "e"}
    found = [
        where
        for symbol, where in tables.voxel_presence.items()
        if symbol.owner.name in names
        and getattr(symbol.owner, "charge", 0) != 0
        and symbol.region is not None
        and symbol.region.side is not None
        and not isinstance(symbol.region, Extracellular)
    ]
    return frozenset().union(*found)


def _ions_of(current: Current) -> set[str]:
    """Ions that a current reads or carries."""
    names = {symbol.ion for symbol in sympy.sympify(current.density).free_symbols if isinstance(symbol, IonSymbol)}
    return names | {current.ion} if current.ion else names


def _is_voxel_ion(tables: Tables, ion: str, sections: tuple[int, ...]) -> bool:
    found = [tables.ion_symbol(ion, side, sections, True) for side in ("i", "o")]
    return any(symbol is not None and not isinstance(symbol.region, Extracellular) for symbol in found)


def _refuse_voxel_gate(draft: Draft, mechanism: Mechanism | PointMechanism, gate: Gate) -> None:
    read = {symbol.ion for symbol in sympy.sympify(gate.rate).free_symbols if isinstance(symbol, IonSymbol)}
    for ion in sorted(read):
        if draft.space == "segments" and _is_voxel_ion(draft.tables, ion, draft.sections):
            section = draft.tables.model.morphology.names[draft.sections[0]]
            message = (
                f"Gate '{gate.symbol}' of '{mechanism.name}' reads '{ion}', which is in voxels in {section}, "
                f"but a gate belongs to a segment. "
                f"Write it as rxd.State on a membrane region with dimension=3, or keep '{ion}' one-dimensional there."
            )
            raise DeclarationError(message)


def affine_gates(draft: Draft) -> tuple[AffineGate, ...]:
    """States whose rate is affine in themselves and otherwise depends on v and fields alone (not on time)."""
    moved = {label for process in draft.processes for label, _ in process.effects}
    allowed = {f.symbol for f in draft.fields.values()} | {draft.tables.symbol(VOLTAGE)}
    gates = []
    for label, rate in draft.rates.items():
        if draft.tables.templates[label]["kind"] == "species" or label in moved:
            continue
        x = draft.tables.symbol(label)
        # Branches of equal slope look affine to the derivative, but a condition on x itself jumps.
        if any(x in condition.free_symbols for condition in rate.atoms(Relational)):
            continue
        slope = sympy.diff(rate, x)
        source = rate.xreplace({x: sympy.Integer(0)})
        if (slope.free_symbols | source.free_symbols) <= allowed and slope != 0:
            gates.append(AffineGate(label, source, -slope))
    return tuple(gates)
