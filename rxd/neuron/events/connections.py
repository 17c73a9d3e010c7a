"""Events: the queue, NetCon, handlers of initialisation.

In: connections and callbacks. Out: calls at their times, in the order in which NEURON's fixed step delivers them.
"""

from __future__ import annotations

import heapq
import math
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError
from rxd.neuron.events.relatives import Relatives
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Pointer, RangePointer
from rxd.solve.between_steps import DETECTION

if TYPE_CHECKING:
    from rxd.neuron.cells.sections import Section, Segment
    from rxd.neuron.recordings.spike_recorder import SpikeRecorder

__all__ = ["Detector", "EventHeap", "FInitializeHandler", "NetCon", "as_action"]

DELAY_OF_DETECTION = DETECTION  # NEURON's own: a spike found at t is sent from just after t


class EventHeap:
    """Actions in order of time; those at the same time in the order in which they were sent, or else put in.

    ``pushed``, ``popped``: how many went in and out. ``now``: when what is put in is sent, ms, if nothing else is said.
    """

    __slots__ = ("_heap", "_pushed", "now", "popped", "pushed", "told")

    def __init__(self) -> None:
        self._heap: list[tuple[float, float, int, Callable[[float], None]]] = []
        self.now = 0.0
        self._pushed = self.pushed = self.popped = 0
        self.told: Callable[[float], None] | None = None
        """Wants to hear the time of every event that is put on its way."""

    def push(self, t: float, action: Callable[[float], None], sent: float | None = None) -> None:
        """Put an action on its way, or one that is on its way since another time."""
        heapq.heappush(self._heap, (float(t), self.now if sent is None else sent, self._pushed, action))
        self._pushed += 1
        self.pushed += 1
        if self.told is not None:
            self.told(float(t))

    def next_time(self) -> float:
        """Time of the next action, ms; infinity if there is none."""
        return self._heap[0][0] if self._heap else math.inf

    def pop(self) -> tuple[float, Callable[[float], None]]:
        """Take the next action out.

        What it sends comes behind all that is sent at that time, if it has been sent then itself.
        """
        t, sent, _, action = heapq.heappop(self._heap)
        self.now = t if sent < t else math.nextafter(sent, math.inf)
        self.popped += 1
        return t, action

    @property
    def next_sent(self) -> float:
        """When the next action was sent, ms; infinity if there is none."""
        return self._heap[0][1] if self._heap else math.inf

    def _in_order(self, until: float) -> Iterator[tuple[float, float, int, Callable[[float], None]]]:
        """Entries up to a time, from the first on; they stay.

        Those below an entry wait until it has been seen: thousands of events may be on their way, and loops with functions to
        be called ask at every call for the next few.
        """
        heap = self._heap
        ahead = [(*heap[0][:3], 0)] if heap else []
        while ahead and ahead[0][0] <= until:
            *_, place = heapq.heappop(ahead)
            yield heap[place]
            for below in range(2 * place + 1, min(2 * place + 3, len(heap))):
                heapq.heappush(ahead, (*heap[below][:3], below))

    def first(self, wanted: Callable[[Callable[[float], None]], bool], until: float) -> tuple[float, int]:
        """Time of the first of some actions, ms, and how many others come before; infinity if there is none up to a time."""
        others = 0
        for t, *_, action in self._in_order(until):
            if wanted(action):
                return t, others
            others += 1
        return math.inf, others

    def first_of(self, wanted: Callable[[Any], bool], until: float) -> list[tuple[float, float, Any]]:
        """Times, when they were sent, and actions of some entries up to a time, those put in first in front; they stay."""
        found = sorted((entry for entry in self._in_order(until) if wanted(entry[3])), key=lambda entry: entry[2])
        return [(t, sent, action) for t, sent, _, action in found]

    def take(self, until: float, wanted: Callable[[Callable[[float], None]], bool]) -> list[Any]:
        """Take some actions out up to a time, in their order; `put_back` brings them back."""
        taken: list[Any] = []
        others: list[Any] = []
        while self._heap and self._heap[0][0] <= until:
            entry = heapq.heappop(self._heap)
            (taken if wanted(entry[3]) else others).append(entry)
        self.put_back(others)
        return taken

    def put_back(self, entries: list[Any]) -> None:
        """Put actions back that have been taken out."""
        for entry in entries:
            heapq.heappush(self._heap, entry)

    def clear(self) -> None:
        """Remove everything, and begin at time 0."""
        self._heap.clear()
        self.now = 0.0

    def drop(self, unwanted: Callable[[Callable[[float], None]], bool]) -> None:
        """Remove some actions."""
        self._heap = [entry for entry in self._heap if not unwanted(entry[3])]
        heapq.heapify(self._heap)

    def entries(self) -> list[tuple[float, Any]]:
        """The times and actions of all, in order."""
        return [(t, action) for t, *_, action in sorted(self._heap, key=lambda entry: entry[:3])]

    def times(self) -> list[float]:
        """The times of all actions, in order."""
        return sorted(t for t, *_ in self._heap)

    def copy(self) -> list[Any]:
        """What is on its way, for `restore`."""
        return list(self._heap)

    def restore(self, actions: list[Any]) -> None:
        """Put back what `copy` gave."""
        self._heap = list(actions)
        heapq.heapify(self._heap)
        self._pushed = max([self._pushed, *(number + 1 for _, _, number, _ in self._heap)])

    def __len__(self) -> int:
        return len(self._heap)


