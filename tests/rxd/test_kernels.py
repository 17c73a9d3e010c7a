"""Generated kernels against the NumPy oracle and finite differences; what decides whether something is compiled anew."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import pytest
import sympy
from sympy import Abs, Heaviside, Max, Min, Piecewise, exp, log, sqrt, tanh

import geometry
import rxd
from rxd import library
from rxd.codegen.cache import system_key
from rxd.codegen.lane_calls import call_kernel
from rxd.codegen.lane_relax import substitutions
from rxd.codegen.oracle import fields_of, local_rates, make_numpy
from rxd.codegen.printer import LanePrinter
from rxd.codegen.sparse import make_program
from rxd.codegen.text import OUTPUTS
from rxd.discretize.records import LANES, Group
from rxd.errors import KernelError
from rxd.solve import lane_lu
from rxd.solve.lane_operations import lean_kernel
from rxd.symbolic.system import LocalSystem

# For Python, to call what else only kernels do.
assemble = lean_kernel(lane_lu.assemble.py_func)
factorise = lean_kernel(lane_lu.factorise.py_func)
solve = lean_kernel(lane_lu.solve.py_func)

ROOT = Path(__file__).resolve().parents[2]


def full_model() -> rxd.Model:
    """Something of everything: gates, chemistry with every kind of expression, reversal potentials, a pump, synapses."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=7, celsius=20.0)
    model.insert(library.hh(), on=cell.all)
    model.insert(library.cal(), on=cell["left"] | cell["right"])
    cyt = rxd.Region(cell["left"], "cyt", side="i")
    out = rxd.Region(cell["left"], "out", side="o", shape=rxd.Shell(1.0, 1.5))
    mem = rxd.Region(cell["left"], "mem", shape=rxd.membrane)
    ca = rxd.Species([cyt, out], "ca", d=0.1, charge=2, initial={cyt: 1e-3, out: 2.0})
    na = rxd.Species(cyt, "na", charge=1, initial=12.0)
    a, b = rxd.Species(cyt, "a", initial=0.3), rxd.Species(cyt, "b", initial=0.2)
    p = rxd.State(mem, "p", initial=0.4)
    k = rxd.Parameter(cyt, "k", value=lambda node: 0.5 + np.asarray(node.x))
    v = rxd.v
    model.add(
        rxd.Reaction(2 * a, b, k * exp(-a) * (1 + tanh(v / 30)), 0.3 * sqrt(b)),
        rxd.Reaction(a, None, a ** sympy.Rational(3, 2) / (k + a**3), custom_dynamics=True),
        rxd.Rate(
            b,
            Piecewise((a * b, a < 0.3), (a**2, a < 0.5), (-b / 7, True)) + Max(a - b, 0.1 * a) - Min(a, b) * Heaviside(v + 50),
        ),
        rxd.Rate(a, 1e-2 * log(1 + a * ca[cyt]) - 0.1 * Abs(a - 0.4) + 0.01 * sympy.sin(rxd.t) * b**2.5),
        rxd.Rate(p, (1 / (1 + exp(-(v + 40) / 8)) - p) / 5 * (1 + 1000 * ca[cyt])),
        rxd.MultiCompartmentReaction(ca[cyt], ca[out], 40 * p * ca[cyt], 0, membrane=mem, membrane_flux=True),
        rxd.MultiCompartmentReaction(
            3 * na[cyt], None, na[cyt] * (v + 80) / 9, membrane=mem, custom_dynamics=True, membrane_flux=True
        ),
    )
    synapse = library.exp2_syn(tau1=0.5, tau2=2.0)
    for x, e in ((0.2, 0.0), (0.9, -80.0)):
        model.add(rxd.PointProcess(synapse, cell["right"](x), e=e))
    return model


@pytest.fixture(scope="module")
def compiled() -> rxd.Simulation:
    return full_model().compile("split", dt=0.025)


@pytest.fixture(scope="module")
def state(compiled: rxd.Simulation) -> np.ndarray:
    """A state in which nothing is in balance."""
    rng = np.random.default_rng(1)
    y = np.array(compiled.problem.initial)
    y = np.maximum(np.abs(y), 1e-3) * rng.uniform(0.5, 1.5, y.size)
    v = compiled.discretization.layout["v"]
    y[v.start : v.stop] = rng.uniform(-90, 40, len(v))
    y[v.start] = -40.0  # where vtrap is 0 / 0 unless somebody took care
    return y


