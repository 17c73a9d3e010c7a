"""ParallelContext of one process, so that scripts written for several run here.

In: cells with numbers (gids), values to exchange, jobs. Out: connections by number, exchanges of one with itself, results.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable
from dataclasses import field
from typing import Any

from geometry.records import dataclass
from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.events.connections import NetCon
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.mechanisms.links import link, loosen
from rxd.neuron.runs.variable_steps import solve_until
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Pointer, as_pointer
from rxd.neuron.vectors.vector import Vector

__all__ = ["Exchange", "ParallelContext"]


@dataclass(slots=True, eq=False)
class Exchange:
    """What all ParallelContexts of a session share: cells by number, what records them, the bulletin board.

    Attributes
    ----------
    cells : dict of int to NetCon
        A connection from each cell's source to nothing, for the threshold and for recording.
    given : dict of int to NetCon (weak)
        What the script called `pc.cell` with.
    awaited : dict of int to list of NetCon (weak)
        Connections from cells that are not here, by the numbers of these.
    announced : set of int
        Numbers said to be on this process.
    sources : dict of int to Pointer
        Variables that others follow, by their numbers.
    targets : list of (Pointer, int)
        Those that will, with the number of what.
    following : list of Pointer
        Those that do.
    """

    cells: dict[int, NetCon] = field(default_factory=dict)
    given: dict[int, Callable[[], Any]] = field(default_factory=dict)
    awaited: dict[int, list[Callable[[], Any]]] = field(default_factory=dict)
    announced: set[int] = field(default_factory=set)
    sources: dict[int, Pointer] = field(default_factory=dict)
    targets: list[tuple[Pointer, int]] = field(default_factory=list)
    following: list[Pointer] = field(default_factory=list)
    records: list[tuple[int, Vector, Vector]] = field(default_factory=list)
    jobs: list[tuple[int, int, Any, tuple[Any, ...]]] = field(default_factory=list)
    board: dict[Any, list[tuple[Any, ...]]] = field(default_factory=dict)
    packed: list[Any] = field(default_factory=list)
    finished: Any = None
    job: int = 0
    user: int = 0
    submitted: int = 0
    threads: int = 1
    patience: float = 20.0


class ParallelContext(HocObject):
    """One process that does everything."""

    def __init__(self, *_: Any) -> None:
        self._session = current_session()
        self._number = self._session.number("ParallelContext")

    @property
    def _shared(self) -> Exchange:
        return self._session.exchange

    # ----------------------------------------------------------------------------------------------------------- processes

    def id(self, *_: Any) -> int:
        """Number of this process."""
        return 0

    def id_world(self) -> int:
        """Number of this process among all."""
        return 0

    id_bbs = id_world

    def nhost(self) -> int:
        """Number of processes."""
        return 1

    nhost_world = nhost_bbs = nhost

    def _nothing(self, *_: Any) -> float:
        """Has no effect, or is 0, with one process."""
        return 0.0

    barrier = done = runworker = subworlds = master_works_on_jobs = context = multisplit = _nothing
    spike_compress = partition = thread_stat = thread_busywait = wait_time = _nothing
    integ_time = send_time = event_time = vtransfer_time = step_wait = mech_time = prcellstate = mpiabort_on_error = _nothing
    print_memory_stats = max_histogram = _nothing

    def _none(self, *_: Any) -> int:
        """A number of something there is none of with one process."""
        return 0

    nworker = optimize_node_order = _none

    def nthread(self, number: float | None = None, *_: Any) -> int:
        """Number of threads a script has asked for, 1 by default: cells and voxels go as many as `rxd.nthread` says."""
        if number is not None:
            self._shared.threads = max(int(number), 1)
        return self._shared.threads

    def timeout(self, seconds: float | None = None) -> float:
        """How long NEURON waits for other processes, s: returns what it was. There are none here."""
        before = self._shared.patience
        self._shared.patience = before if seconds is None else float(seconds)
        return before

    def broadcast(self, value: Any, *_: Any) -> float:
        """Everybody has it already; its size is returned."""
        return float(len(value if isinstance(value, Vector) else str(value.get())))

    def time(self) -> float:
        """Wall clock, s."""
        return time.perf_counter()

    def step_time(self) -> float:
        """Seconds the last run took."""
        return self._session.globals["realtime"]

    def t(self, *_: Any) -> float:
        """Time, ms."""
        return self._session.globals.t

    def dt(self, *_: Any) -> float:
        """Time step, ms."""
        return self._session.globals.dt

    # --------------------------------------------------------------------------------------------------------------- cells

    def set_gid2node(self, gid: int, _: int = 0) -> float:
        """Take a cell; all are here.

        Raises
        ------
        HocError
            If the number is taken, or something has been connected to it, which would hear nothing.
        """
        number = int(gid)
        self._free(number)
        if number in self._shared.announced:
            raise HocError(f"gid={number} already exists on this process; call pc.gid_clear() before another model is built.")
        if number in self._shared.awaited:
            raise HocError(f"gid={number} has been connected to before it exists; call pc.set_gid2node and pc.cell first.")
        self._shared.announced.add(number)
        return 0.0

    def _free(self, number: int) -> None:
        """Forget a number whose source of spikes is gone."""
        shared = self._shared
        origin = shared.cells[number].origin() if number in shared.cells else self
        if origin.is_gone if isinstance(origin, Pointer) else origin is None:
            del shared.cells[number], shared.given[number]
            shared.announced.discard(number)

    def gid_exists(self, gid: int) -> int:
        """Whether a cell is here: 3 if it is and has a source of spikes, 1 if its number alone is known, 0 if not."""
        number = int(gid)
        self._free(number)
        return 3 if number in self._shared.cells else int(number in self._shared.announced)

    def cell(self, gid: int, source: NetCon, *_: Any) -> float:
        """Give a cell's source of spikes its number.

        Raises
        ------
        HocError
            If `set_gid2node` has not been called for the number.
        """
        number = int(gid)
        if number not in self._shared.announced:
            raise HocError(f"gid={number} has not been set on this process; call pc.set_gid2node({number}, pc.id()) first.")
        self._shared.given[number] = weakref.ref(source)
        self._shared.cells[number] = NetCon(source.origin(), None, threshold=source.threshold)
        for wanted, times, gids in self._shared.records:
            if wanted in {number, -1}:
                self._record(number, times, gids)
        return 0.0

    def outputcell(self, gid: int) -> float:
        """Spikes go to other processes: there are none."""
        return 0.0

    def gid_clear(self, kind: float = 0) -> float:
        """Forget all cells (0 or 1), and (0 or 2) which variables follow others."""
        shared = self._shared
        if int(kind) in {0, 2}:
            for target in shared.following:
                if not target.is_gone:
                    loosen(self._session, target)
            for transfers in (shared.sources, shared.targets, shared.following):
                transfers.clear()
        if int(kind) not in {0, 1}:
            return 0.0
        for table in (shared.cells, shared.given, shared.awaited, shared.announced, shared.records):
            table.clear()
        return 0.0

    def _known(self, gid: int) -> NetCon:
        if int(gid) not in self._shared.cells:
            raise HocError(f"gid {int(gid)} has no source of spikes: call pc.set_gid2node and pc.cell first.")
        return self._shared.cells[int(gid)]

    def gid2obj(self, gid: int) -> Any:
        """The cell of a number: the object its sections belong to, or an artificial cell."""
        source = self._known(gid)
        segment = source.preseg()
        return source.pre() if segment is None else segment.sec.cell()

    def gid2cell(self, gid: int) -> Any:
        """The cell of a number."""
        return self.gid2obj(gid)

    def threshold(self, gid: int, value: float | None = None) -> float:
        """Threshold of a cell; with an argument, set it."""
        source = self._known(gid)
        if value is not None:
            source.threshold = float(value)
        return source.threshold

    def gid_connect(self, gid: int, target: Any, connection: NetCon | None = None) -> NetCon:
        """A NetCon from a cell to a target; a number that no process has gives one that only a PatternStim lets fire.

        With a NetCon that there is, this one takes the cell as its source, and keeps its delay and weights.

        Raises
        ------
        HocError
            If the number is known, but `cell` has not been called for it; if there is no target; if the NetCon has another.
        """
        if target is None:
            raise HocError(f"gid_connect({int(gid)}, ...): the target must be a synapse or an artificial cell, not None.")
        if connection is not None and (not isinstance(connection, NetCon) or connection.syn() is not target):
            raise HocError(f"gid_connect({int(gid)}, {target}, ...): {connection} is no NetCon whose target is {target}.")
        source = self._shared.cells.get(int(gid))
        if source is None and int(gid) in self._shared.announced:
            raise HocError(f"gid {int(gid)} has no cell: call pc.cell({int(gid)}, netcon) before connecting to it.")
        origin = None if source is None else source.origin()
        if connection is not None:
            connection._listen(origin)
        made = NetCon(origin, target) if connection is None else connection
        if source is None:
            self._shared.awaited.setdefault(int(gid), []).append(weakref.ref(made))
        return made

    def spike_record(self, gid: Any, times: Vector, gids: Vector) -> float:
        """Record spikes of a cell, of some, or of all (-1)."""
        for wanted in gid if hasattr(gid, "__iter__") else [gid]:
            self._shared.records.append((int(wanted), times, gids))
            for known in list(self._shared.cells):
                if int(wanted) in {known, -1}:
                    self._record(known, times, gids)
        return 0.0

    def _record(self, gid: int, times: Vector, gids: Vector) -> None:
        self._shared.cells[gid].record(times, gids, gid)

    # ----------------------------------------------------------------------------------------------------------------- runs

    def set_maxstep(self, limit: float = 10.0) -> float:
        """The largest step between exchanges: nothing is exchanged here, so that it is the limit given."""
        return float(limit)

    def psolve(self, stop: float) -> float:
        """Run to a time; fixed steps do not go beyond it."""
        run, values = self._session.run, self._session.globals
        if run.adaptive:
            solve_until(run, float(stop))
            return 0.0
        steps = int((float(stop) - values.t) / values.dt + 1e-9)
        if steps > 0:
            run.advance_until(values.t + steps * values.dt)
        return 0.0

    # ------------------------------------------------------------------------------------------------------------- exchange

    def allreduce(self, value: Any, *_: Any) -> Any:
        """The reduction over one process: the value; of a Vector, which stays as it is, 0."""
        return 0.0 if isinstance(value, Vector) else float(value)

    def py_allreduce(self, value: Any, *_: Any) -> Any:
        """The reduction over one process."""
        return value

    def allgather(self, value: float, into: Vector) -> float:
        """The numbers of all processes, in a Vector."""
        into.from_python([float(value)])
        return 0.0

    def py_allgather(self, value: Any) -> list[Any]:
        """The values of all processes."""
        return [value]

    def py_gather(self, value: Any, *_: Any) -> list[Any]:
        """The values of all processes."""
        return [value]

    def py_scatter(self, values: list[Any], *_: Any) -> Any:
        """The share of this process in a list with one item for each."""
        return values[0]

    def py_alltoall(self, values: list[Any], *_: Any) -> list[Any]:
        """What all processes send to this one."""
        return list(values)

    def py_broadcast(self, value: Any, *_: Any) -> Any:
        """The value of the sender."""
        return value

    def source_var(self, source: Any, number: int, sec: Any = None) -> float:
        """Name a variable that others follow."""
        key = _number_of_source(number)
        if key in self._shared.sources:
            raise HocError(f"source_var: {key} is the number of {self._shared.sources[key]!r} already.")
        self._shared.sources[key] = as_pointer(source, "source_var")
        return 0.0

    def target_var(self, target: Any, *rest: Any, sec: Any = None) -> float:
        """Let a variable follow the source of a number: `target_var(gap, gap._ref_vgap, number)`, from `setup_transfer` on."""
        pointer, number = rest if len(rest) == 2 else (target, rest[0])
        self._shared.targets.append((as_pointer(pointer, "target_var"), _number_of_source(number)))
        return 0.0

    def setup_transfer(self) -> float:
        """Connect targets with their sources."""
        shared = self._shared
        for target, number in shared.targets:
            if number not in shared.sources:
                raise HocError(f"setup_transfer: no source_var has the number {number}, which {target!r} is to follow.")
            link(self._session, target, shared.sources[number])
            shared.following.append(target)
        shared.targets.clear()
        return 0.0

    # ------------------------------------------------------------------------------------------------------- bulletin board

    def submit(self, *job: Any) -> int:
        """Put a job on the board: `submit([userid], function, arguments...)`; its number, above 0, is returned.

        The user's number is that given, or one below 0.
        """
        shared = self._shared
        shared.submitted += 1
        own = len(job) > 1 and isinstance(job[0], (int, float)) and (callable(job[1]) or isinstance(job[1], str))
        user = int(job[0]) if own else -shared.submitted
        action, *arguments = job[1:] if own else job
        shared.jobs.append((shared.submitted, user, action, tuple(arguments)))
        return shared.submitted

    def working(self) -> int:
        """Do a job that waits; its number, or 0 when none is left."""
        shared = self._shared
        if not shared.jobs:
            return 0
        shared.job, shared.user, action, arguments = shared.jobs.pop(0)
        if isinstance(action, str):
            action = self._session.hoc.function(action) or (lambda code=action: self._session.hoc.execute(code))
        self._session.globals["hoc_ac_"] = float(shared.job)  # by which a job knows its number
        shared.finished = action(*arguments)
        return shared.job

    def userid(self) -> int:
        """The user's number of the job just done."""
        return self._shared.user

    def pyret(self) -> Any:
        """What the job just done has returned."""
        return self._shared.finished

    def retval(self) -> float:
        """The number the job just done has returned."""
        return float(self._shared.finished or 0.0)

    def post(self, key: Any, *values: Any) -> float:
        """Put values on the board, or those packed before."""
        shared = self._shared
        shared.board.setdefault(key, []).append(tuple(map(_kept, values)) or tuple(shared.packed))
        shared.packed = []
        return 1.0

    def pack(self, *values: Any) -> float:
        """Gather values for `post`."""
        self._shared.packed.extend(map(_kept, values))
        return 0.0

    def look(self, key: Any) -> float:
        """Whether something is on the board; it can be unpacked, and stays."""
        waiting = self._shared.board.get(key)
        if not waiting:
            return 0.0
        self._shared.packed = list(waiting[0])
        return 1.0

    def look_take(self, key: Any) -> float:
        """As `look`, and take it off."""
        found = self.look(key)
        if found:
            self._shared.board[key].pop(0)
        return found

    def take(self, key: Any, *into: Any) -> float:
        """Take something off the board, into references, Vectors and texts, or to unpack.

        Raises
        ------
        HocError
            If it is not there: nobody else could still put it there.
        """
        if not self.look_take(key):
            raise HocError(f"pc.take: {key!r} is not on the board, and no other process could post it.")
        self.unpack(*into)
        return 1.0

    def alltoall(self, values: Vector, counts: Vector, into: Vector) -> float:
        """Every process gets the part meant for it: this one its own, of which `counts` says how long it is."""
        mine = int(counts[0]) if len(counts) else 0
        if mine > len(values):
            raise HocError(f"pc.alltoall: {mine} values are to be sent, and the Vector has {len(values)}.")
        into.from_python(values.to_python()[:mine])
        return 0.0

    def unpack(self, *into: Any) -> float:
        """Unpack values into references, Vectors and texts, in the order in which they were packed."""
        for target in into:
            value = self._shared.packed.pop(0)
            if isinstance(target, Vector):
                target.from_python(value)
            else:
                as_pointer(target, "pc.unpack").set(value)
        return 0.0

    def get_partition(self, number: float = 0) -> Any:
        """The sections that a thread works on: there is one, and it has the roots of all cells."""
        from rxd.neuron.cells.section_lists import SectionList

        if int(number) != 0:
            raise HocError(f"pc.get_partition: there is one thread, 0; not {int(number)}.")
        return SectionList([record.section for record in self._session.topology.roots()])

    def thread_how_many_proc(self) -> int:
        """How many processors there are."""
        return os.cpu_count() or 1

    def spike_statistics(self, *_: Any) -> int:
        """How many spikes went between processes: none."""
        return 0

    def thread_ctime(self, *_: Any) -> float:
        """Time that a thread has computed, s: not measured, as in NEURON without threads."""
        return 0.0

    def upkpyobj(self) -> Any:
        """The next packed value."""
        return self._shared.packed.pop(0)

    def upkscalar(self) -> float:
        """The next packed number."""
        return float(self._shared.packed.pop(0))

    def upkstr(self, into: Any) -> str:
        """Write the next packed text into a reference."""
        text = str(self._shared.packed.pop(0))
        into.set(text)
        return text

    def upkvec(self, into: Vector | None = None) -> Vector:
        """The next packed Vector."""
        values = self._shared.packed.pop(0)
        return Vector(values) if into is None else into.from_python(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotSupported(f"ParallelContext.{name} is not supported; scripts run in one process here.")


def _number_of_source(number: float) -> int:
    """The number of a source that others follow.

    Raises
    ------
    HocError
        If it is negative.
    """
    if number < 0:
        raise HocError(f"source_var, target_var: the number of a source is not negative; got {number:g}.")
    return int(number)


def _kept(value: Any) -> Any:
    """A value as it is when it is posted: a Vector may change before somebody takes it."""
    return value.to_python() if isinstance(value, Vector) else value
