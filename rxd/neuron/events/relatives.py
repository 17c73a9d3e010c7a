"""What belongs together with a NetCon: those with the same source, target or cells.

In: the connections of a session. Out: Lists of them, and the number (gid) of the source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rxd.neuron.session import Session
    from rxd.neuron.texts.lists import List

__all__ = ["Relatives"]


class Relatives:
    """Methods of a NetCon that look at the others."""

    _session: Session

    def _others(self, quality: Callable[[Any], Any], into: List | None) -> List:
        """Connections that have something in common with this one; none if it has nothing of the kind."""
        from rxd.neuron.texts.lists import List

        found = List() if into is None else into
        own = quality(self)
        if own is not None:
            for one in self._session.run.connections():
                if quality(one) is own:
                    found.append(one)
        return found

    def prelist(self, into: List | None = None) -> List:
        """The NetCons with the same source."""
        return self._others(_source, into)

    def synlist(self, into: List | None = None) -> List:
        """The NetCons with the same target."""
        return self._others(lambda one: one.syn(), into)

    def precelllist(self, into: List | None = None) -> List:
        """The NetCons whose source is in the same cell."""
        return self._others(lambda one: one.precell(), into)

    def postcelllist(self, into: List | None = None) -> List:
        """The NetCons whose target is in the same cell."""
        return self._others(lambda one: one.postcell(), into)

    def srcgid(self) -> int:
        """The number `pc.cell` has given its source, or that of a cell that is not here; -1 if it has none."""
        exchange = self._session.exchange
        source, cells = _source(self), exchange.cells
        if source is None:
            return next((gid for gid, waiting in exchange.awaited.items() if any(one() is self for one in waiting)), -1)
        return next((gid for gid, one in cells.items() if source is not None and _source(one) is source), -1)


def _source(connection: Any) -> Any:
    """What connections with the same source share: a detector, or the artificial cell."""
    return connection.pre() if connection._detector is None else connection._detector
