"""Step that links the objects of a time series, so that a cell keeps its id."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QProgressBar, QPushButton, QWidget

from napari_spatial_embeddings.plugin.controllers.tracking.export import TrackExport
from napari_spatial_embeddings.plugin.controllers.tracking.link_tool import LinkTool
from napari_spatial_embeddings.plugin.controllers.tracking.linking import LinkingController
from napari_spatial_embeddings.plugin.controllers.tracking.series_choice import SeriesChoice
from napari_spatial_embeddings.plugin.layers.tracks.series import shape_text, unit_of
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.looks import dress
from napari_spatial_embeddings.plugin.qt.name_widgets import NameCombo
from napari_spatial_embeddings.plugin.qt.narrow_form import NarrowForm
from napari_spatial_embeddings.plugin.qt.step_area import StepArea
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.linked_series import LinkedSeries

TITLE = "Track"

HINTS = {
    "ready": "Press Link: each cell gets one id and one colour in all frames.",
    "linked": "Move the time slider: a cell keeps its colour. Correct what is wrong below.",
    "stale": "The labels have changed since they were linked: press Link again.",
}


class TrackStep(StepArea):
    """Choice of the labels, settings, the button that links, corrections and export.

    It is shown while there are labels with an axis of time.

    Parameters
    ----------
    choice : SeriesChoice
    linking : LinkingController
    link_tool : LinkTool
    export : TrackExport
    """

    def __init__(
        self,
        choice: SeriesChoice,
        linking: LinkingController,
        link_tool: LinkTool,
        export: TrackExport,
    ) -> None:
        super().__init__(TITLE, opened=False)
        self._choice, self._linking = choice, linking
        self._link_tool, self._export, self._filled = link_tool, export, False
        self._connections = Connections()
        self._connections.add(linking.changed, self.refresh)
        self._connections.add(linking.progressed, self._show_progress)
        self.refresh()

    def _fill(self) -> None:
        """Make what is in the step, once it is needed: most docks are opened on single images."""
        from .export import TrackExportSection
        from .links import LinkSection
        from .settings import LinkSettings

        self.labels = NameCombo()
        self.labels.set_about("Labels whose first axis is time.")
        self.labels.activated.connect(self._choose)
        self.about = TextBlock(1, "note")
        self.settings = LinkSettings()
        self.settings.changed.connect(self._set_settings)
        self.button = QPushButton("Link")
        dress(self.button, "main")
        self.button.setMinimumHeight(34)
        self.button.clicked.connect(self._press)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(6)
        self.count = TextBlock(2, "count")
        self.links = LinkSection(self._linking, self._link_tool)
        self.export = TrackExportSection(self._export)
        self._filled = True
        self._lay_out()

    def _lay_out(self) -> None:
        form = NarrowForm()
        form.addRow("Labels", self.labels)
        self.body.addLayout(form)
        self.body.addWidget(self.about)
        self.body.addWidget(self.settings)
        self.body.addWidget(self.button)
        policy = self._bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # what is below it is not to move
        self._bar.setSizePolicy(policy)
        self.body.addWidget(self._bar)
        self.body.addWidget(self.count)
        sections: dict[str, QWidget] = {"Correct links": self.links, "Export tracks": self.export}
        for title, section in sections.items():
            group = Collapsible(title)
            group.body.addWidget(section)
            group.pressed.connect(partial(self.shown.emit, group))
            self.body.addWidget(group)

    def close_down(self) -> None:
        """Disconnect from the controllers."""
        self._connections.close()
        if self._filled:
            self.links.close_down()
            self.export.close_down()

    # ------------------------------------------------------------------ showing

    def refresh(self) -> None:
        """Show what can be linked, and what was found."""
        series, layers = self._choice.series, self._choice.layers()
        if layers and not self._filled:
            self._fill()
        self.setVisible(bool(layers))
        if not self._filled:
            return
        names = [layer.name for layer in layers]
        if names != [self.labels.itemText(k) for k in range(self.labels.count())]:
            self.labels.clear()
            self.labels.addItems(names)
        self.labels.setCurrentIndex(
            next((k for k, x in enumerate(layers) if series and x is series.layer), -1)
        )
        self.about.setText("" if series is None else shape_text(series.layer))
        self.settings.set_unit(None if series is None else unit_of(series.layer, series.axes))
        if series is not None and self.settings.settings != self._linking.settings:
            self.settings.show_settings(self._linking.settings)
            self._set_settings()  # the unit of the step may be another one
        self._show_found(series)
        self._show_button()

    def _show_button(self) -> None:
        busy = self._linking.busy
        self.button.setText("Stop" if busy else "Link")
        self.button.setToolTip("Stop; the tracks stay as they were." if busy else HINTS["ready"])
        if self.button.property("active") != busy:
            self.button.setProperty("active", busy)
            self.button.style().unpolish(self.button)
            self.button.style().polish(self.button)
        self._bar.setVisible(busy)

    def _show_found(self, series: LinkedSeries | None) -> None:
        tracks = None if series is None else series.tracks
        if series is None or tracks is None:
            self.count.setText("")
            self.settings.show_step(None)
            self.set_hint(HINTS["ready"])
            return
        parts = [
            f"<b>{len(tracks.ids):,}</b> track{'s' * (len(tracks.ids) != 1)}",
            f"{tracks.divisions:,} division{'s' * (tracks.divisions != 1)}",
            f"{tracks.alone:,} linked to nothing",
        ]
        self.count.setText(" · ".join(parts))
        self.settings.show_step(self._linking.automatic_step(series))
        self.set_hint(HINTS["stale" if series.stale else "linked"])

    def _show_progress(self, done: int, total: int, message: str) -> None:
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self.count.setText(message)

    # ------------------------------------------------------------------ actions

    def _choose(self, index: int) -> None:
        layers = self._choice.layers()
        if 0 <= index < len(layers):
            self._choice.choose(layers[index])

    def _set_settings(self) -> None:
        self._linking.settings = self.settings.settings

    def _press(self) -> None:
        if self._linking.busy:
            self._linking.cancel()
        else:
            self._linking.link()
