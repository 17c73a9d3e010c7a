"""Events on their way, as text for a file.

In: what `rxd.neuron.runs.saved` keeps of the queue and of artificial cells. Out: JSON that names NetCons and cells by their
order in the model, and the same back in this model or in the same one of another process.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError
from rxd.neuron.events.artificial import Artificial, Turn
from rxd.neuron.events.connections import NetCon

if TYPE_CHECKING:
    from rxd.neuron.runs.run import Run

__all__ = ["read_queue", "written"]


def written(run: Run, events: list[Any], cells: list[Any]) -> str:
    """Events and cells as text.

    Raises
    ------
    HocError
        If an event calls a function.
    """
    connections = {id(one): number for number, one in enumerate(run.connections())}
    order = {id(cell): number for number, cell in enumerate(_cells(run))}
    then = {id(cell): state[0] for cell, state in cells}
    rows = [_row(t, action, connections, order, then) for t, *_, action in sorted(events, key=lambda entry: entry[:3])]
    kept = [(order[id(cell)], *state) for cell, state in cells]
    return json.dumps({"events": [row for row in rows if row is not None], "cells": kept})


def read_queue(run: Run, text: str) -> tuple[list[Any], list[Any]]:
    """Events and cells from such a text.

    Raises
    ------
    HocError
        If the model has other NetCons or cells.
    """
    found, connections, cells = json.loads(text), run.connections(), _cells(run)
    try:
        events = [_event(row, number, connections, cells) for number, row in enumerate(found["events"])]
        kept = [(cells[number], state) for number, *state in found["cells"]]
    except IndexError:
        raise HocError("SaveState.restore: the file holds the events of another model.") from None
    return events, kept


def _cells(run: Run) -> list[Any]:
    return [point for point in run.points if isinstance(point, Artificial)]


def _row(
    t: float, action: Any, connections: dict[int, int], order: dict[int, int], then: dict[int, dict[str, Any]]
) -> list[Any] | None:
    """Time, kind, number and more of an event; None for a recording, which is scheduled anew, and what was over then."""
    if action.__name__ == "take":
        return None
    if isinstance(action, Turn):  # the cell itself may have gone on since
        own = then.get(id(action.cell), {})
        if own.get("pending", action.number) != action.number or not own.get("on", True):
            return None
    if isinstance(action, Turn):
        return [t, "cell", order[id(action.cell)], action.number, action.action.__name__]
    if getattr(action, "__func__", None) is NetCon.deliver and id(action.__self__) in connections:
        return [t, "wire", connections[id(action.__self__)]]
    raise HocError(
        f"SaveState.fwrite: a function is to be called at {t:g} ms (CVode.event); that cannot be written. Save later."
    )


def _event(row: list[Any], number: int, connections: list[NetCon], cells: list[Any]) -> tuple[float, float, int, Any]:
    t, kind, which, *rest = row
    if kind == "wire":
        return t, 0.0, number, connections[which].deliver
    turn, name = rest
    return t, 0.0, number, Turn(cells[which], turn, getattr(cells[which], name))
