"""A line on the terminal when code that all models share is compiled, which a machine does once and which takes a while.

In: the stream to write to. Out: one line at the first function of ours that is not among those on disk; nothing otherwise.
"""

from __future__ import annotations

from typing import Final, TextIO

from numba.core.event import Event, Listener, register

OURS: Final = ("geometry.", "cable.", "rxd.")

LINE: Final = (
    "axoplasm: compiling what all models share, once on this machine; it may take half a minute "
    "('axoplasm prepare' does it ahead).\n"
)


class FirstTime(Listener):
    """Writes the line once, when numba begins with a function of these packages."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def on_start(self, event: Event) -> None:
        """Numba begins to compile a function: it has looked for it on disk before."""
        function = event.data["dispatcher"].py_func
        if self._stream is not None and function.__module__.startswith(OURS):
            stream, self._stream = self._stream, None
            stream.write(LINE)
            stream.flush()

    def on_end(self, event: Event) -> None:
        """Nothing to say."""


def announce_compiling(stream: TextIO) -> FirstTime:
    """Have the line written, when its time comes; numba's `unregister` takes that back."""
    listener = FirstTime(stream)
    register("numba:compile", listener)
    return listener
