"""Point processes: electrodes and synapses at one place, artificial cells at none.

In: a place and parameters, as a script sets them. Out: objects whose attributes are NEURON's variables; the engine reads the
parameters and writes the computed ones. An object that nobody refers to is gone from the model, as in NEURON: the session
knows it weakly.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.errors import HocError
from rxd.neuron.mechanisms.known import POINTS, PointInfo
from rxd.neuron.named import Named
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import AttributePointer

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord

__all__ = ["POINT_CLASSES", "AlphaSynapse", "Exp2Syn", "ExpSyn", "IClamp", "PointProcess", "SEClamp", "VClamp"]

HOC_NAMES: Mapping[str, str] = MappingProxyType({"del": "delay"})
"""What hoc calls otherwise, since Python cannot write `clamp.del`: for `setattr(clamp, "del", 5)`."""


class _Kind(type):
    """Prints a class as NEURON does, `ExpSyn()`, also for `h.ExpSyn.__str__()`."""

    kind: str

    def __repr__(cls) -> str:
        return f"{cls.kind}()" if vars(cls).get("kind") else super().__repr__()

    @property
    def __str__(cls) -> Callable[..., str]:
        return lambda *this: object.__str__(this[0]) if this else repr(cls)


class _Stored:
    """What has attributes of its own, in a dict that Python makes."""


class PointProcess(_Stored, metaclass=_Kind):
    """Something at one place: `h.IClamp(soma(0.5))`, `h.IClamp(0.5, sec=soma)`.

    Attributes
    ----------
    kind : str
        Name of its class in NEURON.
    values : dict of str to float
        Parameters and computed variables.
    arrays : dict of str to Values
        Array variables, such as `amp` of a VClamp.
    spot : float
        Place on its section, 0..1; not called x, as variables of mod files are.
    ordinal, made : int
        Its number, which begins anew when none of its kind is left, as in NEURON; how many of its kind were made before it.
    remembered : tuple of float
        What `finitialize` computes from parameters and scripts do not change before the next one; zeros before the first.
    """

    _goes_with_its_script = True  # pointers do not keep it alive
    _stored: Any = vars(_Stored)["__dict__"]  # the attributes here; `vars(synapse)` are NEURON's names

    kind: ClassVar[str] = ""
    _has_equations: ClassVar[bool] = True  # whether the model has other equations with it; a clamp is a number for the cable
    _sits_at_ends: ClassVar[bool] = True  # whether an end of a section becomes a segment of its own for it
    _parts_section: ClassVar[bool] = False  # whether its segment has equations that the others of the section do not have
    host: SectionRecord | None
    spot: float
    values: dict[str, float]
    arrays: dict[str, Values]
    remembered: tuple[float, ...]

    def __init__(self, place: Segment | float | None = None, sec: Section | None = None) -> None:
        session = current_session()
        info = self.info
        put = object.__setattr__
        put(self, "session", session)
        put(self, "values", {**info.parameters, **info.assigned})
        put(self, "arrays", {name: Values(self, size) for name, size in info.arrays.items()})
        put(self, "host", None)
        put(self, "remembered", (0.0, 0.0))
        put(self, "spot", 0.5)
        put(self, "made", session.number(self.kind))
        put(self, "ordinal", session.run.ordinals.following(self.kind))
        if place is not None and not info.artificial:
            self.loc(place, sec=sec)
        session.run.add_point(self)

    def __init_subclass__(cls, **rest: Any) -> None:
        """Let Python find the variables of the class by itself."""
        super().__init_subclass__(**rest)
        info = vars(cls).get("own_info") or POINTS.get(vars(cls).get("kind", ""))
        if info is not None:
            hocs = (name for name, own in HOC_NAMES.items() if own in info.parameters)
            for name in (*info.parameters, *info.assigned, *info.arrays, *info.element_counts, *hocs):
                if not hasattr(cls, name):
                    setattr(cls, name, Named(name))

    def __class_getitem__(cls, number: float) -> PointProcess:
        """`h.IClamp[3]`: the one of that number.

        Raises
        ------
        IndexError
            If there is none.
        """
        for point in current_session().run.points:
            if type(point) is cls and point.ordinal == int(number):
                return point
        raise IndexError(f"there is no {cls.kind}[{int(number)}]")

    @property
    def info(self) -> PointInfo:
        """Names and defaults of its variables."""
        return POINTS[self.kind]

    # ------------------------------------------------------------------------------------------------------------- location

    def loc(self, place: Segment | float, sec: Section | None = None) -> float:
        """Put it somewhere."""
        if isinstance(place, Segment):
            record, x = place.sec._alive, place.x
        elif isinstance(place, (int, float)):
            record, x = (self.session.topology.cas() if sec is None else sec._alive), float(place)
        else:
            raise HocError(f"{self.kind} is put at a segment such as soma(0.5), not at {place!r}.")
        self.session.own(record.session, f"section {record.name}")
        object.__setattr__(self, "host", record)
        object.__setattr__(self, "spot", Segment(record.section, x).x)
        record.carries = True
        if self.info.styles:
            record.bring_ions(self.info.styles)
        at_end = self._sits_at_ends and not 0 < self.spot < 1
        self.session.run.points_changed(self._has_equations or at_end)
        return self.spot

    def has_loc(self) -> float:
        """1 if it is somewhere."""
        return float(self.host is not None and self.host.alive)

    def get_segment(self) -> Segment | None:
        """Where it is."""
        return Segment(self.host.section, self._centre()) if self.host is not None and self.host.alive else None

    def _centre(self) -> float:
        """The middle of the segment it is in; an end of the section if it is there."""
        host = self.host
        return self.spot if host is None or not 0 < self.spot < 1 else (host.index(self.spot) + 0.5) / host.nseg

    def get_loc(self) -> float:
        """Where on its section it is; the section becomes the currently accessed one, until `h.pop_section()`."""
        segment = self.get_segment()
        if segment is None:
            raise HocError(f"{self} is not located in a section")
        segment.sec.push()
        return segment.x

    # ------------------------------------------------------------------------------------------------------------ variables

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in {"values", "arrays", "session", "host"}:
            raise AttributeError(name)
        if name.startswith("_ref_"):
            return self._pointer(self._own_name(name[5:]))
        if name in self.arrays:
            return self.arrays[name]
        name = self._own_name(name)
        if name not in self.values:
            variables = ", ".join((*self.values, *self.arrays))
            raise AttributeError(f"'hoc.{self.kind}' object has no attribute '{name}'; {self.kind} has: {variables}")
        if name in self.info.assigned:
            self.session.run.refresh_point(self, name)
        return self.values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        values = self.values
        if name not in values:
            name = self._own_name(name)
        if name in self.arrays:
            # hoc writes to the first element of an array that is used without an index
            self.arrays[name][0] = value
        elif name in values:
            values[name] = _number(value, name)
            self.session.run.changed_point(self, name)
        else:
            variables = ", ".join((*self.values, *self.arrays))
            raise LookupError(f"'{name}' is not a defined hoc variable name. {self.kind} has: {variables}.")

    def _own_name(self, name: str) -> str:
        """The name of a variable here: hoc's `del` is `delay`, which Python can say; also where a mod file has `del`."""
        if name in self.values or name in self.arrays:
            return name
        return next((own for pair in HOC_NAMES.items() if name in pair for own in pair if own in self.values), name)

    def _pointer(self, name: str) -> Any:
        if name in self.arrays:
            return _ArrayPointers(self, name)
        if name not in self.values:
            raise AttributeError(f"'hoc.{self.kind}' object has no attribute '_ref_{name}'")
        return AttributePointer(self, name)

    @property
    def __dict__(self) -> dict[str, None]:  # type: ignore[override]
        """What `vars` gives: names without values, as in NEURON, of what hoc knows."""
        return dict.fromkeys(sorted({*self.values, *self.arrays, "get_loc", "get_segment", "has_loc", "loc"}))

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), "hname", "same"})

    def hname(self) -> str:
        """Its name."""
        return repr(self)

    def same(self, other: object) -> bool:
        """Whether it is the same object."""
        return self is other

    def __repr__(self) -> str:
        return f"{self.kind}[{self.ordinal}]"


