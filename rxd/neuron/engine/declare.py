"""A session as an `rxd.Model`.

In: sections, mechanisms, point processes and rxd declarations of a session. Out: `Declared`, the model and the maps between
NEURON's objects and the model's.
"""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

import rxd
from geometry import FractionalVolume, MultipleGeometry, Shell
from geometry.records import dataclass
from geometry.shapes import Inside
from rxd import library
from rxd.declare.ions import Ion
from rxd.declare.mechanism import symbols
from rxd.neuron.cells.layout import Layout
from rxd.neuron.engine.borders import AtBorders, WithMembrane
from rxd.neuron.engine.declare_reactions import declare_reactions
from rxd.neuron.engine.keys import Key
from rxd.neuron.engine.mod_declare import declare_held, declare_mechanisms, declare_points
from rxd.neuron.engine.own_shape import OwnShape
from rxd.neuron.engine.placed import Placed
from rxd.neuron.engine.tabulated import hh_with_tables
from rxd.neuron.errors import HocError, RxDException, caution
from rxd.neuron.rxd.geometry import OnVoxels, voxel_shape
from rxd.neuron.rxd.reactions import MultiCompartmentReaction
from rxd.neuron.rxd.region import Extracellular
from rxd.neuron.rxd.tissue import is_changing, owner_of

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.carriers import Carrier
    from rxd.neuron.session import Session

__all__ = ["Declared", "declare", "follows_temperature", "is_ion"]

Part = tuple[Any, Any, Any]
"""A species, state or parameter of the session, a region of the session, and the region of the model."""

DENSITY: Mapping[str, Callable[..., Any]] = MappingProxyType({"hh": library.hh, "pas": library.pas})
NO_CAPACITANCE = 1e-12  # uF/cm2 in place of none: equations divide by it; 1e-9 of what conductances do in a step
ALPHA_ENDS = 10  # time constants after which NEURON's AlphaSynapse ends


def _alpha_synapse() -> Any:
    """The library's, until NEURON's ends."""
    made = library.alpha_synapse()
    onset, tau = symbols("onset tau")
    currents = tuple(
        replace(current, density=sympy.Piecewise((current.density, rxd.t <= onset + ALPHA_ENDS * tau), (0, True)))
        for current in made.currents
    )
    return replace(made, currents=currents)


SYNAPSES: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"ExpSyn": library.exp_syn, "Exp2Syn": library.exp2_syn, "AlphaSynapse": _alpha_synapse}
)


@dataclass(slots=True)
class Declared:
    """A model and what stands for what in it.

    Attributes
    ----------
    model : rxd.Model
    symbols : dict
        Symbol of the model by numbers of a species and a region.
    owners : dict
        The model's species, state or parameter by the same numbers.
    inserted : list of (str, list of SectionRecord)
        Name and place of each inserted mechanism, in order.
    points : Placed
        Synapses, in the order of the model.
    fluxes : dict
        Parameter of the model that holds the sources on a species and a region, by their numbers.
    counts : dict
        How often NEURON counts reactions on a region, by its number: 1 or a parameter of the model.
    shadows, shadow_symbols : dict
        Regions of the model, and species on them, that stand for Parameters which are concentrations of ions: currents read
        them, and nothing changes them.
    methods : dict
        Method of the states of mod files, by mechanism and name.
    linked : set
        Variables of mod files that follow others, likewise.
    diffusing : dict
        Conductance over distance (um4/ms) and cross-section (um2) of states of mod files that diffuse along the cable, by label
        and segment.
    carriers : dict of int to Carrier
        Point processes that write ions, by their id.
    writers : set of str
        Mechanisms that write concentrations or reversal potentials.
    diffusing_by : set of str
        Range variables that these follow from.
    """

    model: Any
    layout: Layout
    symbols: dict[tuple[int, int], Any] = field(default_factory=dict)
    owners: dict[tuple[int, int], Any] = field(default_factory=dict)
    inserted: list[tuple[str, list[Any]]] = field(default_factory=list)
    points: Placed = field(default_factory=Placed)
    fluxes: dict[tuple[int, int], Any] = field(default_factory=dict)
    shadows: dict[tuple[int, int], Any] = field(default_factory=dict)
    shadow_symbols: dict[tuple[int, int], Any] = field(default_factory=dict)
    regions: dict[int, Any] = field(default_factory=dict)
    counts: dict[int, Any] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    methods: dict[Key, Any] = field(default_factory=dict)
    linked: set[Key] = field(default_factory=set)
    diffusing: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    carriers: dict[int, Carrier] = field(default_factory=dict)
    writers: set[str] = field(default_factory=set)
    diffusing_by: set[str] = field(default_factory=set)

    def unique(self, text: str) -> str:
        """A word that no other region or species has."""
        word = re.sub(r"\W", "_", text) or "x"
        if not (word[0].isalpha() or word[0] == "_"):
            word = f"_{word}"
        unique, number = word, 2
        while unique in self.names:
            unique, number = f"{word}_{number}", number + 1
        self.names.add(unique)
        return unique


