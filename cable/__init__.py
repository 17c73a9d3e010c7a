"""The cable: capacitance, axial conductance, tree elimination, electrodes and spikes.

In: `geometry.Segments`. Out: the parts of the cable equation that know nothing of channels or chemistry. Imports `geometry`
only.
"""

from __future__ import annotations
