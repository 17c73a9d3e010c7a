"""What CVode tells of the variables it integrates, of the queue and of itself; `CVode` takes these methods over.

In: a run. Out: names, values and rates of variables in an order of our own; events on their way; constants.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.engine.precision import tolerated
from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.events.artificial import Turn

if TYPE_CHECKING:
    from rxd.neuron.runs.run import Run
    from rxd.neuron.session import Session
    from rxd.neuron.vectors.vector import Vector

__all__ = ["States"]

REMEDY: Mapping[str, str] = MappingProxyType(
    {
        "state_magnitudes": "record the variables with Vector.record",
    }
)


class States:
    """Variables, events and facts."""

    _session: Session

    @property
    def _run(self) -> Run:
        return self._session.run

    def statename(self, number: float, into: Any, style: float = 0) -> float:
        """Write the name of a variable into a text reference: `soma.m_hh(0.5)`, `ExpSyn[0].g`; with style 2 `m_hh`, `ExpSyn.g`.

        Raises
        ------
        HocError
            With fixed steps, as in NEURON; if there are not so many variables.
        """
        if not self._run.adaptive:
            raise HocError("Cvode is not active")
        engine = self._run._compiled()
        if not 0 <= int(number) < len(engine.y):
            raise HocError(f"Cvode::statename argument out of range: {int(number)} of {len(engine.y)}")
        label, segment = engine.states.locate(int(number))
        owner, _, name = label.rpartition(".")
        text = f"{name}_{owner}" if owner else name
        points = next((unknown.points for unknown in engine.system.unknowns if unknown.label == label), ())
        if points:
            point = engine.declared.points[points[int(number) - engine.states[label].start]]
            text = f"{point.kind if style == 2 else point}.{name}"
        elif style != 2:
            for record in engine.layout.records:
                index = np.flatnonzero(engine.layout.index[record.id] == segment)
                if index.size:
                    text = f"{record.name}.{text}({(index[0] + 0.5) / record.nseg:g})"
        into.set(text)
        return 0.0

    def ygather(self, into: Vector) -> float:
        """Write the variables into a Vector, as `states` does."""
        into.from_python(self._run.states())
        return 0.0

    def yscatter(self, values: Vector) -> float:
        """Give the variables the values of a Vector, such as `ygather` gave; `re_init` makes them those of the solver.

        Raises
        ------
        HocError
            If there are more or fewer.
        """
        engine = self._run._compiled()
        given = np.asarray(values.to_python())
        if given.shape != engine.y.shape:
            raise HocError(f"yscatter: size of the Vector is {given.size}, not {engine.y.size} as of CVode.ygather")
        engine.y[:] = given
        engine.jumped = True
        engine.changed()
        return 0.0

    def error_weights(self, into: Vector) -> float:
        """Write into a Vector what the error of every variable is multiplied with: 1 over what is tolerated."""
        if not self._run.adaptive:
            into.resize(0)
            return 0.0
        into.from_python(1.0 / tolerated(self._run._compiled()))
        return 0.0

    def acor(self, into: Vector) -> float:
        """Write into a Vector the estimated error of every variable in the last step; with fixed steps it gets empty."""
        engine = self._run.engine
        if not self._run.adaptive or engine is None or not engine.adaptive:
            into.resize(0)
            return 0.0
        into.from_python(engine.stepper.errors())
        return 0.0

    def spike_stat(self, into: Vector) -> float:
        """Write NEURON's eleven counts into a Vector.

        They are the number of equations (0 with fixed steps), of NetCons, and (8, 10) of events that went into and out of the
        queue since the session began. NEURON 9 has zeros for the rest; events within compiled runs are in no queue.
        """
        run, counts = self._run, np.zeros(11)
        counts[0] = len(run.states()) if run.adaptive else 0
        counts[1], counts[8], counts[10] = len(run.connections()), run.events.pushed, run.events.popped
        into.from_python(counts)
        return 1.0

    def store_events(self, into: Vector | None = None) -> float:
        """Append to a Vector, for every event put on its way, the times of that and of its arrival; without one, no more."""
        values = self._session.globals

        def note(t: float) -> None:
            into.push(values.t)  # type: ignore[union-attr]
            into.push(t)  # type: ignore[union-attr]

        self._run.events.told = None if into is None else note
        return 1.0

    def print_event_queue(self, into: Vector | None = None, *_: Any) -> float:
        """Print the events on their way, or write their times into a Vector."""
        entries = self._run.events.entries()
        if into is not None:
            into.from_python([t for t, _ in entries])
        else:
            sys.stdout.write("".join(f" {_described(action)} {t:g}\n" for t, action in entries))
        return float(len(entries))

    def dstates(self, into: Vector) -> float:
        """Write the rates of the variables, per ms, into a Vector; with fixed steps it gets empty, as in NEURON."""
        if not self._run.adaptive:
            into.resize(0)
            return 0.0
        engine = self._run._compiled()
        into.from_python(self._rates(engine.t, engine.y))
        return 0.0

    def f(self, t: float, values: Vector, into: Vector) -> float:
        """Write the rates that the variables have at a time with the values of a Vector; empty with fixed steps.

        Raises
        ------
        HocError
            If there are more or fewer values than variables.
        """
        if not self._run.adaptive:
            into.resize(0)
            return 0.0
        given, size = np.asarray(values.to_python()), len(self._run.states())
        if given.size != size:
            raise HocError(f"CVode.f: size of the Vector is {given.size}, not {size} as of CVode.states")
        into.from_python(self._rates(float(t), given))
        return 0.0

    def _rates(self, t: float, y: np.ndarray) -> np.ndarray:
        equations = self._run._compiled().problem.equations
        return np.array(equations.rates(t, np.array(y), equations.electrodes(t), np.zeros(len(y))))

    def fixed_step(self) -> float:
        """One step of `h.dt` with the present method."""
        self._run.fadvance()
        return 0.0

    def event_queue_info(self, kind: float, times: Vector, *into: Any) -> float:
        """Write the events on their way into a Vector and a List: of NetCons (2), or (3) what artificial cells send themselves.

        With 3 there is a Vector of flags before the List, which gets the cells.
        """
        if int(kind) not in {2, 3} or len(into) != int(kind) - 1:
            raise HocError("event_queue_info takes (2, times, list) or (3, times, flags, list).")
        found = [entry for entry in self._run.events.entries() if self._is_of(int(kind), entry[1])]
        into[-1].remove_all()
        for _, action in found:
            into[-1].append(action.cell if int(kind) == 3 else action.__self__)
        times.from_python([t for t, _ in found])
        if int(kind) == 3:
            into[0].from_python([1.0] * len(found))
        return 0.0

    @staticmethod
    def _is_of(kind: int, action: Any) -> bool:
        if kind == 3:
            return isinstance(action, Turn) and not action.is_over
        return hasattr(getattr(action, "__self__", None), "postcell")

    def structure_change_count(self) -> int:
        """How often the structure of the model has changed."""
        return self._session.revision

    def diam_change_count(self) -> int:
        """How often sizes or connections of sections have changed."""
        return self._session.shape_revision

    def use_parallel(self) -> float:
        """Whether processes could work together: NEURON answers 1; here there is one."""
        return 1.0

    def poolshrink(self, *_: Any) -> float:
        """Has no effect: there are no pools."""
        return 0.0

    def free_event_queues(self) -> float:
        """Has no effect: a queue is as large as what is in it."""
        return 0.0

    def dae_init_dteps(self, *_: Any) -> float:
        """How short a step NEURON begins with; not used here."""
        return 1e-9

    def ncs_netcons(self, *_: Any) -> float:
        """How many NetCons NCS has made: none."""
        return 0.0

    def simgraph_remove(self) -> float:
        """Has no effect: there are no graphs of NEURON's own."""
        return 0.0

    def hname(self) -> str:
        """Its name."""
        return repr(self)

    def same(self, other: object) -> bool:
        """Whether it is the same object."""
        return self is other

    def __getattr__(self, name: str) -> Any:
        if name in REMEDY:
            raise NotSupported(f"CVode.{name} is not supported: {REMEDY[name]}.")
        raise AttributeError(f"'hoc.CVode' object has no attribute '{name}'")


def _described(action: Any) -> str:
    """An event, as NEURON's list of the queue names it."""
    owner: Any = getattr(action, "__self__", None)
    if hasattr(owner, "postcell"):
        return f"{owner} src={owner.pre() or owner.origin()} target={owner.syn()}"
    if isinstance(action, Turn):
        return f"SelfEvent target={action.cell} flag=1"
    return "PlayRecordEvent" if getattr(action, "__name__", "") == "take" else "HocEvent"
