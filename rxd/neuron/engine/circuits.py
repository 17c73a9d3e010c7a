"""What is solved together with the voltages: the layers of `extracellular` that resist, and LinearMechanisms.

In: a session, and where its engine keeps voltages. Out: a `rxd.solve.circuits.Circuit`, its numbers brought up to date before
steps, potentials read from it after them.

Unknowns are v (across the membrane) of the segments, the potential inside of branch points, then the potentials outside for
every segment and end with `extracellular`, then what LinearMechanisms add. What flows along the cable follows the potential
inside, v plus that of the first layer.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rxd.neuron.cells.impedance import end_of, end_or_segment
from rxd.neuron.cells.outside import NAME, is_inserted, layers, resists
from rxd.neuron.engine.injected import FromGround, any_electrodes
from rxd.neuron.errors import HocError, caution
from rxd.solve.circuits import Circuit, Entries, plan_circuit

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.mechanisms.linear import LinearMechanism

__all__ = ["Circuits", "potentials_outside"]

LONGEST: Final = 0.025
"""Longest variable step (ms) over which the numbers of a LinearMechanism stay as its function has set them at its beginning."""
_US_PER_DENSITY: Final = 1e-2  # S/cm2 um2 in uS; mF/cm2 um2 in 1e-2 nF, too
_NF_PER_DENSITY: Final = 1e-5  # uF/cm2 um2 in nF
_AREA_OF_ENDS: Final = 100.0  # um2, what NEURON takes for it: currents there are in nA
_MOHM: Final = 1e-4  # megohm/cm um in megohm


def potentials_outside(engine: Engine) -> Callable[[np.ndarray], np.ndarray]:
    """What gives the potentials outside the membrane of segments in storage order, mV; the engine may be in the making."""

    def potentials(nodes: np.ndarray) -> np.ndarray:
        return engine.circuits.at(nodes)

    return potentials


class Circuits:
    """The circuit of an engine.

    Attributes
    ----------
    circuit : Circuit or None
        None where nothing goes with the voltages.
    stale : bool
        Whether a script has set a property of a layer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._session = engine, engine.session
        # weak: what nobody else holds is gone, though this engine may live on for a while
        self._linear = [found for found in self._session.linear if found() is not None]
        self.circuit: Circuit | None = None
        self.stale = False
        self._driven = True
        self._past: np.ndarray | None = None
        self._parts: list[_Part] = []
        at_ends = bool(engine.layout.ends) and is_inserted(self._session)  # they have a potential outside of their own
        if not self.linear and not resists(self._session) and not at_ends:
            return
        self._cable = engine.discretization.cable
        order = engine.states["v"]
        self._storage = np.asarray(order.order - order.start, dtype=np.int64)
        self._records: list[SectionRecord] = [r for r in engine.layout.records if NAME in r.mechanisms]
        self._layer: dict[tuple[int, float], int] = {}
        self._in_order = -1, np.zeros(0, dtype=np.int64)
        self._size = len(self._cable.parent)
        self._layers = layers(self._session)
        self._number_layers()
        self._outside = np.full(self._cable.n, -1, dtype=np.int64)
        for record in self._records:
            for i in range(record.nseg):
                self._outside[self._node(record, i)] = self._layer[record.id, float(i)]
        for (number, end), segment in engine.layout.ends.items():
            self._outside[self._storage[segment]] = self._layer.get(end_of(number, end), -1)
        for one in self.linear:
            self._parts.append(_Part(one, self._columns(one, self._size)))
            self._size += one.g.nrow() - len(one.places)
        self._plan()

    @property
    def linear(self) -> list[LinearMechanism]:
        """The LinearMechanisms."""
        return [one for one in (found() for found in self._linear) if one is not None]

    # -------------------------------------------------------------------------------------------------------------- making

    def _node(self, record: SectionRecord, index: int) -> int:
        return int(self._storage[self._engine.layout.index[record.id][index]])

    def _number_layers(self) -> None:
        """Give the potentials outside of every segment and end an unknown, one after the other."""
        with_layers = {record.id for record in self._records}
        for record in self._records:
            ends = (end_or_segment(record, 0.0), end_or_segment(record, 1.0))
            for key in (*((record.id, float(i)) for i in range(record.nseg)), *ends):
                if key[0] in with_layers and key not in self._layer:
                    self._layer[key] = self._size
                    self._size += self._layers

    def _plan(self) -> None:
        """Plan the elimination for the entries there are now."""
        self._own = self._entries()
        parts = [self._own, *(part.entries() for part in self._parts)]
        row, column, c, g = (np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "column", "c", "g"))
        planned = plan_circuit(Entries(row, column, c, g), self._cable.n, self._size, self._outside)
        if self.circuit is not None:
            planned.x[:] = self.circuit.x
        self.circuit = planned
        self._sources()

    def _entries(self) -> Entries:
        """Entries of cable and layers with the present numbers."""
        table = _Table()
        self._add_cable(table)
        for record in self._records:
            self._add_layers(record, table)
        above = [self._layer[r.id, float(i)] + self._layers - 1 for r in self._records for i in range(r.nseg)]
        self._above = np.array(above, dtype=np.int64)
        name = f"xg_{self._layers - 1}_{NAME}"
        self._ground = np.concatenate(
            [np.zeros(0), *(_US_PER_DENSITY * record.store[name] * record.shape.area for record in self._records)]
        )
        return table.entries()

    def _add_cable(self, table: _Table) -> None:
        cable, electrodes = self._cable, any_electrodes(self._session)
        for k in range(cable.n):
            table.add(k, k, c=float(cable.capacity[k]))
            if self._outside[k] >= 0:
                table.add(int(self._outside[k]), k, c=-float(cable.capacity[k]))
                if electrodes:  # see `_free_entries`
                    table.add(k, int(self._outside[k]))
        for k, parent in enumerate(cable.parent.tolist()):
            if parent >= 0:
                g = float(cable.conductance[k])
                for row, own, other in ((k, k, parent), (parent, parent, k)):
                    for unknown in self._inside(own):
                        table.add(row, unknown, g=g)
                    for unknown in self._inside(other):
                        table.add(row, unknown, g=-g)

    def _inside(self, node: int) -> list[int]:
        """The unknowns whose sum is the potential inside a node."""
        out = int(self._outside[node]) if node < self._cable.n else -1
        return [node] if out < 0 else [node, out]

    def _add_layers(self, record: SectionRecord, table: _Table) -> None:
        """The layers of a section: across to the next one and to ground, along to the neighbours."""
        area, half = record.shape.area, record.L / record.nseg / 2
        keys = [end_or_segment(record, 0.0), *((record.id, float(i)) for i in range(record.nseg)), end_or_segment(record, 1.0)]
        for layer in range(self._layers):
            g = _US_PER_DENSITY * record.store[f"xg_{layer}_{NAME}"] * area
            c = _NF_PER_DENSITY * record.store[f"xc_{layer}_{NAME}"] * area
            for i in range(record.nseg):
                own = self._layer[record.id, float(i)] + layer
                table.between(own, own + 1 if layer + 1 < self._layers else -1, float(c[i]), float(g[i]))
            resistance = [0.0, *(_MOHM * half * record.store[f"xraxial_{layer}_{NAME}"]), 0.0]
            for a, b, near, far in zip(keys, keys[1:], resistance, resistance[1:], strict=False):
                if a in self._layer and b in self._layer:
                    table.between(self._layer[a] + layer, self._layer[b] + layer, 0.0, 1.0 / max(near + far, 1e-12))

    def _columns(self, one: LinearMechanism, extra: int) -> list[list[int]]:
        """For each element of y the unknowns it is the sum of."""
        found = []
        for (record, x), layer in zip(one.places, one.layers, strict=True):
            parts = self._engine.layout.parts(record, x) if record.alive else []
            if len(parts) != 1:
                raise HocError(f"{one.hname()}: {record.name}({x:g}) is gone, or an end in voxels; put it at 0 < x < 1.")
            node = int(self._storage[parts[0][0]])
            if layer == 0:
                found.append(self._inside(node))
            elif self._outside[node] < 0 or layer > self._layers:
                last = f"1 to {self._layers}"
                raise HocError(f"{one.hname()}: {record.name} has no layer {layer}; insert extracellular, layers are {last}.")
            else:
                found.append([int(self._outside[node]) + layer - 1])
        return found + [[extra + i] for i in range(one.g.nrow() - len(one.places))]

    # ------------------------------------------------------------------------------------------------------------- stepping

    def note(self, name: str) -> None:
        """A script has set a property of a layer."""
        if self.circuit is not None:
            self.stale = self.stale or not name.startswith("e_")
            self._driven = True
        elif not name.startswith("e_") and resists(self._session):
            self._session.touch()

    def initialize(self) -> None:
        """The beginning of a run: layers at 0, y as y0 says."""
        if self.circuit is None:
            return
        self.circuit.x[:], self._past = 0.0, None
        for part, one in self._living():
            start = np.zeros(one.y._n) if one.y0 is None else one.y0.as_numpy()
            one.y.as_numpy()[len(one.places) :] = start[len(one.places) : one.y._n]
            if one.function is not None:
                one.function()
            self._take_y(part, one)
        self.show()

    def before(self) -> None:
        """Bring numbers up to date before steps."""
        if self.circuit is None:
            return
        if self._session.globals["secondorder"] != 0 and not self._engine.adaptive:
            raise HocError(
                "Layers of extracellular that resist and LinearMechanism work with h.secondorder = 0 only. (NEURON refuses 1 "
                "and 2 for LinearMechanism; with layers its voltages converge to wrong ones.)"
            )
        for _, one in self._living():
            if one.function is not None:
                one.function()
        if self.stale:
            self._own = self._entries()
            self.circuit.c[: len(self._own.c)], self.circuit.g[: len(self._own.g)] = self._own.c, self._own.g
            self.stale = False
        self._refresh()
        if self._driven or self._parts or self.injects:
            self._sources()
        if self.injects and not self._engine.adaptive:
            self._inject(self._engine.t + 0.5 * self._session.globals["dt"])
        for part, one in self._living():
            self._take_y(part, one)
        self._remember()

    def _inject(self, t: float) -> None:
        """Let what electrodes of mod files inject come from ground: through no membrane."""
        assert self.circuit is not None
        found, circuit, y = self.from_ground, self.circuit, self._engine.y
        start, outside = self._engine.states["v"].start, circuit.x[found.rows]
        self._past = circuit.x.copy()
        (current, modelled), (number, position, slopes) = found.currents(t, y, outside), found.slopes(t, y, outside)
        own, v = position == start + found.nodes[number], y[start + found.nodes]
        slope, taken = (np.bincount(number[own], one[own], len(found.rows)) for one in slopes)
        np.add.at(circuit.source, found.nodes, current - modelled - (slope - taken) * v - slope * outside)
        np.add.at(circuit.source, found.rows, modelled - taken * v)
        for places, conductances in zip(self._free_entries, (taken - slope, -slope, -taken), strict=True):
            circuit.g[places] = 0.0
            np.add.at(circuit.g, places, conductances)

    @cached_property
    def _free_entries(self) -> list[list[int]]:
        """Which entries of the cable's have no conductance of their own: (v, v), (v, outside) and (outside, v) of electrodes.

        The first of their kind. They stay where they are, whatever numbers they get and whatever LinearMechanisms add.
        """
        nodes, rows = self.from_ground.nodes, self.from_ground.rows
        return [
            [int(np.flatnonzero((self._own.row == i) & (self._own.column == j))[0]) for i, j in zip(*pair, strict=True)]
            for pair in ((nodes, nodes), (nodes, rows), (rows, nodes))
        ]

    def longest(self, until: float) -> float:
        """How far a variable step may go: functions of LinearMechanisms are called at its beginning."""
        return min(until, self._engine.t + LONGEST) if self._calls else until

    def _living(self) -> list[tuple[_Part, LinearMechanism]]:
        return [(part, one) for part, one in ((part, part.linear()) for part in self._parts) if one is not None]

    def _refresh(self) -> None:
        """Take the matrices of LinearMechanisms anew; plan anew if there are other entries."""
        assert self.circuit is not None
        at = len(self._own.row)
        for part, _ in self._living():
            if part.has_others():
                self._plan()
                self._engine.fixed.forget()
                self._engine.stepper.take_circuit(self.circuit)
                self._engine.jumped = True
                return
            found = part.entries()
            self.circuit.c[at : at + len(found.c)], self.circuit.g[at : at + len(found.g)] = found.c, found.g
            at += len(found.c)

    def _sources(self) -> None:
        """What drives the system: the potential outside all layers, and b of LinearMechanisms."""
        assert self.circuit is not None
        source = self.circuit.source
        source[:] = 0.0
        if self._records:
            source[self._above] = self._ground * np.concatenate([record.store[f"e_{NAME}"] for record in self._records])
        self._driven = False
        for part, one in self._living():
            np.add.at(source, part.row, part.scale * one.b.as_numpy())

    def _take_y(self, part: _Part, one: LinearMechanism) -> None:
        assert self.circuit is not None
        self.circuit.x[part.row[len(one.places) :]] = one.y.as_numpy()[len(one.places) :]

    def show(self) -> None:
        """Let the Vectors y of LinearMechanisms show where the circuit is."""
        if self.circuit is None or not self._parts:
            return
        x = self.circuit.x
        x[: self._cable.n] = self._engine.y[self._engine.states["v"].start :][: self._cable.n]
        for part, one in self._living():
            one.y.as_numpy()[:] = [sum(x[k] for k in unknowns) for unknowns in part.columns]

    def _remember(self) -> None:
        """Keep what is known of LinearMechanisms at the start of a step."""
        for part, one in self._living():
            part.before = np.array(one.y.as_numpy())

    def driven(self) -> Iterator[tuple[SectionRecord, float, float]]:
        """What LinearMechanisms drive into cells from without at the end of the last step: section, place, nA."""
        dt = self._session.globals["dt"]
        for part, one in self._living() if self.circuit is not None else ():
            y = one.y.as_numpy()
            if self._engine.adaptive and one.c.as_numpy().any():
                caution(
                    f"{one.hname()}: currents through its capacities (c) are not known between variable steps, and count as "
                    "currents through the membrane in i_membrane_. Use fixed steps if they matter."
                )
            rate = np.zeros(len(y)) if part.before is None or self._engine.adaptive else (y - part.before) / dt
            current = part.scale * (one.b.as_numpy() - one.g.as_numpy() @ y - one.c.as_numpy() @ rate)
            for (record, x), layer, value in zip(one.places, one.layers, current.tolist(), strict=False):
                if layer == 0 and record.alive:
                    yield record, x, value

    @property
    def layered(self) -> bool:
        """Whether there are layers, in which the potential inside is not the voltage."""
        return self.circuit is not None and bool(self._records)

    @property
    def has_linear(self) -> bool:
        """Whether there are LinearMechanisms."""
        return bool(self._parts)

    @property
    def _calls(self) -> bool:
        return any(one.function is not None for one in self.linear)

    @property
    def injects(self) -> bool:
        """Whether electrodes of mod files inject where layers are outside."""
        return self.layered and len(self.from_ground.rows) > 0

    @cached_property
    def from_ground(self) -> FromGround:
        """What they inject."""
        return FromGround(self._engine, self._outside)

    @property
    def python(self) -> bool:
        """Whether something has to be done in Python between steps."""
        return self._calls or self.injects

    # -------------------------------------------------------------------------------------------------------------- reading

    def outside(self, layer: int = 0) -> np.ndarray:
        """The potential in a layer of all segments in the order of the sections, 0 without the mechanism, mV."""
        assert self.circuit is not None
        if self._engine.revision != self._session.revision:
            return np.concatenate([self.of(record, layer) for record in self._session.topology])
        if self._in_order[0] != self._session.revision:
            own = [
                self._layer[r.id, float(i)] if r in self._records else -1 for r in self._session.topology for i in range(r.nseg)
            ]
            self._in_order = self._session.revision, np.array(own, dtype=np.int64)
        places = self._in_order[1]
        return np.asarray(np.where(places >= 0, self.circuit.x[np.maximum(places + layer, 0)], 0.0))

    def of(self, record: SectionRecord, layer: int) -> np.ndarray:
        """The potential in a layer of the segments of a section; after an edit of it what was there before, until a step."""
        assert self.circuit is not None
        if record not in self._records or not self._engine.layout.fits(record):
            return np.array(record.store.get(f"vext_{layer}_{NAME}", np.zeros(record.nseg)))
        return np.array([self.circuit.x[self._layer[record.id, float(i)] + layer] for i in range(record.nseg)])

    def at_end(self, record: SectionRecord, x: float, layer: int) -> float | None:
        """The potential in a layer at an end of a section, 0 at that of one without layers; None without a circuit."""
        if self.circuit is None:
            return None
        own = self._layer.get(end_or_segment(record, x))
        return 0.0 if own is None else float(self.circuit.x[own + layer])

    def inside(self, record: SectionRecord, v: np.ndarray) -> np.ndarray:
        """The potentials inside of the segments of a section, across whose membrane are the voltages given."""
        return v if self.circuit is None or record not in self._records else v + self.of(record, 0)

    def at(self, nodes: np.ndarray) -> np.ndarray:
        """The potential outside the membrane of segments in storage order."""
        if self.circuit is None:
            return np.zeros(len(nodes))
        out = self._outside[nodes]
        return np.asarray(np.where(out >= 0, self.circuit.x[np.maximum(out, 0)], 0.0))

    def seen_by_electrodes(self, held: np.ndarray, group: int, columns: Any) -> np.ndarray:
        """What nodes of a group hold (unknowns, n), with the potential inside as v: as at the start of the last fixed step."""
        engine = self._engine
        if self.circuit is None or not self.layered:
            return held
        row = engine.system.groups[group].unknowns.index("v")
        out = self._outside[engine.groups[group].position[row, columns] - engine.states["v"].start]
        x = self.circuit.x if self._past is None else self._past
        inside = held.copy()
        inside[row] += np.where(out >= 0, x[np.maximum(out, 0)], 0.0)
        return inside

    def keep(self) -> None:
        """Leave the potentials with the sections, for the next engine."""
        if self.circuit is not None:
            for record in self._records:
                if record.alive and NAME in record.mechanisms:
                    for layer in range(self._layers):
                        record.store[f"vext_{layer}_{NAME}"][:] = self.of(record, layer)

    def load(self) -> None:
        """Take them from there."""
        if self.circuit is not None:
            for record in self._records:
                for i in range(record.nseg):
                    for layer in range(self._layers):
                        self.circuit.x[self._layer[record.id, float(i)] + layer] = record.store[f"vext_{layer}_{NAME}"][i]
            for part, one in self._living():
                self._take_y(part, one)


