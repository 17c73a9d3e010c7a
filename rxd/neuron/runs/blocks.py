"""Python code in the steps of a run: what `neuron.nonvint_block_supervisor` registers.

In: lists of callables. Out: calls before the handlers of a new initial state, and in every fixed step when all variables are
those of its end and the clock, as in NEURON, is that of its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rxd.neuron.errors import NotSupported

if TYPE_CHECKING:
    from rxd.neuron.runs.run import Run

__all__ = ["Blocks"]

SETUP: Final = 0
INITIALIZE: Final = 1
CURRENT: Final = 2
FIXED_STEP: Final = 4
VARIABLE: Final = 5
Block = Sequence[Any]


class Blocks:
    """The lists of one run.

    Attributes
    ----------
    registered : list of sequences of callables or None
        By NEURON's numbers for what they do.
    """

    __slots__ = ("_prepared", "_run", "registered")

    def __init__(self, run: Run) -> None:
        self._run = run
        self.registered: list[Block] = []
        self._prepared = -1

    def register(self, block: Block) -> None:
        """Call these from now on.

        Raises
        ------
        NotSupported
            If they want to add to the equations of the membrane.
        """
        if any(function is not None for function in block[CURRENT:FIXED_STEP]):
            message = (
                "nonvint_block_supervisor: current and conductance (places 2 and 3 of the list) are not supported. Write the "
                "current as a MultiCompartmentReaction with membrane_flux=True or as a mod file, and leave these places None."
            )
            raise NotSupported(message)
        self.unregister(block)
        self.registered.append(block)
        self._prepared = -1

    def unregister(self, block: Block) -> None:
        """Call these no more."""
        self.registered = [one for one in self.registered if one is not block and one != block]

    def __bool__(self) -> bool:
        return bool(self.registered)

    def initialize(self) -> None:
        """A new initial state: `setup` if the model has changed, then `initialize`.

        Raises
        ------
        NotSupported
            If they take part in variable steps, which are on.
        """
        if self._run.adaptive and any(function is not None for block in self.registered for function in block[VARIABLE:]):
            raise NotSupported(
                "nonvint_block_supervisor: its functions for variable steps are not supported; switch CVode off."
            )
        revision = self._run.session.revision
        if self.registered and revision != self._prepared:
            self._prepared = revision
            self._call(SETUP)
        self._call(INITIALIZE)

    def step(self, dt: float) -> None:
        """The end of a fixed step."""
        self._call(FIXED_STEP, dt)

    def _call(self, place: int, *args: Any) -> None:
        for block in list(self.registered):
            if len(block) > place and block[place] is not None:
                block[place](*args)
