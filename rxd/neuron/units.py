"""Units, as `neuron.units` has them: numbers in NEURON's base units ms, mV, um, mM.

In: nothing. Out: factors such as `uM`.
"""

# time, ms
ms = 1
us = 1e-3 * ms
ns = 1e-6 * ms
ps = 1e-9 * ms
sec = s = 1e3 * ms
minute = 60 * s
hour = 60 * minute
day = 24 * hour

# voltage, mV
mV = 1
uV = 1e-3 * mV
V = 1e3 * mV

# length, um
um = 1
nm = 1e-3 * um
mm = 1e3 * um
cm = 1e4 * um
m = 1e6 * um

# concentration, mM
mM = 1
uM = 1e-3 * mM
nM = 1e-6 * mM
M = 1e3 * mM

# the same with their own letter, as scripts write them
μs = us  # noqa: PLC2401
μV = uV  # noqa: PLC2401
μm = um  # noqa: PLC2401
μM = uM  # noqa: PLC2401

# other units NEURON has: g and mol as multiples of themselves
g = 1
mol = 1
S = 1
