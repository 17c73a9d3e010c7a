"""`python -m rxd.neuron [--correct] SCRIPT [ARGS...]`."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType

from rxd.neuron.launcher import run_script

_HERE = str(Path(__file__).parent)


def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error from the script's own lines on, without those that started it."""
    start = trace
    while start is not None and start.tb_frame.f_code.co_filename.startswith((_HERE, "<frozen runpy")):
        start = start.tb_next
    traceback.print_exception(kind, error, trace if start is None else start)


def main() -> None:
    """Run the script named on the command line."""
    correct = sys.argv[1:2] == ["--correct"]
    if correct:
        del sys.argv[1]
    if len(sys.argv) < 2:
        sys.exit(
            "usage: python -m rxd.neuron [--correct] SCRIPT [ARGS...]    runs a script for NEURON: .py, .ipynb or .hoc\n"
            "    --correct    count every reaction once, at the rate it has now, also where NEURON 9 does not"
        )
    sys.excepthook = tell
    try:
        run_script(sys.argv[1], sys.argv[2:], correct)
    except FileNotFoundError as error:
        if error.filename is not None and error.filename.endswith(sys.argv[1]):
            sys.exit(f"can't open file {sys.argv[1]!r}: no such file")
        raise


if __name__ == "__main__":
    main()
