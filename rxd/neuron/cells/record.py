"""The data of one section: points, size, range variables, its place in the tree.

In: what `Section` and `Segment` handles set. Out: arrays over segments, and `SegmentShape`, exact integrals over frusta.

NEURON's rules for sizes: with fewer than two 3-d points a section is a chain of cylinders, one per segment, with `L` and `diam`
as set. With points, `L` is their arc length and `diam` of a segment their mean along it; setting `L` scales the points, setting
`diam` changes the points inside the segments concerned. The first point is the end that is connected to the parent, which is
the 1 end of a section connected with its 1 end.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry import Morphology, SectionSpec, segment
from geometry.records import dataclass
from rxd.neuron.cells.outside import COMPUTED, computed
from rxd.neuron.errors import deleted_section
from rxd.neuron.globals import CONSTANTS

if TYPE_CHECKING:
    from rxd.neuron.cells.sections import Section
    from rxd.neuron.session import Session

__all__ = ["MINIMAL_DIAM", "SectionRecord", "SegmentShape"]

MINIMAL_DIAM = 1e-6  # what NEURON makes of a diameter of zero
OUTLINE_TIE = 1e-3  # um: an outline goes with points that were all moved alike, but for round-off of single precision


@dataclass(frozen=True, slots=True, eq=False)
class SegmentShape:
    """Sizes of the segments of one section, in order from its 0 end.

    Attributes
    ----------
    diam, length : ndarray, shape (nseg,), um
    area : ndarray, shape (nseg,), um2
    volume : ndarray, shape (nseg,), um3
    rho_left, rho_right : ndarray, shape (nseg,), 1/um
        `integral ds / cross-section` over the half before and the half after the middle.
    """

    diam: np.ndarray
    length: np.ndarray
    area: np.ndarray
    volume: np.ndarray
    rho_left: np.ndarray
    rho_right: np.ndarray


class SectionRecord:
    """What is known of a section; `Section` is the handle users hold.

    Attributes
    ----------
    has_shape : bool
        Whether 3-d points say what the section looks like.
    name : str
        With the text of the cell in front, as it was when the section was made, if it belongs to one.
    id : int
        Unique in the session, growing in order of creation.
    parent : SectionRecord or None
        The section it is connected to, at `parent_x` (0..1), with its own end `end` (0 or 1).
    children : list of SectionRecord
        In the order of connection.
    outline : tuple of ndarray, or None
        What it was drawn as in a file, points x, y, z, shape (n, 3), um, and its 3-d points as they were then.
    logical_connection : ndarray, shape (3,), um, or None
        The place that `define_shape` brings to the parent instead of the first point (`pt3dstyle`).
    mechanisms : list of str
        Inserted mechanisms, ions included, in order of insertion; ions come after the first mechanism that uses them.
    carries : bool
        Whether a point process has been put here.
    spots : list of dict
        What is where in memory of each segment, for those that are read again and again; none as long as nobody does.
    """

    __slots__ = (
        "Ra",
        "_L",
        "__weakref__",
        "_arc",
        "_given",
        "_nseg",
        "_points",
        "_shape",
        "alive",
        "carries",
        "cell",
        "children",
        "end",
        "handle",
        "has_shape",
        "held",
        "id",
        "ion_styles",
        "label",
        "logical_connection",
        "mechanisms",
        "name",
        "outline",
        "parent",
        "parent_x",
        "rallbranch",
        "session",
        "spots",
        "store",
    )  # fmt: skip

    def __init__(self, session: Session, number: int, label: str, cell: Any) -> None:
        self.session = session
        self.id = number
        self.name = label if cell is None else f"{cell}.{label}"
        self.cell = _reference(cell)
        self.alive = True
        self.handle: weakref.ref[Section] | None = None
        self.Ra = 35.4
        self.rallbranch = 1.0
        self._L = 100.0
        self._nseg = 1
        self._points = np.zeros((0, 4))
        self._arc = np.zeros(0)
        self.has_shape = False
        self._shape: SegmentShape | None = None
        self._given: np.ndarray | None = None
        self.logical_connection: np.ndarray | None = None
        self.outline: tuple[np.ndarray, np.ndarray] | None = None
        self.store: dict[str, np.ndarray] = {"diam": np.full(1, 500.0), "cm": np.ones(1), "v": np.full(1, -65.0)}
        self.mechanisms: list[str] = []
        self.ion_styles: dict[str, int] = {}
        self.held: set[str] = set()  # ions by mechanism whose reversal potential a script wants left alone, by `h.ion_style`
        self.parent: SectionRecord | None = None
        self.parent_x = 0.0
        self.end = 0
        self.children: list[SectionRecord] = []
        self.spots: list[dict[str, Any]] = []
        self.carries = False

    @property
    def section(self) -> Section:
        """The handle.

        Raises
        ------
        ReferenceError
            If the section is gone.
        """
        handle = None if self.handle is None else self.handle()
        if handle is None or not self.alive:
            raise deleted_section()
        return handle

    # ---------------------------------------------------------------------------------------------------------------- sizes

    @property
    def points(self) -> np.ndarray:
        """3-d points x, y, z, diameter, shape (n, 4), um."""
        return self._points

    @points.setter
    def points(self, points: np.ndarray) -> None:
        points = np.array(points, dtype=float).reshape(-1, 4)
        steps = np.sqrt(np.sum(np.diff(points[:, :3], axis=0) ** 2, axis=1))
        has_shape = bool(np.any(steps > 0))
        if self.has_shape and not has_shape:
            # without points the section keeps the sizes they gave it
            self._L, self.store["diam"] = self.L, self.diam.copy()
        self._points = points
        self._arc = np.concatenate([np.zeros(min(1, len(points))), np.cumsum(steps)])
        self.has_shape = has_shape
        self.changed_shape()

    @property
    def lack_of_shape(self) -> str:
        """Why 3-d points that there are do not say what the section looks like; empty if they do, or there are none."""
        points = self._points
        if self.has_shape or not len(points):
            return ""
        wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
        place = ", ".join(f"{value:g}" for value in (points[wrong[0]] if len(wrong) else points[0, :3]))
        if len(wrong):
            return f"its 3-d point {wrong[0]}, ({place}), is not a place"
        return f"all of its 3-d points ({len(points)}) are at ({place})"

    @property
    def arc(self) -> np.ndarray:
        """Arc length from the 0 end to each 3-d point, um."""
        return self._arc

    @property
    def L(self) -> float:
        """Length, um."""
        return float(self.arc[-1]) if self.has_shape else self._L

    @L.setter
    def L(self, length: float) -> None:
        if self.has_shape:
            points = self.points.copy()
            points[:, :3] = points[0, :3] + (points[:, :3] - points[0, :3]) * (length / self.L)
            self.points = points
        self._L = float(length)
        self.changed_shape()

    @property
    def nseg(self) -> int:
        """Number of segments."""
        return self._nseg

    @nseg.setter
    def nseg(self, nseg: int) -> None:
        if nseg == self._nseg:
            return
        # every new segment takes the values of the old one its middle lies in
        source = np.minimum(((np.arange(nseg) + 0.5) / nseg * self._nseg).astype(int), self._nseg - 1)
        self.store = {name: values[source] for name, values in self.store.items()}
        for point in self.session.run.points_in(self) if self.carries else ():
            if 0 < point.spot < 1:  # it knows no more of its place than the segment it is in
                i = self.index(point.spot)
                # where that one's middle is a border of two new segments: NEURON has the first, and of more segments the second
                spot = (
                    (i + 0.5) / self._nseg if nseg > self._nseg else (((2 * i + 1) * nseg - 1) // (2 * self._nseg) + 0.5) / nseg
                )
                object.__setattr__(point, "spot", spot)
        self._nseg, self.spots = nseg, []
        engine = self.session.run.engine
        if engine is not None:
            engine.spots.pop(self.id, None)
        self.changed_shape(sizes=False)

    def placed_outline(self) -> np.ndarray | None:
        """The outline it was drawn as, where its points are now; None if these were changed in another way than moved."""
        if self.outline is None:
            return None
        outline, points = self.outline
        if points.shape != self.points.shape:
            return None
        moved = self.points - points
        return outline + moved[0, :3] if np.ptp(moved, axis=0).max() < OUTLINE_TIE and moved[0, 3] < OUTLINE_TIE else None

    @property
    def diam(self) -> np.ndarray:
        """Diameter of each segment, um, shape (nseg,)."""
        return self.shape.diam if self.has_shape else self.store["diam"]

    def set_diam(self, diam: float, segments: slice | int) -> None:
        """Set the diameter of some segments.

        If there are 3-d points, all of the section get the diameter that their segment then has, as in NEURON.

        Raises
        ------
        ValueError
            If it is not positive.
        """
        if not diam > 0:
            raise ValueError(f"diam must be > 0; got {diam} for {self.name}.")
        if not self.has_shape:
            self.store["diam"][segments] = diam
        else:
            index = np.minimum((self.arc / self.L * self._nseg).astype(int), self._nseg - 1)
            if self.end == 1:
                index = self._nseg - 1 - index
            points, given = self.points.copy(), self._given
            # those set before count as they were set, unless somebody has looked at what became of them
            if given is None or self._shape is not None:
                given = np.empty(self._nseg) if segments == slice(None) else self.diam.copy()
            given[segments] = diam
            points[:, 3] = given[index]
            self.points = points
            self.changed_shape()
            self._given = given
            return
        self.changed_shape()

    @property
    def shape(self) -> SegmentShape:
        """Sizes of the segments."""
        if self._shape is None:
            self._shape = self._frusta() if self.has_shape else self._cylinders()
        return self._shape

    def _cylinders(self) -> SegmentShape:
        d = self.store["diam"]
        d = np.where(d > 0, d, MINIMAL_DIAM)
        length = np.full(self._nseg, self._L / self._nseg)
        rho = 2 * length / (np.pi * d * d)
        return SegmentShape(d, length, np.pi * d * length, np.pi / 4 * d * d * length, rho, rho)

    def _frusta(self) -> SegmentShape:
        morphology = Morphology.from_sections([SectionSpec("s", np.maximum(self.points, [-np.inf] * 3 + [MINIMAL_DIAM]))])
        s = segment(morphology, self._nseg)
        if self.end == 0:
            return SegmentShape(s.diam, s.length, s.area, s.volume, s.rho_left, s.rho_right)
        flipped = (s.diam, s.length, s.area, s.volume, s.rho_right, s.rho_left)
        return SegmentShape(*(values[::-1] for values in flipped))

    def changed_shape(self, sizes: bool = True) -> None:
        """Note that sizes have changed, or (not `sizes`) more than these."""
        self._shape = self._given = None
        self.session.touch(shape=True, sizes=sizes)

    # ------------------------------------------------------------------------------------------------------ range variables

    def index(self, x: float) -> int:
        """The segment that contains the place x."""
        n = self._nseg
        i = int(x * n * (1 + 4e-16))
        return i if i < n else n - 1

    def node(self, x: float) -> int:
        """As `index`, but -1 at the 0 end and nseg at the 1 end, which are nodes of their own."""
        return -1 if x <= 0 else self._nseg if x >= 1 else self.index(x)

    def values(self, name: str) -> np.ndarray | None:
        """The values of a range variable over the segments as last computed, or None if the section has none of that name.

        Change them through `Section` or `Segment`, which tell the compiled model.
        """
        if name == "diam":
            return self.diam
        if name == "i_membrane_" and self.session.run.fast_imem:
            return self.session.membrane.of(self)
        if name in COMPUTED:
            return computed(self, name)
        found = self.store.get(name)
        if found is not None:
            self.session.run.refresh(name, self)
            found = self.store[name]
        return found

    def value(self, name: str, i: int) -> float | None:
        """A range variable in a segment, if the model has it in one place; None if `values` has to find it."""
        engine = self.session.run.engine
        if engine is None or engine.revision != self.session.revision:
            return None
        return engine.single_values.get(name, self, i)

    def voltage(self, x: float) -> float:
        """The membrane potential at a place that is no end, mV."""
        # loops read the state itself: to bring the values of all segments up to date takes longer
        n, engine = self._nseg, self.session.run.engine
        i = int(x * n * (1 + 4e-16))
        if i == n:
            i -= 1
        if engine is not None:
            spots = engine.spots.get(self.id)
            if spots is not None or (spots := engine.exchange.voltages(self)) is not None:
                return engine.state.y.item(spots[i])
        return self.store["v"].item(i)

    def insert(self, mechanism: str) -> None:
        """Add a mechanism and the ions it uses, with their default values; what is there already stays as it is."""
        if mechanism in self.mechanisms:
            return
        from rxd.neuron.cells.sections import name_mechanism

        catalogue = self.session.catalogue
        ion = catalogue.ion_of(mechanism)
        used: list[str] = []
        if ion is not None:
            initial = ion.variables  # also after a script has set ki0_k_ion: that counts with finitialize, where ki is a state
        else:
            info = catalogue.density[mechanism]
            used = [catalogue.ion(name).mechanism for name in info.ions]
            self._raise_styles(info.styles)
            initial = {info.full(name): value for name, value in info.variables.items()}
        for name, value in initial.items():
            self.store[name] = np.full(self._nseg, value)
        self.mechanisms.append(mechanism)
        name_mechanism(self.session, mechanism)
        for name in used:
            if name in self.mechanisms:  # NEURON counts it as the newest
                self.mechanisms.remove(name)
                self.mechanisms.append(name)
            self.insert(name)
        self.session.touch()

    def bring_ions(self, styles: Mapping[str, int]) -> None:
        """Add the ions that a point process uses, by name with the style it wants; NEURON gives them to the whole section.

        A style belongs to the segment in NEURON, to the section here: that of one among several is left out.
        """
        if self._nseg == 1:
            self._raise_styles({name: style for name, style in styles.items() if style})
        for name in styles:
            self.insert(self.session.catalogue.ion(name).mechanism)

    def _raise_styles(self, styles: Mapping[str, int]) -> None:
        for name, style in styles.items():
            self.ion_styles[f"{name}_ion"] = max(style, self.ion_styles.get(f"{name}_ion", 0))
            if style >= 64:  # it writes the concentrations
                self.held.discard(f"{name}_ion")

    def settle_ions(self) -> list[str]:
        """Set the ion variables that `h.ion_style` wants computed at initialisation; returns their names."""
        catalogue, numbers = self.session.catalogue, self.session.globals
        changed = []
        for mechanism, style in self.ion_styles.items():
            ion = catalogue.ion_of(mechanism)
            if ion is None or mechanism not in self.mechanisms:
                continue
            x = ion.name
            if style & 4:
                for side in "io":
                    self.store[f"{x}{side}"][:] = numbers[f"{x}{side}0_{x}_ion"]
                    changed.append(f"{x}{side}")
            if style & 96 and ion.charge:
                self._set_reversal(x, ion.charge)
                changed.append(f"e{x}")
        return changed

    def _set_reversal(self, ion: str, charge: int) -> None:
        """Let the reversal potential of an ion be that of its concentrations, by Nernst."""
        volts = CONSTANTS["R"] * (self.session.globals["celsius"] + 273.15) / (charge * CONSTANTS["FARADAY"])
        with np.errstate(divide="ignore", invalid="ignore"):
            self.store[f"e{ion}"][:] = 1000.0 * volts * np.log(self.store[f"{ion}o"] / self.store[f"{ion}i"])

    def follow_concentration(self, name: str) -> None:
        """A script has set a concentration: where `h.ion_style` wants the reversal potential of every step, it follows.

        Where something moves the concentrations, equations have it anyway.
        """
        session, ion = self.session, name[:-1]
        info = session.catalogue.ions.get(ion)
        if info is None or not info.charge or not self.ion_styles.get(info.mechanism, 0) & 64:
            return
        moved = (
            session.chemistry.moves_all(f"{ion}{s}", self) or session.catalogue.writer(f"{ion}{s}", self.mechanisms)
            for s in "io"
        )
        if not any(moved):
            self._set_reversal(ion, info.charge)
            session.run.changed(f"e{ion}", self)

    def uninsert(self, mechanism: str) -> None:
        """Remove a mechanism; its ions stay."""
        if mechanism not in self.mechanisms:
            return
        for name in self.session.catalogue.variables(mechanism).values():
            del self.store[name]
        for name in [name for name in self.store if name.endswith(f"@{mechanism}")]:
            del self.store[name]
        self.mechanisms.remove(mechanism)
        self.session.touch()

    # ----------------------------------------------------------------------------------------------------------------- tree

    @property
    def root(self) -> SectionRecord:
        """The section at the root of its tree."""
        record = self
        while record.parent is not None:
            record = record.parent
        return record

    def subtree(self) -> list[SectionRecord]:
        """Itself and what hangs on it, in NEURON's order: depth first, children by place from 0 to 1, newest first."""
        found, stack = [], [self]
        while stack:
            record = stack.pop()
            found.append(record)
            stack.extend(reversed(record.ordered_children()))
        return found

    def by_level(self) -> list[SectionRecord]:
        """Itself and what hangs on it, level by level: the order of NEURON's rxd nodes."""
        found = [self]
        for record in found:
            found.extend(record.ordered_children())
        return found

    def ordered_children(self) -> list[SectionRecord]:
        """Children by their place on the section; at one place the newest first."""
        newest = list(reversed(self.children))
        return sorted(newest, key=lambda child: self.node(child.parent_x))


def _reference(cell: Any) -> Any:
    """A weak reference to the cell, so that a cell that holds its sections can go; what takes none (a str) is no cell."""
    return None if cell is None else weakref.ref(cell)
