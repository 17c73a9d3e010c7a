"""A second process that compiles kernels which all models share, while the first one compiles a model's own.

In: compiled functions with arguments of the types that they will get. Out: their machine code in numba's cache, from where the
first process takes it as if it had been there before. numba compiles one function at a time in a process, and the first model
on a machine has as much to wait for in one half as in the other. Whatever goes wrong in the second process, the first one finds
nothing in the cache and compiles by itself.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numba as nb

from geometry.kernel_files import load_numba

ORDER: Final = "from rxd.codegen.apart import serve; serve()"
"""What the second process runs; none of it loads SymPy, so that it is ready in half the time."""
REHEARSE: Final = "import importlib, sys; getattr(importlib.import_module(sys.argv[1]), sys.argv[2])()"
"""The same of a rehearsal."""
PATIENCE: Final = 120.0
"""Seconds to wait for the second process, several times what it needs on a busy machine."""

Task = tuple[Any, tuple[Any, ...]]
"""A compiled function and the types of its arguments."""


class Apart:
    """The second process, if there is one: `ask` it to compile, go on with something else, then `settle`.

    Parameters
    ----------
    tasks : sequence
        Compiled functions, each with arguments of the types that it will get, which are asked for at once. If all of them have
        machine code on disk, or there is one processor only, nothing is started and nothing happens on `ask`.
    """

    def __init__(self, tasks: Sequence[tuple[Any, tuple[Any, ...]]] = ()) -> None:
        self._tasks: deque[Task] = deque()
        self._known: set[Task] = set()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        if processors() > 1 and not all(on_disk(function) for function, _ in tasks):
            self._process = _started(ORDER)
        for function, arguments in tasks:
            self.ask(function, *arguments)

    @property
    def busy(self) -> bool:
        """Whether something was asked for and not waited for."""
        return self._thread is not None

    def ask(self, function: Any, *arguments: Any) -> None:
        """Have a function compiled for arguments of the types of these, after those asked for before; once, if asked again."""
        if self._process is None:
            return
        task = function, tuple(nb.typeof(argument) for argument in arguments)
        if task in self._known:
            return
        self._known.add(task)
        self._tasks.append(task)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._send, args=(self._process,), daemon=True)
            self._thread.start()

    def settle(self) -> None:
        """Compile what has not begun, the last first, and wait until the other process has compiled what it began.

        One that does not answer in `PATIENCE` is ended.
        """
        while (task := self._next(self._tasks.pop)) is not None:
            function, signature = task
            function.compile(signature)
        if self._thread is not None:
            self._thread.join(PATIENCE)
            if self._thread.is_alive() or self._process is None or self._process.poll() is not None:
                self.close()
            self._thread = None

    def close(self) -> None:
        """End the process, and with it what it has not finished."""
        process, self._process, thread, self._thread = self._process, None, self._thread, None
        self._tasks.clear()
        if process is not None:
            process.kill()
            if thread is not None:
                thread.join()
            process.communicate()

    @staticmethod
    def _next(take: Callable[[], Task]) -> Task | None:
        """A task for one of both processes, if there is one left: who takes it has it."""
        try:
            return take()
        except IndexError:
            return None

    def _send(self, process: subprocess.Popen[bytes]) -> None:
        """One task after the other to the process, from a thread of its own, as long as it lives and there are any."""
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):  # it has ended
            while (task := self._next(self._tasks.popleft)) is not None:
                function, signature = task
                pickle.dump((function.__module__, function.__qualname__, signature), process.stdin)
                process.stdin.flush()
                if not process.stdout.read(1):
                    break
            else:
                return
        process.kill()
        process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def on_disk(function: Any) -> bool:
    """Whether numba has machine code of a function on disk, for whatever arguments; also if it keeps none there."""
    folder = function.stats.cache_path
    if folder is None:
        return True
    return any(Path(folder).glob(f"{Path(function.py_func.__code__.co_filename).stem}.{function.__name__}-*.nbi"))


class Rehearsal:
    """A second process that runs a small model for what it compiles on the way, while the first one compiles something else.

    Nobody has to wait for it: it ends by itself. While one is at it no other is started.

    Parameters
    ----------
    needed : sequence
        Compiled functions. If all of them have machine code on disk, or there is one processor only, nothing is started.
    module, function : str
        What makes and runs the model.
    """

    def __init__(self, needed: Sequence[Any], module: str, function: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        missing = [function for function in needed if not on_disk(function)]
        if processors() > 1 and missing and _first_to_come(Path(missing[0].stats.cache_path) / "rehearsal"):
            self._process = _started(REHEARSE, module, function)
        if self._process is not None:  # a thread of its own takes note of its end, also if nobody waits
            self._thread = threading.Thread(target=self._process.communicate, daemon=True)
            self._thread.start()

    def settle(self) -> None:
        """Wait until it is over; one that takes longer than `PATIENCE` is ended."""
        process, thread, self._thread = self._process, self._thread, None
        if process is not None and thread is not None:
            thread.join(PATIENCE)
            if thread.is_alive():
                process.kill()
                thread.join()


def _first_to_come(mark: Path) -> bool:
    """Whether nobody has begun to compile in a folder within `PATIENCE`; says there that somebody has."""
    try:
        if mark.exists() and time.time() - mark.stat().st_mtime < PATIENCE:
            return False
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        return False
    return True


def _started(order: str, *arguments: str) -> subprocess.Popen[bytes] | None:
    """A process that does something; None where there cannot be one, such as in a program that has Python inside."""
    if not sys.executable or not Path(sys.executable).stem.lower().startswith("python"):
        return None
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", order, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None


def serve() -> None:
    """Compile what is asked for on the standard input until it ends; one byte on the standard output says that one is done."""
    gc.disable()
    load_numba()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # nothing else that is printed is an answer
    while True:
        try:
            module, name, signature = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        getattr(importlib.import_module(module), name).compile(signature)
        answers.write(b".")
