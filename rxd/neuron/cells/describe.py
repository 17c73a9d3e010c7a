"""What is told about a section and its variables: `psection()`, resistances, units, the picture of `h.topology()`.

In: `SectionRecord` or a name. Out: dicts, numbers and text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.mechanisms.known import POINTS

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = ["input_resistance", "mechanism_text", "psection", "topology_text", "unit_of"]

_OHM_CM_PER_UM = 0.01  # ohm cm / um = 0.01 Mohm

_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "v": "mV", "dt": "ms", "t": "ms", "tstop": "ms", "v_init": "mV", "celsius": "degC", "cm": "uF/cm2", "diam": "um", "L":
        "um", "Ra": "ohm-cm", "area": "um2", "i_membrane": "mA/cm2", "i_cap": "mA/cm2", "vext": "mV", "xg": "S/cm2", "xraxial":
        "MOhm/cm", "xc": "uF/cm2",
    }
)  # fmt: skip


def psection(record: SectionRecord) -> dict[str, Any]:
    """All properties of a section, in the layout of NEURON's `Section.psection()`."""
    session = record.session
    density: dict[str, dict[str, Any]] = {}
    ions: dict[str, dict[str, Any]] = {}
    for name in record.mechanisms:
        ion = session.catalogue.ion_of(name)
        variables = session.catalogue.variables(name)
        values: dict[str, Any] = {short: _list(record.values(full)) for short, full in variables.items()}
        for array, size in (session.catalogue.density[name].arrays if ion is None else {}).items():
            elements = [values.pop(f"{array}_{i}") for i in range(size)]
            values[array] = [list(segment) for segment in zip(*elements, strict=True)]
        (density if ion is None else ions)[name if ion is None else ion.name] = values
    points: dict[str, set[Any]] = {}
    for process in session.run.points_in(record):
        points.setdefault(process.kind, set()).add(process)
    handle = record.section
    return {
        "point_processes": points,
        "density_mechs": density,
        "ions": ions,
        "morphology": {
            "L": record.L,
            "diam": _list(record.diam),
            "pts3d": [tuple(map(float, point)) for point in record.points],
            "parent": handle.parentseg(),
            "trueparent": handle.trueparentseg(),
        },
        "nseg": record.nseg,
        "Ra": record.Ra,
        "cm": _list(record.store["cm"]),
        "regions": session.chemistry.regions_of(record),
        "species": session.chemistry.species_of(record),
        "name": record.name,
        "hoc_internal_name": handle.hoc_internal_name(),
        "cell": handle.cell(),
    }


def _list(values: np.ndarray | None) -> list[float]:
    return [] if values is None else [float(value) for value in values]


def input_resistance(record: SectionRecord, x: float) -> float:
    """Resistance in megohm between a node and the one towards the root it is tied to; 1e30 at the root itself."""
    shape, scale = record.shape, _OHM_CM_PER_UM * record.Ra
    towards_root, away = (shape.rho_left, shape.rho_right) if record.end == 0 else (shape.rho_right[::-1], shape.rho_left[::-1])
    node = record.node(x) if record.end == 0 else record.nseg - 1 - record.node(x)
    if node < 0:
        return 1e30 if record.parent is None else input_resistance(record.parent, record.parent_x)  # the parent's own node
    if node == record.nseg:
        return float(scale * away[-1])
    before = 0.0 if node == 0 else away[node - 1]
    return float(scale * (before + towards_root[node]))


def topology_text(session: Session) -> str:
    """The trees as a picture: one line a section, indented by where it is connected."""
    lines: list[str] = []
    for root in session.topology.roots():
        _draw(root, 0, lines)
    return "\n" + "\n".join(lines) + "\n\n"


