"""Where data that is not part of the project may lie. Needs the standard library alone."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT.parent / "shared" / "neuron-scripts" / "bench"


def cell_file() -> Path | None:
    """The reconstructed neuron c91662, if it is there."""
    path = SCRIPTS.parent / "data" / "c91662.CNG.swc"
    return path if path.exists() else None
