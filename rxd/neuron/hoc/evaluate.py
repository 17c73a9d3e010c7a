"""Values of hoc expressions.

In: the expression part of a syntax tree. Out: numbers, texts, objects, pointers. A name is looked for among the locals, what
hoc code has defined, range variables of the accessed section, then the names of `h`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from inspect import ismethod
from typing import TYPE_CHECKING, Any

from lark import Token, Tree

from rxd.neuron.cells.sections import Section
from rxd.neuron.errors import HocError
from rxd.neuron.hoc.closures import as_number, closure
from rxd.neuron.hoc.elements import with_element
from rxd.neuron.hoc.python_objects import PythonHandle
from rxd.neuron.hoc.references import SPECIAL
from rxd.neuron.hoc.state import HocArray, first_of
from rxd.neuron.vectors.pointers import (
    AttributePointer,
    EntryPointer,
    GlobalPointer,
    HocText,
    Pointer,
    RangePointer,
    Ref,
    beyond,
)

if TYPE_CHECKING:
    from rxd.neuron.hoc.state import Procedure
    from rxd.neuron.session import Session

__all__ = ["Evaluator", "Frame"]

Writers = tuple[Callable[[Any], None] | None, ...]


class Frame:
    """Arguments and locals of a running procedure, the template instance it belongs to, and the body of its iterator loop."""

    __slots__ = ("arguments", "body", "instance", "locals", "top", "writers")

    def __init__(self, arguments: tuple[Any, ...] = (), instance: Any = None, top: bool = False) -> None:
        self.arguments = arguments
        self.writers: Writers = ()
        self.instance = instance
        self.top = top
        self.body: Callable[[], None] | None = None
        self.locals: dict[str, Any] = {}


class Evaluator:
    """Gives expressions values; `Executor` adds the statements."""

    def __init__(self, session: Session, frame: Frame | None = None) -> None:
        self.session = session
        self.frame = Frame() if frame is None else frame

    # -------------------------------------------------------------------------------------------------------------- values

    def value(self, tree: Any) -> Any:
        """The value of an expression."""
        return str(tree) if isinstance(tree, Token) else closure(tree)(self)

    def number(self, tree: Any) -> float:
        """The value of an expression that must be a number."""
        return as_number(self.value(tree))

    def _text(self, token: Token) -> str:
        return str(token)[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")

    def _new(self, name: Token, arguments: Tree | None = None) -> Any:
        kind = self._global(str(name))
        if not callable(kind):
            raise HocError(f"{name} is not a template")
        return kind(*self.arguments(arguments))

    def _pointer(self, reference: Tree) -> Pointer:
        """`&name`, `&sec.v(0.5)`, `&object.variable`."""
        first, parts = with_element(self, reference.children[0], reference.children[1:])
        name = str(first.children[0])
        own = self.frame.instance
        if getattr(first.children[0], "type", "") == "ARGUMENT":
            passed = self.frame.arguments[self._argument_number(name) - 1]
            return passed if isinstance(passed, Pointer) else Ref(passed)
        table = next((t for t in (self.frame.locals, own and own.names, self.session.hoc.arrays) if t and name in t), None)
        if not parts and table is not None:  # of an array its first element
            return table[name].pointer if isinstance(table[name], HocArray) else EntryPointer(table, name)
        if not parts and (name in self.session.globals or name in self.session.hoc.variables):
            return GlobalPointer(self.session, name)
        x = 0.5
        if parts and parts[-1].data == "call":
            x = float(self.arguments(parts[-1].children[0])[0])
            parts = parts[:-1]
        if not parts:
            return RangePointer(self.session.topology.cas(), name, x)
        owner = self.owner(first, *parts[:-1])
        if parts[-1].data == "item":
            variable, index = parts[-2] if len(parts) > 1 else None, int(self.number(parts[-1].children[0]))
            if variable is None or variable.data != "member":
                return EntryPointer(self.refer(first, *parts[:-1]), index)
            return AttributePointer(self.refer(first, *parts[:-2]), str(variable.children[0]), index)
        variable = str(parts[-1].children[0])
        return RangePointer(owner.record, variable, x) if isinstance(owner, Section) else _of_object(owner, variable)

    def _value(self, reference: Tree) -> Any:
        return self.refer(*reference.children)

    def arguments(self, tree: Tree | None) -> list[Any]:
        """The values of an argument list; a text or object variable comes with the means to write to it."""
        if tree is None:
            return []
        return self.completed(tree, [self.value(child) for child in tree.children])

    def completed(self, tree: Tree, given: list[Any]) -> list[Any]:
        """Arguments that have been evaluated, texts and objects with the means to write to their variables."""
        values = [self._passed(child, value) for child, value in zip(tree.children, given, strict=True)]
        passed = [
            isinstance(child, Tree) and child.data == "value" and not isinstance(x, (int, float, str))
            for child, x in zip(tree.children, values, strict=True)
        ]
        if any(passed):  # not kept, as built-in functions have them, too, after which nobody asks
            seen = tuple(_seen(x) if own else None for x, own in zip(values, passed, strict=True))
            self.session.hoc.passing = seen, weakref.ref(self), tree
        return values

    def entered(self, arguments: tuple[Any, ...], instance: Any = None) -> Frame:
        """The frame of a procedure that is called; what `$o1 = ...` in it assigns, the variable that was passed gets."""
        frame, passing, self.session.hoc.passing = Frame(arguments, instance), self.session.hoc.passing, None
        if passing is None or len(passing[0]) != len(arguments):
            return frame
        seen, caller, tree = passing[0], passing[1](), passing[2]
        if caller is not None and all(x is None or x() is y for x, y in zip(seen, arguments, strict=True)):
            frame.writers = tuple(
                None if x is None else partial(caller.assign, child.children[0])
                for x, child in zip(seen, tree.children, strict=True)
            )
        return frame

    def _passed(self, tree: Tree, value: Any) -> Any:
        if isinstance(tree, Tree) and tree.data == "value" and isinstance(value, str):
            return HocText(value, lambda text: self.assign(tree.children[0], text))
        return value

    # ---------------------------------------------------------------------------------------------------------- references

    def refer(self, first: Tree, *following: Tree) -> Any:
        """What a reference names."""
        first, parts = with_element(self, first, following)
        token: Any = first.children[0]
        if token.type == "ARGUMENT" and parts and self._is_array(str(token), parts[0]):
            value, parts = self._element(str(token), parts[0]).get(), parts[1:]
        elif token.type == "ARGUMENT":
            value = self._argument(str(token))
        elif parts and parts[0].data == "call":
            value = self._call(str(token), self.arguments(parts[0].children[0]))
            parts = parts[1:]
        else:
            value = self._name(str(token))
        for position, part in enumerate(parts):
            value = self._part(value, part, parts[position + 1] if position + 1 < len(parts) else None)
        return value

    def owner(self, first: Tree, *parts: Tree) -> Any:
        """What has a member: the name of an array of sections alone is its first."""
        found = self.refer(first, *parts)
        return first if isinstance(found, HocArray) and isinstance(first := first_of(found), Section) else found

    def _part(self, value: Any, part: Tree, following: Tree | None) -> Any:
        if isinstance(value, HocArray) and part.data != "item" and isinstance(first := first_of(value), Section):
            value = first  # the name of an array of sections alone is its first
        if part.data == "member":
            return self._member(value, str(part.children[0]), following is not None and following.data == "call")
        if part.data == "item":
            return self.element(value, int(self.number(part.children[0])))
        if part.data == "span":
            raise HocError("a range of places such as gnabar_hh(0:1) can only be assigned to")
        return value(*self.arguments(part.children[0]))

    def element(self, value: Any, index: int) -> Any:
        """An element of an array, or the object of a class that has a number."""
        if isinstance(value, Section) and index == 0:
            return value  # a section that is no array is the first of one
        if isinstance(value, type) and not hasattr(type(value), "__getitem__"):
            return self._numbered(value.__name__, index)
        return value[index]

    def call(self, procedure: Procedure, arguments: Iterable[Any], instance: Any = None) -> Any:
        """Call a procedure; what carries out statements knows how.

        Raises
        ------
        HocError
            Always, where there are expressions alone.
        """
        raise HocError(f"{procedure.name} cannot be called from here")

    def _numbered(self, kind: str, index: int) -> Any:
        """`CVode[0]`, of which there is one, `NetCon[3]`."""
        if kind == "CVode":
            return self._global(kind)()
        for one in self._global("List")(kind):
            if repr(one) == f"{kind}[{index}]":
                return one
        raise HocError(f"{kind}[{index}] is not known by its number: give it a name with objref when it is made")

    def _member(self, value: Any, name: str, called: bool) -> Any:
        """An attribute; hoc calls methods that take no argument without parentheses too."""
        if isinstance(value, Section) and (name in {"v", "cm", "diam"} or not hasattr(type(value), name)):
            return _RangeVariable(value, name) if called else getattr(value, name)
        if isinstance(value, PythonHandle):
            return value.member(name)
        if name == "_" and not hasattr(value, name):
            return value  # hoc's way to index and call what is Python's: nodes._[0], action._(2)
        template = getattr(type(value), "is_template", False) and value.template
        known = template and (name in template.public or name in value.aliases)
        if template and not known and hasattr(value, name) and not hasattr(type(value), name):
            raise AttributeError(f"'{name}' is not public in {template.name}")
        found = getattr(value, name)
        if called:
            return found
        own = isinstance(found, partial) or (
            ismethod(found) and type(found.__self__).__module__.startswith(("rxd.neuron", "nrn"))
        )
        return found() if own else found

    def _argument(self, token: str) -> Any:
        number = self._argument_number(token)
        value = self.frame.arguments[number - 1]
        return value.get() if isinstance(value, Pointer) and not token.startswith("$o") else value

    def _is_array(self, token: str, part: Tree) -> bool:
        """Whether `$&1[2]` stands there: an element of what a pointer points into."""
        return token.startswith("$&") and part.data == "item"

    def _element(self, token: str, part: Tree) -> Pointer:
        pointer = self.frame.arguments[self._argument_number(token) - 1]
        if not isinstance(pointer, Pointer):
            raise HocError(f"{token} is not passed by reference; pass &variable[0] or vec._ref_x[0]")
        return beyond(pointer, int(self.number(part.children[0])))

    def _argument_number(self, token: str) -> int:
        """Which argument `$1`, `$s2`, `$o3`, `$&4` or `$i` names."""
        text = token.lstrip("$so&")
        number = int(self.frame.locals.get("i", self._name("i"))) if text == "i" else int(text)
        if not 1 <= number <= len(self.frame.arguments):
            raise HocError(f"{token} not defined: the procedure got {len(self.frame.arguments)} arguments")
        return number

    def _name(self, name: str) -> Any:
        """The value of a bare name."""
        if name in self.frame.locals:
            return self.frame.locals[name]
        if self.frame.instance is not None:
            if name in self.frame.instance.names:
                return self.frame.instance.names[name]
            if name == "this":
                return self.frame.instance
        found, value = self.session.hoc.look_up(name)
        if found:
            return value
        record = self.accessed()
        if record is not None and (name in {"L", "Ra", "nseg", "rallbranch"} or record.values(name) is not None):
            return getattr(record.section, name)
        try:
            return self._global(name)
        except HocError:
            if name in self.session.hoc.assigned:
                return 0.0
            raise

    def _global(self, name: str) -> Any:
        from rxd.neuron import h

        try:
            return getattr(h, name)
        except AttributeError as error:
            raise HocError(f"{name} undefined variable: {error}") from None

    def accessed(self) -> Any:
        """The record of the accessed section; None if there are no sections."""
        topology = self.session.topology
        return topology.cas() if len(topology) else None

    def _call(self, name: str, arguments: list[Any]) -> Any:
        """A call of a bare name: a procedure, a range variable of the accessed section, a function of `h`."""
        instance = self.frame.instance
        if name in SPECIAL and not name.startswith("execute"):
            return self._special(name, arguments)
        if instance is not None and name in instance.procedures:
            return instance.call(name, arguments)
        if name in self.frame.locals or (instance is not None and name in instance.names):
            return self._name(name)(*arguments)
        procedure = self.session.hoc.function(name)
        if procedure is not None:
            return procedure(*arguments)
        if self.session.hoc.defines(name):
            return self._name(name)(*arguments)
        record = self.accessed()
        if record is not None and record.values(name) is not None:
            return getattr(record.section(arguments[0] if arguments else 0.5), name)
        function = self._global(name)
        if not callable(function):
            raise HocError(f"{name} is not a function")
        result = function(*arguments)
        return 1.0 if result is None else result

    def _special(self, name: str, arguments: list[Any]) -> Any:
        """A function that needs to know what code calls it, or that writes to the texts it gets."""
        from rxd.neuron.hoc.printing import PRINTERS

        given = self.frame.arguments
        if name == "numarg":
            return float(len(given))
        if name == "points_":
            self.session.topology.cas().section.pt3dadd(*self.session.hoc.points[int(arguments[0])].T)
            return 1.0
        if name == "argtype":
            return _kind_of(given, arguments[0] if arguments else 0)
        return PRINTERS[name](arguments) if name in PRINTERS else self._enter(*arguments[:1])

    def _enter(self, instance: Any = None) -> float:
        """`object_push(object)`: code that follows runs in an object of a template, until `object_pop()`."""
        if instance is not None and not hasattr(instance, "template"):
            raise HocError(f"object_push takes an object of a template, not {instance!r}")
        self.frame.instance = instance
        return 1.0

    # ---------------------------------------------------------------------------------------------------------- assignment

    def assign(self, reference: Tree, value: Any) -> None:
        """Write to what a reference names; a new bare name becomes a variable."""
        first, parts = with_element(self, reference.children[0], reference.children[1:])
        token: Any = first.children[0]
        name = str(token)
        if token.type == "ARGUMENT" and not parts:
            self._assign_argument(name, value)
        elif token.type == "ARGUMENT" and len(parts) == 1 and self._is_array(name, parts[0]):
            self._element(name, parts[0]).set(value)
        elif not parts:
            self._assign_name(name, value)
        else:
            self._assign_part(first, parts, value)

    def _assign_argument(self, name: str, value: Any) -> None:
        number = self._argument_number(name)
        target = self.frame.arguments[number - 1]
        if isinstance(target, (Pointer, HocText)):
            target.set(value)
            if isinstance(target, Pointer):
                return
            value = HocText(str(value), target.write)
        elif name.startswith("$&"):
            raise HocError(f"{name} is not passed by reference; pass &variable or h.ref(value)")
        elif (
            name.startswith("$o")
            and number <= len(self.frame.writers)
            and (write := self.frame.writers[number - 1]) is not None
        ):
            write(value)
        before = self.frame.arguments
        self.frame.arguments = (*before[: number - 1], value, *before[number:])

    def _assign_part(self, first: Tree, parts: Sequence[Tree], value: Any) -> None:
        last = parts[-1]
        if last.data == "call":  # range variable at a place: gnabar_hh(0.1) = 1, soma.v(0.5) = 1
            x = float(self.arguments(last.children[0])[0])
            if len(parts) == 1:
                setattr(self.session.topology.cas().section(x), str(first.children[0]), value)
            elif parts[-2].data == "call":
                raise HocError("a value can be assigned to a variable at one place only, as in soma.v(0.5) = -60")
            else:
                setattr(self.owner(first, *parts[:-2])(x), str(parts[-2].children[0]), value)
            return
        owner = (self.owner if last.data == "member" else self.refer)(first, *parts[:-1])
        if last.data == "member":
            name = str(last.children[0])
            setattr(owner, name, int(value) if name == "nseg" and isinstance(owner, Section) else value)
        else:
            owner[int(self.number(last.children[0]))] = value

    def _assign_name(self, name: str, value: Any) -> None:
        if name in self.frame.locals:
            self.frame.locals[name] = value
            return
        hoc, instance = self.session.hoc, self.frame.instance
        own = instance is not None and name not in instance.template.external
        if instance is not None and name in instance.names:
            instance.names[name] = value
        elif name in hoc.strings:
            hoc.strings[name] = str(value)
        elif name in hoc.objects:
            hoc.objects[name] = value
        elif name in self.session.globals:
            from rxd.neuron.interpreter import set_global

            set_global(self.session, name, value)
        elif own and not self._is_range(name) and isinstance(value, (int, float)):
            instance.names[name] = float(value)  # what a template does not declare external is its own
        elif name not in hoc.variables and self._is_range(name):
            setattr(self.session.topology.cas().section, name, int(value) if name == "nseg" else value)
        elif name not in hoc.variables and (mechanism := self._mechanism_of(name)) is not None:
            raise HocError(f"{name}: the mechanism {mechanism} is not inserted in {self.session.topology.cas().name}")
        elif isinstance(value, (int, float)):
            hoc.variables[name] = float(value)
        else:
            raise HocError(f"{name} is not declared: use objref {name} or strdef {name} before {name} = {value!r}")

    def _mechanism_of(self, name: str) -> str | None:
        """The mechanism that has a range variable, or an array of them."""
        array = self.session.catalogue.arrays.get(name)
        return self.session.catalogue.owner(name) if array is None else array[0]

    def shadows(self, name: str) -> bool:
        """Whether code has given a name a meaning of its own, before that of a range variable."""
        own = self.frame.instance
        return name in self.frame.locals or (own is not None and name in own.names) or self.session.hoc.look_up(name)[0]

    def _is_range(self, name: str) -> bool:
        record = self.accessed()
        return record is not None and (name in {"L", "Ra", "nseg", "rallbranch"} or record.values(name) is not None)


class _RangeVariable:
    """`soma.gnabar_hh` before its place is known."""

    __slots__ = ("_name", "_section")

    def __init__(self, section: Section, name: str) -> None:
        self._section, self._name = section, name

    def __call__(self, x: float = 0.5) -> float:
        return float(getattr(self._section(x), self._name))


def _seen(value: Any) -> Callable[[], Any]:
    """What gives a value back as long as somebody has it, and then itself."""
    try:
        known = weakref.ref(value)
    except TypeError:
        return lambda: value

    def see() -> Any:
        found = known()
        return see if found is None else found

    return see


def _of_object(owner: Any, variable: str) -> AttributePointer:
    """A pointer to a variable of an object; of an array, such as a NetCon's `weight`, hoc means the first element."""
    return AttributePointer(owner, variable, 0 if isinstance(getattr(owner, variable, None), list) else None)


def _kind_of(given: Any, number: float) -> float:
    """`argtype`: 0 for a number, 1 for an object, 2 for text, 3 for a pointer, -1 if there is no such argument."""
    if not 1 <= int(number) <= len(given):
        return -1.0
    argument = given[int(number) - 1]
    if isinstance(argument, str):
        return 2.0
    return 3.0 if isinstance(argument, Pointer) else float(not isinstance(argument, (int, float)))
