"""Functions of hoc and of NEURON's standard library that are neither mathematics nor about the tree nor about runs.

In: texts, names, sections. Out: numbers and texts. Each takes the session first.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError, caution
from rxd.neuron.hoc.printing import PRINTERS
from rxd.neuron.mechanisms.links import setpointer

if TYPE_CHECKING:
    from rxd.neuron.cells.sections import Section, Segment
    from rxd.neuron.session import Session

__all__ = ["HOC_FUNCTIONS", "load_compiled"]


def lambda_f(session: Session, frequency: float, sec: Section | None = None) -> float:
    """Length constant of a section at a frequency in Hz, um: what the rule for `nseg` of NEURON's cell builder uses."""
    record = session.topology.cas() if sec is None else sec._alive
    middle = record.index(0.5)
    unit = 4e-10 * np.pi * float(frequency) * record.Ra * float(record.store["cm"][middle])  # 1/um
    if unit == 0:
        return 1e10
    if len(record.points) < 2:
        return float(np.sqrt(float(record.diam[middle]) / unit))
    diam, steps = record.points[:, 3], np.diff(record.arc)
    if not (diam[:-1] + diam[1:] > 0).all():
        raise HocError(f"lambda_f: two neighbouring 3-d points of {record.name} have diameter 0.")
    lengths = np.sum(steps / np.sqrt(0.5 * (diam[:-1] + diam[1:]))) * np.sqrt(unit)
    return float(record.L / lengths)


def strcmp(session: Session, first: str, second: str) -> float:
    """0 if two texts are equal, -1 or 1 by their order."""
    a, b = str(first), str(second)
    return float((a > b) - (a < b))


def execute1(session: Session, code: str, *rest: Any) -> float:
    """Run hoc code, in an object of a template if one is given, else at top level; 1 if it went well.

    A last argument of 0 keeps the message to itself. A `~` in front of the code says that it may define procedures, as it may
    without.
    """
    quiet = bool(rest) and rest[-1] == 0
    return float(session.hoc.execute(code.removeprefix("~"), session.hoc.frame_in(*rest), quiet=quiet))


def nrnpython(session: Session, code: str) -> float:
    """Run Python code in the script's own module; 1 if it went well."""
    exec(compile(code, "nrnpython", "exec"), sys.modules["__main__"].__dict__)  # noqa: S102 - what a script asks for
    return 1.0


def getcwd(session: Session) -> str:
    """The current folder, with a slash at its end."""
    return os.path.join(os.getcwd(), "")  # noqa: PTH118, PTH109 - the slash


def machine_name(session: Session, text: Any) -> float:
    """Write the name of this computer into a string reference."""
    text.set(platform.node())
    return 0.0


def chdir(session: Session, path: str) -> float:
    """Change the current folder; 0 if it went well, -1 if not."""
    try:
        os.chdir(path)
    except OSError:
        return -1.0
    return 0.0


def system(session: Session, command: str, into: Any = None) -> float:
    """Run a shell command, its output into a text reference if one is given; its exit code."""
    done = subprocess.run(command, shell=True, text=True, stdout=None if into is None else subprocess.PIPE, check=False)
    if into is not None:
        into.set(done.stdout)
    return float(done.returncode)


def object_id(session: Session, thing: Any, *_: Any) -> float:
    """A number that stands for an object; 0 for none."""
    return 0.0 if thing is None else float(id(thing))


def neuronhome(session: Session) -> str:
    """The folder of NEURON's library, which is built in here: the folder of this package."""
    return os.path.dirname(__file__)  # noqa: PTH120 - a text


def nrnmpi_init(session: Session) -> float:
    """There is one process: nothing to begin."""
    return 0.0


def access(session: Session, sec: Section | None = None) -> float:
    """Make a section the currently accessed one."""
    if sec is not None:
        session.topology.accessed = sec._alive
    return 1.0


def has_parent(session: Session, sec: Section | None = None) -> float:
    """Whether a section is connected to another."""
    record = session.topology.cas() if sec is None else sec._alive
    return float(record.parent is not None)


