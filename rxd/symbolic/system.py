"""System: the equations of a model as frozen SymPy records, before any array exists.

In: a `rxd.Model` (read once by `build_system`). Out: `System`, which `discretize` lays out on the morphology and
`compile_kernels` prints to code. Sections that share unknowns and equations form one `LocalSystem`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import sympy

from geometry.records import dataclass

Kind = Literal["voltage", "species", "state", "gate"]
Space = Literal["segments", "voxels", "surface", "box", "points"]
"""Where a group's nodes are: segments of sections; voxels of sections; their voxels at the plasma membrane; voxels of an
extracellular box; point processes."""
VOLTAGE = "v"
UNITS: Final = MappingProxyType({"voltage": "mV", "species": "mM", "state": "1", "gate": "1"})


@dataclass(frozen=True, slots=True)
class Unknown:
    """One unknown field: ``ca[cyt]``, ``v``, ``hh.m``.

    ``label`` is what users and results see; ``name`` is an identifier for generated code. It lives on the segments of
    ``sections``, on the voxels of ``voxel_sections`` (only those with membrane if ``surface``), on all voxels of its region if
    ``box``, or at ``points`` (indices into `System.points`). It diffuses with ``diffusion * axes`` along x, y, z; ``boundary``
    has the sides of a box at which its concentration is held, in mM.
    """

    label: str
    name: str
    kind: Kind
    sections: tuple[int, ...] = ()
    voxel_sections: tuple[int, ...] = ()
    surface: bool = False
    box: bool = False
    points: tuple[int, ...] = ()
    region: str | None = None
    diffusion: float = 0.0
    axes: tuple[float, float, float] = (1.0, 1.0, 1.0)
    boundary: tuple[tuple[str, float], ...] = ()
    charge: int = 0
    atolscale: float = 1.0
    initial: Any = None

    @property
    def symbol(self) -> sympy.Symbol:
        """The symbol it has in every group's equations."""
        return sympy.Symbol(self.name, real=True)

    @property
    def unit(self) -> str:
        """Its unit for results: a state of a point process is a conductance in uS."""
        return "uS" if self.points else UNITS[self.kind]


@dataclass(frozen=True, slots=True)
class Field:
    """A number per node that kernels read; ``kind`` and ``args`` say how `rxd.discretize.fields` fills it."""

    name: str
    kind: Literal[
        "parameter", "mechanism", "point", "flux", "current", "point_current", "point_density", "area_ratio", "membrane",
        "capacitance", "constant", "share", "thermal", "theta", "pass",
    ]  # fmt: skip
    args: tuple[Any, ...] = ()

    @property
    def symbol(self) -> sympy.Symbol:
        """The symbol it has in the group's equations."""
        return sympy.Symbol(self.name, real=True)


@dataclass(frozen=True, slots=True)
class ElectricProcess:
    """A membrane current with everything it changes.

    ``explicit``: the split stepper does not let it follow v within a step.

    ``expression`` (mA/cm2, nA or molecules/um2/ms) is evaluated once; ``effects`` maps labels (``v`` and species) to the
    factor that turns it into a time derivative, so that what the membrane gains in charge the species lose in moles, to
    round-off.
    """

    label: str
    expression: sympy.Expr
    effects: tuple[tuple[str, sympy.Expr], ...]
    unit: str
    ion: str | None = None
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class AffineGate:
    """A gate ``dx/dt = source - decay * x`` whose coefficients depend on v and fields alone."""

    label: str
    source: sympy.Expr
    decay: sympy.Expr

    @property
    def labels(self) -> tuple[str, ...]:
        """Its label, as those of a `SolvedBlock`."""
        return (self.label,)


@dataclass(frozen=True, slots=True)
class SolvedBlock:
    """States that a step solves for together, by Newton's method: ``x += d`` with ``matrix d = residuals``.

    Attributes
    ----------
    labels : tuple of str
    residuals : tuple of expressions
        Of the states, their values before the step (`before`), ``dt`` and everything else as it is by then.
    matrix : tuple of (int, int, expression)
        Row, column and value of what is not zero.
    turns : {"once", "sum", "each"}
        One linear solution; or as many as it takes until the sum of all changes is 1e-6 at most, with no state below zero; or
        until each state changes by less than 1e-8 of itself.
    theta : Field, optional
        The part of the step that the residuals are solved for; from there states go straight on to its end.
    """

    labels: tuple[str, ...]
    residuals: tuple[sympy.Expr, ...]
    matrix: tuple[tuple[int, int, sympy.Expr], ...]
    turns: Literal["once", "sum", "each"]
    theta: Field | None = None

    @staticmethod
    def before(number: int) -> sympy.Symbol:
        """A state as it was before the step."""
        return sympy.Symbol(f"before_{number}", real=True)


