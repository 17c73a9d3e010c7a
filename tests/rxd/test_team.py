"""Several threads share pieces of work: the same numbers whoever does what, and nobody waits for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from rxd.solve.graph_blocks import around, cut, home, order_slivers
from rxd.solve.lane_operations import lean_kernel
from rxd.solve.split_helpers import keep_away, own_processor
from rxd.solve.team import PIECES, gathered, turn

# For Python, to call what else only kernels do.
its_turn = lean_kernel(turn.py_func)


@pytest.mark.parametrize("members", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 2, 7, PIECES])
def test_every_member_comes_to_every_piece(members: int, count: int) -> None:
    """And begins with its own share, so that members meet only at the end."""
    for member in range(members):
        order = [its_turn(gathered(members)._replace(member=member), i, count) for i in range(count)]
        assert sorted(order) == list(range(count))
        own = range(count * member // members, count * (member + 1) // members)
        assert set(order[: len(own)]) == set(own)


def slivers(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Bounds of blocks, slivers among nodes of a line, where the carriers of each begin, and these, which may be far away."""
    rng = np.random.default_rng(seed)
    bounds = np.append(np.arange(0, 200, 20), 200)
    sliver = np.sort(rng.choice(200, 60, replace=False))
    count = rng.integers(1, 4, 60)
    carrier = np.clip(np.repeat(sliver, count) + rng.integers(-8, 9, count.sum()), 0, 199)
    return bounds, sliver, np.append(0, np.cumsum(count)), carrier


@pytest.mark.parametrize("seed", range(5))
def test_seams_have_no_node_in_common(seed: int) -> None:
    """So that they may be taken in any order, while the slivers of one keep theirs."""
    bounds, sliver, reach, carrier = slivers(seed)
    order = order_slivers(bounds, sliver, reach, carrier)
    assert sorted(order.slivers) == list(range(len(sliver)))
    touched = [np.append(sliver[s], carrier[reach[s] : reach[s + 1]]) for s in range(len(sliver))]
    assert len(order.seams) > 2
    seen: set[int] = set()
    for (begin, low, high), (end, *_) in zip(order.seams[:-1], order.seams[1:], strict=True):
        mine = order.slivers[begin:end]
        assert (np.diff(mine) > 0).all()
        nodes = np.concatenate([touched[s] for s in mine])
        assert home(bounds, nodes).min() == low < high == home(bounds, nodes).max()
        assert seen.isdisjoint(nodes.tolist())
        seen |= set(nodes.tolist())
    for block in range(len(bounds) - 1):
        for s in order.slivers[order.starts[block] : order.starts[block + 1]]:
            assert (home(bounds, touched[s]) == block).all()


def test_blocks_know_whom_they_exchange_with() -> None:
    """Rows stay whole; neighbours of rows and of listed nodes are within the blocks around."""
    n, length = 40 * 1024, 50
    begin = np.arange(0, n - 2 * length, 2 * length)
    rows = np.column_stack([begin, np.full(len(begin), length), begin - 4000, begin - 100, begin + 100, begin + 4000])
    rows[:, 2:] = np.clip(rows[:, 2:], 0, n - length)
    rest = np.setdiff1d(np.arange(n), (begin[:, None] + np.arange(length)).ravel())
    bounds = cut(n, rows, rest)
    assert len(bounds) > 5
    first, last = home(bounds, rows[:, 0]), home(bounds, rows[:, 0] + length - 1)
    assert np.array_equal(first, last)
    far = np.minimum(rest + 9000, n - 1)
    made = around(bounds, rows, [(rest, rest, far)], np.array([[0, len(bounds) - 1, len(bounds) - 1]]))
    for node, other in [*zip(rest, far, strict=True), *zip(rows[:, 0], rows[:, 2], strict=True)]:
        low, high = made[home(bounds, node), 1:3]
        assert low <= home(bounds, other) <= high


def test_threads_on_one_core_come_to_an_end() -> None:
    """Three threads that never run at the same time, with slivers across blocks, chemistry and what currents move."""
    script = """
        import os
        import threading
        import numpy as np
        import rxd
        from geometry import Morphology, SectionSpec
        from rxd import library

        cell = Morphology.from_sections([SectionSpec("rod", [(0, 0, 0, 3.0), (5, 2, 1.5, 3.0)])])
        cyt = rxd.Region(cell.all, "cyt", side="i", dimension=3, dx=0.13)
        k = rxd.Species(cyt, "k", d=2.0, charge=1, initial=lambda n: 50 + np.sin(n.position[:, 0]))
        buf, bound = rxd.Species(cyt, "buf", d=0.5, initial=1.0), rxd.Species(cyt, "bound", initial=0.0)
        model = rxd.Model(cell, segments=1)
        model.add(rxd.Reaction(k + buf, bound, 0.1, 0.1))
        model.insert(library.hh(), on=cell.all)
        sim = model.compile("split", dt=0.025, threads=3)
        assert sim.stepper._graphs.many and len(sim.stepper._graphs.graph.seams) > 1
        sim.run(0.025)
        assert threading.active_count() == 3
        if hasattr(os, "sched_setaffinity"):
            for thread in threading.enumerate():
                os.sched_setaffinity(thread.native_id, {min(os.sched_getaffinity(0))})
        ends = []
        for threads in (3, 1, 2):
            sim.reset()
            sim.stepper.threads = threads
            sim.run(0.2)
            ends.append([sim.values(key) for key in ("k[cyt]", "buf[cyt]", "bound[cyt]", rxd.v)])
        assert np.ptp(ends[0][0]) > 0
        for other in ends[1:]:
            assert all(np.array_equal(a, b) for a, b in zip(ends[0], other, strict=True))
        print("the same")
    """
    surroundings = os.environ | {"NUMBA_NUM_THREADS": "3", "OMP_NUM_THREADS": "1"}
    made = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert made.stdout.strip() == "the same", made.stderr


def _until(ready: threading.Event, over: threading.Event) -> None:
    ready.set()
    over.wait()


def test_helpers_are_told_to_leave_the_processor_of_the_loop() -> None:
    ready, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=_until, args=(ready, over))
    thread.start()
    ready.wait()
    allowed = os.sched_getaffinity(0)
    keep_away([thread.native_id or 0, 2**22 + 1], own_processor())  # the other is none of this process
    left = os.sched_getaffinity(thread.native_id or 0)
    over.set()
    thread.join()
    assert left <= allowed
    assert len(left) == max(len(allowed) - 1, 1)
    assert os.sched_getaffinity(0) == allowed
