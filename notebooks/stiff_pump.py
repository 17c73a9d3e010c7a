# %% [markdown]
# # A strong electrogenic pump in a thin dendrite
#
# A calcium pump carries charge: it is a membrane current and it empties the cytosol. In a dendrite of 0.2 um the membrane is
# large against the volume, and a strong pump near its resting concentration relaxes calcium within a hundredth of a
# millisecond. A method that passes the pump's current explicitly from one part of the step to the next (as NEURON's rxd does
# in a fixed step, and as our `split` method does) is unstable once `dt` exceeds two such times, whatever the size of the
# signal. The `coupled` method puts the derivative of the current with respect to calcium and voltage into the matrix and has
# no such limit.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import sympy

import geometry
import rxd
from rxd import library

cell = geometry.cylinder(20, 0.2, name="dend")
cyt = rxd.Region(cell.all, "cyt", side="i")
mem = rxd.Region(cell.all, "mem", shape=rxd.membrane)
ca = rxd.Species(cyt, "ca", d=0.2, charge=2, initial=1e-4)
near = rxd.Parameter(cyt, "near", value=lambda node: np.where(node.x < 0.3, 1.0, 0.0))

vmax, half = 1200.0, 2e-4  # molecules/um2/ms, mM
pump = vmax * ca[cyt] / (ca[cyt] + half)
leak_in = vmax / 3  # balances the pump at rest
influx = 0.02 * near * sympy.exp(-(((rxd.t - 2) / 0.5) ** 2))  # mM/ms into the first third, around t = 2 ms

model = rxd.Model(cell, segments=5, Ra=150, cm=1)
model.insert(library.pas(g=1e-4, e=-65), on=cell.all)
model.add(
    rxd.MultiCompartmentReaction(ca[cyt], 0, pump - leak_in, membrane=mem, custom_dynamics=True, membrane_flux=True),
    rxd.Rate(ca, influx),
)


# %% [markdown]
# ## How fast is it?
#
# The rate at which calcium returns to rest, from the exact Jacobian of the assembled system:

# %%
sim = model.compile(method="coupled")
jacobian = sim.problem.jacobian(0.0, sim.problem.initial)
block = sim.discretization.layout["ca[cyt]"]
relaxation = -float(jacobian.diagonal()[block.start])
print(f"calcium relaxes at {relaxation:.0f} / ms: explicit currents need dt < {2 / relaxation * 1e3:.1f} us")

# %% [markdown]
# ## Three runs
#
# A reference with adaptive steps at a tolerance of 1e-9, the coupled step at dt = 0.1 ms, the split step at dt = 0.025 ms.


# %%
def run(method, **options):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = model.compile(method=method, **options).run(5, record=[rxd.v, ca], every=0.1)
    return result, [str(warning.message) for warning in said]


reference, _ = run("coupled", rtol=1e-9)
coupled, _ = run("coupled", dt=0.1, adaptive=False)
split, said = run("split", dt=0.025)
fine, _ = run("split", dt=0.0025)
print("split at 0.025 ms says:", said[0])

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharex=True)
for panel, key, factor, label in ((axes[0], rxd.v, 1, "v (mV)"), (axes[1], ca, 1e3, "calcium in cytosol (uM)")):
    panel.plot(split.t, factor * split[key][:, 0], color="tab:red", lw=0.8, label="split, dt = 0.025 ms")
    panel.plot(reference.t, factor * reference[key][:, 0], color="black", lw=2, label="reference")
    panel.plot(coupled.t, factor * coupled[key][:, 0], "o", ms=3, color="tab:blue", label="coupled, dt = 0.1 ms")
    low, high = factor * float(reference[key].min()), factor * float(reference[key].max())
    panel.set(xlabel="time (ms)", ylabel=label, ylim=(low - 0.3 * (high - low), high + 0.3 * (high - low)))
axes[0].legend(fontsize=8, frameon=False)
plt.show()

# %% [markdown]
# The split step leaves the picture: calcium alternates between far too high and below zero, the pump's current with it, and the
# voltage follows. It says so in a warning. With dt = 0.0025 ms it is right. The coupled step is right at dt = 0.1 ms, forty
# times that.


# %%
def error(result, key):
    return float(np.abs(result[key].values - reference[key].values).max())


signal = float(reference[rxd.v].max() - reference[rxd.v].min())
print(f"signal {signal:.2f} mV; largest error of v:")
for name, result in (("coupled 0.1", coupled), ("split 0.025", split), ("split 0.0025", fine)):
    print(f"  {name:13s} {error(result, rxd.v):.2g} mV")
assert 2 / relaxation < 0.025
assert error(coupled, rxd.v) < 0.01 * signal
assert error(split, rxd.v) > signal
assert "below zero" in said[0]
assert error(fine, rxd.v) < 1e-3 * signal
