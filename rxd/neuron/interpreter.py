"""`h` and `n`: NEURON's names as attributes of one object.

In: attribute access. Out: classes, functions, variables, sections and objects of hoc code. Each access looks at the current
session, so that one `h` serves all sessions. Unknown names raise `NotSupported`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from rxd.neuron.cells.tree_functions import TREE_FUNCTIONS
from rxd.neuron.errors import NotSupported
from rxd.neuron.globals import CONSTANTS
from rxd.neuron.hoc.state import Elements
from rxd.neuron.hoc_functions import HOC_FUNCTIONS
from rxd.neuron.math_functions import MATH_FUNCTIONS
from rxd.neuron.mechanisms.inserted import DensityMechanism
from rxd.neuron.missing import why_missing
from rxd.neuron.mods.calls import global_value, hoc_call
from rxd.neuron.random_numbers.functions import RANDOM_FUNCTIONS
from rxd.neuron.runs.run_functions import RUN_FUNCTIONS
from rxd.neuron.session import Session, current_session
from rxd.neuron.texts.streams import STREAM_FUNCTIONS
from rxd.neuron.vectors.optimise import PRAXIS_FUNCTIONS
from rxd.neuron.vectors.pointers import GlobalPointer, Ref
from rxd.nmodl import NmodlError

__all__ = ["Function", "Interpreter", "set_global"]

FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **MATH_FUNCTIONS, **TREE_FUNCTIONS, **RUN_FUNCTIONS, **HOC_FUNCTIONS, **RANDOM_FUNCTIONS, **STREAM_FUNCTIONS,
        **PRAXIS_FUNCTIONS,
    }
)  # fmt: skip


def classes() -> Mapping[str, type[Any]]:
    """NEURON's classes by name; loaded at the first use, since they import one another's parts."""
    from rxd.neuron.classes import CLASSES

    return CLASSES


def set_global(session: Session, name: str, value: float) -> None:
    """Set a scalar variable.

    Raises
    ------
    LookupError
        If there is none of this name.
    TypeError
        If it is the name of something else.
    """
    if name in CONSTANTS:
        raise LookupError(f"{name} is a constant.")
    values = session.globals
    if "_" in name and name not in values and name not in session.hoc.variables:
        session.catalogue.take_owner(name)
    if name in values:
        values[name] = float(value)
        if name.startswith("usetable_") and name[9:] in session.mods.known:
            session.mods.use_tables(name[9:], bool(session.globals[name]))
        if name == "celsius":
            session.run.temperature_changed()
        elif session.catalogue.global_of(name):
            session.run.parameter_changed(name)
        elif name.startswith("usetable_"):
            session.run.rates_changed()
        elif name == "t":
            session.run.time_changed()
    elif name in session.hoc.variables or (name in COUNTERS and not session.hoc.defines(name)):
        session.hoc.variables[name] = float(value)
    elif name in session.hoc.strings:
        session.hoc.strings[name] = str(value)
    elif name in session.hoc.objects:
        session.hoc.objects[name] = value
    elif name in {"L", "Ra", "nseg"}:
        setattr(session.topology.cas().section, name, value)
    elif name in FUNCTIONS or name in classes() or session.hoc.look_up(name)[0]:
        raise TypeError(f"h.{name} is a section, an array, a function or a class: not assignable")
    else:
        raise LookupError(f"'{name}' is not a defined hoc variable name.")


_RANGE = frozenset({"v", "diam", "cm", "i_cap", "i_membrane", "i_membrane_", "rallbranch"})
WHOLE = frozenset({"secondorder", "stoprun", "diam_changed", "nrn_sparse_partrans"})
"""Variables that NEURON keeps as whole numbers."""
COUNTERS = frozenset({"i", "j", "cnt"})
"""Variables of NEURON's library, as which Python scripts count in hoc: there from the start."""


class UnreadableError(NotSupported, NmodlError):
    """A mechanism whose mod file cannot be translated: no name of `h`, and the error of the file."""


class Function:  # noqa: D101 - says what the function says
    # a function of `h`, bound to no session until it is called
    __doc__ = property(lambda self: self._call.__doc__)

    __slots__ = ("_call", "_name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self._name, self._call = name, call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it in the current session."""
        return self._call(current_session(), *args, **kwargs)

    def __repr__(self) -> str:
        return f"{self._name}()"


class Advance(Function):
    """`h.fadvance`, which loops call at every step."""

    __slots__ = ()

    def __call__(self, *_: Any) -> float:
        """One step of the current session."""
        return current_session().run.fadvance()


_BOUND: Mapping[str, Function] = MappingProxyType(
    {name: (Advance if name == "fadvance" else Function)(name, call) for name, call in FUNCTIONS.items()}
)


class Interpreter:
    """The object behind `h` and `n`.

    Parameters
    ----------
    text : str
        What it is called.
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def __call__(self, code: str) -> bool:
        """Run hoc code; whether it went well."""
        return current_session().hoc.execute(code)

    def ref(self, value: Any = 0.0) -> Ref:
        """A pointer to a number, text or object of its own."""
        return Ref(value)

    def __getattr__(self, name: str) -> Any:
        session = current_session()
        value = session.globals.values.get(name)
        if value is not None:
            return int(value) if name in WHOLE else value
        if name in session.procedures:
            return session.hoc.function(name)
        found = _BOUND.get(name)
        if found is not None:
            return found
        if name.startswith("__"):
            raise AttributeError(name)
        for table in (CONSTANTS, classes()):
            if name in table:
                return table[name]
        if name.startswith("_ref_"):
            return self._pointer(session, name[5:])
        try:
            return self._defined(session, name)
        except NmodlError as error:  # hasattr(h, name) asks whether there is such a mechanism: none that can be used
            raise UnreadableError(str(error)) from error

    def _pointer(self, session: Session, name: str) -> GlobalPointer | Elements:
        if name in session.hoc.arrays:
            return Elements(session.hoc.arrays[name])
        if name in session.globals or name in session.hoc.variables:
            return GlobalPointer(session, name)
        raise AttributeError(f"'hoc.HocObject' object has no attribute '_ref_{name}'")

    def _defined(self, session: Session, name: str) -> Any:
        """A name of hoc code, a mechanism, a range variable."""
        found, value = session.hoc.look_up(name)
        if found or name in COUNTERS:
            return value if found else 0.0
        if session.catalogue.knows(name):
            return DensityMechanism(name)
        point = session.catalogue.point_class(name)
        if point is not None:
            return point
        if name in {"L", "Ra", "nseg"}:
            return getattr(session.topology.cas().section, name)
        if name == "cvode":
            return classes()["CVode"]()
        if name in {"graphList", "flush_list", "fast_flush_list"}:
            return session.graph_lists[name]
        if name in _RANGE or session.catalogue.owner(name) is not None:
            message = f"Cannot access {name} directly; it is a range variable and may be accessed via a section or segment."
            raise TypeError(message)
        if session.catalogue.take_owner(name) and name in session.globals:
            return session.globals[name]
        call = hoc_call(session, name)
        of_mod_file = global_value(session, name) if call is None else call
        if of_mod_file is not None:
            return of_mod_file
        raise NotSupported(why_missing(name))

    def __setattr__(self, name: str, value: Any) -> None:
        set_global(current_session(), name, value)

    def __dir__(self) -> Iterator[str]:
        session = current_session()
        return iter(sorted({*FUNCTIONS, *CONSTANTS, *classes(), *session.globals.values, *session.hoc.names(), "ref", "cvode"}))

    def __repr__(self) -> str:
        return self._text
