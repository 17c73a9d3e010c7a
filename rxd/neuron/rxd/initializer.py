"""`rxd.initializer`: NEURON sets its rxd structures up here; Axoplasm does so when they are first needed."""

from __future__ import annotations


def is_initialized() -> bool:
    """Whether structures exist: they always do when needed."""
    return True


def has_initialized() -> bool:
    """The same under its other name."""
    return True


def assert_initialized(msg: str = "") -> None:
    """Nothing to check."""


def _do_init() -> None:
    """Bring the declarations of the session up to date."""
    from rxd.neuron.session import current_session

    current_session().chemistry.cutting.place()


_init = _do_init