class Detector:
    """What watches a variable for rising through a threshold; shared by the NetCons with the same source."""

    __slots__ = ("above", "connections", "pointer", "threshold")

    def __init__(self, pointer: Pointer, threshold: float) -> None:
        self.pointer = pointer
        self.threshold = threshold
        self.above = False
        self.connections: list[Any] = []

    def listening(self) -> list[Any]:
        """The connections that are alive."""
        found = [reference() for reference in self.connections]
        return [connection for connection in found if connection is not None]

    def rises(self) -> bool:
        """Whether the variable is above the threshold and was not at the last call."""
        if self.pointer.is_gone:
            return False
        return self.rises_to(self.pointer.get())

    def rises_to(self, value: float) -> bool:
        """The same for a value of the variable that is known already."""
        above = value > self.threshold
        risen = above and not self.above
        self.above = above
        return risen


class NetCon(Relatives):
    """A connection from a source of spikes to a target: `h.NetCon(soma(0.5)._ref_v, syn, threshold, delay, weight, sec=soma)`.

    Parameters
    ----------
    source : pointer, artificial cell or None
    target : synapse, artificial cell or None
    threshold, delay, weight : float
        mV, ms, and what the target makes of it.
    """

    def __init__(
        self,
        source: Any = None,
        target: Any = ...,
        threshold: float | None = None,
        delay: float = 1.0,
        weight: float = 0.0,
        sec: Section | None = None,
    ) -> None:
        session = current_session()
        if target is ...:
            raise HocError(
                "NetCon not enough arguments: a source and a target, h.NetCon(soma(0.5)._ref_v, syn, sec=soma); the target may "
                "be None."
            )
        if source is not None and not (isinstance(source, Pointer) or hasattr(source, "fire")):
            raise HocError(
                f"A NetCon listens to a pointer such as soma(0.5)._ref_v or to an artificial cell, not to {source!r}."
            )
        self._check_target(target)
        if isinstance(target, PointProcess):
            session.own(target.session, target.hname())
        self._session = session
        self._number = session.run.ordinals.following("NetCon")
        session.run.add_connection(self)
        self._recorder: SpikeRecorder | None = None
        self.delay = float(delay)
        self.weight = _Weights([float(weight), *[0.0] * (getattr(target, "weights", 1) - 1)], session.run)
        self._active = True
        self._target = session.run.weak(target)
        self._source: Any = source if isinstance(source, Pointer) else session.run.weak(source)
        self._detector = session.run.connect(
            self, source, 10.0 if threshold is None else float(threshold), threshold is not None
        )
        if self._detector is None and threshold is not None:
            self._unused_threshold()[0] = float(threshold)

    @staticmethod
    def _check_target(target: Any) -> None:
        if target is not None and not (isinstance(target, PointProcess) and target.info.receives):
            raise HocError(f"A NetCon sends to a synapse or an artificial cell, not to {target!r}.")

    @property
    def threshold(self) -> float:
        """Threshold of the source, mV; NetCons with the same source share it."""
        return self._detector.threshold if isinstance(self._detector, Detector) else self._unused_threshold()[0]

    @threshold.setter
    def threshold(self, value: float) -> None:
        if isinstance(self._detector, Detector):
            self._detector.threshold = float(value)
            self._session.run.watch_changed()
        else:
            self._unused_threshold()[0] = float(value)

    def _unused_threshold(self) -> list[float]:
        """That of an artificial cell, which nobody looks at; its NetCons share it."""
        holder = self if self.pre() is None else self.pre()
        stored = getattr(holder, "_stored", None)
        found: list[float] = (holder.__dict__ if stored is None else stored).setdefault("threshold_of_source", [10.0])
        return found

    @property
    def x(self) -> float:
        """The watched variable."""
        return float(self._detector.pointer.get()) if isinstance(self._detector, Detector) else 0.0

    def syn(self) -> Any:
        """The target, or None."""
        return self._target()

    def pre(self) -> Any:
        """The artificial cell that is the source, or None."""
        return None if isinstance(self._source, Pointer) else self._source()

    def origin(self) -> Any:
        """What it listens to: a pointer, an artificial cell, or None."""
        return self._source if isinstance(self._source, Pointer) else self._source()

    def preseg(self) -> Segment | None:
        """The segment of the watched voltage."""
        return self._source_segment() if getattr(self._source, "name", "") == "v" else None

    def _source_segment(self) -> Segment | None:
        """The segment of the watched variable."""
        if not isinstance(self._source, RangePointer) or not self._source.record.alive:
            return None
        record, x = self._source.record, self._source.x
        return record.section(x if x in {0.0, 1.0} else (record.index(x) + 0.5) / record.nseg)

    def postseg(self) -> Segment | None:
        """The segment of the target."""
        target = self.syn()
        if target is None or (target.host is not None and not target.host.alive):
            return None
        found: Segment | None = target.get_segment()
        return found

    def precell(self) -> Any:
        """The cell of the source's section."""
        segment = self._source_segment()
        return None if segment is None else segment.sec.cell()

    def postcell(self) -> Any:
        """The cell of the target's section."""
        segment = self.postseg()
        return None if segment is None else segment.sec.cell()

    def preloc(self) -> float:
        """Where on its section the source is, or -2 if it is not the voltage (the section is pushed); -1 if it is in none."""
        segment = self._source_segment()
        if segment is None:
            return -1.0
        segment.sec.push()
        return segment.x if self.preseg() is not None else -2.0

    def postloc(self) -> float:
        """Where on its section the target is (the section is pushed), or -1."""
        return -1.0 if self.postseg() is None else float(self.syn().get_loc())

    def active(self, flag: bool | None = None) -> bool:
        """Whether it sends events; with an argument, set it. What is on its way arrives all the same."""
        before = self._active
        if flag is not None:
            self._active = bool(flag)
        return before

    def valid(self) -> bool:
        """Whether it has a target."""
        return self.syn() is not None

    def wcnt(self) -> float:
        """Number of weights."""
        return float(len(self.weight))

    def setpost(self, target: Any = None) -> float:
        """Replace the target; one with more weights finds zeros behind those that are there.

        Raises
        ------
        HocError
            If it is none.
        """
        self._check_target(target)
        self._target = self._session.run.weak(target)
        if target is not None:
            wanted = getattr(target, "weights", 1)
            self.weight[:] = [*self.weight, *[0.0] * wanted][:wanted]
        return 0.0

    def _listen(self, source: Any) -> None:
        """Take another source, as `ParallelContext.gid_connect` has it."""
        run = self._session.run
        run.deaf(self)
        self._source = source if isinstance(source, Pointer) else run.weak(source)
        self._detector = run.connect(self, source, 10.0, False)

    def record(self, into: Any = None, numbers: Any = None, number: float | None = None) -> Any:
        """Record the spike times of the source in a Vector, or call a function at every spike; without argument, in no Vector.

        With a second Vector, that takes a number for every spike: the one given, or the number of this NetCon. Instead of a
        function there may be a statement of hoc; an empty one ends the calls. What records belongs to the source, and is one
        Vector of times and one function for all its NetCons: the last that asks takes it over, and it goes on when that one
        is gone.

        Raises
        ------
        HocError
            If there is neither a source nor a target; if it is asked for something else.

        Warns
        -----
        UserWarning
            If it takes the recording over from another NetCon and its Vector.
        """
        if self.origin() is None and self.syn() is None:
            raise HocError(f"{self}.record: it has no source.")
        recorder = self._session.run.recorder(self)
        if into is None or hasattr(into, "push"):
            recorder.write_to(into, numbers, float(self._number if number is None else number), self)
        else:
            recorder.action = as_action(into, numbers) if into != "" else None
        self._session.run.wiring += 1
        self._session.run.watch_changed()  # variable steps end where something is called
        return 0.0

    def get_recordvec(self) -> Any:
        """The Vector that the spikes of its source are recorded in, or None."""
        return None if self._recorder is None else self._recorder.times

    def event(self, t: float, flag: float | None = None) -> float:
        """Deliver an event at a time, whatever the source does; with a flag, as an event that an artificial cell sends itself.

        Returns 0 if it is not active, else 1.

        Raises
        ------
        HocError
            If there is a flag, and the target is no artificial cell.
        """
        target = self.syn()
        if flag is not None and not hasattr(target, "fire"):
            raise HocError(f"NetCon.event takes a flag for artificial cells only, and {target} is none.")
        if not self._active:
            return 0.0
        self._session.run.at(float(t), self.deliver if flag is None else self._self_event(target, float(flag)))
        return 1.0

    def _self_event(self, target: Any, flag: float) -> Callable[[float], None]:
        def self_event(t: float) -> None:
            if hasattr(type(target), "_own"):
                target._own(t)
            else:
                target.receive(self.weight, t, flag)

        return self_event

    def spike(self, t: float) -> None:
        """The source fires."""
        if self._active and self.syn() is not None:
            self._session.run.at(t + self.delay, self.deliver)

    def deliver(self, t: float) -> None:
        """Hand the weight to the target."""
        target = self.syn()
        if target is None:  # what is on its way arrives, active or not
            return
        if hasattr(type(target), "receive"):  # an object of a class without it would look among its variables
            target.receive(self.weight, t)
        else:
            self._session.run.receive(target, self.weight)

    def hname(self) -> str:
        """Its name."""
        return repr(self)

    def same(self, other: object) -> bool:
        """Whether it is the same object."""
        return self is other

    def __getattr__(self, name: str) -> Any:
        if name == "_ref_weight":
            from rxd.neuron.vectors.pointers import AttributePointer

            return [AttributePointer(self, "weight", index) for index in range(len(self.weight))]
        raise AttributeError(f"'hoc.NetCon' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "weight" and not isinstance(value, _Weights):
            self.weight[0] = value
        elif name[0] != "_" and name not in {"delay", "weight", "threshold"} and type(self).__module__ == __name__:
            raise AttributeError(f"'hoc.NetCon' object has no attribute '{name}'; it has: delay, threshold, weight")
        else:
            object.__setattr__(self, name, float(value) if name == "delay" else value)
            if name in {"delay", "_target", "_active"}:
                self._session.run.wiring += 1
            if name == "delay" and getattr(self, "_detector", None) is not None:
                self._session.run.watch_changed()  # variable steps end where the next event may arrive

    def __repr__(self) -> str:
        return f"NetCon[{self._number}]"


class _Weights(list[float]):
    """Weights of a NetCon, of a run that wants to know when they change."""

    __slots__ = ("_run",)

    def __init__(self, values: list[float], run: Any) -> None:
        super().__init__(values)
        self._run = run

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, [float(one) for one in value] if isinstance(index, slice) else float(value))
        self._run.wiring += 1


