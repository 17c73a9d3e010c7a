"""Code of mod files run with numbers in a session: with NEURON's random numbers, and the C code that only draws or returns.

In: blocks, and what names stand for. Out: what they assign and return.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError
from rxd.neuron.hoc.printing import printf
from rxd.neuron.random_numbers.philox import Stream
from rxd.neuron.random_numbers.random import Random
from rxd.nmodl.execute import SILENT, Numbers
from rxd.nmodl.names import assigned_in
from rxd.nmodl.syntax import Block, Call, ModFile, Statement, Verbatim
from rxd.nmodl.verbatim import is_return, random_use, verbatim_of

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["Leave", "Noise", "SessionNumbers", "printed"]


class Leave(Exception):  # noqa: N818 - no error: `return` in C code
    """The end of a block, before its last statement."""


def printed(form: str, *values: Any) -> float:
    """`printf` of a mod file: C's, which does not look at values that the format does not ask for."""
    text = form.encode("latin-1", "backslashreplace").decode("unicode_escape")
    asked = len(re.findall(r"%[^%]|\*", text.replace("%%", "")))
    return printf([text, *values[:asked]])


class Noise:
    """The generator that an object of a mod file draws from: a Random of a script, or a stream of its own; or none."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._source: Random | Stream | None = None

    def set(self, *arguments: Any) -> None:
        """Draw from a Random, or from the stream that up to three numbers name; without arguments from none."""
        if arguments and isinstance(arguments[0], Random):
            self._source = arguments[0]
        elif arguments:
            ids = [int(float(number)) for number in (*arguments, 0, 0)[:3]]
            self._source = Stream(ids[0], ids[1], ids[2], int(self._session.globals["random_index"]))
        else:
            self._source = None

    def reset(self) -> None:
        """Go back to the beginning of a stream."""
        if isinstance(self._source, Stream):
            self._source.place = 0

    def pick(self, code: str) -> float | None:
        """The next number, of the distribution that C code asks for; None without a generator."""
        if isinstance(self._source, Random):
            return self._source.repick()
        if self._source is None:
            return None
        if "nrnran123_negexp" in code:
            return -math.log(self._source.one())
        if "nrnran123_normal" in code:
            raise HocError("nrnran123_normal is not supported; give the object a h.Random with normal(0, 1).")
        return self._source.one()


class SessionNumbers(Numbers):
    """Runs statements of a mod file for a session.

    Parameters
    ----------
    session : Session
    noise : Noise or None
        What functions with C code draw from.
    """

    def __init__(
        self,
        session: Session,
        file: ModFile,
        resolve: Callable[[str], float],
        store: Callable[[str, float], None] | None = None,
        noise: Noise | None = None,
    ) -> None:
        super().__init__(file, resolve, store)
        self.session, self.noise = session, noise
        self.lookups = session.mods.lookups.get(file.name, self.lookups)

    silent = SILENT - {"set_seed", "printf"}

    def builtin(self, call: Call, arguments: list[Any]) -> Any:
        """A function of NMODL's own, of its random numbers, or one that prints."""
        if call.name == "printf":
            return printed(*arguments)
        draw = self.session.scop.functions.get(call.name)
        return super().builtin(call, arguments) if draw is None else draw(*arguments)

    def called(self, block: Block, arguments: list[Any]) -> Any:
        """What a FUNCTION computes; one with C code may only draw a random number."""
        code = verbatim_of(block)
        use = random_use(code) if code and self.noise is not None else None
        if use == "pick":
            found = self.noise.pick(code)  # type: ignore[union-attr]
            return self._without_noise(block, arguments) if found is None else found
        if use == "reset":
            self.noise.reset()  # type: ignore[union-attr]
            return 0.0
        try:
            return super().called(block, arguments)
        except Leave:
            return 0.0

    def _without_noise(self, block: Block, arguments: list[Any]) -> Any:
        """What the rest of a function gives, where nobody has set a generator."""
        rest = tuple(statement for statement in block.body if not isinstance(statement, Verbatim))
        if block.name not in assigned_in(rest):
            setter = next((b.name for b in self.file.all("procedure") if random_use(verbatim_of(b)) == "set"), "a PROCEDURE")
            raise HocError(
                f"{block.name} of {self.file.name} draws random numbers from nothing: call {setter} of the object before."
            )
        return super().called(Block(block.kind, block.name, block.arguments, rest, block.line), arguments)

    def verbatim(self, statement: Verbatim) -> None:
        """C code: `return`, and going back to the beginning of a stream."""
        if is_return(statement.text):
            raise Leave
        if self.noise is not None and random_use(statement.text) == "reset":
            self.noise.reset()
            return
        super().verbatim(statement)

    def run_all(self, body: tuple[Statement, ...]) -> None:
        """Run statements, up to a `return`."""
        try:
            self.run(body)
        except Leave:
            self.frames[1:] = []
