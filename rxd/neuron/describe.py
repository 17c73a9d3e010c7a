"""What is told about a section: `psection()`, resistances, the picture of `h.topology()`.

In: `SectionRecord`. Out: dicts, numbers and text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rxd.neuron.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = ["input_resistance", "mechanism_text", "psection", "topology_text"]

_OHM_CM_PER_UM = 0.01  # ohm cm / um = 0.01 Mohm


def psection(record: SectionRecord) -> dict[str, Any]:
    """All properties of a section, in the layout of NEURON's `Section.psection()`."""
    session = record.session
    density: dict[str, dict[str, list[float]]] = {}
    ions: dict[str, dict[str, list[float]]] = {}
    for name in record.mechanisms:
        ion = session.catalogue.ion_of(name)
        variables = session.catalogue.variables(name)
        values = {short: _list(record.values(full)) for short, full in variables.items()}
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
    for child in sorted(record.children, key=lambda child: -child.parent_x):
        _draw(child, column + record.node(child.parent_x) + 1 + root, lines)


def mechanism_text(record: SectionRecord) -> str:
    """The text `h.psection()` prints."""
    lines = [f"{record.name} {{ nseg={record.nseg}  L={record.L:g}  Ra={record.Ra:g}"]
    if record.parent is None:
        lines.append(f"\t/*location 0 attached to cell {record.session.topology.roots().index(record)}*/")
    else:
        lines.append(f"\t{record.parent.name} connect {record.name} ({record.end}), {record.parent_x:g}")
    lines.append("\t/* First segment only */")
    lines.append(f"\tinsert capacitance {{ cm={record.store['cm'][0]:g}}}")
    lines.append(f"\tinsert morphology {{ diam={record.diam[0]:g}}}")
    for name in record.mechanisms:
        catalogue = record.session.catalogue
        ion = catalogue.ion_of(name)
        chosen = catalogue.density[name].parameters if ion is None else [f"e{ion.name}"]
        variables = {short: full for short, full in catalogue.variables(name).items() if short in chosen}
        settings = " ".join(f"{full}={record.store[full][0]:g}" for full in variables.values())
        lines.append(f"\tinsert {name} {{ {settings}}}")
    return "\n".join(lines) + "\n}\n"
