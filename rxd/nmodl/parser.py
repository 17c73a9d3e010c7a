"""Text of a mod file to `ModFile`.

In: NMODL. Out: records, or `NmodlError` with file, line and what stands there.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rxd.nmodl.builder import Builder
from rxd.nmodl.c_code import with_c_as_nmodl, without_unset_pointers
from rxd.nmodl.names import SIMULATORS, names_in
from rxd.nmodl.presets import with_computed_assigned
from rxd.nmodl.syntax import Block, Declaration, Ion, ModFile, NmodlError, error_at
from rxd.nmodl.units import constant

if TYPE_CHECKING:
    from lark import Lark, Tree

__all__ = ["make_parser", "parse", "read_file"]

_BLANKED = re.compile(
    r"(?P<kept>\bVERBATIM\b.*?\bENDVERBATIM\b|\"[^\"\n]*\")"
    r"|\bCOMMENT\b.*?\bENDCOMMENT\b|[:?][^\n]*|\bTITLE\b[^\n]*|\bUNITS(?:ON|OFF)\b|\bINDEPENDENT\b\s*\{[^}]*\}",
    re.DOTALL,
)
# `2 A` in a reaction or CONSERVE becomes `2*A`: elsewhere a number before a name ends one statement, the name begins another
_SEVERAL = re.compile(r"~[^~=]*?(?:<->|->|<<)[^(]*|\bCONSERVE\b[^=\n]*=")
# `~ A -> (rate)` makes nothing of A; an arrow of its own tells it from `~ A -> B (rate)`
_SINK = re.compile(r"(~[^~=]*?)->(?=\s*\()")
_INCLUDE = re.compile(r"^[ \t]*INCLUDE[ \t]+\"([^\"\n]+)\"", re.MULTILINE)


def make_parser() -> Lark:
    """A parser of the grammar beside this file; whoever reads several files keeps it."""
    from lark import Lark  # on use: `import rxd` does without it

    from rxd.codegen.cache import grammar_file

    grammar = files("rxd.nmodl").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=True, cache=grammar_file("nmodl"))


def read_file(path: str | Path, parser: Lark | None = None) -> ModFile:
    """What a mod file declares.

    Raises
    ------
    NmodlError
        If it cannot be read, or is no NMODL.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NmodlError(f"{path}: cannot be read ({error.strerror}).") from error
    return parse(text, str(path), parser)


def parse(text: str, path: str = "mod file", parser: Lark | None = None) -> ModFile:
    """What a text in NMODL declares; included files are looked for beside ``path``.

    Raises
    ------
    NmodlError
        With the line and what stands there.
    """
    from lark.exceptions import UnexpectedInput

    text = _blanked(_with_included(_blanked(text), Path(path), path))
    text = _SEVERAL.sub(lambda match: re.sub(r"\b(\d+)(\s+)(?=[A-Za-z])", r"\1*\2", match.group()), text)
    text = _SINK.sub(r"\1->>", text)
    parser = parser or make_parser()
    if "VERBATIM" in text:
        text = with_c_as_nmodl(without_unset_pointers(text), lambda body: _is_nmodl(body, parser))
    try:
        tree = parser.parse(text)
    except UnexpectedInput as error:
        found = error.get_context(text).rstrip()
        remedy = "docs/nmodl.md says what is read; a brace or parenthesis may be missing further up."
        raise error_at(path, error.line, f"no NMODL that is known here:\n{found}\n{remedy}") from None
    return with_computed_assigned(_Reader(path).read(tree))


def _is_nmodl(body: str, parser: Lark) -> bool:
    """Whether a text is the statements of a block."""
    from lark.exceptions import UnexpectedInput

    try:
        parser.parse(f"PROCEDURE any() {{ {body} }}")
    except UnexpectedInput:
        return False
    return True


def _blanked(text: str) -> str:
    """Comments and the like as empty lines, so that line numbers stay."""

    def blank(match: re.Match[str]) -> str:
        return match.group() if match.group("kept") else "\n" * match.group().count("\n")

    return _BLANKED.sub(blank, text)


