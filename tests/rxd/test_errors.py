"""Mistakes in species and reactions: each is refused by a sentence that names the thing and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pint
import pytest
import sympy

import rxd
from rxd import library
from rxd.errors import DeclarationError, UnitsError

UNITS = pint.UnitRegistry()

# What `t` has is in conftest.py. A mistake is: how to make it, what is raised, what the message must say.
Mistake = tuple[Callable[[Any], Any], type[Exception], str]

SPECIES: dict[str, Mistake] = {
    "unknown region": (
        lambda t: t.buf[t.er],
        DeclarationError,
        r"Species 'buf' is not defined on region 'er'. It is on: cyt. Add er",
    ),
    "region by its name": (lambda t: t.buf["cyt"], DeclarationError, r"'buf' is not defined on region 'cyt'"),
    "selection for a region": (
        lambda t: rxd.Species(t.cell.all, "x"),
        DeclarationError,
        r"'x': regions must be rxd.Region.*Wrap",
    ),
    "no region": (lambda t: rxd.Species([], "x"), DeclarationError, r"'x': it must live on at least one region"),
    "region twice": (lambda t: rxd.Species([t.cyt, t.cyt], "x"), DeclarationError, r"'x': a region is listed twice"),
    "name of two words": (lambda t: rxd.Species(t.cyt, "free ca"), DeclarationError, r"a name that is a word.*got 'free ca'"),
    "on a membrane": (lambda t: rxd.Species(t.mem, "x"), DeclarationError, r"'x' cannot live on region 'mem'.*Use rxd.State"),
    "negative diffusion": (
        lambda t: t.species(d=-1),
        DeclarationError,
        r"'x' on region 'cyt'.*cannot be negative; got -1. Use d=0",
    ),
    "diffusion in words": (
        lambda t: t.species(d="fast"),
        UnitsError,
        r"d of species 'x' on region 'cyt' must be a number in um2/ms",
    ),
    "diffusion in mV": (
        lambda t: t.species(d=3 * UNITS.mV),
        UnitsError,
        r"d of species 'x'.*converts to um2/ms; got <Quantity\(3",
    ),
    "diffusion elsewhere": (lambda t: t.species(d={t.er: 1.0}), DeclarationError, r"'x': er is not one of its regions \(cyt\)"),
    "half a charge": (
        lambda t: t.species(charge=1.5),
        DeclarationError,
        r"charge of species 'x' is a whole number such as 2; got 1.5",
    ),
    "charge in words": (lambda t: t.species(charge="2+"), UnitsError, r"charge of species 'x' must be a number; got '2\+'"),
    "charge of a parameter": (lambda t: rxd.Parameter(t.cyt, "q", 1.0, charge="a"), UnitsError, r"charge of parameter 'q'"),
    "initial NaN": (
        lambda t: t.species(initial=float("nan")),
        UnitsError,
        r"initial of Species 'x' must be finite in mM; got nan",
    ),
    "initial in ms": (lambda t: t.species(initial=3 * UNITS.ms), UnitsError, r"initial of Species 'x'.*converts to mM"),
    "initial as array": (
        lambda t: t.species(initial=np.ones(6)),
        UnitsError,
        r"'x' is a number, a dict of regions, or a function",
    ),
    "initial of one region": (
        lambda t: rxd.Species([t.cyt, t.er], "x", initial={t.cyt: 1.0}),
        DeclarationError,
        r"'x': no value for region er. Give",
    ),
    "initial elsewhere": (
        lambda t: t.species(initial={t.er: 1.0}),
        DeclarationError,
        r"'x'.*'er'.*not one of its regions \(cyt\)",
    ),
    "tolerance zero": (lambda t: t.species(atolscale=0), DeclarationError, r"atolscale of species 'x' must be positive; got 0"),
    "tolerance of a state": (
        lambda t: rxd.State(t.cyt, "s", atolscale=-1),
        DeclarationError,
        r"atolscale of state 's' must be pos",
    ),
    "parameter without value": (
        lambda t: rxd.Parameter(t.cyt, "q"),
        DeclarationError,
        r"Parameter 'q' needs a value: a number, a dict",
    ),
    "parameter with two": (
        lambda t: rxd.Parameter(t.cyt, "q", 1, value=2),
        DeclarationError,
        r"'q': give initial or value, not both",
    ),
}

REACTIONS: dict[str, Mistake] = {
    "of nothing": (
        lambda t: rxd.Reaction(None, None, 1.0),
        DeclarationError,
        r"A reaction needs at least one species on one side",
    ),
    "rate in words": (
        lambda t: rxd.Reaction(t.buf, None, "0.1*buf"),
        DeclarationError,
        r"kf of reaction buf <-> nothing.*got '0.1\*buf'",
    ),
    "rate missing": (
        lambda t: rxd.Reaction(t.buf, None, None),
        DeclarationError,
        r"kf of reaction buf <-> nothing must be a number or an",
    ),
    "rate as function": (
        lambda t: rxd.Reaction(t.buf, None, lambda c: c),
        DeclarationError,
        r"kf of reaction buf.*an expression; got <f",
    ),
    "rate NaN": (lambda t: rxd.Reaction(t.buf, None, float("nan")), DeclarationError, r"kf of reaction buf.*NaN or infinity"),
    "division by zero": (lambda t: rxd.Reaction(t.buf, None, sympy.zoo * t.k), DeclarationError, r"Check divisions by zero"),
    "half a molecule": (
        lambda t: rxd.Reaction(0.5 * t.buf, None, 1.0),
        DeclarationError,
        r"number of buf must be a whole, positive number",
    ),
    "minus a molecule": (
        lambda t: rxd.Reaction(-t.buf, None, 1.0),
        DeclarationError,
        r"number of buf must be a whole, positive.*got -1",
    ),
    "product for a sum": (
        lambda t: rxd.Reaction(t.buf * t.ca, None, 1.0),
        DeclarationError,
        r"a sum of species.*got the term buf\*ca",
    ),
    "voltage reacts": (
        lambda t: rxd.Reaction(rxd.v, None, 1.0),
        DeclarationError,
        r"a sum of species with whole-number.*got the term v",
    ),
    "parameter reacts": (
        lambda t: rxd.Reaction(t.k, None, 1.0),
        DeclarationError,
        r"a sum of species with whole-number.*got the term k",
    ),
    "two regions": (
        lambda t: t.system(rxd.Reaction(t.ca[t.cyt], t.ca[t.er], 1.0)),
        DeclarationError,
        r"reaction ca\[cyt\] <-> ca\[er\] mixes regions cyt, er.*use MultiCompartmentReaction",
    ),
    "no common region": (
        lambda t: t.system(rxd.Reaction(t.here, t.there, 1.0)),
        DeclarationError,
        r"'l' is on here; 'r' is on there. Add a region",
    ),
    "restricted elsewhere": (
        lambda t: t.system(rxd.Reaction(t.buf, None, 1.0, regions=t.er)),
        DeclarationError,
        r"regions=\[er\]: 'buf' is on cyt",
    ),
    "restricted by a word": (
        lambda t: rxd.Reaction(t.buf, None, 1.0, regions="cyt"),
        DeclarationError,
        r"regions= takes rxd.Region",
    ),
    "rate from elsewhere": (
        lambda t: t.system(rxd.Reaction(t.here, None, t.there[t.there.regions[0]])),
        DeclarationError,
        r"acts nowhere: its regions \(here, there\) have no section in common",
    ),
    "contradicting dynamics": (
        lambda t: rxd.Reaction(t.buf, None, 1.0, mass_action=True, custom_dynamics=True),
        DeclarationError,
        r"contradict each other",
    ),
    "unknown symbol": (
        lambda t: t.system(rxd.Rate(t.buf, sympy.Symbol("kcat") * t.buf)),
        DeclarationError,
        r"rate of buf: unknown symbol 'kcat'.*declare 'kcat' as rxd.Parameter",
    ),
    "ambiguous region": (
        lambda t: t.system(rxd.Rate(t.here, t.ca)),
        DeclarationError,
        r"'ca' lives on cyt, er; say which one is meant.*ca\[cyt\]",
    ),
    "rate of a number": (lambda t: rxd.Rate(3, 1.0), DeclarationError, r"The unknown of a Rate is a species or state.*got 3"),
    "rate of voltage": (
        lambda t: rxd.Rate(rxd.v, 1.0),
        DeclarationError,
        r"The unknown of a Rate is a species or state.*got v",
    ),
    "rate of a parameter": (
        lambda t: rxd.Rate(t.k, 1.0),
        DeclarationError,
        r"Parameter 'k' never changes.*Declare it as a State or Spec",
    ),
    "rate is a comparison": (
        lambda t: rxd.Rate(t.buf, t.buf < 3),
        DeclarationError,
        r"rate of buf must be a number or an expression",
    ),
    "rate elsewhere": (
        lambda t: t.system(rxd.Rate(t.buf, 1.0, regions=t.er)),
        DeclarationError,
        r"'buf' is not defined on region 'er'. It is on: cyt",
    ),
    "membrane missing": (
        lambda t: t.membrane_reaction(t.buf, None, membrane=None),
        DeclarationError,
        r"buf <-> nothing needs membrane=",
    ),
    "membrane without area": (
        lambda t: t.membrane_reaction(t.buf, None, membrane=t.er),
        DeclarationError,
        r"region 'er' has no area.*Give it shape=rxd.membrane",
    ),
    "membrane side open": (lambda t: t.membrane_reaction(t.ca, None), DeclarationError, r"say on which region: ca\[region\]"),
    "current without charge": (
        lambda t: t.membrane_reaction(t.buf, None, membrane_flux=True),
        DeclarationError,
        r"no net charge crosses: the species' charges are buf: 0. Give the species its charge",
    ),
    "membrane nothing": (
        lambda t: t.membrane_reaction(None, None),
        DeclarationError,
        r"needs at least one species on one side",
    ),
    "state crosses": (
        lambda t: t.system(t.membrane_reaction(rxd.State(t.cyt, "s"), None)),
        DeclarationError,
        r"'s\[cyt\]' is a state, not a species",
    ),
    "membrane nowhere": (
        lambda t: t.system(t.membrane_reaction(t.here, t.there)),
        DeclarationError,
        r"acts nowhere.*\(here, mem, there\).*overlapping",
    ),
}

MISTAKES = SPECIES | REACTIONS


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named_with_its_remedy(mistake: Mistake, things: Any) -> None:
    make, kind, text = mistake
    with pytest.raises(kind, match=text) as caught:
        make(things)
    assert type(caught.value) is kind
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 700


def test_things_themselves_are_no_mistake(things: Any) -> None:
    """What the mistakes are made with compiles, so that each refusal is for its own reason."""
    t = things
    t.model.insert(library.hh(), on=t.cell.all)
    t.system(
        t.ca,
        t.buf,
        t.here,
        t.there,
        t.k,
        t.synapse,
        rxd.Rate(t.buf, -t.k * t.buf),
        t.membrane_reaction(t.ca[t.er], t.ca[t.cyt]),
    )