T = 1.7


@nb.njit(error_model="numpy")
def call(address: int, X: np.ndarray, P: np.ndarray, at: int, t: float, dt: float, F: np.ndarray, J: np.ndarray) -> None:
    call_kernel(address, X, P, at, t, dt, F, J)


def chunks(group: Group, y: np.ndarray) -> Iterator[tuple[slice, int, np.ndarray]]:
    """Node range, offset of its fields and lanes of unknowns, as the drivers load them."""
    for first in range(0, group.n, LANES):
        nodes = np.minimum(first + np.arange(LANES), group.n - 1)
        width = min(LANES, group.n - first)
        yield (
            slice(first, first + width),
            first * group.fields.shape[1],
            np.ascontiguousarray(y[group.position[:, nodes]]).ravel(),
        )


def run_lanes(
    sim: rxd.Simulation, number: int, kernel: str, y: np.ndarray, sizes: tuple[int, ...], dt: float = 0.0
) -> list[np.ndarray]:
    """Outputs (n_rows, n_nodes) of a generated kernel of one group, called as the compiled time loop calls it."""
    group = sim.discretization.groups[number]
    address = getattr(sim.kernels.module, f"{kernel}_{group.name}").address
    outputs = [np.empty((size, group.n)) for size in sizes]
    fields = np.ascontiguousarray(group.fields).ravel()
    for where, at, lanes in chunks(group, y):
        results = [np.zeros(max(1, size) * LANES) for size in sizes]
        call(address, lanes, fields, at, T, dt, *results, *[np.zeros(LANES)] * (2 - len(results)))
        for output, result in zip(outputs, results, strict=True):
            output[:, where] = result.reshape(-1, LANES)[: len(output), : where.stop - where.start]
    return outputs


def oracle(sim: rxd.Simulation, number: int, expressions: list[Any], y: np.ndarray) -> np.ndarray:
    group = sim.discretization.groups[number]
    return np.array(make_numpy(sim.system.groups[number], expressions)(y[group.position], fields_of(group), T))


