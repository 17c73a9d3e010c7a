"""ParallelContext: one process, so that scripts written for many run here.

In: calls as from one of n processes. Out: the answers of the only one.
"""

from __future__ import annotations

import time
from typing import Any

from rxd.neuron.errors import NotSupported
from rxd.neuron.events import NetCon
from rxd.neuron.session import current_session

__all__ = ["ParallelContext"]


class ParallelContext:
    """The only process of a run."""

    def __init__(self, *_: Any) -> None:
        self._session = current_session()
        self._cells: dict[int, NetCon] = {}
        self._spikes: list[tuple[int, Any, Any]] = []

    def id(self, *_: Any) -> int:
        """Number of this process."""
        return 0

    def nhost(self) -> int:
        """Number of processes."""
        return 1

    def barrier(self) -> float:
        """Nobody to wait for."""
        return 0.0

    def done(self) -> float:
        """Nobody to end."""
        return 0.0

    def runworker(self) -> float:
        """The only process is the master."""
        return 0.0

    def nthread(self, *_: Any) -> float:
        """Number of threads."""
        return 1.0

    def time(self) -> float:
        """Wall clock, s."""
        return time.perf_counter()

    def set_gid2node(self, gid: int, _: int) -> float:
        """Take a cell; all are here."""
        self._cells.pop(int(gid), None)
        return 0.0

    def gid_exists(self, gid: int) -> float:
        """Whether a cell is here: 3 if it is."""
        return 3.0 if int(gid) in self._cells else 0.0

    def cell(self, gid: int, source: NetCon, *_: Any) -> float:
        """Give a cell's source of spikes its number."""
        self._cells[int(gid)] = source
        for wanted, times, gids in self._spikes:
            if wanted in {int(gid), -1}:
                self._record(int(gid), times, gids)
        return 0.0

    def threshold(self, gid: int, value: float | None = None) -> float:
        """Threshold of a cell; with an argument, set it."""
        if value is not None:
            self._cells[int(gid)].threshold = float(value)
        return self._cells[int(gid)].threshold

    def gid_connect(self, gid: int, target: Any) -> NetCon:
        """A NetCon from a cell to a target."""
        source = self._cells[int(gid)]
        pointer = source._source
        return NetCon(pointer if hasattr(pointer, "get") else pointer(), target, threshold=source.threshold)

    def spike_record(self, gid: Any, times: Any, gids: Any) -> float:
        """Record spikes of a cell, of some, or of all (-1)."""
        for wanted in gid if hasattr(gid, "__iter__") else [gid]:
            self._spikes.append((int(wanted), times, gids))
            for known in list(self._cells):
                if int(wanted) in {known, -1}:
                    self._record(known, times, gids)
        return 0.0

    def _record(self, gid: int, times: Any, gids: Any) -> None:
        def note() -> None:
            times.push(self._session.globals.t)
            gids.push(float(gid))

        self._cells[gid].record(note)

    def set_maxstep(self, limit: float = 10.0) -> float:
        """The largest step between exchanges; nothing is exchanged here."""
        return float(limit)

    def psolve(self, stop: float) -> float:
        """Run to a time."""
        self._session.run.advance_until(float(stop))
        return 0.0

    def timeout(self, *_: Any) -> float:
        """Has no effect here."""
        return 0.0

    def allreduce(self, value: Any, *_: Any) -> Any:
        """The reduction over one process."""
        return value

    def py_allreduce(self, value: Any, *_: Any) -> Any:
        """The reduction over one process."""
        return value

    def py_allgather(self, value: Any) -> list[Any]:
        """The values of all processes."""
        return [value]

    def py_gather(self, value: Any, *_: Any) -> list[Any]:
        """The values of all processes."""
        return [value]

    def py_alltoall(self, values: list[Any]) -> list[Any]:
        """What all processes send to this one."""
        return list(values)

    def py_broadcast(self, value: Any, *_: Any) -> Any:
        """The value of the sender."""
        return value

    def __getattr__(self, name: str) -> Any:
        raise NotSupported(f"ParallelContext.{name} is not supported; scripts run in one process here.")
