"""CVode: variable steps, and events.

In: tolerances, callbacks. Out: settings of the session's run. The solver behind is Axoplasm's adaptive coupled step, not CVODE:
the tolerances mean the same, the number of steps differs.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError
from rxd.neuron.events.connections import as_action
from rxd.neuron.mechanisms.known import POINTS
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.runs.cvode_states import States
from rxd.neuron.runs.variable_steps import solve_until
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import AttributePointer, GlobalPointer, RangePointer

if TYPE_CHECKING:
    from rxd.neuron.vectors.vector import Vector

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
            self._run.set_tolerance(name, float(value))
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

    def atolscale(self, variable: Any, scale: float | None = None) -> float:
        """Factor of the absolute tolerance of `v`, `m_hh` or `ExpSyn.g` (or of what such a pointer shows); or set it.

        Species of rxd have their own `atolscale=`.

        Raises
        ------
        HocError
            If no variable is called so.
        """
        name = self._name_of(variable)
        if scale is not None:
            self._run.set_scale(name, float(scale))
        return self._run.scales.get(name, 1.0)

    def _name_of(self, variable: Any) -> str:
        if isinstance(variable, RangePointer):
            return variable.name
        if isinstance(variable, AttributePointer):
            return f"{getattr(variable.target, 'kind', '')}.{variable.name}"
        name, catalogue = str(variable), self._session.catalogue
        kind, dot, _ = name.partition(".")
        if not (
            kind in POINTS or kind in catalogue.points
            if dot
            else name == "v" or name in catalogue.arrays or catalogue.owner(name)
        ):
            raise HocError(f"{name} must be in form rangevar or Template.var, such as v, m_hh or ExpSyn.g.")
        return name

    def states(self, into: Vector) -> float:
        """Write the variables the solver integrates into a Vector: voltages, then everything else, in an order of our own.

        With fixed steps it gets empty, as in NEURON before variable steps have begun.
        """
        into.from_python(self._run.states() if self._run.adaptive else ())
        return 0.0

    def extra_scatter_gather(self, direction: int, action: Any) -> float:
        """Call something whenever the variables have been brought up to date (0), or are about to be read (1): at each step."""
        self._run.watchers.append((int(direction), Watcher(action)))
        self._run.ahead.forget()
        return 0.0

    def extra_scatter_gather_remove(self, action: Any) -> float:
        """Call it no more."""
        self._run.watchers = [pair for pair in self._run.watchers if getattr(pair[1], "given", None) != action]
        return 0.0

    def event(self, t: float, action: Any = None, *context: Any) -> float:
        """Call something at a time, hoc code in an object if one is given; without anything, only end a step there.

        With a point process and a true flag after it the solver begins anew after the call. Returns the time.
        """
        run, points = self._run, [k for k, one in enumerate(context[:-1]) if isinstance(one, PointProcess)]
        todo = (lambda: None) if action is None else as_action(action, *context)

        def begin_anew() -> None:
            todo()
            run.restart_solver()

        run.callbacks.schedule(float(t), begin_anew if points and context[points[0] + 1] else todo)
        return float(t)

    def solve(self, t: float | None = None) -> float:
        """Run to a time, or one step."""
        if t is None:
            self._run.fadvance()
        elif self._run.adaptive:
            solve_until(self._run, float(t))
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

    def _setting(self, name: str, value: float | None) -> int:
        settings = self._run.settings
        if value is not None:
            settings[name] = int(value)
        return settings[name]

    def maxorder(self, value: float | None = None) -> int:
        """Highest order of CVODE's formulas; taken note of: the method here has one order, which follows from `rtol`."""
        return self._setting("maxorder", value)

    def order(self, *_: Any) -> int:
        """Order of the method: 4, or 3 with an `rtol` of 1e-5 or more; 0 with fixed steps and before the first run."""
        engine = self._run.engine
        return 0 if engine is None or not engine.adaptive else int(engine.stepper.tableau.order)

    def jacobian(self, value: float | None = None) -> int:
        """Which Jacobian NEURON would use; taken note of: here it is always the exact one."""
        return self._setting("jacobian", value)

    def stiff(self, value: float | None = None) -> int:
        """How implicit NEURON's method would be; taken note of: here it always is."""
        return self._setting("stiff", value)

    def use_daspk(self, flag: bool | None = None) -> bool:
        """Whether NEURON would use DASPK, as it does for layers and circuits; taken note of: here they need no other method."""
        return bool(self._setting("use_daspk", flag))

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

    def condition_order(self, value: float | None = None) -> int:
        """How NEURON would find thresholds; taken note of: here they are always found within steps, as with 2."""
        return self._setting("condition_order", value)

    def debug_event(self, value: float | None = None) -> int:
        """Taken note of, without effect."""
        return self._setting("debug_event", value)

    def cache_efficient(self, *_: Any) -> bool:
        """Memory is always arranged for the cache."""
        return True

    def record(self, variable: Any, values: Vector, times: Vector, mode: float = 0) -> float:
        """Record a variable and the times of its values at every step; with a `mode` of 1 at the times that are given."""
        if mode == 1:
            values.record(variable, times)
        else:
            values.record(variable)
            times.record(GlobalPointer(self._session, "t"))
        return 0.0

    def record_remove(self, values: Vector) -> float:
        """Record into a Vector no more."""
        self._run.forget(values)
        return 0.0

    def current_method(self) -> int:
        """A number that says how steps are taken: 1 if there are equations, and 100, 200 for `h.secondorder`, 300 for CVode.

        With `use_local_dt`, 1000 more.
        """
        order = 3 if self.active() else int(self._session.globals["secondorder"])
        local = bool(self.active() and self._run.local_dt)
        return int(len(self._session.topology) > 0) + 100 * order + 1000 * local

    def use_long_double(self, *_: Any) -> bool:
        """Sums over all variables are in double precision, always."""
        return False

    def use_mxb(self, *_: Any) -> bool:
        """Has no effect here."""
        return False

    def queue_mode(self, value: float | None = None, *_: Any) -> int:
        """Which queue NEURON would use; taken note of."""
        return self._setting("queue_mode", value)

    def netconlist(self, source: Any = "", cell: Any = "", target: Any = "", into: Any = None) -> Any:
        """A List of NetCons, chosen by the cell of the source, the cell of the target and the target.

        Each is an object, or the beginning of its text (a regular expression); "" stands for any.
        """
        from rxd.neuron.texts.lists import List

        found = List() if into is None else into
        for one in self._run.connections():
            given = ((source, one.precell, one.pre), (cell, one.postcell, one.syn), (target, one.syn, one.syn))
            if all(_is(wanted, first() if first() is not None else second()) for wanted, first, second in given):
                found.append(one)
        return found

    def __repr__(self) -> str:
        return f"CVode[{self._number}]"


class Watcher:
    """What `extra_scatter_gather` was given, to be called; ``given`` is how `extra_scatter_gather_remove` knows it."""

    __slots__ = ("action", "given")

    def __init__(self, given: Any) -> None:
        self.given, self.action = given, as_action(given)

    def __call__(self) -> None:
        """Do it."""
        self.action()


def _is(wanted: Any, thing: Any) -> bool:
    """Whether an object is the one wanted, or its text has a pattern: ``<>`` around characters, where ``[]`` are themselves."""
    if not isinstance(wanted, str):
        return wanted is thing
    pattern = wanted.translate({ord("["): r"\[", ord("]"): r"\]", ord("<"): "[", ord(">"): "]"})
    if wanted.count("<") != wanted.count(">"):
        raise HocError(f"CVode.netconlist: {wanted!r} is no regular expression: < without >, or the other way around.")
    try:
        return re.search(pattern, str(thing)) is not None
    except re.error as error:
        raise HocError(f"CVode.netconlist: {wanted!r} is no regular expression: {error}.") from None
