"""SaveState: the state of the whole session, to return to.

In: a session at some time. Out: a copy of what changes by itself (`rxd.neuron.runs.saved`), or a file with the same.
"""

from __future__ import annotations

import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.events.queue_file import read_queue, written
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.runs.saved import Saved, restore, save
from rxd.neuron.session import current_session
from rxd.neuron.texts.files import File

__all__ = ["BBSaveState", "SaveState"]

_MEMORY = "memory_"
_FILE = "tmp.0.0"


class SaveState(HocObject):
    """`save()` keeps the state, `restore()` returns to it; the structure of the model must be the same."""

    def __init__(self) -> None:
        self._session = current_session()
        self._saved: Saved | None = None
        self._read: dict[str, np.ndarray] | None = None

    def save(self) -> float:
        """Keep the present state."""
        self._saved, self._read = save(self._session.run), None
        return 1.0

    def restore(self, kind: float = 0, *_: Any) -> float:
        """Return to the state kept; with 1, to its time, voltages and states, and leave events and weights as they are.

        Raises
        ------
        HocError
            If none was kept.
        """
        if self._read is not None:
            self._take_up(self._read)
        elif self._saved is None:
            raise HocError("SaveState.restore: nothing was saved; call save() first.")
        else:
            restore(self._session.run, self._saved, kind != 1)
        return 1.0

    def _take_up(self, found: dict[str, np.ndarray]) -> None:
        """Return to a state that was read from a file."""
        run = self._session.run
        now = save(run)
        state, points = now.state, json.loads(str(found["points"]))
        if len(found["y"]) != len(state.y):
            raise HocError("SaveState.restore: the file holds the state of another model.")
        state.t, state.y, state.before = float(found["t"]), found["y"], found["before"]
        state.memory = {name.removeprefix(_MEMORY): array for name, array in found.items() if name.startswith(_MEMORY)}
        listening = {name: found[name].tolist() for name in ("places", "played", "above")}
        events, cells = read_queue(run, str(found["queue"]))
        numbers = {name: points[name] for name in ("points", "weights", "ions") if name in points}
        restore(run, replace(now, t=state.t, events=events, cells=cells, **listening, **numbers))
        run.reschedule()

    def fwrite(self, file: File, close: bool = True) -> float:
        """Write the state kept to a file, for `fread` in this model or the same one in another process.

        Raises
        ------
        HocError
            If nothing was saved, or if functions were to be called then (CVode.event): they cannot be written.
        """
        if self._saved is None:
            raise HocError("SaveState.fwrite: nothing was saved; call save() first.")
        saved, state = self._saved, self._saved.state
        queue = written(self._session.run, saved.events, saved.cells)
        file.wopen()
        memory = {_MEMORY + name: array for name, array in state.memory.items()}
        points = json.dumps({"points": saved.points, "weights": saved.weights, "ions": saved.ions})
        numbers: dict[str, Any] = {
            "places": saved.places,
            "played": saved.played,
            "above": saved.above,
            "queue": queue,
            "points": points,
        }
        np.savez(file.output, y=state.y, t=saved.t, before=state.before, **numbers, **memory)
        if close:
            file.close()
        return 1.0

    def fread(self, file: File, close: bool = True) -> float:
        """Read a state that `fwrite` has written; `restore()` then returns to it.

        Raises
        ------
        HocError
            If the file is not there.
        """
        if not file.ropen():
            raise HocError(f"SaveState.fread: cannot open {file.getname()!r}.")
        with np.load(io.BytesIO(file.input.read())) as found:
            self._read = {name: found[name] for name in found.files}
        self._saved = None
        if close:
            file.close()
        return 1.0


class BBSaveState(HocObject):
    """The state of a network in a file: `save(path)`, later or in another process `restore(path)`; the model must be the same.

    `save_test()` and `restore_test()` do the same with the paths NEURON uses: ``bbss_out/tmp.0.0``, and ``in/tmp.0.0`` or
    ``in/tmp.0``, into which scripts join what processes have written to ``bbss_out``, behind a line with the number of pieces.
    """

    def __init__(self) -> None:
        self._ignored: list[Any] = []

    def save(self, path: str) -> float:
        """Write the present state to a file."""
        state = SaveState()
        state.save()
        return state.fwrite(File(str(path)))

    def restore(self, path: str) -> float:
        """Return to the state in a file.

        Raises
        ------
        HocError
            If the file is not there, or holds the state of another model.
        """
        state = SaveState()
        state.fread(File(str(path)))
        return state.restore()

    def save_test(self, *_: Any) -> float:
        """Write the present state into the folder ``bbss_out``."""
        Path("bbss_out").mkdir(exist_ok=True)
        Path("bbss_out/tmp").write_text("1\n", encoding="ascii")  # NEURON's file of what is no cell's, which scripts copy
        return self.save(f"bbss_out/{_FILE}")

    def restore_test(self, *_: Any) -> float:
        """Return to the state in the folder ``in``."""
        joined = Path("in/tmp.0")
        if Path(f"in/{_FILE}").exists() or not joined.exists():
            return self.restore(f"in/{_FILE}")
        with tempfile.TemporaryDirectory() as folder:
            alone = Path(folder, _FILE)
            alone.write_bytes(joined.read_bytes().partition(b"\n")[2])
            return self.restore(str(alone))

    def ignore(self, *points: Any) -> float:
        """Point processes that differ need not be named here: a state that does not fit is refused as a whole."""
        self._ignored = [*self._ignored, *points] if points else []
        return 0.0

    def vector_play_init(self) -> float:
        """Played Vectors go on by themselves after `restore`."""
        return 0.0
