"""The command ``axoplasm``: ``demo``, ``info``, ``voxelize``, ``run``, ``kernel``, ``prepare`` and ``bench``.

In: what was typed. Out: text, files, and an exit code: 0, 1 for what went wrong, 2 for a command that makes no sense.
"""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from geometry import Morphology
    from rxd.demo import CalciumNeuron
    from rxd.results import Results
    from rxd.simulation import Simulation

app: Final = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="The chemistry, the space and the electricity of a neuron as one declared system.",
)

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Cell = Annotated[
    Path | None, typer.Argument(metavar="[MORPHOLOGY]", help="SWC or Neurolucida ASC file; default: a made-up pyramidal cell.")
]


@app.command()
def demo(
    morphology: Cell = None,
    method: Annotated[str, typer.Option(help="Time stepper: coupled or split.")] = "coupled",
    dt: Annotated[float | None, typer.Option(help="Time step in ms; default 0.05, or by the error (coupled).")] = None,
    until: Annotated[float | None, typer.Option(help="Length of the run in ms.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for figures and results, made if missing.")] = Path("demo-output"),
    debug: Debug = False,
) -> None:
    """Run the main job: spikes drive a calcium wave through the stores of a neuron, and calcium shapes the spikes."""
    with one_line_errors(debug):
        from rxd import demo as main_job

        changed = {name: value for name, value in (("dt", dt), ("duration", until)) if value is not None}
        settings = main_job.Settings(**changed)
        cell = main_job.choose_cell(morphology)
        output.mkdir(parents=True, exist_ok=True)
        print(f"cell     {_facts(cell)}{'' if morphology else ' (made up: geometry.examples.pyramidal_cell)'}", flush=True)
        neuron, sim, compiling = _compiled(cell, settings, method)
        _print_block("note", list(neuron.parts.notes))
        _print_block("solve", _solved(sim))
        _print_block("drive", [main_job.drive(neuron)])
        result = sim.run(neuron.settings.duration, record=neuron.record, every=neuron.settings.every, progress=True)
        drawing, lines, files = _reported(neuron, result, output)
        steps = result.statistics.steps
        running = f"run {result.statistics.seconds:.1f} s ({steps} steps for {result.t[-1]:g} ms)"
        _print_block("time", [f"compile {compiling:.1f} s, {running}, figures and files {drawing:.1f} s"])
        _print_block("found", lines)
        _print_block("wrote", [", ".join(files)])


@app.command()
def info(
    morphology: Annotated[Path, typer.Argument(help="SWC or Neurolucida ASC file.")],
    d_lambda: Annotated[float, typer.Option(help="Longest segment as a fraction of the length constant at 100 Hz.")] = 0.1,
    ra: Annotated[float, typer.Option("--Ra", help="Axial resistivity in ohm cm.")] = 100.0,
    cm: Annotated[float, typer.Option(help="Membrane capacitance in uF/cm2.")] = 1.0,
    debug: Debug = False,
) -> None:
    """Print what is in a morphology: sections by kind, sizes, what the reader has to say, segments."""
    with one_line_errors(debug):
        import geometry

        cell = geometry.load(morphology)
        counts = geometry.d_lambda(d_lambda, Ra=ra, cm=cm).counts(cell)
        tips = cell.n_sections - len(set(cell.parent[cell.parent >= 0].tolist()))
        farthest = max(cell, key=lambda section: section.path_distance + section.length)
        far = farthest.path_distance + farthest.length
        print(cell.summary())
        print(f"  ends       {tips}; the farthest is that of {farthest.name}, {far:.1f} um along the cables")
        print(f"  segments   {counts.sum()} under d_lambda({d_lambda:g}), at most {counts.max()} in a section")


