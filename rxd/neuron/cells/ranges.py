"""Range variables: values along sections.

In: a section, the name of a variable, a place. Out: its value there, or the new value written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rxd.neuron.cells.ends import tied_to
from rxd.neuron.cells.outside import COMPUTED

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord

__all__ = ["array_of", "as_value", "is_range", "no_variable", "read_range", "read_range_of_section", "why_none", "write_range"]


def read_range(record: SectionRecord, name: str, x: float) -> float:
    """The value of a range variable at a place.

    Raises
    ------
    AttributeError
        If the section has no such variable.
    """
    linked = record.session.links.behind_variable(record, x, name) if record.session.links.in_sections else None
    if linked is not None:
        return float(linked.get())
    if name in record.store:
        found = record.value(name, record.index(x))
        if found is not None:
            return found
    values = record.values(name)
    if values is None:
        raise no_variable(record, name, x)
    if name == "v" and not 0 < x < 1:
        return record.session.run.end_voltage(record, x)
    if name == "i_membrane_" and not 0 < x < 1:
        return record.session.membrane.at_end(record, x)
    if name.startswith("vext_") and not 0 < x < 1 and record.session.run.engine is not None:
        found = record.session.run.engine.circuits.at_end(record, x, int(name[len("vext_")]))
        if found is not None:
            return found
    return float(values[record.index(x)])


def write_range(record: SectionRecord, name: str, x: float | None, value: float) -> None:
    """Set a range variable at a place, or (`x` None) in the whole section.

    Raises
    ------
    AttributeError, ValueError
        If the section has no such variable, or the value is no number.
    """
    where: slice | int = slice(None) if x is None else record.index(x)
    engine = record.session.run.engine
    if engine is not None and engine.exchange.is_parameter(name, record):
        record.store[name][where] = as_value(value, name)
        engine.exchange.note_parameter(name, record, where)
        return
    if name == "diam":
        record.set_diam(as_value(value, name), where)
        return
    values = record.values(name)
    if values is None:
        raise no_variable(record, name, x)
    number = as_value(value, name)
    if name == "v" and x is not None and not 0 < x < 1:
        owner, at = tied_to(record, x)
        if 0 < at < 1:
            write_range(owner, name, at, value)
        return  # an end that no segment holds has no capacitance: its voltage follows from the segments next to it
    if x is not None and values[where] == number and name.endswith("_extracellular"):
        return  # nothing follows from it: Vectors play into hundreds of segments what is mostly the same
    values[where] = number
    record.session.run.changed(name, record)
    for end in (0.0, 1.0) if name == "v" and x is None else ():  # its ends, too, which may be places of another section
        owner, at = tied_to(record, end)
        if 0 < at < 1:
            write_range(owner, name, at, value)
        elif engine is not None and engine.ends:
            engine.ends.put(owner.id, int(at), number)
    if record.ion_styles and name[-1] in "io":
        record.follow_concentration(name)


def array_of(record: SectionRecord, name: str) -> tuple[str, str, int] | None:
    """Mechanism, short name and size of an array among a section's range variables: `xg`, `ca_cadifus`; None if it is none."""
    found = record.session.catalogue.arrays.get(name)
    return found if found is not None and found[0] in record.mechanisms else None


def is_range(record: SectionRecord, name: str) -> bool:
    """Whether a name is that of a range variable, here or where its mechanism is inserted."""
    return (
        name in {"diam", "i_membrane_", *COMPUTED} or name in record.store or record.session.catalogue.owner(name) is not None
    )


def no_variable(record: SectionRecord, name: str, x: float | None) -> AttributeError:
    """The error for a range variable a section does not have."""
    owner = record.session.catalogue.owner(name)
    kind = "Section" if x is None else "Segment"
    if owner is None:
        return AttributeError(f"'nrn.{kind}' object has no attribute '{name}'{why_none(record, name)}")
    place = f"{record.name}({0.5 if x is None else x:g})"
    return AttributeError(f"{name}, the mechanism does not exist at {place}. Insert it: section.insert('{owner}').")


def why_none(record: SectionRecord, name: str) -> str:
    """Why there is no range variable of a name that a mod file has; nothing if that is not known."""
    names = ((mechanism, name.removesuffix(f"_{mechanism}")) for mechanism in record.mechanisms)
    lost = "".join(record.session.mods.why_lost(*pair) for pair in names if pair[1] != name)
    return f".{lost}" if lost else ""


def as_value(value: Any, name: str) -> float:
    """A number somebody assigns.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"bad value: {name} is a number, not {value!r}") from None


def read_range_of_section(record: SectionRecord, name: str) -> float:
    """A range variable in the middle of a section."""
    if record.session.links.in_sections:
        return read_range(record, name, 0.5)
    if name in record.store:
        found = record.value(name, record.index(0.5))
        if found is not None:
            return found
    values = record.values(name)
    if values is None:
        raise no_variable(record, name, None)
    return float(values[record.index(0.5)])
