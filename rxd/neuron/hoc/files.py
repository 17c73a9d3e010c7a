"""`load_file`: hoc files, and the files of NEURON's own library that are built in.

In: a file name. Out: the code run, once, in the file's folder.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError

if TYPE_CHECKING:
    from rxd.neuron.hoc.evaluate import Frame
    from rxd.neuron.session import Session

__all__ = ["load_file", "open_file"]

_VARIABLE = re.compile(r"\$\((\w+)\)")
BUILT_IN = frozenset(
    {
        "stdrun.hoc", "stdgui.hoc", "nrngui.hoc", "import3d.hoc", "stdlib.hoc", "stlbin.hoc", "celbild.hoc", "netbild.hoc",
        "stdinit.hoc", "family.hoc", "family1.hoc", "noload.hoc", "loadbal.hoc", "netparmpi.hoc", "mview.hoc", "subcsim.hoc",
        "single.hoc", "atoltool.hoc", "wopen.hoc", "pointman.hoc", "electrod.hoc", "movierun.hoc", "varmeth1.hoc",
        "chanbild.hoc",
    }
)  # fmt: skip


def load_file(session: Session, *names: Any) -> float:
    """Run a hoc file, once: `load_file("name")`, `load_file("name", "symbol")`; always: `load_file(1, "name")`."""
    always = not isinstance(names[0], str) and bool(names[0])
    texts = [name for name in names if isinstance(name, str)]
    name = texts[0]
    if Path(name).name in BUILT_IN or (len(texts) > 1 and session.hoc.defines(texts[1])):
        return 1.0
    if name in session.hoc.loaded and not always:
        return 1.0
    path = _found(session, name)
    if path is None:
        sys.stderr.write(f"Couldn't find: {name}\n")
        return 0.0
    key = str(path.resolve())
    if key in session.hoc.loaded and not always:
        return 1.0
    session.hoc.loaded |= {key, name}  # NEURON knows a file by the name it was asked for
    left = Path.cwd()
    session.hoc.left.append(left)
    os.chdir(path.parent)  # a file loads its neighbours by their names alone
    try:
        return _run(session, Path(key))
    finally:
        os.chdir(left)
        session.hoc.left.pop()


def open_file(session: Session, name: str) -> float:
    """Run a hoc file, in the object whose code asks for it.

    Raises
    ------
    HocError
        If there is none.
    """
    if name.startswith("$(NEURONHOME)") and Path(name).name in BUILT_IN:
        return 1.0
    path = _found(session, name)
    if path is None:
        raise HocError(f"Couldn't find: {name}")
    return _run(session, path, session.hoc.frame_in(session.hoc.inside))


def _found(session: Session, name: str) -> Path | None:
    """The file of a name: here, in the folders of HOC_LIBRARY_PATH, where the loading began, on Python's path.

    `$(NAME)` in it is a variable of the system.
    """
    name = os.path.expanduser(_VARIABLE.sub(lambda found: os.environ.get(found.group(1), ""), name))  # noqa: PTH111 - a text
    library = [Path(entry) for entry in re.split(rf"[ {os.pathsep}]", os.environ.get("HOC_LIBRARY_PATH", "")) if entry]
    for folder in (Path(), *library, *session.hoc.left, *(Path(entry) for entry in sys.path)):
        if (folder / name).is_file():
            return folder / name
    return None


def _run(session: Session, path: Path, frame: Frame | None = None) -> float:
    session.hoc.run_file(path.read_text(encoding="utf-8", errors="replace"), str(path), frame)
    return 1.0
