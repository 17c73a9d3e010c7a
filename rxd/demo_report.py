"""What happened in a run of the main job: in words and in figures.

In: a `rxd.demo.CalciumNeuron` and `rxd.Results`. Out: `Findings` and matplotlib figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from geometry.records import dataclass
from rxd import plotting
from rxd.demo import CalciumNeuron
from rxd.results import Results
from rxd.units import ms, uM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CALCIUM: Final = "calcium in cytosol"
STYLE: Final = (("font.size", 8.0), ("axes.titlesize", 8.0), ("axes.linewidth", 0.6), ("savefig.dpi", 200.0))
FIGURES: Final = ("demo", "traces", "kymograph", "morphology", "scheme")
LETTERS: Final = "abc"


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What happened in a run.

    Attributes
    ----------
    events : int
        How often the synapse was activated before the end.
    spikes : ndarray, ms
    start, origin : float, ms and um
        When and how far from the soma calcium first rose above the level on the path; NaN if it never did.
    end, reach : float, ms and um
        When and how far from the soma it did so at the farthest place.
    speed : float, um/ms
        Of the front on its way outwards, over the middle half; NaN if there was no such way.
    silence : (float, float), ms
        Longest pause between spikes.
    """

    events: int
    spikes: np.ndarray
    start: float
    origin: float
    end: float
    reach: float
    speed: float
    silence: tuple[float, float]

    @property
    def wave(self) -> bool:
        """True if a front of calcium ran outwards, slower than 2 um/ms: all at once is the doing of voltage."""
        return bool(0 < self.speed < 2)

    def __str__(self) -> str:
        lines = [f"{len(self.spikes)} spikes on {self.events} synaptic events"]
        if len(self.spikes) > 1:
            lines[0] += f"; longest silence {self.silence[0]:.0f} to {self.silence[1]:.0f} ms"
        if np.isnan(self.start):
            lines.append("no calcium wave: calcium did not rise above 1 uM on the path")
        else:
            running = f" at {1e3 * self.speed:.0f} um/s" if self.wave else ""
            lines.append(
                f"calcium rises at {self.start:.0f} ms, {self.origin:.0f} um from the soma, "
                f"and the wave runs to {self.reach:.0f} um{running}"
            )
        return "\n".join(lines)


def findings(neuron: CalciumNeuron, result: Results, level: float = 1 * uM) -> Findings:
    """Spikes, and the front of the wave: when calcium first rose above a level (mM) at each node of the path."""
    distance, calcium = plotting.along_path(result, neuron.ca_cyt, neuron.parts.path)
    settings, above = neuron.settings, calcium > level
    crossed = above.any(axis=0)
    arrival = np.where(crossed, result.t[above.argmax(axis=0)], np.inf)
    first = int(np.argmin(arrival))
    last = int(np.flatnonzero(crossed)[-1]) if crossed.any() else first
    front = (arrival[first], distance[first], arrival[last], distance[last])
    start, origin, end, reach = (float(x) if crossed.any() else np.nan for x in front)
    spikes = next(iter(result.spikes.values()))
    gaps = np.diff(spikes)
    longest = int(np.argmax(gaps)) if len(gaps) else -1
    return Findings(
        events=max(0, int(np.ceil((result.t[-1] - settings.start) / settings.interval))),
        spikes=spikes,
        start=start,
        origin=origin,
        end=end,
        reach=reach,
        speed=front_speed(distance, arrival, origin, reach),
        silence=(float(spikes[longest]), float(spikes[longest + 1])) if len(gaps) else (np.nan, np.nan),
    )


def front_speed(distance: np.ndarray, arrival: np.ndarray, origin: float, reach: float) -> float:
    """Speed of a front in the middle half of its way outwards, um/ms: a fit of arrival on distance; NaN without a way."""
    quarter = 0.25 * (reach - origin)
    middle = (distance > origin + quarter) & (distance < reach - quarter) & np.isfinite(arrival)
    if middle.sum() < 4 or np.ptp(arrival[middle]) <= 0:
        return float("nan")
    return float(1 / np.polyfit(distance[middle], arrival[middle], 1)[0])