def declare(session: Session) -> Declared:
    """Declare everything a session holds.

    Raises
    ------
    RxDException
        For declarations that contradict each other or are not supported; the species and region are named.
    """
    layout = session.chemistry.cutting.layout
    counts = layout.counts
    model = rxd.Model(
        layout.morphology, segments=lambda section: int(counts[section.index]), celsius=session.globals["celsius"]
    )
    model.temperature_apart = session.run.warming
    declared = Declared(model, layout)
    _membrane(declared)
    _mechanisms(session, declared)
    _synapses(session, declared)
    _regions(session, declared)
    _quantities(session, declared)
    if session.run.adaptive:
        _swell(session, declared)
        _fluxes(session, declared)
    session.chemistry.in_force.count()
    declare_reactions(session, declared)
    _ions(session, declared)
    return declared


def follows_temperature(declared: Declared) -> bool:
    """Whether kernels read all that depends on the temperature: they do not for what events change and mod files diffuse."""
    mechanisms = {id(point.mechanism): point.mechanism for point in declared.model.point_processes}  # of thousands of points
    words = {
        symbol.name
        for mechanism in mechanisms.values()
        for value in mechanism.on_event.values()
        for symbol in sympy.sympify(value).free_symbols
    }
    return declared.model.temperature_apart and not declared.diffusing and "celsius" not in words


# ----------------------------------------------------------------------------------------------------------------- membrane


def _membrane(declared: Declared) -> None:
    """Ra and cm; a section with different cm in its segments is cut into several by the layout."""
    for name, values in membrane_of(declared.layout).items():
        for value in sorted(set(values.tolist())):
            where = np.flatnonzero(values == value)
            declared.model.set(declared.layout.morphology[where], **{name: value})


def membrane_of(layout: Layout) -> dict[str, np.ndarray]:
    """``Ra`` (ohm cm) and ``cm`` (uF/cm2) of the sections of the morphology."""
    Ra, cm = _by_section(layout, lambda r: np.full(1, r.Ra), 100.0), _by_section(layout, _capacitance)
    return {"Ra": Ra, "cm": cm}


def _capacitance(record: SectionRecord) -> np.ndarray:
    """cm of its segments, uF/cm2.

    Raises
    ------
    HocError
        If it is negative.
    """
    cm = record.store["cm"]
    if (cm < 0).any():
        raise HocError(f"{record.name}.cm = {cm.min():g}: a capacitance is not negative.")
    return np.maximum(cm, NO_CAPACITANCE)


def _by_section(layout: Layout, read: Callable[[Any], np.ndarray], default: float = 1.0) -> np.ndarray:
    """A number for each section of the morphology; the default for what stands for an end."""
    values = np.full(layout.morphology.n_sections, default)
    for record in layout.records:
        own, here = layout.sections[record.id], read(record)
        if len(own) == len(here):
            values[own] = here if record.end == 0 else here[::-1]
        else:
            values[own] = here[0]
    return values


