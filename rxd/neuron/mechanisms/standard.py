"""MechanismStandard and MechanismType: what can be inserted, and its default values.

In: names of mechanisms. Out: their variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.errors import HocError
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.mechanisms.known import POINTS, MechanismInfo, PointInfo
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Ref

__all__ = ["MechanismStandard", "MechanismType"]

# what every section has, as if it were a mechanism: parameters (1), assigned variables (2) and states (3)
GEOMETRY: Mapping[str, Mapping[int, Mapping[str, float]]] = MappingProxyType(
    {
        "morphology": MappingProxyType(
            {1: MappingProxyType({"diam": 500.0}), 2: MappingProxyType({}), 3: MappingProxyType({})}
        ),
        "capacitance": MappingProxyType(
            {1: MappingProxyType({"cm": 1.0}), 2: MappingProxyType({"i_cap": 0.0}), 3: MappingProxyType({})}
        ),
    }
)
# which of the variables of built-in synapses their mod files integrate
STATES: Mapping[str, frozenset[str]] = MappingProxyType({"ExpSyn": frozenset(("g",)), "Exp2Syn": frozenset(("A", "B"))})


# density mechanisms in NEURON's order
_BUILT_IN = ("morphology", "capacitance", "pas", "extracellular", "na_ion", "k_ion", "hh")


class MechanismStandard(HocObject):
    """The parameters of a mechanism with values of their own: `MechanismStandard("hh", 1)`.

    Parameters
    ----------
    name : str
    kind : int
        1 parameters, 2 assigned variables, 3 states, 0 all; -1 variables that all places share, by their names alone.
    """

    def __init__(self, name: str, kind: int = 1) -> None:
        session = current_session()
        if name in GEOMETRY:
            groups = GEOMETRY[name]
            self._full = {key: key for group in groups.values() for key in group}
        elif name in POINTS:
            groups = _of_built_in(POINTS[name])
            self._full = {key: key for group in groups.values() for key in group}
        elif session.catalogue.knows(name) and name in session.catalogue.density:
            density = session.catalogue.density[name]
            groups = {
                1: dict(density.parameters),
                2: dict.fromkeys(density.assigned, 0.0),
                3: dict.fromkeys(density.states, 0.0),
            }
            self._full = dict(session.catalogue.variables(name))
        elif (ion := session.catalogue.ion_of(name)) is not None:
            held = (f"e{ion.name}", f"{ion.name}i", f"{ion.name}o")
            groups = {1: {key: ion.variables[key] for key in held}, 3: {}}
            groups[2] = {key: value for key, value in ion.variables.items() if key not in held}
            self._full = {key: key for key in ion.variables}
        elif session.catalogue.point_class(name) is not None:
            groups = _of_point(session.catalogue.points[name])
            self._full = {key: key for group in groups.values() for key in group}
        else:
            raise HocError(f"{name} is not a mechanism")
        self._name, self._shared = name, int(kind) == -1
        if self._shared:
            names = sorted((*session.catalogue.global_parameters, f"usetable_{name}"))
            shared = [key for key in names if key.endswith(f"_{name}") and key in session.globals]
            shared += [key for key in (f"{name[:-4]}{side}0_{name}" for side in "io") if key in session.globals]
            groups, self._full = {-1: {key: session.globals[key] for key in shared}}, {key: key for key in shared}
        chosen = (
            groups.get(int(kind)) if kind else {key: value for number in (1, 2, 3) for key, value in groups[number].items()}
        )
        self._values = {self._full[key]: value for key, value in (chosen or {}).items()}
        self._arrays = {} if name not in session.catalogue.density else self._take_arrays(session.catalogue.density[name])

    def _take_arrays(self, density: MechanismInfo) -> dict[str, list[str]]:
        """Arrays by their names, with the names of their elements; extracellular's have no suffix, as in NEURON."""
        found: dict[str, list[str]] = {}
        for short, size in density.arrays.items():
            elements = [density.full(f"{short}_{i}") for i in range(size)]
            if all(element in self._values for element in elements):
                found[short if density.name == "extracellular" else density.full(short)] = elements
        return found

    @property
    def _names(self) -> list[str]:
        """The variables: an array is one of them, where its first element is."""
        first = {elements[0]: name for name, elements in self._arrays.items()}
        others = {element for elements in self._arrays.values() for element in elements[1:]}
        return [first.get(name, name) for name in self._values if name not in others]

    def count(self) -> int:
        """Number of variables."""
        return len(self._names)

    def is_array(self, index: float) -> bool:
        """Whether the variable of that number is an array."""
        return self._known(index) in self._arrays

    def _known(self, index: float) -> str:
        """The name of a variable by its number."""
        if not 0 <= int(index) < len(self._names):
            raise HocError(f"Arg out of range: {self._name} has {len(self._names)} variables; there is no {int(index)}.")
        return self._names[int(index)]

    def panel(self, *_: Any) -> float:
        """NEURON's window on the values; nothing opens here."""
        return 0.0

    action = panel

    def name(self, text: Ref | None = None, index: float | None = None) -> int:
        """Write the name of the mechanism, or of a variable, into a string reference; returns the size of the variable."""
        found = self._name if index is None else self._known(index)
        if text is not None:
            text.set(found)
        if index is None:
            return 0
        return len(self._arrays.get(found, "1"))

    def _element(self, name: str, index: float) -> str:
        """The key of a variable, or of an element of an array.

        Raises
        ------
        HocError
            If there is none.
        """
        if self._shared:
            raise HocError(f"MechanismStandard: {self._name} shares {name} among all places: it is h.{name}.")
        if name in {"del", "delay"}:  # a clamp has one variable of two names
            name = next((known for known in ("del", "delay") if known in self._values), name)
        elements = self._arrays.get(name, [name])
        if not (elements[0] in self._values and 0 <= int(index) < len(elements)):
            raise HocError(f"{name} is not a variable of {self._name}; there are: {', '.join(self._names)}")
        return elements[int(index)]

    def get(self, name: str, index: float = 0) -> float:
        """The value of a variable, or of an element of an array."""
        return self._values[self._element(name, index)]

    def set(self, name: str, value: float, index: float = 0) -> float:
        """Set the value of a variable, or of an element of an array."""
        self._values[self._element(name, index)] = float(value)
        return 0.0

    def _target(self, where: Any, sec: Section | None) -> Any:
        if where is not None and not isinstance(where, (int, float)):
            return where
        section = current_session().topology.cas().section if sec is None else sec
        return section if where is None else section(where)

    def out(self, where: Any = None, sec: Section | None = None) -> float:
        """Write the values to a section, segment, point process, or to another MechanismStandard."""
        target = self._target(where, sec)
        if isinstance(target, MechanismStandard):
            target._values.update((name, value) for name, value in self._values.items() if name in target._values)
            return 0.0
        for name, value in self._values.items():
            setattr(target, name, value)
        return 0.0

    def in_(self, where: Any = None, sec: Section | None = None) -> float:
        """Take the values from a section, segment, point process, or from another MechanismStandard."""
        target = self._target(where, sec)
        if isinstance(target, MechanismStandard):
            return target.out(self)
        self._values = {name: float(getattr(target, name)) for name in self._values}
        return 0.0

    def __getattr__(self, name: str) -> Any:
        return self.in_ if name in {"in", "_in"} else super().__getattr__(name)


