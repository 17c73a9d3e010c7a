# %% [markdown]
# # A calcium wave that spikes start and that silences them
#
# The main job, step by step. A pyramidal cell gets a train of synaptic events at its soma. Each makes a spike, and each spike
# lets a little calcium in. Where there is enough IP3, that calcium opens receptors of the endoplasmic reticulum, which let
# out more of it: a wave. It runs up the apical dendrite, and on its way past the soma it opens potassium channels, so that
# the next events make no spikes.
#
# Everything below is the public interface; `rxd/demo.py` holds the declarations in full.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import rxd
from rxd import demo, demo_report, plotting
from rxd.units import ms, uM

# %% [markdown]
# ## The cell and its parts
#
# Without a file `choose_cell` makes up a pyramidal cell; `demo.choose_cell("cell.swc")` takes one of yours. `choose_parts`
# finds what the model needs to know: where spikes arise, which dendrites may carry a wave, and the path from the soma to the
# farthest apical tip.

# %%
settings = demo.Settings()
cell = demo.choose_cell()
parts = demo.choose_parts(cell, settings)
print(cell.summary())
print(f"\nexcitable dendrites: {len(parts.base)}; path: {len(parts.path)} sections up to {parts.path.names[-1]}")

# %% [markdown]
# ## The model
#
# `build` declares it. The strength of the synapse is found by trial: half as strong again as the weakest that makes the cell
# fire.

# %%
neuron = demo.build(cell, settings)
print(neuron.model)
print(demo.drive(neuron))
scheme = plotting.schematic(neuron.model, neuron.names)

# %% [markdown]
# A symbol such as `ca[cyt]` can be used in any SymPy expression, and every reaction tells its rate as one. That is how the
# leak of the store is chosen: so that a store at rest stays at rest.

# %%
for reaction, name in neuron.names.items():
    print(f"{name:<13} {reaction.rate()}")

# %% [markdown]
# Compiling takes the model through its stages: equations, arrays, generated code. `sim.explain()` prints all of them.

# %%
sim = demo.compile_neuron(neuron)
print("\n".join(sim.explain().splitlines()[:2]))

# %% [markdown]
# ## The run

# %%
result = sim.run(settings.duration, record=neuron.record, every=settings.every)
found = demo_report.findings(neuron, result)
print(result, found, sep="\n")

# %%
fig, (top, bottom) = plt.subplots(2, 1, figsize=(8, 4.5), sharex=True, layout="constrained")
plotting.voltage_traces(result, [parts.soma_place], top)
waves = plotting.kymograph(result, neuron.ca_cyt, parts.path, bottom, limits=(0, 5))

# %%
pictures = plotting.cell_pictures(result, neuron.ca_cyt, demo_report.picture_times(result, found), limits=(0, 5))

# %% [markdown]
# Results are `xarray.DataArray`s with units and positions.

# %%
calcium = result[neuron.ca_cyt]
calcium

# %% [markdown]
# ## What depends on what
#
# The same cell without calcium channels: every event makes a spike, and there is no wave. Then without calcium-dependent
# potassium channels: there is a wave, and nothing silences the spikes. Only numbers change, so that nothing is compiled
# again.


# %%
def run_with(**changes: float) -> tuple[rxd.Results, demo_report.Findings]:
    other = demo.build(cell, replace(neuron.settings, **changes))
    short = demo.compile_neuron(other).run(500 * ms, record=other.record, every=settings.every)
    return short, demo_report.findings(other, short)


no_entry, without_entry = run_with(gca=0.0)
no_kca, without_kca = run_with(gkca=0.0)
fig, axes = plt.subplots(3, 1, figsize=(8, 5), sharex=True, sharey=True, layout="constrained")
for ax, run, title in zip(axes, (result, no_entry, no_kca), ("all", "no calcium current", "no K(Ca) current"), strict=True):
    plotting.voltage_traces(run, [parts.soma_place], ax)
    ax.set_title(title, loc="left", fontsize="medium")
axes[-1].set_xlim(0, 500)
print(without_entry, without_kca, sep="\n\n")

# %% [markdown]
# ## What has been shown
#
# The wave needs the spikes' calcium, the silence needs the wave's calcium, and behind the front calcium falls back to rest.

# %%
events_in_silence = int((found.silence[1] - found.silence[0]) / settings.interval)
behind = calcium.sel(time=settings.duration).isel(node=np.flatnonzero(calcium.path_distance < 0.5 * found.reach))
assert found.wave
assert 0.1 < found.speed < 1  # um/ms; measured in dendrites: about 0.1
assert events_in_silence >= 4
assert not without_entry.wave
assert len(without_entry.spikes) == without_entry.events
assert without_kca.wave
assert len(without_kca.spikes) == without_kca.events
assert float(behind.median()) < 2 * 0.1 * uM
