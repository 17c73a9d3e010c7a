"""The queue of events: what is asked of it in its order without taking it apart."""

from __future__ import annotations

import math
import random

import pytest

from rxd.neuron.events.connections import EventHeap


def filled(n=200, seed=1):
    draw, heap = random.Random(seed), EventHeap()
    entries = [(draw.choice([0.5, 1.0, draw.uniform(0, 3)]), number) for number in range(n)]
    for t, number in entries:
        heap.push(t, number)
    return heap, sorted(entries, key=lambda entry: entry[0])  # stable: at one time those put in first


def rest(heap):
    return [heap.pop() for _ in range(len(heap))]


@pytest.mark.parametrize("until", [0.0, 0.5, 1.0, 2.2, math.inf])
@pytest.mark.parametrize("every", [1, 3, 50, 1000])
def test_the_first_of_some_is_found_in_the_order_of_delivery(until, every):
    heap, entries = filled()

    def wanted(number):
        return number % every == every - 1

    here = [(t, number) for t, number in entries if t <= until]
    place = next((i for i, (_, number) in enumerate(here) if wanted(number)), None)
    expected = (math.inf, len(here)) if place is None else (here[place][0], place)
    assert heap.first(wanted, until) == expected
    assert rest(heap) == entries


@pytest.mark.parametrize("until", [0.0, 0.5, 1.0, 2.2, math.inf])
def test_what_is_taken_out_and_brought_back_keeps_its_turn(until):
    heap, entries = filled()
    taken = heap.take(until, lambda number: number % 3 == 0)
    assert [(t, action) for t, *_, action in taken] == [(t, n) for t, n in entries if t <= until and n % 3 == 0]
    assert heap.popped == 0
    heap.put_back(taken)
    assert heap.first_of(lambda number: number % 7 == 0, until) == sorted(
        ((t, 0.0, n) for t, n in entries if t <= until and n % 7 == 0), key=lambda entry: entry[2]
    )
    assert rest(heap) == entries


def test_an_empty_queue_has_nothing():
    heap = EventHeap()
    assert heap.first(lambda action: True, math.inf) == (math.inf, 0)
    assert heap.take(math.inf, lambda action: True) == heap.first_of(lambda action: True, math.inf) == []


def test_at_one_time_the_one_that_was_sent_first_is_first():
    heap = EventHeap()
    heap.push(1.0, "start")
    assert heap.pop() == (1.0, "start")  # what follows is sent at 1
    heap.push(3.0, "late")
    heap.push(3.0, "early", 0.5)
    heap.push(3.0, "at once", 1.0)
    assert [heap.pop()[1] for _ in range(3)] == ["early", "late", "at once"]


def test_what_is_sent_by_what_was_sent_at_that_time_comes_behind_all_that_is_sent_then():
    heap = EventHeap()
    heap.push(1.0, "spike", 1.0)
    heap.pop()
    heap.push(2.0, "event")
    heap.push(2.0, "sample", 1.0)
    assert [heap.pop()[1] for _ in range(2)] == ["sample", "event"]
