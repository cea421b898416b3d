"""The section that corrects objects by hand."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QWidget

from napari_spatial_embeddings.core.text import sentence
from napari_spatial_embeddings.plugin.controllers.correction import CorrectionController
from napari_spatial_embeddings.plugin.controllers.correction_tool import (
    NO_TOOL_HINT,
    CorrectionTool,
)
from napari_spatial_embeddings.plugin.controllers.proposing.review import ObjectReview
from napari_spatial_embeddings.plugin.controllers.tools.all_corrections import AllCorrections
from napari_spatial_embeddings.plugin.controllers.tools.following_frames import FollowingFrames
from napari_spatial_embeddings.plugin.controllers.tools.object_import import ObjectImport
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.qt.name_widgets import NameCombo
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.correction_actions import TOOLS

from .proposing.review import ReviewRow

LOCKED = "The locked objects"
ALL = "The corrections of all images"

COPY = """Copy the locked objects of this frame to the next one, as locked objects there, and go
there. What is locked or deleted there stays as it is. Key: Shift+C. Ctrl+Z takes it back."""

APPLY = """Repeat the last correction in the frames after this one in which it plainly applies:
the same objects, at the same place or of the same tracks, that you did not correct yet.
Key: Shift+F. One Ctrl+Z takes it back in all of them."""


class CorrectSection(Collapsible):
    """Buttons of the tools that correct the objects of the current image; built when opened.

    Parameters
    ----------
    session : Session
    correction : CorrectionController
    correction_tool : CorrectionTool
    object_import : ObjectImport
    all_corrections : AllCorrections
    following : FollowingFrames
    review : ObjectReview
    """

    def __init__(
        self,
        session: Session,
        correction: CorrectionController,
        correction_tool: CorrectionTool,
        object_import: ObjectImport,
        all_corrections: AllCorrections,
        following: FollowingFrames,
        review: ObjectReview,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Correct", parent)
        self._session, self._correction = session, correction
        self._tool, self._imports, self._all = correction_tool, object_import, all_corrections
        self._following, self._review = following, review
        self._shown: object = None
        self._connections = Connections()
        self._connections.add(following.changed, self._show_offer)

    def close_down(self) -> None:
        """Disconnect from the controllers."""
        self._connections.close()
        if self._built:
            self.review.close_down()

    def build(self) -> None:
        """Add the buttons."""
        self._make_parts()
        self.review = ReviewRow(self._session, self._review)
        self.body.addWidget(self.review)
        self.body.addLayout(EvenGrid(3, self.buttons.values()))
        self.body.addWidget(self.classes)
        self.body.addWidget(self.hint)
        self.body.addWidget(self._frames_line())
        self.body.addLayout(EvenGrid(2, (self.undo, self.redo, self.accept_all, self.release)))
        self.body.addLayout(EvenGrid(2, (self.locked, self.use_as)))
        self.body.addWidget(self.copy)
        self._connections.add(self._tool.changed, self._show_tool)
        self._connections.add(self._tool.followed, self.refresh)
        self._connections.add(self._correction.changed, self.refresh)
        self._show_tool()
        self.refresh()

    def _make_parts(self) -> None:
        self.buttons: dict[str, QPushButton] = {}
        for key, tool in TOOLS.items():
            button = self.buttons[key] = QPushButton(tool.name)
            button.setCheckable(True)
            button.clicked.connect(lambda checked, key=key: self._press(key, checked))
        self.classes = NameCombo()
        self.classes.set_about("Class that Set class gives to the objects you click.")
        self.classes.currentIndexChanged.connect(self._choose_class)
        self.hint = TextBlock(2, "hint")
        self.hint.setText(NO_TOOL_HINT)
        self.undo = _button("Undo", self._correction.undo, "Ctrl+Z")
        self.redo = _button("Redo", self._correction.redo, "Ctrl+Shift+Z")
        self.accept_all = _button("Accept all", self._accept_all, "Lock all objects as they are.")
        self.locked = QLabel()
        self.use_as = QPushButton("Use as annotation")
        self.use_as.setToolTip(
            "Copy these into the annotations, for the next training: locked objects as objects,\n"
            "what was deleted, and the borders of split objects, as background."
        )
        menu = QMenu(self.use_as)
        self.use_locked = menu.addAction(LOCKED, self._use_corrections)
        self.use_all = menu.addAction(ALL, self._use_all)
        menu.aboutToShow.connect(self._show_all)
        self.use_region = menu.addAction("All objects in the regions", self._use_region)
        self.use_as.setMenu(menu)
        self.release = _button(
            "Release all", self._release_all, "Discard this image's corrections."
        )
        self.copy = _button("Copy locked to next frame", self._copy_on, "")
        self.offer = TextBlock(2, "note")
        self.repeat = _button("Apply", self._repeat, APPLY)

    def _frames_line(self) -> QWidget:
        """Return the line about the frames that follow, whose room stays without an offer."""
        self.of_frames = QWidget()
        line = QHBoxLayout(self.of_frames)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.offer, 1)
        room = self.repeat.sizePolicy()
        room.setRetainSizeWhenHidden(True)
        self.repeat.setSizePolicy(room)
        line.addWidget(self.repeat)
        return self.of_frames

    # -------------------------------------------------------------- what is shown

    def refresh(self) -> None:
        """Show how many objects are locked, and enable what is possible."""
        result = self._session.result
        ready = self._tool.ready
        names = list(result.classes) if result is not None else []
        known = None if result is None else result.corrections
        count = 0 if known is None else len(known)
        deleted = 0 if known is None else len(known.deleted)
        corrected = count > 0 or (known is not None and known.emptied)
        can_undo, can_redo = self._correction.can_undo, self._correction.can_redo
        image = self._session.current
        series, problem = image is not None and image.series is not None, self._following.problem()
        shown = ready, names, count, deleted, corrected, can_undo, can_redo, series, problem
        if shown == self._shown:  # as at every step of a slider
            return
        self._shown = shown
        for key, button in self.buttons.items():
            tool = TOOLS[key]
            tip = f"{tool.hint}\nKey: {tool.key}; Esc leaves the tool."
            button.setEnabled(ready)
            button.setToolTip(tip if ready else "Predict this image first.")
        if names != [self.classes.itemText(k) for k in range(self.classes.count())]:
            self.classes.clear()
            self.classes.addItems(names)
        for widget in (self.buttons["class"], self.classes):
            widget.setVisible(len(names) > 1)
        self.accept_all.setEnabled(ready)
        self.undo.setEnabled(ready and can_undo)
        self.redo.setEnabled(ready and can_redo)
        self.release.setEnabled(corrected)
        self.locked.setText(f"{count} locked" + (f", {deleted} deleted" if deleted else ""))
        self.use_as.setEnabled(ready)
        self.use_locked.setEnabled(corrected)
        self.use_locked.setText(f"{LOCKED}, and what was deleted" if deleted else LOCKED)

        self.of_frames.setVisible(series)
        self.copy.setVisible(series)
        self.copy.setEnabled(ready and not problem)
        self.copy.setToolTip(sentence(problem) or COPY)
        self._show_offer()

    def _show_offer(self) -> None:
        """Show where else the last correction applies."""
        offer = self._following.offer
        if self._built:
            self.offer.setText("" if offer is None else offer.text)
            self.repeat.setVisible(offer is not None)
        unseen = not self._built or self.repeat.visibleRegion().isEmpty()
        if offer is not None and unseen:
            self._session.say(
                f"{offer.text}: Shift+F, or Apply under Correct, repeats it there.",
                holds=lambda: self._following.offer is offer,
            )

    def _show_tool(self) -> None:
        """Show the active tool and its hint."""
        for key, button in self.buttons.items():
            button.setChecked(key == self._tool.tool)
        self.hint.setText(self._tool.hint)

    # ------------------------------------------------------------------ actions

    def _press(self, tool: str, checked: bool) -> None:
        if checked:
            self._tool.use(tool)
        else:
            self._tool.leave()
        self._show_tool()

    def _choose_class(self, index: int) -> None:
        self._tool.class_index = max(0, index)

    def _accept_all(self) -> None:
        from napari_spatial_embeddings.editing.corrections import accept

        self._correction.do(lambda scene: accept(scene.corrections, scene.instances))

    def _release_all(self) -> None:
        from napari_spatial_embeddings.core.instances import Corrections

        self._correction.do(lambda scene: Corrections.none(scene.maps.shape))

    def _copy_on(self) -> None:
        with self._session.errors_as_messages():
            self._following.copy_locked()

    def _repeat(self) -> None:
        with self._session.errors_as_messages():
            self._following.apply()

    def _use_corrections(self) -> None:
        with self._session.errors_as_messages():
            self._imports.use_corrections()

    def _show_all(self) -> None:
        """Offer the corrections of all images, if several are corrected."""
        count = len(self._all.images())
        self.use_all.setVisible(count > 1)
        self.use_all.setText(f"{ALL}: {count}")

    def _use_all(self) -> None:
        with self._session.errors_as_messages():
            self._all.add()

    def _use_region(self) -> None:
        with self._session.errors_as_messages():
            self._imports.use_regions()


def _button(text: str, slot: Callable[[], None], tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(slot)
    return button
