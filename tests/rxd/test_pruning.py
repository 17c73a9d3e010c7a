"""The cache does not grow for ever, and nobody loses what is in use."""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from geometry.kernel_files import KernelFiles
from rxd.codegen import cache, pruning
from rxd.codegen.kept_equations import recalled
from rxd.codegen.pruning import DAY, prune, prune_now, used


def entry(folder: Path, name: str, days: float, size: int = 100) -> Path:
    """A kernel's folder that somebody used some days ago."""
    made = folder / name
    (made / "__pycache__").mkdir(parents=True)
    (made / "__pycache__" / "code.nbc").write_bytes(bytes(size))
    return aged(made, days)


def aged(path: Path, days: float) -> Path:
    when = time.time() - days * DAY
    os.utime(path, (when, when))
    return path


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_what_nobody_used_for_long_goes(tmp_path: Path) -> None:
    entry(tmp_path, "old", 100)
    entry(tmp_path, "new", 3)
    (tmp_path / "old.pickle").touch()
    aged(tmp_path / "old.pickle", 100)
    prune(tmp_path)
    assert left(tmp_path) == ["new"]


def test_beyond_a_size_the_oldest_go_but_none_of_today(tmp_path: Path) -> None:
    for name, days in (("a", 30), ("b", 20), ("c", 10), ("d", 1), ("e", 0)):
        entry(tmp_path, name, days)
    prune_now(tmp_path, size=350)
    assert left(tmp_path) == ["c", "d", "e"]
    prune_now(tmp_path, size=0)
    assert left(tmp_path) == ["d", "e"]


def test_what_is_used_stays(tmp_path: Path) -> None:
    assert used(entry(tmp_path, "a", 100))
    entry(tmp_path, "b", 100)
    assert not used(tmp_path / "nowhere")
    prune_now(tmp_path)
    assert left(tmp_path) == ["a"]


def test_what_is_used_after_the_look_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry(tmp_path, "a", 100)
    look = pruning._entries

    def then_used(folder: Path) -> Any:
        found = look(folder)
        used(tmp_path / "a")
        return found

    monkeypatch.setattr(pruning, "_entries", then_used)
    prune_now(tmp_path)
    assert left(tmp_path) == ["a"]
    assert (tmp_path / "a" / "__pycache__" / "code.nbc").exists()


def test_one_look_a_day(tmp_path: Path) -> None:
    prune(tmp_path)
    entry(tmp_path, "a", 100)
    prune(tmp_path)
    assert "a" in left(tmp_path)
    aged(tmp_path.with_name(f".{tmp_path.name}{pruning.MARK}"), 2)
    prune(tmp_path)
    assert "a" not in left(tmp_path)


def test_two_at_once_delete_the_same(tmp_path: Path) -> None:
    for number in range(60):
        entry(tmp_path, f"{number}", 100 if number % 2 else 1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(prune_now, [tmp_path] * 4))
    assert left(tmp_path) == sorted(f"{number}" for number in range(0, 60, 2))


def test_what_an_interruption_left_goes(tmp_path: Path) -> None:
    entry(tmp_path, f"{pruning.GONE}-1", 100)
    prune_now(tmp_path)
    assert not left(tmp_path)


def test_what_another_process_has_deleted_counts_as_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, days in (("a", 30), ("b", 20)):
        entry(tmp_path, name, days)
    look = pruning._entries

    def then_deleted(folder: Path) -> Any:
        found = look(folder)
        shutil.rmtree(tmp_path / "a")
        return found

    monkeypatch.setattr(pruning, "_entries", then_deleted)
    prune_now(tmp_path, size=150)
    assert left(tmp_path) == ["b"]


def test_a_kernel_that_goes_while_it_is_loaded_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXOPLASM_CACHE", str(tmp_path))
    path, made = tmp_path / "kernels" / "key" / "axoplasm_gone_in_between.py", importlib.util.module_from_spec

    def gone(spec: Any) -> Any:
        shutil.rmtree(path.parent)
        return made(spec)

    monkeypatch.setattr(importlib.util, "module_from_spec", gone)
    assert cache.load_file(path, "ANSWER = 42").ANSWER == 42
    assert path.exists()


def test_a_kernel_whose_text_has_gone_is_compiled_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "text_has_gone.py"
    path.write_text("def kernel():\n    return 1\n")
    spec = importlib.util.spec_from_file_location("text_has_gone", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path.unlink()
    assert KernelFiles(module.kernel).load_overload(None, None) is None


def test_kernels_and_equations_are_noted_and_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXOPLASM_CACHE", str(tmp_path))
    kernels, equations = tmp_path / "kernels", tmp_path / "equations"
    entry(kernels, "old", 100)
    equations.mkdir()
    (equations / "old.pickle").touch()
    aged(equations / "old.pickle", 100)
    first = kernels / "key" / "axoplasm_noted_and_pruned.py"
    cache.load_file(first, "ANSWER = 1")
    recalled("thing", 1, lambda: (1, 2))
    assert left(kernels) == ["key"]
    (kept,) = equations.glob("*.pickle")
    assert kept.name.startswith("thing_")
    aged(first.parent, 50)
    aged(kept, 50)
    second = first.with_name("axoplasm_noted_once_more.py")
    second.write_text("ANSWER = 2")
    aged(first.parent, 50)
    assert cache.load_file(second).ANSWER == 2
    assert recalled("thing", 1, lambda: (3, 4)) == (1, 2)
    assert min(first.parent.stat().st_mtime, kept.stat().st_mtime) > time.time() - DAY
