"""`neuron.expect_hocerr`: helpers of NEURON's own tests.

In: a call. Out: whether it failed as it should.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["expect_err", "expect_hocerr", "set_quiet"]


def expect_hocerr(call: Callable[..., Any], args: tuple[Any, ...] = (), sec: Any = None) -> None:
    """Call something that must raise an error.

    Raises
    ------
    AssertionError
        If it raises none.
    """
    try:
        call(*args) if sec is None else call(*args, sec=sec)
    except Exception as error:  # noqa: BLE001 - whatever NEURON would raise
        sys.stdout.write(f"expected error: {error}\n")
        return
    raise AssertionError(f"expected an error from {call!r}{args!r}")


def expect_err(statement: str) -> None:
    """Execute a statement, with the names of the caller, that must raise an error."""
    frame = sys._getframe(1)
    try:
        exec(statement, frame.f_globals, frame.f_locals)  # noqa: S102 - what it is for
    except Exception as error:  # noqa: BLE001 - whatever NEURON would raise
        sys.stdout.write(f"expected error: {error}\n")
        return
    raise AssertionError(f"expected an error from {statement!r}")


def set_quiet(quiet: bool) -> None:
    """Has no effect here."""