class Values:
    """An array variable of a point process."""

    __slots__ = ("_numbers", "_owner")

    def __init__(self, owner: PointProcess, size: int) -> None:
        self._owner = weakref.ref(owner)  # who drops the point process drops it at once
        self._numbers = [0.0] * size

    def __getitem__(self, index: int) -> float:
        return self._numbers[index]

    def __setitem__(self, index: int, value: float) -> None:
        self._numbers[index] = _number(value, "element")
        owner = self._owner()
        if owner is not None:
            owner.session.run.changed_point(owner, "")

    def __iter__(self) -> Iterator[float]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


class _ArrayPointers:
    """`clamp._ref_amp`: give it an index to get a pointer."""

    __slots__ = ("_name", "_owner")

    def __init__(self, owner: PointProcess, name: str) -> None:
        self._owner, self._name = owner, name

    def __getitem__(self, index: int) -> AttributePointer:
        return AttributePointer(self._owner, self._name, int(index))


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {value!r}") from None


class IClamp(PointProcess):
    """A current of `amp` nA from `delay` for `dur` ms."""

    kind = "IClamp"
    _has_equations = False


class SEClamp(PointProcess):
    """A voltage clamp through the resistance `rs` (Mohm): three levels.

    The second and the third end when `finitialize` has found they would, whatever durations are set later; the first as set.
    """

    kind = "SEClamp"
    _has_equations = False

    def initialize(self) -> None:
        """INITIAL: the times at which the second and the third level end."""
        second = self.values["dur1"] + self.values["dur2"]
        object.__setattr__(self, "remembered", (second, second + self.values["dur3"]))


