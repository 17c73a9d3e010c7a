"""INITIAL and NET_RECEIVE of point processes and artificial cells of mod files, run event by event.

In: an object, a time, a flag, the weights of a connection. Out: what its states and variables become, and events it sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rxd.neuron.events.connections import DELAY_OF_DETECTION
from rxd.neuron.mods.numbers import SessionNumbers
from rxd.neuron.mods.random import DRAWS
from rxd.nmodl.execute import SENDING
from rxd.nmodl.syntax import Binary, Call, Expression, ForNetCons, Name, Solve, Start, Statement, Watch

if TYPE_CHECKING:
    from rxd.neuron.mods.points import ModObject

__all__ = ["EventCode", "Watches"]

EPSILON = 1e-11
"""A condition that holds by no less than minus this when WATCH is run is taken to hold already: NEURON's."""


class EventCode(SessionNumbers):
    """Runs INITIAL and NET_RECEIVE of one object."""

    def __init__(self, owner: ModObject, t: float) -> None:
        super().__init__(
            owner.session,
            owner.translation.file,
            lambda key: t if key == "t" else owner.look_up(key),
            owner.store,
            owner.noise,
        )
        self.owner, self.t = owner, t
        self.weights: Any = None
        self.watching = False

    def do(self, statement: Statement) -> None:
        """Run one statement."""
        if isinstance(statement, Call) and statement.name in SENDING:
            self._event(statement)
        elif isinstance(statement, Watch):
            self._watch(statement)
        elif isinstance(statement, ForNetCons):
            self._for_each(statement)
        elif not isinstance(statement, (Start, Solve)):  # INITIAL of weights has its turn; the model has solved for states
            super().do(statement)

    def call(self, call: Call) -> Any:
        """A function or procedure; those that draw from a RANDOM variable take it as it is."""
        first = call.arguments[0] if call.arguments else None
        if call.name in DRAWS and isinstance(first, Name) and first.name in self.file.random:
            numbers = [float(self.evaluate(argument)) for argument in call.arguments[1:]]
            drawn = getattr(self.owner.random(first.name), DRAWS[call.name])(*numbers)
            return drawn if isinstance(drawn, float) else 0.0
        return super().call(call)

    def is_pointing(self, name: str) -> bool:
        """Whether a POINTER is set."""
        return self.owner.session.links.behind(self.owner, name) is not None

    def _event(self, call: Call) -> None:
        when = float(self.evaluate(call.arguments[0]))
        if call.name == "net_event":
            self.owner.fire(when)
        elif call.name == "net_move":
            self.owner.move_sent(when)
        else:
            self.owner.send(self.t + when, float(self.evaluate(call.arguments[1])), self.weights)

    def _watch(self, statement: Watch) -> None:
        """Conditions to be watched from now on, instead of those that other events have set."""
        if not self.watching:
            self.owner.watches.clear()
        self.watching = True
        for condition, flag in statement.conditions:
            self.owner.watches.add(condition, flag)

    def _for_each(self, statement: ForNetCons) -> None:
        """Statements for each connection; the weights of the one whose event this is are seen and changed among them."""
        frame, own = self.frames[-1], self._arguments()
        for i, name in own:
            self.weights[i] = frame[name]
        for connection in self.owner.session.run.connections():
            if connection.syn() is self.owner:
                self._once(statement, connection.weight)
        frame.update({name: float(self.weights[i]) for i, name in own})

    def _arguments(self) -> list[tuple[int, str]]:
        """Arguments of NET_RECEIVE that are weights of the connection an event has come by."""
        receive = self.file.block("net_receive")
        here = self.weights is not None and receive is not None and len(self.frames) == 1
        return list(enumerate(receive.arguments[: len(self.weights)])) if here and receive is not None else []

    def _once(self, statement: ForNetCons, weights: Any) -> None:
        frame = self.frames[-1]
        before = dict(frame)
        given = [float(weights[i]) if i < len(weights) else 0.0 for i in range(len(statement.arguments))]
        frame.update(zip(statement.arguments, given, strict=True))
        self.run(statement.body)
        for i, name in enumerate(statement.arguments):
            if i < len(weights):
                weights[i] = frame[name]
            frame.pop(name)
            frame.update({name: before[name]} if name in before else {})


class Condition:
    """What is watched: it holds where ``gap`` is positive, and did at the last look if ``above``."""

    __slots__ = ("above", "excess", "flag")
    due: float | None = None

    def __init__(self, excess: Callable[[], float], flag: float) -> None:
        self.excess, self.flag, self.above = excess, flag, False

    @property
    def gap(self) -> float:
        """By how much it holds."""
        return self.excess()


class Watches:
    """The conditions that an object watches: each sends it an event when it comes true.

    Conditions are looked at at the beginning of fixed steps; variable ones end where they come true.
    """

    def __init__(self, owner: ModObject) -> None:
        self._file, self._receive = owner.translation.file, owner.receive
        self._run = owner.session.run
        self._read = owner.look_up
        self._conditions: list[Condition] = []

    def clear(self) -> None:
        """Watch nothing."""
        self._conditions.clear()

    def add(self, condition: Expression, flag: float) -> None:
        """Watch a condition, and send an event with a flag when it comes true."""
        watched = Condition(lambda: self._excess(condition), flag)
        watched.above = watched.gap >= -EPSILON
        self._conditions.append(watched)

    def check(self, t: float, exactly: bool) -> Iterator[Callable[[], Any]]:
        """Send the events that are due; there is nothing else to be done. ``exactly``: also where two sides are equal."""
        for condition in list(self._conditions):
            held, gap = condition.above, condition.gap
            condition.above = gap > 0 or (exactly and gap == 0)
            if condition.above and not held:
                self._run.at(t + DELAY_OF_DETECTION, lambda _, flag=condition.flag: self._receive([], t, flag))
        return iter(())

    def rearm(self, t: float) -> None:
        """What does not hold now may come true; what has come true without a step, by an event or a script, is sent at once."""
        for condition in self._conditions:
            held, condition.above = condition.above, condition.gap > 0
            if condition.above and not held:
                self._run.at(t, lambda _, flag=condition.flag: self._receive([], t, flag))

    def possible(self) -> list[Condition]:
        """What may come true."""
        return self._conditions

    def _excess(self, condition: Expression) -> float:
        """By how much a condition holds."""
        code = SessionNumbers(self._run.session, self._file, self._read)
        if not isinstance(condition, Binary) or condition.operator not in {"<", ">", "<=", ">="}:
            raise self._file.error(0, "WATCH takes a comparison such as (v > threshold).")
        left, right = float(code.evaluate(condition.left)), float(code.evaluate(condition.right))
        return left - right if condition.operator.startswith(">") else right - left