def picture_times(result: Results, found: Findings) -> tuple[float, ...]:
    """Four times worth a picture, ms: before the wave, and three while it runs; spread over the run if there was none."""
    if not found.wave:
        return tuple(float(t) for t in result.t[-1] * np.array([0.1, 0.4, 0.7, 1.0]))
    before = max(found.start - 20 * ms, 0.0)
    return (before, *(float(found.start + part * (found.end - found.start)) for part in (0.1, 0.35, 0.65)))


def figures(neuron: CalciumNeuron, result: Results, found: Findings) -> Iterator[tuple[str, Figure]]:
    """Names and figures of the demonstration, one after the other; close each when done with it."""
    import matplotlib.pyplot as plt

    calcium = 1e3 * plotting.along_path(result, neuron.ca_cyt, neuron.parts.path)[1]
    # Colours end where all but the brightest percent of the wave is: else a single hot spot would leave the rest pale.
    limits = (0.0, float(max(np.percentile(calcium[calcium > 1], 95), 0.5)) if (calcium > 1).any() else float(calcium.max()))
    times = picture_times(result, found)
    with plt.rc_context(dict(STYLE)):
        yield "demo", overview(neuron, result, times, limits)
        yield "traces", traces(neuron, result)
        figure, ax = plt.subplots(figsize=(7.2, 2.6), layout="constrained")
        plotting.kymograph(result, neuron.ca_cyt, neuron.parts.path, ax, limits, label=CALCIUM)
        yield "kymograph", figure
        yield "morphology", plotting.cell_pictures(result, neuron.ca_cyt, times, limits, label=CALCIUM)
        figure, ax = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
        plotting.schematic(neuron.model, neuron.names, ax)
        yield "scheme", figure


def overview(neuron: CalciumNeuron, result: Results, times: tuple[float, ...], limits: tuple[float, float]) -> Figure:
    """Voltage, kymograph and four pictures of the cell on one page."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(7.2, 6.6), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.25))
    upper, lower = halves
    voltage, kymograph = upper.subplots(2, 1, sharex=True, height_ratios=(0.75, 1))
    plotting.voltage_traces(result, [neuron.parts.soma_place], voltage)
    voltage.set(xlabel="", ylabel="v at soma (mV)")
    plotting.kymograph(result, neuron.ca_cyt, neuron.parts.path, kymograph, limits, label=CALCIUM)
    pictures = lower.subplots(1, len(times))
    plotting.cell_pictures(result, neuron.ca_cyt, times, limits, label=CALCIUM, axes=list(pictures))
    top_edge = kymograph.get_xaxis_transform()
    kymograph.plot(times, np.ones(len(times)), "kv", markersize=4, clip_on=False, transform=top_edge)
    for letter, ax, left in zip(LETTERS, (voltage, kymograph, pictures[0]), (-34, -34, -6), strict=True):
        ax.annotate(letter, (0, 1), (left, 4), "axes fraction", "offset points", fontweight="bold", fontsize=11)
    return figure


def traces(neuron: CalciumNeuron, result: Results) -> Figure:
    """Voltage at the soma and half way up the path; calcium, IP3 and the receptor's gate half way."""
    import matplotlib.pyplot as plt

    place = neuron.parts.half_way
    figure, axes = plt.subplots(3, 1, figsize=(7.2, 4.8), sharex=True, layout="constrained", height_ratios=(1.2, 1, 1))
    plotting.voltage_traces(result, [neuron.parts.soma_place, place], axes[0])
    _concentrations(axes[1], result, [("calcium, cytosol", neuron.ca_cyt(place)), ("IP3", neuron.ip3(place))])
    _concentrations(axes[2], result, [("calcium, store", neuron.ca_er(place))])
    gate = axes[2].twinx()
    gate.plot(result.t, plotting.at_place(result, neuron.gate.name, place), color="0.55", linewidth=0.9)
    gate.set(ylabel="gate of IP3 receptor", ylim=(0, 1))
    gate.yaxis.label.set_color("0.45")
    axes[1].set_title(f"at {place!r}", loc="left")
    axes[0].set_xlabel("")
    axes[2].set(xlabel="time (ms)", xlim=(result.t[0], result.t[-1]))
    return figure


def _concentrations(ax: Axes, result: Results, things: list[tuple[str, Any]]) -> None:
    for name, probe in things:
        ax.plot(result.t, 1e3 * plotting.at_place(result, probe.label, probe.location), linewidth=0.9, label=name)
    ax.set(ylabel="µM", ylim=(0, None))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper right", ncols=len(things))
