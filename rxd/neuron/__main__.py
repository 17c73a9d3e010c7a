"""`python -m rxd.neuron [--correct] SCRIPT [ARGS...]`."""

from __future__ import annotations

import sys

from rxd.neuron.launcher import run_script


def main() -> None:
    """Run the script named on the command line."""
    correct = sys.argv[1:2] == ["--correct"]
    if correct:
        del sys.argv[1]
    if len(sys.argv) < 2:
        sys.exit(
            "usage: python -m rxd.neuron [--correct] SCRIPT [ARGS...]    runs a script written for NEURON's Python interface\n"
            "    --correct    count every reaction once, at the rate it has now, also where NEURON 9 does not"
        )
    if sys.argv[1].endswith(".hoc"):
        sys.exit("python -m rxd.neuron runs Python scripts; load hoc files from one with h.load_file('file.hoc')")
    try:
        run_script(sys.argv[1], sys.argv[2:], correct)
    except FileNotFoundError as error:
        if error.filename is not None and error.filename.endswith(sys.argv[1]):
            sys.exit(f"can't open file {sys.argv[1]!r}: no such file")
        raise


if __name__ == "__main__":
    main()
