"""`neuron.sections`: a section that prints what it contains."""

from __future__ import annotations

import sys
from typing import Any

from rxd.neuron.cells import describe
from rxd.neuron.cells.sections import Section

__all__ = ["ExtendedSection"]


class ExtendedSection(Section):
    """NEURON's section that prints what it contains: `from neuron.sections import ExtendedSection`."""

    __slots__ = ()

    def psection(self) -> Any:
        """Print all properties."""
        sys.stdout.write(describe.mechanism_text(self._alive))