def pt3dstyle(session: Session, *style: Any, sec: Section | None = None) -> float:
    """See `Section.pt3dstyle`."""
    section = session.topology.cas().section if sec is None else sec
    return float(section.pt3dstyle(*style))


def load_compiled(session: Session, path: str) -> float:
    """`nrn_load_dll`: the mod files behind a compiled library are read; the library need not be there.

    0 if there are none, with a warning, as in NEURON: scripts try one folder after another (x86_64, arm64 ...).
    """
    if session.mods.load(path):
        return 1.0
    caution(
        f"nrn_load_dll({path!r}): compiled code is not loaded here, but the mod files it was made of, and there are none "
        "where it lies, nor in a folder mod, mods or mechanisms beside it. Put them there.",
    )
    return 0.0


def pt3dconst(session: Session, keep: float = 0.0, sec: Section | None = None) -> float:
    """Whether 3-d points keep their diameters when a script sets `diam`: no, as is NEURON's default.

    Raises
    ------
    HocError
        When asked for.
    """
    if keep:
        raise HocError("pt3dconst(1) is not supported: a diameter that is set goes into the 3-d points. Set it before them.")
    return 0.0


def nrnunit_use_legacy(session: Session, flag: float = 0.0) -> float:
    """Whether constants of nature have the values of before 2019: no; who asks for them is told so."""
    if flag:
        caution(
            "nrnunit_use_legacy(1): constants of nature keep their values of 2019 (FARADAY, R), which differ from those of "
            "before by less than 1e-5. NEURON 9 refuses the call; NEURON 8 had both."
        )
    return 0.0


def printer(name: str) -> Callable[..., float]:
    """hoc's `printf`, `sprint` or `sscanf`, which writes into references, as a function of Python."""
    call = PRINTERS[name]

    def printing(session: Session, *arguments: Any) -> float:
        return call(list(arguments))

    return printing


def set_ra(session: Session) -> float:
    """Set Ra of all sections to `global_ra`."""
    for record in session.topology:
        record.section.Ra = session.globals["global_ra"]
    return 0.0


def place(session: Session, x: float | Segment = 0.5, sec: Section | None = None) -> float:
    """A number that stands for the segment at a place."""
    record = session.topology.cas() if sec is None else sec._alive
    at = float(getattr(x, "x", x))
    return float(record.id * 100000 + record.index(at) + 1)


def allobjects(session: Session, kind: str | None = None) -> float:
    """Print the point processes, NetCons and objects of hoc templates: all, or those of a class."""
    from rxd.neuron.texts.lists import List

    kinds = dict.fromkeys((*(point.kind for point in session.run.points), "NetCon", *session.hoc.templates))
    for name in kinds if kind is None else [str(kind)]:
        for thing in List(name):
            sys.stdout.write(f"{thing} with 1 refs\n")
    return 0.0


def section_owner(session: Session, sec: Section | None = None) -> Any:
    """The object whose section it is, None if it is nobody's."""
    record = session.topology.cas() if sec is None else sec._alive
    return record.section.cell()


def allobjectvars(session: Session) -> float:
    """Print what the object variables of hoc refer to."""
    for name, value in session.hoc.objects.items():
        sys.stdout.write(f"obp {name}[0] -> {'NULL' if value is None else f'{value} with 1 refs.'}\n")
    return 0.0


HOC_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **{
            function.__name__: function
            for function in (
                lambda_f, strcmp, execute1, nrnpython, getcwd, chdir, system, machine_name,
                object_id, neuronhome, nrnmpi_init, access,
                pt3dstyle, pt3dconst, nrnunit_use_legacy, set_ra, has_parent, setpointer, allobjects,
                allobjectvars, section_owner,
            )
        },
        **{name: printer(name) for name in PRINTERS},
        "nrn_load_dll": load_compiled,
        "this_node": place,
        "this_section": place,
    }
)  # fmt: skip
