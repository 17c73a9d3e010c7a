"""What INITIAL blocks of density mechanisms leave in variables that nothing assigns later: ``tadj = q10^((celsius - 23)/10)``.

In: an engine at the beginning of a run. Out: numbers in its fields and in sections, which stay up to the next run, as in
NEURON: whatever a script makes of the temperature and of parameters meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import sympy

from rxd.codegen.oracle import fields_of
from rxd.nmodl.mechanisms import LEFT

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.nmodl import Translation

__all__ = ["Beginnings"]

Values = dict[tuple[str, str], np.ndarray]


class Beginnings:
    """Computes such variables, and puts them where they are looked for."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._labels = [
            (number, label)
            for number, local in enumerate(engine.system.groups)
            for label, _ in local.assigned
            if label.endswith(LEFT)
        ]

    def compute(self) -> Values:
        """What INITIAL makes of what there is now: by mechanism and variable, a number for each segment with it, else nan."""
        engine = self.engine
        found: Values = {}
        for number, label in self._labels:
            mechanism, key = label.removesuffix(LEFT).split(".", 1)
            group = engine.groups[number]
            values = engine.readout.formula(number, label)(engine.y[group.position], fields_of(group), 0.0)[0]
            everywhere = found.setdefault((mechanism, key), np.full(engine.layout.segments.n, np.nan))
            everywhere[group.segment] = values
        return found

    def put(self, found: Values, ions: bool) -> None:
        """Let everybody see it: concentrations (`ions`), which gates at rest follow from, or the rest."""
        engine = self.engine
        for (mechanism, key), everywhere in found.items():
            translation = engine.session.mods.known[mechanism]
            records = [record for record in engine.layout.records if mechanism in record.mechanisms]
            if (key in translation.names.ions) != ions:
                continue
            if ions:
                for record in records:
                    record.store[key][:] = everywhere[engine.layout.index[record.id]]
                    record.follow_concentration(key)
                engine.fields.stale.add(key)
                continue
            if key in translation.shared:
                everywhere[:] = self._of_all(translation, key, everywhere, engine.layout.index[records[-1].id][-1])
            if key in translation.globals:
                engine.session.globals[f"{key}_{mechanism}"] = float(everywhere[0])
            else:
                name = translation.stored(key)
                for record in records:  # in place: who has looked there before looks again
                    record.store.setdefault(name, np.zeros(record.nseg))[:] = everywhere[engine.layout.index[record.id]]
            for number, row in self._rows(mechanism, key):
                group = engine.groups[number]
                values = everywhere[group.segment]
                if not np.array_equal(fields_of(group)[row], values):
                    engine.fields.put(number, row, values)

    def _of_all(self, translation: Translation, key: str, everywhere: np.ndarray, last: int) -> float:
        """What one variable of all segments is after INITIAL: the last has the last word, but all count in `n = n + 1`."""
        before = self.engine.session.globals.values.get(f"{key}_{translation.file.name}")
        if before is None or sympy.diff(translation.left[key], sympy.Symbol(key, real=True)) != 1:
            return float(everywhere[last])
        return float(before + np.nansum(everywhere - before))

    def _rows(self, mechanism: str, key: str) -> Iterator[tuple[int, int]]:
        """Groups and rows of their fields that hold a variable."""
        inserted = self.engine.declared.inserted
        for number, row, field in self.engine.fields.of_kind("mechanism"):
            if field.args[1] == key and inserted[field.args[0]][0] == mechanism:
                yield number, row