@app.command()
def voxelize(
    morphology: Annotated[Path, typer.Argument(help="SWC or Neurolucida ASC file.")],
    dx: Annotated[str, typer.Option(help="Edge of the voxels in um: 0.25, or one for each axis: 0.25,0.25,0.5.")] = "0.25",
    sections: Annotated[
        list[str] | None,
        typer.Option(help="What to cut, again for more: soma, axon, basal, apical, dendrites, dend, dend[3]. Default: all."),
    ] = None,
    picture: Annotated[Path, typer.Option(help="Picture to write: three views of the voxels.")] = Path("voxels.png"),
    output: Annotated[Path | None, typer.Option(help="What to write: .vtu, .vti (voxels), .vtp (membrane), .npz.")] = None,
    debug: Debug = False,
) -> None:
    """Cut a cell into voxels; print counts, volume, membrane, closure, time and memory; write a picture.

    Sections thinner than a voxel are named in a warning. The remedy is a smaller --dx, or --sections, which leaves them out.
    """
    with one_line_errors(debug):
        import geometry
        from rxd import voxel_report

        edges = voxel_report.parse_edges(dx)
        if output is not None and output.suffix not in voxel_report.ENDINGS:
            message = f"--output ends in {', '.join(voxel_report.ENDINGS)}; got '{output.name}'."
            raise geometry.GeometryError(message)
        cell = geometry.load(morphology)
        with ticking("voxelize"):
            found = voxel_report.report(cell, edges, sections or ())
        print(f"cell     {_facts(cell)}")
        print("\n".join(found.lines()))
        for note in (*found.grid.notes, voxel_report.thin_remedy(found)):
            if note:
                print(f"warning: {note}", file=sys.stderr)
        _save_figure(voxel_report.picture(found), picture)
        files = [str(picture)] if output is None else [str(picture), str(voxel_report.write(output, found))]
        _print_block("wrote", [", ".join(files)])


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    context: typer.Context,
    script: Annotated[
        Path, typer.Argument(help="Script for NEURON (.py, .ipynb, .hoc); what follows it are its own arguments.")
    ],
    debug: Debug = False,
) -> None:
    """Run a script written for NEURON's Python interface: its `import neuron` finds Axoplasm."""
    with one_line_errors(debug, script):
        from rxd.neuron.launcher import run_script

        run_script(str(script), context.args)


@app.command()
def kernel(
    user: Annotated[bool, typer.Option("--user", help="For all of your environments; default: this one.")] = False,
    correct: Annotated[bool, typer.Option("--correct", help="Count every reaction once, also where NEURON does not.")] = False,
    debug: Debug = False,
) -> None:
    """Give Jupyter a kernel in which `import neuron` finds Axoplasm: notebooks for NEURON run there as they are."""
    with one_line_errors(debug):
        from rxd.neuron.kernel import DISPLAY, install_kernel

        _print_block("wrote", [str(install_kernel(user, correct)), f'choose "{DISPLAY}" among Jupyter\'s kernels'])


@app.command()
def prepare(
    kinds: Annotated[list[str] | None, typer.Argument(help="split, coupled, voxels. Default: all three.")] = None,
    debug: Debug = False,
) -> None:
    """Compile once what all models share, so that the first model of its kind does not wait for it."""
    with one_line_errors(debug):
        from rxd.prepare import prepare as compiled

        waiting = compiled(kinds or ())
        while True:
            with ticking("compile"):
                done = next(waiting, None)
            if done is None:
                break
            _print_block("ready", [f"{done[0]}, {done[1]:.1f} s"])


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context, debug: Debug = False) -> None:
    """Measure the speed beside NEURON's and write docs/performance.md, as `make bench`; in a checkout of the repository.

    With arguments, those of `python -m benchmarks`, exactly these are passed on: ``axoplasm bench --scale quick``.
    """
    with one_line_errors(debug):
        # the repository's, which is this package's parent folder, never another package of that name
        root = Path(__file__).resolve().parent.parent
        if not (root / "benchmarks" / "__main__.py").exists():
            message = (
                "benchmarks are part of the repository, not of the installed package: clone it and run `make bench` there."
            )
            raise FileNotFoundError(message)
        command = [sys.executable, "-m", "benchmarks", *(context.args or ["--write-docs"])]
        raise typer.Exit(subprocess.run(command, cwd=root, check=False).returncode)


