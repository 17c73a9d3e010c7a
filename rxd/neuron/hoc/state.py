"""What hoc code has defined in a session, and the entry point that runs code.

In: code as text. Out: variables, objects, sections, procedures that `h` and later code see.
"""

from __future__ import annotations

import re
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from geometry.records import dataclass
from rxd.neuron.errors import HocError
from rxd.neuron.vectors.pointers import EntryPointer, Pointer

if TYPE_CHECKING:
    import numpy as np
    from lark import Tree

    from rxd.neuron.cells.sections import Section
    from rxd.neuron.hoc.evaluate import Evaluator, Frame
    from rxd.neuron.hoc.pieces import SourceText
    from rxd.neuron.hoc.templates import Instance
    from rxd.neuron.session import Session

__all__ = ["Called", "Elements", "HocArray", "HocState", "Procedure", "Template", "first_of"]


class Called:
    """A procedure of hoc as something to call from Python, shown as NEURON shows it: `f()`, `Cell[0].f()`."""

    def __init__(self, name: str, call: Callable[..., Any], owner: object = None) -> None:
        self._name, self._call, self._owner = name, call, owner

    def __call__(self, *arguments: Any) -> Any:
        """Call it."""
        return self._call(*arguments)

    def __repr__(self) -> str:
        return f"{self._name}()" if self._owner is None else f"{self._owner!r}.{self._name}()"


_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_ASSIGNED = re.compile(r"(?<![\w.$])([A-Za-z_]\w*)\s*[-+*/]?=(?!=)")
TOOLS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("ChannelBuild", "ChannelBuildKSGate"), "channels.hoc"),
        **dict.fromkeys(("AtolTool", "Electrode", "NumericalMethodPanel", "ParallelNetManager"), "tools.hoc"),
        **dict.fromkeys(
            ("Inserter", "SingleCompartment", "PointProcessManager", "case", "movierunbox", "numericalmethodpanel"), "tools.hoc"
        ),
    }
)
"""Names of NEURON's library, and the file of ours that defines them."""


@dataclass(frozen=True, slots=True)
class Procedure:
    """A `proc`, `func` or `obfunc`."""

    name: str
    kind: str
    body: Tree


@dataclass(slots=True)
class Template:
    """A class defined by `begintemplate`."""

    name: str
    body: list[Any]
    public: set[str] = field(default_factory=set)
    external: set[str] = field(default_factory=set)
    made: int = 0
    instances: list[weakref.ref[Instance]] = field(default_factory=list)

    def living(self) -> list[Instance]:
        """Its objects that somebody still holds, oldest first."""
        found = [reference() for reference in self.instances]
        self.instances = [weakref.ref(one) for one in found if one is not None]
        return [one for one in found if one is not None]


class HocArray:
    """An array of numbers, sections or objects with one name; `name[i]` is an element."""

    def __init__(self, name: str, items: list[Any]) -> None:
        self.name, self._items = name, items

    def __getitem__(self, index: float) -> Any:
        i = int(index)
        if not 0 <= i < len(self._items):
            raise IndexError(f"{self.name}[{i}]: there are {len(self._items)} elements")
        return self._items[i]

    def __setitem__(self, index: float, value: Any) -> None:
        if isinstance(self[index], HocArray) or hasattr(self[index], "pt3dadd"):
            raise TypeError(f"{self.name}[{int(index)}] is an array or a section: not assignable")
        self._items[int(index)] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def pointer(self) -> EntryPointer:
        """A pointer to the first element."""
        first = self._items[0]
        return first.pointer if isinstance(first, HocArray) else EntryPointer(self, 0)

    def __repr__(self) -> str:
        return f"{self.name}[?]"


def first_of(thing: Any) -> Any:
    """The first element of an array of any dimension; anything else itself."""
    while isinstance(thing, HocArray):
        thing = thing[0]
    return thing


