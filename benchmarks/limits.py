"""What is known about targets that are missed: the limit and what was tried, by job; printed where a target is missed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "arbor": "Arbor's step is of first order and evaluates currents and gates once.",
        "threads": "Two threads were not measured: neither stepper runs on more than one.",
        "unmeasured": (
            "Not measured here: growth of memory over 10^6 steps, initialisation of 1,000 cells, the selection of 10,000 nodes."
        ),
    }
)
