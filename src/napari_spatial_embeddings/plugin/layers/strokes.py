"""Strokes on an annotation layer: the object and the class that each belongs to.

A stroke that starts on an object adds to it, and so does one that starts within the outline of the
object that was painted last: an outline is often painted first and then filled. Every other stroke
is a new object. In a volume, objects in the neighbouring slices count as well, so that one grows
from slice to slice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.open_image import Box

from .continuation import continued_label
from .frames import frame_of, in_frame, in_layer, pixels
from .labels_update import replace_labels
from .napari_compat import painted_box
from .tags import tag_of, update_tag

if TYPE_CHECKING:
    from napari.utils.events import Event


class Strokes(QObject):
    """Gives the strokes on an annotation layer their ids and their class.

    The class of each label is in the layer's tag.

    Parameters
    ----------
    layer : napari.layers.Labels
        One of the plugin's annotation layers; of a time series, the frame in view is meant.

    Attributes
    ----------
    each : bool
        Whether each stroke is a new object, but for those that add to one.
    class_name : str
        Class of the objects that are painted from now on.
    classing : bool
        Whether a click on an object gives it the class, while napari's picker is chosen.
    """

    changed = Signal()
    """Pixels, or classes of objects, were changed."""
    tool_changed = Signal()

    def __init__(self, layer: Labels, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layer = layer
        self.each, self.class_name, self.classing = True, "object", False
        self._last = 0
        self._extent: Box | None = None  # of the last object, unless it is unknown
        self._own, self._picked, self._encircling = False, False, False
        self._count()
        layer.mouse_drag_callbacks.insert(0, self._press)
        self._connections = Connections()
        self._connections.add(layer.events.paint, self._painted)
        # After those who bring the new data to the type of labels.
        self._connections.add(layer.events.data, self._replaced, position="last")
        self._connections.add(layer.events.mode, self._mode_changed)
        self._connections.add(layer.events.selected_label, self._selected)
        if frame_of(layer) is not None:
            self._stay_in_frame()
            self._connections.add(layer.events.n_edit_dimensions, self._stay_in_frame)
            layer.bind_key("M", self._choose_new, overwrite=True)
        self._select(self.next)

    def close(self) -> None:
        """Disconnect from the layer."""
        self.layer.mouse_drag_callbacks.remove(self._press)
        self._connections.close()
        if frame_of(self.layer) is not None:
            self.layer.bind_key("M", None)

    @property
    def labels(self) -> NDArray[np.int32]:
        """The labels (*S): the layer's own array, or a part of it."""
        return pixels(self.layer)

    def _stay_in_frame(self, _event: Event | None = None) -> None:
        """Have napari paint and fill no other frame."""
        if self.layer.n_edit_dimensions >= self.layer.ndim:
            self.layer.n_edit_dimensions = self.layer.ndim - 1

    def _choose_new(self, _layer: Labels) -> None:
        """Choose a new label; napari would look through all frames for it."""
        self.layer.selected_label = self.next

    # --------------------------------------------------------------- classes

    @property
    def classes(self) -> Mapping[int, str]:
        """Class of each label."""
        tag = tag_of(self.layer)
        return {} if tag is None else tag.classes

    def set_classes(self, classes: Mapping[int, str]) -> None:
        """Change the class of some labels."""
        if tag_of(self.layer) is not None:
            update_tag(self.layer, classes={**self.classes, **classes})

    @property
    def background(self) -> int | None:
        """Label of the strokes of background, if there are any."""
        return next((k for k, name in self.classes.items() if name == BACKGROUND), None)

    @property
    def next(self) -> int:
        """The id of the next new object."""
        return self._top + 1

    # ----------------------------------------------------------------- tools

    def draw(self) -> None:
        """Paint objects; at first the one that was picked, or chosen in napari's controls."""
        if not self._picked:
            self._select(self.next if self.each or not self._last else self._last)
        self.layer.mode = "paint"

    def draw_background(self) -> None:
        """Paint where there is no object; all such strokes share a label."""
        label = self.background
        if label is None:
            label = self._top = self.next
            self.set_classes({label: BACKGROUND})
            self.changed.emit()
        self._select(label)
        self.layer.mode = "paint"

    def erase(self) -> None:
        """Erase, whatever it is."""
        self.layer.mode = "erase"

    def give_class(self) -> None:
        """Give a class to the objects that are clicked on."""
        self.layer.mode = "pick"
        self.classing = True
        self.tool_changed.emit()

    def paste(
        self,
        where: tuple[NDArray[np.intp], ...],
        labels: NDArray[np.int32],
    ) -> None:
        """Set pixels to labels of the objects that they belong to.

        Parameters
        ----------
        where : tuple of D arrays of ints (n,)
            The pixels.
        labels : int32 (n,)
        """
        with self.layer.events.paint.blocker():  # it is no stroke
            self.layer.data_setitem(in_layer(self.layer, where), labels)
        self._go_on_after(int(labels.max(initial=0)))

    def add(
        self,
        box: Box,
        before: NDArray[np.int32],
        after: NDArray[np.int32],
        classes: Mapping[int, str],
    ) -> None:
        """Replace the labels of a part at once, however large it is.

        Parameters
        ----------
        box : Box
        before, after : int32 (*box)
            The labels that are there, and those that take their place.
        classes : mapping
            Class of each new label.
        """
        self.set_classes(classes)
        with self.layer.events.paint.blocker():
            replace_labels(self.layer, box, before, after)
        self._go_on_after(max(classes))

    def mark_proposed(self, labels: Collection[int]) -> None:
        """Note that a model proposed some labels, until someone paints with them."""
        tag = tag_of(self.layer)
        if tag is not None:
            update_tag(self.layer, proposed=tag.proposed | frozenset(labels))
            self.changed.emit()

    def _go_on_after(self, label: int) -> None:
        """Paint new objects, with labels above one that was not painted by hand."""
        self._top = max(self._top, label)
        self._last = 0
        self._select(self.next)
        self.changed.emit()

    @property
    def tool(self) -> str:
        """The tool that is chosen: draw, background, erase, class, or none of them."""
        mode = str(self.layer.mode)
        if mode in ("paint", "polygon", "fill"):
            return "background" if self._on_background else "draw"
        if mode == "pick" and self.classing:
            return "class"
        return "erase" if mode == "erase" else ""

    @property
    def _on_background(self) -> bool:
        return self.classes.get(int(self.layer.selected_label)) == BACKGROUND

    # ---------------------------------------------------------------- events

    def _press(self, layer: Labels, event: Event) -> None:
        """Choose the label of a stroke before napari draws it."""
        pixel = self._pixel(event)
        # The right button starts a polygon around an object, and the left one pans meanwhile.
        self._encircling |= event.button == 2 and str(layer.mode) == "paint"
        if event.button != 1 or pixel is None or self._encircling:
            return
        if self.tool == "class":
            label = int(self.labels[pixel])
            if label > 0 and self.classes.get(label) != BACKGROUND:
                self.set_classes({label: self.class_name})
                self.changed.emit()
        elif str(layer.mode) == "paint" and self.each and not self._on_background:
            if self._picked:
                return
            shift = len(event.dims_displayed) and self._shift(event)
            shift += frame_of(layer) is not None
            seen = {int(a) - shift for a in event.dims_displayed}
            flat = tuple(a for a in range(self.labels.ndim) if a not in seen)
            no = frozenset() if self.background is None else frozenset({self.background})
            label = continued_label(self.labels, pixel, flat, self._last, no, self._extent)
            self._select(label or self.next)

    def _shift(self, event: Event) -> int:
        """Return how many axes the viewer has before those of the layer."""
        return len(event.position) - int(self.layer.ndim)

    def _pixel(self, event: Event) -> tuple[int, ...] | None:
        at = np.round(self.layer.world_to_data(event.position)).astype(int)
        shape = np.array(self.layer.data.shape)
        inside = bool(((at >= 0) & (at < shape)).all())
        return in_frame(self.layer, tuple(int(i) for i in at)) if inside else None

    def _painted(self, event: Event) -> None:
        label = int(self.layer.selected_label)
        self._picked, self._encircling = False, False
        if str(self.layer.mode) != "erase" and label > 0:
            if not self._on_background:
                box = painted_box(event)
                self._note_extent(label, box and in_frame(self.layer, box))
                self._last = label
            self._top = max(self._top, label)
            tag = tag_of(self.layer)
            if tag is not None and label in tag.proposed:
                update_tag(self.layer, proposed=tag.proposed - {label})
            if not self._on_background:
                if label not in self.classes:
                    self.set_classes({label: self.class_name})
                if self.each:
                    self._select(self.next)
        self.changed.emit()

    def _note_extent(self, label: int, box: Box | None) -> None:
        """Keep the box around the object that is painted, if it was painted here from its start."""
        if label > self._top:
            self._extent = box
        elif label != self._last or self._extent is None or box is None:
            self._extent = None
        else:
            both = zip(self._extent, box, strict=True)
            self._extent = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in both)

    def _replaced(self, _event: Event) -> None:
        """Find the ids that are in use, as the layer has another array."""
        if tag_of(self.layer) is None:
            return  # closed: with these data it is no annotation any more
        self._count()
        self._last = 0
        self._select(self.next)
        self.changed.emit()

    def _count(self) -> None:
        named = max(self.classes, default=0)
        self._top = max(named, int(np.max(self.labels, initial=0)))

    def _mode_changed(self, _event: Event) -> None:
        mode = str(self.layer.mode)
        self.classing = self.classing and mode == "pick"
        self._encircling = False
        # A brush that runs over a neighbour's edge leaves it alone; a rubber takes all.
        self.layer.preserve_labels = mode in ("paint", "polygon")
        self.tool_changed.emit()

    def _selected(self, _event: Event) -> None:
        self._picked = not self._own
        self.tool_changed.emit()

    def _select(self, label: int) -> None:
        self._own = True
        self.layer.selected_label = label
        self._own = False
        self._picked = False