@dataclass(frozen=True, slots=True)
class LocalSystem:
    """The equations of a group of nodes without transport between nodes.

    ``unknowns`` are labels, ``v`` first; ``scattered`` says that nodes' unknowns lie anywhere in the state, or are shared by
    several nodes; ``rates`` maps a label to its chemistry (no electric current), ``processes`` hold the currents; ``gates``
    are the labels among ``rates`` that the split stepper advances exactly, or by themselves (`SolvedBlock`), in this order;
    ``assigned`` are quantities for results to read; ``carried`` are currents of ions (mA/cm2) that reactions carry, by the
    labels of these: all of a process together are its current, and those of one without a current cancel.
    """

    name: str
    space: Space
    sections: tuple[int, ...]
    points: tuple[int, ...]
    region: str | None
    scattered: bool
    unknowns: tuple[str, ...]
    symbols: tuple[sympy.Symbol, ...]
    fields: tuple[Field, ...]
    rates: tuple[tuple[str, sympy.Expr], ...]
    gates: tuple[AffineGate | SolvedBlock, ...]
    processes: tuple[ElectricProcess, ...]
    initials: tuple[tuple[str, sympy.Expr], ...]
    assigned: tuple[tuple[str, sympy.Expr], ...] = ()
    carried: tuple[tuple[str, str, sympy.Expr], ...] = ()

    def right_hand_side(self) -> dict[str, sympy.Expr]:
        """Total local time derivative of every unknown: chemistry plus currents."""
        total = {label: sympy.Integer(0) for label in self.unknowns}
        for label, rate in self.rates:
            total[label] += rate
        for process in self.processes:
            for label, factor in process.effects:
                total[label] += factor * process.expression
        return total

    @property
    def moved(self) -> tuple[str, ...]:
        """Labels of the gates."""
        return tuple(label for gate in self.gates for label in gate.labels)

    def symbol_of(self, label: str) -> sympy.Symbol:
        """Symbol of one of its unknowns."""
        return self.symbols[self.unknowns.index(label)]


@dataclass(frozen=True, slots=True)
class PointSpec:
    """A point process placed: mechanism name, location (section, x), parameters, states and what an event adds to them."""

    name: str
    section: int
    x: float
    parameters: tuple[tuple[str, Any], ...]
    on_event: tuple[tuple[str, sympy.Expr], ...]


@dataclass(frozen=True, slots=True)
class RegionSpec:
    """A region as discretization needs it: sections (those in voxels apart), shape, side, or a box of extracellular space.

    ``swells``: the volume fraction of a box is an unknown, by which the equations divide what is over the volume of tissue.
    """

    name: str
    sections: tuple[int, ...]
    shape: Any
    side: str | None
    voxel_sections: tuple[int, ...] = ()
    dx: float = 0.25
    box: Any = None
    swells: bool = False

    @property
    def is_membrane(self) -> bool:
        """True for a surface."""
        return bool(self.shape.is_area) and not bool(self.shape.is_volume)


@dataclass(frozen=True, slots=True)
class System:
    """The whole model as equations.

    Attributes
    ----------
    unknowns : tuple of Unknown
        ``v`` first.
    groups : tuple of LocalSystem
        Groups of sections, then groups of point processes.
    regions : tuple of RegionSpec
    points : tuple of PointSpec
    values : mapping
        Numbers and callables behind parameters, by ``("parameter", label)``, ``("mechanism", placement, name)`` or
        ``("constant", ...)``.
    celsius : float
    """

    unknowns: tuple[Unknown, ...]
    groups: tuple[LocalSystem, ...]
    regions: tuple[RegionSpec, ...]
    points: tuple[PointSpec, ...]
    values: Mapping[Any, Any]
    celsius: float

    def unknown(self, label: str) -> Unknown:
        """The unknown of a label.

        Raises
        ------
        KeyError
            If no unknown is called so.
        """
        for unknown in self.unknowns:
            if unknown.label == label:
                return unknown
        message = f"No unknown is called '{label}'. There are: {', '.join(u.label for u in self.unknowns)}."
        raise KeyError(message)

    def __str__(self) -> str:
        return "\n".join(describe_group(group) for group in self.groups)

    def latex(self) -> str:
        """Every equation as LaTeX lines."""
        equations = [equation for group in self.groups for equation in group.right_hand_side().items()]
        lines = [
            rf"\frac{{d\,\mathrm{{{label.replace('_', chr(92) + '_')}}}}}{{dt}} = {sympy.latex(expression)}"
            for label, expression in equations
        ]
        return "\n".join(lines)


def describe_group(group: LocalSystem) -> str:
    """A group's equations as text."""
    counted = {"points": f"{len(group.points)} point processes", "box": f"box '{group.region}'"}
    counted |= {
        "voxels": f"voxels of {len(group.sections)} sections",
        "surface": f"membrane voxels of {len(group.sections)} sections",
    }
    where = counted.get(group.space, f"{len(group.sections)} sections")
    lines = [f"{group.name}: {where}, {len(group.unknowns)} unknowns, {len(group.processes)} currents"]
    lines += [f"  {process.label} = {process.expression}  [{process.unit}]" for process in group.processes]
    exact = set(group.moved)
    lines += [f"  d {label}/dt = {rate}{'   (gate)' if label in exact else ''}" for label, rate in group.rates]
    return "\n".join(lines)
