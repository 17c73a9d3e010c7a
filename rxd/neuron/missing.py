"""NEURON names that are missing here, with a reason and what to use instead.

In: a name. Out: the text of the error. Nothing is ever answered with None.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

__all__ = ["about_mod_file", "why_missing"]

_GRAPHICS = "NEURON's own windows are not available; use PlotShape, RangeVarPlot or matplotlib"

MISSING: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("nrnpointmenu", "nrnsecmenu", "nrnglobalmechmenu", "hoc_pointer_", "CellBuild", "Inserter"), _GRAPHICS
        ),
        "FImpedance": "use h.Impedance",
        "TQueue": "use CVode.event",
        "LinearMechanism": "circuits beside the cable are not supported",
        "KSChan": "channels built in windows are not supported; declare one with rxd.State and rxd.Rate",
        "BBSaveState": "use h.SaveState",
        "Timer": "use Python's threading.Timer",
        "NMODLRandom": "it belongs to mod files",
        "PatternStim": "play a Vector into a NetCon with events: FInitializeHandler and nc.event(t)",
        "fclamp": "use h.SEClamp", "fstim": "use h.IClamp", "fsyn": "use h.AlphaSynapse",
        "GapJunction": "declare the current with rxd",
        "setpointer": "pointers between mechanisms are not supported; a NetCon or rxd can carry the coupling",
        "fadvance_noblock": "use h.fadvance",
        "ivoc": _GRAPHICS,
        "attr_praxis": "use scipy.optimize",
        "fit_praxis": "use scipy.optimize",
    }
)  # fmt: skip


def mod_file(name: str) -> Path | None:
    """The mod file beside the script or in the current folder that defines a mechanism of this name."""
    folders = [folder for start in {Path(sys.path[0] or "."), Path()} for folder in (start, *start.glob("mod*"))]
    wanted = re.compile(rf"^\s*(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)\s+{re.escape(name)}\b", re.MULTILINE)
    for path in (path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.mod"))):
        if wanted.search(path.read_text(encoding="utf-8", errors="replace")):
            return path
    return None


def about_mod_file(name: str) -> str:
    """What to say about a mechanism that is not known: the mod file that defines it, if there is one, and what to do."""
    found = mod_file(name)
    where = "" if found is None else f" It is defined in {found}; mod files are not compiled here."
    remedy = "Declare it with rxd (State, Rate, MultiCompartmentReaction with membrane_flux=True), or take one of rxd.library."
    return f"{where} {remedy}"


def why_missing(name: str) -> str:
    """What to say about a name that is not here."""
    if name in MISSING:
        return f"h.{name} is not supported: {MISSING[name]}."
    if mod_file(name) is not None:
        return f"h.{name} is a mechanism that is not here.{about_mod_file(name)}"
    return (
        f"h.{name}: no such name. It is neither a NEURON name that Axoplasm has (docs/neuron-compatibility.md lists them) nor "
        f"something this session has defined; if it belongs to a mod file, that mechanism is not loaded."
    )
