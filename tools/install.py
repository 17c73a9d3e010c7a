"""Make the project's environment and install Axoplasm into it, with its dependencies as wheels only.

Comes in: the environment's folder and the extras of pyproject.toml that are wanted. Goes out: an environment whose
Axoplasm is this very folder (editable). Nothing is compiled, root is not needed, and only the standard library is used,
for this runs on a machine that has nothing else yet::

    python3 tools/install.py .venv --extra test

pip's own words go to ``install.log`` in the environment; on a terminal one line shows how far it is, and when pip
fails the end of its words is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
WIDTH = 100


def check_interpreter(version: tuple[int, int]) -> None:
    """Stop with a remedy if this Python is too old to run Axoplasm."""
    if version < OLDEST:
        found, needed = (".".join(map(str, v)) for v in (version, OLDEST))
        raise SystemExit(
            f"{sys.executable} is Python {found}; Axoplasm needs {needed} or newer.\n"
            f"Name a newer one, for example: make PYTHON=python{needed} demo"
        )


def create_environment(folder: Path) -> list[str]:
    """Create the environment unless it is there already, and return the command that runs its pip.

    Debian and Ubuntu leave ``ensurepip`` out of their Python and put it into ``python3-venv``. Where that is missing the
    environment is made without a pip of its own and the machine's pip works on it from outside.
    """
    python = folder / "bin" / "python"
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    has_pip = importlib.util.find_spec("pip") is not None
    if not has_ensurepip and not has_pip and not python.exists():
        raise SystemExit(
            f"{sys.executable} has neither 'ensurepip' nor 'pip', so it cannot make an environment.\n"
            "On Debian or Ubuntu: apt-get install python3-venv\n"
            "Without root, name a Python that has them: make PYTHON=/path/to/python3 demo"
        )
    if not python.exists():
        without_pip = [] if has_ensurepip else ["--without-pip"]
        subprocess.run([sys.executable, "-m", "venv", *without_pip, str(folder)], check=True)
        if not has_ensurepip:
            pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-qq", "pip"]
            subprocess.run(pip, check=True)
    return [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def describe(line: str) -> str | None:
    """What a line of pip's output tells a waiting person, or None when it tells nothing."""
    for pattern, words in (
        (r"\s*Downloading (\S+?)-\d\S*(?: \((.+)\))?$", "downloading {} ({})"),
        (r"\s*Using cached (\S+?)-\d", "found {}"),
        (r"Collecting ([\w.-]+)", "looking for {}"),
        (r"Installing collected packages: (.+)", "unpacking {} packages"),
    ):
        match = re.match(pattern, line)
        if match and words.startswith("unpacking"):
            return words.format(len(match.group(1).split(",")))
        if match:
            return words.format(*(group or "?" for group in match.groups()))
    return None


def start(command: list[str]) -> subprocess.Popen[str]:
    """Start pip in the project's folder with both of its outputs in one pipe."""
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def read_lines(process: subprocess.Popen[str], every: float) -> Iterator[str | None]:
    """Lines of a process as they come, and None whenever ``every`` seconds passed without one."""
    assert process.stdout is not None
    source = process.stdout
    lines: queue.Queue[str | None] = queue.Queue()

    def pump() -> None:
        for line in source:
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=pump, daemon=True)
    reader.start()
    while reader.is_alive() or not lines.empty():
        line = None
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=every)
        yield line


def run_pip(command: list[str], log: Path) -> None:
    """Run pip with its output in ``log`` and one moving line on a terminal; stop with the end of the log if it fails."""
    begin = time.monotonic()
    terminal = sys.stdout.isatty()
    state = "starting"
    # One line on purpose: the newer form in parentheses would hide our message from an old Python behind a syntax error.
    with log.open("w") as sink, start(command) as process:
        for line in read_lines(process, every=0.5):
            if line is not None:
                sink.write(line)
                state = describe(line) or state
            if terminal:
                print(f"\r  {time.monotonic() - begin:4.0f} s  {state}"[:WIDTH].ljust(WIDTH), end="", flush=True)
    if terminal:
        print("\r" + " " * WIDTH + "\r", end="")
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SystemExit(f"{tail}\n\npip failed (exit code {process.returncode}). Its whole output is in {log}")
    print(f"  done in {time.monotonic() - begin:.0f} s", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Create the environment and install the project with the extras asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the environment, made if it is not there")
    parser.add_argument("--extra", action="append", default=[], help="an extra of pyproject.toml; may be repeated")
    options = parser.parse_args(arguments)
    check_interpreter(sys.version_info[:2])
    extras = f"[{','.join(options.extra)}]" if options.extra else ""
    print(
        f"Installing axoplasm{extras} and its dependencies into {options.folder} (wheels only, a minute or less) ...",
        flush=True,
    )
    pip = create_environment(options.folder)
    run_pip([*pip, "install", "--only-binary", ":all:", "--editable", f"{ROOT}{extras}"], options.folder / "install.log")


if __name__ == "__main__":
    main()
