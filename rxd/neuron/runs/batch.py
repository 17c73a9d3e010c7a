"""`batch_save` and `batch_run`: a run whose variables go into a text file.

In: pointers, a time to run to, an interval, the name of a file. Out: a line of the file for each interval.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rxd.neuron.vectors.pointers import Pointer, as_pointer

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["batch_run", "batch_save"]


def batch_save(session: Session, *pointers: Pointer) -> float:
    """Add variables to those that `batch_run` writes; without any, forget them all."""
    saved = session.run.saved_in_batch
    if not pointers:
        saved.clear()
    saved.extend(as_pointer(pointer, "batch_save") for pointer in pointers)
    return 1.0


def batch_run(session: Session, stop: float, step: float = 0.0, name: str | None = None, comment: str = "") -> float:
    """Run to a time without drawing; with the name of a file, write the variables of `batch_save` to it at every interval.

    Parameters
    ----------
    session : Session
    stop, step : float
        Where to end, and the interval between lines, in ms.
    name, comment : str
        The file, and its first line.
    """
    from rxd.neuron.runs.run_functions import continuerun

    values = session.globals
    if name is None:
        return continuerun(session, stop)
    head = f"{comment}\nbatch_run from t = {values.t:g} to {stop:g} in steps of {step:g} with dt = {values.dt:g}\n"
    with Path(name).open("w", encoding="utf-8") as file:
        file.write(head)
        due = values.t
        while True:
            file.write("".join(f" {pointer.get():g}" for pointer in session.run.saved_in_batch) + "\n")
            due += step
            if step <= 0 or due > stop + 1e-9 * max(abs(stop), step):
                break
            continuerun(session, due)
        continuerun(session, stop)
    return 1.0
