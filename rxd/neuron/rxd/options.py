"""Options of the rxd module.

In: assignments. Out: nothing changes here: the options tune parts of NEURON's solver that do not exist in Axoplasm. They can be
read and written so that scripts run.
"""

from __future__ import annotations

from types import SimpleNamespace

enable = SimpleNamespace(extracellular=True)
subseg_interpolation = 0
subseg_averaging = 0
concentration_nodes_3d = "surface"
ics_partial_volume_resolution = 2
ics_partial_surface_resolution = 1
ics_distance_threshold = 1e-12
use_reaction_contribution_to_jacobian = True
fixed_step_factor = 1.0
nsubseg = 1
use_cvode = False
use_3d_species_object_map = True