class _Part:
    """A LinearMechanism in the circuit: by row its unknown and the factor to nA, by column the unknowns y is the sum of."""

    def __init__(self, one: LinearMechanism, columns: list[list[int]]) -> None:
        self.linear = weakref.ref(one)
        self.columns = columns
        self.before: np.ndarray | None = None  # y at the start of the last step
        self.scale = np.ones(len(columns))
        rows = [unknowns[0] for unknowns in columns]
        for i, (record, x) in enumerate(one.places):
            area = float(record.shape.area[record.index(x)]) if 0 < x < 1 else _AREA_OF_ENDS
            self.scale[i] = _US_PER_DENSITY * area
        self.row = np.array(rows, dtype=np.int64)
        self._find()

    def _pattern(self) -> np.ndarray:
        one = self.linear()
        assert one is not None
        return (one.c.as_numpy() != 0) | (one.g.as_numpy() != 0)

    def _find(self) -> None:
        self._known = self._pattern()
        found = [(i, j, unknown) for i, j in np.argwhere(self._known).tolist() for unknown in self.columns[j]]
        self._i, self._j, self._column = np.array(found, dtype=np.int64).reshape(-1, 3).T

    def has_others(self) -> bool:
        """Whether there are entries now where there were none; they are known after that."""
        if not (self._pattern() & ~self._known).any():
            return False
        self._find()
        return True

    def entries(self) -> Entries:
        """The entries with the present numbers."""
        one, i, j = self.linear(), self._i, self._j
        assert one is not None
        return Entries(
            self.row[i], self._column, self.scale[i] * one.c.as_numpy()[i, j], self.scale[i] * one.g.as_numpy()[i, j]
        )


class _Table:
    """Entries in the making."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, float, float]] = []

    def add(self, row: int, column: int, c: float = 0.0, g: float = 0.0) -> None:
        """One."""
        self._rows.append((row, column, c, g))

    def between(self, a: int, b: int, c: float, g: float) -> None:
        """A capacity and a conductance between two unknowns, or (b < 0) an unknown and what is no unknown."""
        self.add(a, a, c, g)
        if b >= 0:
            self.add(a, b, -c, -g)
            self.add(b, a, -c, -g)
            self.add(b, b, c, g)

    def entries(self) -> Entries:
        """All of them."""
        columns: Any = zip(*self._rows, strict=True)
        row, column, c, g = (np.array(values) for values in columns)
        return Entries(row.astype(np.int64), column.astype(np.int64), c, g)
