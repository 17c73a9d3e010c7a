"""NEURON's clamps, as currents and conductances on segments.

In: IClamp, SEClamp and VClamp objects, whose parameters may change at any time. Out: what a stepper asks of its stimuli, read
from the objects at every call.

A VClamp has an amplifier of finite gain behind a resistance. In fixed steps it takes its time constants
(`rxd.neuron.mechanisms.points.VClamp`); at steady state, as in variable steps, its current is
`(gain amp - (gain + 2) v) / (2 rstim)`. A clamp at an end of a section sits where no charge is stored (`Layout.ends`); in
voxels its current divides among the segments that meet there in proportion to the conductances between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass
from rxd.neuron.engine.placed import Reference
from rxd.neuron.errors import HocError
from rxd.neuron.mechanisms.points import VClamp
from rxd.neuron.mods.stepped import ModStepped

if TYPE_CHECKING:
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.mechanisms.points import PointProcess

__all__ = ["Electrode", "Electrodes", "refuse_variable_steps"]

SAME = 1e-9  # ms, below which two times are the same
CLAMPS = ("IClamp", "SEClamp", "VClamp")


@dataclass(frozen=True, slots=True, eq=False)
class Electrode:
    """A clamp and the segments it acts on: `nodes` in storage order, `weights` that sum to 1."""

    reference: Reference
    nodes: np.ndarray
    weights: np.ndarray

    @property
    def clamp(self) -> Any:
        """The clamp, or what is left of it."""
        return self.reference.get()

    def level(self, t: float) -> tuple[float, float]:
        """Conductance (uS) and drive (nA) at a time: the current into the cell is `drive - conductance v`."""
        values = self.clamp.values
        if self.clamp.kind == "IClamp":
            on = values["delay"] <= t < values["delay"] + values["dur"]
            return 0.0, values["amp"] if on else 0.0
        command = self.command(t)
        if command is None:
            return 0.0, 0.0
        if self.clamp.kind == "SEClamp":
            return 1.0 / values["rs"], command / values["rs"]
        resistance = 2.0 * values["rstim"]
        return (values["gain"] + 2.0) / resistance, values["gain"] * command / resistance

    def command(self, t: float) -> float | None:
        """Command voltage of a voltage clamp, mV; None while it is off."""
        ends, levels = self.phases()
        return next((level for end, level in zip(ends, levels, strict=True) if t < end), None)

    def phases(self) -> tuple[list[float], list[float]]:
        """The ends (ms) and levels (mV) of a voltage clamp."""
        if self.clamp.kind == "VClamp":
            return [float(t) for t in np.cumsum(list(self.clamp.arrays["dur"]))], list(self.clamp.arrays["amp"])
        values = self.clamp.values
        return [values["dur1"], *self.clamp.remembered], [values[f"amp{i}"] for i in (1, 2, 3)]

    def jumps(self) -> list[float]:
        """Times at which its level changes, ms."""
        if self.clamp.kind == "IClamp":
            return [self.clamp.values["delay"], self.clamp.values["delay"] + self.clamp.values["dur"]]
        return self.phases()[0]


@dataclass(frozen=True, slots=True, eq=False)
class Stepped(Electrode):
    """A clamp with states of its own: a VClamp, or a point process of a mod file that is run with numbers.

    ``read`` gives voltages of segments, or None; ``outside`` what an electrode, which is earthed, has them against.
    """

    read: Callable[[np.ndarray], Any]
    outside: Callable[[np.ndarray], np.ndarray] | None

    def voltage(self) -> float | None:
        """Where it is, mV."""
        values = self.read(self.nodes)
        if values is None or self.outside is None:
            return None if values is None else float(self.weights @ values)
        return float(self.weights @ (values + self.outside(self.nodes)))

    def level(self, t: float) -> tuple[float, float]:
        """What BREAKPOINT gives at a time, with the present voltage."""
        v, clamp = self.voltage(), self.clamp
        return (0.0, 0.0) if v is None or not isinstance(clamp, (ModStepped, VClamp)) else clamp.level(t, v)

    def move(self, t: float) -> None:
        """Bring its states to a time, the end of a step."""
        v, clamp = self.voltage(), self.clamp
        if v is not None and isinstance(clamp, (ModStepped, VClamp)):
            clamp.move(t, v)

    def jumps(self) -> list[float]:
        """Nobody knows them."""
        return []


@dataclass(slots=True, eq=False)
class Electrodes:
    """All clamps of a session, with the attributes a stepper reads of its stimuli.

    Attributes
    ----------
    electrodes : list of Electrode
    t : float or None
        The time at which clamps are read, if not the beginning of a step: NEURON reads them in its middle.
    rise : (ndarray or None, float)
        How fast currents rise that Vectors play with interpolation, by segment (nA/ms), and since when; for variable steps.
    more : (ndarray of int, ndarray) or None
        Segments and currents (nA) beside those of clamps, for one step.
    """

    electrodes: list[Electrode]
    t: float | None = None
    clamps: tuple[Any, ...] = ()
    clamp_node: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    breakpoints: np.ndarray = field(default_factory=lambda: np.zeros(0))
    detector_position: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    detector_threshold: np.ndarray = field(default_factory=lambda: np.zeros(0))
    detector_place: tuple[str, ...] = ()
    connections: tuple[Any, ...] = ()
    trains: tuple[Any, ...] = ()
    rise: tuple[np.ndarray | None, float] = (None, 0.0)
    more: tuple[np.ndarray, np.ndarray] | None = None
    _by_clamp: dict[int, Electrode] | None = None
    _levels: list[tuple[float, float]] = field(default_factory=list)
    _held: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    _span: tuple[float, float] = (np.inf, -np.inf)
    _changing: bool = True
    _last: tuple[list[tuple[float, float]], tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None

    @classmethod
    def of(
        cls,
        points: list[PointProcess],
        layout: Layout,
        storage: np.ndarray,
        read: Callable[[np.ndarray], Any],
        outside: Callable[[np.ndarray], np.ndarray],
        others: Iterable[Electrode] = (),
    ) -> Electrodes:
        """The clamps among some point processes.

        Parameters
        ----------
        points : list of PointProcess
        layout : Layout
        storage : ndarray of int, shape (n_segments,)
            Place of each segment in the stepper's order.
        read : function
            The voltages of segments in that order, or None while there are none.
        outside : function
            The potentials outside of these segments.
        others : iterable of Electrode
            More of them.
        """
        found: list[Electrode] = []
        for clamp in points:
            stepped = isinstance(clamp, ModStepped) or (isinstance(clamp, VClamp) and clamp.is_stepped)
            if (clamp.kind in CLAMPS or stepped) and clamp.host is not None and clamp.host.alive:
                parts = layout.parts(clamp.host, clamp.spot)
                nodes = np.array([storage[segment] for segment, _ in parts], dtype=np.int64)
                weights = np.array([weight for _, weight in parts])
                held = Reference(clamp)
                against = outside if isinstance(clamp, VClamp) else None
                found.append(Stepped(held, nodes, weights, read, against) if stepped else Electrode(held, nodes, weights))
        return cls([*sorted(found, key=_turn), *others])

    def electrode(self, point: PointProcess) -> Electrode | None:
        """That of a clamp, or None for another point process."""
        if self._by_clamp is None:
            self._by_clamp = {id(electrode.clamp): electrode for electrode in self.electrodes}
        found = self._by_clamp.get(id(point))
        return found if found is not None and found.clamp is point else None

    def clamped(self, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Node (storage order), conductance (uS) and drive (nA) of every part of a clamp; without conductance a current.

        The arrays are the same ones at every call, unless there is `more`.
        """
        if self.more is not None:
            (segments, currents), self.more = self.more, None
            parts = zip(self.clamped(t), (segments, np.zeros(len(segments)), currents), strict=True)
            node, conductance, drive = (np.concatenate(pair) for pair in parts)
            return node, conductance, drive
        now = t if self.t is None else self.t
        if self._held is not None and self._span[0] <= now < self._span[1]:
            return self._held
        levels = [electrode.level(now) for electrode in self.electrodes]
        if self._held is None:
            empty, nodes = np.zeros(0, dtype=np.int64), [electrode.nodes for electrode in self.electrodes]
            node = np.concatenate([empty, *nodes])
            self._held = (node, np.zeros(len(node)), np.zeros(len(node)))
        if levels != self._levels:
            self._levels = levels
            start, (_, conductance, drive) = 0, self._held
            for electrode, (g, current) in zip(self.electrodes, levels, strict=True):
                stop = start + len(electrode.nodes)
                if stop - start == 1:
                    weight = electrode.weights.item()
                    conductance[start], drive[start] = weight * g, weight * current
                else:
                    conductance[start:stop], drive[start:stop] = electrode.weights * g, electrode.weights * current
                start = stop
        if not self._changing:  # what a Vector plays is written in every step
            self._span = self._steady(now)
        self._changing = False
        return self._held

    def _steady(self, now: float) -> tuple[float, float]:
        """From when until when the levels are those at a time, unless a script changes them: no time if one cannot tell."""
        if any(type(electrode) is not Electrode for electrode in self.electrodes):
            return np.inf, -np.inf
        jumps = [jump for electrode in self.electrodes for jump in electrode.jumps()]
        before, after = (jump for jump in jumps if jump <= now), (jump for jump in jumps if jump > now)
        return max(before, default=-np.inf), min(after, default=np.inf)

    def take_watched(self, others: Electrodes) -> None:
        """Look for spikes where others have: in the same arrays, which a stepper has taken in."""
        for name in ("detector_position", "detector_threshold", "connections"):
            setattr(self, name, getattr(others, name))

    def forget(self) -> None:
        """A script has changed a clamp: read them all anew."""
        self._span, self._changing = (np.inf, -np.inf), True

    def moved(self, levels: Mapping[int, tuple[float, float]]) -> None:
        """The loop has taken some clamps (by id) to other levels than those that `clamped` put there last."""
        self.forget()
        self._levels = [
            levels.get(id(electrode.clamp), level) for electrode, level in zip(self.electrodes, self._levels, strict=True)
        ]

    def see(self, t: float) -> None:
        """Let the clamps be seen as they are at a time."""
        self.t = None
        self.forget()
        self.clamped(t)

    def seen(self, electrode: Electrode) -> tuple[float, float]:
        """The level of a clamp as currents have seen it last."""
        return self._levels[self.electrodes.index(electrode)]

    def at(self, t: float, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Injected current (nA), clamp conductance (uS) and clamp drive (nA) by segment in storage order, just after t."""
        now = (t if self.t is None else self.t) + SAME  # an event may end a step a hair before a jump
        levels = [electrode.level(now) for electrode in self.electrodes]
        plain = all(type(electrode) is Electrode for electrode in self.electrodes)  # whose nodes keep their weights
        if plain and self._last is not None and self._last[0] == levels:
            return self._last[1]
        injected, conductance, drive = np.zeros(n), np.zeros(n), np.zeros(n)
        for electrode, (g, current) in zip(self.electrodes, levels, strict=True):
            target = drive if g else injected
            np.add.at(target, electrode.nodes, electrode.weights * current)
            if g:
                np.add.at(conductance, electrode.nodes, electrode.weights * g)
        for array in (injected, conductance, drive):
            array.setflags(write=False)
        self._last = levels, (injected, conductance, drive)
        return injected, conductance, drive

    @property
    def stepped(self) -> list[Stepped]:
        """Those that are run with numbers."""
        return [electrode for electrode in self.electrodes if isinstance(electrode, Stepped)]

    def next_jump(self, t: float) -> float:
        """The next time after t at which a clamp jumps, ms; infinity if there is none."""
        times = [jump for electrode in self.electrodes for jump in electrode.jumps() if jump > t + SAME]
        return min(times, default=np.inf)


def _turn(electrode: Electrode) -> tuple[str, int]:
    """When it has its turn: NEURON goes through mechanisms by the names of their files, and along the nodes of a cell."""
    clamp = electrode.clamp
    return (clamp.translation.file.path, int(electrode.nodes[0])) if isinstance(clamp, ModStepped) else ("", 0)


def refuse_variable_steps(engine: Any) -> None:
    """Say that what is run with numbers at every step cannot go with steps that the solver chooses and repeats.

    Raises
    ------
    HocError
        With CVode, if there is such a point process.
    """
    for electrode in engine.stepped if engine.adaptive else ():
        reason = electrode.clamp.translation.reason
        raise HocError(f"{electrode.clamp} runs with fixed steps only; switch CVode off. It has no equations: {reason}")
