"""Who looks for spikes in a run, and who hears of them.

In: NetCons with their sources, state machines. Out: events, when a source rises through its threshold or an artificial cell
fires.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.engine.rising import seen_last
from rxd.neuron.engine.wires import calls
from rxd.neuron.events.artificial import Artificial
from rxd.neuron.events.connections import DELAY_OF_DETECTION, Detector, NetCon
from rxd.neuron.recordings.spike_recorder import SpikeRecorder
from rxd.neuron.vectors.pointers import AttributePointer, RangePointer

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine import Engine
    from rxd.neuron.events.transitions import Moves
    from rxd.neuron.mods.events import Watches
    from rxd.neuron.runs.ahead import Ahead

__all__ = ["Watching"]


class Watching:
    """The part of a `Run` that finds spikes.

    Attributes
    ----------
    wiring : int
        Grows whenever a NetCon gets another delay, weight, target or recording, or its target another parameter.
    """

    engine: Engine | None
    adaptive: bool
    ahead: Ahead
    call: Callable[[Callable[[], Any], float], None]

    def __init__(self) -> None:
        self._detectors: list[Detector] = []
        self._sources: tuple[list[Detector], dict[tuple[Any, ...], list[Detector]]] = (self._detectors, {})
        self._listeners: dict[int, list[weakref.ref[Any]]] = {}
        self._machines: list[weakref.ref[Moves | Watches]] = []
        self._watch: tuple[Engine | None, list[Detector], list[Detector]] = (None, [], [])
        self._compared = -1
        self.wiring = 0

    def connect(self, connection: NetCon, source: Any, threshold: float, given: bool) -> Detector | None:
        """Let a NetCon listen to its source; NetCons of one variable share a detector."""
        connection._recorder = None  # that of its last source stays there
        watched = source.crossing() if hasattr(source, "crossing") else None
        if hasattr(source, "fire") and watched is None:
            self._hear(connection, self._listeners.setdefault(id(source), []))
            self.wiring += 1
            weakref.finalize(source, self._listeners.pop, id(source), None)
            return None
        if source is None:
            return None
        source = source if watched is None else watched
        same = self._same_sources(source)
        detector = next((known for known in same if known.pointer == source), None)
        if detector is None:
            detector = Detector(source, threshold)
            self._detectors.append(detector)
            same.append(detector)
        if given:
            detector.threshold = threshold
        self.watch_changed()
        self._hear(connection, detector.connections)
        return detector

    @staticmethod
    def _hear(connection: NetCon, heard: list[weakref.ref[Any]]) -> None:
        """Add a NetCon to those who listen to a source; it keeps what records the spikes there."""
        first = heard[0]() if heard else None
        connection._recorder = first if isinstance(first, SpikeRecorder) else None
        heard.append(weakref.ref(connection))

    def deaf(self, connection: NetCon) -> None:
        """Let a NetCon no longer listen to its source."""
        heard = self._heard(connection)
        if heard is not None:
            heard[:] = [reference for reference in heard if reference() is not connection]
            self.wiring += 1
            self.watch_changed()

    def recorder(self, connection: NetCon) -> SpikeRecorder:
        """What records the spikes of a NetCon's source; without a source, of nobody."""
        if connection._recorder is None:
            run, heard = weakref.ref(self), self._heard(connection)
            made = connection._recorder = SpikeRecorder(run)
            for reference in heard or ():
                other = reference()
                if isinstance(other, NetCon):
                    other._recorder = made

            def gone(_: object) -> None:
                owner = run()
                if owner is not None:
                    owner.wiring += 1

            if heard is not None:
                heard.insert(0, weakref.ref(made, gone))  # a spike is recorded before its events are on their way
        return connection._recorder

    def _heard(self, connection: NetCon) -> list[weakref.ref[Any]] | None:
        """Those who listen to the source of a NetCon; None if it has none."""
        if connection._detector is not None:
            return connection._detector.connections
        source = connection.pre()
        return None if source is None else self._listeners.get(id(source))

    def _same_sources(self, source: Any) -> list[Detector]:
        """The detectors of a variable of a section or point process, to which one may be added, of perhaps thousands."""
        if self._sources[0] is not self._detectors:
            known: dict[tuple[Any, ...], list[Detector]] = {}
            for detector in self._detectors:
                key = _source_key(detector.pointer)
                if type(detector) is Detector and key is not None:
                    known.setdefault(key, []).append(detector)
            self._sources = self._detectors, known
        key = _source_key(source)
        return [] if key is None else self._sources[1].setdefault(key, [])

    def listeners(self, source: Artificial) -> list[NetCon]:
        """The NetCons that listen to an artificial cell."""
        found = [reference() for reference in self._listeners.get(id(source), ())]
        return [connection for connection in found if connection is not None]

    def listening(self) -> dict[int, list[NetCon]]:
        """The NetCons that listen to each artificial cell, by its id."""
        every = ((key, [reference() for reference in references]) for key, references in self._listeners.items())
        return {key: [connection for connection in found if connection is not None] for key, found in every}

    def count_with(self, detector: Detector, instead_of: Detector | None) -> None:
        """Let a counter of action potentials look at its segment, and no longer at where it was."""
        self._detectors = [*(known for known in self._detectors if known is not instead_of), detector]
        self.watch_changed()

    def fire(self, source: Artificial, t: float) -> None:
        """An artificial cell fires."""
        for connection in self.listeners(source):
            connection.spike(t)

    def _detect(self, t: float, but: Collection[Detector] = ()) -> None:
        """Look for sources that have risen through their thresholds."""
        risen: list[Detector] = []
        if not but:
            watched, others = self._watches()
            if watched and (self.engine is None or self._compared != self.engine.version or self.engine.crossed):
                risen += self._risen(watched)
        else:
            others = [detector for detector in self._detectors if detector not in but]
        risen += [detector for detector in others if detector.rises()]
        for detector in risen:
            for connection in detector.listening():
                connection.spike(t + DELAY_OF_DETECTION)
        if self._machines:  # all look before anybody acts
            for action in [action for machine in self.machines() for action in machine.check(t, self.adaptive)]:
                self.call(action, t)

    def machines(self) -> list[Moves | Watches]:
        """The state machines that are alive."""
        found = [reference() for reference in self._machines]
        if None in found:
            self._machines = [reference for reference in self._machines if reference() is not None]
        return [machine for machine in found if machine is not None]

    def _risen(self, watched: list[Detector]) -> list[Detector]:
        """Those of some detectors, whose voltages the engine looks at, that have risen."""
        engine = self.engine
        assert engine is not None
        values, changed = engine.compare()
        numbers = range(len(watched)) if changed is None else changed.tolist()
        return [watched[number] for number in numbers if watched[number].rises_to(float(values[number]))]

    def _carry_on(self, engine: Engine, last: Engine) -> None:
        """Let what was above its threshold in variable steps of the last engine not rise once more in another."""
        watched = self._voltages(engine.layout.index)
        pointers: list[Any] = [detector.pointer for detector in watched]
        seen = seen_last(last, [(pointer.record, pointer.x) for pointer in pointers])
        if engine.adaptive:
            engine.state.before[:] = np.where(np.isnan(seen), engine.state.before, seen)
        for detector, v in zip(watched, seen.tolist(), strict=True):
            detector.above = v > detector.threshold

    def watch_changed(self) -> None:
        """NetCons or their thresholds have changed."""
        self._watch = (None, [], [])
        self.ahead.forget()  # nobody has looked for their spikes in steps made ahead

    def _watches(self) -> tuple[list[Detector], list[Detector]]:
        """The detectors whose voltages the engine looks at, and the others."""
        if self._watch[0] is not self.engine or self.engine is None:
            known = () if self.engine is None else self.engine.layout.index
            watched = self._voltages(known)
            self._compared = -1
            self._watch = (self.engine, watched, [detector for detector in self._detectors if detector not in watched])
            if self.engine is not None:
                self.engine.watch()
        return self._watch[1], self._watch[2]

    def watched(self, known: Any) -> list[tuple[SectionRecord, float, float, list[float]]]:
        """The voltages that NetCons watch: section, place, threshold, delays."""
        found = []
        for detector in self._voltages(known):
            pointer: Any = detector.pointer
            # what is called at a spike sees the state of that moment: the step ends there
            delays = [0.0 if calls(one) else one.delay for one in detector.listening()]
            found.append((pointer.record, pointer.x, detector.threshold, delays))
        return found

    def _voltages(self, known: Any) -> list[Detector]:
        """The detectors that watch a voltage."""
        return [
            detector
            for detector in self._detectors
            if isinstance(detector.pointer, RangePointer)
            and detector.pointer.name == "v"
            and detector.pointer.record.id in known
        ]


def _source_key(pointer: Any) -> tuple[Any, ...] | None:
    """By what the detectors of a variable are found; None where each connection has its own."""
    if isinstance(pointer, RangePointer):
        return pointer.record.id, pointer.name
    return (pointer.name, id(pointer.target)) if isinstance(pointer, AttributePointer) else None
