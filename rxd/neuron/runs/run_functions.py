"""Run control of `h`: what NEURON and its stdrun.hoc define.

In: calls such as `h.continuerun(100)`. Out: the session's `Run` moved. Each function takes the session first.
"""

from __future__ import annotations

import math
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rxd.neuron.cells.outside import MOST, is_inserted, layers
from rxd.neuron.errors import HocError
from rxd.neuron.globals import Globals
from rxd.neuron.runs.batch import batch_run, batch_save

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["RUN_FUNCTIONS"]


def finitialize(session: Session, v: float | None = None) -> float:
    """Set the initial state, with a voltage if one is given."""
    return session.run.finitialize(None if v is None else float(v))


def fadvance(session: Session, *_: Any) -> float:
    """One step."""
    return session.run.fadvance()


def advance(session: Session, *_: Any) -> float:
    """One step (stdrun's name)."""
    return session.run.fadvance()


def step(session: Session) -> float:
    """The steps between two plots: `nstep_steprun` of fixed length, one of variable length."""
    return advance(session) if session.run.adaptive else steprun(session)


def fcurrent(session: Session, *_: Any) -> float:
    """Bring currents and other computed variables to the present state."""
    session.run.currents()
    return 1.0


def frecord_init(session: Session, *_: Any) -> float:
    """Start recordings again, from the present time."""
    session.run.restart_recordings()
    return 1.0


def init(session: Session, *_: Any) -> float:
    """`finitialize(v_init)`."""
    session.run.finitialize(session.globals["v_init"])
    return 0.0


def initnrn(session: Session) -> float:
    """Give t, dt, celsius, secondorder and clamp_resist the values a new process starts with."""
    from rxd.neuron.interpreter import set_global

    fresh = Globals()
    for name in ("t", "dt", "celsius", "secondorder", "clamp_resist"):
        if session.globals[name] != fresh[name]:
            set_global(session, name, fresh[name])
    return 1.0


def setdt(session: Session, *_: Any) -> float:
    """Make dt a whole fraction of `1 / steps_per_ms`, as stdrun does before a run."""
    values = session.globals
    if session.run.adaptive:
        return 0.0
    plotting = 1.0 / values["steps_per_ms"]
    steps = max(int(plotting / values["dt"] + 1e-9), 1)
    values["nstep_steprun"] = steps
    if abs(plotting / steps - values["dt"]) > 1e-10 * values["dt"]:
        if not values["stdrun_quiet"]:
            sys.stdout.write("Changed dt\n")
        values["dt"] = plotting / steps
    return 0.0


def stdinit(session: Session, *_: Any) -> float:
    """`setdt`, then `init`, which hoc code may have defined anew."""
    setdt(session)
    own = session.hoc.function("init")
    return init(session) if own is None else float(own())


def continuerun(session: Session, stop: float, *_: Any) -> float:
    """Run to a time."""
    session.globals["stoprun"] = 0.0
    started = time.perf_counter()
    own = session.hoc.function("advance")
    if own is None:
        session.run.advance_until(_whole(session, float(stop)))
    else:  # hoc code does the steps
        values = session.globals
        while values.t < float(stop) - 0.5 * values.dt and not values["stoprun"]:
            own()
    session.globals["realtime"] = time.perf_counter() - started
    return 0.0


def _whole(session: Session, stop: float) -> float:
    """A time at which fixed steps end a plot interval: stdrun makes `nstep_steprun` of them before it looks at the clock."""
    values = session.globals
    together = int(values["nstep_steprun"])
    if together <= 1 or session.run.adaptive:
        return stop
    steps = math.ceil((stop - 0.5 * values.dt - values.t) / values.dt - 1e-9)
    return values.t + math.ceil(steps / together) * together * values.dt


def run(session: Session, *_: Any) -> float:
    """`stdinit`, then `continuerun(tstop)`; like all procedures of hoc it lets further arguments be, such as a stop."""
    stdinit(session)
    return continuerun(session, session.globals["tstop"])


def steprun(session: Session, *_: Any) -> float:
    """`nstep_steprun` steps."""
    for _step in range(int(session.globals["nstep_steprun"])):
        session.run.fadvance()
    return 0.0


def cvode_active(session: Session, flag: float | None = None) -> float:
    """Whether steps are variable; with an argument, set it."""
    if flag is not None:
        session.run.set_adaptive(bool(flag))
    return float(session.run.adaptive)


def cvode_local(session: Session, flag: float | None = None) -> float:
    """Variable steps for each cell; here those of the cell that needs the shortest are everybody's."""
    if flag is not None:
        session.run.local_dt = bool(flag)
        session.run.set_adaptive(bool(flag))
    return float(session.run.local_dt)


def load_file(session: Session, *names: Any) -> float:
    """Run a hoc file; NEURON's own library files are built in."""
    from rxd.neuron.hoc.files import load_file as load

    return load(session, *names)


