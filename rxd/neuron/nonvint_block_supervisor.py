"""`neuron.nonvint_block_supervisor`: Python code that takes part in NEURON's steps, as simulators coupled to it do.

In: lists of callables by their places in NEURON's step: 0 setup, 1 initialize, 2 current, 3 conductance, 4 fixed_step_solve,
5 to 10 for variable steps. Out: calls of 0, 1 and 4, when NEURON makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rxd.neuron.session import current_session

__all__ = ["clear", "register", "unregister"]


def __getattr__(name: str) -> Any:
    """`call`: the lists in force."""
    if name == "call":
        return list(current_session().run.blocks.registered)
    raise AttributeError(f"module 'neuron.nonvint_block_supervisor' has no attribute {name!r}")


def register(block: Sequence[Any]) -> None:
    """Let the callables of a list take part from now on.

    Raises
    ------
    NotSupported
        If it has a current or a conductance.
    """
    current_session().run.blocks.register(block)


def unregister(block: Sequence[Any]) -> None:
    """Let them take part no more; nothing happens if they do not."""
    current_session().run.blocks.unregister(block)


def clear() -> None:
    """Forget all."""
    for block in list(current_session().run.blocks.registered):
        unregister(block)
