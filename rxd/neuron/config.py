"""`neuron.config`: how NEURON was built, as far as scripts ask.

In: nothing. Out: `arguments`, a table of switches: what this layer has is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["arguments"]

arguments: Mapping[str, bool | str] = MappingProxyType(
    {
        "NRN_ENABLE_CORENEURON": False,
        "NRN_ENABLE_INTERVIEWS": False,
        "NRN_ENABLE_MPI": False,
        "NRN_ENABLE_MUSIC": False,
        "NRN_ENABLE_PYTHON": True,
        "NRN_ENABLE_RX3D": True,
        "NRN_ENABLE_THREADS": False,
        "NRN_ENABLE_MOD_COMPATIBILITY": False,
        "NRN_SANITIZERS": "",
    }
)