def chemistry_of(sim: rxd.Simulation, number: int, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates and Jacobian of a group: what its kernel leaves out are polynomials, evaluated here."""
    group, module = sim.discretization.groups[number], sim.kernels.module
    pattern, polynomials = (getattr(module, f"{what}_{group.name}") for what in ("PATTERN", "POLYNOMIALS"))
    sizes = (len(sim.kernels.groups[number].active), len(pattern))
    rates, jacobian = run_lanes(sim, number, "chemistry", y, sizes)
    fields = fields_of(group)
    for k, terms in polynomials.items():
        assert not jacobian[k].any()
        jacobian[k] = sum(c * y[group.position[list(x)]].prod(axis=0) * fields[list(p)].prod(axis=0) for c, x, p in terms)
    return rates, jacobian


def groups(sim: rxd.Simulation) -> Iterator[tuple[int, LocalSystem]]:
    yield from enumerate(sim.system.groups)


def assert_equal(found: np.ndarray, expected: np.ndarray) -> None:
    scale = np.max(np.abs(expected), axis=-1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * np.max(scale, initial=0))


def test_model_has_something_of_everything(compiled: rxd.Simulation) -> None:
    assert [bool(group.points) for group in compiled.system.groups] == [False, False, False, True]
    left = next(group for group in compiled.system.groups if "ca[cyt]" in group.unknowns)
    assert len(left.processes) == 6
    assert {label for label, _ in left.rates} - {gate.label for gate in left.gates} == {"a[cyt]", "b[cyt]", "p[mem]"}


def test_chemistry_equals_the_oracle(compiled: rxd.Simulation, state: np.ndarray) -> None:
    checked = 0
    for number, local in groups(compiled):
        rates = dict(local.rates)
        rows = [local.unknowns[i] for i in compiled.kernels.groups[number].active]
        if rows:
            pattern = getattr(compiled.kernels.module, f"PATTERN_{local.name}")
            found, jacobian = chemistry_of(compiled, number, state)
            assert_equal(found, oracle(compiled, number, [rates[label] for label in rows], state))
            slopes = [sympy.diff(rates[rows[i]], local.symbol_of(rows[j])) for i, j in pattern]
            slopes = [slope.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0)) for slope in slopes]
            assert_equal(jacobian, oracle(compiled, number, slopes, state))
            checked += 1
    assert checked == 1


def test_jacobian_equals_finite_differences(compiled: rxd.Simulation, state: np.ndarray) -> None:
    for number, local in groups(compiled):
        rows = compiled.kernels.groups[number].active
        if not len(rows):
            continue
        pattern = getattr(compiled.kernels.module, f"PATTERN_{local.name}")
        _, jacobian = chemistry_of(compiled, number, state)
        dense = np.zeros((len(rows), len(rows), jacobian.shape[1]))
        for (i, j), values in zip(pattern, jacobian, strict=True):
            dense[i, j] = values
        for j, row in enumerate(rows):
            position = compiled.discretization.groups[number].position[row]
            h = 1e-6 * np.abs(state[position])
            up, down = state.copy(), state.copy()
            up[position] += h
            down[position] -= h
            difference = chemistry_of(compiled, number, up)[0] - chemistry_of(compiled, number, down)[0]
            np.testing.assert_allclose(dense[:, j], difference / (2 * h), rtol=1e-5, atol=1e-7)


def test_currents_and_their_slopes_equal_the_oracle(compiled: rxd.Simulation, state: np.ndarray) -> None:
    for number, local in groups(compiled):
        moved = [local.unknowns[i] for i in compiled.kernels.groups[number].moved]
        assert moved[0] == "v"
        (found,) = run_lanes(compiled, number, "electric", state, (2 * len(moved),))
        v = local.symbol_of("v")
        for row, label in enumerate(moved):
            terms = [
                factor * process.expression for process in local.processes for name, factor in process.effects if name == label
            ]
            total = sympy.Add(*terms)
            assert_equal(found[2 * row], oracle(compiled, number, [total], state)[0])
            assert_equal(found[2 * row + 1], oracle(compiled, number, [sympy.diff(total, v)], state)[0])


@pytest.mark.parametrize("dt", [0.001, 0.37], ids=["by a polynomial", "by an exponential"])
def test_gates_take_the_exact_exponential_step(compiled: rxd.Simulation, state: np.ndarray, dt: float) -> None:
    for number, local in groups(compiled):
        group, kernels = compiled.discretization.groups[number], compiled.kernels.groups[number]
        if not len(kernels.gates):
            continue
        address = getattr(compiled.kernels.module, f"gates_{local.name}").address
        found = np.empty((len(local.unknowns), group.n))
        for where, at, lanes in chunks(group, state):
            work = np.zeros(2 * len(kernels.gates) * LANES)
            call(address, lanes, np.ascontiguousarray(group.fields).ravel(), at, T, dt, lanes, work)
            found[:, where] = lanes.reshape(-1, LANES)[:, : where.stop - where.start]
        x = state[group.position]
        for gate, row in zip(local.gates, kernels.gates, strict=True):
            assert gate.label == local.unknowns[row]
            source, decay = oracle(compiled, number, [gate.source, gate.decay], state)
            np.testing.assert_allclose(found[row], source / decay + (x[row] - source / decay) * np.exp(-decay * dt), rtol=1e-12)
            rate = oracle(compiled, number, [dict(local.rates)[gate.label]], state)[0]
            np.testing.assert_allclose(source - decay * x[row], rate, rtol=1e-10, atol=1e-12)
        others = [i for i in range(len(local.unknowns)) if i not in kernels.gates]
        assert np.array_equal(found[others], x[others])


def test_parts_sum_to_the_local_rates(compiled: rxd.Simulation, state: np.ndarray) -> None:
    """Chemistry + gates + currents, from kernels, are the right-hand side that `explain` shows."""
    total = np.zeros_like(state)
    for number, local in groups(compiled):
        group, kernels = compiled.discretization.groups[number], compiled.kernels.groups[number]
        if len(kernels.active):
            np.add.at(total, group.position[kernels.active], chemistry_of(compiled, number, state)[0])
        for gate, row in zip(local.gates, kernels.gates, strict=True):
            source, decay = oracle(compiled, number, [gate.source, gate.decay], state)
            total[group.position[row]] += source - decay * state[group.position[row]]
        (found,) = run_lanes(compiled, number, "electric", state, (2 * len(kernels.moved),))
        np.add.at(total, group.position[kernels.moved], found[::2])
    expected = local_rates(compiled.system, compiled.discretization, state, T)
    np.testing.assert_allclose(total, expected, rtol=1e-11, atol=1e-11)


def test_charge_and_moles_come_from_one_number(compiled: rxd.Simulation, state: np.ndarray) -> None:
    """Of a pump that moves one ion, the effects on v, inside and outside stand in constant proportion, node by node."""
    number, local = next((i, g) for i, g in groups(compiled) if "ca[cyt]" in g.unknowns)
    process = next(p for p in local.processes if p.label.startswith("membrane reaction ca[cyt]"))
    effects = dict(process.effects)
    assert set(effects) == {"v", "ca[cyt]", "ca[out]"}
    v, inside, outside = oracle(compiled, number, [effects[label] for label in ("v", "ca[cyt]", "ca[out]")], state)
    sim, layout = compiled.discretization, compiled.discretization.layout
    segment = sim.groups[number].segment

    def capacity(label: str) -> np.ndarray:
        block = layout[label]
        return sim.capacity[block.start : block.stop][np.argsort(block.segment)][
            np.searchsorted(np.sort(block.segment), segment)
        ]

    np.testing.assert_allclose(inside * capacity("ca[cyt]"), -outside * capacity("ca[out]"), rtol=1e-14)
    faraday = 96485.33212e-6
    np.testing.assert_allclose(v * capacity("v"), 2 * faraday * inside * capacity("ca[cyt]"), rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_lane_elimination_solves_random_sparse_systems(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    pattern = [(i, j) for i in range(n) for j in range(n) if rng.random() < 0.4]
    program = make_program(n, pattern, last=(0,) if seed % 2 else ())
    J, step = rng.normal(size=(len(pattern), LANES)), 0.07
    A, b = np.zeros(program.nnz * LANES), rng.normal(size=(n, LANES))
    assemble(A, np.ascontiguousarray(J).ravel(), program.entry, program.diagonal, step)
    factorise(A, program.factor)
    x = b.copy().ravel()
    solve(A, x, program.lower, program.upper, program.diagonal)
    for lane in range(LANES):
        matrix = np.eye(n)
        for (i, j), value in zip(pattern, J[:, lane], strict=True):
            matrix[i, j] -= step * value
        np.testing.assert_allclose(x.reshape(n, LANES)[:, lane], np.linalg.solve(matrix, b[:, lane]), rtol=1e-12, atol=1e-13)


def test_a_chain_is_eliminated_from_both_ends() -> None:
    """So that two pivots never wait for each other, which halves the time of long chains."""
    n = 9
    program = make_program(n, [(i, j) for i in range(n) for j in range(n) if abs(i - j) <= 1])
    order = [k for k, _ in substitutions(program.lower)]
    assert order == [0, 8, 1, 7, 2, 6, 3, 5, 4]


def test_what_is_known_last_is_subtracted_last() -> None:
    rng = np.random.default_rng(0)
    program = make_program(12, [(i, j) for i in range(12) for j in range(12) if rng.random() < 0.3])
    for part in (program.lower, program.upper):
        when = {unknown: time for time, (unknown, _) in enumerate(substitutions(part))}
        for unknown, terms in substitutions(part):
            times = [when[other] for _, other in terms]
            assert times == sorted(times)
            assert not times or times[-1] < when[unknown]


def test_elimination_order_makes_no_fill_in_a_chain_or_star() -> None:
    chain = [(i, j) for i in range(30) for j in range(30) if abs(i - j) <= 1]
    star = [(i, j) for i in range(30) for j in range(30) if i == j or 0 in (i, j)]
    assert make_program(30, chain).nnz == len(chain)
    assert make_program(30, star).nnz == len(star)


X, Y = sympy.symbols("x y", real=True)


@pytest.mark.parametrize(
    "expression",
    [
        X**7 - 3 * X / Y**2 + sympy.Rational(1, 3),
        X**-1 * Y ** sympy.Rational(-1, 2) + X ** sympy.Rational(1, 2) - X**20,
        -((X + Y) ** 3) / (X - Y / 3),
        Y**X + sympy.pi * X,
        Piecewise((X, (X < Y) & (X > 0)), (Y, sympy.Or(X > 2, Y > 2)), (X * Y, sympy.Not(X > 5))),
        sympy.sign(X - Y) + Heaviside(X - 1) + Abs(X - Y) - Max(X, Y, 1) * Min(X, Y),
        sympy.cosh(X) * sympy.atan(Y) + sympy.erf(X) - sympy.floor(3 * Y),
        log(X) * exp(-Y) * tanh(X - Y) * sqrt(X + Y),
    ],
    ids=str,
)
def test_printed_text_means_what_the_expression_means(expression: sympy.Expr) -> None:
    """The text is Python as well: evaluated with plain functions it is the expression's value."""
    names = {"vexp": math.exp, "vlog": math.log, "vtanh": math.tanh, "vpow": pow, "math": math, "abs": abs}
    for x, y in ((0.7, 1.9), (2.5, 0.4), (1.0, 3.5)):
        text = LanePrinter().doprint(expression)
        exact = float(expression.subs({X: x, Y: y}).evalf())
        assert eval(text, {**names, "x": x, "y": y}) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("expression", [sympy.zeta(X), sympy.Function("mystery")(X), sympy.Derivative(X * Y, X), sympy.I * X])
def test_what_has_no_kernel_is_refused_by_name(expression: sympy.Expr) -> None:
    with pytest.raises(KernelError, match=r"Rates cannot"):
        LanePrinter().doprint(expression)


def test_equal_models_share_their_kernels(spiking: Callable) -> None:
    """Values that are numbers per node are data: neither parameters, nor geometry, nor stimuli compile anything anew."""
    one, same = spiking().compile(), spiking().compile()
    other = spiking(amp=0.1, gnabar=lambda node: 0.1 + 0.01 * node.x, segments=5, train=()).compile()
    assert one.kernels.module is same.kernels.module is other.kernels.module
    assert one.kernels.source == other.kernels.source


def test_models_share_the_kernels_of_the_groups_that_are_alike() -> None:
    """A mechanism more in one section makes new kernels for that section alone; others have the same machine code."""
    cell = geometry.examples.y_branch()

    def kernels(more: bool) -> dict[str, int]:
        model = rxd.Model(cell, segments=1)
        model.insert(library.hh(), on=cell.all)
        if more:
            model.insert(library.pas(), on=cell[cell.names[1]])
        sim = model.compile("split", dt=0.025)
        groups = {"pas" if any("pas" in p.label for p in g.processes) else "hh": g.name for g in sim.system.groups}
        return {f"{what} {kind}": getattr(sim.kernels.module, f"{what}_{name}").address
                for kind, name in groups.items() for what in ("gates", "electric")}  # fmt: skip

    plain, other = kernels(False), kernels(True)
    assert plain["electric hh"] == other["electric hh"] != other["electric pas"]
    assert plain["gates hh"] == other["gates hh"]


def test_other_equations_get_other_kernels(spiking: Callable, plain: Callable) -> None:
    made = spiking()
    made.model.add(rxd.Rate(made.species, -made.species / 100))
    systems = [spiking().compile().system, made.compile().system, plain().compile().system]
    keys = {system_key(system, purpose) for system in systems for purpose in ("split", "coupled")}
    assert len(keys) == 6


SCRIPT = """
import sys, numpy as np
import geometry, rxd
from rxd import library
cell = geometry.cylinder(20, 20)
model = rxd.Model(cell, segments=1)
model.insert(library.pas(g=1e-4 * float(sys.argv[1])), on=cell.all)
sim = model.compile("split", dt=0.025)
sim.run(5)
print(repr(float(sim.values("v")[0])))
"""


def test_a_second_process_compiles_nothing(own_cache: Path) -> None:
    """The cache folder after a second run, with another parameter, holds the same files with the same contents and times."""

    def run(g: float) -> float:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "AXOPLASM_CACHE": str(own_cache), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(g)], env=environment, capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    def contents() -> dict[str, tuple[int, bytes]]:
        return {
            str(p.relative_to(own_cache)): (p.stat().st_mtime_ns, p.read_bytes()) for p in own_cache.rglob("*") if p.is_file()
        }

    first = run(1)
    kept = contents()
    assert any(name.endswith(".nbc") for name in kept)  # machine code, not only source
    assert len([name for name in kept if name.endswith(".py")]) == 2  # the model's text, and its only kernel
    assert run(3) != first
    assert contents() == kept


