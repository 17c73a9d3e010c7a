# %% [markdown]
# # What accuracy costs
#
# A calcium wave under Hodgkin-Huxley spikes on the cell of the demonstration: how large is the error, and how long did it
# take? One model, four ways to step it: `coupled` with the embedded solver and with PETSc, `split`, and, where NEURON is
# installed beside Axoplasm, NEURON with CVODE and with fixed steps.
#
# The error is the largest difference in voltage or cytosolic calcium anywhere in the cell at the end of the run, relative to
# the largest value of each, from a reference that the same program computed with a much smaller tolerance. So it is the error
# in time alone; that of space is the same for all. Times are of the processor.
#
# As it stands, the notebook runs a small cell for a few milliseconds. Set `AXOPLASM_FULL=1` for the whole cell and 30 ms.

# %%
import importlib.util
import os
import time

import matplotlib.pyplot as plt
import numpy as np
import sympy

import geometry
import rxd
from rxd import library

FULL = bool(os.environ.get("AXOPLASM_FULL"))
if FULL:
    cell, longest, duration = geometry.examples.pyramidal_cell(), 10.0, 30.0
    tolerances, steps = (1e-3, 1e-4, 1e-5, 1e-6), (0.1, 0.05, 0.025, 0.0125, 0.00625)
else:
    cell, longest, duration = geometry.examples.pyramidal_cell(n_basal=1, n_oblique=1, n_trunk=2), 40.0, 6.0
    tolerances, steps = (1e-3, 1e-4, 1e-5), (0.1, 0.05, 0.025)
segments = {name: max(1, int(np.ceil(cell[name].length / longest))) for name in cell.names}
print(f"{len(segments)} sections, {sum(segments.values())} segments, {duration:g} ms")

# %% [markdown]
# ## The model
#
# Store, pump, leak and IP3 receptor with a slow gate; spikes let calcium in. IP3 is high in the soma, where the wave starts.

# %%
in_cytosol, in_store, resting, stored = 0.8, 0.2, 1.1e-4, 9e-3  # volume fractions; mM
entry = 1e-4  # mM/ms with all channels open


def fluxes(calcium, ip3, gate, voltage, exp):
    """Uptake, release and entry: the same expressions for both programs."""
    um = 1000.0 * calcium
    opening = (ip3 / (ip3 + 0.16) * um / (um + 0.38) * gate) ** 3
    gating = (1.0 / (1.0 + um / 0.42) - gate) / 1800.0
    return 0.37 * um**2 / (0.0121 + um**2), 11800.0 * opening, gating, entry / (1.0 + exp(-(voltage + 15.0) / 6.5))


model = rxd.Model(cell, segments=segments, Ra=100, cm=1)
model.insert(library.hh(), on=cell.all)
cyt = rxd.Region(cell.all, "cyt", side="i", shape=rxd.FractionalVolume(in_cytosol, surface_fraction=1))
er = rxd.Region(cell.all, "er", shape=rxd.FractionalVolume(in_store))
mem = rxd.Region(cell.all, "mem", shape=rxd.DistributedBoundary(0.9))
soma = cell.soma.sections
ca = rxd.Species([cyt, er], "ca", d=0.09, charge=2, initial={cyt: resting, er: stored})
ip3 = rxd.Species(cyt, "ip3", d=1.2, initial=lambda node: np.where(np.isin(node.section, soma), 1.2, 0.11))
gate = rxd.State(mem, "gate", initial=0.78)
uptake, release, gating, inward = fluxes(ca[cyt], ip3[cyt], gate[mem], rxd.v, sympy.exp)
model.add(
    rxd.MultiCompartmentReaction(ca[cyt], ca[er], uptake, membrane=mem, custom_dynamics=True),
    rxd.MultiCompartmentReaction(ca[er], ca[cyt], 5.4 + release, 5.4 + release, membrane=mem),
    rxd.Rate(gate[mem], gating),
    rxd.Rate(ca[cyt], inward),
    rxd.IClamp(cell.soma(0.5), delay=1, dur=1e9, amp=0.5),
)

# %% [markdown]
# ## Axoplasm


# %%
def measured(simulation):
    """Values at the end, milliseconds of the processor (the least of three), and what was counted."""
    simulation.run(0.2)
    spent = []
    for _ in range(3):
        simulation.reset()
        began = time.process_time()
        statistics = simulation.run(duration).statistics
        spent.append(1e3 * (time.process_time() - began))
    values = simulation.values(rxd.v), simulation.values(ca[cyt])
    simulation.close()
    return values, min(spent), statistics


def error(values, reference):
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(values, reference, strict=True))


reference, _, _ = measured(model.compile(rtol=1e-9, tableau="rodas5p"))
curves, counted = {}, {}
petsc = ["petsc"] if importlib.util.find_spec("petsc4py") else []
for solver in ["direct", *petsc]:
    runs = [measured(model.compile(rtol=rtol, solver=solver)) for rtol in tolerances]
    curves[f"coupled, {solver}"] = [(error(values, reference), spent) for values, spent, _ in runs]
    counted[solver] = [(found.steps, found.rejected) for *_, found in runs]
