"""Parts of napari without a public or stable name, in one place."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.state.open_image import Box


def camera(viewer: ViewerModel) -> Any:
    """Return the viewer's camera, which became a part of its scene in napari 0.9."""
    return getattr(viewer, "scene", viewer).camera


def canvas_size(viewer: ViewerModel) -> NDArray[np.float64]:
    """Return the canvas's height and width in screen pixels; a part of the model since 0.9."""
    canvas = getattr(viewer, "canvas", None)
    return np.array(viewer._canvas_size if canvas is None else canvas.size, float)


def world_units(viewer: ViewerModel) -> tuple[Any, ...] | None:
    """Return the viewer's unit along each axis; None if it has none, as before napari 0.9."""
    units: tuple[Any, ...] | None = getattr(viewer.layers.extent, "units", None)
    return units


@cache
def tools_convert_units() -> bool:
    """Return whether `Layer.world_to_data` takes positions in the viewer's units: not in 0.9.2."""
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((2, 2), np.uint8), units="um")
    viewer.add_labels(np.zeros((2, 2), np.uint8), units="nm")
    return world_units(viewer) is not None and bool(layer.world_to_data((1000, 1000))[0] < 2)


def set_conversion(
    layer: Layer,
    ratio: Callable[[], NDArray[np.float64]],
    world_to_data: Callable[[Any], NDArray[np.float64]],
) -> None:
    """Have a layer convert from the viewer's units what napari gives it without converting.

    Parameters
    ----------
    layer : Layer
    ratio : callable
        Returns how many of the layer's units one of the viewer's is, along each axis.
    world_to_data : callable
        Takes the place of the layer's own.
    """
    kind, own = type(layer), weakref.ref(layer)
    draw: Any = getattr(kind, "_update_draw", None)

    def convert(scale_factor: float, corner_pixels_displayed: Any, **more: Any) -> None:
        there: Any = own()
        seen = ratio()[list(there._slice_input.displayed)]
        draw(
            there,
            scale_factor=scale_factor * seen[-1],
            corner_pixels_displayed=corner_pixels_displayed * seen,
            **more,
        )

    changed: Any = layer
    changed.world_to_data = world_to_data
    if draw is not None:
        changed._update_draw = convert


def grid(viewer: ViewerModel) -> Any:
    """Return the settings of the grid that shows layers side by side; a part of the canvas now."""
    canvas = getattr(viewer, "canvas", None)
    return viewer.grid if canvas is None else canvas.grid


def adjust_window(viewer: ViewerModel) -> None:
    """Change what in napari's own window is in the way of work in it."""
    _hide_brush_box(viewer)
    _hold_spinner(viewer)


def _hide_brush_box(viewer: ViewerModel) -> None:
    """Hide the dark square that napari 0.9 draws inside its brush, and leaves behind.

    It is made transparent: switched off, it takes the process with it in software OpenGL, when a
    layer that was painted on is removed.
    """
    with suppress(AttributeError, KeyError):
        viewer.canvas.overlays._brush_circle.box_color = "transparent"


def _hold_spinner(viewer: ViewerModel) -> None:
    """Have napari's sign that something is under way stand still.

    napari 0.9 has the whole window painted 32 times a second to turn it. In software OpenGL that is
    a quarter of the main thread's time, for as long as a training takes.
    """
    with suppress(AttributeError):
        window: Any = viewer.window._qt_window
        window._activity_dialog._toggleButton._inProgressIndicator.movie().setSpeed(0)


def ask_before_closing(owner: object, may_close: Callable[[str], bool]) -> Callable[[], object]:
    """Have napari ask before it closes a window from its menus, or a dock with its cross.

    Any of its windows may end napari, and so all that is in others. A program's call of
    `Window.close` or `remove_dock_widget` is not asked about: it relies on it.

    Parameters
    ----------
    owner : object
        A dock or a window of napari; anything else stays as it is.
    may_close : callable
        Called with what is closed, in words; if this returns False, nothing is done.

    Returns
    -------
    callable
        Undoes it.
    """
    if hasattr(owner, "destroyOnClose"):
        return _ask_of_dock(owner, may_close)
    if hasattr(owner, "close_window"):
        return _ask_of_windows(owner, may_close)
    return lambda: None


def _ask_of_dock(owner: object, may_close: Callable[[str], bool]) -> Callable[[], object]:
    changed: Any = owner
    kind, own = type(changed), weakref.ref(owner)

    def remove_dock() -> None:
        if may_close("the dock"):
            kind.destroyOnClose(own())

    def undo() -> None:
        with suppress(AttributeError):  # it is gone
            delattr(own(), "destroyOnClose")

    changed.destroyOnClose = remove_dock
    return undo


Asking = tuple["weakref.ref[object]", Callable[[str], bool]]

_asking: dict[Any, list[Asking]] = {}
"""Windows whose closing is asked about, by their class."""


def _ask_of_windows(owner: object, may_close: Callable[[str], bool]) -> Callable[[], object]:
    kind: Any = type(owner)
    one = weakref.ref(owner), may_close
    if not _asking.setdefault(kind, []):
        _have_windows_ask(kind)
    _asking[kind].append(one)

    def undo() -> None:
        with suppress(ValueError):  # undone before
            _asking[kind].remove(one)
            if not _asking[kind]:
                kind.close = kind.close.original

    return undo


