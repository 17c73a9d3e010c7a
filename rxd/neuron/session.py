"""Session: everything a NEURON script leaves behind, in one replaceable object.

In: sections, mechanisms, recordings and rxd declarations, as a script makes them. Out: what `finitialize()` compiles.

NEURON keeps one model per process. Here that model is a `Session`, and the only state of this module is one context variable
that holds the session in use. Its default is a session made with the module, since a script may continue in another thread or,
in a notebook, in another context than the one it began in; `with Session():` puts another in its place. Two sessions never
meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rxd.neuron.cells.spots import Spots
from rxd.neuron.cells.topology import Topology
from rxd.neuron.errors import HocError
from rxd.neuron.globals import Globals
from rxd.neuron.space.ready import ReadyValues

if TYPE_CHECKING:
    from rxd.neuron.cells.membrane import MembraneCurrents
    from rxd.neuron.hoc.state import HocState
    from rxd.neuron.mechanisms.known import Catalogue
    from rxd.neuron.mechanisms.kschan import KSChan
    from rxd.neuron.mechanisms.links import Links
    from rxd.neuron.mods.files import ModFiles
    from rxd.neuron.mods.scop import ScopRandom
    from rxd.neuron.parallel import Exchange
    from rxd.neuron.runs.run import Run
    from rxd.neuron.space.chemistry import Chemistry
    from rxd.neuron.space.nodes import NodeTable
    from rxd.neuron.texts.streams import Streams

__all__ = ["Session", "current_session"]


class Session:
    """One NEURON model: sections, mechanisms, point processes, recordings, rxd declarations, time and globals.

    Use it as a context to work on another model for a while:

    >>> with Session():
    ...     soma = h.Section(name="soma")

    Parameters
    ----------
    correct : bool
        Apply the rates of reactions as they are written, and keep the widths of sections in voxels, where NEURON does not; see
        `rxd.neuron.space.in_force` and `rxd.neuron.space.widest`.

    Attributes
    ----------
    globals : Globals
        h.t, h.dt, h.celsius and the other scalar variables.
    topology : Topology
        Sections and how they are connected.
    revision : int
        Grows with every edit that changes the structure of the model; `finitialize` compiles when it has changed.
    shape_revision : int
        Grows with every edit that changes sections, their sizes or connections.
    structure : int
        Grows with every edit but those that change sizes, resistivities and capacitances alone.
    ready : ReadyValues
        Values of species that are up to date.
    spots : Spots
        Numbers of segments where they are in memory.
    fresh_tables : list of NodeTable
        Tables of nodes that nothing has been edited since.
    channels : dict of str to KSChan
        Mechanisms that scripts put together, by name.
    procedures : mapping of str to Procedure
        Functions that hoc code has defined.
    mark : object
        Tells symbols of this session from those of others; they keep it, so that no later session has one at its address.
    hoc, run, chemistry, ... : object
        Parts, made at their first use, since few scripts use them all.
    """

    def __init__(self, correct: bool = False) -> None:
        self.correct = correct
        self.mark = object()
        self.globals = Globals()
        self.revision = 0
        self.shape_revision = self.node_revision = 0
        self.structure = 0
        self.topology = Topology(self)
        self.counters: dict[str, int] = {}
        self.ready = ReadyValues()
        self.spots = Spots()
        self.fresh_tables: list[NodeTable] = []
        self.channels: dict[str, KSChan] = {}
        self.held: list[Any] = []  # objects of hoc that windows would show
        self.procedures: Mapping[str, Any] = {}
        self._tokens: list[Token[Session]] = []

    def touch(self, shape: bool = False, nodes: bool = True, sizes: bool = False) -> None:
        """Note an edit of the structure: the compiled model is out of date, (`nodes`) what nodes there are, (`shape`) where.

        `sizes`: of numbers of its cable alone, not of what there is and how it is joined.
        """
        self.revision += 1
        self.shape_revision += shape
        self.structure += not sizes
        self.ready.clear()
        self.spots.clear()
        if not nodes:
            return
        self.node_revision += 1
        if self.fresh_tables:
            self.forget_tables()

    def forget_tables(self) -> None:
        """Tables of nodes may be out of date: who has one looks again."""
        for table in self.fresh_tables:
            table.fresh.clear()
        self.fresh_tables.clear()

    def own(self, session: Session, what: str) -> None:
        """Refuse what another session has made.

        Raises
        ------
        HocError
            If it belongs to another session than this one.
        """
        if session is not self:
            raise HocError(
                f"{what} belongs to another Session than the one in use, and sessions do not meet. "
                "Work on it inside `with session:` of the session that it was made in."
            )

    def number(self, kind: str) -> int:
        """The number of a new object of this kind, as in `IClamp[0]`."""
        number = self.counters.get(kind, 0)
        self.counters[kind] = number + 1
        return number

    @cached_property
    def catalogue(self) -> Catalogue:
        """The mechanisms, ions and point processes this session knows."""
        from rxd.neuron.mechanisms.known import Catalogue

        return Catalogue(self)

    @cached_property
    def mods(self) -> ModFiles:
        """The mod files it can take mechanisms from."""
        from rxd.neuron.mods.files import ModFiles

        return ModFiles(self)

    @cached_property
    def hoc(self) -> HocState:
        """What hoc code has defined."""
        from rxd.neuron.hoc.state import HocState

        return HocState(self)

    @cached_property
    def chemistry(self) -> Chemistry:
        """The rxd declarations."""
        from rxd.neuron.space.chemistry import Chemistry

        return Chemistry(self)

    @cached_property
    def run(self) -> Run:
        """Run control: initialisation, steps, events, recordings."""
        from rxd.neuron.runs.run import Run

        return Run(self)

    @cached_property
    def membrane(self) -> MembraneCurrents:
        """The currents behind `seg.i_membrane_`."""
        from rxd.neuron.cells.membrane import MembraneCurrents

        return MembraneCurrents(self)

    @cached_property
    def links(self) -> Links:
        """What POINTER variables of mod files point to."""
        from rxd.neuron.mechanisms.links import Links

        return Links(self)

    @cached_property
    def scop(self) -> ScopRandom:
        """The random numbers of mod files."""
        from rxd.neuron.mods.scop import ScopRandom

        return ScopRandom()

    @cached_property
    def linear(self) -> list[Any]:
        """Weak references to the LinearMechanisms."""
        return []

    @cached_property
    def data(self) -> dict[str, Any]:
        """The segment that `h.setdata_kca` has chosen, by mechanism."""
        return {}

    @cached_property
    def exchange(self) -> Exchange:
        """What the ParallelContexts share."""
        from rxd.neuron.parallel import Exchange

        return Exchange()

    @cached_property
    def streams(self) -> Streams:
        """The text files that hoc's `ropen` and `wopen` have opened."""
        from rxd.neuron.texts.streams import Streams

        return Streams(self)

    @cached_property
    def graph_lists(self) -> dict[str, Any]:
        """The lists of graphs and plots that NEURON's run control draws to, by name; nothing draws here."""
        from rxd.neuron.texts.lists import List

        return {"graphList": [List() for _ in range(4)], "flush_list": List(), "fast_flush_list": List()}

    def __enter__(self) -> Session:
        self._tokens.append(_CURRENT.set(self))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _CURRENT.reset(self._tokens.pop())

    def __repr__(self) -> str:
        return f"<Session: {len(self.topology)} sections, revision {self.revision}>"


_CURRENT: ContextVar[Session] = ContextVar("rxd.neuron session", default=Session())  # noqa: B039 - the point of it, see above


def current_session() -> Session:
    """The session that `h`, `n` and `rxd` work on."""
    return _CURRENT.get()
