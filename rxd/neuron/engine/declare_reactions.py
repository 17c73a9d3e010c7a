"""Reactions of a session in a model.

In: a session, and the model with its regions, species and parameters. Out: the model with them. Reactions of bare species are
written out region by region, as NEURON means them: on the regions all bare species share.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

import rxd
from rxd.neuron.engine.counts import times_counted, warn_of_wrong_crossing
from rxd.neuron.errors import RxDException, caution
from rxd.neuron.rxd.formula import NodeSymbol, RangeSymbol
from rxd.neuron.rxd.geometry import as_shape
from rxd.neuron.rxd.reactions import MultiCompartmentReaction, Rate, Reaction

if TYPE_CHECKING:
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.session import Session

__all__ = ["declare_reactions"]


def declare_reactions(session: Session, declared: Declared) -> None:
    """Add all reactions whose species are there.

    Raises
    ------
    RxDException
        If a species is not where a reaction needs it.
    """
    for kind, place in ((Reaction, _reaction), (Rate, _rate), (MultiCompartmentReaction, _transmembrane)):
        for reaction in session.chemistry.of(kind):
            if _is_whole(reaction):
                place(declared, reaction)


def _is_whole(reaction: Any) -> bool:
    """Whether all its species are still there; a reaction of a species that is gone is left out, with a warning."""
    for symbol in reaction.symbols():
        if symbol.quantity() is None or (symbol.region is not None and symbol.region() is None):
            caution(
                f"{reaction!r} is left out: {symbol.name} has gone out of scope. Keep a reference to it.",
            )
            return False
    return True


def _candidates(symbols: Iterable[NodeSymbol], wanted: list[Any]) -> list[Any]:
    """The regions a reaction of bare species takes place on: those they share."""
    shared: list[Any] | None = None
    for symbol in symbols:
        if symbol.region is None:
            own = symbol.quantity().regions  # type: ignore[union-attr]
            shared = own if shared is None else [region for region in shared if any(region is other for other in own)]
    found = [] if shared is None else shared
    return [region for region in found if not wanted or any(region is other for other in wanted)]


def _translate(declared: Declared, expression: Any, region: Any) -> Any:
    """An expression in the model's symbols, bare species on `region`.

    Raises
    ------
    RxDException
        If a species is not there.
    """
    ties: dict[Any, Any] = {}
    for symbol in expression.free_symbols:
        if isinstance(symbol, NodeSymbol):
            ties[symbol] = _theirs(declared, symbol, region)
        elif isinstance(symbol, RangeSymbol):
            ties[symbol] = rxd.v
    return expression.xreplace(ties) if ties else expression


def _theirs(declared: Declared, symbol: NodeSymbol, region: Any) -> Any:
    quantity = symbol.quantity()
    assert quantity is not None
    where: Any = region if symbol.region is None else symbol.region()
    if symbol.region is None and (where is None or not quantity.defined_on_region(where)):
        if len(quantity.regions) != 1:
            raise RxDException(f"Say on which region {quantity.label} is meant, as in {quantity.label}[region].")
        where = quantity.regions[0]
    found = declared.symbols.get((quantity.number, where.number))
    if found is None:
        raise RxDException(f"{quantity.label} is not on {where.label}, or that region has no sections.")
    return found


def _is_there(declared: Declared, symbols: Iterable[NodeSymbol], region: Any) -> bool:
    """Whether all species of a reaction are somewhere: nothing happens on a region without sections."""
    for symbol in symbols:
        where = region if symbol.region is None else symbol.region()
        if where is not None and where.number not in declared.regions:
            return False
    return True


def _side(declared: Declared, side: dict[NodeSymbol, int], region: Any) -> Any:
    total = sympy.Integer(0)
    for symbol, number in side.items():
        total += number * _theirs(declared, symbol, region)
    return total


def _reaction(declared: Declared, reaction: Reaction) -> None:
    symbols = reaction.symbols()
    for region in _where_it_is(reaction, symbols):
        if not _is_there(declared, symbols, region):
            continue
        lhs, rhs, kf, kb, custom = _kinetics(declared, reaction, region)
        if lhs != 0 or rhs != 0:
            count = times_counted(declared, reaction, region)
            kf, kb = (_translate(declared, k, region) * count for k in (kf, kb))
            declared.model.add(rxd.Reaction(lhs, rhs, kf, kb, custom_dynamics=custom))


def _where_it_is(reaction: Reaction, symbols: Iterable[NodeSymbol]) -> list[Any]:
    """The regions of a reaction: the one its sides are written with, else those all its bare species share.

    Raises
    ------
    RxDException
        If a bare species is not on the region that others are written with.
    """
    sides = [symbol for side in (reaction.lhs, reaction.rhs) for symbol in side]
    named = {region.number: region for symbol in sides if symbol.region is not None and (region := symbol.region())}
    if not named:
        return _in_cells(reaction, _candidates(symbols, reaction.regions)) or _nowhere(reaction, symbols)
    region = next(iter(named.values()))
    for symbol in sides:
        quantity = symbol.quantity()
        if symbol.region is None and quantity is not None and not quantity.defined_on_region(region):
            raise RxDException(
                f"{reaction!r}: {quantity.label} is not on {region.label}, where the reaction is. Use a "
                "MultiCompartmentReaction with membrane= for what passes from one region to another."
            )
    _warn_of_other_regions(reaction, region)
    return [region]


def _warn_of_other_regions(reaction: Reaction | Rate, region: Any) -> None:
    """Say that regions= has no say where species are written with another region."""
    if reaction.regions and all(region is not other for other in reaction.regions):
        caution(f"{reaction!r} acts on {region.label}, with which its species are written: its regions= is not heeded.")


def _in_cells(reaction: Reaction, regions: list[Any]) -> list[Any]:
    """Of the regions of a reaction written without any those in cells, if there are: NEURON leaves boxes out then."""
    cells = [region for region in regions if not hasattr(region, "shape")]
    if reaction.session.correct or reaction.regions or len(cells) == len(regions) or not any(one.living for one in cells):
        return regions
    caution(
        f"{reaction!r}: NEURON lets this act in cells alone, though its species are in extracellular space, too, and so does "
        "this run. Give it regions=[...], or run with python -m rxd.neuron --correct."
    )
    return cells


def _nowhere(reaction: Reaction, symbols: Iterable[NodeSymbol]) -> list[Any]:
    """Say that a reaction takes place nowhere, and why.

    Raises
    ------
    RxDException
        If its species share no region.
    """
    if not _candidates(symbols, []):
        raise RxDException(
            f"{reaction!r}: its species are on no region together, so it would change nothing. Declare them on one, or use a "
            "MultiCompartmentReaction with membrane= for what passes from one region to another."
        )
    caution(f"{reaction!r} changes nothing: its species are not together on {', '.join(r.label for r in reaction.regions)}.")
    return []


def _kinetics(declared: Declared, reaction: Any, region: Any) -> tuple[Any, Any, Any, Any, bool]:
    """Sides and rates of a reaction; Parameters, which nothing changes, stand in the rates only."""
    sides = [reaction.lhs, reaction.rhs]
    rates = list(reaction.session.chemistry.in_force.rates(reaction, in_passes=True))
    custom = reaction.custom_dynamics
    if any(symbol.quantity().kind == "Parameter" for side in sides for symbol in side):
        if not custom:
            rates = [k * sympy.prod(x**n for x, n in side.items()) for k, side in zip(rates, sides, strict=True)]
            rates, custom = [rates[0] - rates[1], sympy.Integer(0)], True
        sides = [{x: n for x, n in side.items() if x.quantity().kind != "Parameter"} for side in sides]
    lhs, rhs = (_side(declared, side, region) for side in sides)
    return lhs, rhs, *rates, custom


def _rate(declared: Declared, rate: Rate) -> None:
    symbols = rate.symbols()
    unknown = rate.unknown
    if unknown.quantity().kind == "Parameter":  # type: ignore[union-attr]
        return
    if rate.is_of_no_regions and not rate.session.correct:
        caution(
            f"{rate!r}: its regions= is empty. NEURON leaves such a Rate out, and so does this run; leave out regions= to have "
            "it wherever its species is, or run with python -m rxd.neuron --correct."
        )
        return
    if unknown.region is not None:
        regions = [unknown.region()]
        _warn_of_other_regions(rate, regions[0])
    else:
        regions = _candidates(symbols, rate.regions) or _candidates([unknown], rate.regions)
        regions = _with_what_it_reads(regions, symbols) or regions
        if rate.regions and not regions:
            named = ", ".join(region.label for region in rate.regions)
            caution(f"{rate!r} changes nothing: {unknown.name} is not on {named}.")
    for region in regions:
        if not _is_there(declared, symbols, region):
            continue
        _refuse_segments_in_box(rate, region)
        theirs = _theirs(declared, unknown, region)
        value, _ = rate.session.chemistry.in_force.rates(rate, in_passes=True)
        declared.model.add(rxd.Rate(theirs, _translate(declared, value, region) * times_counted(declared, rate, region)))


def _with_what_it_reads(regions: list[Any], symbols: Iterable[NodeSymbol]) -> list[Any]:
    """Of a bare unknown's regions in cells the one whose species a rate reads by name: elsewhere NEURON leaves it alone."""
    read = [symbol.region() for symbol in symbols if symbol.region is not None]
    if not read or any(hasattr(region, "shape") for region in regions):
        return regions
    return [region for region in regions if all(region is other for other in read)]


