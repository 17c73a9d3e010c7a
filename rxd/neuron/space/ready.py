"""Values of species that are those of the model now: what scripts that go from node to node look at and write.

In: a species on a region whose values have just been brought up to date. Out: the same until anything changes, without asking
again at every node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from rxd.neuron.engine import Engine
    from rxd.neuron.space.nodes import NodeTable

__all__ = ["Ready", "ReadyValues"]


class Ready:
    """Up-to-date values of a species on a region.

    Attributes
    ----------
    table : NodeTable
        Of which nodes.
    values : ndarray, shape (n,)
        The array scripts see, not a copy.
    """

    __slots__ = ("_engine", "_key", "_positions", "table", "values")

    def __init__(self, table: NodeTable, values: np.ndarray) -> None:
        self.table, self.values = table, values
        self._engine: Engine | None = None
        self._positions: np.ndarray | None = None
        self._key: Any = None

    def open(self, engine: Engine, positions: np.ndarray, key: tuple[int, int]) -> None:
        """From now on numbers may be written: somebody has written one, and the engine knows of it."""
        self._engine, self._positions, self._key = engine, positions, key

    def put(self, index: int, value: float) -> bool:
        """Write one more number; False if the engine has to be told first."""
        engine = self._engine
        if engine is None:
            return False
        self.values[index] = value
        engine.y[self._positions[index]] = value  # type: ignore[index]  # both are set by `open`
        engine.exchange.brought(self._key, self.values)
        return True


class ReadyValues:
    """What is ready in a session, by species and region, until it is told that something has changed."""

    __slots__ = ("_used",)

    def __init__(self) -> None:
        self._used: list[dict[Any, Ready]] = []

    def keep(self, by_region: dict[Any, Ready], region: Any, ready: Ready) -> None:
        """Take note of values in the store of their species."""
        by_region[region] = ready
        self._used.append(by_region)

    def clear(self) -> None:
        """Anything has changed."""
        if self._used:
            for by_region in self._used:
                by_region.clear()
            self._used.clear()
