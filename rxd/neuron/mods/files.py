"""Mod files of a session: which there are, and what they say, read when a script first asks for one of their mechanisms.

In: folders. Out: `rxd.nmodl.Translation` by the name of the mechanism. NEURON loads compiled mod files of the current folder
when it starts, and others by `h.nrn_load_dll` and `neuron.load_mechanisms`; here the mod files themselves are read, from the
same folders: the current one, that of the script, and in both of these the folders that `nrnivmodl` is given by habit (`mod`,
`mods`, `mechanisms` ...).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rxd.codegen.kept_equations import recalled
from rxd.neuron.errors import HocError, caution
from rxd.neuron.mechanisms.known import POINTS
from rxd.neuron.mods.turns import numbers_in_bounds
from rxd.nmodl import FunctionTable, NmodlError, Translation, make_parser, parse, read_file, translate
from rxd.nmodl.history import not_held, not_kept, with_history_apart, with_hooks_seen, with_states_held
from rxd.nmodl.presets import with_presets

if TYPE_CHECKING:
    from rxd.neuron.mechanisms.kschan import KSChan
    from rxd.neuron.session import Session

__all__ = ["ModFiles"]

_NAMES = re.compile(r"^[^:?\n]*?\b(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)\s+(\w+)", re.MULTILINE)
_SOURCES = re.compile(r"^\S+\.c(?:pp)?:[ \t]*(.+?\.mod)\b", re.MULTILINE)
_COMPILED = re.compile(r"^(x86_64|arm64|aarch64|i[3-6]86|powerpc|umac|\.libs)$")
_USUAL = ("mod*", "mechanisms", "Mod*", "x86_64/*mod*")


class ModFiles:
    """The mod files a session can take mechanisms from.

    Attributes
    ----------
    known : dict of str to Translation
        Those that have been asked for.
    lookups : dict of str to dict of str to FunctionTable
        Numbers of FUNCTION_TABLEs.
    bounds : dict of str to str
        Variables in the bounds of loops of equations, as sections call them, and whose they are.
    written : dict
        Blocks as functions of Python's (`rxd.neuron.mods.written`), None where only the interpreter runs them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.known: dict[str, Translation] = {}
        self._loaded: list[Path] = []
        self._scanned: dict[Path, dict[str, Path]] = {}
        self._names: tuple[Any, dict[str, Path]] = (None, {})
        self._parser: Any = None
        self.lookups: dict[str, dict[str, FunctionTable]] = {}
        self.written: dict[Any, Any] = {}
        self.bounds: dict[str, str] = {}
        self._signatures: dict[str, Any] = {}

    def names(self) -> dict[str, Path]:
        """The file of every mechanism there is; looked for once for each current folder, since each unknown name asks."""
        key = (os.getcwd(), sys.path[0], *self._loaded)  # noqa: PTH109 - a text, at once
        if self._names[0] == key:
            return self._names[1]
        found: dict[str, Path] = {}
        for folder in self._folders():
            for name, path in self._scan(folder).items():
                found.setdefault(name, path)
        self._names = key, found
        return found

    def _folders(self) -> list[Path]:
        starts = dict.fromkeys((Path.cwd(), *self._session.hoc.left, Path(sys.path[0] or ".").resolve()))
        usual = [folder for start in starts for folder in _around(start)]
        return list(dict.fromkeys([*self._loaded, *usual]))

    def _scan(self, folder: Path) -> dict[str, Path]:
        """Mechanisms defined in a folder, by a look at the files that does not read them."""
        if folder not in self._scanned:
            found: dict[str, Path] = {}
            for path in sorted(folder.glob("*.mod")) if folder.is_dir() else ():
                match = _NAMES.search(path.read_text(encoding="utf-8", errors="replace"))
                if match:
                    found.setdefault(match.group(2), path)
            self._scanned[folder] = found
        return self._scanned[folder]

    def load(self, path: str) -> list[str]:
        """Take the mod files behind a compiled library, or in a folder, too; the names of their mechanisms."""
        place = Path(path).absolute()
        if not place.is_dir():
            place = place.parent
        while _COMPILED.match(place.name):
            place = place.parent
        folders = _around(place)
        for folder in folders:  # what was not there when a name was last looked for, as in a notebook that writes a mod file
            self._scanned.pop(folder, None)
        self._names = None, {}
        self._loaded = list(dict.fromkeys([*folders, *self._loaded]))
        return [name for folder in folders for name in self._scan(folder)]

    def find(self, name: str) -> Translation | None:
        """What a mechanism's file says; None if there is no such file.

        Raises
        ------
        NmodlError
            If the file cannot be translated.
        """
        if name in self.known:
            return self.known[name]
        channel = self._session.channels.get(name)
        if channel is not None:
            return self._take_channel(name, channel)
        path = self.names().get(name)
        if path is None:
            return None
        self._note(name, self._translated(path))
        return self.known[name]

    def _take_channel(self, name: str, channel: KSChan) -> Translation:
        """The equations of a channel that a script has put together, as it is now."""
        self._signatures[name] = channel.signature()
        text, tables = channel.text(), channel.tables()
        file = parse(text, f"{channel} ({name})", self._own_parser())
        found = self.known[name] = translate(file, tables=True, lookups=tables, numbers=True)
        return found

    def renew_channels(self) -> None:
        """Take in what has changed of channels that are in use."""
        session = self._session
        for name, channel in session.channels.items():
            if name in self.known and channel.signature() != self._signatures[name]:
                self._take_channel(name, channel)
                session.catalogue.renew(name, self.known[name])
                session.touch()

    def _own_parser(self) -> Any:
        if self._parser is None:
            self._parser = make_parser()
        return self._parser

    def _translated(self, path: Path) -> Translation:
        """What a file says, as it was translated before if its text is the same; one with an INCLUDE follows from more."""
        content = path.read_bytes() if path.is_file() else b""
        if not content or b"INCLUDE" in content:
            return self._read(path)
        return recalled("translation", (str(path), content), lambda: self._read(path))

    def _read(self, path: Path) -> Translation:
        file = with_hooks_seen(read_file(path, self._own_parser()))
        if file.electrode and (file.nonspecific or any(name.startswith("i") for ion in file.ions for name in ion.writes)):
            inward = ", ".join(file.electrode)
            message = (
                f"{file.path}: {file.name} has more than ELECTRODE_CURRENT {inward}, which alone flows in here; NEURON lets "
                "all its currents flow in, with the wrong sign. Make two mechanisms of it if both are to agree."
            )
            caution(message)
        try:
            found = translate(file, tables=True, numbers=True)
        except NmodlError as error:
            from rxd.neuron.mods.stepped import stepped_translation

            stepped = stepped_translation(file, error)
            if stepped is None:
                raise
            return stepped
        if lost := not_held(found):
            caution(
                f"{path}: BREAKPOINT sets {', '.join(lost)} where a condition of other variables holds. Currents see that, and "
                f"the next step does not: set {', '.join(lost)} in a BEFORE BREAKPOINT block."
            )
        held = with_states_held(found)
        if held is not None:
            file, found = held, translate(held, tables=True, numbers=True)
        apart = with_history_apart(found)
        if apart is None:
            self._warn_of_lost(found)
        for other in (apart, with_presets(file if apart is None else apart)):
            if other is not None:
                with suppress(NmodlError):  # what such code shares with equations may be none of its own
                    found = translate(other, tables=True, numbers=True)
        return found

    @staticmethod
    def _warn_of_lost(found: Translation) -> None:
        """Say which variables of a point process stay as they are; those of a density mechanism cannot be read."""
        lost = not_kept(found) if found.file.kind == "POINT_PROCESS" else []
        if lost:
            caution(
                f"{found.file.path}: {', '.join(lost)} of {found.file.name} follow from what they were in the last step, which "
                "no equation says: scripts see what INITIAL leaves in them. Compute them in an AFTER SOLVE block."
            )

    def why_lost(self, mechanism: str, name: str) -> str:
        """What to do about a RANGE variable of a density mechanism that no equation gives; nothing if it is none."""
        found = self.known.get(mechanism)
        if found is None or name not in found.file.ranges:
            return ""
        return (
            f" {name} follows from what it was in the last step, or from dt, which no equation says: compute it in an AFTER "
            f"SOLVE block of {found.file.path}."
        )

    def use_tables(self, name: str, flag: bool) -> None:
        """Interpolate in the tables of a mechanism, or compute what is in them: `h.usetable_kca = 0`."""
        if self.known[name].reason:
            return
        self._renew(name, flag, self.known[name].turns)

    def set_table(self, name: str, function: str, table: FunctionTable) -> None:
        """Give a FUNCTION_TABLE of a mechanism its numbers."""
        self.lookups.setdefault(name, {})[function] = table
        if not self.known[name].reason:
            self._renew(name, self._uses_tables(name), self.known[name].turns)
        self._session.touch()

    def _uses_tables(self, name: str) -> bool:
        return bool(self._session.globals.values.get(f"usetable_{name}", 1.0))

    def _renew(self, name: str, tables: bool, turns: Sequence[Mapping[str, float]]) -> None:
        lookups = self.lookups.get(name, {})
        found = translate(self.known[name].file, tables=tables, lookups=lookups, numbers=True, turns=turns)
        self._note(name, found)
        made = self._session.catalogue.points.get(name)
        if made is not None:
            made.translation = found  # type: ignore[attr-defined]

    def _note(self, name: str, found: Translation) -> None:
        self.known[name] = found
        self.bounds |= {f"{key}_{name}": name for key in found.bounds}

    def turns_otherwise(self, variable: str) -> bool:
        """Whether a variable is in the bound of a loop that turns as often as no equation says, now that it has been set."""
        name = self.bounds.get(variable)
        return name is not None and not all(map(self.known[name].fits, numbers_in_bounds(self._session, self.known[name])))

    def take_turns(self) -> None:
        """Translate anew what has loops that turn otherwise.

        Raises
        ------
        HocError
            If that differs in too many ways from place to place.
        """
        for name in dict.fromkeys(self.bounds.values()):
            while not all(map(self.known[name].fits, turns := numbers_in_bounds(self._session, self.known[name]))):
                self._renew(name, self._uses_tables(name), turns)  # and perhaps a loop within one that did not turn
                self._session.catalogue.renew(name, self.known[name])

    def readable(self) -> list[str]:
        """Names of all mechanisms whose files can be translated."""
        found = []
        for name in (*self.names(), *self._session.channels):
            if name in POINTS:  # built in: the VecStim of vecevent.mod
                continue
            try:
                self.find(name)
            except NmodlError as error:
                sys.stderr.write(f"{error}\n")
            except HocError:
                if name not in self._session.channels:
                    raise
                # a script is still at this one, whose transitions have no rates yet; who inserts it is told
            else:
                found.append(name)
        return found


def _around(place: Path) -> list[Path]:
    """A folder, those of the usual names in it, and those whose mod files NEURON's nrnivmodl has compiled into it."""
    found = [place, *(folder for pattern in _USUAL for folder in sorted(place.glob(pattern)))]
    for notes in sorted(place.glob("*/makemod2c_inc")):
        sources = _SOURCES.findall(notes.read_text(encoding="utf-8", errors="replace"))
        found += [(notes.parent / source).resolve().parent for source in sources]
    return list(dict.fromkeys(found))
