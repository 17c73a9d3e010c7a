"""What nobody has used for long in a folder of the cache, deleted, so that it does not grow for ever.

In: a folder whose entries are each one thing: a folder of a kernel, a file of equations. Out: the same without those that
nobody used in `DAYS`, nor the oldest of those beyond a size. When an entry was used last is when it was changed last, and
`used` says so. Two processes may be at work in the folder: an entry that was used within `QUIET` stays whatever the size, one
is taken away whole, under another name, before it is deleted, and comes back if somebody has used it meanwhile.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["prune", "prune_now", "used"]

DAY: Final = 86400.0
DAYS: Final = 60.0
"""Days after which an entry that nobody used goes."""
QUIET: Final = 2.0
"""Days in which an entry that somebody used stays whatever the size."""
SIZE: Final = 1 << 30
"""Bytes that a folder may hold: some ten thousand models."""
MARK: Final = ".pruned"
"""How the name of a file beside the folder ends that is as old as the last look through it."""
GONE: Final = ".gone"
"""How the name of what is on its way out begins."""


def used(entry: Path) -> bool:
    """Note that an entry is used, once a day; whether it is there."""
    try:
        if time.time() - entry.stat().st_mtime > DAY:
            os.utime(entry)
    except FileNotFoundError:
        return False
    except OSError:  # somebody else's, which may be read
        return True
    return True


def prune(folder: Path) -> None:
    """Look through a folder if nobody has within a day. Call it where something new is written, which takes longer."""
    mark = folder.with_name(f".{folder.name}{MARK}")
    with suppress(OSError):  # a folder that may not be written is not ours to tidy
        if mark.exists() and time.time() - mark.stat().st_mtime < DAY:
            return
        mark.touch()
        prune_now(folder)


def prune_now(folder: Path, size: int = SIZE, days: float = DAYS, quiet: float = QUIET) -> None:
    """Delete what is old, and the oldest of what is too much.

    Parameters
    ----------
    folder : Path
        A folder of the cache; what is in it besides entries, such as tables of grammars, is as good as any other entry.
    size : int
        Bytes that may stay.
    days, quiet : float
        Days after which an entry goes in any case, and in which it stays in any case.
    """
    now = time.time()
    entries = sorted(_entries(folder))
    total = sum(length for _, length, _ in entries)
    for when, length, path in entries:
        age = (now - when) / DAY
        if age > days or (total > size and age > quiet):
            if _deleted(path, when):
                total -= length
        elif total <= size:
            break


def _entries(folder: Path) -> list[tuple[float, int, str]]:
    """When each was used, its size, and where it is."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # another process has just deleted it
                state = entry.stat(follow_symlinks=False)
                inside = _size(entry.path) if entry.is_dir(follow_symlinks=False) else state.st_size
                found.append((state.st_mtime, inside, entry.path))
    return found


def _size(folder: str) -> int:
    return sum((Path(place) / name).lstat().st_size for place, _, names in os.walk(folder) for name in names)


def _deleted(path: str, when: float) -> bool:
    """Delete an entry that nobody has used since, all at once for who looks for it; whether it has gone."""
    entry = Path(path)
    away = entry
    if not entry.name.startswith(GONE):  # what an interruption left behind goes where it is
        away = entry.with_name(f"{GONE}-{secrets.token_hex(8)}")
        try:
            entry.replace(away)
        except OSError:  # another process was there first, or it is somebody else's
            return not entry.exists()
        with suppress(OSError):
            if away.stat().st_mtime > when:  # used since we looked
                away.rename(entry)  # fails if somebody has made it anew
                return False
    if away.is_dir() and not away.is_symlink():
        shutil.rmtree(away, ignore_errors=True)  # two may be at it
    else:
        with suppress(OSError):
            away.unlink()
    return True
