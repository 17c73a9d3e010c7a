"""SaveState: the state of the whole session, to return to.

In: a session at some time. Out: a copy of its time, state, parameters and events on their way, or a file with the same.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.files import File
from rxd.neuron.queue_file import read_queue, written
from rxd.neuron.session import current_session

__all__ = ["BBSaveState", "SaveState"]

_MEMORY = "memory_"
_FILE = "tmp.0.0"


class SaveState:
    """`save()` keeps the state, `restore()` returns to it; the structure of the model must be the same."""

    def __init__(self) -> None:
        self._session = current_session()
        self._saved: Any = None
        self._read: dict[str, np.ndarray] | None = None

    def save(self) -> float:
        """Keep the present state."""
        self._saved, self._read = self._session.run.save(), None
        return 1.0

    def restore(self, *_: Any) -> float:
        """Return to the state kept.

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
            self._session.run.restore(self._saved)
        return 1.0

    def _take_up(self, found: dict[str, np.ndarray]) -> None:
        """Return to a state that was read from a file."""
        run = self._session.run
        state, values, *_, revision = run.save()
        if len(found["y"]) != len(state.y):
            raise HocError("SaveState.restore: the file holds the state of another model.")
        state.t, state.y, state.before = float(found["t"]), found["y"], found["before"]
        state.memory = {name.removeprefix(_MEMORY): array for name, array in found.items() if name.startswith(_MEMORY)}
        values.update(zip(found["names"].tolist(), found["values"].tolist(), strict=True))
        listening = [found[name].tolist() for name in ("places", "above")]
        events, cells = read_queue(run, str(found["queue"]))
        run.restore((state, values, events, *listening, cells, revision))
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
        state, values, events, places, above, cells, _ = self._saved
        queue = written(self._session.run, events, cells)
        file.wopen()
        memory = {_MEMORY + name: array for name, array in state.memory.items()}
        numbers = {"names": list(values), "values": list(values.values()), "places": places, "above": above}
        np.savez(file.stream, y=state.y, t=state.t, before=state.before, queue=queue, **numbers, **memory)
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
        with np.load(io.BytesIO(file.stream.read())) as found:
            self._read = {name: found[name] for name in found.files}
        self._saved = None
        if close:
            file.close()
        return 1.0

    def __getattr__(self, name: str) -> Any:
        raise NotSupported(f"SaveState.{name} is not supported; save(), restore(), fwrite() and fread() are.")


class BBSaveState:
    """The state of a network in a file: `save(path)`, later or in another process `restore(path)`; the model must be the same.

    `save_test()` and `restore_test()` do the same with the paths NEURON uses: ``bbss_out/tmp.0.0`` and ``in/tmp.0.0``.
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
        return self.save(f"bbss_out/{_FILE}")

    def restore_test(self, *_: Any) -> float:
        """Return to the state in the folder ``in``."""
        return self.restore(f"in/{_FILE}")

    def ignore(self, *points: Any) -> float:
        """Point processes that differ need not be named here: a state that does not fit is refused as a whole."""
        self._ignored = [*self._ignored, *points] if points else []
        return 0.0

    def vector_play_init(self) -> float:
        """Played Vectors go on by themselves after `restore`."""
        return 0.0
