"""Point processes and artificial cells of mod files.

In: a `Translation`, and events. Out: classes for `h.Name(segment)`. Their equations go into the compiled model; INITIAL and
NET_RECEIVE are run with numbers, event by event, and write states and variables of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import sympy

from rxd.neuron.cells.range_arrays import Elements
from rxd.neuron.errors import HocError, caution
from rxd.neuron.events.artificial import Artificial
from rxd.neuron.mechanisms.known import PointInfo, style_of
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.mods.calls import as_function, block_of, call_block, set_by_code, set_table, table_of
from rxd.neuron.mods.events import EventCode, Watches
from rxd.neuron.mods.numbers import Noise
from rxd.neuron.mods.random import RandomVariable
from rxd.neuron.mods.written import code_of_point
from rxd.neuron.vectors.pointers import AttributePointer, Pointer, as_pointer
from rxd.nmodl import NmodlError, Translation
from rxd.nmodl.execute import key_of
from rxd.nmodl.mechanisms import event_amounts
from rxd.nmodl.names import called_by, calls_of, expanded, names_in
from rxd.nmodl.syntax import Block, Start, Statement, UnknownNameError
from rxd.nmodl.verbatim import random_use, verbatim_of

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["ModArtificial", "ModObject", "ModPoint", "make_point_class", "place_values"]


class ModObject(PointProcess):
    """What point processes and artificial cells of mod files share.

    Attributes
    ----------
    sends : bool
        Whether its file calls `net_event`; a NetCon watches the variable ``x`` of one that does not.
    """

    translation: ClassVar[Translation]
    own_info: ClassVar[PointInfo]
    sends: ClassVar[bool]
    simple: ClassVar[Mapping[str, Callable[..., float]] | None] = None
    movable: tuple[list[bool], Any] | None = None
    weights_at_hand: Any = None

    @property
    def info(self) -> PointInfo:
        """Names and defaults of its variables."""
        return self.own_info

    @property
    def weights(self) -> int:
        """How many weights a NetCon to it has."""
        block = self.translation.file.block("net_receive")
        return 1 if block is None else max(len(block.arguments), 1)

    def __init__(self, *place: Any, **where: Any) -> None:
        super().__init__(*place, **where)
        for name in self.translation.file.random:
            self.random(name)

    def _behind(self, name: str) -> Pointer | None:
        """What a variable follows, if it is linked."""
        links = self.session.links
        if not (links.names or self.translation.file.pointers):
            return None
        return links.behind(self, name) if name in links.of_mechanism(self.kind) else None

    def __getattr__(self, name: str) -> Any:
        if name in {"session", "kind", "noise_", "watches_", "runs_"} or name.startswith("__"):
            raise AttributeError(name)
        if name in self.translation.file.random:
            return self.random(name)
        linked = self._behind(name.removeprefix("_ref_"))
        if linked is not None:
            return linked if name.startswith("_ref_") else linked.get()
        if name.startswith("table_") and (table := table_of(self.translation, name[6:])) is not None:
            return lambda *numbers: set_table(self.session, self.translation, table, numbers)
        block = block_of(self.translation, name) or as_function(table_of(self.translation, name))
        if block is not None and random_use(verbatim_of(block)) == "set":
            return self._set_noise
        if block is not None:
            return lambda *arguments: self._called(block, arguments)
        size = self.own_info.element_counts.get(name.removeprefix("_ref_"))
        if size is not None:
            return self._elements(name, size)
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_ref_"):
            self.session.links.point(self, name[5:], as_pointer(value, name))
            return
        linked = self._behind(name)
        if linked is not None:
            linked.set(float(value))
        else:
            super().__setattr__(name, value)

    def _called(self, block: Block, arguments: tuple[Any, ...]) -> float:
        """What a FUNCTION or PROCEDURE gives that a script calls."""
        found = call_block(self.session, EventCode(self, self.session.globals.t), block, arguments)
        if self.host is not None:
            self.values.pop("v", None)
        return found

    def _set_noise(self, *arguments: Any) -> float:
        """Take random numbers from a Random, or from the stream that numbers name."""
        self.noise.set(*arguments)
        return 0.0

    def _elements(self, name: str, size: int) -> Elements:
        """An array, or pointers to its elements."""
        if name.startswith("_ref_"):
            return Elements(name[5:], size, lambda i: AttributePointer(self, key_of(name[5:], i)))
        return Elements(
            name, size, lambda i: getattr(self, key_of(name, i)), lambda i, value: setattr(self, key_of(name, i), value)
        )

    def look_up(self, key: str) -> float:
        """The number behind a name of the file."""
        session, file = self.session, self.translation.file
        linked = self._behind(key)
        if linked is not None:
            return float(linked.get())
        if key in self.values:
            if key in self.info.assigned and key not in self.translation.memory:
                self.session.run.refresh_point(self, key)
            return float(self.values[key])
        if key in file.constants:
            return file.constants[key]
        for name in (key, f"{key}_{file.name}"):
            if name in session.globals:
                return float(session.globals[name])
        if key.endswith("0") and key[:-1] in self.translation.names.states:
            return self.translation.names.states[key[:-1]]
        if self.host is not None:
            if key == "v" and not 0 < self.spot < 1:  # an end has a voltage of its own, as in NEURON
                return self.session.run.end_voltage(self.host, self.spot)
            place = place_values(self)
            values = self.host.values(key)
            if key in place or values is not None:
                return place[key] if key in place else float(values[self.host.index(self.spot)])  # type: ignore[index]
        if key in self.translation.names.assigned or key in self.translation.names.ions:
            return 0.0
        raise UnknownNameError(key)

    def store(self, key: str, value: float) -> None:
        """A number for a variable of the file."""
        linked = self._behind(key)
        if linked is not None:
            linked.set(value)
            return
        if key in self.translation.names.globals:
            set_by_code(self.session, f"{key}_{self.translation.file.name}", value)
            return
        self.values[key] = value
        if key == "v" and self.host is not None:  # a number of the block that runs
            return
        self.session.run.changed_point(self, key)

    def run_code(self, body: tuple[Statement, ...], t: float, frame: dict[str, float], weights: Any = None) -> dict[str, float]:
        """Run statements; what the local variables are afterwards.

        What they assign to the voltage is theirs alone, as in NEURON, but for that of a NET_RECEIVE with `v` in it: cells that
        integrate and fire set themselves back.
        """
        after = self._run_all(body, t, frame, weights)
        if self.host is not None and "v" in self.values:
            v, segment, receive = self.values.pop("v"), self.get_segment(), self.translation.file.block("net_receive")
            if segment is not None and receive is not None and body is receive.body and "v" in names_in(body):
                segment.v = v
        return after

    def _run_all(self, body: tuple[Statement, ...], t: float, frame: dict[str, float], weights: Any) -> dict[str, float]:
        run = code_of_point(self, body, tuple(frame), False)
        if run is not None:
            object.__setattr__(self, "weights_at_hand", weights)
            return dict(zip(frame, run(t, 0.0, 0.0, *frame.values()), strict=True))
        code = EventCode(self, t)
        code.weights = weights
        code.frames.append({**frame})
        code.run_all(body)
        return code.frames[0]

    def interpreter(self, t: float, v: float, stepped: bool) -> EventCode:
        """What runs the code that is no function of Python's."""
        code = EventCode(self, t)
        code.weights = self.weights_at_hand
        code.frames.append({})
        return code

    def initialize(self) -> None:
        """INITIAL, and the weights of connections; called by `finitialize`."""
        object.__setattr__(self, "movable", None)
        if self._watching:
            self.watches.clear()
        block = self.translation.file.block("initial")
        states = self.translation.names.states
        # other variables keep what they are from run to run, if INITIAL does not say otherwise
        self.values.update({name: states[name] for name in self.translation.memory if name in states})
        if block is not None:
            self.run_code(block.body, 0.0, {})
        for name in self.translation.memory:
            self.session.run.changed_point(self, name)
        receive = self.translation.file.block("net_receive")
        starts = [s for s in receive.body if isinstance(s, Start)] if receive is not None else []
        for connection in self.session.run.connections() if starts else ():
            if connection.syn() is self:
                for start in starts:
                    self._with_weights(start.body, 0.0, connection.weight, 0.0)

    @property
    def _watching(self) -> bool:
        return "watches_" in self._stored

    def crossing(self) -> Pointer | None:
        """What a NetCon to whose source it is watches: its variable ``x``; None if it has none, or sends events."""
        file = self.translation.file
        if self.sends:
            return None
        if "x" in (*file.ranges, *(state.name for state in file.states)) and "x" not in self.own_info.element_counts:
            return AttributePointer(self, "x")
        caution(f"{self} is the source of a NetCon, but never fires: its file has neither net_event nor a RANGE variable x.")
        return None

    @property
    def itself(self) -> ModObject:
        """The object, for those who have a proxy."""
        return self

    @property
    def noise(self) -> Noise:
        """What its functions draw random numbers from."""
        return self._own("noise_", lambda: Noise(self.session))

    def random(self, name: str) -> RandomVariable:
        """A RANDOM variable."""
        return self._own(f"random_{name}_", lambda: RandomVariable(self.session))

    @property
    def watches(self) -> Watches:
        """The conditions it watches."""

        def made() -> Watches:
            found = Watches(self)
            self.session.run.add_machine(found)
            return found

        return self._own("watches_", made)

    def _own(self, name: str, make: Callable[[], Any]) -> Any:
        """Something of its own, made at its first use."""
        if name not in self._stored:
            object.__setattr__(self, name, make())
        return self._stored[name]

    def _with_weights(self, body: tuple[Statement, ...], t: float, weights: Any, flag: float) -> None:
        """Run statements of NET_RECEIVE, which may change the weights."""
        receive = self.translation.file.block("net_receive")
        assert receive is not None
        given = [float(weights[i]) if i < len(weights) else 0.0 for i in range(len(receive.arguments))]
        frame = {**dict(zip(receive.arguments, given, strict=True)), "flag": flag}
        after = self.run_code(body, t, frame, weights)
        for i, name in enumerate(receive.arguments):
            if i < len(weights) and after[name] != weights[i]:
                weights[i] = after[name]

    def receive(self, weight: Any, t: float, flag: float = 0.0) -> None:
        """An event arrives; ``weight`` is the weight vector of the NetCon."""
        receive = self.translation.file.block("net_receive")
        if receive is not None:
            self._with_weights(receive.body, t, weight, flag)

    def send(self, t: float, flag: float, weights: Any) -> None:
        """An event to itself."""
        alive = [True]
        if flag == 1:
            object.__setattr__(self, "movable", (alive, weights))

        def arrive(when: float) -> None:
            if alive[0]:
                if flag == 1 and self.movable is not None and self.movable[0] is alive:
                    object.__setattr__(self, "movable", None)
                self.receive([] if weights is None else weights, when, flag)

        self.session.run.at(t, arrive)

    def move_sent(self, t: float) -> None:
        """Let the last event of flag 1 to itself that is on its way arrive at another time.

        Raises
        ------
        HocError
            If there is none.
        """
        if self.movable is None:
            raise HocError(f"net_move of {self}: no net_send with flag 1 is on its way.")
        alive, weights = self.movable
        alive[0] = False
        self.send(t, 1.0, weights)

    def fire(self, t: float) -> None:
        """Send a spike to whoever listens."""
        self.session.run.fire(self, t)


