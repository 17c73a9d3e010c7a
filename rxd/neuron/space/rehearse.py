"""A small model that makes one step: what it leaves on disk, all models with voxels need.

In: nothing. Out: machine code on disk. The first script with voxels on a machine has a second process run the small model while
it compiles what cuts cells into voxels itself.
"""

from __future__ import annotations

from rxd.codegen.apart import Rehearsal

__all__ = ["rehearsal", "step_in_a_box"]


def rehearsal() -> Rehearsal:
    """The second process, if the loops of steps have no machine code on disk."""
    from rxd.codegen.cache import discard_stale_code
    from rxd.solve.single import single_step
    from rxd.solve.split_loop import swept

    discard_stale_code()  # now, lest somebody deletes later what is compiled from here on
    return Rehearsal((single_step, swept), __name__, step_in_a_box.__name__)


def step_in_a_box() -> None:
    """One fixed step of a species that diffuses in a box."""
    from rxd.neuron import h
    from rxd.neuron.rxd import Extracellular, Species
    from rxd.neuron.session import Session

    with Session():
        section = h.Section(name="section")
        species = Species(Extracellular(0, 0, 0, 3, 3, 3, dx=1), name="x", d=1, initial=lambda node: node.x3d)
        h.finitialize(-65)
        h.fadvance()
        del species, section
