"""Threads beside the one that runs the split stepper's loop (`rxd.solve.split_loop.advance`).

In: the constants of a step. While the loop runs, each helper waits in compiled code for its jobs (`rxd.solve.team`). The loop
waits for nobody: a helper that comes late, or is not run by a busy machine, finds all work taken. A system may wake a helper on
the processor that the loop keeps busy and leave it there for ten milliseconds, so that it is told beforehand to go elsewhere.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from rxd.solve.kept import Kept, entry
from rxd.solve.split_loop import Step, help_out
from rxd.solve.team import RUN


class Helpers:
    """Threads of a stepper, started when they are needed first; they end with it."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._number = 0
        self._threads: list[int] = []
        self._processor: Callable[[], int] | None = None
        self._entry: Any = None
        self._model: Kept | None = None

    @contextmanager
    def at_work(self, model: Kept, y: np.ndarray, drift: np.ndarray) -> Iterator[None]:
        """While a loop runs with these constants, this state and this drift; for one member alone nothing is done."""
        step: Step = model.values
        team = step.team
        if team.members == 1:
            yield
            return
        if self._pool is None or self._number != team.members - 1:
            self._number = team.members - 1
            threads = self._threads = []
            self._pool = ThreadPoolExecutor(
                self._number, "axoplasm", initializer=lambda: threads.append(threading.get_native_id())
            )
        run = int(team.board[RUN])
        if self._model is not model:
            self._entry, self._model = entry(help_out, model, y, drift, 0, run), model
        if self._processor is None:
            self._processor = own_processor()
        keep_away(self._threads, self._processor)
        for member in range(1, team.members):
            self._pool.submit(self._entry, model, y, drift, member, run)
        try:
            yield
        finally:
            team.board[RUN] = run + 1


def own_processor() -> Callable[[], int]:
    """What tells the processor a thread runs on: -1, where a system cannot say or does not place threads."""
    if not hasattr(os, "sched_setaffinity"):
        return lambda: -1
    tell: Callable[[], int] = ctypes.CDLL(None).sched_getcpu
    return tell


def keep_away(threads: list[int], processor: Callable[[], int]) -> None:
    """Let threads run where they like, but not on the `processor` of the one that calls; nothing where none is known."""
    own = processor()
    if own < 0:
        return
    allowed = os.sched_getaffinity(0)
    for thread in threads:
        try:
            os.sched_setaffinity(thread, allowed - {own} or allowed)
        except OSError:  # it has ended, or may not be told
            continue
