"""What is known of NEURON's built-in mechanisms and ions: variables, defaults, the ions they use.

In: names such as `hh` or `ca_ion`. Out: `MechanismInfo` records, which sections, point processes and the engine read. The
equations themselves are in `rxd.library`; here are only names and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from geometry.records import dataclass
from rxd.neuron.cells.outside import NAME
from rxd.neuron.errors import HocError
from rxd.nmodl.names import expanded, has_tables

if TYPE_CHECKING:
    from rxd.neuron.mechanisms.points import PointProcess
    from rxd.neuron.session import Session
    from rxd.nmodl import Translation
    from rxd.nmodl.syntax import Ion

FOLLOWS_AT_START, FOLLOWS = 49, 119
ADVANCES = 64
"""Part of an ion's style: its reversal potential follows its concentrations at every step."""

__all__ = ["DENSITY", "POINTS", "Catalogue", "IonInfo", "MechanismInfo", "PointInfo"]


@dataclass(frozen=True, slots=True)
class MechanismInfo:
    """A density mechanism.

    Attributes
    ----------
    name : str
        Name to insert; variables are called `variable_name`.
    parameters : mapping of str to float
        What a user sets, with NEURON's default.
    assigned, states : tuple of str
        What the simulation computes.
    ions : tuple of str
        Ions whose variables come with it.
    units : mapping of str to str
        Units of variables.
    writes : tuple of str
        Variables of ions that it determines: `cai`.
    styles : mapping of str to int
        What `h.ion_style` becomes by it, for ions whose concentrations it reads or writes.
    arrays : mapping of str to int
        Sizes of arrays, whose elements are variables: `ca_0`, `ca_1` of `ca`.
    """

    name: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    assigned: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    ions: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    writes: tuple[str, ...] = ()
    styles: Mapping[str, int] = field(default_factory=dict)
    arrays: Mapping[str, int] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, float]:
        """All variables without suffix, in NEURON's order, with initial values."""
        return {**self.parameters, **dict.fromkeys((*self.assigned, *self.states), 0.0)}

    def full(self, variable: str) -> str:
        """The name of a variable as a range variable of a section."""
        return f"{variable}_{self.name}"


@dataclass(frozen=True, slots=True)
class IonInfo:
    """An ion: its charge, and what its variables are where nobody sets them."""

    name: str
    charge: int
    inside: float = 1.0
    outside: float = 1.0
    e: float = 0.0

    @property
    def mechanism(self) -> str:
        """Name as a mechanism."""
        return f"{self.name}_ion"

    @property
    def variables(self) -> dict[str, float]:
        """Range variables with their initial values, in NEURON's order."""
        x = self.name
        return {f"e{x}": self.e, f"{x}i": self.inside, f"{x}o": self.outside, f"i{x}": 0.0, f"di{x}_dv_": 0.0}


@dataclass(frozen=True, slots=True)
class PointInfo:
    """A point process or artificial cell: parameters, computed variables, lengths of array variables.

    ``element_counts``: sizes of arrays whose elements are variables of their own (`g_0`, `g_1`), as those of mod files are.
    ``styles``: ions that come with it, as with a mechanism, and what `h.ion_style` becomes by it (0 if it leaves that alone).
    """

    name: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    assigned: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, int] = field(default_factory=dict)
    artificial: bool = False
    receives: bool = False
    units: Mapping[str, str] = field(default_factory=dict)
    element_counts: Mapping[str, int] = field(default_factory=dict)
    styles: Mapping[str, int] = field(default_factory=dict)


def _extracellular(layers: int) -> MechanismInfo:
    """NEURON's `extracellular` with a number of layers."""
    given = (("xraxial", 1e9), ("xg", 1e9), ("xc", 0.0))
    return MechanismInfo(
        "extracellular",
        {
            **{f"{name}_{i}": value for name, value in given for i in range(layers)},
            "e": 0.0,
            **{f"vext_{i}": 0.0 for i in range(layers)},
        },
        units={"e": "mV"},
        arrays=dict.fromkeys(("xraxial", "xg", "xc", "vext"), layers),
    )


