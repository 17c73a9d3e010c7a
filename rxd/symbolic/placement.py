"""Where each reaction acts, with every symbol tied to one region."""

from __future__ import annotations

import sympy

from geometry.records import dataclass
from rxd.declare.reactions import MultiCompartmentReaction, Rate, Reaction, region_of
from rxd.declare.region import Extracellular, Region
from rxd.declare.species import Parameter
from rxd.declare.symbols import IonSymbol, NodeSymbol, PassSymbol, celsius, t, v
from rxd.errors import DeclarationError
from rxd.symbolic.system import Space


@dataclass(frozen=True, slots=True)
class Place:
    """A reaction on the sections where everything it names exists.

    ``net`` maps symbols to whole numbers; ``rate`` multiplies them. ``membrane`` is set for rates per membrane area;
    ``charges`` are the elementary charges leaving the cell per reaction, by species, if they are a membrane current.
    """

    label: str
    sections: frozenset[int]
    net: tuple[tuple[NodeSymbol, int], ...]
    rate: sympy.Expr
    membrane: Region | None = None
    charges: tuple[tuple[str, int], ...] = ()
    regions: tuple[Region, ...] = ()

    @property
    def charge_out(self) -> int:
        """All charges that leave the cell per reaction."""
        return sum(charge for _, charge in self.charges)

    @property
    def boxes(self) -> tuple[Region, ...]:
        """Extracellular regions it touches."""
        return tuple(region for region in self.regions if isinstance(region, Extracellular))

    def by_space(self) -> dict[Space, frozenset[int]]:
        """The sections in which it acts on segments, in voxels, at membrane voxels; in none of them if it acts in a box.

        Raises
        ------
        DeclarationError
            If it mixes regions per segment and regions in voxels in a section.
        """
        solid = [region for region in self.regions if not isinstance(region, Extracellular)]
        if not solid and self.membrane is None:
            return {}
        voxels = [region.voxel_sections for region in solid or (self.membrane,) if region is not None]
        some = self.sections.intersection(frozenset().union(*voxels))
        mixed = some - frozenset.intersection(*voxels)
        if mixed:
            section = min(mixed)
            name = solid[0].selection.morphology.names[section]
            parts = [f"{'3D' if section in region.voxel_sections else '1D'} in {region.name}" for region in solid]
            message = (
                f"The {self.label} mixes 1D and 3D in section {name} ({', '.join(sorted(parts))}). Give these regions the same "
                f"dimension=, or restrict the 3D one to other sections."
            )
            raise DeclarationError(message)
        crosses = self.membrane is not None and (self.membrane.on_cell_surface or bool(self.boxes) or self.charge_out != 0)
        at_surface = crosses or any(region.on_cell_surface for region in solid)
        return {"segments": self.sections - some, "surface" if at_surface else "voxels": some}


def place_reaction(reaction: Reaction) -> list[Place]:
    """One place per region; a reaction of bare species acts on every region that all of them share."""
    symbols = [*reaction.lhs, *reaction.rhs]
    explicit = {symbol.region for symbol in symbols if symbol.region is not None}
    if explicit:
        elsewhere = [symbol.owner.regions for symbol in symbols if not explicit & {symbol.region, *symbol.owner.regions}]
        named = explicit.union(*elsewhere)
        regions = [next(iter(named))] if len(named) == 1 else _refuse_regions(reaction, named)
    else:
        regions = [r for r in symbols[0].owner.regions if all(r in symbol.owner.regions for symbol in symbols)]
    if reaction.regions is not None:
        regions = [region for region in regions if region in reaction.regions]
    if not regions:
        on = "; ".join(f"'{s.owner.name}' is on {', '.join(r.name for r in s.owner.regions)}" for s in symbols)
        wanted = f" and regions=[{', '.join(r.name for r in reaction.regions)}]" if reaction.regions is not None else ""
        message = (
            f"The {reaction.label} has no region where all its species live{wanted}: {on}. "
            f"Add a region to the species, or change regions=."
        )
        raise DeclarationError(message)
    places = []
    for region in regions:
        net = tuple((_tie(symbol, region, reaction.label), number) for symbol, number in reaction.net().items())
        places.append(_place(reaction.label, net, tie_all(reaction.rate(), region, reaction.label), extra=[region]))
    return places


