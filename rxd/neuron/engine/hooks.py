"""BEFORE and AFTER blocks of mod files: code that runs around INITIAL and around steps.

In: an engine and the mechanisms of its session. Out: their blocks run with numbers, place by place, in NEURON's order:
mechanisms by the names of their files, places along the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.engine.columns import held_in_columns, in_columns
from rxd.neuron.mods.calls import Place
from rxd.neuron.mods.numbers import SessionNumbers
from rxd.neuron.mods.written import code_of_place
from rxd.nmodl.presets import AFTER
from rxd.nmodl.syntax import Block

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.nmodl import Translation

__all__ = ["Hooks"]


class _KeptPlace(Place):
    """A segment whose mechanism keeps the variables that nobody outside of the file sees, too."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        file, ions = self.translation.file, self.translation.names.ions.items()
        self.kept: dict[str, float] = {}
        self.currents = {*file.nonspecific, *file.electrode, *(name for name, ion in ions if ion.what == "current")}
        self.passing: dict[str, float] = {}
        self.t = 0.0

    def begin(self, t: float) -> None:
        """A block begins to run."""
        self.t = t
        self.passing.clear()

    def read(self, key: str) -> float:
        """The number behind a name."""
        known = self.passing if key in self.passing else self.kept
        return self.t if key == "t" else known[key] if key in known else super().read(key)

    def write(self, key: str, value: float) -> None:
        """A number for a variable; what a block assigns to a current is its own."""
        if key in self.currents:
            self.passing[key] = value
        else:
            super().write(key, value)

    def hide(self, key: str, value: float) -> None:
        """Keep the number of a variable that is neither RANGE nor GLOBAL; a parameter without RANGE is GLOBAL."""
        if key in self.translation.globals:
            super().hide(key, value)
        else:
            self.kept[key] = value


class Hooks:
    """The blocks of an engine, by when they run: ``before breakpoint``, ``after solve`` and so on."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._blocks: dict[str, list[Callable[[float], None]]] = {}
        self._kept = np.zeros(0, dtype=np.int64)
        known = engine.session.mods.known.values()
        for translation in sorted((found for found in known if found.file.all("hook")), key=lambda found: found.file.path):
            for action, block in self._actions(translation):
                self._blocks.setdefault(block.name, []).append(action)
            self._kept = np.concatenate([self._kept, *self._places(translation)])

    def __bool__(self) -> bool:
        """Whether there are blocks that run around steps."""
        return bool(self._blocks.keys() - {"before initial", AFTER})

    @property
    def precede(self) -> bool:
        """Whether there are blocks that run before INITIAL."""
        return "before initial" in self._blocks

    def initialize(self) -> None:
        """Those after INITIAL, and those that NEURON runs for the currents and records of the initial state."""
        for when in (AFTER, "before breakpoint", "before step"):
            self.run(when, 0.0)

    def run(self, when: str, t: float) -> None:
        """Run the blocks of one kind, at a time."""
        actions = self._blocks.get(when, ())
        if not actions:
            return
        engine = self.engine
        before, jumped = engine.y.copy() if engine.adaptive else None, engine.jumped
        for action in actions:
            action(t)
        if before is not None and not jumped:  # what blocks count is nothing to the solver
            moved = engine.y != before
            moved[self._kept] = False
            engine.jumped = bool(moved.any())

    def _places(self, translation: Translation) -> Iterator[np.ndarray]:
        """Where the state holds variables that no equation moves."""
        for gate in translation.gates:
            block = self.engine.states.blocks.get(f"{translation.file.name}.{gate.symbol}")
            if gate.rate == 0 and block is not None:
                yield np.arange(block.start, block.stop)

    def _actions(self, translation: Translation) -> Iterator[tuple[Callable[[float], None], Block]]:
        """What runs each block at each place of a mechanism."""
        engine, file = self.engine, translation.file
        for block in file.all("hook"):
            together = in_columns(engine, translation, block) or held_in_columns(engine, translation, block)
            if together is not None:
                yield together, block
                continue
            if file.kind != "SUFFIX":
                made = engine.session.catalogue.points.get(file.name)
                points = [point for point in engine.session.run.points if type(point) is made]
                yield from ((_of_point(point, block), block) for point in points)
                continue
            for record in engine.layout.records:
                if record.alive and file.name in record.mechanisms:
                    for i in range(record.nseg):  # whose section may go, although an engine knows it
                        place = _KeptPlace(engine.session, translation, record, (i + 0.5) / record.nseg)
                        yield _of_place(place, block), block


def _of_point(point: Any, block: Block) -> Callable[[float], None]:
    return lambda t: point.run_code(block.body, t, {})


def _of_place(place: _KeptPlace, block: Block) -> Callable[[float], None]:
    written = code_of_place(place, block.body)
    if written is not None:

        def run_written(t: float) -> None:
            place.begin(t)
            written(t, 0.0, 0.0)

        return run_written
    code = SessionNumbers(place.session, place.translation.file, place.read, place.write)

    def run(t: float) -> None:
        place.begin(t)
        code.frames[:] = [{}]
        code.run_all(block.body)

    return run