def _mechanisms(session: Session, declared: Declared) -> None:
    for name, make in DENSITY.items():
        records = [record for record in declared.layout.records if name in record.mechanisms]
        if not records:
            continue
        info = session.catalogue.density[name]
        settings = {key: _reader(declared.layout, info.full(key), default) for key, default in info.parameters.items()}
        tabulated = name == "hh" and bool(session.globals["usetable_hh"])
        made = session.run.blueprints.mechanism(name, hh_with_tables if tabulated else make, tabulated)
        declared.model.insert(made.with_parameters(settings), on=declared.layout.selection(records))
        declared.inserted.append((name, records))
    declare_mechanisms(session, declared, DENSITY)
    declare_held(session, declared)


def _reader(layout: Layout, name: str, default: float) -> Callable[[Any], np.ndarray]:
    """A function of nodes that gives a range variable."""
    values = layout.gather(name, default)
    return lambda nodes: values[nodes.segment]


def _synapses(session: Session, declared: Declared) -> None:
    for kind, make in SYNAPSES.items():
        hosts = [(each, each.host) for each in session.run.points if each.kind == kind]
        living = [(point, host) for point, host in hosts if host is not None and host.alive]
        if not living:
            continue
        mechanism = session.run.blueprints.mechanism(kind, make)
        for point, host in living:
            place = declared.layout.location(host, point.spot)
            settings = {name: point.values[name] for name in mechanism.parameters}
            declared.model.add(rxd.PointProcess(mechanism, place, **settings))
            declared.points.append(point)
    declare_points(session, declared)


# ---------------------------------------------------------------------------------------------------------------- chemistry


def _regions(session: Session, declared: Declared) -> None:
    used = {id(region): region for quantity in session.chemistry.quantities for region in quantity.regions}
    for reaction in session.chemistry.of(MultiCompartmentReaction):
        used[id(reaction.membrane)] = reaction.membrane
    for region in used.values():
        made = _region(session, declared, region, declared.unique(region.label))
        if made is not None:
            declared.regions[region.number] = made


def _region(session: Session, declared: Declared, region: Any, name: str) -> Any:
    """A region of the model; None for one without sections."""
    if isinstance(region, Extracellular):
        ends = (region._xlo, region._ylo, region._zlo, region._xhi, region._yhi, region._zhi)
        still = not is_changing(owner_of(region.permeability))  # else the engine multiplies conductances by it
        box = _box(tuple(map(float, ends)), region._dx, region.fractions, region.tortuosities if still else 1.0, name)
        if region.number in session.chemistry.boxes.with_ions():
            box.without = _far_from(region, session, declared.layout)
        return box
    records = region.living
    if not records:
        return None
    voxels = set(session.chemistry.cutting.voxel_records(region))
    dimension: Any = 1
    if voxels:
        chosen = [record for record in records if record.id in voxels]
        dimension = 3 if len(chosen) == len(records) else declared.layout.selection(chosen)
    return rxd.Region(
        declared.layout.selection(records),
        name=name,
        side=_side_of(session, region),
        shape=_conducting(voxel_shape(region.geometry, declared.layout, voxels)),
        dimension=dimension,
        dx=float(region.dx or 0.25),
    )


def _far_from(region: Any, session: Session, layout: Layout) -> frozenset[int]:
    """Sections that have no segment in a box, nor reactions with it across their membranes: as in NEURON, they need none."""
    voxels = session.chemistry.boxes.voxels(region)
    for reaction in session.chemistry.of(MultiCompartmentReaction):
        if any(_is_on(symbol, region) for symbol in reaction.symbols()):
            _refuse_to_leave(reaction, region, voxels, layout)
    inside = layout.segments.section[voxels >= 0]
    return frozenset(range(layout.morphology.n_sections)) - frozenset(inside.tolist())


