"""Mistakes with places, settings, mechanisms and values: each is refused by a sentence that names the thing and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pint
import pytest

import rxd
from cable.errors import ClampError, EventError
from geometry import GeometryError
from rxd import library
from rxd.declare.mechanism import symbols
from rxd.errors import DeclarationError, DiscretizationError, UnitsError

UNITS = pint.UnitRegistry()

# What `t` has is in conftest.py. A mistake is: how to make it, what is raised, what the message must say.
Mistake = tuple[Callable[[Any], Any], type[Exception], str]

PLACES: dict[str, Mistake] = {
    "side in full": (lambda t: rxd.Region(t.cell.all, "x", side="in"), DeclarationError, r"Region 'x': side is 'i'.*got 'in'"),
    "shape in words": (
        lambda t: rxd.Region(t.cell.all, "x", shape="inside"),
        DeclarationError,
        r"'x': shape must be one of rxd.inside",
    ),
    "nothing selected": (
        lambda t: rxd.Region(t.cell.soma, "x"),
        DeclarationError,
        r"Region 'x': the selection is empty.*Print the morph",
    ),
    "sections in words": (
        lambda t: rxd.Region("dend", "x"),
        DeclarationError,
        r"Region 'x': expected a selection such as cell.dendrites",
    ),
    "no volume": (lambda t: rxd.FractionalVolume(0), GeometryError, r"volume_fraction must be above zero, got 0"),
    "no such section": (
        lambda t: t.cell["dend[7]"],
        GeometryError,
        r"no section 'dend\[7\]'. Names here look like: parent, left, right",
    ),
    "off the section": (lambda t: t.cell["left"](1.5), GeometryError, r"left\(1.5\): a place on a section lies between 0"),
    "region of another cell": (
        lambda t: t.model.add(rxd.Region(t.other.all, "x")),
        DeclarationError,
        r"Region 'x'.*another morphology",
    ),
    "clamp on another cell": (
        lambda t: t.model.add(rxd.IClamp(t.other.all(0.5), amp=1.0)),
        DeclarationError,
        r"IClamp: cable\(0.5\) is on another morphology",
    ),
    "synapse on another cell": (
        lambda t: t.model.add(rxd.PointProcess(library.exp_syn(), t.other.all(0.5))),
        DeclarationError,
        r"'exp_syn'.*another morphology",
    ),
    "settings of another cell": (lambda t: t.model.set(t.other.all, cm=2), DeclarationError, r"Model.set.*another morphology"),
    "two regions of one name": (
        lambda t: t.model.add(t.cyt, rxd.Region(t.cell.all, "cyt")),
        DeclarationError,
        r"Another region is already called 'cyt'",
    ),
    "two species of one name": (
        lambda t: t.model.add(t.buf, rxd.State(t.cyt, "buf")),
        DeclarationError,
        r"already called 'buf'.*rename one",
    ),
    "file name for a cell": (lambda t: rxd.Model("cell.swc"), DeclarationError, r"Model takes a Morphology \(geometry.load"),
    "resistivity negative": (lambda t: rxd.Model(t.cell, Ra=-1), DeclarationError, r"Ra must be positive, in ohm cm; got -1"),
    "resistivity in mV": (
        lambda t: rxd.Model(t.cell, Ra=3 * UNITS.mV),
        UnitsError,
        r"Ra must be a quantity that converts to ohm cm",
    ),
    "capacitance in words": (lambda t: t.model.set(t.cell.all, cm="1"), UnitsError, r"cm must be a number in uF/cm2; got '1'"),
    "unknown setting": (
        lambda t: t.model.set(t.cell.all, gbar=1),
        DeclarationError,
        r"Model.set knows Ra, cm, v_init; got 'gbar'",
    ),
    "too cold": (lambda t: rxd.Model(t.cell, celsius=-300), DeclarationError, r"celsius.*absolute zero; got -300"),
    "segments in words": (
        lambda t: rxd.Model(t.cell, segments="many").compile("split"),
        GeometryError,
        r"rule for segments is 'many'",
    ),
    "no segment": (lambda t: rxd.Model(t.cell, segments=0).compile("split"), GeometryError, r"Section 'parent' got 0 segments"),
    "clamp on a selection": (
        lambda t: rxd.IClamp(t.cell["left"], amp=1.0),
        ClampError,
        r"IClamp sits at one place.*cell.soma\(0.5\)",
    ),
    "something else": (lambda t: t.model.add(3), DeclarationError, r"A model takes species, reactions.*got 3"),
}

MECHANISMS: dict[str, Mistake] = {
    "inserted twice": (
        lambda t: [t.model.insert(library.hh(), on=where) for where in (t.cell.all, t.cell["left"])],
        DeclarationError,
        r"'hh' is already inserted in left. Insert it once, or rename one",
    ),
    "inserted by name": (
        lambda t: t.model.insert("hh", on=t.cell.all),
        DeclarationError,
        r"insert takes a mechanism.*got 'hh'",
    ),
    "synapse inserted": (
        lambda t: t.model.insert(library.exp_syn(), on=t.cell.all),
        DeclarationError,
        r"'exp_syn' sits at one place.*PointProcess",
    ),
    "inserted nowhere": (
        lambda t: t.model.insert(library.hh(), on=t.cell.soma),
        DeclarationError,
        r"insert\('hh'\): the selection is empty",
    ),
    "channel added": (lambda t: t.model.add(library.hh()), DeclarationError, r"Say where 'hh' goes: model.insert"),
    "synapse added": (lambda t: t.model.add(library.exp_syn()), DeclarationError, r"Say where 'exp_syn' goes.*PointProcess"),
    "channel at a place": (
        lambda t: rxd.PointProcess(library.hh(), t.left),
        DeclarationError,
        r"'hh' belongs into whole sections: model.insert\(hh, on=cell.soma\)",
    ),
    "synapse on a selection": (
        lambda t: rxd.PointProcess(library.exp_syn(), t.cell["left"]),
        DeclarationError,
        r"'exp_syn' sits at a location such as",
    ),
    "unknown parameter": (
        lambda t: rxd.PointProcess(library.exp_syn(), t.left, tau2=3),
        DeclarationError,
        r"no parameter 'tau2'. It has: tau, e",
    ),
    "synapse parameter in words": (
        lambda t: rxd.PointProcess(library.exp_syn(), t.left, tau="fast"),
        UnitsError,
        r"'tau' of 'exp_syn' must be a number; got 'fast'",
    ),
    "channel parameter in words": (
        lambda t: library.pas(g="high"),
        UnitsError,
        r"Parameter 'g' of mechanism 'pas' must be a number",
    ),
    "stray symbol": (
        lambda t: rxd.Mechanism("ch", {}, (), (rxd.Current("i", symbols("g") * rxd.v),)),
        DeclarationError,
        r"'ch', current i: unknown symbol g. Allowed",
    ),
    "current in words": (
        lambda t: rxd.Mechanism("ch", {}, (), (rxd.Current("i", "g*v"),)),
        DeclarationError,
        r"'ch', current i must be a number or an exp",
    ),
    "event without state": (
        lambda t: rxd.PointMechanism("syn", on_event={"g": 1}),
        DeclarationError,
        r"'syn': on_event names 'g', which is not one of",
    ),
    "event to a place": (
        lambda t: t.model.add(rxd.NetCon(rxd.SpikeSource(), t.right)),
        DeclarationError,
        r"NetCon's target is a rxd.PointProcess",
    ),
    "event to no synapse": (
        lambda t: t.model.add(rxd.NetCon(rxd.SpikeSource(), rxd.PointProcess(rxd.PointMechanism("electrode"), t.left))),
        DeclarationError,
        r"'electrode' takes no events; connect to a synapse",
    ),
    "event before the spike": (
        lambda t: rxd.NetCon(rxd.SpikeSource(), t.synapse, delay=-1),
        EventError,
        r"Give a delay in ms, not neg",
    ),
    "event from a word": (
        lambda t: rxd.NetCon("soma", t.synapse),
        EventError,
        r"listens to a SpikeSource, a Detector or a place",
    ),
    "unknown ion": (
        lambda t: (t.model.insert(rxd.Mechanism("ch", {}, (), (rxd.Current("i", rxd.v, "xx"),)), on=t.cell.all), t.system()),
        DeclarationError,
        r"Ion 'xx' is new to the model: give its charge, model.ion\('xx'",
    ),
    "ion twice inside": (
        lambda t: (
            t.model.insert(library.hh(), on=t.cell.all),
            t.system(rxd.Species([t.cyt, rxd.Region(t.cell.all, "deep", side="i")], "na", charge=1)),
        ),
        DeclarationError,
        r"Ion 'na' has two concentrations with side='i' in parent: na\[cyt\], na\[deep\]. Only the region",
    ),
    "ion without charge": (lambda t: t.model.ion("xx", inside=1.0), DeclarationError, r"Ion 'xx' is new.*give its charge"),
    "ion of charge zero": (
        lambda t: t.model.ion("na", charge=0),
        DeclarationError,
        r"charge of ion 'na' is a whole number, not zero",
    ),
    "ion at zero": (
        lambda t: t.model.ion("na", inside=0),
        DeclarationError,
        r"inside of ion 'na' is a concentration in mM and must be",
    ),
    "side of an ion": (lambda t: rxd.concentration("ca", "in"), DeclarationError, r"'i' or 'o'; got 'in'"),
    "ion by number": (lambda t: rxd.reversal(3), DeclarationError, r"An ion's name is a word such as 'ca'; got 3"),
}

DISCRETE: dict[str, Mistake] = {
    "initial of wrong shape": (
        lambda t: t.system(t.species(initial=lambda node: np.ones(3))),
        DiscretizationError,
        r"Initial value of x\[cyt\]: the function must return one number per node, shape \(6,\); it returned shape \(3,\)",
    ),
    "initial NaN somewhere": (
        lambda t: t.system(t.species(initial=lambda node: np.where(node.x > 0.5, np.nan, 1.0))),
        DiscretizationError,
        r"Initial value of x\[cyt\] is nan at parent\(0.75\) \(3 of 6 nodes\)",
    ),
    "initial asks too much": (
        lambda t: t.system(t.species(initial=lambda node: node.distance)),
        DiscretizationError,
        r"x\[cyt\].*no attribute 'distance'. Nodes have: .*path_distance",
    ),
    "initial fails": (
        lambda t: t.system(t.species(initial=lambda node: "high")),
        DiscretizationError,
        r"x\[cyt\]: the function failed both on all",
    ),
    "parameter infinite": (
        lambda t: t.system(rxd.Rate(t.buf, rxd.Parameter(t.cyt, "q", value=lambda node: np.inf))),
        DiscretizationError,
        r"Parameter q\[cyt\] is inf at parent\(0.25\)",
    ),
    "conductance NaN": (
        lambda t: (t.model.insert(library.pas(g=lambda node: node.x * np.nan), on=t.cell["right"]), t.system()),
        DiscretizationError,
        r"'g'.* is nan at right\(0.25\) \(2 of 2 nodes\)",
    ),
}

MISTAKES = PLACES | MECHANISMS | DISCRETE


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named_with_its_remedy(mistake: Mistake, things: Any) -> None:
    make, kind, text = mistake
    with pytest.raises(kind, match=text) as caught:
        make(things)
    assert type(caught.value) is kind
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 700
