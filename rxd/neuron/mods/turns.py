"""Parameters in the bounds of loops of equations: ``FROM i=0 TO n-1 { s = s + x[i] }``.

In: a session and what a mod file says. Out: the numbers that such parameters have, one place and another. An equation has as
many terms as its loop turns, so that it is written down anew where that is otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rxd.neuron.errors import HocError

if TYPE_CHECKING:
    from rxd.neuron.session import Session
    from rxd.nmodl import Translation

__all__ = ["numbers_in_bounds"]

MOST: Final = 32
"""Ways in which such parameters may differ from place to place: each is a branch of the equations."""


def numbers_in_bounds(session: Session, translation: Translation) -> list[dict[str, float]]:
    """What the parameters in the bounds of loops are now, one mapping for each way they are.

    Raises
    ------
    HocError
        If there are too many ways, or one follows another variable.
    """
    file, keys = translation.file, sorted(translation.bounds)
    everywhere = {key: float(session.globals[f"{key}_{file.name}"]) for key in keys if key in translation.globals}
    own = [key for key in keys if key not in everywhere]
    for key in sorted(translation.bounds.intersection(session.links.of_mechanism(file.name))):
        raise HocError(f"{file.path}: {key} says how often a loop of {file.name} turns: it cannot follow another variable.")
    found: dict[tuple[float, ...], None] = {}
    if not own:
        return [everywhere]
    if file.kind == "SUFFIX":
        for record in session.topology:
            if file.name in record.mechanisms:
                found |= dict.fromkeys(zip(*(record.store[f"{key}_{file.name}"].tolist() for key in own), strict=True))
    else:
        made: Any = session.catalogue.points.get(file.name)
        points = [point for point in session.run.points if type(point) is made]
        found = {tuple(point.values[key] for key in own): None for point in points}
    if len(found) > MOST:
        message = f"{file.path}: {', '.join(own)} of {file.name} say how often a loop turns, and there are {len(found)} ways."
        raise HocError(f"{message} Not more than {MOST} can be told apart in equations.")
    return [{**everywhere, **dict(zip(own, numbers, strict=True))} for numbers in found]