@contextmanager
def one_line_errors(debug: bool, script: Path | None = None) -> Iterator[None]:
    """Turn an exception into one line on the standard error stream and exit code 1; show all of it with `debug`."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:  # whatever it is, a user wants one line; --debug shows the rest
        if debug:
            raise
        print(f"axoplasm: {error_line(error, script)}", file=sys.stderr)
        raise typer.Exit(1) from None


def error_line(error: Exception, script: Path | None = None) -> str:
    """One line that says what happened, and for a script at which of its lines."""
    from geometry import GeometryError
    from rxd.errors import RxdError

    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    known = isinstance(error, (RxdError, GeometryError, OSError)) and bool(text)
    line = " ".join((text if known else f"{type(error).__name__}: {text}").split())
    if script is None:
        return line if known else f"{line} (unexpected; --debug shows where)"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == script.name]
    return f"{script}:{frames[-1].lineno}: {line}" if frames else line


@contextmanager
def ticking(stage: str) -> Iterator[None]:
    """A bar for work of unknown length: it moves with the clock, ever slower, and is full when the work is done.

    Elsewhere than on a terminal it is shown when it begins and when it is full: in a log each movement would be a line.
    """
    from tqdm import tqdm

    bar = tqdm(total=100, desc=stage, bar_format="{desc:<8} {bar}| [{elapsed}]")
    done = threading.Event()
    pause = 0.2 if sys.stderr.isatty() else None

    def tick() -> None:
        started = time.monotonic()
        while not done.wait(pause):
            bar.n = 95 * (1 - math.exp((started - time.monotonic()) / 8))
            bar.refresh()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
        bar.n = 100
    finally:
        done.set()
        thread.join()
        bar.refresh()
        bar.close()


def _compiled(cell: Morphology, settings: Any, method: str) -> tuple[CalciumNeuron, Simulation, float]:
    """Declare and compile; one step is taken so that nothing is left to compile, and taken back."""
    from rxd import demo as main_job

    started = time.perf_counter()
    with ticking("compile"):
        neuron = main_job.build(cell, settings, method)
        sim = main_job.compile_neuron(neuron, method)
        sim.run(0.05)
        sim.reset()
    return neuron, sim, time.perf_counter() - started


def _reported(neuron: CalciumNeuron, result: Results, output: Path) -> tuple[float, list[str], list[str]]:
    """Write figures and results; seconds it took, findings, names of files."""
    import matplotlib as mpl
    from tqdm import tqdm

    from rxd import demo_report

    mpl.use("Agg")  # files only: a window would need a screen
    import matplotlib.pyplot as plt

    started = time.perf_counter()
    found = demo_report.findings(neuron, result)
    files = []
    with tqdm(total=len(demo_report.FIGURES) + 1, desc="plot", bar_format="{desc:<8} {bar}| {n}/{total} [{elapsed}]") as bar:
        for name, figure in demo_report.figures(neuron, result, found):
            files.append(str(output / f"{name}.png"))
            figure.savefig(files[-1])
            plt.close(figure)
            bar.update()
        files.append(str(result.save(output / "results.nc")))
        bar.update()
    return time.perf_counter() - started, str(found).splitlines(), files


def _save_figure(figure: Any, path: Path) -> None:
    """Write a figure to a file without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=200)


def _facts(cell: Morphology) -> str:
    return repr(cell).removeprefix("<Morphology: ").removesuffix(">")


def _solved(sim: Simulation) -> list[str]:
    from rxd.explain import counts

    return [counts(sim), sim.stepper.describe()]


def _print_block(title: str, lines: list[str]) -> None:
    """Lines under a title at their left."""
    for index, line in enumerate(lines):
        print(f"{title if index == 0 else '':<8} {line}", flush=True)
