"""A scheme of a declared model: its regions as boxes, what crosses their membranes as arrows.

In: a `rxd.Model`. Out: a drawing; see `rxd.plotting.schematic`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rxd.declare.reactions import MultiCompartmentReaction, Reaction, region_of, side_text
from rxd.declare.region import Region
from rxd.declare.species import Species

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rxd.model import Model

WIDTH: Final = 1.3  # of a box; the gap between two is as wide as its arrows' names need
GAP: Final = 0.9
ROW: Final = 0.42  # height that one arrow takes


def draw_model(model: Model, names: Mapping[Any, str], ax: Axes) -> Axes:
    """Draw outside, the inside of the membrane and the other volumes from left to right, with arrows between."""
    columns = [None, *_volumes(model)]
    crossings = _crossings(model, names, columns)
    rows = max([sum(1 for gap, *_ in crossings if gap == k) for k in range(len(columns) - 1)] + [2])
    height = ROW * (rows + 1)
    for column, region in enumerate(columns):
        _box(ax, column * (WIDTH + GAP), height, region, model)
    used = [0] * len(columns)
    for gap, text, start, end in crossings:
        used[gap] += 1
        y = height - ROW * (used[gap] + 0.3)
        left = gap * (WIDTH + GAP) + WIDTH - 0.08
        ends = {-1: left, 1: left + GAP + 0.16}
        style = "<|-|>" if start == end == 0 else "-|>"
        here, there = (ends[-1], ends[1]) if end >= start else (ends[1], ends[-1])
        arrow = {"arrowstyle": style, "color": "0.25", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (there, y), (here, y), arrowprops=arrow)
        ax.text(left + 0.08 + GAP / 2, y + 0.04, text, ha="center", va="bottom", fontsize="small")
    ax.set(xlim=(-0.05, len(columns) * (WIDTH + GAP) - GAP + 0.05), ylim=(-0.05, height + 0.3))
    ax.axis("off")
    return ax


def _volumes(model: Model) -> list[Region]:
    """Regions with species, the inside of the membrane first."""
    found = [region for region in model.regions if not region.is_membrane and _species(model, region)]
    return sorted(found, key=lambda region: {"o": 0, "i": 1}.get(str(region.side), 2))


def _species(model: Model, region: Region) -> list[Species]:
    return [quantity for quantity in model.quantities if isinstance(quantity, Species) and region in quantity.regions]


def _crossings(model: Model, names: Mapping[Any, str], columns: list[Region | None]) -> list[tuple[int, str, int, int]]:
    """Gap (number of the column at its left), name, and the columns it leads from and to (0, 0: either way)."""
    inner = next((k for k, region in enumerate(columns) if region is not None and region.side == "i"), 1)
    found = []
    inserted = {mechanism.name: mechanism for mechanism, _ in model.inserted} if inner < len(columns) else {}
    for mechanism in inserted.values():
        ions = ", ".join(dict.fromkeys(current.ion or "leak" for current in mechanism.currents))
        found.append((inner - 1, f"{mechanism.name}: {ions}", 0, 0))
    for reaction in model.reactions:
        if not isinstance(reaction, MultiCompartmentReaction):
            continue
        start, end = _column(reaction.lhs, columns), _column(reaction.rhs, columns)
        if start == end or abs(start - end) > 1:
            continue
        text = names.get(reaction) or ", ".join(symbol.owner.name for symbol in (reaction.lhs or reaction.rhs))
        found.append((min(start, end), text, start, end))
    return found


def _column(side: Mapping[Any, int], columns: list[Region | None]) -> int:
    """Column of the first species of a side; an empty side is outside."""
    region = region_of(next(iter(side))) if side else None
    return next((k for k, other in enumerate(columns) if other is region), 0)


def _box(ax: Axes, x: float, height: float, region: Region | None, model: Model) -> None:
    """One region with its species and the reactions inside it."""
    from matplotlib.patches import FancyBboxPatch

    if region is None:
        ax.text(x + WIDTH / 2, height + 0.06, "outside", ha="center", va="bottom", color="0.4")
        return
    colour = "#fbe9d9" if region.side == "i" else "#dde7f2"
    style: dict[str, Any] = {"facecolor": colour, "edgecolor": "0.25", "linewidth": 1.2}
    ax.add_patch(FancyBboxPatch((x, 0), WIDTH, height, boxstyle="round,pad=0,rounding_size=0.12", **style))
    ax.text(x + WIDTH / 2, height + 0.06, region.name, ha="center", va="bottom", fontweight="bold")
    kinds = _species(model, region)
    lines = [kind.name + (f"   D = {kind.d[region]:g} µm²/ms" if kind.d[region] else "") for kind in kinds]
    lines += [
        f"{side_text(reaction.lhs)} ⇌ {side_text(reaction.rhs)}".replace(f"[{region.name}]", "")
        for reaction in model.reactions
        if isinstance(reaction, Reaction) and all(region_of(symbol) is region for symbol in (*reaction.lhs, *reaction.rhs))
    ]
    ax.text(x + WIDTH / 2, height / 2, "\n".join(lines), ha="center", va="center", fontsize="small", linespacing=1.6)
