"""`neuron.tests.utils.capture_stdout`: what a statement prints."""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys

__all__ = ["capture_stdout"]


def capture_stdout(statement: str, md5: bool = False) -> str:
    """Execute a statement with the names of the caller: what it printed, or the MD5 sum of that."""
    frame = sys._getframe(1)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(statement, frame.f_globals, frame.f_locals)  # noqa: S102 - what it is for
    text = printed.getvalue()
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() if md5 else text
