"""Mechanisms with their papers: channels, pumps and synapses as declarations, chemistry as lists of reactions.

In: numbers (or callables of the nodes) and species. Out: a `Mechanism` for ``model.insert``, a `PointMechanism` for
``rxd.PointProcess``, or reactions for ``model.add``. One mechanism a file; each says its units and its source.
"""

from __future__ import annotations

from rxd.library.alpha_function_synapse import alpha_synapse
from rxd.library.calcium_buffer import buffer
from rxd.library.calcium_hva import ca_hva
from rxd.library.calcium_l import cal
from rxd.library.double_exponential_synapse import exp2_syn
from rxd.library.er_leakage import er_leak
from rxd.library.exponential_synapse import exp_syn
from rxd.library.h_current import ih
from rxd.library.hodgkin_huxley import hh
from rxd.library.ip3_receptor import ip3r
from rxd.library.nmda_receptor import nmda
from rxd.library.passive import pas
from rxd.library.pmca_pump import pmca
from rxd.library.potassium_a import ka
from rxd.library.potassium_bk import bk
from rxd.library.potassium_delayed import kdr
from rxd.library.potassium_sk import kca
from rxd.library.serca_pump import serca
from rxd.library.sodium_calcium_exchanger import ncx
from rxd.library.sodium_transient import na_t

__all__ = [
    "alpha_synapse",
    "bk",
    "buffer",
    "ca_hva",
    "cal",
    "er_leak",
    "exp2_syn",
    "exp_syn",
    "hh",
    "ih",
    "ip3r",
    "ka",
    "kca",
    "kdr",
    "na_t",
    "ncx",
    "nmda",
    "pas",
    "pmca",
    "serca",
]
