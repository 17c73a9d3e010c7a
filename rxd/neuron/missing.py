"""NEURON names that are missing here, with a reason and what to use instead.

In: a name. Out: the text of the error. Nothing is ever answered with None.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["why_missing"]

_GRAPHICS = "NEURON's own windows are not available; use PlotShape, RangeVarPlot or matplotlib"

MISSING: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("nrnpointmenu", "nrnsecmenu", "nrnglobalmechmenu", "hoc_pointer_", "CellBuild", "Inserter"), _GRAPHICS
        ),
        "FImpedance": "use h.Impedance",
        "TQueue": "use CVode.event",
        "KSChan": "channels built in windows are not supported; declare one with rxd.State and rxd.Rate",
        "Timer": "use Python's threading.Timer",
        "NMODLRandom": "it belongs to mod files",
        "fclamp": "use h.SEClamp", "fstim": "use h.IClamp", "fsyn": "use h.AlphaSynapse",
        "GapJunction": "declare the current with rxd",
        "fadvance_noblock": "use h.fadvance",
        "ivoc": _GRAPHICS,
        "attr_praxis": "use scipy.optimize",
        "fit_praxis": "use scipy.optimize",
    }
)  # fmt: skip


def why_missing(name: str) -> str:
    """What to say about a name that is not here."""
    if name in MISSING:
        return f"h.{name} is not supported: {MISSING[name]}."
    return (
        f"h.{name}: no such name. It is neither a NEURON name that Axoplasm has (docs/neuron-compatibility.md lists them) nor "
        f"something this session has defined; if it belongs to a mod file, put that file beside the script or load "
        f"its folder with h.nrn_load_dll."
    )