class VClamp(PointProcess):
    """A two-electrode voltage clamp of three levels, by an amplifier with a gain behind a resistance.

    Its input e is what the command is short of the measured voltage vi, which is that of the cell (and `fac` times what the
    output is above it): ``2 e + tau1 (e - vi)' = vi - command``; its output vo is ``vo + tau2 vo' = -gain e``, and the current
    ``(vo - v) / rstim``. In a fixed step these are solved together with the cell's voltage, by backward Euler.
    """

    kind = "VClamp"
    inner = frozenset(("command", "is_stepped", "level", "move", "settle"))
    _has_equations = False

    @property
    def is_stepped(self) -> bool:
        """Whether its amplifier takes time, in fixed steps; variable ones have it at its steady state."""
        values = self.values
        moves = values["tau1"] or values["tau2"] or values["fac"]
        return bool(moves) and not self.session.run.adaptive and any(duration > 0 for duration in self.arrays["dur"])

    def initialize(self) -> None:
        """INITIAL, and the current of the initial state."""
        segment = self.get_segment()
        if segment is None:
            return
        self.values.update(e0=0.0, vo0=segment.v, vi0=segment.v)
        conductance, drive = self.level(0.0)
        self.values["i"] = drive - conductance * segment.v

    def command(self, t: float) -> float | None:
        """The level at a time, mV; None when it is off."""
        end = 0.0
        for duration, level in zip(self.arrays["dur"], self.arrays["amp"], strict=True):
            end += duration
            if t < end:
                return level
        return None

    def level(self, t: float, v: float = 0.0) -> tuple[float, float]:
        """Conductance (uS) and drive (nA) in a step with the middle t: the current into the cell is `drive - conductance v`."""
        command = self.command(t)
        object.__setattr__(self, "remembered", () if command is None else (command,))
        return (0.0, 0.0) if command is None else self._coefficients(command)

    def settle(self, t: float) -> None:
        """Let the amplifier be where variable steps leave it: at its steady state."""
        command, segment, values = self.command(t), self.get_segment(), self.values
        if command is None or segment is None:
            return
        gain, fac, v = values["gain"], values["fac"], segment.v
        output = (command - (1 - fac) * v) / (fac + 2 / gain)
        values.update(e0=-output / gain, vo0=output, vi0=v + fac * (output - v))

    def _coefficients(self, command: float) -> tuple[float, float]:
        values, dt = self.values, self.session.globals.dt
        first, second, fac = values["tau1"] / dt, values["tau2"] / dt, values["fac"]
        loop = (2.0 + first) / values["gain"]
        weight = (1.0 + first) * fac + loop * (1.0 + second)
        drive = (command + first * (values["vi0"] - values["e0"]) + loop * second * values["vo0"]) / weight
        slope = (1.0 + first) * (1.0 - fac) / weight
        return (slope + 1.0) / values["rstim"], drive / values["rstim"]

    def move(self, t: float, v: float) -> None:
        """Bring the amplifier to the end of a step, where the cell has the voltage v."""
        values = self.values
        if not self.remembered:
            values["i"] = 0.0
            return
        (command,), first = self.remembered, values["tau1"] / self.session.globals.dt
        conductance, drive = self._coefficients(command)
        current = drive - conductance * v
        output = v + values["rstim"] * current
        measured = v + values["fac"] * (output - v)
        error = (measured - command + first * (measured - values["vi0"] + values["e0"])) / (2.0 + first)
        values.update(i=current, e0=error, vo0=output, vi0=measured)


class AlphaSynapse(PointProcess):
    """A conductance that rises and falls once, from `onset`."""

    kind = "AlphaSynapse"

    def alpha(self, x: float) -> float:
        """The shape of the conductance, 1 at x = 1: 0 before 0 and, as in NEURON, after 10."""
        return float(x) * math.exp(1 - float(x)) if 0 <= x <= 10 else 0.0


class ExpSyn(PointProcess):
    """A synapse whose conductance jumps by the weight and decays."""

    kind = "ExpSyn"


class Exp2Syn(PointProcess):
    """A synapse whose conductance rises and decays; the weight is its peak with the time constants at `finitialize`."""

    kind = "Exp2Syn"

    def initialize(self) -> None:
        """INITIAL: the rise is faster than the decay, and the factor that makes the weight the peak."""
        rise, decay = self.values["tau1"], self.values["tau2"]
        ratio = min(max(rise / decay, 1e-9), 0.9999)
        if ratio != rise / decay:
            self.tau1 = rise = ratio * decay
        peak = rise * decay / (decay - rise) * math.log(decay / rise)
        object.__setattr__(self, "remembered", (1.0 / (math.exp(-peak / decay) - math.exp(-peak / rise)),))
        self.session.run.wiring += 1


POINT_CLASSES = (IClamp, SEClamp, VClamp, AlphaSynapse, ExpSyn, Exp2Syn)