def _have_windows_ask(kind: Any) -> None:
    original: Any = kind.close

    def close(self: Any, quit_app: bool = False, confirm_need: bool = False) -> Any:
        what = "napari" if quit_app else "the window"
        concerned = [may for own, may in _asking[kind] if quit_app or own() is self]
        if not confirm_need or all(may_close(what) for may_close in concerned):
            return original(self, quit_app, confirm_need)
        return None

    setattr(close, "original", original)  # noqa: B010 - a function has no such attribute by itself
    kind.close = close


def shorten_title(dock: object, title: str) -> None:
    """Show a short title in a dock's title bar: napari's ends with the plugin's name, and is cut.

    napari makes another title bar whenever the dock becomes a window of its own, or is docked.
    """
    own = weakref.ref(dock)

    def show(_floating: bool = False) -> None:
        there: Any = own()
        with suppress(AttributeError, RuntimeError):
            there.title.title.setText(title)

    show()
    with suppress(AttributeError):
        dock.topLevelChanged.connect(show)  # type: ignore[attr-defined]


def insert(viewer: ViewerModel, index: int, layer: Layer) -> None:
    """Insert a layer without selecting it.

    napari selects each new layer; to select the former ones again shows the controls of both in
    turn, which takes as long as half of the insertion.
    """
    layers: Any = viewer.layers
    activates = getattr(layers, "_activate_on_insert", None)
    if activates is None:
        selected = set(layers.selection)
        layers.insert(index, layer)
        layers.selection = selected
        return
    layers._activate_on_insert = False
    try:
        layers.insert(index, layer)
    finally:
        layers._activate_on_insert = activates


def draw_thumbnail(layer: Labels) -> None:
    """Draw a layer's thumbnail alone; napari's `refresh` draws the whole layer again."""
    try:
        layer._update_thumbnail()
    except AttributeError:
        layer.refresh(extent=False, highlight=False)


def end_stroke(layer: Layer | None) -> None:
    """End what the mouse draws on a layer as if it were released; a stroke can be undone."""
    with suppress(AttributeError):
        if not isinstance(layer, Labels | Shapes) or not layer._mouse_drag_gen:
            return
        for generator in layer._mouse_drag_gen.values():
            generator.close()
            layer._persisted_mouse_event.pop(generator, None)
        layer._mouse_drag_gen.clear()
        if isinstance(layer, Labels):
            layer._commit_staged_history()
        else:
            layer._finish_drawing()


def read_again(layer: Labels) -> None:
    """Have a layer read what it shows again, and the coarsest level, which napari 0.9 keeps."""
    getattr(layer, "_reset_thumbnail_level_data", lambda: None)()
    layer.refresh(extent=False)


def painted_box(event: Any) -> Box | None:
    """Return the box around what a paint event of a Labels layer changed; None if unknown."""
    boxes = []
    with suppress(AttributeError, TypeError, ValueError):
        for atom in event.value:
            if hasattr(atom, "slice_key"):  # since napari 0.9
                boxes.append([(part.start, part.stop) for part in atom.slice_key])
            else:
                boxes.append([(int(np.min(i)), int(np.max(i)) + 1) for i in atom[0]])
        low, high = np.min(boxes, 0)[:, 0], np.max(boxes, 0)[:, 1]
        return tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    return None


def clear_paint_history(layer: Labels) -> None:
    """Clear napari's own undo history: it would bring back older labels."""
    with suppress(AttributeError):
        layer._reset_history()


def add_to_paint_history(
    layer: Labels, box: Box, before: NDArray[np.int32], after: NDArray[np.int32]
) -> None:
    """Have napari undo and redo a change of the labels (*box) of a part of a layer."""
    with suppress(AttributeError):
        layer._save_history((box, before, after))


def take_paint_history(layer: Labels) -> tuple[Any, ...]:
    """Return what can be undone and done again in a layer."""
    with suppress(AttributeError):
        return layer._undo_history, layer._redo_history
    return ()


def put_paint_history(layer: Labels, history: tuple[Any, ...]) -> None:
    """Have napari undo and redo what `take_paint_history` returned; nothing if that is empty."""
    clear_paint_history(layer)
    with suppress(ValueError):
        layer._undo_history, layer._redo_history = history


def draw_part(layer: Labels, box: Box) -> bool:
    """Bring a part of a plane to the canvas as napari does after a stroke.

    Parameters
    ----------
    layer : Labels
        Of a plane, or of a series of planes.
    box : Box
        In the layer's array; along the first axis of a series, the frame in view.

    Returns
    -------
    bool
        Whether that was possible; if not, the layer is to be refreshed.
    """
    if not layer.visible or len(box) > 3:
        return False
    try:
        if list(layer._slice_input.displayed) != [len(box) - 2, len(box) - 1]:
            return False
        shown, plane = layer._slice.image.view, layer.data[box]
        shown[box[-2:]] = layer.colormap._data_to_texture(plane.reshape(plane.shape[-2:]))
        layer._accumulate_updated_slice(box)
        layer._partial_labels_refresh()
    except AttributeError:
        return False
    return True
