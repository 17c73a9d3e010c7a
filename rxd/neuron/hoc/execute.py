"""hoc statements.

In: the statement part of a syntax tree. Out: changes of the session: sections, objects, variables, procedures; prints.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from lark import Token, Tree

from rxd.neuron.cells.section_patterns import pattern_of
from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.errors import HocError
from rxd.neuron.hoc.closures import closure
from rxd.neuron.hoc.elements import with_element
from rxd.neuron.hoc.evaluate import Evaluator
from rxd.neuron.hoc.printing import shown
from rxd.neuron.hoc.state import HocArray, Procedure, Template, first_of
from rxd.neuron.mechanisms.links import link

__all__ = ["Executor", "Halt", "Return"]


# procedures of NEURON's own library: they have no value to print
_LIBRARY = frozenset({"advance", "continuerun", "init", "run", "set_ra", "setdt", "stdinit", "steprun"})


Step = Callable[["Executor"], Any]


class _Leave(Exception):  # noqa: N818 - no error, a way out
    """`break`."""


class _Again(Exception):  # noqa: N818 - no error, a way out
    """`continue`."""


class Return(Exception):  # noqa: N818 - no error, a way out
    """`return`, with a value."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


class Halt(Exception):  # noqa: N818 - no error, a way out
    """`stop`."""


def _array(name: str, sizes: list[int], initial: Callable[[], Any]) -> HocArray:
    """An array of numbers, texts or objects, or (of more than one dimension) an array of arrays."""
    size, *rest = sizes
    return HocArray(name, [_array(f"{name}[{i}]", rest, initial) if rest else initial() for i in range(size)])


def _sections(name: str, sizes: list[int], cell: Any) -> Section | HocArray:
    """A section, or an array of them."""
    if not sizes:
        return Section(name, cell)
    return HocArray(name, [_sections(f"{name}[{i}]", sizes[1:], cell) for i in range(sizes[0])])