DENSITY: Mapping[str, MechanismInfo] = MappingProxyType(
    {
        info.name: info
        for info in (
            _extracellular(2),
            MechanismInfo("pas", {"g": 0.001, "e": -70.0}, assigned=("i",), units={"g": "S/cm2", "e": "mV", "i": "mA/cm2"}),
            MechanismInfo(
                "hh",
                {"gnabar": 0.12, "gkbar": 0.036, "gl": 0.0003, "el": -54.3},
                assigned=("gna", "gk", "il", "minf", "hinf", "ninf", "mtau", "htau", "ntau"),
                states=("m", "h", "n"),
                ions=("na", "k"),
                units={
                    **dict.fromkeys(("gnabar", "gkbar", "gl", "gna", "gk"), "S/cm2"),
                    **dict.fromkeys(("mtau", "htau", "ntau"), "ms"),
                    "el": "mV",
                    "il": "mA/cm2",
                },
            ),
        )
    }
)

POINTS: Mapping[str, PointInfo] = MappingProxyType(
    {
        info.name: info
        for info in (
            PointInfo(
                "IClamp",
                {"delay": 0.0, "dur": 0.0, "amp": 0.0},
                {"i": 0.0},
                units={"delay": "ms", "dur": "ms", "amp": "nA", "i": "nA"},
            ),
            PointInfo(
                "VClamp",
                {"gain": 1e5, "rstim": 1.0, "tau1": 0.001, "tau2": 0.0, "e0": 0.0, "vo0": 0.0, "vi0": 0.0, "fac": 0.0},
                {"i": 0.0},
                {"dur": 3, "amp": 3},
                units={"dur": "ms", "amp": "mV", "rstim": "megohm", "i": "nA"},
            ),
            PointInfo(
                "SEClamp",
                {"rs": 1.0, "dur1": 0.0, "amp1": 0.0, "dur2": 0.0, "amp2": 0.0, "dur3": 0.0, "amp3": 0.0},
                {"i": 0.0, "vc": 0.0},
                units={"rs": "megohm", "i": "nA", "vc": "mV"},
            ),
            PointInfo(
                "AlphaSynapse",
                {"onset": 0.0, "tau": 0.1, "gmax": 0.0, "e": 0.0},
                {"i": 0.0, "g": 0.0},
                units={"onset": "ms", "tau": "ms", "gmax": "uS", "e": "mV", "i": "nA", "g": "uS"},
            ),
            PointInfo(
                "ExpSyn",
                {"tau": 0.1, "e": 0.0},
                {"i": 0.0, "g": 0.0},
                receives=True,
                units={"tau": "ms", "e": "mV", "i": "nA", "g": "uS"},
            ),
            PointInfo(
                "Exp2Syn",
                {"tau1": 0.1, "tau2": 10.0, "e": 0.0},
                {"i": 0.0, "g": 0.0, "A": 0.0, "B": 0.0},
                receives=True,
                units={"tau1": "ms", "tau2": "ms", "e": "mV", "i": "nA", "g": "uS", "A": "uS", "B": "uS"},
            ),
            PointInfo(
                "APCount", {"thresh": -20.0}, {"n": 0.0, "time": 0.0, "firing": 0.0}, units={"thresh": "mV", "time": "ms"}
            ),
            PointInfo(
                "NetStim",
                {"interval": 10.0, "number": 10.0, "start": 50.0, "noise": 0.0},
                artificial=True,
                receives=True,
                units={"interval": "ms", "start": "ms"},
            ),
            PointInfo(
                "VecStim",
                assigned={"index": 0.0, "etime": 0.0},
                artificial=True,
                receives=True,
                units={"etime": "ms"},
            ),
            PointInfo("PatternStim", {"fake_output": 0.0}, artificial=True, receives=True),
            PointInfo(
                "IntFire1",
                {"tau": 10.0, "refrac": 5.0},
                {"m": 0.0},
                artificial=True,
                receives=True,
                units={"tau": "ms", "refrac": "ms"},
            ),
            PointInfo(
                "IntFire2",
                {"taum": 10.0, "taus": 20.0, "ib": 0.0},
                {"i": 0.0, "m": 0.0},
                artificial=True,
                receives=True,
                units={"taum": "ms", "taus": "ms"},
            ),
            PointInfo(
                "IntFire4",
                {"taue": 5.0, "taui1": 10.0, "taui2": 20.0, "taum": 50.0},
                {"e": 0.0, "i1": 0.0, "i2": 0.0, "m": 0.0, "nself": 0.0, "nexcite": 0.0, "ninhibit": 0.0},
                artificial=True,
                receives=True,
                units={"taue": "ms", "taui1": "ms", "taui2": "ms", "taum": "ms"},
            ),
        )
    }
)

_IONS: Mapping[str, IonInfo] = MappingProxyType(
    {
        "na": IonInfo("na", 1, 10.0, 140.0, 50.0),
        "k": IonInfo("k", 1, 54.4, 2.5, -77.0),
        "ca": IonInfo("ca", 2, 5e-5, 2.0, 132.4579341637009),
    }
)


