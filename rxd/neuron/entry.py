"""The names of the module `neuron` that every script uses."""

from __future__ import annotations

from rxd.neuron.errors import HocError
from rxd.neuron.interpreter import Interpreter
from rxd.neuron.session import Session, current_session

__all__ = ["HocError", "Session", "current_session", "h", "n"]

h = Interpreter("<TopLevelHocInterpreter>")
n = Interpreter("<TopLevelNEURONInterface>")
