"""`neuron.rxd.export`: the chemistry of one segment as SBML, for simulators of well-mixed reactions.

In: a segment of the session. Out: an SBML text (level 2, version 3): regions are compartments, in litres, species have
concentrations in mM, time is in ms, and v is a constant. What diffuses, and sources, are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import sympy

from rxd.neuron.errors import RxDException
from rxd.neuron.rxd.formula import NodeSymbol, RangeSymbol
from rxd.neuron.rxd.mathml import as_mathml
from rxd.neuron.rxd.reactions import MultiCompartmentReaction, Rate, Reaction
from rxd.neuron.rxd.region import Extracellular

if TYPE_CHECKING:
    from rxd.neuron.cells.sections import Segment

__all__ = ["sbml"]

LITRE_PER_UM3 = 1e-15
UNITS = (("substance", "mole", -3), ("time", "second", -3))


def sbml(segment: Segment, filename: str | None = None, model_name: str | None = None, pretty: bool = True) -> str:
    """The reactions and rates in a segment as SBML.

    Parameters
    ----------
    segment : Segment
    filename : str, optional
        Where to write it, too.
    model_name : str, optional
        The name of the section without it.
    pretty : bool
        Whether it is indented.

    Raises
    ------
    RxDException
        If the model has a MultiCompartmentReaction, a species of it is in voxels there, or a rate has no counterpart in MathML.
    """
    session = segment.sec.record.session
    if session.chemistry.of(MultiCompartmentReaction):
        raise RxDException("Cannot export MultiCompartmentReactions: SBML's reactions are inside one compartment here.")
    root = ET.Element("sbml", xmlns="http://www.sbml.org/sbml/level2/version3", level="2", version="3")
    model = ET.SubElement(root, "model", id=_identifier(model_name or segment.sec.name()))
    model.set("name", model_name or segment.sec.name())
    _units(model)
    writer = _Writer(session, segment)
    writer.write(model)
    if pretty:
        ET.indent(root)
    text = '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
    if filename is not None:
        Path(filename).write_text(text, encoding="utf-8")
    return text


def _units(model: ET.Element) -> None:
    definitions = ET.SubElement(model, "listOfUnitDefinitions")
    for name, kind, scale in UNITS:
        units = ET.SubElement(ET.SubElement(definitions, "unitDefinition", id=name), "listOfUnits")
        ET.SubElement(units, "unit", kind=kind, exponent="1", scale=str(scale))


class _Writer:
    """Puts what is in a segment into a model, and names it."""

    def __init__(self, session: Any, segment: Segment) -> None:
        self.session, self.segment = session, segment
        record = segment.sec.record
        self.regions = [
            region
            for region in dict.fromkeys(region for quantity in session.chemistry.quantities for region in quantity.regions)
            if not isinstance(region, Extracellular) and record in region.records
        ]
        self.names: dict[Any, str] = {}

    def write(self, model: ET.Element) -> None:
        """Add compartments, species, parameters and reactions."""
        compartments = ET.SubElement(model, "listOfCompartments")
        species = ET.SubElement(model, "listOfSpecies")
        parameters = ET.SubElement(model, "listOfParameters")
        reactions = ET.SubElement(model, "listOfReactions")
        for region in self.regions:
            self._name(region, region.label)
        for quantity in self.session.chemistry.quantities:
            for region in (region for region in quantity.regions if region in self.regions):
                self._quantity(quantity, region, species, parameters)
        for region in self.regions:
            size = self._volume(region) * LITRE_PER_UM3
            ET.SubElement(compartments, "compartment", id=self.names[region], name=region.label, size=repr(size))
        self._name("v", "v")
        ET.SubElement(parameters, "parameter", id=self.names["v"], name="v", value=repr(float(self.segment.v)))
        for number, (sides, rate, region, both_ways) in enumerate(self._reactions()):
            self._reaction(reactions, number, sides, rate, region).set("reversible", "true" if both_ways else "false")
        for part in (species, reactions):
            if not len(part):
                model.remove(part)

    def _name(self, key: Any, label: str) -> str:
        plain = name = _identifier(label)
        count = 2
        while name in self.names.values():
            name, count = f"{plain}_{count}", count + 1
        self.names[key] = name
        return name

    def _node(self, quantity: Any, region: Any) -> Any:
        nodes = quantity[region].nodes(self.segment)
        if len(nodes) != 1:
            raise RxDException(f"{quantity.label} is in voxels at {self.segment}: the segment is not one compartment.")
        return nodes[0]

    def _volume(self, region: Any) -> float:
        owner = next(quantity for quantity in self.session.chemistry.quantities if region in quantity.regions)
        return float(self._node(owner, region).volume)

    def _quantity(self, quantity: Any, region: Any, species: ET.Element, parameters: ET.Element) -> None:
        node = self._node(quantity, region)
        name = self._name((quantity, region), f"{quantity.label}_{region.label}")
        if quantity.kind == "Parameter":
            ET.SubElement(parameters, "parameter", id=name, name=quantity.label, value=repr(float(node.value)))
            return
        found = {"id": name, "name": quantity.label, "compartment": self.names[region]}
        ET.SubElement(species, "species", found | {"initialConcentration": repr(float(node.value))})

    def _reactions(self) -> Any:
        """The sides, the rate (mM/ms), the region of every reaction and rate that is there, and whether it may go back."""
        for thing in self.session.chemistry.of((Reaction, Rate)):
            own = self.regions if thing.regions in (None, [None], []) else [r for r in self.regions if r in thing.regions]
            for region in own:
                if not all(self._place(symbol, region) in self.names for symbol in thing.symbols()):
                    continue
                forward, backward = self.session.chemistry.in_force.rates(thing)
                if isinstance(thing, Rate):
                    yield ({}, {thing.unknown: 1}), forward, region, True
                    continue
                if not thing.custom_dynamics:
                    forward = forward * sympy.prod(symbol**n for symbol, n in thing.lhs.items())
                    backward = backward * sympy.prod(symbol**n for symbol, n in thing.rhs.items())
                yield (thing.lhs, thing.rhs), forward - backward, region, backward != 0

    def _place(self, symbol: NodeSymbol, region: Any) -> tuple[Any, Any]:
        return symbol.quantity(), region if symbol.region is None else symbol.region()

    def _reaction(self, into: ET.Element, number: int, sides: Any, rate: sympy.Expr, region: Any) -> ET.Element:
        changed = [{self._place(symbol, region): n for symbol, n in side.items()} for side in sides]
        made = ET.SubElement(into, "reaction", id=self._name(("reaction", number), f"reaction_{number}"))
        for kind, side in zip(("Reactants", "Products"), changed, strict=True):
            listed = {place: n for place, n in side.items() if place[0].kind != "Parameter"}
            references = ET.SubElement(made, f"listOf{kind}") if listed else None
            for place, n in listed.items():
                found = {"species": self.names[place], "stoichiometry": str(n)}
                ET.SubElement(references, "speciesReference", found)  # type: ignore[arg-type]
        names: dict[Any, sympy.Symbol] = {}
        for symbol in rate.free_symbols:
            key = self._place(symbol, region) if isinstance(symbol, NodeSymbol) else "v"
            if not isinstance(symbol, (NodeSymbol, RangeSymbol)):
                raise RxDException(f"{symbol} has no counterpart in SBML.")
            names[symbol] = sympy.Symbol(self.names[key])
        others = {self._place(s, region) for s in rate.free_symbols if isinstance(s, NodeSymbol)} - {*changed[0], *changed[1]}
        modifiers = sorted(self.names[place] for place in others if place[0].kind != "Parameter")
        if modifiers:
            listed_modifiers = ET.SubElement(made, "listOfModifiers")
            for name in modifiers:
                ET.SubElement(listed_modifiers, "modifierSpeciesReference", species=name)
        law = ET.SubElement(ET.SubElement(made, "kineticLaw"), "math")
        law.set("xmlns", "http://www.w3.org/1998/Math/MathML")
        law.append(as_mathml(sympy.Symbol(self.names[region]) * rate.xreplace(names)))
        return made


def _identifier(text: str) -> str:
    """A name SBML allows: letters, digits and underscores, no digit first."""
    plain = re.sub(r"\W", "_", text, flags=re.ASCII)
    return plain if plain[:1].isalpha() or plain[:1] == "_" else f"_{plain}"
