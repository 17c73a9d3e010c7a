"""What tests share: a session, and for mod files a current folder with those of their module and a session in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest

from rxd.neuron import Session
from rxd.neuron.engine import Engine
from rxd.neuron.session import current_session

DEFAULTS: Mapping[str, Any] = {"cvode": False, "tolerances": dict(Session().run.tolerances)}
"""Settings of a session whose solver nobody has asked for yet."""


def _written(texts: Mapping[str, str], folder: Path) -> Path:
    """A folder with these mod files, by their names."""
    for name, text in texts.items():
        (folder / f"{name}.mod").write_text(text)
    return folder


def _settings() -> dict[str, Any]:
    """What of the default session other tests would run with: the solver, and numbers that scripts set."""
    session = Context().run(current_session)
    run = session.__dict__.get("run")
    names = ("celsius", "dt", "secondorder", "steps_per_ms", "stdrun_quiet", "tstop", "usetable_hh", "v_init")
    found = {name: session.globals[name] for name in names}
    return found if run is None else found | {"cvode": run.adaptive, "tolerances": dict(run.tolerances)}


@pytest.fixture(autouse=True)
def default_session_stays_as_it_is() -> Iterator[None]:
    """A test leaves the default session with the settings it found there, or has a session of its own."""
    before = _settings()
    yield
    after = _settings()
    changed = [name for name, value in after.items() if before.get(name, DEFAULTS.get(name)) != value]
    assert not changed, f"the test has left {', '.join(changed)} changed in the default session: give it the fixture `session`"


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
