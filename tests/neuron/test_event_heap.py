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
    assert [(t, action) for t, _, action in taken] == [(t, n) for t, n in entries if t <= until and n % 3 == 0]
    assert heap.popped == 0
    heap.put_back(taken)
    assert heap.first_of(lambda number: number % 7 == 0, until) == sorted(
        ((t, n) for t, n in entries if t <= until and n % 7 == 0), key=lambda entry: entry[1]
    )
    assert rest(heap) == entries


def test_an_empty_queue_has_nothing():
    heap = EventHeap()
    assert heap.first(lambda action: True, math.inf) == (math.inf, 0)
    assert heap.take(math.inf, lambda action: True) == heap.first_of(lambda action: True, math.inf) == []
