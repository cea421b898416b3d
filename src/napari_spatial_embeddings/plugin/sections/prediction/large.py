"""Parts of the prediction's section for whole images that are predicted block by block."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.plugin.controllers.large.prediction import LargePrediction
from napari_spatial_embeddings.plugin.qt.connections import Connections

from .progress_row import ProgressRow


class LargeProgressRow(QWidget):
    """Shows how far the prediction of a whole image is, what it takes, and whether it can go on.

    Parameters
    ----------
    large : LargePrediction
    """

    def __init__(self, large: LargePrediction) -> None:
        super().__init__()
        self._large = large
        self.row = ProgressRow("Go on")
        self.takes = QLabel()
        self.takes.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.row)
        column.addWidget(self.takes)
        self.row.button.clicked.connect(self._press)
        self._connections = Connections()
        self._connections.add(large.progressed, self._show_progress)
        self._connections.add(large.ended, self.refresh)
        self._connections.add(large.changed, self.refresh)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def refresh(self, *_: object) -> None:
        """Show what there is to be shown."""
        large, button = self._large, self.row.button
        self.takes.setText(large.takes if large.running else "")
        self.takes.setVisible(bool(self.takes.text()))
        if large.running:
            button.setText("Stop")
            button.setToolTip("Stop after this tile. What is done is kept.")
        elif (counts := large.unfinished) is not None:
            done, total = counts
            other = large.other_settings
            text = f"{done} of {plural(total, 'block')} done"
            self.row.show_progress(done, total, f"{text}, other thresholds" if other else text)
            button.setText("Start again" if other else "Go on")
            button.setToolTip(
                "The thresholds are other ones than those of the blocks that are done."
                if other
                else "Do the other blocks; those that are done are kept."
            )
        else:
            button.setText("Go on")
        self.setVisible(large.running or large.unfinished is not None)

    def _show_progress(self, done: int, total: int, text: str) -> None:
        self.row.show_progress(done, total, text)
        self.setVisible(True)

    def _press(self) -> None:
        if self._large.running:
            self._large.cancel()
        else:
            self._large.start()


class LargeSettings(QWidget):
    """Whether images are predicted block by block, and by whom.

    Parameters
    ----------
    large : LargePrediction
    """

    def __init__(self, large: LargePrediction) -> None:
        super().__init__()
        self._large = large
        self.always = QCheckBox("Block by block")
        self.always.setToolTip(
            "Predict the whole image block by block, into a file, as it is done with large images:"
            " with less memory, and it can be stopped and gone on with."
        )
        self.workers = QLineEdit()
        self.workers.setPlaceholderText("none")
        self.workers.setToolTip(
            "Who shares the work on a whole image that is predicted block by block: a number of"
            " processes on this machine, or the address of a Dask scheduler, such as"
            " tcp://192.0.2.1:8786. None: napari does it all."
        )
        line = QHBoxLayout()
        line.addWidget(QLabel("Workers"))
        line.addWidget(self.workers, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.always)
        column.addLayout(line)
        self.always.toggled.connect(self._set)
        self.workers.textChanged.connect(self._set)

    def _set(self, *_: object) -> None:
        self._large.set_how(always=self.always.isChecked(), workers=self.workers.text())