def info_of(translation: Translation) -> MechanismInfo:
    """What a mod file declares, in the terms of this table."""
    file, names = translation.file, translation.names
    declared = (*file.parameters, *file.assigned, *file.states)
    shown = {key for d in declared if d.name in file.ranges for key in expanded(d)}
    shown |= {*file.ranges, *file.nonspecific, *file.electrode, *names.states}
    own = {str(gate.symbol) for gate in translation.gates}
    states = tuple(key for key in names.states if key not in names.ions and key in own)
    parameters = {
        key: value
        for key, value in translation.parameters.items()
        if key not in translation.globals and key in shown and key not in translation.left
    }
    moved = (key for key, ion in names.ions.items() if ion.written and ion.what != "current")
    written = tuple(key for key in moved if key not in translation.left)
    known = (*file.nonspecific, *translation.assigned, *translation.left, *(str(g.symbol) for g in translation.gates))
    computed = tuple(key for key in dict.fromkeys(known) if key in shown and key not in states and key not in names.ions)
    computed += tuple(key for key, ion in names.ions.items() if ion.what == "current" and ion.written and key in shown)
    return MechanismInfo(
        file.name,
        parameters,
        computed,
        states,
        tuple(ion.name for ion in file.ions),
        {key: d.unit for d in declared for key in expanded(d) if d.unit},
        written,
        {ion.name: style_of(ion) for ion in file.ions if style_of(ion)},
        {d.name: d.size for d in declared if d.size is not None and {*expanded(d)} & {*parameters, *computed, *states}},
    )


def style_of(ion: Ion) -> int:
    """NEURON's: the reversal potential follows a concentration that is read at the start, one that is written always."""
    sides = {f"{ion.name}i", f"{ion.name}o"}
    return FOLLOWS if sides & set(ion.writes) else FOLLOWS_AT_START if sides & set(ion.reads) else 0


