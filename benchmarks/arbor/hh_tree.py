"""Hodgkin-Huxley on a binary tree of cylinders, all alike. Check: when the first tip passes 0 mV, ms."""

from __future__ import annotations

from typing import Any

import arbor as A
from arbor import units as U

from benchmarks.built import Built

DT = 0.025
LENGTH = 100.0


def tree(depth: int) -> Any:
    """A segment tree of cylinders of 2 um, siblings leaving at right angles."""
    segments = A.segment_tree()

    def grow(parent: int, begin: tuple[float, float], level: int, turn: int) -> int:
        end = (begin[0] + LENGTH * (turn == 0), begin[1] + LENGTH * turn)
        me = segments.append(parent, A.mpoint(*begin, 0, 1), A.mpoint(*end, 0, 1), tag=1)
        if level:
            grow(me, end, level - 1, 0)
            grow(me, end, level - 1, 1)
        return int(me)

    grow(A.mnpos, (0.0, 0.0), depth, 0)
    return segments


def build(depth: int = 7, nseg: int = 11, tstop: float = 20.0) -> Built:
    decor = A.decor().set_property(Vm=-65 * U.mV, cm=0.01 * U.F / U.m2, rL=100 * U.Ohm * U.cm, tempK=279.45 * U.Kelvin)
    decor.set_ion("na", rev_pot=50 * U.mV).set_ion("k", rev_pot=-77 * U.mV)
    decor.paint("(all)", A.density("hh"))
    decor.place("(location 0 0.5)", A.i_clamp(1 * U.ms, 100 * U.ms, current=5 * U.nA))
    decor.place("(terminal)", A.threshold_detector(0 * U.mV), "tip")
    # one control volume a segment of NEURON's: a branch without a fork is one cylinder here
    policy = A.cv_policy_max_extent(LENGTH / nseg * 1.0001 * U.um)
    cell = A.cable_cell(A.morphology(tree(depth)), decor, A.label_dict(), policy)

    class Recipe(A.recipe):
        """One cell."""

        def num_cells(self) -> int:
            return 1

        def cell_kind(self, _gid: int) -> Any:
            return A.cell_kind.cable

        def cell_description(self, _gid: int) -> Any:
            return cell

        def global_properties(self, _kind: Any) -> Any:
            return A.neuron_cable_properties()

    sim = A.simulation(Recipe(), A.context(threads=1))
    sim.record(A.spike_recording.all)
    sim.run(DT * U.ms, DT * U.ms)
    nodes = (2 ** (depth + 1) - 1) * nseg

    def run() -> None:
        sim.run(tstop * U.ms, DT * U.ms)

    def check() -> float:
        spikes = sim.spikes()
        return float(spikes[0][1]) if len(spikes) else -1.0

    return Built(run, check, nodes * round(tstop / DT), "segment and step", sim.reset, {"nodes": nodes})