def _with_included(text: str, path: Path, name: str) -> str:
    def include(match: re.Match[str]) -> str:
        other = path.parent / match.group(1)
        try:
            return _blanked(other.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            line = text.count("\n", 0, match.start()) + 1
            message = f'INCLUDE "{match.group(1)}" cannot be read ({error.strerror}). Put it beside the file.'
            raise error_at(name, line, message) from error

    return _INCLUDE.sub(include, text)


class _Reader:
    """One tree read into one `ModFile`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.constants: dict[str, float] = {}
        self.unit_names: dict[str, str] = {}
        self.build = Builder(path, self.constants)
        self.lists: dict[str, list[str]] = {}
        self.declared: dict[str, list[Declaration]] = {"parameter": [], "assigned": [], "state": [], "constant": []}
        self.ions: list[Ion] = []
        self.blocks: list[Block] = []
        self.locals: list[tuple[str, str | None]] = []
        self.name: tuple[str, str] | None = None
        self.lines: dict[str, int] = {}

    def read(self, tree: Tree[Any]) -> ModFile:
        """All items, those that give numbers to others first."""
        for item in sorted(tree.children, key=lambda item: item.data != "define"):
            self._item(item)
        kind, name = self.name or ("SUFFIX", "")
        if not name:
            message = f"{self.path}: there is no SUFFIX, POINT_PROCESS or ARTIFICIAL_CELL in a NEURON block; it names nothing."
            raise NmodlError(message)
        for declaration in self.declared["constant"]:
            self.constants[declaration.name] = 0.0 if declaration.value is None else declaration.value
        listed = {key: tuple(dict.fromkeys(values)) for key, values in self.lists.items()}
        used = names_in(self.blocks)
        for shared in listed.get("bbcore", ()):
            if shared in used:
                remedy = "It shares memory with C code, which is not there here: make it a POINTER, or leave it out."
                raise self._error(self.lines[shared], f"BBCOREPOINTER {shared} cannot be translated. {remedy}")
        return ModFile(
            path=self.path, kind=kind, name=name, ions=tuple(self.ions),
            nonspecific=listed.get("nonspecific", ()), electrode=listed.get("electrode", ()),
            ranges=(*listed.get("range", ()), *self._shared_with_hooks(listed)), globals=listed.get("global_", ()),
            pointers=tuple(name for name in listed.get("pointer", ()) if name in used),  # others are C code's alone
            parameters=tuple(self.declared["parameter"]), assigned=tuple(self.declared["assigned"]),
            states=tuple(self.declared["state"]), constants=MappingProxyType(self.constants), blocks=tuple(self.blocks),
            locals=tuple(self.locals), random=listed.get("random", ()),
            lines=MappingProxyType(self.lines),
        )  # fmt: skip

    def _shared_with_hooks(self, listed: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
        """What BEFORE and AFTER blocks share with others has a number in every place, whether or not scripts may see it."""
        used = names_in([block for block in self.blocks if block.kind == "hook"])
        other = {name for names in listed.values() for name in names} | {*SIMULATORS, "area", "diam"}
        other |= {name for ion in self.ions for name in (*ion.reads, *ion.writes)}
        return tuple(d.name for d in self.declared["assigned"] if d.name in used and d.name not in other)

    def _error(self, line: int, text: str) -> NmodlError:
        return error_at(self.path, line, text)

    def _item(self, item: Tree[Any]) -> None:
        kind = item.data
        if kind == "units":
            for part in item.children:
                self._unit(part)
        elif kind == "neuron":
            for part in item.children:
                self._neuron(part)
        elif kind in self.declared:
            self.declared[kind] += [self._declaration(part) for part in item.children]
        elif kind == "define":
            name, number = map(str, item.children)
            self.constants[str(name)] = float(number)
        elif kind == "local":
            self.locals += self.build.local(item).names
        elif kind not in {"threadsafe", "verbatim"}:  # C code outside of blocks matters only if something calls it
            self.blocks.append(self.build.block(item))

    def _neuron(self, part: Tree[Any]) -> None:
        kind, children = part.data, part.children
        if kind == "suffix":
            self.name = str(children[0]), str(children[1])
        elif kind == "useion":
            self.ions.append(self._ion(part))
        elif kind == "external":
            listed = ", ".join(_names(children[-1]))
            remedy = "It shares memory with another mod file, which is not done here: leave it out."
            raise self._error(part.meta.line, f"EXTERNAL {listed} cannot be translated. {remedy}")
        elif kind != "threadsafe":
            names = _names(children[-1])
            self.lists.setdefault(kind, []).extend(names)
            self.lines.update(dict.fromkeys(names, part.meta.line))

    def _ion(self, part: Tree[Any]) -> Ion:
        name, *rest = part.children
        reads: list[str] = []
        writes: list[str] = []
        charge = None
        for clause in rest:
            if clause.data == "valence":
                charge = int(self._signed(clause.children[0]))
            else:
                (reads if clause.data == "reads" else writes).extend(_names(clause.children[0]))
        return Ion(str(name), tuple(reads), tuple(writes), charge, part.meta.line)

    def _unit(self, part: Tree[Any]) -> None:
        if part.data == "unit_alias":
            alias, meaning = (str(word) for word in part.children)
            self.unit_names[alias.strip("() \t")] = meaning
            return
        name = str(part.children[0])
        if part.data == "unit_number":
            self.constants[name] = self._signed(part.children[1])
            return
        what = str(part.children[1])
        unit = str(part.children[2]) if len(part.children) > 2 else "(1)"
        value = constant(what, unit, self.unit_names)
        if value is None:
            raise self._error(part.meta.line, f"{name} = {what} {unit} is no constant that is known here. Write its number.")
        self.constants[name] = value

    def _signed(self, part: Any) -> float:
        *sign, value = part.children
        number = self.constants.get(str(value)) if value.type == "NAME" else float(value)
        if number is None:
            raise self._error(value.line, f"'{value}' is no number; DEFINE it, or write one.")
        return -number if sign and sign[0] == "-" else number

    def _declaration(self, part: Tree[Any]) -> Declaration:
        name, *rest = part.children
        settings: dict[str, Any] = {}
        for clause in rest:
            if not hasattr(clause, "data"):
                settings["unit"] = str(clause).strip("()").strip()
            elif clause.data == "size":
                settings["size"] = self._size(clause.children[0])
            elif clause.data in {"given", "start_at"}:
                settings["value"] = self._signed(clause.children[0])
            elif clause.data == "limits":
                settings["low"], *high = (self._signed(child) for child in clause.children)
                settings["high"] = high[0] if high else None
        return Declaration(str(name), part.meta.line, **settings)

    def _size(self, token: Any) -> int:
        number = self.constants.get(str(token)) if token.type == "NAME" else float(token)
        if number is None or number < 1 or number != int(number):
            raise self._error(token.line, f"the size of an array is a whole number or a name that is DEFINEd, not '{token}'.")
        return int(number)


def _names(part: Any) -> list[str]:
    return [str(name) for name in part.children]
