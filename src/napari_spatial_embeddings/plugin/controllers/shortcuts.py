"""Keyboard shortcuts: the table of all of them, and their binding to a viewer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari.components import ViewerModel

from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.correction_actions import TOOLS
from napari_spatial_embeddings.plugin.tasks.link_actions import LINK_TOOLS

EVERYWHERE = "Anywhere in the window"
ON_INSTANCES = "While the layer of instances is active"
ON_TRACKED = "While the layer of tracked cells is active"
ON_ANNOTATIONS = "While the annotation layer is active"


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A key and what it does.

    Parameters
    ----------
    name : str
        Of the action; most are also the text of a button.
    key : str
        As it is shown, such as "Shift+D".
    text : str
        What it does, as a sentence.
    where : str
        Where the key works: one of the four above.
    """

    name: str
    key: str
    text: str
    where: str = EVERYWHERE


# Capital letters that napari leaves free for images, labels and shapes, as H and N are.
_ACTIONS = (
    Shortcut("Draw", "Shift+D", "Paint objects."),
    Shortcut("Background", "Shift+B", "Paint where there is no object."),
    Shortcut("Erase", "Shift+E", "Erase painted pixels."),
    Shortcut("Click", "Shift+O", "Click on objects, which the model outlines; again to stop."),
    Shortcut("Mark region", "Shift+M", "Drag a rectangle in which every object is annotated."),
    Shortcut("Interpolate", "Shift+I", "In a volume, fill the slices between painted ones."),
    Shortcut("Next", "Shift+G", "Go to the next region that is worth annotating."),
    Shortcut("Accept", "Shift+A", "Accept what was found in the region, and complete it."),
    Shortcut("Skip", "Shift+S", "Leave the region as it is, and go to the next one."),
    Shortcut("Review", "Shift+K", "Go to the next object to review, the least sure first."),
    Shortcut("Copy to next frame", "Shift+C", "Copy this frame's objects to the next frame."),
    Shortcut("Apply", "Shift+F", "Repeat the last correction in the following frames, if offered."),
    Shortcut("Start training", "Shift+T", "Train on the annotations."),
    Shortcut("This view", "Shift+R", "Run the model on the visible part of the image."),
    Shortcut("Explain", "Shift+X", "Explain the object under the mouse; again to stop."),
    Shortcut("Next image", "N", "Go to the next image."),
    Shortcut("Image before", "Shift+N", "Go to the image before."),
    Shortcut("Annotations", "H", "Hide or show the annotations."),
    Shortcut("Instances", "Shift+H", "Hide or show the objects that the model found."),
    Shortcut("Leave", "Esc", "Leave the tool, whichever it is."),
)

_CORRECTIONS = (
    Shortcut("Next object", "G", "In a review, go to the next object.", ON_INSTANCES),
    Shortcut("Object before", "B", "In a review, go to the object before.", ON_INSTANCES),
    Shortcut("Undo", "Ctrl+Z", "Undo the last correction.", ON_INSTANCES),
    Shortcut("Redo", "Ctrl+Shift+Z", "Make it again.", ON_INSTANCES),
)

_LINKS = (
    Shortcut("Undo", "Ctrl+Z", "Undo the last correction of links.", ON_TRACKED),
    Shortcut("Redo", "Ctrl+Shift+Z", "Make it again.", ON_TRACKED),
)

_NAPARI = (
    Shortcut(
        "Undo a stroke", "Ctrl+Z", "Undo the last stroke, or the last region.", ON_ANNOTATIONS
    ),
    Shortcut("Smaller brush", "[", "Make the brush smaller.", ON_ANNOTATIONS),
    Shortcut("Larger brush", "]", "Make the brush larger.", ON_ANNOTATIONS),
    Shortcut("Pick", "L", "Pick the object that the next stroke adds to.", ON_ANNOTATIONS),
    Shortcut("Move", "Space", "Hold it to move the image while a brush is on.", ON_ANNOTATIONS),
)


def shortcuts() -> tuple[Shortcut, ...]:
    """Return all shortcuts, those that work in the same place together."""
    tools = (Shortcut(t.name, t.key, t.hint, ON_INSTANCES) for t in TOOLS.values())
    links = (Shortcut(t.name, t.key, t.hints[0], ON_TRACKED) for t in LINK_TOOLS.values())
    return (*_ACTIONS, *tools, *_CORRECTIONS, *links, *_LINKS, *_NAPARI)


class Shortcuts:
    """Binds the keys that work everywhere to a viewer.

    Keys that are bound on the viewer already, by a script or in napari's preferences, stay as they
    are.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
        Shows the errors of the actions.
    actions : mapping
        What each key does, by the name of its shortcut.
    """

    def __init__(
        self, viewer: ViewerModel, session: Session, actions: Mapping[str, Callable[[], object]]
    ) -> None:
        self._viewer, self._session = viewer, session
        self._bound: dict[str, Callable[[ViewerModel], None]] = {}
        for shortcut in _ACTIONS:
            if shortcut.name in actions:
                self._bind(napari_key(shortcut.key), actions[shortcut.name])

    def close(self) -> None:
        """Unbind the keys, but for those that were bound to something else meanwhile."""
        for key, press in self._bound.items():
            unbound = self._viewer.bind_key(key, None)
            if unbound not in (None, press):
                self._viewer.bind_key(key, unbound)
        self._bound.clear()

    def _bind(self, key: str, action: Callable[[], object]) -> None:
        def press(_viewer: Any) -> None:  # napari asks for a function with a name
            with self._session.errors_as_messages():
                action()

        taken = {str(known) for known in (*self._viewer.keymap, *self._viewer.class_keymap)}
        if key.replace("-", "+") in taken:
            return
        self._viewer.bind_key(key, press)
        self._bound[key] = press


def napari_key(key: str) -> str:
    """Return a key as napari writes it, such as "Shift-D"."""
    return key.replace("Esc", "Escape").replace("+", "-")
