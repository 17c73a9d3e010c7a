"""The command `nrnivmodl` for scripts and notebooks that call it: it compiles nothing, but notes which mod files it was given.

In: folders or mod files, as NEURON's command takes them. Out: the file of notes that NEURON's leaves (`x86_64/makemod2c_inc`),
by which a session finds mod files in any folder (`rxd.neuron.mods.files`). A process that runs NEURON's scripts has the command
at the end of its PATH, behind NEURON's own.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["note", "offer"]

_WITH_VALUE = ("-incflags", "-loadflags", "-nmodl", "-nmodlflags")


def offer() -> None:
    """Put the command at the end of this process's PATH, for shells and programs that it starts."""
    folder, path = str(Path(__file__).with_name("commands")), os.environ.get("PATH", os.defpath)
    if os.name == "posix" and folder not in path.split(os.pathsep):
        os.environ["PATH"] = f"{path}{os.pathsep}{folder}"
    os.environ["AXOPLASM_PYTHON"] = sys.executable


def note(arguments: Sequence[str]) -> int:
    """Note mod files in the current folder.

    Parameters
    ----------
    arguments : sequence of str
        Folders and mod files; none for the current folder. Options of NEURON's command are passed over.

    Returns
    -------
    int
        0, or 1 if something named is not there.
    """
    named, skip = [], False
    for argument in arguments:
        if not skip and not argument.startswith("-"):
            named.append(Path(argument))
        skip = argument in _WITH_VALUE
    sources: list[Path] = []
    for place in named or [Path()]:
        file = place if place.suffix == ".mod" else Path(f"{place}.mod")
        if not place.is_dir() and not file.is_file():
            sys.stderr.write(f"nrnivmodl: there is no folder and no mod file {place}\n")
            return 1
        sources += sorted(place.glob("*.mod")) if place.is_dir() else [file]
    folder = Path(platform.machine())
    folder.mkdir(exist_ok=True)
    lines = [f"{source.stem}.cpp: {os.path.relpath(source.resolve(), folder.resolve())}\n" for source in sources]
    (folder / "makemod2c_inc").write_text("".join(lines), encoding="utf-8")
    found = ", ".join(str(source) for source in sources) or "none"
    sys.stdout.write(f"Mod files: {found}\nAxoplasm compiles none: each is read when its mechanism is first asked for.\n")
    return 0


if __name__ == "__main__":
    sys.exit(note(sys.argv[1:]))