def test_processes_that_compile_the_same_model_at_once_do_not_meet(own_cache: Path) -> None:
    """All give the answer of a process alone, leave one module without half-written files, and what they leave can be used."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AXOPLASM_CACHE": str(own_cache), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", SCRIPT, "2"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    together = [subprocess.Popen(command, **pipes) for _ in range(3)]
    answers = [process.communicate() for process in together]
    assert [process.returncode for process in together] == [0, 0, 0], answers
    kept = sorted(path.name for path in own_cache.rglob("*") if path.is_file())
    assert len([name for name in kept if name.endswith(".py")]) == 2
    assert not [name for name in kept if name.endswith(".part") or "tmp" in name]
    alone = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    assert {out for out, _ in answers} == {alone.stdout}
    assert sorted(path.name for path in own_cache.rglob("*") if path.is_file()) == kept


def test_source_is_readable_and_public(compiled: rxd.Simulation) -> None:
    source = Path(compiled.kernels.path).read_text()
    assert source == compiled.kernels.source
    compile(source, "kernels", "exec")
    for local in compiled.system.groups:
        assert f"def electric_{local.name}(" in source
    assert source in compiled.explain()


def test_large_chemistry_is_several_loops_with_the_same_values() -> None:
    """Sixty species in a ring of reactions: more results than one vector loop may have."""
    n = 60
    cell = geometry.cylinder(30, 1)
    model = rxd.Model(cell, segments=3)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    species = [rxd.Species(cyt, name=f"s{i}", initial=0.1 + 0.01 * i) for i in range(n)]
    for i in range(n):
        here, near, rate = species[i][cyt], species[i - 1][cyt], 0.1 + 0.01 * i
        taken = rate * here * near / (1 + here + near)
        model.add(rxd.Reaction(species[i] + species[i - 1], species[i - 2], taken, custom_dynamics=True))
    sim = model.compile("split", dt=0.1)
    name, kernels = sim.system.groups[0].name, sim.kernels.groups[0]
    text = sim.kernels.source.split(f"def chemistry_{name}(")[1].split("@kernel")[0]
    left_out = getattr(sim.kernels.module, f"POLYNOMIALS_{name}")
    assert text.count("for l in range(") == -(-(n + len(kernels.program.entry) - len(left_out)) // OUTPUTS) > 1
    y = sim.problem.initial * np.random.default_rng(3).uniform(0.5, 1.5, sim.problem.size)
    found, jacobian = chemistry_of(sim, 0, y)
    local = sim.system.groups[0]
    rates = dict(local.rates)
    rows = [local.unknowns[i] for i in kernels.active]
    assert_equal(found, oracle(sim, 0, [rates[label] for label in rows], y))
    slopes = [sympy.diff(rates[rows[i]], local.symbol_of(rows[j])) for i, j in getattr(sim.kernels.module, f"PATTERN_{name}")]
    assert_equal(jacobian, oracle(sim, 0, slopes, y))


def test_a_condition_that_is_itself_a_choice_becomes_code() -> None:
    x, y = sympy.symbols("x y", real=True)
    chosen = sympy.Piecewise((1, sympy.ITE(x > 0, y > 1, y > 3)), (2, True))
    text = LanePrinter().doprint(chosen)
    for u, w in product((-1.0, 1.0), (0.0, 2.0, 4.0)):
        assert eval(text, {"x": u, "y": w}) == (1 if w > (1 if u > 0 else 3) else 2)