def as_action(callback: Any, *context: Any) -> Callable[[], Any]:
    """A callable from what NEURON takes as one: a function, `(function, argument)`, `(function, (arguments))`, or hoc code.

    hoc code runs in the session in use now, in the first object of a template among ``context``, if there is one.

    Raises
    ------
    HocError
        If it is none of these.
    """
    if isinstance(callback, str):
        session = current_session()
        frame = session.hoc.frame_in(*context)

        def execute() -> bool:
            with session:  # who calls may be at work in another one
                return session.hoc.execute(callback, frame)

        return execute
    if isinstance(callback, tuple):
        function, argument = callback
        arguments = argument if isinstance(argument, tuple) else (argument,)
        return lambda: function(*arguments)
    if callable(callback):
        return callback
    raise HocError(f"A callback is a function, (function, argument) or hoc code, not {callback!r}.")


class FInitializeHandler(HocObject):
    """Calls something in `finitialize`: at its start (3), with v set (0), the initial state (1, default), at its end (2)."""

    def __init__(self, *args: Any) -> None:
        kind, callback, *context = args if len(args) > 1 and not isinstance(args[0], str) else (1, *(args or (None,)))
        if kind not in {0, 1, 2, 3} or callback is None:
            raise HocError(
                "Arg out of range: FInitializeHandler takes a type (0, 1, 2 or 3; default 1) and a function or hoc code."
            )
        self.kind = int(kind)
        self.what = callback
        self._action = as_action(callback, *context)
        current_session().run.add_handler(self)

    def __call__(self) -> None:
        """Do what it was made for."""
        self._action()

    def allprint(self) -> float:
        """Print all handlers by their types: hoc code as it is, functions by what they are."""
        handlers = current_session().run._living_handlers()
        for kind in range(4):
            lines = [f"\t{handler.what}\n" for handler in handlers if handler.kind == kind]
            if lines:
                sys.stdout.write(f"Type {kind} FInitializeHandler statements\n{''.join(lines)}")
        return 0.0