def _refuse_segments_in_box(rate: Rate, region: Any) -> None:
    """Refuse a rate in a box that reads what only segments have, as NEURON does.

    Raises
    ------
    RxDException
        With what it reads, and what to use.
    """
    for symbol in rate.symbols() if hasattr(region, "shape") else ():
        quantity = symbol.quantity()
        assert quantity is not None
        here = symbol.region is None and quantity.defined_on_region(region)
        where: Any = region if here else quantity.regions[0] if symbol.region is None else symbol.region()
        if not hasattr(where, "shape"):
            cells = "" if rate.unknown.region is not None else " If it is meant for cells alone, give it their regions=[...]."
            raise RxDException(
                f"{rate!r}: a rate in extracellular space cannot depend on {quantity.label} of {where.label}, since most "
                "voxels have no segment. Declare it on the box, too, or use a MultiCompartmentReaction across the membrane."
                f"{cells}"
            )


def _transmembrane(declared: Declared, reaction: MultiCompartmentReaction) -> None:
    membrane = declared.regions.get(reaction.membrane.number)
    if membrane is None or not _is_there(declared, reaction.symbols(), reaction.membrane):
        return
    warn_of_wrong_crossing(reaction)
    lhs, rhs, kf, kb, custom = _kinetics(declared, reaction, None)
    if lhs == 0 and rhs == 0:
        caution(f"{reaction!r} has Parameters on both sides: it changes nothing, as in NEURON.")
        return
    scale = 1 if reaction.scale_by_area else _per_area(declared, reaction.membrane, membrane)
    theirs = rxd.MultiCompartmentReaction(
        lhs,
        rhs,
        _translate(declared, kf, reaction.membrane) * scale,
        _translate(declared, kb, reaction.membrane) * scale,
        membrane=membrane,
        custom_dynamics=custom,
    )
    # what has no charges may say so, too
    theirs.membrane_flux = reaction.membrane_flux and bool(theirs.charges_out()) and not _leaves_uncharged(reaction)
    declared.model.add(theirs)


def _leaves_uncharged(reaction: MultiCompartmentReaction) -> bool:
    """Whether what a cell loses or gains has no charge, whatever becomes of it outside; Parameters, which stay, count, too."""
    inner = [
        symbol.quantity()
        for side in (reaction.lhs, reaction.rhs)
        for symbol in side
        if symbol.region is not None and getattr(symbol.region(), "nrn_region", None) == "i"
    ]
    return bool(inner) and not any(quantity is not None and quantity.charge for quantity in inner)


def _per_area(declared: Declared, region: Any, theirs: Any) -> Any:
    """1 over the area of a membrane in each segment, as a parameter: it makes molecules/ms of molecules/um2/ms."""
    if region.session.chemistry.cutting.voxel_records(region):
        raise RxDException(f"scale_by_area=False is not supported in voxels; {region.label} has some.")
    segments = declared.layout.segments
    areas = as_shape(region.geometry, declared.layout).membrane_areas(segments, np.arange(segments.n))
    inverse = rxd.Parameter(theirs, declared.unique(f"per_area_{region.label}"), initial=lambda nodes: 1 / areas[nodes.segment])
    declared.model.add(inverse)
    return inverse[theirs]
