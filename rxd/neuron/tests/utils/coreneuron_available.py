"""`neuron.tests.utils.coreneuron_available`: whether runs can go to NEURON's other engine."""

from __future__ import annotations

__all__ = ["coreneuron_available"]


def coreneuron_available() -> bool:
    """No: there is one engine here."""
    return False