class Catalogue:
    """Mechanisms, ions and global parameters of one session.

    Attributes
    ----------
    density : dict of str to MechanismInfo
    ions : dict of str to IonInfo
        Ions somebody uses; their default concentrations are the globals `cai0_ca_ion` and the like.
    points : dict of str to class
        Point processes and artificial cells of mod files that have been asked for.
    taken : set of str
        Mechanisms whose mod files have been read.
    global_parameters : set of str
        Their GLOBAL parameters, such as `tau_kca`.
    arrays : dict of str to tuple
        Mechanism, short name and size of each array of range variables, such as `ca_cadifus`, `xg`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.density: dict[str, MechanismInfo] = dict(DENSITY)
        self.ions: dict[str, IonInfo] = {}
        self.points: dict[str, type[PointProcess]] = {}
        self.taken: set[str] = set()
        self.global_parameters: set[str] = set()
        self._variables: dict[str, tuple[MechanismInfo | IonInfo, Mapping[str, str]]] = {}
        self.arrays: dict[str, tuple[str, str, int]] = {}
        for info in self.density.values():
            self._take_arrays(info)
        self._owners: tuple[tuple[int, int], dict[str, str | None]] = (-1, -1), {}  # as many mechanisms and ions there were
        for name in ("na", "k"):
            self.ion(name)

    def ion(self, name: str, charge: int | None = None) -> IonInfo:
        """The ion of this name, which is made if it is new.

        Raises
        ------
        HocError
            If it has another charge already.
        """
        known = self.ions.get(name)
        if known is None:
            usual = _IONS.get(name)
            known = IonInfo(name, 0 if charge is None else charge) if usual is None else usual
            self.ions[name] = known
            values = self._session.globals
            values[f"{name}i0_{name}_ion"] = known.inside
            values[f"{name}o0_{name}_ion"] = known.outside
        if charge is not None and charge != known.charge:
            raise HocError(f"{name}_ion already defined with charge {known.charge}, cannot redefine with charge {charge}")
        return known

    def charge_of(self, name: str) -> int | None:
        """Charge of the ion of this name; None if there is none yet."""
        known = self.ions.get(name) or _IONS.get(name)
        return None if known is None else known.charge

    def ion_of(self, mechanism: str) -> IonInfo | None:
        """The ion behind a mechanism name such as `ca_ion`, or None."""
        return self.ions.get(mechanism[:-4]) if mechanism.endswith("_ion") else None

    def knows(self, mechanism: str) -> bool:
        """Whether this can be inserted; a mod file that defines it is read now."""
        if mechanism in self.density or self.ion_of(mechanism) is not None or self._take(mechanism):
            return True
        if mechanism.endswith("_ion"):  # perhaps that of a mod file which has not been read
            self.take_all()
        return self.ion_of(mechanism) is not None

    def _take(self, name: str) -> bool:
        """Take a mechanism from a mod file, if one defines it."""
        found = self._session.mods.find(name)
        if found is None:
            return False
        if name not in self.taken:
            self.taken.add(name)
            for ion in found.file.ions:
                self.ion(ion.name, ion.charge)
            for parameter in sorted(found.globals):
                self.global_parameters.add(f"{parameter}_{name}")
                self._session.globals[f"{parameter}_{name}"] = found.parameters[parameter]
            if has_tables(found.file):
                self._session.globals[f"usetable_{name}"] = 1.0
        if found.file.kind != "SUFFIX":
            return False
        self.density[name] = info_of(found)
        self._take_arrays(self.density[name])
        return True

    def surround(self, layers: int) -> None:
        """Give `extracellular` a number of layers, while no section has it."""
        info = self.density["extracellular"] = _extracellular(layers)
        self._take_arrays(info)

    def _take_arrays(self, info: MechanismInfo) -> None:
        for short, size in info.arrays.items():
            self.arrays[info.full(short)] = info.name, short, size
            if info.name == NAME:  # its variables have no suffix
                self.arrays[short] = info.name, short, size

    def point_class(self, name: str) -> type[PointProcess] | None:
        """The class of a point process or artificial cell of a mod file, if one defines it."""
        if name not in self.points:
            self._take(name)
            found = self._session.mods.known.get(name)
            if found is None or found.file.kind == "SUFFIX":
                return None
            from rxd.neuron.mods.points import make_point_class

            self.points[name] = make_point_class(self._session, found)
        return self.points[name]

    def forget(self, name: str) -> None:
        """A mechanism's variables have changed, or its name, while nobody has it: what is known of it is out of date."""
        self.density.pop(name, None)
        self.points.pop(name, None)
        self.taken.discard(name)
        self._owners = (-1, -1), {}

    def renew(self, name: str, translation: Translation) -> None:
        """A mechanism has other equations and default values, and the variables it had."""
        if name in self.density:
            self.density[name] = info_of(translation)
        made: Any = self.points.get(name)
        if made is not None:
            from rxd.neuron.mods.points import make_point_class

            made.translation, made.own_info = translation, make_point_class(self._session, translation).own_info  # type: ignore[attr-defined]

    def take_owner(self, variable: str) -> bool:
        """Take the mechanism that a variable such as `tau_kca` may belong to, if a mod file defines one."""
        ends = [variable[i + 1 :] for i, letter in enumerate(variable) if letter == "_"]
        for end in ends:
            if end not in self.taken:
                self._take(end)
        return bool(self.taken & set(ends))

    def take_all(self) -> None:
        """Take every mechanism of the mod files there are."""
        for name in self._session.mods.readable():
            if name not in self.density:
                self._take(name)

    def global_of(self, variable: str) -> bool:
        """Whether a variable is a GLOBAL parameter of a mechanism."""
        return variable in self.global_parameters

    def writer(self, variable: str, mechanisms: list[str]) -> str | None:
        """Which of some mechanisms writes a variable of an ion such as `cai`."""
        return next((name for name in mechanisms if name in self.density and variable in self.density[name].writes), None)

    def variables(self, mechanism: str) -> Mapping[str, str]:
        """Short name of each variable of a mechanism and its name as a range variable."""
        about = self.ion_of(mechanism) or self.density[mechanism]
        known = self._variables.get(mechanism)
        if known is None or known[0] is not about:  # scripts ask at every access
            full = (lambda name: name) if isinstance(about, IonInfo) else about.full
            known = about, MappingProxyType({name: full(name) for name in about.variables})
            self._variables[mechanism] = known
        return known[1]

    def owner(self, variable: str) -> str | None:
        """The mechanism a range variable such as `gnabar_hh` or `cai` belongs to."""
        known = len(self.density), len(self.ions)
        if self._owners[0] != known:
            self._owners = known, {}
        owners = self._owners[1]
        if variable not in owners:
            owners[variable] = self._find_owner(variable)
        return owners[variable]

    def _find_owner(self, variable: str) -> str | None:
        for name, info in self.density.items():
            if variable.endswith(f"_{name}") and variable[: -len(name) - 1] in info.variables:
                return name
        for ion in self.ions.values():
            if variable in ion.variables:
                return ion.mechanism
        return None
