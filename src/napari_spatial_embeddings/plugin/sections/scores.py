"""The section that scores objects against ground truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QWidget

from napari_spatial_embeddings.plugin.controllers.tools.scoring import ScoringController
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from napari_spatial_embeddings.plugin.qt.connections import Connections

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.metrics import Scores
    from napari_spatial_embeddings.plugin.tasks.checks.scores import ScoreReport

LINES = 9
"""Lines that the scores have room for, or the sentence in their place."""

NONE = "choose"
"""Entry of the list of layers that stands for none."""

ABOUT = """The layer of labels that holds the right objects of this image. It is compared where
it lies: a crop, or another pixel size, is brought to its place by scale and translation.
Pixels below 0, and those that it does not cover, are unknown and not scored."""

ABOUT_IOU = """Overlap, as intersection over union, from which a found object is right."""

ABOUT_SCORES = """AP is right / (right + missed + false) at this IoU, mean AP the average from 0.50
to 0.95, PQ panoptic quality: what the command evaluate prints.
Right: overlaps an object of the ground truth by this IoU or more. Split: several found objects
lie in one of the ground truth; merged: the reverse. Their parts are also missed and false where
they overlap too little. Pink is where a missed and a false object overlap."""

ABOUT_EXPECTED = """Share of the found objects that are right, with an IoU of 0.5 or more: what is
to be expected from their scores alone, and what it is by the ground truth, if that is chosen."""

ABOUT_WHOLE = """Score all objects of an image that was predicted block by block, and not those of
the view alone. Both are read block by block: of a large image that takes a while."""

NO_ERRORS = (
    """Errors are shown in a view, not in the whole image: clear the box, and predict the view."""
)

SHOW = """Show where the objects are wrong, in a layer of its own. The parts of a split object, and
the right objects in a merged one, are apart by a pixel."""


class ScoresSection(Collapsible):
    """Choice of the ground truth, the scores, and the button that shows errors; built when opened.

    Parameters
    ----------
    scoring : ScoringController
    """

    def __init__(self, scoring: ScoringController, parent: QWidget | None = None) -> None:
        super().__init__("Scores", parent)
        self._scoring = scoring
        self._connections = Connections()
        self.toggled.connect(scoring.set_seen)

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def build(self) -> None:
        """Add the lists, the scores and the button."""
        from qtpy.QtWidgets import QCheckBox, QComboBox

        from napari_spatial_embeddings.core.metrics import THRESHOLDS
        from napari_spatial_embeddings.plugin.qt.form_fields import ignore_wheel
        from napari_spatial_embeddings.plugin.qt.name_widgets import NameCombo
        from napari_spatial_embeddings.plugin.qt.narrow_form import NarrowForm
        from napari_spatial_embeddings.plugin.qt.text_block import TextBlock

        self.truth = NameCombo()
        self.truth.set_about(ABOUT)
        self.truth.activated.connect(self._choose)
        self.threshold = ignore_wheel(QComboBox())
        self.threshold.setToolTip(ABOUT_IOU)
        for threshold in THRESHOLDS:
            self.threshold.addItem(f"{threshold:.2f}", threshold)
        self.threshold.activated.connect(self._set_threshold)
        self.whole = QCheckBox("Of the whole image")
        self.whole.setToolTip(ABOUT_WHOLE)
        self.whole.clicked.connect(self._scoring.set_whole)
        form = NarrowForm()
        form.addRow("Ground truth", self.truth)
        form.addRow("IoU", self.threshold)
        self.text = TextBlock(LINES, "scores")
        self.errors = QPushButton("Show errors")
        self.errors.setCheckable(True)
        self.errors.toggled.connect(self._scoring.show_errors)
        self.expected = TextBlock(1, "count")
        self.expected.setToolTip(ABOUT_EXPECTED)
        self.body.addLayout(form)
        self.body.addWidget(self.whole)
        self.body.addWidget(self.expected)
        self.body.addWidget(self.text)
        self.body.addWidget(self.errors)
        self._connections.add(self._scoring.changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the layers there are, and the newest scores."""
        scoring = self._scoring
        layers = scoring.layers()
        names = [NONE, *(layer.name for layer in layers)]
        if names != [self.truth.itemText(k) for k in range(self.truth.count())]:
            self.truth.clear()
            self.truth.addItems(names)
        chosen = scoring.layer
        self.truth.setCurrentIndex(layers.index(chosen) + 1 if chosen in layers else 0)
        self.truth.setEnabled(bool(layers))
        self.threshold.setCurrentIndex(self.threshold.findData(scoring.threshold))
        self.whole.setVisible(scoring.whole.found is not None)
        self.whole.setChecked(scoring.whole.wanted)
        report, whole = scoring.report, scoring.whole.applies
        text = report.problem
        if report.scores is not None:
            text = figures(report.scores, scoring.threshold)
            text += counts(report.scores, scoring.threshold, partial=report.partial)
        self.expected.setText(shares(scoring.expected, report))
        self.text.setText(text)
        self.text.setToolTip("" if report.scores is None else ABOUT_SCORES)
        self.errors.setChecked(scoring.shown)
        self.errors.setEnabled((report.scores is not None or scoring.shown) and not whole)
        show = SHOW if report.scores is not None else report.problem
        self.errors.setToolTip(NO_ERRORS if whole else show)

    def _choose(self, index: int) -> None:
        layers = self._scoring.layers()
        self._scoring.choose(layers[index - 1] if 0 < index <= len(layers) else None)

    def _set_threshold(self, index: int) -> None:
        self._scoring.set_threshold(float(self.threshold.itemData(index)))