class ModPoint(ModObject):
    """A point process of a mod file."""


class ModWriter(ModObject):
    """A point process of a mod file that writes ions in its segment, or reads their total currents there."""

    _parts_section = True

    def loc(self, *place: Any, **where: Any) -> float:
        """Put it somewhere."""
        x = super().loc(*place, **where)
        self.session.touch(shape=True)
        return x


class ModArtificial(ModObject, Artificial):
    """An artificial cell of a mod file."""


def place_values(point: PointProcess) -> dict[str, float]:
    """What a point process may read of its segment."""
    host = point.host
    if host is None:
        return {}
    index = host.index(point.spot)
    return {"diam": float(host.diam[index]), "area": float(host.shape.area[index])}


def make_point_class(session: Session, translation: Translation) -> type[PointProcess]:
    """The class behind `h.Name`."""
    file, names = translation.file, translation.names
    own = {
        key: value
        for key, value in translation.parameters.items()
        if key not in translation.globals and key not in translation.memory
    }
    computed = (*translation.memory, *file.nonspecific, *file.electrode, *names.states, *names.assigned)
    written = tuple(key for key, ion in names.ions.items() if ion.written)
    assigned = {key: names.states.get(key, 0.0) for key in dict.fromkeys((*computed, *written)) if key not in own}
    units = {key: d.unit for d in (*file.parameters, *file.assigned, *file.states) for key in expanded(d) if d.unit}
    artificial = file.kind == "ARTIFICIAL_CELL"
    counts = {d.name: d.size for d in (*file.parameters, *file.assigned, *file.states) if d.size is not None}
    styles = {ion.name: style_of(ion) for ion in file.ions}
    info = PointInfo(file.name, own, assigned, {}, artificial, file.block("net_receive") is not None, units, counts, styles)
    from rxd.neuron.mods.stepped import ModStepped

    base = ModArtificial if artificial else ModStepped if translation.reason else ModWriter if translation.carries else ModPoint
    sends = artificial or calls_of("net_event", file.blocks)
    doc = f"{file.name} of {file.path}."
    settings = {"kind": file.name, "translation": translation, "own_info": info, "sends": sends, "__doc__": doc}
    settings["_sits_at_ends"] = not artificial and not file.ions
    return type(file.name, (base,), {**settings, "simple": None if base is not ModPoint else _simple(translation)})


def _simple(translation: Translation) -> dict[str, Callable[..., float]] | None:
    """What an event adds to each state, as functions of weight and parameters; None if it does anything else, or prints."""
    received = tuple(statement for block in translation.file.all("net_receive") for statement in block.body)
    if calls_of("printf", (received, *(part.body for part in called_by(translation.file, received)))):
        return None
    try:
        amounts = event_amounts(translation, numbers=True)
    except NmodlError:
        return None
    arguments = [sympy.Symbol(name, real=True) for name in ("weight", *translation.parameters)]
    return {state: sympy.lambdify(arguments, amount, "math") for state, amount in amounts.items()}
