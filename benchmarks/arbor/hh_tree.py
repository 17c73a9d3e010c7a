"""Hodgkin-Huxley on a binary tree of cylinders, all alike. Check: when the first tip passes 0 mV, ms."""

from __future__ import annotations

from typing import Any

import arbor
from arbor import units

from benchmarks.built import Built

DT = 0.025
LENGTH = 100.0


def tree(depth: int) -> Any:
    """A segment tree of cylinders of 2 um, siblings leaving at right angles."""
    segments = arbor.segment_tree()

    def grow(parent: int, begin: tuple[float, float], level: int, turn: int) -> int:
        end = (begin[0] + LENGTH * (turn == 0), begin[1] + LENGTH * turn)
        me = segments.append(parent, arbor.mpoint(*begin, 0, 1), arbor.mpoint(*end, 0, 1), tag=1)
        if level:
            grow(me, end, level - 1, 0)
            grow(me, end, level - 1, 1)
        return int(me)

    grow(arbor.mnpos, (0.0, 0.0), depth, 0)
    return segments


def build(depth: int = 7, nseg: int = 11, tstop: float = 20.0) -> Built:
    capacitance, resistivity = 0.01 * units.F / units.m2, 100 * units.Ohm * units.cm
    decor = arbor.decor()
    decor.set_property(Vm=-65 * units.mV, cm=capacitance, rL=resistivity, tempK=279.45 * units.Kelvin)
    decor.set_ion("na", rev_pot=50 * units.mV).set_ion("k", rev_pot=-77 * units.mV)
    decor.paint("(all)", arbor.density("hh"))
    decor.place("(location 0 0.5)", arbor.i_clamp(1 * units.ms, 100 * units.ms, current=5 * units.nA))
    # one control volume a segment of NEURON's: a branch without a fork is one cylinder here
    policy = arbor.cv_policy_max_extent(LENGTH / nseg * 1.0001 * units.um)
    cell = arbor.cable_cell(arbor.morphology(tree(depth)), decor, arbor.label_dict(), policy)

    class Recipe(arbor.recipe):
        """One cell."""

        def num_cells(self) -> int:
            return 1

        def cell_kind(self, _gid: int) -> Any:
            return arbor.cell_kind.cable

        def cell_description(self, _gid: int) -> Any:
            return cell

        def probes(self, _gid: int) -> list[Any]:
            return [arbor.cable_probe_membrane_voltage(f"(location {depth} 1)", "tip")]

        def global_properties(self, _kind: Any) -> Any:
            return arbor.neuron_cable_properties()

    sim = arbor.simulation(Recipe(), arbor.context(threads=1))
    sim.run(DT * units.ms, DT * units.ms)
    nodes = (2 ** (depth + 1) - 1) * nseg

    def run() -> None:
        sim.run(tstop * units.ms, DT * units.ms)

    def check() -> float:
        sim.reset()
        handle = sim.sample(0, "tip", arbor.regular_schedule(DT * units.ms))
        run()
        t, v = sim.samples(handle)[0][0].T
        sim.remove_sampler(handle)
        above = v >= 0.0
        return float(t[above.argmax()]) if above.any() else -1.0

    return Built(run, check, nodes * round(tstop / DT), "segment and step", sim.reset, {"nodes": nodes})