def shares(expected: float | None, report: ScoreReport) -> str:
    """Return which share of the objects is right: as scores promise, and as it is."""
    parts = [] if expected is None else [f"{expected:.0%} expected"]
    if report.scores is not None:
        parts.append(f"{report.scores.precision[0]:.0%} found")
    return f"Right: {', '.join(parts)}" if parts else ""


def figures(scores: Scores, threshold: float) -> str:
    """Return scores as rich text: those at an IoU threshold, and the mean AP."""
    at = scores.thresholds.index(threshold)
    cells = (
        ("AP", scores.ap[at]),
        ("mean AP", scores.ap.mean()),
        ("precision", scores.precision[at]),
        ("recall", scores.recall[at]),
        ("F1", scores.f1[at]),
        ("PQ", scores.panoptic_quality[at]),
    )
    return _table([f"{name} <b>{value:.3f}</b>" for name, value in cells], 2)


def counts(scores: Scores, threshold: float, *, partial: bool) -> str:
    """Return how many objects are right and wrong, in the colours of the layer of errors."""
    from napari_spatial_embeddings.plugin.layers.overlays.errors import COLOURS
    from napari_spatial_embeddings.plugin.tasks.checks.scores import (
        BOTH,
        FALSE,
        MERGED,
        MISSED,
        SPLIT,
    )

    at = scores.thresholds.index(threshold)
    of = {
        0: f"{scores.tp[at]:,} right",
        SPLIT: f"{scores.split:,} split",
        MISSED: f"{scores.fn[at]:,} missed",
        MERGED: f"{scores.merged:,} merged",
        FALSE: f"{scores.fp[at]:,} false",
        BOTH: "missed + false",
    }
    cells = [
        f"<span style='color:{COLOURS[kind]}'>●</span> {text}" if kind else text
        for kind, text in of.items()
    ]
    return _table(cells, 2, "where ground truth is known" if partial else "")


def _table(cells: list[str], columns: int, below: str = "") -> str:
    """Return a table of rich text, with a line below it."""
    cells = [f"<td width='{100 // columns}%'>{cell}</td>" for cell in cells]
    starts = range(0, len(cells), columns)
    rows = "".join(f"<tr>{''.join(cells[k : k + columns])}</tr>" for k in starts)
    rows += f"<tr><td colspan='{columns}'>{below}</td></tr>" if below else ""
    return f"<table width='100%'>{rows}</table>"