def _of_built_in(info: PointInfo) -> dict[int, dict[str, float]]:
    """Parameters, assigned variables and states of a built-in point process, with the names hoc has for them."""
    states = STATES.get(info.name, frozenset())
    parameters = {"del" if key == "delay" else key: value for key, value in info.parameters.items()}
    assigned = {key: value for key, value in info.assigned.items() if key not in states}
    return {1: parameters, 2: assigned, 3: {key: value for key, value in info.assigned.items() if key in states}}


def _of_point(kind: Any) -> dict[int, dict[str, float]]:
    """Parameters, assigned variables and states of a point process of a mod file, as far as scripts see them."""
    info, translation = kind.own_info, kind.translation
    states = {key: 0.0 for key in translation.names.states if key not in translation.names.ions}
    shown = {*translation.file.ranges, *translation.file.nonspecific, *translation.file.electrode}
    parameters = {key: value for key, value in info.parameters.items() if key in shown or key.rpartition("_")[0] in shown}
    assigned = {key: value for key, value in info.assigned.items() if key in shown and key not in states}
    return {1: parameters, 2: assigned, 3: states}


class MechanismType(HocObject):
    """The mechanisms there are: `MechanismType(0)` density mechanisms, `MechanismType(1)` point processes."""

    def __init__(self, kind: int) -> None:
        session = current_session()
        session.catalogue.take_all()
        self._points = bool(kind)
        ions = [ion.mechanism for ion in session.catalogue.ions.values()]
        own = [name for name, found in session.mods.known.items() if found.file.kind != "SUFFIX"]
        density = [name for name in session.catalogue.density if name not in _BUILT_IN]
        known = [name for name in (*_BUILT_IN, *ions) if not name.endswith("_ion") or name in ions]
        self._names = [*POINTS, *own] if kind else list(dict.fromkeys((*known, *density)))
        self._selected = 0
        self._found: list[Any] = []

    def _info(self, index: float) -> PointInfo | None:
        """What is known of a point process by its number; None for density mechanisms."""
        name = self._names[int(index)]
        if not self._points:
            return None
        if name in POINTS:
            return POINTS[name]
        own = current_session().catalogue.point_class(name)
        return getattr(own, "own_info", None)

    def select(self, which: str | float) -> float:
        """Select one by name or number."""
        if isinstance(which, str):
            self._selected = self._names.index(which) if which in self._names else -1
        else:
            self._selected = int(which)
        return 0.0

    def selected(self, text: Ref | None = None) -> int:
        """Number of the selected one; its name goes into a string reference."""
        if text is not None:
            text.set(self._names[self._selected])
        return self._selected

    def count(self) -> int:
        """How many there are."""
        return len(self._names)

    def make(self, *into: Any, sec: Section | None = None) -> float:
        """Insert the selected mechanism in a section, or in the accessed one; a point process goes into a reference.

        `make(reference)`, or `make(x, reference)`, makes a point process at x (0.5) of the section.
        """
        target = current_session().topology.cas().section if sec is None else sec
        if not self._points:
            target.insert(self._names[self._selected])
            return 0.0
        if not into:
            raise HocError("MechanismType.make: a point process goes into a reference: mt.make(0.5, h.ref(None)).")
        from rxd.neuron.classes import CLASSES

        name = self._names[self._selected]
        kind: Any = CLASSES.get(name) or current_session().catalogue.point_class(name)
        artificial = self.is_artificial(self._selected)
        into[-1].set(kind() if artificial else kind(target(float(into[0]) if len(into) > 1 else 0.5)))
        return 0.0

    def remove(self, sec: Section | None = None) -> float:
        """Take the selected mechanism out of a section, or out of the accessed one."""
        target = current_session().topology.cas().section if sec is None else sec
        target.uninsert(self._names[self._selected])
        return 0.0

    def internal_type(self) -> int:
        """A number above 0 that stands for the selected one."""
        return self._selected + 1

    def menu(self, *_: Any) -> float:
        """NEURON's menu of mechanisms; nothing opens here."""
        return 0.0

    action = menu

    def is_artificial(self, index: float) -> bool:
        """Whether it is an artificial cell."""
        info = self._info(index)
        return info is not None and info.artificial

    def is_netcon_target(self, index: float) -> bool:
        """Whether a NetCon can send to it."""
        info = self._info(index)
        return info is not None and info.receives

    def is_ion(self) -> bool:
        """Whether the selected one is an ion."""
        return self._names[self._selected].endswith("_ion")

    def has_net_event(self, index: float) -> bool:
        """Whether it sends events."""
        return self.is_artificial(index)

    def pp_begin(self, *_: Any, sec: Section | None = None) -> Any:
        """The first point process of the selected kind in a section, or in the accessed one."""
        record = current_session().topology.cas() if sec is None else sec._alive
        self._found = [point for point in current_session().run.points_in(record) if point.kind == self._names[self._selected]]
        return self.pp_next()

    def pp_next(self) -> Any:
        """The next one, or None."""
        return self._found.pop(0) if self._found else None

    def file(self) -> str:
        """The mod file of the selected one; no text for what is built in."""
        path = current_session().mods.names().get(self._names[self._selected])
        return "" if path is None else str(path)

    def code(self) -> str:
        """The text of the mod file of the selected one."""
        path = self.file()
        return Path(path).read_text(encoding="utf-8", errors="replace") if path else ""

    def where(self, segment: Segment) -> Segment:
        """The segment itself."""
        return segment