def place_transmembrane(reaction: MultiCompartmentReaction) -> Place:
    """A membrane reaction on the sections that its membrane and all its species share."""
    membrane = reaction.membrane
    net = tuple((symbol.owner[region_of(symbol)], number) for symbol, number in reaction.net().items())
    rate = tie_all(reaction.rate(), membrane, reaction.label)
    charges = tuple(reaction.charges_out().items()) if reaction.membrane_flux else ()
    return _place(reaction.label, net, rate, extra=[membrane], membrane=membrane, charges=charges)


def place_rate(rate: Rate) -> list[Place]:
    """One place per region of the unknown."""
    symbol = rate.unknown
    regions = [symbol.region] if symbol.region is not None else list(symbol.owner.regions)
    if rate.regions is not None:
        missing = [region.name for region in rate.regions if region not in symbol.owner.regions]
        if missing:
            here = ", ".join(region.name for region in symbol.owner.regions)
            message = f"The {rate.label}: '{symbol.owner.name}' is not defined on region '{missing[0]}'. It is on: {here}."
            raise DeclarationError(message)
        regions = [region for region in regions if region in rate.regions]
    tied = [(symbol.owner[region], tie_all(rate.expression, region, rate.label), region) for region in regions]
    return [_place(rate.label, ((unknown, 1),), expression, extra=[region]) for unknown, expression, region in tied]


def tie_all(expression: sympy.Expr, region: Region, label: str) -> sympy.Expr:
    """Replace bare species by their symbol on ``region`` (or on their only region) and refuse unknown symbols."""
    ties = {}
    for symbol in expression.free_symbols:
        if isinstance(symbol, NodeSymbol):
            if symbol.region is None:
                ties[symbol] = _tie(symbol, region, label)
        elif symbol not in (v, t, celsius) and not isinstance(symbol, (IonSymbol, PassSymbol)):
            message = (
                f"The {label}: unknown symbol '{symbol.name}' in the expression. Use species, states and parameters of the "
                f"model, rxd.v, rxd.t, rxd.celsius, rxd.reversal(ion) or rxd.concentration(ion, side); "
                f"declare '{symbol.name}' as rxd.Parameter if it is a number."
            )
            raise DeclarationError(message)
    return expression.xreplace(ties) if ties else expression


def _tie(symbol: NodeSymbol, region: Region, label: str) -> NodeSymbol:
    owner = symbol.owner
    if symbol.region is not None:
        return symbol
    if region in owner.regions:
        return owner[region]
    if len(owner.regions) == 1:
        return owner[owner.regions[0]]
    message = (
        f"The {label} on region '{region.name}': '{owner.name}' lives on {', '.join(r.name for r in owner.regions)}; "
        f"say which one is meant, for example {owner.name}[{owner.regions[0].name}]."
    )
    raise DeclarationError(message)


def _place(
    label: str,
    net: tuple[tuple[NodeSymbol, int], ...],
    rate: sympy.Expr,
    extra: list[Region],
    membrane: Region | None = None,
    charges: tuple[tuple[str, int], ...] = (),
) -> Place:
    symbols = [symbol for symbol, _ in net] + sorted(
        (s for s in rate.free_symbols if isinstance(s, NodeSymbol)), key=lambda s: s.name
    )
    regions = dict.fromkeys([*extra, *(symbol.region for symbol in symbols if symbol.region is not None)])
    tied = dict.fromkeys(s.region for s in symbols if s.region is not None and not isinstance(s.owner, Parameter))
    own = [frozenset(map(int, region.selection.sections)) for region in regions if not isinstance(region, Extracellular)]
    if not own:
        return Place(label, frozenset(), net, rate, membrane, charges, tuple(tied))
    sections = frozenset.intersection(*own)
    if not sections:
        names = ", ".join(sorted(region.name for region in regions))
        message = (
            f"The {label} acts nowhere: its regions ({names}) have no section in common. Give them overlapping selections."
        )
        raise DeclarationError(message)
    return Place(label, sections, net, rate, membrane, charges, tuple(tied))


def _refuse_regions(reaction: Reaction, regions: set[Region]) -> list[Region]:
    names = ", ".join(sorted(region.name for region in regions))
    message = (
        f"The {reaction.label} mixes regions {names}. A reaction happens inside one region; "
        f"use MultiCompartmentReaction with membrane= across a membrane."
    )
    raise DeclarationError(message)
