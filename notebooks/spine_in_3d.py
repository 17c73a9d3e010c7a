# %% [markdown]
# # A spine in three dimensions inside a one-dimensional neuron
#
# A synapse on the head of a spine opens calcium channels there. How far does the calcium get? Only a few micrometres of
# dendrite can tell in voxels; the rest of the neuron stays a cable. Both are one system: the same declarations, the same
# matrix, the same step. Afterwards the same model is run with nothing in voxels, and the two are compared.

# %%
import matplotlib.pyplot as plt
import numpy as np

import geometry
import rxd
from geometry.vtk import write_voxels
from rxd import library, plotting3d
from rxd.fields3d import grid_of_results

# %% [markdown]
# ## The cell
#
# A soma, a dendrite in three pieces, and on the middle piece a spine: a neck of 0.24 um and a head of 0.6 um.


# %%
def piece(name, *points, parent=None, parent_x=1.0, kind="dendrite"):
    return geometry.SectionSpec(name, np.array(points), kind=kind, parent=parent, parent_x=parent_x)


cell = geometry.Morphology.from_sections(
    [
        piece("soma", (-15, 0, 0, 12), (0, 0, 0, 12), kind="soma"),
        piece("near", (0, 0, 0, 1.0), (40, 0, 0, 1.0), parent="soma"),
        piece("middle", (40, 0, 0, 1.0), (44, 0, 0, 1.0), parent="near"),
        piece("far", (44, 0, 0, 1.0), (90, 0, 0, 0.8), parent="middle"),
        piece("neck", (42, 0.45, 0, 0.24), (42, 1.4, 0, 0.24), parent="middle", parent_x=0.5),
        piece("head", (42, 1.4, 0, 0.35), (42, 1.5, 0, 0.6), (42, 1.9, 0, 0.6), (42, 2.0, 0, 0.35), parent="neck"),
    ]
)
spine = cell["neck"] | cell["head"]
print(cell.summary())

# %% [markdown]
# ## The model
#
# Calcium channels sit on the head alone. Calcium binds to a mobile buffer, and a pump everywhere in the membrane takes it out.
# `dimension=` is all that makes a part of the cell three-dimensional: `1`, `3`, or a selection of sections.

# %%
REST = 5e-5  # mM
STEP = 0.08  # um


def compiled(dimension):
    model = rxd.Model(cell, segments={"soma": 1, "near": 15, "middle": 11, "far": 17, "neck": 5, "head": 4}, v_init=-70)
    model.insert(library.pas(g=1e-4, e=-70), on=cell.all)
    model.insert(library.ca_hva(gbar=0.0015), on=cell["head"])
    cyt = rxd.Region(cell.all - cell.soma, "cyt", side="i", dimension=dimension, dx=STEP)
    membrane = rxd.Region(cell.all - cell.soma, "membrane", shape=rxd.membrane, dimension=dimension, dx=STEP)
    total, kd = 0.01, 5e-4  # mM
    ca = rxd.Species(cyt, "ca", d=0.22, charge=2, initial=REST)
    free = rxd.Species(cyt, "free", d=0.05, initial=total * kd / (kd + REST))
    bound = rxd.Species(cyt, "bound", d=0.05, initial=total * REST / (kd + REST))
    model.add(library.buffer(ca[cyt], free[cyt], bound[cyt], 100.0, 100.0 * kd))
    model.add(library.pmca(ca[cyt], None, membrane, vmax=2.0, electrogenic=False, rest=REST))
    synapse = rxd.PointProcess(library.exp_syn(tau=1.5, e=0.0), cell["head"](0.5))
    model.add(rxd.NetCon(rxd.SpikeSource(times=[1.0]), synapse, weight=8e-3, delay=0.0))
    return model.compile("split", dt=0.025), {"ca": ca[cyt], "bound": bound[cyt]}


sim, names = compiled(cell["middle"] | spine)
voxels = sim.discretization.voxels
print(sim)
print(voxels)

# %% [markdown]
# ## The run

# %%
TIMES = [5.0, 8.0, 12.0, 20.0]
record = [rxd.v(cell["head"](0.5)), rxd.v(cell["middle"](0.5)), names["ca"]]
result = sim.run(20, record=record, every=0.1)
print(result)
field = grid_of_results(result, names["ca"])
slices = plotting3d.slice_pictures(field, TIMES, z=0.0, label="calcium", limits=(0, 1e3 * float(field.max()) / 2))

# %% [markdown]
# What the head keeps for itself, drawn as the outside of the voxels at its peak:

# %%
solid = plotting3d.solid_picture(field.sel(time=12.0, method="nearest"), label="calcium")

# %% [markdown]
# ParaView and pyvista read the same field from a file: `write_voxels("spine.vtu", voxels, {"ca": sim.values(ca)[voxels]})`.

# %%
values = sim.values(names["ca"])[-voxels.n :]
path = write_voxels("spine.vtu", voxels, {"ca": values})
print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
path.unlink()

# %% [markdown]
# ## The same in one dimension
#
# Nothing but `dimension` changes.

# %%
line, line_names = compiled(1)
flat = line.run(20, record=[rxd.v(cell["head"](0.5)), rxd.v(cell["middle"](0.5)), line_names["ca"]], every=0.1)


def mean_in(made, recorded, key, section):
    """Mean calcium of a section at all times, uM."""
    values, capacity = recorded[key], made.discretization.capacity
    block = made.discretization.layout["ca[cyt]"]
    here = values.section.to_numpy() == section
    weights = capacity[block.order][here]
    return 1e3 * values.to_numpy()[:, here] @ weights / weights.sum()


figure, axes = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained")
for ax, section in zip(axes, ("head", "neck", "middle"), strict=True):
    ax.plot(result.t, mean_in(sim, result, names["ca"], section), label="voxels")
    ax.plot(flat.t, mean_in(line, flat, line_names["ca"], section), "--", label="segments")
    ax.set(title=section, xlabel="time (ms)", ylabel="calcium (µM)")
axes[0].legend(frameon=False)

# %% [markdown]
# Means agree. What one dimension cannot know is what happens across the dendrite: just below the neck there is more
# calcium than on the other side.

# %%
at = field.sel(time=12.0, method="nearest")
below, opposite = (1e3 * float(at.sel(x=42, y=y, z=0, method="nearest")) for y in (0.42, -0.42))
print(f"below the neck {below:.3f} uM, opposite {opposite:.3f} uM")

for section, tolerance in (("head", 0.03), ("neck", 0.05), ("middle", 0.1)):
    solid_mean, flat_mean = mean_in(sim, result, names["ca"], section), mean_in(line, flat, line_names["ca"], section)
    difference = np.abs(solid_mean - flat_mean).max() / flat_mean.max()
    print(f"{section}: peak {solid_mean.max():.3f} uM in voxels, {flat_mean.max():.3f} uM in segments, {difference:.1%} apart")
    assert difference < tolerance
assert below > 1.5 * opposite
