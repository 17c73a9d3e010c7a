"""Species, State and Parameter under NEURON's names.

In: regions, names, initial values, as scripts give them. Out: declarations, and node values in arrays, one per region in the
order of the regions; the compiled model's state is brought into them when somebody looks.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sympy

from rxd.neuron.errors import RxDException, caution
from rxd.neuron.internals import instances, kept_nodes, module_name, state_indices
from rxd.neuron.rxd.formula import Mathable, NodeSymbol
from rxd.neuron.rxd.node import nodes_of
from rxd.neuron.rxd.nodelist import NodeList
from rxd.neuron.rxd.on_region import AnyRegion, SpeciesOnExtracellular, SpeciesOnRegion
from rxd.neuron.rxd.region import Extracellular, Region
from rxd.neuron.session import current_session
from rxd.neuron.space.boxes import FOLLOWS
from rxd.neuron.space.coefficients import new_coefficients
from rxd.neuron.space.ready import Ready

if TYPE_CHECKING:
    from rxd.neuron.space.nodes import NodeTable

__all__ = ["Parameter", "Quantity", "Species", "SpeciesOnExtracellular", "SpeciesOnRegion", "State"]

ALL: Final = slice(None)
_PROPERTIES = ("charge", "d", "ecs_boundary_conditions", "initial", "name", "nodes", "regions", "value")
INTERNALS = frozenset(("_all_species", "_has_1d", "_has_3d", "_species_counts"))


def _whole(charge: Any, whose: str) -> Any:
    """A charge number; half a one would be cut to nothing where the ion is made."""
    if isinstance(charge, (int, float, np.number)) and charge != int(charge):
        raise RxDException(f"{whose}: charge={charge!r} is no charge number: give a whole number, 2 for calcium.")
    return charge


class Quantity(Mathable):
    """What Species, State and Parameter share.

    Parameters
    ----------
    regions : region or list of regions
    d : float, or three (3-D), um2/ms
    name : str
        A charged species on a region with `nrn_region` is NEURON's ion of that name.
    charge : int
    initial : float, or function of a node
    atolscale : float
    ecs_boundary_conditions : float, function or None
        Concentration held at the faces of extracellular boxes; None seals them.
    represents : str
        What it stands for, for people and databases.
    """

    __slots__ = (
        "__dict__", "__weakref__", "_atolscale", "_charge", "_d", "_initial", "_name", "_on", "_region_d", "_regions",
        "_values", "ecs_boundary_conditions", "node_d", "number", "ready", "represents", "said", "session", "settled",
        "sources",
    )  # fmt: skip
    kind = "Species"

    def __init__(
        self,
        regions: Any = None,
        d: Any = 0,
        name: str | None = None,
        charge: int = 0,
        initial: Any = None,
        atolscale: float = 1,
        ecs_boundary_conditions: Any = None,
        represents: Any = None,
    ) -> None:
        self.session = current_session()
        self._regions = _as_regions(regions, self.kind)
        for region in self._regions:
            self.session.own(region.session, f"region {region.label}")
        for what, value in (("d", d), ("charge", charge), ("initial", initial)):
            if isinstance(value, str) or (what == "initial" and isinstance(value, (list, tuple))):
                shown = f"the text {value!r}" if isinstance(value, str) else repr(value)
                raise RxDException(f"{self.kind} {name or ''}: {what} is a number or a function, not {shown}.")
        self._d, self._name, self._charge, self._initial = d, name, _whole(charge, f"{self.kind} {name or ''}"), initial
        self._atolscale = atolscale
        sides = ecs_boundary_conditions
        if not (sides is None or callable(sides) or isinstance(sides, (int, float, np.number, np.ndarray))):
            raise RxDException(
                f"ecs_boundary_conditions={sides!r}: give the concentration at the sides of the box in mM, or None for sides "
                "that nothing crosses."
            )
        self.ecs_boundary_conditions = ecs_boundary_conditions
        self.represents = represents
        self._on: dict[int, SpeciesOnRegion] = {}
        self._values: dict[int, np.ndarray] = {}
        self._region_d: dict[int, Any] = {}  # by region, where it has been given for that alone
        self.node_d: dict[int, dict[tuple[Any, ...], tuple[int, Any]]] = {}  # by region and mark of the node, and where it was
        self.settled: dict[int, Any] = {}
        self.said: dict[int, int] = {}  # by region: what its initial function gave last
        self.ready: dict[AnyRegion, Ready] = {}  # up to date: cleared by the session when anything changes
        self.sources: list[Any] = []  # formulas given to `include_flux` live as long as the species
        if name is not None:
            self._register_ion()
        self.number = self.session.chemistry.add(self)

    def _register_ion(self) -> None:
        """Let NEURON's ion of this name exist in the sections, if a region is a side of the membrane."""
        if not any(region.nrn_region for region in self._regions):
            return
        ion = self.session.catalogue.ion(str(self._name), int(self._charge))
        for region in self._regions:
            for record in region.records if region.nrn_region else ():
                if record.alive:
                    record.insert(ion.mechanism)
                    record.ion_styles[ion.mechanism] = FOLLOWS
                    record.held.discard(ion.mechanism)

    def _register_if_it_fits(self) -> None:
        """The same where name and charge are set one after the other: as soon as they fit."""
        if self._name is not None and self.session.catalogue.charge_of(self._name) in {None, self._charge}:
            self._register_ion()

    def __setattr__(self, name: str, value: Any) -> None:
        """Scripts may note something of their own on a species, as in NEURON; what looks like a slip is named."""
        if not hasattr(type(self), name) and hasattr(self, "number"):  # a class of the script's may begin with what is its own
            of_nodes = ["nodes.concentration"] if name in {"concentration", "value"} else []
            near = of_nodes or difflib.get_close_matches(name, _PROPERTIES, 1, cutoff=0.7)
            if near:
                caution(f"{self.kind} {self.label} has no property {name!r}: it changes nothing. Did you mean {near[0]!r}?")
        object.__setattr__(self, name, value)

    # ------------------------------------------------------------------------------------------------------------ properties

    @property
    def name(self) -> str | None:
        """Its name."""
        return self._name

    @name.setter
    def name(self, value: str | None) -> None:
        self._name = value
        self._register_if_it_fits()
        self.session.touch()

    @property
    def label(self) -> str:
        """A text that tells it apart in messages."""
        return self._name or f"{self.kind.lower()}{self.number}"

    @property
    def charge(self) -> int:
        """Charge number."""
        return self._charge

    @charge.setter
    def charge(self, value: int) -> None:
        self._charge = _whole(value, f"{self.kind} {self.label}")
        self._register_if_it_fits()
        self.session.touch()

    @property
    def d(self) -> Any:
        """Diffusion coefficient, um2/ms."""
        return self._d

    @d.setter
    def d(self, value: Any) -> None:
        with new_coefficients(self, self._regions):
            self._d = value
            self._region_d.clear()
            self.node_d.clear()

    def d_on(self, region: AnyRegion) -> Any:
        """Diffusion coefficient on a region, um2/ms, but for nodes that have their own."""
        return self._region_d.get(region.number, self._d)

    def set_d_on(self, region: AnyRegion, value: Any) -> None:
        """Set the diffusion coefficient of all nodes of a region: a number, three along x, y, z, or a function of a node."""
        with new_coefficients(self, [region]):
            self._region_d[region.number] = value
            self.node_d.pop(region.number, None)

    def local_d(self, region: AnyRegion) -> np.ndarray | None:
        """Diffusion coefficients along x, y, z of every node, shape (n, 3); None where they are the same everywhere."""
        own, d = self.node_d.get(region.number), self.d_on(region)
        if not callable(d) and not own:
            return None
        table = self.table(region)
        values = np.empty((len(table), 3))
        if callable(d):
            values[:] = [_along_axes(d, node) for node in nodes_of(self, region, table, np.arange(len(table)))]
        else:
            values[:] = d
        if own:
            for mark, (index, of_node) in own.items():
                here = table.find(mark, index)
                if here is not None:
                    values[here] = of_node
        return values

    @property
    def initial(self) -> Any:
        """Initial value: a number, a function of a node, or None."""
        return self._initial

    @initial.setter
    def initial(self, value: Any) -> None:
        self._initial = value

    @property
    def regions(self) -> list[AnyRegion]:
        """Where it is."""
        return list(self._regions)

    @regions.setter
    def regions(self, regions: Any) -> None:
        self._regions = _as_regions(regions, self.kind)
        self._on.clear()
        self.session.touch()

    @property
    def expression(self) -> sympy.Expr:
        """Its symbol: it on whichever region a reaction is."""
        return NodeSymbol(self, None)

    def defined_on_region(self, region: AnyRegion) -> bool:
        """Whether it is on a region."""
        return any(region is own for own in self._regions)

    def __getitem__(self, region: AnyRegion) -> SpeciesOnRegion:
        if not self.defined_on_region(region):
            here = ", ".join(own.label for own in self._regions)
            raise RxDException(f"{self!r} is not on {region!r}. It is on: {here}.")
        if region.number not in self._on:
            kind = SpeciesOnExtracellular if isinstance(region, Extracellular) else SpeciesOnRegion
            self._on[region.number] = kind(self, region)
        return self._on[region.number]

    def __getattr__(self, name: str) -> Any:
        # no finalizer, which Python would look for in the class; scripts call it by name to take a species out of the model
        if name == "__del__":
            return self._leave
        if name in {"_intracellular_instances", "_extracellular_instances"}:
            return instances(self, name)
        if name in {"_secs", "_intracellular_nodes", "_extracellular_nodes"}:
            return kept_nodes(self, name)
        raise AttributeError(f"'{self.kind}' object has no attribute '{name}'")

    def _leave(self) -> None:
        self.session.chemistry.remove(self)

    def __iter__(self) -> Any:
        raise TypeError(f"{self.kind} {self.label} is not a sequence; index it with a region: {self.label}[region].")

    # ----------------------------------------------------------------------------------------------------------------- nodes

    def table(self, region: AnyRegion) -> NodeTable:
        """Where its nodes on a region are."""
        return self.session.chemistry.table(region)

    def values(self, region: AnyRegion) -> np.ndarray:
        """Its present values on a region, mM (States, Parameters: their own unit); write to it through `write`."""
        self.session.chemistry.settle(self)
        self.session.run.refresh_species(self, region)
        return self._values[region.number]

    def values_in(self, region: AnyRegion, table: NodeTable) -> np.ndarray:
        """The same for nodes that are known to be those of a table, as at a look at a single node; ready for the next one."""
        if self.settled.get(region.number) is not table:
            return self.values(region)
        self.session.run.refresh_species(self, region)
        values = self._values[region.number]
        if not self.session.chemistry.views:
            self.opened(region, values)
        return values

    def opened(self, region: AnyRegion, values: np.ndarray) -> Ready:
        """Note that values on a region, just brought up to date, are so until something changes."""
        ready = self.ready.get(region)
        if ready is None or ready.values is not values:
            ready = Ready(self.settled[region.number], values)
            self.session.ready.keep(self.ready, region, ready)
        return ready

    def write(self, region: AnyRegion, where: Any, values: Any) -> None:
        """Set values on a region and tell the compiled model."""
        self.values(region)[where] = values
        self.touched(region, where)

    def touched(self, region: AnyRegion, where: Any = ALL) -> None:
        """Note that values on a region have been written, or some of them."""
        self.session.chemistry.keep_shown(self, region)
        self.session.run.changed_species(self, region, where)
        self._tell_box(region)

    def adopt(self, region: AnyRegion, where: np.ndarray, values: np.ndarray) -> None:
        """Let values that somebody has written into its array reach the compiled model."""
        self.session.chemistry.keep_shown(self, region)
        engine = self.session.run.engine
        if engine is not None:
            engine.exchange.adopt(self, region, where, values)
        self._tell_box(region)

    def _tell_box(self, region: AnyRegion) -> None:
        if isinstance(region, Extracellular) and region.depends_on(self):
            region.changed()

    @property
    def nodes(self) -> NodeList:
        """All its nodes."""
        return NodeList.of((self, region) for region in self._regions)

    @property
    def states(self) -> list[float]:
        """The values of all nodes."""
        return self.nodes.value

    def concentrations(self) -> list[float]:
        """The values of all nodes."""
        return self.nodes.value

    def indices(self, r: AnyRegion | Iterable[AnyRegion] | None = None, secs: Any = None) -> list[int]:
        """Places of its nodes (on a region or several, in sections) that are segments in `rxd.node._states`, all of them."""
        return state_indices(self, r, secs)

    def re_init(self) -> None:
        """Take the concentrations of NEURON's segments (`seg.cai`) into the nodes."""
        self.session.chemistry.take_from_segments(self)

    def __repr__(self) -> str:
        settings = f"d={self._d!r}, name={self._name!r}, charge={self._charge!r}, initial={self._initial!r}"
        return f"{self.kind}(regions={list(self._regions)!r}, {settings})"

    def __str__(self) -> str:
        return repr(self) if self._name is None else str(self._name)


