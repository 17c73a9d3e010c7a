"""File: reading and writing of text, number by number and line by line.

In: a path. Out: numbers and texts; written lines.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.hoc.printing import formatted
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session

__all__ = ["File"]

_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class File(HocObject):
    """A file under NEURON's methods; Vectors and matrices read from it and write to it.

    Parameters
    ----------
    path : str
    """

    def __init__(self, path: str = "") -> None:
        self._path = str(path)
        self._file: IO[bytes] | None = None
        self._at_end = False
        self._number = current_session().number("File")

    @property
    def stream(self) -> IO[bytes]:
        """The open file.

        Raises
        ------
        HocError
            If it is not open.
        """
        if self._file is None:
            raise HocError(f"{self} is not open; call ropen, wopen or aopen first.")
        return self._file

    @property
    def input(self) -> IO[bytes]:
        """The open file, to read from.

        Raises
        ------
        HocError
            If it is not open, or open for writing.
        """
        if not self.stream.readable():
            raise HocError(f"{self} is open for writing ({self._path}); call ropen to read from it.")
        return self.stream

    @property
    def output(self) -> IO[bytes]:
        """The open file, to write to.

        Raises
        ------
        HocError
            If it is not open, or open for reading. (NEURON writes nothing then, without a word.)
        """
        if not self.stream.writable():
            raise HocError(f"{self} is open for reading ({self._path}); call wopen or aopen to write to it.")
        return self.stream

    def _open(self, path: str | None, mode: str) -> float:
        self.close()
        self._path = self._path if path is None else str(path)
        try:
            self._file = Path(self._path).open(mode)  # noqa: SIM115 - closed by close()
        except OSError:
            return 0.0
        self._at_end = False
        return 1.0

    def ropen(self, path: str | None = None) -> float:
        """Open for reading; 1 if it went well."""
        return self._open(path, "rb")

    def wopen(self, path: str | None = None) -> float:
        """Open for writing, from empty."""
        return self._open(path, "wb")

    def aopen(self, path: str | None = None) -> float:
        """Open for appending."""
        return self._open(path, "ab")

    def close(self) -> float:
        """Close it."""
        if self._file is not None:
            self._file.close()
            self._file = None
        return 0.0

    def isopen(self) -> float:
        """Whether it is open."""
        return float(self._file is not None)

    def printf(self, *arguments: Any) -> float:
        """Write formatted text; returns the number of characters."""
        text = formatted(list(arguments)).encode()
        self.output.write(text)
        return float(len(text))

    def scanvar(self) -> float:
        """The next number; text before it is skipped.

        Raises
        ------
        HocError
            If no number is left.
        """
        stream = self.input
        while line := stream.readline():
            match = _NUMBER.search(line)
            if match is not None:
                end = match.end() + line[match.end() : match.end() + 1].isspace()  # the blank or line break that ends it
                stream.seek(end - len(line), os.SEEK_CUR)
                self._look()
                return float(match.group())
        self._at_end = True
        raise HocError(f"{self._path}: no number is left to read")

    def scanstr(self, into: Any) -> float:
        """Write the next word into a reference; returns its length, -1 at the end."""
        stream = self.input
        while line := stream.readline():
            match = re.search(rb"\S+", line)
            if match is not None:
                stream.seek(match.end() - len(line), os.SEEK_CUR)
                into.set(match.group().decode(errors="replace"))
                return float(len(match.group()))
        self._at_end = True
        return -1.0

    def gets(self, into: Any) -> float:
        """Write the rest of the line, with its line break, into a reference; returns its length, -1 at the end."""
        line = self.input.readline()
        if not line:
            self._at_end = True
            return -1.0
        line += b"" if line.endswith(b"\n") else b"\n"  # as NEURON ends the last line
        into.set(line.decode(errors="replace"))
        return float(len(line))

    def vwrite(self, n: float, pointer: Any) -> float:
        """Write n numbers of a Vector in binary, from where a pointer points."""
        numbers = [float(pointer.target[int(pointer.index) + i]) for i in range(int(n))]
        self.output.write(np.array(numbers, dtype=float).tobytes())
        return 1.0

    def vread(self, n: float, pointer: Any) -> float:
        """Read n numbers in binary to where a pointer points in a Vector; 0 if they are not there."""
        found = np.frombuffer(self.input.read(8 * int(n)), dtype=float)
        for i, value in enumerate(found.tolist()):
            pointer.target[int(pointer.index) + i] = value
        return float(len(found) == int(n))

    def _look(self) -> None:
        here = self.stream.tell()
        self._at_end = not self.input.read(1)
        self.stream.seek(here)

    def eof(self) -> float:
        """Whether everything has been read."""
        if not self._at_end:
            self._look()
        return float(self._at_end)

    def tell(self) -> int:
        """Where in the file the next byte is read or written."""
        return self.stream.tell()

    def seek(self, offset: float = 0, origin: float = 0) -> float:
        """Go to a place in the file."""
        self.stream.seek(int(offset), int(origin))
        self._at_end = False
        return 0.0

    def flush(self) -> float:
        """Write what is held back."""
        self.stream.flush()
        return 1.0

    def getname(self, into: Any = None) -> str:
        """The path; written into a reference if one is given."""
        if into is not None:
            into.set(self._path)
        return self._path

    def dir(self, into: Any = None) -> str:
        """The folder a file chooser would show: none here."""
        if into is not None:
            into.set("")
        return ""

    def unlink(self) -> float:
        """Delete the file; 1 if it went well."""
        try:
            Path(self._path).unlink()
        except OSError:
            return 0.0
        return 1.0

    def mktemp(self) -> float:
        """Take the name of a file that does not exist yet."""
        handle, self._path = tempfile.mkstemp()
        os.close(handle)
        return 1.0

    def chooser(self, *_: Any) -> float:
        """NEURON's window for choosing a file cannot open here."""
        raise HocError("File.chooser needs a window; give the path: h.File('data.txt').")
