"""`neuron.coreneuron`: settings of NEURON's other engine, to be read and written; there is one engine here, and it is used."""

from __future__ import annotations

enable = False
gpu = False
file_mode = False
cell_permute = 0
warp_balance = 0
verbose = 0
prcellstate = -1
model_stats = False
