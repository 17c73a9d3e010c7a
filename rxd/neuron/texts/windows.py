"""NEURON's windows: accepted, so that scripts which open some run through, and never shown.

In: what a script says to a window. Out: nothing but the numbers NEURON returns without a display.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session

__all__ = ["WINDOW_CLASSES"]


def _hold(*things: Any) -> float:
    """Keep objects as long as the session lasts."""
    current_session().held.extend(things)
    return 0.0


class Window(HocObject):
    """A window that nobody sees; its methods are accepted and have no effect."""

    methods: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *_: Any, **__: Any) -> None:
        self._number = current_session().number(type(self).__name__)

    def __getattr__(self, name: str) -> Callable[..., float]:
        if name == "ref" and name in self.methods:  # what shows an object keeps it
            return _hold
        if name not in self.methods:
            return super().__getattr__(name)
        return lambda *_, **__: 0.0


_BOX = (
    "adjust adjuster dialog dismiss_action full_request intercept ismapped map priority ref save size unmap flip_to move_last "
    "remove remove_last"
)
_SHAPE = (
    "action begin beginline color color_all color_list erase erase_all exec_menu flush gif label len_scale line mark "
    "menu_action menu_tool nearest nearest_seg observe point_mark point_mark_remove printfile push_selected rotate save_name "
    "select selected_seg show size unmap view view_count append"
)

_MANAGER = (
    "count is_mapped map hide name jwindow close save group iconify deiconify snap deco landscape leader manager paper_place "
    "printfile scale window_place"
)

_METHODS: tuple[tuple[str, str], ...] = (
    ("VBox", _BOX), ("HBox", _BOX), ("Deck", _BOX), ("Shape", _SHAPE), ("PPShape", _SHAPE), ("TextEditor", "map text readonly"),
    ("ValueFieldEditor", "default"), ("SymChooser", "run text"),
    ("Glyph", "path m l c close s cls f erase circle gif cpt curve fill"), ("PWManager", _MANAGER),
    ("SectionBrowser", "select select_action accept_action"), ("MovieRunButton", "map"),
)  # fmt: skip

WINDOW_CLASSES = tuple(type(name, (Window,), {"methods": frozenset(methods.split())}) for name, methods in _METHODS)