class Executor(Evaluator):
    """Carries out statements."""

    def run(self, tree: Tree) -> None:
        """Carry out all statements of a program; the value of an expression that stands alone is printed, but in an object."""
        for statement in tree.children:
            alone = statement.data == "evaluate" and statement.children[0].data != "assignment"
            if alone and self.frame.instance is None:
                self._show(statement.children[0])
            else:
                self.statement(statement)

    def _show(self, expression: Tree) -> None:
        """Print the value of an expression; a procedure has none."""
        value = self.value(expression)
        called = expression.data == "value" and len(expression.children[0].children) > 1
        name = str(expression.children[0].children[0].children[0]) if called else ""
        procedure = self.session.hoc.procedures.get(name)
        if (procedure is None and name not in _LIBRARY) or (procedure is not None and procedure.kind != "proc"):
            text = f"{value}\n" if isinstance(value, str) else f"\t{shown(value)}\n"
            lines = 1
            if name == "points_":  # it stands for so many statements
                lines = len(self.session.hoc.points[int(self.arguments(expression.children[0].children[1].children[0])[0])])
            sys.stdout.write(text * lines)

    def statement(self, tree: Tree) -> None:
        """Carry out one statement."""
        step(tree)(self)

    def call(self, procedure: Procedure, arguments: Iterable[Any], instance: Any = None) -> Any:
        """Call a procedure; a func gives its value, a proc 0."""
        inner = Executor(self.session, self.entered(tuple(arguments), instance))
        try:
            step(procedure.body)(inner)
        except Return as given:
            if given.value is not None:
                return given.value
        return None if procedure.kind == "obfunc" else 0.0

    def do_print(self, arguments: Tree | None) -> None:
        """`print a, b`."""
        values = [] if arguments is None else self.arguments(arguments)
        sys.stdout.write("".join(shown(value) for value in values) + "\n")

    # ------------------------------------------------------------------------------------------------------------ declared

    def _declared(self, names: Tree) -> Iterable[tuple[str, list[int]]]:
        for declared in names.children:
            name, *sizes = declared.children
            yield str(name), [int(self.number(size)) for size in sizes]

    def _names(self) -> dict[str, Any] | None:
        """Where declarations go: into the template instance, or (None) into the session."""
        return None if self.frame.instance is None else self.frame.instance.names

    def do_create(self, names: Tree) -> None:
        """`create soma, dend[3]`."""
        cell = self.frame.instance
        table = self.session.hoc.sections if cell is None else cell.names
        for name, sizes in self._declared(names):
            table[name] = _sections(name, sizes, cell)

    def do_access(self, reference: Tree) -> None:
        """`access soma`."""
        self.session.topology.accessed = self._section(reference).record

    def do_insert(self, name: Token) -> None:
        """`insert hh`, in the accessed section."""
        self.session.topology.cas().section.insert(str(name))

    def do_uninsert(self, name: Token) -> None:
        """`uninsert hh`."""
        self.session.topology.cas().section.uninsert(str(name))

    def do_connect(self, child: Tree, parent: Tree) -> None:
        """`connect child(0), parent(1)`, or `parent connect child(0), 1`."""
        section, end = self._place(child.children[0])
        target = self._parent(parent)
        if target is None:
            target = self.session.topology.cas().section(self.number(parent))
        section.connect(target, end)

    def _parent(self, parent: Any) -> Segment | None:
        """The place that `connect` names as `parent(1)`; None for a number, such as `1`, `x` or `fscan()`."""
        if not isinstance(parent, Tree) or parent.data != "value":
            return None
        *before, last = parent.children[0].children
        if not before or last.data != "call" or last.children[0] is None:
            return None
        name, own = str(before[0].children[0]), self._names()
        if len(before) == 1 and name not in self.session.hoc.sections and (own is None or name not in own):
            return None
        section, x = self._place(parent.children[0])
        return section(x)

    def do_setpointer(self, variable: Tree, source: Tree) -> None:
        """`setpointer gap.vgap, soma.v(0.5)`."""
        link(self.session, self._pointer(variable), self._pointer(source))

    def _place(self, reference: Tree) -> tuple[Section, float]:
        """A section and a place on it, as `dend[1](0)`."""
        *before, last = reference.children
        if not before or last.data != "call":
            raise HocError("connect takes places such as soma(1)")
        (x,) = self.arguments(last.children[0])
        section = first_of(self.refer(*before))
        if not isinstance(section, Section):
            raise HocError(f"{section!r} is not a section")
        return section, float(x)

    def _section(self, reference: Tree) -> Section:
        section = first_of(self.refer(*reference.children))
        if not isinstance(section, Section):
            raise HocError(f"{reference.children[0].children[0]} is not a section")
        return section

    def _declare(self, names: Tree, table: dict[str, Any], initial: Callable[[], Any]) -> None:
        own, arrays = self._names(), self.session.hoc.arrays
        for name, sizes in self._declared(names):
            if sizes:
                if own is None:
                    table.pop(name, None)  # from now on an array
                (arrays if own is None else own)[name] = _array(name, sizes, initial)
            elif own is None:
                arrays.pop(name, None)
                if table is self.session.hoc.objects:
                    table[name] = None  # `objref x` once more lets go of the object
                table.setdefault(name, initial())
            elif name != "this":  # the object itself, which no declaration changes
                own.setdefault(name, initial())

    def do_objref(self, names: Tree) -> None:
        """`objref vec`."""
        self._declare(names, self.session.hoc.objects, lambda: None)

    def do_strdef(self, names: Tree) -> None:
        """`strdef text`."""
        self._declare(names, self.session.hoc.strings, str)

    def do_double(self, names: Tree) -> None:
        """`double x[3]`."""
        self._declare(names, self.session.hoc.variables, float)

    def do_local(self, names: Tree) -> None:
        """`local i, j`."""
        self.frame.locals.update((name, 0.0) for name, _ in self._declared(names))

    def do_localobj(self, names: Tree) -> None:
        """`localobj vec`."""
        self.frame.locals.update((name, None) for name, _ in self._declared(names))

    def do_public(self, names: Tree) -> None:
        """`public soma`: read when the template is defined."""

    def do_external(self, names: Tree) -> None:
        """`external x`: read when the template is defined; elsewhere it says nothing."""

    def do_iterator(self, name: Token, body: Tree) -> None:
        """`iterator name() { ... iterator_statement ... }`."""
        self._define("iterator", name, body)

    def _define(self, kind: str, name: Token, body: Tree) -> None:
        procedure = Procedure(str(name), kind, body)
        table = self.session.hoc.procedures if self.frame.instance is None else self.frame.instance.procedures
        table[str(name)] = procedure

    def do_proc(self, name: Token, body: Tree) -> None:
        """`proc name() { }`."""
        self._define("proc", name, body)

    def do_func(self, name: Token, body: Tree) -> None:
        """`func name() { }`."""
        self._define("func", name, body)

    def do_obfunc(self, name: Token, body: Tree) -> None:
        """`obfunc name() { }`."""
        self._define("obfunc", name, body)

    def do_template(self, name: Token, *rest: Any) -> None:
        """`begintemplate Name ... endtemplate Name`."""
        *body, end = rest
        if str(end) != str(name):
            raise HocError(f"begintemplate {name} ends with endtemplate {end}")
        template = Template(str(name), list(body))
        for statement in body:
            if statement.data in {"public", "external"}:
                names = template.public if statement.data == "public" else template.external
                names.update(name for name, _ in self._declared(statement.children[0]))
        self.session.hoc.templates[template.name] = template

    # ------------------------------------------------------------------------------------------------------------- control

    def _once(self, body: Tree) -> bool:
        """Carry out the body of a loop; whether the loop goes on."""
        try:
            self.statement(body)
        except _Leave:
            return False
        except _Again:
            return True
        return True

    def do_loop(self, condition: Tree, body: Tree) -> None:
        """`while (x) ...`."""
        while self.value(condition) and self._once(body):
            pass

    def do_for_loop(self, start: Tree | None, condition: Tree | None, step: Tree | None, body: Tree) -> None:
        """`for (i = 0; i < n; i = i + 1) ...`."""
        if start is not None:
            self.value(start)
        while (condition is None or self.value(condition)) and self._once(body):
            if step is not None:
                self.value(step)

    def do_for_each(self, reference: Tree, body: Tree) -> None:
        """`for case(&x, 1, 2) ...`: an iterator runs the statement wherever it says `iterator_statement`.

        Raises
        ------
        HocError
            If there is no such iterator.
        """
        first, *parts = reference.children
        if not parts or parts[-1].data != "call":
            raise HocError("for takes i = first, last, or (start; condition; step), or an iterator such as case(&x, 1, 2)")
        owner = self.refer(first, *parts[:-2]) if len(parts) > 1 else self.frame.instance
        name = str((parts[-2] if len(parts) > 1 else first).children[0])
        procedures = self.session.hoc.procedures if owner is None or name not in owner.procedures else owner.procedures
        if name not in procedures and not self.session.hoc.look_up(name)[0]:
            raise HocError(f"{name} is not an iterator")
        inner = Executor(self.session, self.entered(tuple(self.arguments(parts[-1].children[0])), owner))
        inner.frame.body = lambda: self.statement(body)
        try:
            inner.statement(procedures[name].body)
        except (_Leave, Return) as way:
            if isinstance(way, Return) and way.value is not None:
                raise

    def do_iterate(self) -> None:
        """`iterator_statement`."""
        if self.frame.body is None:
            raise HocError("iterator_statement stands outside of an iterator")
        try:
            self.frame.body()
        except _Again:
            return

    def do_if_section(self, pattern: Tree, body: Tree) -> None:
        """`ifsec "pattern" ...`: if the accessed section matches."""
        if pattern_of(str(self.value(pattern))).search(self.session.topology.cas().name):
            self.statement(body)

    def do_ramp(self, reference: Tree, sign: Token, first: Tree, last: Tree) -> None:
        """`diam(0:1) = 10:2`: a variable that changes linearly between two places."""
        named, parts = with_element(self, reference.children[0], reference.children[1:])
        *before, span = named, *parts
        if not parts or span.data != "span" or sign != "=":
            raise HocError("two values with a colon are assigned to a range of places, as in diam(0:1) = 10:2")
        start, stop = (self.number(x) for x in span.children)
        low, high = self.number(first), self.number(last)
        owner = self.refer(*before[:-1]) if len(before) > 1 else self.session.topology.cas().section
        if isinstance(owner, HocArray):
            owner = owner[0]
        name = str(before[-1].children[0])
        for segment in owner:
            if start - 1e-9 <= segment.x <= stop + 1e-9:
                setattr(segment, name, low + (high - low) * (segment.x - start) / (stop - start))

    def do_count(self, name: Token, first: Tree, last: Tree, body: Tree) -> None:
        """`for i = 0, n-1 ...`."""
        i, stop = self.number(first), self.number(last)
        self._assign_name(str(name), i)
        while i <= stop + self.session.globals["float_epsilon"] and self._once(body):
            i += 1
            self._assign_name(str(name), i)

    def do_segments(self, name: Token, _: Token | None, body: Tree) -> None:
        """`for (x) ...`: x runs over the nodes of the accessed section; `for (x, 0)` leaves out the ends."""
        section = self.session.topology.cas().section
        for segment in section if _ is not None else section.allseg():
            self._assign_name(str(name), segment.x)
            if not self._once(body):
                return

    def do_for_all(self, body: Tree) -> None:
        """`forall ...`."""
        own = self.frame.instance  # inside an object of a template, `forall` means its own sections
        chosen = [record.section for record in self.session.topology]
        self._over(chosen if own is None else [section for section in chosen if section.cell() is own], body)

    def do_for_sec(self, which: Tree, body: Tree) -> None:
        """`forsec list ...`, or `forsec "pattern" ...`."""
        chosen = self.value(which)
        if isinstance(chosen, str):
            pattern = pattern_of(chosen)
            self._over([r.section for r in self.session.topology if pattern.search(r.name)], body)
        else:
            self._over(list(chosen), body)

    def _over(self, sections: list[Section], body: Tree) -> None:
        for section in sections:
            if not self._within(section, body):
                return

    def _within(self, section: Section, body: Tree) -> bool:
        """Carry out a statement with a section accessed."""
        stack = self.session.topology.stack
        stack.append(section)
        try:
            return self._once(body)
        finally:
            stack.pop()

    def do_in_section(self, *parts: Tree) -> None:
        """`soma { ... }`, `soma insert hh`."""
        *reference, body = parts
        stack = self.session.topology.stack
        stack.append(self._section(Tree("reference", reference)))
        try:
            self.statement(body)
        finally:
            stack.pop()

    def do_leave(self) -> None:
        """`break`."""
        raise _Leave

    def do_again(self) -> None:
        """`continue`."""
        raise _Again

    def do_halt(self) -> None:
        """`stop`: back to the outermost level."""
        raise Halt