runs = [measured(model.compile("split", dt=dt)) for dt in steps]
curves["split"] = [(error(values, reference), spent) for values, spent, _ in runs]
print("steps and rejected steps:", dict(zip(tolerances, counted["direct"], strict=True)))

# %% [markdown]
# ## NEURON
#
# The same sections, points and equations. NEURON's table of Hodgkin-Huxley rates is switched off, since its interpolation would
# limit the accuracy.


# %%
def neuron_curves():
    from neuron import h
    from neuron import rxd as nrxd
    from neuron.rxd.rxdmath import exp

    h.usetable_hh = 0
    sections = []
    for index, name in enumerate(cell.names):
        section = h.Section(name=name.replace("[", "_").replace("]", ""))
        for x, y, z, diameter in cell.points[cell.point_offset[index] : cell.point_offset[index + 1]]:
            section.pt3dadd(x, y, z, diameter)
        if cell.parent[index] >= 0:
            section.connect(sections[cell.parent[index]](float(cell.parent_x[index])), 0)
        section.nseg, section.Ra = segments[name], 100
        section.insert("hh")
        sections.append(section)
    somatic = {sections[index] for index in soma}
    inside = nrxd.Region(sections, nrn_region="i", name="cyt", geometry=nrxd.FractionalVolume(in_cytosol, surface_fraction=1))
    store = nrxd.Region(sections, name="er", geometry=nrxd.FractionalVolume(in_store))
    border = nrxd.Region(sections, name="mem", geometry=nrxd.DistributedBoundary(0.9))
    calcium = nrxd.Species(
        [inside, store], d=0.09, name="ca", charge=2, initial=lambda node: stored if node.region is store else resting
    )
    trigger = nrxd.Species(inside, d=1.2, name="ip3", initial=lambda node: 1.2 if node.sec in somatic else 0.11)
    state = nrxd.State(border, name="gate", initial=0.78)
    up, out, gates, into = fluxes(calcium[inside], trigger[inside], state[border], nrxd.v, exp)
    reactions = [
        nrxd.MultiCompartmentReaction(calcium[inside], calcium[store], up, membrane=border, custom_dynamics=True),
        nrxd.MultiCompartmentReaction(calcium[store], calcium[inside], 5.4 + out, 5.4 + out, membrane=border),
        nrxd.Rate(state[border], gates),
        nrxd.Rate(calcium[inside], into),
    ]
    clamp = h.IClamp(sections[soma[0]](0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.5
    solver = h.CVode()

    def run(adaptive, number):
        assert reactions
        solver.active(adaptive)
        if adaptive:
            solver.atol(number)
        else:
            h.dt = number
        spent = []
        for _ in range(2):
            h.finitialize(-65)
            began = time.process_time()
            if adaptive:
                solver.solve(duration)
            else:
                for _ in range(round(duration / number)):
                    h.fadvance()
            spent.append(1e3 * (time.process_time() - began))
        voltage = np.array([segment.v for section in sections for segment in section])
        return (voltage, np.array(calcium[inside].nodes.concentration)), min(spent)

    exact, _ = run(True, 1e-9)
    found = {"NEURON, CVODE": [run(True, 0.1 * rtol) for rtol in tolerances]}
    found["NEURON, fixed steps"] = [run(False, dt) for dt in steps]
    return {name: [(error(values, exact), spent) for values, spent in runs] for name, runs in found.items()}


if importlib.util.find_spec("neuron"):
    curves.update(neuron_curves())
else:
    print("NEURON is not installed beside Axoplasm: its two curves are missing.")

# %%
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for name, points in curves.items():
    axes.loglog([e for e, _ in points], [spent for _, spent in points], "o-", ms=4, label=name)
axes.set(xlabel="relative error", ylabel="time of the processor (ms)")
axes.invert_xaxis()
axes.legend(fontsize=8, frameon=False)
plt.show()
for name, points in curves.items():
    print(f"{name:20s}", "  ".join(f"{e:.1e} in {spent:.0f} ms" for e, spent in points))

# %% [markdown]
# Splitting is cheapest for percents: half its step costs twice the time for a quarter of the error. Three more digits cost the
# coupled step four to six times the time. NEURON's fixed steps are of first order.


# %%
def time_at(points, wanted):
    """Time for an error, read off the curve; nothing if no point is so accurate, the shortest time if all are."""
    accuracy, spent = (np.log(np.array(column)) for column in zip(*sorted(points), strict=True))
    return float(np.exp(np.interp(np.log(wanted), accuracy, spent, left=np.nan)))


wanted = 1e-4
times = {name: time_at(points, wanted) for name, points in curves.items()}
print({name: f"{spent:.0f} ms" for name, spent in times.items()}, f"for an error of {wanted:g}")
if "NEURON, CVODE" in times:
    print(
        f"NEURON's best time over ours: {np.nanmin([times[n] for n in times if 'NEURON' in n]) / times['coupled, direct']:.1f}"
    )

found = {name: np.array([e for e, _ in points]) for name, points in curves.items()}
for solver in ["direct", *petsc]:
    assert np.all(found[f"coupled, {solver}"] < 5 * np.array(tolerances))
assert abs(np.log2(found["split"][-2] / found["split"][-1]) - 2) < 0.4
