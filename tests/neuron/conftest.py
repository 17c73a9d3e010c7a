"""What tests share: a session, and for mod files a current folder with those of their module and a session in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rxd.neuron import Session
from rxd.neuron.engine import Engine


def _written(texts: Mapping[str, str], folder: Path) -> Path:
    """A folder with these mod files, by their names."""
    for name, text in texts.items():
        (folder / f"{name}.mod").write_text(text)
    return folder


@pytest.fixture
def session() -> Iterator[Session]:
    """An empty session, the current one while a test runs."""
    with Session() as session:
        yield session


@pytest.fixture
def mods(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, which holds the ``MODS`` of the test's module; a session is open."""
    monkeypatch.chdir(_written(request.module.MODS, tmp_path))
    with Session():
        yield tmp_path


@pytest.fixture(scope="module")
def kept_mods(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same for all tests of a module."""
    folder = _written(request.module.MODS, tmp_path_factory.mktemp("mods"))
    with Session(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture
def loop_lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps each passage of the compiled loop takes from now on."""
    lengths: list[int] = []
    plain = Engine.steps

    def counted(engine: Engine, *arguments: Any) -> int:
        lengths.append(plain(engine, *arguments))
        return lengths[-1]

    monkeypatch.setattr(Engine, "steps", counted)
    return lengths
