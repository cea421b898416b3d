"""Form that segments an image layer without the dock, in Layers > Segment."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import napari
from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, Container, FileEdit, FloatSpinBox, PushButton
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils import cancelable_progress
from napari.utils.notifications import show_error, show_info

from napari_spatial_embeddings.errors import InputError, to_message
from napari_spatial_embeddings.inference.registry import shipped, suiting
from napari_spatial_embeddings.plugin.layers.annotation import LayerTuple, add_layer
from napari_spatial_embeddings.plugin.layers.axes import likeliest_axes, meanings
from napari_spatial_embeddings.plugin.layers.image import channel_count, image_layers
from napari_spatial_embeddings.plugin.layers.tags import Grey
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.tasks.predict import (
    COMPILING,
    PredictionReport,
    compiling_reported,
)

from .segment import DEFAULT_MODEL, SegmentJob

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import SegmentationReport

    _Report = SegmentationReport | PredictionReport | list[LayerTuple]

TITLE = "Segment image"

OWN_MODEL = "own folder"
"""The choice that asks for a folder."""

DEVICES = ("auto", "cpu", "cuda", "mps")

_FORMS: WeakSet[SegmentForm] = WeakSet()
"""The forms of all windows."""


class SegmentForm(Container[Any]):
    """A form that segments an image layer and adds the labels to the viewer.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer: ViewerModel = getattr(viewer, "__wrapped__", viewer)  # behind napari's proxy
        self._worker: Worker | None = None
        self._segmented: Image | None = None
        self._progress: Any = None
        self._reports: deque[tuple[Worker, _Report]] = deque()
        self.image = ComboBox(label="Image", choices=self._images, tooltip="The layer to segment.")
        self.axes = ComboBox(
            label="Axes", choices=self._meanings, tooltip="Meaning of the axes of its array."
        )
        models = sorted(shipped(), key=lambda name: name != DEFAULT_MODEL)
        self.model = ComboBox(
            label="Model",
            choices=[*models, OWN_MODEL],
            tooltip="A shipped model, or one of your own.",
        )
        self.folder = FileEdit(
            label="Folder",
            mode=FileDialogMode.EXISTING_DIRECTORY,
            tooltip="The folder of your own model.",
        )
        self.object_diameter = FloatSpinBox(
            label="Object size",
            value=0,
            min=0,
            max=10_000,
            step=1,
            tooltip="Typical diameter of the objects in pixels, unless it is as the model knows.",
        )
        self.object_diameter.native.setSpecialValueText("as the model")
        self.device = ComboBox(label="Device", choices=DEVICES, tooltip="Where to compute.")
        self.maps = CheckBox(
            label="Add the maps too", tooltip="Add layers of offsets, margin and seeds."
        )
        self.button = PushButton(text="Segment")
        super().__init__(
            widgets=[
                self.image,
                self.axes,
                self.model,
                self.folder,
                self.object_diameter,
                self.device,
                self.maps,
                self.button,
            ]
        )
        self.image.changed.connect(self._follow_image)
        self.axes.changed.connect(self._suggest_model)
        self.model.changed.connect(self._refresh)
        self.button.changed.connect(self._press)
        self._connections = Connections()
        for name in ("inserted", "removed", "reordered"):
            self._connections.add(self.viewer.layers.events[name], self._follow_layers)
        self._follow_layers()
        self._follow_image()

    def close_down(self, *_: object) -> None:
        """Cancel what runs, and disconnect from the viewer."""
        self._connections.close()
        if self._worker is not None:
            self._worker.cancel()
            self._segmented = None
            self._end_progress()

    @property
    def busy(self) -> bool:
        """Whether an image is being segmented."""
        return self._worker is not None

    # ------------------------------------------------------------------ choices

    def _images(self, _widget: object = None) -> list[Image]:
        return image_layers(self.viewer)

    def _meanings(self, _widget: object = None) -> list[tuple[str, tuple[str, Grey]]]:
        image = self.image.value
        found = {} if image is None else meanings(image)
        unknown = len(found) > 1 and not likeliest_axes(image)
        first: list[tuple[str, tuple[str, Grey]]] = [("choose", ("", ""))] if unknown else []
        return first + [(text, meaning) for meaning, text in found.items()]

    def _follow_image(self, *_: object) -> None:
        self.axes.reset_choices()
        self._suggest_model()

    def _follow_layers(self, *_: object) -> None:
        self.image.reset_choices()
        self._refresh()

    def _suggest_model(self, *_: object) -> None:
        """Choose a shipped model that takes the image, unless the chosen one does."""
        image, (axes, grey) = self.image.value, self.axes.value or ("", "")
        if image is not None and axes and self.model.value != OWN_MODEL:
            channels = 1 if grey else channel_count(image, axes)
            colours = bool(image.rgb) and not grey
            ndim = 3 if "Z" in axes else 2
            names = suiting(ndim, channels, dark=not colours, colours=colours)
            if names and self.model.value not in names:
                self.model.value = names[0]
        self._refresh()

    def _refresh(self, *_: object) -> None:
        self.folder.visible = self.model.value == OWN_MODEL
        self.axes.visible = len(self.axes.choices) > 1
        self.button.text = "Cancel" if self.busy else "Segment"
        self.button.enabled = self.busy or self.image.value is not None

    # --------------------------------------------------------------------- work

    def _press(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._end()
            show_info("The segmentation was cancelled.")
            return
        try:
            self._start()
        except Exception as error:  # noqa: BLE001 - `explained` logs unexpected ones
            show_error(to_message(error))

    def _start(self) -> None:
        model = str(self.folder.value if self.model.value == OWN_MODEL else self.model.value)
        diameter = self.object_diameter.value or None
        image: Image = self.image.value
        self._segmented = image
        meaning = self.axes.value or (None, "")
        job = SegmentJob.of(image, model, diameter, self.device.value, self.maps.value, *meaning)
        around = partial(compiling_reported, PredictionReport(0, 0, COMPILING))
        self._worker = worker = Worker(job.run, self.native, around)
        worker.reported.connect(partial(self._report, worker))
        worker.failed.connect(partial(self._fail, worker))
        self._progress = cancelable_progress(total=0, desc=f"{image.name}: loading the model")
        worker.start()
        self._refresh()

    def _report(self, worker: Worker, report: _Report) -> None:
        """Handle a report in the main thread, after those before it.

        napari's progress bar handles events while it is updated, and the next report is one.
        """
        self._reports.append((worker, report))
        if len(self._reports) > 1:
            return
        try:
            while self._reports:
                self._handle(*self._reports[0])
                self._reports.popleft()
        finally:
            self._reports.clear()

    def _handle(self, worker: Worker, report: _Report) -> None:
        """Show progress, and the layers at last."""
        bar = self._progress
        if worker is not self._worker:  # cancelled
            return
        if isinstance(report, list):
            image = self._segmented
            self._end()
            if image not in self.viewer.layers:
                show_info("The image was removed while it was segmented: nothing is added.")
                return
            for layer in report:
                add_layer(self.viewer, layer)
        elif bar.is_canceled:
            self._press()
        else:
            bar.set_description(report.message)
            if bar is self._progress and report.total:
                bar.total = report.total
            if bar is self._progress and report.done > bar.n:
                bar.update(report.done - bar.n)

    def _fail(self, worker: Worker, problem: str) -> None:
        if worker is self._worker:
            self._end()
            show_error(problem)

    def _end(self) -> None:
        self._worker = self._segmented = None
        self._end_progress()
        self._refresh()

    def _end_progress(self) -> None:
        if self._progress is not None:
            self._progress.close()
            self._progress = None


def open_form() -> None:
    """Open the form in the current window, or show the one that is there.

    Raises
    ------
    InputError
        If there is no window.
    """
    viewer = napari.current_viewer()
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer is None:
        raise InputError("there is no viewer: open napari first")
    for form in _FORMS:
        dock = form.native.parentWidget()
        if form.viewer is viewer and dock is not None:
            dock.show()
            return
    form = SegmentForm(viewer)
    _FORMS.add(form)
    dock = viewer.window.add_dock_widget(form, name=TITLE)
    dock.destroyed.connect(lambda *_: form.close_down())
