"""Which reactions NEURON has in force, and how often it counts each.

In: the reactions of a session. Out: their rates as NEURON 9 applies them, which are not always those a script has written.

NEURON keeps a list of compiled reactions. `finitialize` makes it anew; so do a new species and another number of segments. Two
things go wrong in it, and a script that is to give NEURON's numbers needs both:

* Setting `f_rate` or `b_rate` of a `Reaction` after `finitialize` compiles all reactions once more and appends them, while
  those that were there stay. A reaction made after `finitialize` takes part only from the next time on that this happens.
* For every set of regions that some section has, reactions are compiled for all sections that have at least these regions. A
  section whose regions include two such sets counts the reactions on what they share twice.

`Session(correct=True)`, or `python -m rxd.neuron --correct`, applies rates as they are written instead. Both rules are observed
in NEURON 9.0.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from rxd.declare.symbols import PassSymbol
from rxd.neuron.errors import caution

if TYPE_CHECKING:
    from rxd.neuron.space.chemistry import Chemistry

__all__ = ["InForce", "repeats"]

Rates = tuple[sympy.Expr, sympy.Expr]


class InForce:
    """NEURON's list of compiled reactions: copies of all rates, one for each time it compiled."""

    def __init__(self, chemistry: Chemistry) -> None:
        self._chemistry = chemistry
        self._copies: list[dict[int, Rates]] = []
        self._epoch: Any = None
        self._unsaid: dict[int, str] = {}  # what reactions look like that were given another rate since the last step

    def begin(self) -> None:
        """`finitialize`: the list is made anew."""
        now = self._now()
        if self._copies and self._copies != [now]:
            self._chemistry.session.touch()
        # without a species NEURON has not begun
        self._copies, self._epoch = [now] if self._chemistry.quantities else [], self._present()
        self._unsaid.clear()

    def settle(self) -> None:
        """Make the list anew if species or numbers of segments have changed."""
        if self._copies and self._epoch != self._present():
            self._copies, self._epoch = [self._now()], self._present()
            self._unsaid.clear()

    def count(self) -> None:
        """Settle, and say what counts more than once in the steps to come: who calls `finitialize` first needs no warning."""
        self.settle()
        if self._unsaid:
            who = ", ".join(self._unsaid.values())
            self._unsaid.clear()
            caution(
                f"{who}: a rate was set after finitialize. NEURON adds the new rate to the old one and counts every other "
                "reaction once more, until the next finitialize, and so does this run. Call h.finitialize(), use a Parameter "
                "as the rate, or run with python -m rxd.neuron --correct.",
            )

    def add(self, reaction: Any) -> None:
        """A rate of a Reaction has been set: NEURON appends all reactions to its list once more."""
        if not self._copies or self._chemistry.session.correct:
            return
        self.settle()
        self._copies.append(self._now())
        self._unsaid[reaction.number] = repr(reaction)

    @property
    def times(self) -> int:
        """How often all reactions are in the list."""
        return 1 if self._chemistry.session.correct else max(len(self._copies), 1)

    def rates(self, reaction: Any, in_passes: bool = False) -> Rates:
        """Forward and backward rate of a reaction, as many times as it is in the list.

        ``in_passes``: with a `PassSymbol` for each time, where they are not the same all times.
        """
        now = _rates(reaction)
        if not self._copies or self._chemistry.session.correct or reaction.is_source:
            return now
        # the newest are solved first
        counted = {turn: copy[reaction.number] for turn, copy in enumerate(reversed(self._copies)) if reaction.number in copy}
        if not counted:
            caution(
                f"{reaction!r} was declared after finitialize: NEURON leaves it out until the next finitialize, and so does "
                "this run. Call h.finitialize(), or run with python -m rxd.neuron --correct.",
            )
            return sympy.Integer(0), sympy.Integer(0)
        if in_passes and (len(set(counted.values())) > 1 or len(counted) < len(self._copies)):
            counted = {turn: (PassSymbol(turn) * f, PassSymbol(turn) * b) for turn, (f, b) in counted.items()}
        every = list(counted.values())
        return every[0] if len(every) == 1 else (sum(f for f, _ in every), sum(b for _, b in every))

    def _now(self) -> dict[int, Rates]:
        from rxd.neuron.rxd.reactions import GeneralizedReaction

        return {reaction.number: _rates(reaction) for reaction in self._chemistry.of(GeneralizedReaction)}

    def _present(self) -> Any:
        """What makes NEURON begin anew: the species there are and the numbers of segments."""
        ours = {id(parameter) for quantity in self._chemistry.quantities for parameter, _ in quantity.sources}
        species = tuple(quantity.number for quantity in self._chemistry.quantities if id(quantity) not in ours)
        return species, tuple((record.id, record.nseg) for record in self._chemistry.session.topology)


def _rates(reaction: Any) -> Rates:
    return (reaction.rate, sympy.Integer(0)) if hasattr(reaction, "rate") else (reaction.kf, reaction.kb)


def repeats(chemistry: Chemistry, needed: set[int]) -> dict[int, int]:
    """How often NEURON counts reactions on some regions, by number of the section's record.

    Parameters
    ----------
    chemistry : Chemistry
    needed : set of int
        Numbers of the regions.

    Returns
    -------
    dict
        For each section with these regions the number of sets of regions, among those that sections have, which hold the
        regions needed and are part of the section's own set.
    """
    own: dict[int, set[int]] = {}
    for region in {id(r): r for quantity in chemistry.quantities for r in quantity.regions if not hasattr(r, "shape")}.values():
        voxels = chemistry.cutting.voxel_records(region)
        for record in region.living:
            if record.id not in voxels:
                own.setdefault(record.id, set()).add(region.number)
    kinds = {frozenset(regions) for regions in own.values()}
    fitting = [kind for kind in kinds if needed <= kind]
    return {number: sum(kind <= regions for kind in fitting) for number, regions in own.items() if needed <= regions}