# ------------------------------------------------------------------------------------------------------ statements as functions


def step(tree: Tree) -> Step:
    """What carries out a statement; the tree keeps it."""
    found: Step | None = tree.__dict__.get("step")
    if found is None:
        make = _STEPS.get(tree.data)
        found = _by_method(tree) if make is None else make(*tree.children)
        tree.step = found  # type: ignore[attr-defined]
    return found


def _by_method(tree: Tree) -> Step:
    name, children = f"do_{tree.data}", tree.children
    return lambda executor: getattr(executor, name)(*children)


def _block(*statements: Tree) -> Step:
    """`{ ... }`."""
    steps = [step(statement) for statement in statements]

    def carry_out(executor: Executor) -> None:
        for one in steps:
            one(executor)

    return carry_out


def _evaluate(expression: Any) -> Step:
    """An expression for its effects."""
    return (lambda _: str(expression)) if isinstance(expression, Token) else closure(expression)


def _branch(condition: Tree, then: Tree, otherwise: Tree | None) -> Step:
    """`if (x) ... else ...`."""
    chosen, first, second = closure(condition), step(then), None if otherwise is None else step(otherwise)

    def carry_out(executor: Executor) -> None:
        if chosen(executor):
            first(executor)
        elif second is not None:
            second(executor)

    return carry_out


def _give(expression: Tree | None) -> Step:
    """`return x`."""
    value = None if expression is None else closure(expression)

    def carry_out(executor: Executor) -> None:
        raise Return(None if value is None else value(executor))

    return carry_out


_STEPS: Mapping[str, Callable[..., Step]] = MappingProxyType(
    {"block": _block, "evaluate": _evaluate, "branch": _branch, "give": _give}
)
