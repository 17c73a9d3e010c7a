"""SaveState: the state of the whole session, to return to.

In: a session at some time. Out: a copy of its time, state, parameters and events on their way.
"""

from __future__ import annotations

from typing import Any

from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.session import current_session

__all__ = ["SaveState"]


class SaveState:
    """`save()` keeps the state, `restore()` returns to it; the structure of the model must be the same."""

    def __init__(self) -> None:
        self._session = current_session()
        self._saved: Any = None

    def save(self) -> float:
        """Keep the present state."""
        self._saved = self._session.run.save()
        return 1.0

    def restore(self, *_: Any) -> float:
        """Return to the state kept.

        Raises
        ------
        HocError
            If none was kept.
        """
        if self._saved is None:
            raise HocError("SaveState.restore: nothing was saved; call save() first.")
        self._session.run.restore(self._saved)
        return 1.0

    def __getattr__(self, name: str) -> Any:
        raise NotSupported(f"SaveState.{name} is not supported; save() and restore() keep the state in memory.")