def _refuse_to_leave(reaction: MultiCompartmentReaction, region: Any, voxels: np.ndarray, layout: Layout) -> None:
    """Refuse a reaction with a box across a membrane that is not in it, which ends NEURON with an error, too.

    Raises
    ------
    RxDException
        With the segments outside.
    """
    sides = [symbol.region() for symbol in (*reaction.lhs, *reaction.rhs) if symbol.region is not None]
    cells = [set(one.records) for one in sides if one is not None and not hasattr(one, "shape")]
    acting = [record for record in reaction.membrane.living if all(record in records for records in cells)]
    places = [(record, np.flatnonzero(voxels[layout.index[record.id]] < 0)) for record in acting]
    outside = [f"{record.name}({(i + 0.5) / record.nseg:g})" for record, found in places for i in found.tolist()]
    if outside:
        more = f" and {len(outside) - 5} more" if len(outside) > 5 else ""
        raise RxDException(
            f"{reaction!r} crosses the membrane of {', '.join(outside[:5])}{more}, which {region.label} does not contain. Make "
            "the box larger, or give its membrane a region of sections that are inside."
        )


def _is_on(symbol: Any, region: Any) -> bool:
    """Whether a symbol is a species on a region, or may be."""
    if symbol.region is not None:
        return symbol.region() is region
    quantity = symbol.quantity()
    return quantity is not None and quantity.defined_on_region(region)


def _box(corners: tuple[float, ...], dx: Any, alpha: Any, tortuosity: Any, name: str) -> Any:
    xlo, ylo, zlo, xhi, yhi, zhi = corners
    return rxd.Extracellular(xlo, ylo, zlo, xhi, yhi, zhi, dx, alpha, tortuosity, name)


def _side_of(session: Session, region: Any) -> Any:
    """The side whose currents a region takes up; that of a shell inside goes to the shell with the membrane."""
    outer = session.chemistry.hidden_by(region)
    if outer is None:
        if region.nrn_region is not None and not session.chemistry.touches_membrane(region) and _has_ions(session, region):
            caution(
                f"{region.label} has nrn_region={region.nrn_region!r} but no part of the membrane: currents do not change "
                "concentrations in it. If they should, give a FractionalVolume surface_fraction=1, or a Shell an edge at 1.",
            )
        return region.nrn_region
    caution(
        f"{region.label} has nrn_region={region.nrn_region!r} but no membrane, which {outer.label} has: currents, reversal "
        f"potentials and concentrations of segments are those of {outer.label}. (NEURON shows those of the last such region.)",
    )
    return None


def _has_ions(session: Session, region: Any) -> bool:
    return any(region in quantity.regions and is_ion(quantity, region) for quantity in session.chemistry.quantities)


def _conducting(shape: Any) -> Any:
    """A shape with NEURON's rules for currents, and for diffusion along the cable if it has no cross-section of its own."""
    if isinstance(shape, MultipleGeometry) and not shape.is_area:
        return WithMembrane(MultipleGeometry(shape.secs, [_conducting(one) for one in shape.geos]))
    if isinstance(shape, OnVoxels) and not shape.is_area:
        return WithMembrane(replace(shape, shape=_conducting(shape.shape)))
    if isinstance(shape, (Inside, FractionalVolume, Shell)) or (isinstance(shape, OwnShape) and not shape.is_area):
        return AtBorders(shape)
    return shape if shape.is_area else WithMembrane(shape)


