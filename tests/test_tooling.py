"""The commands of the README, the installers and the papers around the packages: what they promise is there."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Import names that differ from the name under which the package is installed; llvmlite is a part of numba.
DISTRIBUTIONS = {"mpl_toolkits": "matplotlib", "llvmlite": "numba"}


def outside_make() -> dict[str, str]:
    """The environment without what `make test` leaves in it, which would make an inner make say where it is."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def load_tool(name: str) -> ModuleType:
    """A script of tools/ as a module, without running it."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def marked_examples(text: str) -> list[str]:
    """Python examples of a Markdown text that carry the mark `<!-- tested -->` on the line before."""
    return re.findall(r"^<!-- tested -->\n```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirement_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~;\[ ]", requirement)[0].lower() for requirement in requirements}


@pytest.fixture
def install_petsc() -> ModuleType:
    return load_tool("install_petsc")


@pytest.fixture
def install() -> ModuleType:
    return load_tool("install")


class TestInstallPetsc:
    def test_version_is_the_pin_of_the_extra(self, install_petsc: ModuleType) -> None:
        version = install_petsc.pinned_version()
        assert project()["project"]["optional-dependencies"]["petsc"] == [f"petsc=={version}", f"petsc4py=={version}"]

    def test_cache_folder_honours_the_override(
        self, install_petsc: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AXOPLASM_CACHE", str(tmp_path / "own"))
        assert install_petsc.cache_folder("3.26.1").parent == tmp_path / "own" / "wheels"
        monkeypatch.delenv("AXOPLASM_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert install_petsc.cache_folder("3.26.1").parent == tmp_path / "xdg" / "axoplasm" / "wheels"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        assert install_petsc.cache_folder("3.26.1").parent == tmp_path / "home" / ".cache" / "axoplasm" / "wheels"

    def test_cache_folder_differs_by_version_options_and_interpreter(
        self, install_petsc: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = install_petsc.cache_folder("3.26.1")
        assert install_petsc.cache_folder("3.26.1") == first
        assert install_petsc.cache_folder("3.26.2") != first
        with monkeypatch.context() as patch:
            patch.setattr(install_petsc, "CONFIGURE_OPTIONS", ("--with-debugging=1",))
            assert install_petsc.cache_folder("3.26.1") != first
        monkeypatch.setattr(install_petsc.platform, "libc_ver", lambda: ("glibc", "0.1"))
        assert install_petsc.cache_folder("3.26.1") != first

    def test_is_elf_tells_libraries_from_linker_scripts_and_links(self, install_petsc: ModuleType, tmp_path: Path) -> None:
        library, script, link = (tmp_path / name for name in ("lib.so.1", "lib.so", "link.so"))
        library.write_bytes(b"\x7fELF\x02\x01")
        script.write_text("INPUT(lib.so.1)\n")
        link.symlink_to(library)
        assert install_petsc.is_elf(library)
        assert not install_petsc.is_elf(script)
        assert not install_petsc.is_elf(link)
        assert not install_petsc.is_elf(tmp_path)

    def test_failing_command_shows_the_end_of_its_output(self, install_petsc: ModuleType, tmp_path: Path) -> None:
        log = tmp_path / "log"
        install_petsc.run([sys.executable, "-c", "print('fine')"], log)
        assert log.read_text() == "fine\n"
        with pytest.raises(SystemExit, match=r"(?s)no such compiler.*exit code 3.*log"):
            install_petsc.run([sys.executable, "-c", "print('no such compiler'); raise SystemExit(3)"], log)


class TestInstall:
    def test_old_interpreter_is_refused_with_a_remedy(self, install: ModuleType) -> None:
        install.check_interpreter((3, 11))
        install.check_interpreter((3, 14))
        with pytest.raises(SystemExit, match=r"(?s)Python 3\.9; Axoplasm needs 3\.11.*make PYTHON="):
            install.check_interpreter((3, 9))

    def test_oldest_version_is_the_declared_one(self, install: ModuleType) -> None:
        assert project()["project"]["requires-python"] == ">=" + ".".join(map(str, install.OLDEST))

    def test_file_can_be_parsed_by_old_interpreters(self) -> None:
        ast.parse((ROOT / "tools" / "install.py").read_text(), feature_version=(3, 8))

    def test_python_without_venv_and_pip_is_refused_with_a_remedy(
        self, install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(install.importlib.util, "find_spec", lambda _name: None)
        with pytest.raises(SystemExit, match=r"(?s)ensurepip.*apt-get install python3-venv.*make PYTHON="):
            install.create_environment(tmp_path / "env")

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("Collecting numpy>=2.0 (from axoplasm==0.1.0)\n", "looking for numpy"),
            ("  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.6 MB)\n", "downloading numpy (16.6 MB)"),
            ("  Using cached sympy-1.14.0-py3-none-any.whl (6.3 MB)\n", "found sympy"),
            ("Installing collected packages: mpmath, sympy, numpy\n", "unpacking 3 packages"),
            ("  Preparing editable metadata (pyproject.toml): finished with status 'done'\n", None),
        ],
    )
    def test_pip_lines_are_told_in_words(self, install: ModuleType, line: str, words: str | None) -> None:
        assert install.describe(line) == words

    def test_failing_pip_shows_the_end_of_its_output(
        self, install: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log = tmp_path / "log"
        install.run_pip([sys.executable, "-c", "print('quiet')"], log)
        assert log.read_text() == "quiet\n"
        assert "quiet" not in capsys.readouterr().out
        with pytest.raises(SystemExit, match=r"(?s)no matching distribution.*exit code 1"):
            install.run_pip([sys.executable, "-c", "raise SystemExit('no matching distribution')"], log)


class TestCommands:
    def test_readme_names_commands_that_exist(self) -> None:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        named = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"`[^`]+`|```sh\n.*?```", readme, flags=re.DOTALL))))
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
        assert {"demo", "test"} <= named
        assert named <= targets

    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            ("demo", r"tools/install\.py \.venv\n(?s:.*)axoplasm demo --output demo-output \"my cell\.swc\"$"),
            ("test", r"tools/install\.py \.venv --extra test\n(?s:.*)tools/install_petsc\.py\n(?s:.*)-m pytest .*reorder$"),
            ("lint", r"--extra test\n(?s:.*)ruff check \.\n.*ruff format --check \.\n.*mypy$"),
        ],
    )
    def test_make_runs_what_it_says(self, tmp_path: Path, target: str, expected: str) -> None:
        (tmp_path / "pyproject.toml").touch()
        (tmp_path / "tools").mkdir()
        for tool in ("install.py", "install_petsc.py"):
            (tmp_path / "tools" / tool).touch()
        command = ["make", "-n", "-f", str(ROOT / "Makefile"), target, "MORPHOLOGY=my cell.swc", "PYTHON=python3.99"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=outside_make())
        assert done.stdout.startswith("python3.99 ")
        assert re.search(expected, done.stdout.strip()), done.stdout

    def test_second_call_installs_nothing(self, tmp_path: Path) -> None:
        for name in (
            "pyproject.toml",
            "tools/install.py",
            "tools/install_petsc.py",
            ".venv/.stamp-run",
            ".venv/.stamp-test",
            ".venv/.stamp-petsc",
        ):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        command = ["make", "-n", "-f", str(ROOT / "Makefile"), "demo", "test"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=outside_make())
        assert "install" not in done.stdout

    def test_continuous_integration_runs_tests_then_lint(self) -> None:
        script = ROOT / ".ci" / "run"
        assert script.stat().st_mode & stat.S_IXUSR
        lines = script.read_text().splitlines()
        assert "set -euo pipefail" in lines
        assert [line for line in lines if line.startswith("make ")] == ["make test", "make lint"]


class TestProject:
    def test_licence_is_there(self) -> None:
        text = (ROOT / "LICENSE").read_text(encoding="utf-8")
        assert project()["project"]["license"] == "BSD-3-Clause"
        assert text.startswith("BSD 3-Clause License")
        assert "The Axoplasm authors" in text

    def test_packages_exist_and_say_that_they_are_typed(self) -> None:
        patterns = project()["tool"]["setuptools"]["packages"]["find"]["include"]
        assert patterns == ["geometry*", "cable*", "rxd*"]
        for pattern in patterns:
            package = ROOT / pattern.rstrip("*")
            assert (package / "__init__.py").is_file()
            assert (package / "py.typed").is_file(), f"{package.name}/py.typed is missing: type checkers would ignore our types"

    def test_every_folder_with_modules_is_a_package(self) -> None:
        folders = {path.parent for name in ("geometry", "cable", "rxd") for path in (ROOT / name).rglob("*.py")}
        assert folders
        missing = sorted(str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").is_file())
        assert not missing, f"without an __init__.py these are left out of the distribution: {missing}"

    def test_console_command_exists(self) -> None:
        module, attribute = project()["project"]["scripts"]["axoplasm"].split(":")
        assert hasattr(importlib.import_module(module), attribute)

    def test_imported_packages_are_declared(self) -> None:
        table = project()["project"]
        declared = requirement_names(table["dependencies"]) | {
            name for extra in ("petsc", "jupyter") for name in requirement_names(table["optional-dependencies"][extra])
        }
        imported: dict[str, str] = {}
        for path in (p for name in ("geometry", "cable", "rxd") for p in (ROOT / name).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                imported.update((name.split(".")[0], str(path.relative_to(ROOT))) for name in names)
        foreign = {
            n: f for n, f in imported.items() if n not in sys.stdlib_module_names and n not in {"geometry", "cable", "rxd"}
        }
        assert foreign
        undeclared = {n: f for n, f in foreign.items() if DISTRIBUTIONS.get(n, n).lower() not in declared}
        assert not undeclared, f"imported but not in pyproject.toml: {undeclared}"


class TestDocuments:
    @pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name)
    def test_links_lead_somewhere(self, path: Path) -> None:
        targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        missing = [target for target in targets if not (path.parent / target).exists()]
        assert not missing, f"{path.name} links to files that do not exist: {missing}"

    def test_readme_has_an_example_and_its_figure(self) -> None:
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        assert len(marked_examples(text)) == 1
        assert "docs/figures/demo.png" in text

    def test_mark_is_what_selects_an_example(self) -> None:
        text = "```python\nfirst\n```\n\n<!-- tested -->\n```python\nsecond\nthird\n```\n"
        assert marked_examples(text) == ["second\nthird\n"]

    @pytest.mark.parametrize("number", range(len(marked_examples((ROOT / "README.md").read_text(encoding="utf-8")))))
    def test_readme_example_runs(self, number: int, tmp_path: Path) -> None:
        """In a process and a folder of its own, as a reader would run it, with every warning an error."""
        script = tmp_path / "example.py"
        script.write_text(marked_examples((ROOT / "README.md").read_text(encoding="utf-8"))[number], encoding="utf-8")
        command = [sys.executable, "-W", "error", script.name]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, env=example_environment(tmp_path)
        )
        assert done.returncode == 0, done.stderr


def example_environment(folder: Path) -> dict[str, str]:
    """The environment of an example: this checkout, no window, and a cache folder that starts empty."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "AXOPLASM_CACHE": str(folder / "cache")}