def xopen(session: Session, name: str) -> float:
    """Run a hoc file, every time."""
    from rxd.neuron.hoc.files import open_file

    return open_file(session, name)


def execute(session: Session, code: str, *rest: Any) -> float:
    """Run hoc code, in an object of a template if one is given; 0.

    Raises
    ------
    HocError
        If it goes wrong; `execute1` goes on.
    """
    try:
        session.hoc.run(code.removeprefix("~"), frame=session.hoc.frame_in(*rest))
    except (AttributeError, LookupError, TypeError, ValueError, ReferenceError, ArithmeticError) as error:
        raise HocError(f"hoc: {error}") from error
    return 0.0


def quit_(session: Session) -> float:
    """End the script."""
    raise SystemExit(0)


def execerror(session: Session, *texts: Any) -> float:
    """Raise an error."""
    raise HocError(" ".join(map(str, texts)))


def startsw(session: Session) -> float:
    """Start the stop watch."""
    session.globals["startsw_"] = time.perf_counter()
    return time.time()


def stopsw(session: Session) -> float:
    """Seconds since `startsw`."""
    return time.perf_counter() - (session.globals["startsw_"] if "startsw_" in session.globals else time.perf_counter())


def nrnversion(session: Session, *which: float) -> str:
    """The version this layer follows: `nrnversion(0)` and `(5)` the number alone, `(8)` the machine, else a sentence."""
    kind = int(which[0]) if which else 1
    if kind in {0, 5}:
        return "9.0.2"
    if kind == 8:
        return f"{platform.machine()}-{platform.system()}"
    return "NEURON -- VERSION 9.0.2 (as provided by Axoplasm)"


def unix_mac_pc(session: Session) -> float:
    """1, 2 or 3, for Unix, macOS, Windows."""
    return {"darwin": 2.0, "win32": 3.0}.get(sys.platform, 1.0)


def stoppedrun(session: Session) -> float:
    """Whether somebody wants the run to stop."""
    return float(session.globals["stoprun"])


def nlayer_extracellular(session: Session, number: float | None = None) -> float:
    """How many layers `extracellular` has; with a number, from 1 to 8, set it.

    Raises
    ------
    HocError
        If it is another number, or if a section has the mechanism.
    """
    if number is not None and number != layers(session):
        if not 1 <= number <= MOST or number != int(number):
            raise HocError(f"nlayer_extracellular({number:g}): there can be 1 to {MOST} layers.")
        if is_inserted(session):
            raise HocError("nlayer_extracellular: cannot change the number of layers while a section has extracellular.")
        session.catalogue.surround(int(number))
    return float(layers(session))


def nrn_mallinfo(session: Session, item: float = 0.0) -> float:
    """The most memory that this process has had, bytes, whichever of NEURON's counts is asked for."""
    unit = 1 if sys.platform == "darwin" else 1024  # in which systems count
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def units(session: Session, name: str, *_: Any) -> str:
    """The unit of a variable."""
    from rxd.neuron.cells.describe import unit_of

    return unit_of(session, name)


def nothing(session: Session, *_: Any) -> float:
    """A call that has no effect here: windows of NEURON's own, and settings of its threads and caches."""
    return 0.0


# NEURON's windows, and settings of its threads and caches
_IDLE = (
    "addplot axis boolean_dialog cache_efficient celsius_panel continue_dialog doEvents doNotify "
    "fastflushPlot flushPlot getSpineArea graph graphmenu graphmode help hoc_notify_iv initPlot ivoc_style "
    "load_func load_proc load_template movierunpanel newPlot newPlotI newPlotS newPlotV "
    "newphaseplane newshapeplot nrn_feenableexcept nrnallsectionmenu nrncontrolmenu nrnglobalmechmenu nrnmainmenu "
    "nrnpanel plot plotx ploty plt print_session pwman_place realtime_reset regraph retrieveaudit save_session setcolor "
    "saveaudit set_v_init show_errmess_always stop_run tstop_changed cvode_simgraph runbutton screen_update variable_domain "
    "xbutton xcheckbox xfixedvalue "
    "xlabel xmenu xpanel xpvalue xradiobutton xslider xstatebutton xvalue xvarlabel"
)

RUN_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **{
            function.__name__: function
            for function in (
                finitialize, fadvance, advance, fcurrent, frecord_init, init, initnrn, setdt, stdinit, continuerun, run,
                step, steprun, batch_run, batch_save, cvode_active, cvode_local, load_file, xopen, execute, execerror, startsw,
                stopsw, nrnversion, unix_mac_pc, units, stoppedrun, nrn_mallinfo, nlayer_extracellular,
            )
        },
        "quit": quit_,
        **dict.fromkeys(_IDLE.split(), nothing),
    }
)  # fmt: skip
