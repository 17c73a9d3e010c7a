"""The main job: spikes let calcium in, calcium sets off a wave from the stores, and the wave silences the spikes.

In: a morphology (`choose_cell`) and `Settings`. Out: a `CalciumNeuron` (`build`): a `rxd.Model` with names for its parts. It is
written to be read and copied: all of it is the public interface. `rxd.demo_report` says and draws what happened in a run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import geometry
import rxd
from geometry import Location, Morphology, Selection
from geometry.records import dataclass
from rxd import library
from rxd.units import mM, ms, uM, um


@dataclass(frozen=True, slots=True)
class Settings:
    """Numbers of the demonstration, in house units; the defaults suit a pyramidal cell.

    Attributes
    ----------
    duration, dt, every : float, ms
        Length of the run, the step (None: chosen by the error, or 0.05 ms with ``method="split"``), interval of samples.
    gna, gk, gkca, gca, gpas : float, S/cm2
        Sodium, potassium and calcium-dependent potassium in soma and base; calcium in soma and dendrites; leak elsewhere.
    celsius : float
        Temperature, for the Hodgkin-Huxley rates.
    start, interval : float, ms
        First event of the synapse on the soma, and time between two.
    weight : float or None, uS
        Conductance of that synapse; None: 1.5 times the least that makes the cell fire.
    rest, store, ip3_rest, ip3_high : float, mM
        Calcium in the cytosol and in the store; IP3 elsewhere and in the tree where the wave may run.
    reach : float, um
        Path distance up to which IP3 is high, at most 0.6 of the longest path.
    base : float, um
        Path distance up to which dendrites are excitable, at most 0.15 of the longest path.
    release : float, 1/(um2 ms mM)
        Permeability of all IP3 receptors open.
    uptake : float, 1/(um2 ms)
        Saturated rate of the SERCA pump.
    buffer : float, mM
        Total concentration of the buffer.
    fine, coarse : float, um
        Longest segment on the way of the wave and on its side branches; elsewhere the d_lambda rule decides.
    """

    duration: float = 1300 * ms
    dt: float | None = None
    every: float = 0.5 * ms
    gna: float = 0.3
    gk: float = 0.1
    gkca: float = 0.01
    gca: float = 2e-5
    gpas: float = 5e-5
    celsius: float = 16.0
    start: float = 50 * ms
    interval: float = 25 * ms
    weight: float | None = None
    rest: float = 0.1 * uM
    store: float = 0.08 * mM
    ip3_rest: float = 0.05 * uM
    ip3_high: float = 0.7 * uM
    reach: float = 400 * um
    base: float = 60 * um
    release: float = 1e5
    uptake: float = 100.0
    buffer: float = 10 * uM
    fine: float = 2 * um
    coarse: float = 5 * um


@dataclass(frozen=True, slots=True)
class Parts:
    """Where things go in a cell.

    Attributes
    ----------
    soma, dendrites, base, tree, passive : geometry.Selection
        Soma; all but soma and axon; dendrites near the soma; the dendrites in which the wave may run; what has no sodium.
    path : geometry.Selection
        Sections on the way from the soma to the farthest tip of `tree`.
    reach : float, um
        How far from the soma IP3 is high.
    notes : tuple of str
        What was chosen where the file does not say.
    """

    soma: Selection
    dendrites: Selection
    base: Selection
    tree: Selection
    passive: Selection
    path: Selection
    reach: float
    notes: tuple[str, ...]

    @property
    def soma_place(self) -> Location:
        """Where the synapse and the electrode are."""
        return next(iter(self.soma))(0.5)

    @property
    def half_way(self) -> Location:
        """A place on the path, half as far from the soma as IP3 is high."""
        middle = min(self.path, key=lambda s: abs(s.path_distance + 0.5 * s.length - 0.5 * self.reach))
        return middle(0.5)


@dataclass(frozen=True, slots=True, eq=False)
class CalciumNeuron:
    """The declared model with the names of what one may want to record or draw."""

    model: rxd.Model
    parts: Parts
    settings: Settings
    ca_cyt: Any
    ca_er: Any
    ip3: Any
    gate: Any
    names: dict[Any, str]

    @property
    def record(self) -> list[Any]:
        """What the demonstration records: calcium of the cytosol everywhere, the rest at the soma and half way up the path."""
        soma, half_way = self.parts.soma_place, self.parts.half_way
        return [rxd.v(soma), rxd.v(half_way), self.ca_cyt, self.ca_er(half_way), self.ip3(half_way), self.gate(half_way)]


def choose_cell(path: str | Path | None = None) -> Morphology:
    """The morphology in a file, or without one a pyramidal cell of our own making."""
    return geometry.examples.pyramidal_cell() if path is None else geometry.load(path)


def choose_parts(cell: Morphology, settings: Settings) -> Parts:
    """Find soma, dendrites and the apical path, with something sensible where a file names none of them."""
    notes = []
    soma = cell.soma
    if not soma:
        soma = Selection(cell, cell.roots.sections[:1])
        notes.append(f"no soma in this morphology: its root {soma.names[0]} stands for one")
    home = cell.subtree(_root(soma))
    dendrites = (cell.all - soma - cell.axon) or cell.all
    candidates = home & (cell.apical or dendrites)
    path = path_to_tip(candidates or home)
    first = (path - soma) or path
    if not cell.apical:
        notes.append(f"no apical dendrite in this morphology: the longest path, to {path.names[-1]}, stands for it")
    longest = path_length(path)
    near = min(settings.base, 0.15 * longest)
    base = dendrites.where(lambda section: section.path_distance < near) - soma
    return Parts(
        soma=soma,
        dendrites=dendrites,
        base=base,
        tree=cell.subtree(first.names[0]) & dendrites,
        passive=cell.all - soma - base,
        path=first,
        reach=min(settings.reach, 0.6 * longest),
        notes=tuple(notes),
    )


def path_to_tip(candidates: Selection) -> Selection:
    """Sections from the root to the tip that is farthest from it, of those given and what they grow from."""
    section = max(candidates, key=lambda s: s.path_distance + s.length)
    chain = [section.index]
    while section.parent is not None:
        section = section.parent
        chain.append(section.index)
    return Selection(candidates.morphology, np.array(chain))


def path_length(path: Selection) -> float:
    """Path distance of the far end, um."""
    return max(section.path_distance + section.length for section in path)


def build(cell: Morphology, settings: Settings | None = None, method: str = "coupled") -> CalciumNeuron:
    """Declare the neuron.

    Parameters
    ----------
    cell : geometry.Morphology
    settings : Settings, optional
        With ``weight=None`` the strength of the synapse is found by trial: a few short runs, see `least_weight`.
    method : str
        Of those runs.
    """
    settings = settings or Settings()
    parts = choose_parts(cell, settings)
    model = rxd.Model(cell, segments=segment_rule(parts, settings), Ra=120, cm=1, celsius=settings.celsius, v_init=-70)
    add_electricity(model, parts, settings)
    neuron = add_calcium(model, parts, settings)
    synapse = rxd.PointProcess(library.exp_syn(tau=2 * ms, e=0), parts.soma_place)
    model.add(synapse, rxd.Detector(parts.soma_place, threshold=0))
    weight = 1.5 * least_weight(neuron, method) if settings.weight is None else settings.weight
    train = rxd.SpikeSource(start=settings.start, interval=settings.interval, number=None)
    model.add(rxd.NetCon(train, synapse, weight=weight, delay=0))
    return replace(neuron, settings=replace(settings, weight=weight))


def segment_rule(parts: Parts, settings: Settings) -> Any:
    """Segments: by d_lambda, and shorter where the front of a wave, a few um wide, may pass.

    A compromise for a quick run: with segments of 1 and 2.5 um instead of 2 and 5 the front is 9 % faster, and starts earlier.
    """
    electrical = geometry.d_lambda(0.1, Ra=120).counts(parts.soma.morphology)

    def segments(section: geometry.Section) -> int:
        longest = min(settings.fine if section in parts.path else settings.coarse, parts.reach / 40)
        near = section in parts.tree and section.path_distance < parts.reach
        return max(int(electrical[section.index]), int(np.ceil(section.length / longest)) if near else 1)

    return segments


def add_electricity(model: rxd.Model, parts: Parts, settings: Settings) -> None:
    """Channels: Hodgkin-Huxley and SK where spikes arise, calcium channels where calcium is, a leak elsewhere."""
    excitable = parts.soma | parts.base
    model.insert(library.hh(gnabar=settings.gna, gkbar=settings.gk, gl=1e-4), on=excitable)
    model.insert(library.kca(gbar=settings.gkca, k=0.8 * uM, tau=30 * ms), on=excitable)
    if parts.passive:
        model.insert(library.pas(g=settings.gpas, e=-65), on=parts.passive)
    model.insert(library.ca_hva(gbar=settings.gca), on=parts.soma | parts.dendrites)


def add_calcium(model: rxd.Model, parts: Parts, settings: Settings) -> CalciumNeuron:
    """Calcium, IP3 and a buffer in cytosol and store, and what moves calcium between them and out of the cell."""
    where = parts.soma | parts.dendrites
    cyt = rxd.Region(where, name="cyt", side="i", shape=rxd.FractionalVolume(0.83, surface_fraction=1))
    er = rxd.Region(where, name="er", shape=rxd.FractionalVolume(0.17))
    er_membrane = rxd.Region(where, name="er_membrane", shape=rxd.DistributedBoundary(1))
    membrane = rxd.Region(where, name="membrane", shape=rxd.membrane)

    def ip3_start(node: rxd.Nodes) -> np.ndarray:
        reached = np.isin(node.section, np.union1d(parts.tree.sections, parts.soma.sections))
        profile = 1 / (1 + np.exp((node.path_distance - parts.reach) / 15))
        return settings.ip3_rest + (settings.ip3_high - settings.ip3_rest) * profile * reached

    bound = settings.buffer * settings.rest / (settings.rest + 1 * uM)
    calcium = rxd.Species([cyt, er], name="ca", d=0.3, charge=2, initial={cyt: settings.rest, er: settings.store})
    ip3 = rxd.Species(cyt, name="ip3", d=1.2, initial=ip3_start)
    free = rxd.Species(cyt, name="buf", d=0.05, initial=settings.buffer - bound)
    loaded = rxd.Species(cyt, name="cabuf", d=0.05, initial=bound)
    ca, ca_er = calcium[cyt], calcium[er]

    receptor: Any = library.ip3r(ca, ca_er, ip3[cyt], er_membrane, settings.release, d5=0.6 * uM, a2=1)
    release, inactivation = receptor
    (uptake,) = library.serca(ca, ca_er, er_membrane, settings.uptake, kd=0.2 * uM)
    # A store at rest leaks what the pump takes up and the receptors do not let out. Rates are SymPy expressions: we can ask.
    gate = inactivation.unknown.owner[er_membrane]
    steady_gate = -inactivation.expression.subs(gate, 0) / inactivation.expression.diff(gate)
    at_rest = {ca: settings.rest, ca_er: settings.store, ip3[cyt]: rxd.Parameter(cyt, name="ip3_0", value=ip3_start)[cyt]}
    leaking = (uptake.rate() - release.rate()).subs(gate, steady_gate).subs(at_rest) / (settings.store - settings.rest)
    (leak,) = library.er_leak(ca, ca_er, er_membrane, leaking)
    (pump,) = library.pmca(ca, None, membrane, vmax=10, kd=0.5 * uM, rest=settings.rest)
    (binding,) = library.buffer(ca, free[cyt], loaded[cyt], kf=100, kb=0.1)
    model.add(release, inactivation, uptake, leak, pump, binding)
    names = {release: "IP3 receptor", uptake: "SERCA", leak: "leak", pump: "PMCA", binding: "buffer"}
    return CalciumNeuron(model, parts, settings, ca, ca_er, ip3[cyt], gate, names)


def drive(neuron: CalciumNeuron) -> str:
    """Say what makes the cell fire."""
    settings = neuron.settings
    conductance = 1e3 * (settings.weight or 0.0)
    return f"synapse of {conductance:.3g} nS on {neuron.parts.soma_place!r}, every {settings.interval:g} ms"


def compile_neuron(neuron: CalciumNeuron, method: str = "coupled") -> rxd.Simulation:
    """Compile with the step of the settings."""
    dt = neuron.settings.dt if method == "coupled" else neuron.settings.dt or 0.05 * ms
    return neuron.model.compile(method=method, **({} if dt is None else {"dt": dt}))


def least_weight(neuron: CalciumNeuron, method: str = "coupled") -> float:
    """Conductance (uS) of the weakest synapse that makes the cell fire once, to a few percent; at most 1 uS.

    Found by bisection on one compiled model: its state is copied, the synapse opened by hand, and a short run repeated. The
    coupled method chooses its steps here, since a conductance far above the threshold asks for much shorter ones.
    """
    settings = replace(neuron.settings, dt=None) if method == "coupled" else neuron.settings
    sim = compile_neuron(replace(neuron, settings=settings), method)
    sim.run(30 * ms)
    start, opened = sim.state, sim.discretization.layout["exp_syn.g"].start
    at = rxd.v(neuron.parts.soma_place)

    def fires(weight: float) -> bool:
        state = start.copy()
        state.y[opened] = weight
        sim.restore(state)
        pieces = (start.t + 12 * ms * k / 4 for k in range(1, 5))  # nobody waits for what follows the first spike
        return any(sim.run(until, record=[at], every=0.2 * ms)[at].max() > 0 for until in pieces)

    low, high = 1e-6, 1.0
    while high > 1.05 * low:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if fires(middle) else (middle, high)
    return high


def _root(section: Selection) -> int:
    index = int(section.sections[0])
    parent = section.morphology.parent
    while parent[index] >= 0:
        index = int(parent[index])
    return index