def _quantities(session: Session, declared: Declared) -> None:
    ions: dict[str, list[Part]] = {}
    rest: list[tuple[str, list[Part]]] = []
    _refuse_other_charges(session)
    _refuse_second_of_a_name(session)
    names = [quantity.name for quantity in session.chemistry.quantities]
    crossing = {  # in NEURON a State may cross a membrane, too: then it is a species that does not diffuse
        symbol.quantity().number
        for reaction in session.chemistry.of(MultiCompartmentReaction)
        for symbol in (*reaction.lhs, *reaction.rhs)
        if symbol.quantity() is not None
    }
    for quantity in session.chemistry.quantities:
        present = [region for region in quantity.regions if region.number in declared.regions]
        own = [(quantity, region, declared.regions[region.number]) for region in present]
        volumes = [part for part in own if not part[1].is_area]
        if quantity.kind == "Parameter":
            # kernels read parameters of segments from fields; those of voxels are states that nothing changes, easier to write
            rest.append(("Parameter", [part for part in own if not _has_voxels(session, part[1])]))
            rest.append(("State", [part for part in own if _has_voxels(session, part[1])]))
            for _, region, _ in volumes:
                if is_ion(quantity, region) and (_has_voxels(session, region) or names.count(quantity.name) > 1):
                    shadow = _region(session, declared, region, declared.unique(f"{region.label}_{quantity.label}"))
                    declared.shadows[quantity.number, region.number] = shadow
                    ions.setdefault(quantity.label, []).append((quantity, region, shadow))
        elif quantity.kind == "State" and quantity.number not in crossing:
            rest.append(("State", own))
        else:
            # on a membrane a species only holds a number for reactions to read: nothing diffuses along it
            on_area = [part for part in own if part[1].is_area]
            rest.append(("State", on_area))
            _note_membranes(on_area)
            if any(is_ion(quantity, region) for _, region, _ in volumes):
                ions.setdefault(quantity.label, []).extend(volumes)
            else:
                rest.append(("Species", volumes))
    for parts in ions.values():  # inside and outside of an ion may be species of their own: for the equations they are one
        _declare(declared, parts, "Species")
    for kind, parts in rest:
        _declare(declared, parts, kind)


def _swell(session: Session, declared: Declared) -> None:
    """Let equations of variable steps divide by the volume fractions that change."""
    for region in session.chemistry.of(Extracellular):
        owner = owner_of(region.alpha)
        if region.number in declared.regions and is_changing(owner):
            declared.regions[region.number].fraction = declared.symbols[owner.number, region.number]


def _refuse_other_charges(session: Session) -> None:
    """Refuse a species that has taken the name of an ion, but not its charge: it would not be that ion, without a word.

    Raises
    ------
    HocError
        As NEURON.
    """
    for quantity in session.chemistry.quantities:
        is_side = quantity.name is not None and any(region.nrn_region for region in quantity.regions)
        if is_side and session.catalogue.charge_of(quantity.name) not in {None, int(quantity.charge)}:
            session.catalogue.ion(quantity.name, int(quantity.charge))


def _note_membranes(parts: list[Part]) -> None:
    """Say where NEURON would let a species diffuse along a membrane."""
    for quantity, region, _ in parts:
        d = quantity.d_on(region)
        if np.any(d if not callable(d) else 1) and np.ptp(quantity.values(region)) > 0:
            caution(
                f"{quantity.label} does not diffuse along {region.label}, which is a membrane; in NEURON it does. Give it a "
                "thin Shell if that matters.",
            )


def _refuse_second_of_a_name(session: Session) -> None:
    """Refuse two species of one name in one place, of which currents would change one or the other.

    Raises
    ------
    RxDException
        As NEURON.
    """
    if _second_of_a_name(session):
        gc.collect()  # perhaps nobody refers to the first any more, except in a circle
    found = _second_of_a_name(session)
    if found:
        quantity, region = found
        raise RxDException(
            f'Species "{quantity.name}" previously defined on region {region.label}, or on a region with the same '
            "nrn_region and sections in common. Give the second another name, or one species all of its regions: "
            f"rxd.Species([a, b], name={quantity.name!r}); del what is not meant any more."
        )


def _second_of_a_name(session: Session) -> tuple[Any, Any] | None:
    """The first species that has name and region, or name, side of the membrane and a section, of an earlier one."""
    named = [quantity for quantity in session.chemistry.quantities if quantity.name is not None]
    often = {name for name, count in Counter(quantity.name for quantity in named).items() if count > 1}
    taken: dict[tuple[Any, ...], Any] = {}
    for quantity in named:
        for region in quantity.regions if quantity.name in often else ():
            places = [("region", region.number), *((region.nrn_region, one.id) for one in region.records if region.nrn_region)]
            for place in places:
                if taken.setdefault((quantity.name, *place), quantity) is not quantity:
                    return quantity, region
    return None


def is_ion(quantity: Any, region: Any) -> bool:
    """Whether a species is the ion of its name on one side of the membrane."""
    return bool(quantity.name and quantity.charge and region.nrn_region)


