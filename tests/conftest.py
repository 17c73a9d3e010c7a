"""What every test has: figures without a window, and on request a cache folder of its own.

Without the request kernels come from the user's cache folder. That is safe, since a kernel is found there by a hash of its
source, and it is what makes a second run of the tests quick.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_configure() -> None:
    """Draw into files: a test must not open a window on somebody's desk."""
    os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder in the place of the user's."""
    folder = tmp_path / "axoplasm-cache"
    monkeypatch.setenv("AXOPLASM_CACHE", str(folder))
    return folder
