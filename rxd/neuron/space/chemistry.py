"""The rxd declarations of a session, and the values of their nodes.

In: regions, species, reactions as scripts make them. Out: what the engine declares to `rxd.Model`, tables of nodes, values. The
session knows declarations weakly: a species or reaction nobody refers to is gone, as in NEURON.
"""

from __future__ import annotations

import io
import weakref
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import RxDException, caution
from rxd.neuron.rxd.views import Views
from rxd.neuron.space.boxes import FOLLOWS, Boxes
from rxd.neuron.space.cutting import Cutting
from rxd.neuron.space.in_force import InForce
from rxd.neuron.space.nodes import carried, same_nodes
from rxd.neuron.space.starting_values import MORE_ROUNDS, starting_values

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.session import Session
    from rxd.neuron.space.fluxes import Flux
    from rxd.neuron.space.nodes import NodeTable

__all__ = ["Chemistry"]


class Chemistry:
    """Regions, species, states, parameters and reactions, in order of creation.

    Attributes
    ----------
    threads : int
        What `rxd.nthread` was set to.
    fluxes : list of Flux
        Sources on nodes.
    moves : int
        Grows whenever the model has moved, and `seg.cai` follows its species.
    written : int
        What that was when a script wrote concentrations, of nodes or of segments, for the last time.
    names_written : set of str
        Which of them, such as "cai", it has written since.
    cutting, boxes, in_force, views : object
        Its parts, each with one thing to do.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.threads = 1
        self.fluxes: list[Flux] = []
        self._things: dict[int, weakref.ref[Any]] = {}
        self._quantities: list[weakref.ref[Any]] = []
        self._behind: tuple[tuple[int, int], dict[tuple[str, int], Any]] = (-1, -1), {}
        self._followed: dict[tuple[str, int], tuple[int, int]] = {}
        self._made = 0
        self._tables: dict[int, tuple[Any, NodeTable]] = {}
        self._fresh: dict[int, tuple[tuple[int, int], NodeTable]] = {}
        self.cutting, self.boxes = Cutting(self), Boxes(self)
        self.in_force = InForce(self)
        self.views = Views(session)
        self.moves = 0
        self._stamps: dict[tuple[str, int], tuple[int, int]] = {}
        self._kept: dict[tuple[int, int], int] = {}
        self.written = -1
        self.names_written: set[str] = set()

    def add(self, thing: Any) -> int:
        """Take note of a declaration; returns its number."""
        from rxd.neuron.rxd.species import Quantity

        number = self._made
        self._made += 1
        chemistry = weakref.ref(self)

        def gone(_: object) -> None:
            owner = chemistry()
            if owner is not None:
                owner._things.pop(number, None)
                owner._tables.pop(number, None)
                owner._fresh.pop(number, None)
                owner.session.touch()

        self._things[number] = weakref.ref(thing, gone)
        if isinstance(thing, Quantity):
            self._quantities.append(weakref.ref(thing))
        self.session.touch()
        return number

    def remove(self, thing: Any) -> None:
        """Forget a declaration that is still referred to."""
        self._things.pop(thing.number, None)
        self._quantities = [reference for reference in self._quantities if reference() is not thing]
        self._tables.pop(thing.number, None)
        self._fresh.pop(thing.number, None)
        self.session.touch()

    def of(self, kind: type[Any] | tuple[type[Any], ...]) -> list[Any]:
        """All living declarations of a kind."""
        found = (reference() for reference in list(self._things.values()))
        return [thing for thing in found if isinstance(thing, kind)]

    @property
    def quantities(self) -> list[Any]:
        """All living species, states and parameters."""
        found = [reference() for reference in self._quantities]
        if None in found:
            self._quantities = [reference for reference in self._quantities if reference() is not None]
        return [quantity for quantity in found if quantity is not None]

    def living_fluxes(self) -> list[Flux]:
        """The sources that have nodes; others are dropped."""
        self.fluxes = [flux for flux in self.fluxes if flux.follow()]
        return self.fluxes

    def table(self, region: Any) -> NodeTable:
        """The nodes of a region."""
        stamp = self.session.node_revision, self.session.shape_revision
        fresh = self._fresh.get(region.number)
        if fresh is not None and fresh[0] == stamp:  # scripts ask node by node
            return fresh[1]
        table = self._table(region)
        self._fresh[region.number] = (self.session.node_revision, self.session.shape_revision), table
        if not table.fresh:
            table.fresh.append(True)
            self.session.fresh_tables.append(table)
        return table

    def resize(self, region: Any) -> None:
        """The volume fraction of a box has changed, and with it the volumes of its nodes."""
        region.edits += 1
        self._fresh.pop(region.number, None)
        self.session.forget_tables()

    def _table(self, region: Any) -> NodeTable:
        from rxd.neuron.rxd.region import Extracellular
        from rxd.neuron.space.nodes import box_table, segment_table

        if isinstance(region, Extracellular):
            self.boxes.register()
            key: Any = ("box", region.edits)
        else:
            self.cutting.place()
            sections = tuple(record.id for record in region.living)
            key = (self.cutting.layout.revision, id(region.geometry), sections, self.cutting.voxel_records(region))
        known = self._tables.get(region.number)
        if known is None or known[0] != key:
            if key[0] == "box":
                table = box_table(region)
            elif key[-1]:
                from rxd.neuron.space.voxels import voxel_table

                table = voxel_table(region, self.cutting.layout)
            else:
                table = segment_table(region, self.cutting.layout)
            if key[0] != "box" and key[-1] and known is not None:
                self._note_cut(region, table, known[1])
            self._tables[region.number] = known = (key, table)
        return known[1]

    def _note_cut(self, region: Any, table: NodeTable, before: NodeTable) -> None:
        """Say that voxels have changed segments: NEURON refuses that, or gives the concentrations of other segments."""
        changed = []
        for record in table.records:
            old, new = before.of_record(record), table.of_record(record)
            cut = before.dimension[old].min(initial=3) == 3 == table.dimension[new].min(initial=3)
            if len(old) and cut and before.place[old].max() != table.place[new].max():
                changed.append(record.name)
        if changed:
            caution(
                f"nseg of {', '.join(changed)} has changed after region {region.label} was cut into voxels, which NEURON does "
                "not support; here the voxels keep their concentrations and belong to the new segments.",
            )

    # ----------------------------------------------------------------------------------------------------------------- values

    def settle(self, quantity: Any) -> None:
        """Give a quantity values on all its nodes: those it has, where the nodes are the same, else its initial ones."""
        for region in quantity.regions:
            table = self.table(region)
            if quantity.settled.get(region.number) is table:
                continue
            old = quantity.settled.get(region.number)
            if old is not None:
                self.session.run.refresh_species(quantity, region)
            values = quantity._values.get(region.number)
            quantity.settled[region.number] = table
            if old is None or values is None:
                quantity._values[region.number], _ = starting_values(quantity, region, table)
                quantity._tell_box(region)
            elif not same_nodes(old, table):
                kept = carried(old, table, values)
                new = np.isnan(kept)
                if new.any():
                    kept[new] = starting_values(quantity, region, table)[0][new]
                quantity._values[region.number] = kept

    def initialize(self) -> None:
        """Set all species and states to their initial values, and parameters that have never been written."""
        if self._initialize():
            for _ in range(MORE_ROUNDS):
                self._initialize()
        self.views.settle()
        self.moves += 1

    def _initialize(self) -> bool:
        """The same, once; whether a function says something else than before."""
        changing = False
        for quantity in self.quantities:
            for region in quantity.regions:
                table = self.table(region)
                fresh = quantity.settled.get(region.number) is table and quantity._values.get(region.number) is not None
                quantity.settled[region.number] = table
                if quantity.kind == "Parameter" and fresh and not callable(quantity.initial) and quantity.initial is None:
                    continue
                values = quantity._values.get(region.number)
                initial, other = starting_values(quantity, region, table)
                changing |= other
                if values is not None and np.array_equal(values, initial):
                    continue
                if values is None or len(values) != len(initial):
                    quantity._values[region.number] = initial
                    self.session.ready.clear()
                else:
                    values[:] = initial  # in place: somebody may hold a view of it
                quantity._tell_box(region)
        return changing

    def settle_styles(self) -> None:
        """Let `h.ion_style` be what it is of a species: NEURON sets it with `finitialize`, whatever a script has set."""
        sides = [
            (f"{quantity.name}_ion", region)
            for quantity in (self.quantities if self._quantities else ())
            for region in (quantity.regions if quantity.name is not None else ())
            if region.nrn_region is not None
        ]
        anew = any(hasattr(region, "shape") for _, region in sides) and self.boxes.newly_styled()
        for mechanism, region in sides:
            records = region.records if not hasattr(region, "shape") else self.session.topology if anew else ()
            for record in records:
                if record.ion_styles.get(mechanism, FOLLOWS) != FOLLOWS:
                    record.ion_styles[mechanism] = FOLLOWS
                    record.held.discard(mechanism)
                    self.session.touch(nodes=False)

    def species_at(self, name: str, record: SectionRecord) -> tuple[Any, Any] | None:
        """The species (and region) behind an ion variable such as `cai` in a section, or None."""
        if name[-1:] not in {"i", "o"} or not self._quantities:
            return None
        engine = self.session.run.engine
        stamp = self.session.revision, -1 if engine is None else engine.revision
        if self._behind[0] != stamp:
            self._behind = stamp, {}
        known = self._behind[1]
        key = name, record.id
        if key not in known:  # scripts ask at every access; a species is not kept alive by that
            found = self._find_species(name, record)
            known[key] = None if found is None else (weakref.ref(found[0]), found[1])
        behind = known[key]
        quantity = None if behind is None else behind[0]()
        return None if quantity is None else (quantity, behind[1])

    def _find_species(self, name: str, record: SectionRecord) -> tuple[Any, Any] | None:
        for quantity in self.quantities:
            if quantity.name == name[:-1]:
                found = [region for region in quantity.regions if region.nrn_region == name[-1] and self._is_in(region, record)]
                if found:
                    return quantity, next((r for r in found if len(found) > 1 and self.touches_membrane(r)), found[0])
        return None

    def _is_in(self, region: Any, record: SectionRecord) -> bool:
        if not hasattr(region, "shape"):
            return record in region.records
        engine = self.session.run.engine  # who has laid out where sections are; to ask for it here would place them
        return engine is None or not all(engine.places.outside(region, record))

    def moves_all(self, name: str, record: SectionRecord) -> bool:
        """Whether a species is behind an ion variable in all segments of a section; some may be outside of a box."""
        found, engine = self.species_at(name, record), self.session.run.engine
        if found is None or engine is None or not hasattr(found[1], "shape"):
            return found is not None
        return not any(engine.places.outside(found[1], record))

    def touches_membrane(self, region: Any) -> bool:
        """Whether a region has some of the cell's membrane."""
        return hasattr(region, "shape") or bool(self.table(region).area.any())

    def hidden_by(self, region: Any) -> Any:
        """The region with the membrane this one lacks: of the same side, a section and a species in common; or None."""
        from rxd.neuron.rxd.region import Region

        if region.nrn_region is None or self.touches_membrane(region):
            return None
        own = set(region.records)
        others = [
            other
            for other in self.of(Region)
            if other is not region
            and other.nrn_region == region.nrn_region
            and any(region in quantity.regions and other in quantity.regions for quantity in self.quantities)
        ]
        return next((other for other in others if own & set(other.records) and self.touches_membrane(other)), None)

    def refresh(self, name: str, record: SectionRecord) -> bool:
        """Let an ion concentration of a section follow the species, if the model has moved since; whether there is one.

        What a script writes to nodes shows in `seg.cai` after the next step, and what it writes to `seg.cai` stays until then,
        as in NEURON.
        """
        now = self.session.revision, self.moves
        if self._followed.get((name, record.id)) == now:
            return True
        found = self.species_at(name, record)
        if found is None:
            return False
        self.settle(found[0])
        self._followed[name, record.id] = self.session.revision, self.moves
        stamp = (found[0].number, self.moves)
        if self._stamps.get((name, record.id)) != stamp:
            self._stamps[name, record.id] = stamp
            self._take_written(name, record, record.store[name])
            self._follow(*found, record, record.store[name])
        return True

    def _take_written(self, name: str, record: SectionRecord, shown: np.ndarray) -> None:
        """Put what mechanisms write of an ion concentration where it is shown, if some segments are outside of a box."""
        engine = self.session.run.engine
        if engine is None or self.moves_all(name, record) or not self.session.catalogue.writer(name, record.mechanisms):
            return
        reader = engine.readout.reader(name)
        written = None if reader is None else reader(record)
        if written is not None:
            shown[:] = written

    def concentration(self, name: str, record: SectionRecord) -> np.ndarray:
        """An ion concentration of a section in the state that is looked at, which may be a past one: what is shown stays."""
        found = self.species_at(name, record)
        shown = np.array(record.values(name) if found is None else record.store[name])
        if found is not None:
            self.settle(found[0])
            self._take_written(name, record, shown)
            self._follow(*found, record, shown)
        return shown

    def keep_shown(self, quantity: Any, region: Any) -> None:
        """Nodes of a species are about to change in the model: what segments show stays."""
        if quantity.name is None or region.nrn_region is None:
            return
        name = f"{quantity.name}{region.nrn_region}"
        self._note_written(name)
        if self._kept.get((quantity.number, region.number)) == self.moves:
            return
        self._kept[quantity.number, region.number] = self.moves
        for record in self.session.topology if hasattr(region, "shape") else region.living:
            if name in record.store:
                self.refresh(name, record)

    def note_segments(self, name: str, record: SectionRecord) -> bool:
        """A script has written a range variable; whether it is a concentration with a species behind it."""
        if self.species_at(name, record) is None:
            return False
        self._note_written(name)
        return True

    def _note_written(self, name: str) -> None:
        """A script writes a concentration, in nodes or in what segments show."""
        if self.written != self.moves:
            self.written, self.names_written = self.moves, set()
        self.names_written.add(name)

    def _follow(self, quantity: Any, region: Any, record: SectionRecord, shown: np.ndarray) -> None:
        """Put the mean of the nodes of every segment where it is shown."""
        table, engine = self.table(region), self.session.run.engine
        known = None if engine is None else engine.exchange.displayed(quantity, region)
        values = quantity._values[region.number] if known is None else known
        if len(values) != len(table):
            return
        if hasattr(region, "shape"):
            nodes, places = self.boxes.around(region, record)
            shown[places] = values[nodes]
            return
        nodes = table.of_record(record)
        weight = self._weights(table, nodes)
        total = np.bincount(table.place[nodes], weights=weight, minlength=record.nseg)
        sums = np.bincount(table.place[nodes], weights=weight * values[nodes], minlength=record.nseg)
        shown[:] = np.divide(sums, total, out=shown.copy(), where=total > 0)

    def _weights(self, table: NodeTable, nodes: np.ndarray) -> np.ndarray:
        """How voxels count for the concentration of their segment: those at the surface alone; all before a fixed step."""
        if table.dimension[nodes].max(initial=1) < 3:
            return np.ones(len(nodes))
        at_surface = table.at_surface[nodes]
        begins = self.session.globals.t == 0 and not self.session.run.adaptive
        if begins or not at_surface.any():
            return np.asarray(table.volume[nodes])
        return at_surface.astype(float)

    def take_from_segments(self, quantity: Any) -> None:
        """Set the nodes of a species to the concentrations of NEURON's segments (`seg.cai`)."""
        if quantity.name is None:
            return
        # all is read before anything is written: writing makes segments follow their nodes again
        found = [(region, self._from_segments(quantity, region)) for region in quantity.regions if region.nrn_region]
        for region, values in found:
            quantity.write(region, slice(None), values)

    def _from_segments(self, quantity: Any, region: Any) -> np.ndarray:
        """What the nodes of a region are by their segments; where several segments share a voxel of a box, the last counts."""
        name = f"{quantity.name}{region.nrn_region}"
        values: np.ndarray = quantity.values(region).copy()
        if hasattr(region, "shape"):
            for record in self.session.topology:
                found = record.values(name)
                if found is not None:
                    nodes, places = self.boxes.around(region, record)
                    values[nodes] = found[places]
            return values
        table = self.table(region)
        for record in table.records:
            found = record.values(name)
            nodes = table.of_record(record)
            if found is not None:
                values[nodes] = found[table.place[nodes]]
        return values

    def save(self) -> bytes:
        """All values as bytes."""
        arrays = {
            f"{quantity.number}_{region.number}": quantity.values(region)
            for quantity in self.quantities
            for region in quantity.regions
        }
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    def restore(self, state: bytes) -> None:
        """Return to values kept by `save`.

        Raises
        ------
        RxDException
            If they do not fit.
        """
        try:
            file = np.load(io.BytesIO(state))
        except (ValueError, EOFError, OSError, TypeError, zipfile.BadZipFile) as error:
            raise RxDException(
                "restore_state: Invalid state data: give the bytes that rxd.save_state() has returned."
            ) from error
        with file as arrays:
            for quantity in self.quantities:
                for region in quantity.regions:
                    values = arrays.get(f"{quantity.number}_{region.number}")
                    if values is None or values.shape != quantity.values(region).shape:
                        raise RxDException(
                            f"restore_state: the state was saved from another model; {quantity.label} does not fit."
                        )
                    quantity.write(region, slice(None), values)

    # ------------------------------------------------------------------------------------------------------------- description

    def regions_of(self, record: SectionRecord) -> set[Any]:
        """The regions a section is part of."""
        from rxd.neuron.rxd.region import Region

        return {region for region in self.of(Region) if record in region.records}

    def species_of(self, record: SectionRecord) -> set[Any]:
        """The species in a section."""
        return {quantity for quantity in self.quantities if any(record in region.records for region in quantity.regions)}