class Elements:
    """`h._ref_name` of an array: a pointer to an element by its numbers."""

    __slots__ = ("_array",)

    def __init__(self, array: HocArray) -> None:
        self._array = array

    def __getitem__(self, index: float) -> EntryPointer | Elements:
        found = self._array[index]
        return Elements(found) if isinstance(found, HocArray) else EntryPointer(self._array, int(index))

    def __repr__(self) -> str:
        return f"<incomplete pointer to hoc array {self._array.name}>"


class HocState:
    """Names of hoc code.

    Attributes
    ----------
    variables, strings, objects, arrays, sections, procedures, templates : dict
        By name. Sections made by hoc code live until `delete_section`, so the handles here are strong.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.variables: dict[str, float] = {}
        # NEURON's library declares these
        self.strings: dict[str, str] = {"tstr": ""}
        self.objects: dict[str, Any] = dict.fromkeys(("graphItem", "tempobj", "tobj", "tobj1"))
        self.arrays: dict[str, HocArray] = {}
        self.sections: dict[str, Section | HocArray] = {}
        self.unnamed: list[Section] = []
        self.procedures: dict[str, Procedure] = {}
        session.procedures = self.procedures
        self.templates: dict[str, Template] = {}
        self.loaded: set[str] = set()
        self.left: list[Path] = []  # folders that `load_file` is away from, to run a file in its own
        self.shapes: Any = None
        self.points: list[np.ndarray] = []  # of runs of `pt3dadd`
        self.assigned: set[str] = set()  # names that some code assigns to: until that runs they are 0
        self._tools: set[str] = set()  # files of ours that have run
        self.inside: Any = None  # the object whose code runs
        # the objects among the arguments of the call that is about to be made, who makes it, and the arguments as code
        self.passing: tuple[Sequence[Any], weakref.ref[Evaluator], Tree] | None = None
        self.source: SourceText | None = None  # the file whose code runs, if it may hold data

    def look_up(self, name: str) -> tuple[bool, Any]:
        """Whether hoc code has defined a name, and what it is."""
        for table in (self.variables, self.strings, self.objects, self.arrays, self.sections):
            if name in table:
                return True, table[name]
        if name in self.procedures:
            return True, self.function(name)
        if name in self.templates:
            from rxd.neuron.hoc.templates import Maker

            return True, Maker(self.session, self.templates[name])
        file = TOOLS.get(name)
        if file is not None and file not in self._tools:
            self._tools.add(file)
            self.run(files("rxd.neuron.hoc").joinpath(file).read_text(encoding="utf-8"), file)
            return self.look_up(name)
        return False, None

    def every_section(self) -> Iterator[Section]:
        """The sections that hoc code has made outside of templates."""
        open_ = [*self.unnamed, *reversed(self.sections.values())]
        while open_:
            thing = open_.pop()
            if isinstance(thing, HocArray):
                open_.extend(reversed(list(thing)))
            else:
                yield thing

    def unname(self, section: Section) -> None:
        """Take its name from a section; code does not know it any more."""
        del self.sections[section.record.name]
        self.unnamed.append(section)
        section.record.name = ""

    def name_again(self, name: str, sections: list[Section], as_array: bool) -> None:
        """Give sections without names one, or those of an array; sections that had it are gone."""
        self.sections[name] = HocArray(name, sections) if as_array else sections[0]
        for i, section in enumerate(sections):
            self.unnamed.remove(section)
            section.record.name = f"{name}[{i}]" if as_array else name

    def names(self) -> set[str]:
        """All names."""
        return {name for table in self._tables() for name in table}

    def defines(self, name: str) -> bool:
        """Whether hoc code has defined a name."""
        return any(name in table for table in self._tables())

    def _tables(self) -> tuple[Mapping[str, Any], ...]:
        return self.variables, self.strings, self.objects, self.arrays, self.sections, self.procedures, self.templates

    def pointer_to(self, text: str) -> Pointer:
        """A pointer to the variable of that name in hoc: `t`, `soma.v(0.5)`, `vec.x[2]`.

        Raises
        ------
        HocError
            If it is no name of a variable.
        """
        from lark import Tree

        from rxd.neuron.hoc.evaluate import Evaluator

        (statement,) = self._parsed(f"hoc_ac_ = {text}", text).children
        expression = statement.children[0].children[-1]
        if expression.data != "value":
            raise HocError(f"{text} is not the name of a variable")
        found: Pointer = Evaluator(self.session).value(Tree("pointer", expression.children))
        return found

    def function(self, name: str) -> Callable[..., Any] | None:
        """A procedure as something to call from Python, or None."""
        procedure = self.procedures.get(name)
        if procedure is None:
            return None
        from rxd.neuron.hoc.execute import Executor

        return Called(name, lambda *args: Executor(self.session).call(procedure, args))

    def run(self, code: str, name: str = "hoc code", frame: Frame | None = None) -> None:
        """Run code.

        Raises
        ------
        HocError
            For a syntax error or an error on the way.
        """
        from rxd.neuron.hoc.execute import Executor

        with self._running(frame):
            Executor(self.session, frame).run(self._parsed(code, name))

    def run_file(self, code: str, name: str, frame: Frame | None = None) -> None:
        """Run the code of a file: statement by statement if it reads numbers from itself, or if not all of it is code.

        Raises
        ------
        HocError
            For a syntax error, once what stands before it has run, or an error on the way.
        """
        from rxd.neuron.hoc.execute import Executor
        from rxd.neuron.hoc.parser import HocSyntaxError
        from rxd.neuron.hoc.pieces import SourceText, reads_itself

        if not reads_itself(code):
            try:
                tree = self._parsed(code, name)
            except HocSyntaxError:
                tree = None
            if tree is not None:
                with self._running(frame):
                    Executor(self.session, frame).run(tree)
                return
        outer, source = self.source, SourceText(code)
        executor = Executor(self.session, frame)
        try:
            with self._running(frame):
                line = 1
                while (piece := source.statement()) is not None:
                    self.source = source
                    executor.run(self._parsed(piece, name, line))
                    line = source.line_number
        finally:
            self.source = outer

    def ready(self) -> Any:
        """What parses: made at the first text that needs it, or before."""
        from rxd.neuron.hoc.shapes import Shapes

        self.shapes = self.shapes or Shapes()
        return self.shapes

    def _parsed(self, code: str, name: str, line: int = 1) -> Tree:
        from rxd.neuron.hoc.points import without_points

        tree = self.ready().parse(code if "pt3dadd" in self.procedures else without_points(code, self.points), name, line)
        self.assigned.update(_ASSIGNED.findall(_COMMENT.sub("", code)))
        return tree

    @contextmanager
    def _running(self, frame: Frame | None) -> Iterator[None]:
        """While code runs in an object, or outside of all; `stop` and `return` end it."""
        from rxd.neuron.hoc.execute import Halt, Return

        outside, self.inside = self.inside, None if frame is None else frame.instance
        try:
            yield
        except (Halt, Return):
            return
        finally:
            self.inside = outside

    def frame_in(self, *things: Any) -> Frame | None:
        """Where code runs for an object of a template, the first among some things; None if there is none."""
        from rxd.neuron.hoc.evaluate import Frame

        instance = next((thing for thing in things if hasattr(thing, "template")), None)
        return None if instance is None else Frame(instance=instance)

    def execute(self, code: str, frame: Frame | None = None, *, quiet: bool = False) -> bool:
        """Run code; errors are printed, as NEURON does with `h("...")`, unless `quiet`; the result says whether it went."""
        try:
            self.run(code, frame=frame)
        except (HocError, AttributeError, LookupError, TypeError, ValueError, ReferenceError, ArithmeticError) as error:
            if not quiet:
                sys.stderr.write(f"hoc: {error}\n")
            return False
        return True
