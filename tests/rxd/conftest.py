"""Small models that the tests of `rxd` share, so that their kernels are compiled once, and things to make mistakes with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from rxd import library
from rxd.discretize.build import discretize
from rxd.solve.team import PHASE, Team
from rxd.symbolic.build import build_system


@dataclass(frozen=True)
class Made:
    """A model with the things a test wants to name."""

    model: rxd.Model
    cell: geometry.Morphology
    cyt: rxd.Region
    species: rxd.Species

    def compile(self, dt: float = 0.025, **options: Any) -> rxd.Simulation:
        return self.model.compile("split", dt=dt, **options)


def build_plain(initial: Any = None, d: float = 1.0, segments: Any = 4) -> Made:
    """One species that diffuses in a cylinder."""
    cell = geometry.cylinder(20, 1)
    cyt = rxd.Region(cell.all, "cyt")
    c = rxd.Species(cyt, "c", d=d, initial=(lambda node: 1 + node.x) if initial is None else initial)
    model = rxd.Model(cell, segments=segments)
    model.add(c)
    return Made(model, cell, cyt, c)


def build_spiking(amp: float = 0.4, weight: float = 2e-3, gnabar: Any = 0.12, segments: Any = 3, train: Any = (2.51,)) -> Made:
    """A branched spiking cell with buffered calcium in one daughter, a synapse, a detector, and both kinds of connections."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=segments)
    model.insert(library.hh(gnabar=gnabar), on=cell.all)
    cyt = rxd.Region(cell["left"], "cyt", side="i")
    ca = rxd.Species(cyt, "ca", d=0.6, charge=2, initial=lambda node: 1e-3 * (1 + np.asarray(node.x)))
    buf = rxd.Species(cyt, "buf", initial=0.05)
    bound = rxd.Species(cyt, "bound")
    model.add(rxd.Reaction(ca + buf, bound, 100.0, 0.1))
    end, synapse = cell["right"](1.0), rxd.PointProcess(library.exp_syn(tau=2.0, e=0.0), cell["left"](0.5))
    model.add(rxd.IClamp(cell["parent"](0.0), amp=amp, delay=0.5, dur=1.0), rxd.Detector(end, threshold=-20.0))
    model.add(rxd.NetCon(rxd.Detector(end, threshold=-20.0), synapse, weight=weight, delay=0.7))
    model.add(rxd.NetCon(rxd.SpikeSource(times=list(train)), synapse, weight=weight, delay=0.0))
    return Made(model, cell, cyt, ca)


class Things:
    """What the mistakes are made with; fresh for each test."""

    def __init__(self) -> None:
        self.cell, self.other = geometry.examples.y_branch(), geometry.cylinder(10, 1)
        self.left, self.right = self.cell["left"](0.5), self.cell["right"](0.5)
        self.model = rxd.Model(self.cell, segments=2)
        self.cyt = rxd.Region(self.cell.all, "cyt", side="i")
        self.er = rxd.Region(self.cell.all, "er", shape=rxd.FractionalVolume(0.2))
        self.mem = rxd.Region(self.cell.all, "mem", shape=rxd.membrane)
        self.ca = rxd.Species([self.cyt, self.er], "ca", charge=2)
        self.buf = rxd.Species(self.cyt, "buf")
        self.here = rxd.Species(rxd.Region(self.cell["left"], "here"), "l")
        self.there = rxd.Species(rxd.Region(self.cell["right"], "there"), "r")
        self.k = rxd.Parameter(self.cyt, "k", value=1.0)
        self.synapse = rxd.PointProcess(library.exp_syn(), self.left)

    def system(self, *things: Any) -> Any:
        """As far as equations and arrays, without kernels."""
        self.model.add(*things)
        return discretize(build_system(self.model), self.cell, 2, self.model.settings)

    def species(self, **settings: Any) -> Any:
        return rxd.Species(self.cyt, "x", **settings)

    def membrane_reaction(self, lhs: Any, rhs: Any, **settings: Any) -> Any:
        return rxd.MultiCompartmentReaction(lhs, rhs, 1.0, **{"membrane": self.mem, **settings})


@pytest.fixture
def plain() -> Callable[..., Made]:
    """Builder of a cylinder with one diffusing species."""
    return build_plain


@pytest.fixture
def spiking() -> Callable[..., Made]:
    """Builder of a branched spiking cell with calcium, a synapse and events."""
    return build_spiking


@pytest.fixture
def things() -> Things:
    """A cell, regions, species, a parameter and a synapse to make mistakes with."""
    return Things()


def share(kernel: Callable[..., Any], team: Team, *arguments: Any, at_once: bool = True) -> None:
    """A job of all members of a team in threads of their own: ``kernel(*arguments, team, phase)``.

    If not at once, one after the other, the last one first, as a machine with one thread might run them.
    """
    phase = int(team.board[PHASE])

    def take_part(member: int) -> None:
        kernel(*arguments, team._replace(member=member), phase)

    if not at_once:
        for member in reversed(range(team.members)):
            take_part(member)
        return
    with ThreadPoolExecutor(team.members) as pool:
        list(pool.map(take_part, range(team.members)))


@pytest.fixture(scope="session")
def by_members() -> Callable[..., None]:
    """`share`."""
    return share
