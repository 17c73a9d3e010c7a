"""`neuron.rxd.section1d`: NEURON's nodes along sections; here they are arrays, and there is nothing to purge."""

from __future__ import annotations


def _purge_cptrs() -> None:
    """Nothing to purge."""
