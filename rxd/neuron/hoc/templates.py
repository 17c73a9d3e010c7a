"""Objects of templates defined in hoc.

In: a `Template` and arguments. Out: an object whose public names are attributes.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from rxd.neuron.hoc.evaluate import Frame
from rxd.neuron.hoc.execute import Executor
from rxd.neuron.hoc.state import Called
from rxd.neuron.vectors.pointers import EntryPointer, Pointer

if TYPE_CHECKING:
    from rxd.neuron.cells.sections import Section
    from rxd.neuron.hoc.state import Procedure, Template
    from rxd.neuron.session import Session

__all__ = ["Instance", "Maker"]


class Instance:
    """An object of a template."""

    is_template = True  # what hoc code asks to know whose names it may use

    def __init__(self, session: Session, template: Template, arguments: tuple[Any, ...]) -> None:
        put = object.__setattr__
        put(self, "session", session)
        put(self, "__doc__", f"No docstring available for object type '{template.name}'")
        put(self, "template", template)
        put(self, "names", {})
        put(self, "procedures", {})
        put(self, "aliases", {})
        if not template.living():
            template.made = 0  # numbers begin anew when no object is left, as in NEURON
        put(self, "text", f"{template.name}[{template.made}]")
        template.made += 1
        template.instances.append(weakref.ref(self))
        executor = Executor(session, Frame(instance=self))
        for statement in template.body:
            executor.statement(statement)
        if "init" in self.procedures:
            self.call("init", arguments)

    def call(self, name: str, arguments: Any) -> Any:
        """Call one of its procedures."""
        procedure: Procedure = self.procedures[name]
        return Executor(self.session).call(procedure, arguments, self)

    def __call__(self) -> None:
        """Refused: `callable` says yes of all objects of hoc, as in NEURON.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError("object is not callable")

    def __getattr__(self, name: str) -> Any:
        """A name of the template; Python code sees also those that are not public, as in NEURON."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "this":
            return self
        if name.removeprefix("_ref_") in self.aliases:
            found = self.aliases[name.removeprefix("_ref_")]
            return found.get() if isinstance(found, Pointer) and not name.startswith("_ref_") else found
        if name.startswith("_ref_") and name[5:] in self.names:
            return EntryPointer(self.names, name[5:])
        if name not in self.template.public and name not in self.procedures and name not in self.names:
            raise AttributeError(f"'hoc.HocObject' object has no attribute '{name}': it is no name of {self.template.name}")
        if name in self.procedures:
            return Called(name, partial(self._called, name), self)
        if name in self.names:
            return self.names[name]
        return 0.0  # a number that no code has given a value yet

    def _called(self, name: str, *arguments: Any) -> Any:
        return self.call(name, arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        alias = self.aliases.get(name)
        if isinstance(alias, Pointer):
            alias.set(float(value))
        elif name in self.names or name in self.template.public:
            self.names[name] = value
        elif type(self) is Instance:
            raise LookupError(f"'{name}' is not a public name of {self.template.name}.")
        else:  # a class of the script's own that inherits from the template
            object.__setattr__(self, name, value)

    def baseattr(self, name: str) -> Any:
        """What hoc code has defined under a name that a class of the script has defined anew."""
        if name not in self.procedures:
            return self.names[name]
        me = weakref.ref(self)  # kept as an attribute it would keep the object alive

        def call(*arguments: Any) -> Any:
            one = me()
            return 0.0 if one is None else one.call(name, arguments)

        return call

    def hname(self) -> str:
        """Its name."""
        return repr(self)

    def same(self, other: object) -> bool:
        """Whether it is the same object."""
        return self is other

    def __repr__(self) -> str:
        return str(self.text)


class Maker:
    """What `h.Name` is: call it to make an object; `h.Name[3]` is the object of that number."""

    __slots__ = ("_session", "template")

    def __init__(self, session: Session, template: Template) -> None:
        self._session, self.template = session, template

    def __call__(self, *arguments: Any, sec: Section | None = None) -> Instance:
        """A new object; with `sec`, that section is the currently accessed one meanwhile."""
        if sec is None:
            return Instance(self._session, self.template, arguments)
        sec.push()
        try:
            return Instance(self._session, self.template, arguments)
        finally:
            self._session.topology.stack.remove(sec)

    def __getitem__(self, number: float) -> Instance:
        wanted = f"{self.template.name}[{int(number)}]"
        for one in self.template.living():
            if repr(one) == wanted:
                return one
        raise IndexError(f"there is no object {wanted}")

    def __len__(self) -> int:
        return len(self.template.living())

    def __bool__(self) -> bool:
        return True

    def hname(self) -> str:
        """Its name."""
        return f"{self.template.name}()"

    def __repr__(self) -> str:
        return self.hname()
