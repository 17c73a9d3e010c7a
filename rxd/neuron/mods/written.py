"""Code of mod files as Python functions, with what its names stand for in a session.

In: blocks of point processes and of density mechanisms in segments. Out: functions that read and write where the interpreter
would, without asking anew for every name what it is. They are written once for each block of a file, and bound to each object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import proxy

from rxd.neuron.mods.numbers import printed
from rxd.neuron.mods.random import DRAWS
from rxd.nmodl.execute import SENDING
from rxd.nmodl.syntax import Block, Call, Expression, Name, Solve, Start, Text, Verbatim
from rxd.nmodl.verbatim import random_use, verbatim_of
from rxd.nmodl.written import Unwritable, written

if TYPE_CHECKING:
    from rxd.neuron.mods.calls import Place
    from rxd.neuron.mods.points import ModObject
    from rxd.nmodl.syntax import Statement

__all__ = ["code_of_place", "code_of_point"]

Run = Callable[..., tuple[float, ...]]


def _number(value: Any) -> float:
    """What a draw gives; 0 of one that only sets its stream."""
    return value if isinstance(value, float) else 0.0


def _printing(call: Call, number: Callable[[Expression], str]) -> str:
    """A call that prints numbers and texts."""
    arguments = [repr(part.text) if isinstance(part, Text) else number(part) for part in call.arguments]
    return f"printf({', '.join(arguments)})"


class _PointScope:
    """Names of an object: ``V`` its values, ``G`` globals, ``o`` itself; asked where it is not that simple."""

    skipped: tuple[type, ...] = (Start, Solve)

    def __init__(self, point: ModObject, stepped: bool) -> None:
        self.file, self.values = point.translation.file, point.values
        self.globals = point.session.globals.values
        self.scop = point.session.scop.functions
        self.linked = frozenset(point.session.links.of_mechanism(point.kind))
        self.stepped = stepped
        fetched = set(point.info.assigned) - point.translation.memory
        self.own = {key for key in self.values if key not in self.linked and key not in fetched}

    def read(self, key: str) -> str:
        """The number behind a name."""
        if key == "t" or (self.stepped and key in {"v", "dt"}):
            return key
        if key in self.own:
            return f"V[{key!r}]"
        if key not in self.linked and key not in self.values:
            if key in self.file.constants:
                return repr(self.file.constants[key])
            for name in (key, f"{key}_{self.file.name}"):
                if name in self.globals:
                    return f"G[{name!r}]"
        return f"o.look_up({key!r})"

    def write(self, key: str, value: str) -> str:
        """A statement that assigns to it."""
        return f"V[{key!r}] = {value}" if self.stepped and key in self.own else f"o.store({key!r}, {value})"

    def read_element(self, key: str) -> str:
        """An element of an array."""
        return f"o.look_up({key})"

    def write_element(self, key: str, value: str) -> str:
        """A statement that assigns to it."""
        return f"o.store({key}, {value})"

    def call(self, call: Call, number: Callable[[Expression], str]) -> str | None:
        """Random numbers, events, whether a POINTER is set, and `printf` but in steps."""
        if call.name == "printf":
            return "0.0" if self.stepped else _printing(call, number)
        first = call.arguments[0] if call.arguments else None
        if call.name in DRAWS and isinstance(first, Name) and first.name in self.file.random:
            numbers = ", ".join(map(number, call.arguments[1:]))
            return f"drawn(o.random({first.name!r}).{DRAWS[call.name]}({numbers}))"
        if call.name == "nrn_pointing" and isinstance(first, Name):
            return f"pointing({first.name!r})"
        if call.name in SENDING:
            numbers = ", ".join(map(number, call.arguments))
            return f"{call.name}(t, {numbers})"
        if call.name in self.scop:
            return f"scop[{call.name!r}]({', '.join(map(number, call.arguments))})"
        return None

    def outside(self, block: Block, arguments: Sequence[str]) -> str:
        """What only the interpreter runs, but for drawing a random number."""
        code = verbatim_of(block)
        if random_use(code) == "pick":
            return f"pick({code!r}, {block.name!r}, t, v, {', '.join(arguments)})"
        return f"outside({block.name!r}, t, v, {', '.join(arguments)})"

    def verbatim(self, statement: Verbatim) -> str:
        """C code amid other statements: the interpreter knows what it is, or refuses it when its turn comes."""
        return f"verbatim({statement.text!r}, {statement.line}, t, v)"


def code_of_point(point: ModObject, body: tuple[Statement, ...], arguments: tuple[str, ...], stepped: bool) -> Run | None:
    """Statements of an object's file as ``run(t, v, dt, *arguments)``, which gives its arguments back; None if unwritable.

    ``stepped``: v and dt are given, tables are in use, and nobody else follows the object's variables.
    """
    session, file = point.session, point.translation.file
    tables = stepped and bool(session.globals.values.get(f"usetable_{file.name}", 0.0))
    key = (id(body), stepped, tables, session.links.of_mechanism(point.kind))
    runs: dict[Any, Run | None] = point._own("runs_", dict)
    if key in runs:
        return runs[key]
    known = session.mods.written
    if key not in known:
        try:
            known[key] = written(file, body, arguments, _PointScope(point, stepped), tables)[1]
        except Unwritable:
            known[key] = None
    runs[key] = None if known[key] is None else known[key](_names(point, stepped))
    return runs[key]


def _names(point: ModObject, stepped: bool) -> dict[str, Any]:
    session, o = point.session, proxy(point)  # what an object keeps must not keep the object

    def outside(name: str, t: float, v: float, *arguments: float) -> Any:
        code = o.interpreter(t, v, stepped)
        return code.inline(code.procedures[name], list(arguments), 0)

    def pick(code: str, name: str, t: float, v: float, *arguments: float) -> Any:
        found = o.noise.pick(code)
        return outside(name, t, v, *arguments) if found is None else found

    def verbatim(text: str, line: int, t: float, v: float) -> None:
        o.interpreter(t, v, stepped).verbatim(Verbatim(text, line))

    return {
        "o": o,
        "V": point.values,
        "G": session.globals.values,
        "pointing": lambda name: float(session.links.behind(o.itself, name) is not None),
        "scop": session.scop.functions,
        "printf": printed,
        "drawn": _number,
        "outside": outside,
        "pick": pick,
        "verbatim": verbatim,
        "net_event": lambda t, when: o.fire(when),
        "net_move": lambda t, when: o.move_sent(when),
        "net_send": lambda t, when, flag: o.send(t + when, flag, o.weights_at_hand),
    }


class _PlaceScope:
    """Names of a density mechanism in a segment: ``S`` what its section stores, ``i`` which segment, ``G`` globals."""

    skipped: tuple[type, ...] = ()

    def __init__(self, place: Place) -> None:
        self.place, self.file = place, place.translation.file
        self.names, self.globals = place.translation.names, place.session.globals.values

    def read(self, key: str) -> str:
        """The number behind a name."""
        if key == "t":
            return "t"
        if key in self.file.constants:
            return repr(self.file.constants[key])
        for name in (f"{key}_{self.file.name}", key):
            if name in self.globals:
                return f"G[{name!r}]"
        if key in self.place.links():
            return f"get_{key}()"
        if key in self.names.place:
            return f"place_{key}"
        full = f"{key}_{self.file.name}"
        if key in self.names.parameters and full in self.place.stored():
            return f"S[{full!r}].item(i)"
        return f"look({key!r})"

    def write(self, key: str, value: str) -> str:
        """A statement that assigns to it."""
        return f"set_{key}({value})" if key in self.place.links() else f"store({key!r}, float({value}))"

    def read_element(self, key: str) -> str:
        """An element of an array."""
        return f"look({key})"

    def write_element(self, key: str, value: str) -> str:
        """A statement that assigns to it."""
        return f"store({key}, float({value}))"

    def call(self, call: Call, number: Callable[[Expression], str]) -> str | None:
        """Random numbers, and `printf`."""
        if call.name == "printf":
            return _printing(call, number)
        scop = self.place.session.scop.functions
        return f"scop[{call.name!r}]({', '.join(map(number, call.arguments))})" if call.name in scop else None

    def outside(self, block: Block, arguments: Sequence[str]) -> str:
        """What only the interpreter runs."""
        raise Unwritable(block.name)

    def verbatim(self, statement: Verbatim) -> str:
        """C code amid other statements."""
        raise Unwritable(statement.text)


def code_of_place(place: Place, body: tuple[Statement, ...]) -> Run | None:
    """Statements of a density mechanism in a segment as ``run(t, v, dt)``; None if unwritable."""
    session, links, stored = place.session, place.links(), place.stored()
    key = (id(body), "place", tuple(links), tuple(name in stored for name in place.full_parameters()))
    known = session.mods.written
    if key not in known:
        try:
            known[key] = written(place.translation.file, body, (), _PlaceScope(place), False)[1]
        except Unwritable:
            known[key] = None
    if known[key] is None:
        return None
    names = {"S": stored, "i": place.index(), "G": session.globals.values, "look": place.read, "store": place.write}
    names |= {f"get_{name}": pointer.get for name, pointer in links.items()}
    names |= {f"place_{name}": place.read(name) for name in place.translation.names.place}
    names |= {f"set_{name}": pointer.set for name, pointer in links.items()}
    return known[key]({**names, "scop": session.scop.functions, "printf": printed})
