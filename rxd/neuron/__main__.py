"""`python -m rxd.neuron`: a script, a module, a line of code or a prompt in which `neuron` is this package."""

from __future__ import annotations

import gc
import importlib
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from rxd.collector import collector_paused

_HERE = str(Path(__file__).parent)


def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error from the script's own lines on, without those that started it."""
    start = trace
    while start is not None and start.tb_frame.f_code.co_filename.startswith((_HERE, "<frozen runpy")):
        start = start.tb_next
    traceback.print_exception(kind, error, trace if start is None else start)


USAGE = """\
usage: python -m rxd.neuron [--correct] SCRIPT [ARGS...]       runs a script for NEURON: .py, .ipynb or .hoc
       python -m rxd.neuron [--correct] -m MODULE [ARGS...]    runs a module: -m pytest test_cell.py
       python -m rxd.neuron [--correct] -c CODE [ARGS...]      runs one line of Python
       python -m rxd.neuron [--correct] -i SCRIPT [ARGS...]    goes on with a prompt after the script
       python -m rxd.neuron [--correct] [-]                    runs what comes from the standard input, or gives a prompt
    --correct    count every reaction once, at the rate it has now, and keep the widths of sections in voxels, also where
                 NEURON 9 does not"""


def main() -> None:
    """Run what the command line names."""
    arguments = sys.argv[1:]
    correct = arguments[:1] == ["--correct"]
    arguments = arguments[correct:]
    first, rest = (arguments or ["-"])[0], arguments[1:]
    if first in ("-h", "--help"):
        sys.stdout.write(f"{USAGE}\n")
        return
    sys.excepthook = tell
    with collector_paused():
        importlib.import_module("rxd.neuron.entry")
        importlib.import_module("rxd.neuron.classes")
        launcher = importlib.import_module("rxd.neuron.launcher")
        if sys.stderr.isatty():
            importlib.import_module("rxd.neuron.first_time").announce_compiling(sys.stderr)
        gc.freeze()  # what was imported stays: Python's collector of garbage need not look through it even once
    if first in ("-m", "-c", "-i") and not rest:
        sys.exit(f"{first} wants something behind it\n{USAGE}")
    if first == "-m":
        _run_module(launcher, rest[0], rest[1:], correct)
    elif first == "-c":
        launcher.run_source(rest[0], "-c", rest[1:], correct)
    elif first == "-" and sys.stdin.isatty():
        _prompt(launcher.run_source("", "", rest, correct))
    elif first == "-":
        launcher.run_source(sys.stdin.read(), "-", rest, correct)
    elif first == "-i":
        _run_file(launcher, rest[0], rest[1:], correct)
        _prompt(sys.modules["__main__"].__dict__)
    elif first.startswith("-"):
        sys.exit(f"no option {first!r} here\n{USAGE}")
    else:
        _run_file(launcher, first, rest, correct)


def _run_module(launcher: Any, name: str, arguments: list[str], correct: bool) -> None:
    try:
        launcher.run_module(name, arguments, correct)
    except ModuleNotFoundError as error:
        if error.name == name:
            sys.exit(f"no module named {name!r}")
        raise


def _run_file(launcher: Any, path: str, arguments: list[str], correct: bool) -> None:
    try:
        launcher.run_script(path, arguments, correct)
    except FileNotFoundError as error:
        if error.filename is not None and error.filename.endswith(path):
            sys.exit(f"can't open file {path!r}: no such file")
        raise


def _prompt(names: dict[str, Any]) -> None:
    """Python's prompt, in which `import neuron` means this package."""
    import code

    code.interact(banner="Axoplasm's NEURON layer: `from neuron import h, rxd`. End with Ctrl-D.", local=names, exitmsg="")


if __name__ == "__main__":
    main()
