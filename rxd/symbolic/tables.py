"""Tables: what `build_system` looks up while it places equations: who is where, unique names, numbers behind fields, ions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sympy

from rxd.declare.ions import KNOWN_IONS, Ion, make_ion
from rxd.declare.mechanism import Mechanism
from rxd.declare.region import Extracellular, Region
from rxd.declare.species import Parameter, Quantity, Species, State
from rxd.declare.symbols import NodeSymbol, celsius
from rxd.errors import DeclarationError
from rxd.symbolic.system import VOLTAGE

if TYPE_CHECKING:
    from rxd.model import Model


@dataclass
class Tables:
    """Working tables of one `build_system` call; thrown away with it."""

    model: Model
    presence: dict[NodeSymbol, frozenset[int]] = field(default_factory=dict)
    voxel_presence: dict[NodeSymbol, frozenset[int]] = field(default_factory=dict)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    inserted: list[tuple[Mechanism, frozenset[int]]] = field(default_factory=list)
    values: dict[Any, Any] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    numbers: dict[Any, Any] = field(default_factory=dict)
    shared: dict[Region, tuple[frozenset[int], tuple[int, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model) -> Tables:
        """Everything a model declares, entered once."""
        tables = cls(model, names={"t", "dt"}, numbers={celsius: sympy.Float(model.celsius)})
        tables.template(VOLTAGE, kind="voltage", sections=tuple(range(len(model.morphology.names))))
        for quantity in model.quantities:
            for region in quantity.regions:
                tables._enter_quantity(quantity, region)
        for mechanism, where in model.inserted:
            tables._enter_mechanism(mechanism, frozenset(where.sections.tolist()))
        return tables

    def _enter_quantity(self, quantity: Quantity, region: Region) -> None:
        """Where a quantity is on one of its regions, and its unknown or, for a parameter, its value."""
        symbol = quantity[region]
        is_box = isinstance(region, Extracellular)
        own, numbers = self._sections_of(region)
        self.presence[symbol] = own
        self.voxel_presence[symbol] = own if is_box else region.voxel_sections
        initial = quantity.initial[region] if isinstance(quantity.initial, dict) else quantity.initial
        if isinstance(quantity, Parameter):
            self.values["parameter", symbol.name] = (initial, region.name)
            return
        assert isinstance(quantity, (Species, State))
        self.template(
            symbol.name,
            kind=quantity.kind,
            region=region.name,
            initial=self.usual_concentration(quantity, region.side) if initial is None else initial,
            box=is_box,
            sections=() if is_box else numbers,
            voxel_sections=tuple(sorted(region.voxel_sections)),
            surface=region.on_cell_surface,
            atolscale=quantity.atolscale,
            **(_of_species(quantity, region) if isinstance(quantity, Species) else {}),
        )

    def _sections_of(self, region: Region) -> tuple[frozenset[int], tuple[int, ...]]:
        """Sections with segments of a region, all for a box; quantities of one region share them (a set of 1e5 takes 10 MB)."""
        if region not in self.shared:
            if isinstance(region, Extracellular):
                own = frozenset(range(len(self.model.morphology.names))) - region.without
            else:
                own = frozenset(region.selection.sections.tolist()) - region.voxel_sections
            self.shared[region] = own, tuple(sorted(own))
        return self.shared[region]

    def _enter_mechanism(self, mechanism: Mechanism, where: frozenset[int]) -> None:
        """Gates of an inserted mechanism, which several placements of it share, and the numbers of this placement."""
        placement = len(self.inserted)
        self.inserted.append((mechanism, where))
        for gate in mechanism.gates:
            label = f"{mechanism.name}.{gate.symbol.name}"
            self.template(label, kind="gate")
            template = self.templates[label]
            template["sections"] = tuple(sorted({*template.get("sections", ()), *where}))
        for name, value in mechanism.parameters.items():
            self.values["mechanism", placement, name] = value

    def template(self, label: str, **settings: Any) -> None:
        """Remember an unknown; the identifier in generated code is unique."""
        if label not in self.templates:
            self.templates[label] = {"name": self.unique(label), **settings}

    def unique(self, label: str) -> str:
        """An identifier for a label: ``ca[cyt]`` -> ``ca_cyt``."""
        base = re.sub(r"\W+", "_", label).strip("_")
        name, number = base, 2
        while name in self.names:
            name, number = f"{base}_{number}", number + 1
        self.names.add(name)
        return name

    def symbol(self, label: str) -> sympy.Symbol:
        """Symbol of an unknown in the groups' equations."""
        return sympy.Symbol(self.templates[label]["name"], real=True)

    def number_or_expression(self, value: Any) -> sympy.Expr:
        """A mechanism's expression with the temperature put in."""
        return self.named(value).xreplace({celsius: self.numbers[celsius]})

    def named(self, value: Any) -> sympy.Expr:
        """A mechanism's expression with `rxd.celsius` for what it calls the temperature."""
        expression = sympy.sympify(value)
        return expression.xreplace({s: celsius for s in expression.free_symbols if s.name == celsius.name})

    def ion(self, name: str, defaults: Iterable[tuple[str, float]] = ()) -> Ion:
        """The model's setting of an ion, else what is known of it, with a mechanism's reversal potential as default.

        Raises
        ------
        DeclarationError
            If nobody says what the ion's charge is.
        """
        if name in self.model.ions:
            return self.model.ions[name]
        charge = next((q.charge for q in self.model.quantities if isinstance(q, Species) and q.name == name and q.charge), None)
        ion = KNOWN_IONS.get(name)
        if ion is None:
            ion = make_ion(name, None, charge=1 if charge is None and dict(defaults).get(name) is not None else charge)
        elif charge is not None and charge != ion.charge:
            ion = make_ion(name, ion, charge=charge)
        default = dict(defaults).get(name)
        return ion if default is None else make_ion(name, ion, e=default)

    def usual_concentration(self, quantity: Species | State | Any, side: str | None) -> float:
        """Initial value of a species nobody gave one: an ion's usual concentration on its side, else 0."""
        if not isinstance(quantity, Species) or not quantity.charge or side is None:
            return 0.0
        ion = self.model.ions.get(quantity.name) or KNOWN_IONS.get(quantity.name)
        if ion is None:
            return 0.0
        return ion.inside if side == "i" else ion.outside

    def ion_symbol(self, ion: str, side: str, sections: Iterable[int], in_voxels: bool = False) -> NodeSymbol | None:
        """The charged species (or parameter) named as the ion on the regions of one side that cover ``sections``.

        Of an ion whose charge is 0, which only mechanisms read, any species.

        Raises
        ------
        DeclarationError
            If two regions of that side hold it in the same section.
        """
        first, uncharged = next(iter(sections)), ion in self.model.ions and self.model.ions[ion].charge == 0
        found = [
            symbol
            for symbol, where in (self.voxel_presence if in_voxels else self.presence).items()
            if symbol.owner.name == ion
            and (uncharged or getattr(symbol.owner, "charge", 0) != 0)
            and symbol.region is not None
            and symbol.region.side == side
            and first in where
        ]
        if len(found) > 1:
            names = ", ".join(symbol.name for symbol in found)
            section = self.model.morphology.names[first]
            message = (
                f"Ion '{ion}' has two concentrations with side='{side}' in {section}: {names}. "
                f"Only the region that touches the membrane gets side=."
            )
            raise DeclarationError(message)
        return found[0] if found else None


def _of_species(species: Species, region: Region) -> dict[str, Any]:
    """How a species moves on one of its regions, and its charge."""
    return {
        "diffusion": species.d[region],
        "axes": species.axes[region],
        "boundary": species.boundary.get(region, ()),
        "charge": species.charge,
    }
