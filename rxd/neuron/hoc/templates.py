"""Objects of templates defined in hoc.

In: a `Template` and arguments. Out: an object whose public names are attributes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from rxd.neuron.hoc.evaluate import Frame
from rxd.neuron.hoc.execute import Executor
from rxd.neuron.pointers import EntryPointer

if TYPE_CHECKING:
    from rxd.neuron.hoc.state import Procedure, Template
    from rxd.neuron.session import Session

__all__ = ["Instance", "maker"]


class Instance:
    """An object of a template."""

    def __init__(self, session: Session, template: Template, arguments: tuple[Any, ...]) -> None:
        put = object.__setattr__
        put(self, "session", session)
        put(self, "template", template)
        put(self, "names", {})
        put(self, "procedures", {})
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

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.startswith("_ref_") and name[5:] in self.names:
            return EntryPointer(self.names, name[5:])
        if name not in self.template.public:
            raise AttributeError(f"'{name}' is not public in {self.template.name}")
        if name in self.procedures:
            return partial(self._called, name)
        if name in self.names:
            return self.names[name]
        return 0.0  # a number that no code has given a value yet

    def _called(self, name: str, *arguments: Any) -> Any:
        return self.call(name, arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        self.names[name] = value

    def hname(self) -> str:
        """Its name."""
        return repr(self)

    def same(self, other: object) -> bool:
        """Whether it is the same object."""
        return self is other

    def __repr__(self) -> str:
        return str(self.text)


def maker(session: Session, template: Template) -> Callable[..., Instance]:
    """What `h.Name` is: call it to make an object."""

    def make(*arguments: Any) -> Instance:
        return Instance(session, template, arguments)

    make.__name__ = template.name
    return make
