"""CVode: variable steps, and events.

In: tolerances, callbacks. Out: settings of the session's run. The solver behind is Axoplasm's adaptive coupled step, not CVODE:
the tolerances mean the same, the number of steps differs.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rxd.neuron.cvode_states import States
from rxd.neuron.errors import HocError
from rxd.neuron.pointers import GlobalPointer
from rxd.neuron.session import current_session

if TYPE_CHECKING:
    from rxd.neuron.vector import Vector

__all__ = ["CVode"]


class CVode(States):
    """`h.CVode()`; all objects of a session are views of the same settings."""

    def __init__(self) -> None:
        session = current_session()
        self._session = session
        self._number = session.number("CVode")

    def active(self, flag: bool | None = None) -> bool:
        """Whether steps are variable; with an argument, set it."""
        if flag is not None:
            if flag not in {0, 1}:
                raise HocError(f"Arg out of range: CVode.active({flag!r}); it takes True or False")
            self._run.set_adaptive(bool(flag))
        return self._run.adaptive

    def _tolerance(self, name: str, value: float | None) -> float:
        if value is not None:
            self._run.tolerances[name] = float(value)
        return self._run.tolerances[name]

    def atol(self, value: float | None = None) -> float:
        """Absolute tolerance; with an argument, set it."""
        return self._tolerance("atol", value)

    def rtol(self, value: float | None = None) -> float:
        """Relative tolerance; with an argument, set it."""
        return self._tolerance("rtol", value)

    def maxstep(self, value: float | None = None) -> float:
        """Largest step, ms; with an argument, set it."""
        limit = self._tolerance("maxstep", value)
        return limit if math.isfinite(limit) else 1e9

    def minstep(self, value: float | None = None) -> float:
        """Smallest step, ms; with an argument, set it."""
        return self._tolerance("minstep", value)

    def atolscale(self, name: str, scale: float | None = None) -> float:
        """Factor of the absolute tolerance of a variable; rxd species have their own `atolscale=`."""
        scales = self._run.scales
        if scale is not None:
            scales[str(name)] = float(scale)
        return scales.get(str(name), 1.0)

    def states(self, into: Vector) -> float:
        """Write the variables the solver integrates into a Vector: voltages, then everything else, in an order of our own."""
        into.from_python(self._run.states())
        return float(len(into))

    def extra_scatter_gather(self, direction: int, action: Any) -> float:
        """Call something whenever the variables have been brought up to date (0), or are about to be read (1): at each step."""
        self._run.watchers.append((int(direction), action))
        return 0.0

    def extra_scatter_gather_remove(self, action: Any) -> float:
        """Call it no more."""
        self._run.watchers = [pair for pair in self._run.watchers if pair[1] is not action]
        return 0.0

    def event(self, t: float, action: Any = None, *context: Any) -> float:
        """Call something at a time, hoc code in an object if one is given; without anything, only end a step there."""
        self._run.callbacks.schedule(float(t), (lambda: None) if action is None else action, *context)
        return 0.0

    def solve(self, t: float | None = None) -> float:
        """Run to a time, or one step."""
        if t is None:
            self._run.fadvance()
        else:
            self._run.advance_until(float(t), exactly=True)
        return 0.0

    def re_init(self) -> float:
        """Start the solver again from the present values of the variables, after a script has changed some."""
        self._run.restart_solver()
        return 0.0

    def statistics(self, *_: Any) -> float:
        """Print how many steps were taken."""
        self._run.print_statistics()
        return 0.0

    def print_event_queue(self, into: Vector | None = None, *_: Any) -> float:
        """Print the times of the events on their way, or write them into a Vector."""
        return self._run.show_events(into)

    def maxorder(self, *_: Any) -> int:
        """Order of the method."""
        return 2

    def order(self, *_: Any) -> int:
        """Order of the method."""
        return 2

    def jacobian(self, *_: Any) -> int:
        """Which Jacobian is used; here always the exact one."""
        return 0

    def stiff(self, *_: Any) -> int:
        """How implicit the method is; here always fully."""
        return 2

    def use_daspk(self, *_: Any) -> bool:
        """Whether DASPK is in use; never here."""
        return False

    def use_local_dt(self, flag: bool | None = None) -> bool:
        """Whether cells have steps of their own; with an argument, set it.

        Here all cells take the same steps, those of the cell that needs the shortest: errors are as small as asked for.
        """
        if flag is not None:
            self._run.local_dt = bool(flag)
        return self._run.local_dt

    def use_fast_imem(self, flag: bool | None = None) -> bool:
        """Whether segments have `i_membrane_`, the current through their membrane in nA; with an argument, set it."""
        before = self._run.fast_imem
        if flag is not None:
            self._run.fast_imem = bool(flag)
        return before

    def condition_order(self, *_: Any) -> int:
        """Accuracy of threshold detection."""
        return 1

    def debug_event(self, *_: Any) -> int:
        """Has no effect here."""
        return 0

    def cache_efficient(self, *_: Any) -> bool:
        """Memory is always arranged for the cache."""
        return True

    def record(self, variable: Any, values: Vector, times: Vector) -> float:
        """Record a variable and the times of its values at every step."""
        values.record(variable)
        times.record(GlobalPointer(self._session, "t"))
        return 0.0

    def record_remove(self, values: Vector) -> float:
        """Record into a Vector no more."""
        self._run.forget(values)
        return 0.0

    def current_method(self) -> int:
        """A number that says how steps are taken: 1 if there are equations, and 100, 200 for `h.secondorder`, 300 for CVode."""
        order = 3 if self.active() else int(self._session.globals["secondorder"])
        return int(len(self._session.topology) > 0) + 100 * order

    def use_long_double(self, *_: Any) -> bool:
        """Sums over all variables are in double precision, always."""
        return False

    def use_mxb(self, *_: Any) -> bool:
        """Has no effect here."""
        return False

    def queue_mode(self, *_: Any) -> int:
        """Has no effect here."""
        return 0

    def netconlist(self, source: Any = "", cell: Any = "", target: Any = "", into: Any = None) -> Any:
        """A List of NetCons, chosen by the cell of the source, the cell of the target and the target.

        Each is an object, or the beginning of its text (a regular expression); "" stands for any.
        """
        from rxd.neuron.lists import List

        found = List() if into is None else into
        for one in self._run.connections():
            given = ((source, one.precell, one.pre), (cell, one.postcell, one.syn), (target, one.syn, one.syn))
            if all(_is(wanted, first() if first() is not None else second()) for wanted, first, second in given):
                found.append(one)
        return found

    def __repr__(self) -> str:
        return f"CVode[{self._number}]"


def _is(wanted: Any, thing: Any) -> bool:
    """Whether an object is the one wanted, or its text begins as wanted."""
    return re.match(wanted, str(thing)) is not None if isinstance(wanted, str) else wanted is thing