Quantity.__init__.__qualname__ = "Species.__init__"  # as errors about arguments show it


class Species(Quantity):
    """Something with a concentration (mM) that reacts and may diffuse."""

    __slots__ = ()
    kind = "Species"


class State(Species):
    """A number per node that Rates change: a gate, an open probability."""

    __slots__ = ()
    kind = "State"


class Parameter(Species):
    """A number per node that nothing changes by itself: `Parameter(regions, name=..., value=...)`.

    Parameters
    ----------
    value : float, or function of a node
        The same as `initial`.
    """

    __slots__ = ()
    kind = "Parameter"

    def __init__(self, regions: Any = None, *args: Any, value: Any = None, **settings: Any) -> None:
        if value is not None and settings.get("initial") is not None:
            raise RxDException(f"Parameter cannot be assigned both a 'value={value}' and 'initial={settings['initial']}'")
        if value is not None:
            settings["initial"] = value
        if settings.get("d"):
            raise RxDException("Parameters do not diffuse: d must be 0. Use a Species for something that does.")
        super().__init__(regions, *args, **settings)

    @property
    def value(self) -> Any:
        """Its initial value, which is its value until nodes are written."""
        return self._initial

    @value.setter
    def value(self, value: Any) -> None:
        self._initial = value

    def __repr__(self) -> str:
        return (
            f"Parameter(regions={list(self._regions)!r}, name={self._name!r}, charge={self._charge!r}, value={self._initial!r})"
        )


def _along_axes(d: Any, node: Any) -> Any:
    """What a function says is the diffusion coefficient at a node: along each axis, if it takes one."""
    try:
        parameters = len(inspect.signature(d).parameters)
    except (TypeError, ValueError):
        parameters = 1
    return [float(d(node, axis)) for axis in range(3)] if parameters > 1 else [float(d(node))] * 3


def _as_regions(regions: Any, kind: str) -> tuple[AnyRegion, ...]:
    if isinstance(regions, (Region, Extracellular)):
        return (regions,)
    if regions is None or not isinstance(regions, Iterable):
        raise RxDException(f"{kind}: regions must be a Region or a list of Regions, not {regions!r}.")
    found = tuple(regions)
    for region in found:
        if not isinstance(region, (Region, Extracellular)):
            raise RxDException(f"{kind}: {region!r} is not a Region. Make one: rxd.Region(sections, name=...).")
    return tuple(dict.fromkeys(found))


def _nrn_shape_update() -> None:
    """Give every section its place and its nodes."""
    current_session().chemistry.cutting.place()


def _get_all_species() -> Any:
    return module_name("_all_species")


def __getattr__(name: str) -> Any:
    return module_name(name)