def _draw(record: SectionRecord, column: int, lines: list[str]) -> None:
    """A section from a column on; what hangs on it begins one column behind its node."""
    ends = f"({record.end}-{1 - record.end})"
    root = record.parent is None
    picture = f"|{'-' * record.nseg}|" if root else f"`{'-' * (record.nseg - 1)}|"
    lines.append(f"{' ' * column}{picture}       {record.name}{ends}")

    def node(child: SectionRecord) -> int:  # counted from the end that is joined
        at = record.node(child.parent_x)
        return at if record.end == 0 else record.nseg - 1 - at

    for child in sorted(record.children, key=node, reverse=True):
        _draw(child, column + node(child) + 1 + root, lines)


def mechanism_text(record: SectionRecord) -> str:
    """The text `h.psection()` prints."""
    lines = [f"{record.name} {{ nseg={record.nseg}  L={record.L:g}  Ra={record.Ra:g}"]
    if record.parent is None:
        lines.append(f"\t/*location 0 attached to cell {record.session.topology.roots().index(record)}*/")
    else:
        lines.append(f"\t{record.parent.name} connect {record.name} ({record.end}), {record.parent_x:g}")
    lines.append("\t/* First segment only */")
    lines.append(f"\tinsert morphology {{ diam={record.diam[0]:g}}}")
    lines.append(f"\tinsert capacitance {{ cm={record.store['cm'][0]:g}}}")
    for name in record.mechanisms:
        catalogue = record.session.catalogue
        ion = catalogue.ion_of(name)
        chosen = catalogue.density[name].parameters if ion is None else [f"e{ion.name}"]
        variables = [full for short, full in catalogue.variables(name).items() if short in chosen]
        if name == "extracellular":  # of what its layers have, NEURON tells the first layer's, without the mechanism's name
            variables = [f"{short}_0_{name}" for short in ("xraxial", "xg", "xc")] + [f"e_{name}"]
        settings = " ".join(f"{full.replace('_0_extracellular', '')}={record.store[full][0]:g}" for full in variables)
        lines.append(f"\tinsert {name} {{ {settings}}}")
    first = 0 if record.end == 0 else record.nseg - 1
    for point in record.session.run.points_in(record):
        if np.clip(record.node(point.spot), 0, record.nseg - 1) == first:
            named = [("del" if name == "delay" else name, point.values[name]) for name in point.info.parameters]
            lines.append(f"\tinsert {point.kind} {{ {' '.join(f'{name}={value:g}' for name, value in named)}}}")
    return "\n".join(lines) + "\n}\n"


def unit_of(session: Session, name: str) -> str:
    """The unit of a variable as text; empty if it has none.

    Parameters
    ----------
    session : Session
    name : str
        Such as `v`, `gnabar_hh`, `ina` or `ExpSyn.g`.

    Raises
    ------
    HocError
        If there is no such variable.
    """
    from rxd.neuron.interpreter import classes
    from rxd.neuron.math_functions import name_declared

    if name in _UNITS:
        return _UNITS[name]
    catalogue = session.catalogue
    if "." in name:
        kind, variable = name.split(".", 1)
        variable = "delay" if variable == "del" else variable
        found = None if kind in POINTS else catalogue.point_class(kind)
        info = POINTS.get(kind) if found is None else getattr(found, "own_info", None)
        if info is not None and any(variable in part for part in (info.parameters, info.assigned, info.arrays)):
            return info.units.get(variable, "")
        if hasattr(classes().get(kind), variable):
            return ""
        raise _no_unit(name)
    owner = catalogue.owner(name)
    ion = catalogue.ion_of(name.partition("0_")[2] if owner is None else owner)
    if ion is not None:
        kinds = ("mV", "mM", "mM", "mA/cm2", "S/cm2")
        return dict(zip(ion.variables, kinds, strict=True))[name] if owner else "mM"  # cai0_ca_ion
    if owner is None:
        if name in {"i_membrane_", "rallbranch"} or name_declared(session, name):
            return ""
        raise _no_unit(name)
    return catalogue.density[owner].units.get(name[: -len(owner) - 1], "")


def _no_unit(name: str) -> HocError:
    return HocError(f"h.units: there is no variable {name!r}; say a name as 'v', 'gnabar_hh', 'ina' or 'ExpSyn.g'.")
