"""Which mechanism and variable of it a label of a group stands for.

In: a system. Out: pairs of names, under which `Declared` notes what mod files say.
"""

from __future__ import annotations

from rxd.symbolic.system import LocalSystem, System

__all__ = ["Key", "mechanism_of"]

Key = tuple[str, str]


def mechanism_of(system: System, group: LocalSystem, label: str) -> Key:
    """Mechanism and variable behind a label; groups of one kind of point process differ in the first part of it."""
    first, _, variable = label.partition(".")
    return (system.points[group.points[0]].name if group.space == "points" else first), variable