def _has_voxels(session: Session, region: Any) -> bool:
    return isinstance(region, Extracellular) or bool(session.chemistry.cutting.voxel_records(region))


def _declare(declared: Declared, parts: list[Part], kind: str) -> None:
    """One species, state or parameter of the model, for one or several of the session's."""
    if not parts:
        return
    first = parts[0][0]
    own = [theirs for *_, theirs in parts]
    name = declared.unique(first.label)
    initial = {theirs: _values_on(declared.layout, quantity, region) for quantity, region, theirs in parts}
    scale = float(first._atolscale)
    scale = scale if scale or first.session.run.adaptive else 1.0  # fixed steps have no tolerance: 0 means nothing there
    thing: Any
    if kind == "Parameter":
        thing = rxd.Parameter(own, name, initial=initial, charge=int(first.charge))
    elif kind == "State":
        thing = rxd.State(own, name, initial=initial, atolscale=scale)
    else:
        d = {theirs: _diffusion(quantity, region) for quantity, region, theirs in parts}
        charge = next((int(quantity.charge) for quantity, *_ in parts if quantity.charge), 0)
        thing = rxd.Species(own, name, d=d, charge=charge, initial=initial, atolscale=scale)
    declared.model.add(thing)
    for quantity, region, theirs in parts:
        key = quantity.number, region.number
        if declared.shadows.get(key) is theirs:
            declared.shadow_symbols[key] = thing[theirs]
        else:
            declared.symbols[key] = thing[theirs]
            declared.owners[key] = thing


def _diffusion(quantity: Any, region: Any) -> Any:
    """The coefficient of a species; 1 where it differs from node to node, since `spread` scales the exchange then."""
    local = quantity.local_d(region)
    if isinstance(region, Extracellular) and region.shape == (1, 1, 1):
        return 0.0
    return quantity.d_on(region) if local is None else float(np.any(local > 0))


def _values_on(layout: Layout, quantity: Any, region: Any) -> Any:
    """A function of nodes that gives the present values of a species."""
    values, table = quantity.values(region), quantity.table(region)
    if np.any(table.dimension == 3):
        return 0.0  # the engine puts the values of voxels into the state
    by_segment = np.zeros(layout.segments.n)
    one = table.dimension == 1
    index = np.array(
        [layout.index[table.records[r].id][p] for r, p in zip(table.record[one], table.place[one], strict=True)], dtype=np.int64
    )
    by_segment[index] = values[one]
    return lambda nodes: by_segment[nodes.segment]


def _fluxes(session: Session, declared: Declared) -> None:
    """A parameter in mM/ms for every species and region with sources, for variable steps; fixed steps add them at their end.

    In voxels it is a state that nothing changes, as Parameters are.
    """
    for flux in session.chemistry.living_fluxes():
        quantity, region = flux.species(), flux.region
        if quantity is None:
            continue
        key = quantity.number, region.number
        if key in declared.fluxes or key not in declared.symbols:
            continue
        theirs = declared.regions[region.number]
        kind = rxd.State if _has_voxels(session, region) else rxd.Parameter
        parameter = kind(theirs, declared.unique(f"source_{quantity.label}_{region.label}"), initial=0.0)
        fraction = getattr(theirs, "fraction", None)  # of a box that swells: then per volume of tissue
        rate = parameter[theirs] if fraction is None else parameter[theirs] / fraction
        declared.model.add(parameter, rxd.Rate(declared.symbols[key], rate))
        declared.fluxes[key] = parameter[theirs]


def _ions(session: Session, declared: Declared) -> None:
    """Constants of ions nobody declares; values that differ from segment to segment are put in by the engine."""
    for ion in session.catalogue.ions.values():
        charge = next((q.charge for q in session.chemistry.quantities if q.name == ion.name and q.charge), ion.charge)
        if charge:
            declared.model.ion(ion.name, charge=int(charge), inside=ion.inside, outside=ion.outside, e=ion.e)
        else:  # what mechanisms read as an ion and no current carries
            declared.model.ions[ion.name] = Ion(ion.name, 0, ion.inside, ion.outside, ion.e or 0.0)
