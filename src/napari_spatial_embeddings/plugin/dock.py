"""The dock widget: builds session, controllers and sections, and closes them in reverse."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from napari.components import ViewerModel
from napari.utils.notifications import show_warning
from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QAbstractButton, QVBoxLayout

from napari_spatial_embeddings.system.malloc import keep_freed_memory

from .controllers.activity import ActivityController
from .controllers.annotation import AnnotationController
from .controllers.annotation_actions import AnnotationActions
from .controllers.autosave import Autosave
from .controllers.correction import CorrectionController
from .controllers.correction_tool import CorrectionTool
from .controllers.explanation import ExplanationController
from .controllers.export import ExportController
from .controllers.frame_maps import FrameMaps
from .controllers.frame_reclustering import FrameReclustering
from .controllers.image_choice import ImageChoice
from .controllers.image_list import ListedImages
from .controllers.images import ImageController
from .controllers.large.prediction import LargePrediction
from .controllers.message_subject import MessageSubject
from .controllers.model_suggestion import ModelSuggestion
from .controllers.prediction import PredictionController
from .controllers.project import ProjectController
from .controllers.project_images import ProjectImages
from .controllers.proposing.click_tool import ClickTool
from .controllers.proposing.dots import DotImport
from .controllers.proposing.next_region import NextRegion
from .controllers.proposing.object_size import SizeController
from .controllers.proposing.review import ObjectReview
from .controllers.proposing.start_maps import StartMaps
from .controllers.reclustering import ReclusteringController
from .controllers.reopening import Reopening
from .controllers.sharing.models import ModelLibrary
from .controllers.shortcuts import Shortcuts
from .controllers.tools.active_tool import ActiveTool
from .controllers.tools.all_corrections import AllCorrections
from .controllers.tools.file_import import FileImport
from .controllers.tools.following_frames import FollowingFrames
from .controllers.tools.interpolation import Interpolation
from .controllers.tools.object_import import ObjectImport
from .controllers.tools.region_check import RegionCheck
from .controllers.tools.scoring import ScoringController
from .controllers.tools.series_import import SeriesImport
from .controllers.tools.view_follower import ViewFollower
from .controllers.tracking.export import TrackExport
from .controllers.tracking.link_storage import LinkStorage
from .controllers.tracking.link_tool import LinkTool
from .controllers.tracking.linking import LinkingController
from .controllers.tracking.series_choice import SeriesChoice
from .controllers.training import TrainingController
from .layers.locked import LockedOutlines
from .layers.napari_compat import adjust_window, ask_before_closing, shorten_title
from .layers.overlays.arrows import ArrowsLayer
from .layers.overlays.expected import ExpectedColours
from .layers.overlays.preparation import prepare_labels
from .layers.results import ResultLayers
from .layers.viewport import fit_all, shows_all
from .layers.visibility import ANNOTATION_ROLES, OBJECT_ROLES, AnnotationHider, toggle
from .qt.docked import DockedWidget
from .qt.step_area import StepArea
from .qt.step_column import StepColumn
from .sections.annotate import AnnotateStep
from .sections.annotation.existing import ExistingObjects
from .sections.correct import CorrectSection
from .sections.data import DataStep
from .sections.explain import ExplainSection
from .sections.export import ExportSection
from .sections.image_list import ImageList
from .sections.models.access import ModelAccess
from .sections.predict import PredictSection
from .sections.proposing.next_region import NextRegionRow
from .sections.scores import ScoresSection
from .sections.status import StatusLines
from .sections.tracking.step import TrackStep
from .sections.train import TrainStep
from .sections.tune import TuneStep
from .state.session import Session

TITLE = "Spatial Embeddings"

WIDTH, MIN_WIDTH, CONTROLS = 320, 294, 320
"""Pixels that the dock opens with, and needs, and those of napari's controls of a layer."""


class SpatialEmbeddingsWidget(DockedWidget):
    """Annotate, train, predict, tune and track in one dock widget.

    Parameters
    ----------
    napari_viewer : napari.Viewer

    Attributes
    ----------
    session : Session
    images, autosave, project, project_images, annotation, ... : controllers
    steps : list of StepArea
    status : StatusLines
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(ask_before_closing, WIDTH, MIN_WIDTH, CONTROLS)
        self._opened = False
        # What napari hands to a plugin makes a new proxy of a layer each time it is asked for it,
        # and no two of them are the same; behind it is the viewer.
        self.viewer: ViewerModel = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._all_seen = shows_all(self.viewer)
        adjust_window(self.viewer)
        keep_freed_memory()
        prepare_labels()
        self.session = Session()
        self._build_controllers()
        self.project.dialogs.parent = self
        self.steps = self._build_steps()
        self.column = StepColumn(self.steps)
        self.status = StatusLines(self.session, self.active_tool)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.column, 1)
        layout.addLayout(self.status)
        self.session.training_changed.connect(self._follow_training)
        self.shortcuts = Shortcuts(self.viewer, self.session, self._actions())
        for layer in list(self.viewer.layers):
            self.project.follow_layer(layer)

    def _build_controllers(self) -> None:
        """Build what acts, each owner after those it uses."""
        viewer, session, before = self.viewer, self.session, set(vars(self))
        self.images = ImageController(viewer, session, self)
        self.autosave = Autosave(session, self)
        self.images.leaving.connect(self.autosave.save_pending)
        self.project = ProjectController(viewer, session, self.autosave, self.images, self)
        saving = self.autosave, self.images, self.project
        self.project_images = ProjectImages(viewer, session, *saving, self)
        self.annotation = AnnotationController(
            viewer, session, self.autosave, self.images, self.project_images, self
        )
        owned = self.images, self.project_images, self.annotation
        self.annotation_actions = AnnotationActions(viewer, session, *owned)
        self.object_import = ObjectImport(viewer, session, self.annotation, self.annotation_actions)
        self.all_corrections = AllCorrections(
            session, self.autosave, self.annotation, self.annotation_actions, self
        )
        self.series_import = SeriesImport(
            session, self.images, self.autosave, self.annotation, self.annotation_actions, self
        )
        self.interpolation = Interpolation(viewer, session, self.annotation, self)
        self.region_check = RegionCheck(session, self.annotation, self)
        self.results = ResultLayers(viewer, session, self)
        self.listed = ListedImages(
            session, self.images, self.autosave, self.project, self.project_images, self
        )
        self.prediction = PredictionController(viewer, session, self.images, self.listed, self)
        parts = self.images, self.project, self.project_images, self.prediction
        self.large = LargePrediction(viewer, session, *parts, self)
        self.reclustering = ReclusteringController(viewer, session, self.images, self)
        self.prediction.superseded.connect(self.reclustering.recluster)
        self.frame_reclustering = FrameReclustering(session, self.reclustering, self)
        self.frame_maps = FrameMaps(session, self.autosave, self.images, self)
        self.model_suggestion = ModelSuggestion(session, self.images, self)
        self.correction = CorrectionController(session, self.autosave, self.project_images, self)
        into = self.images, self.project, self.listed, self.annotation_actions
        imports = self.object_import, self.series_import, self.correction
        self.file_import = FileImport(viewer, session, *into, *imports, self)
        self.annotation_hider = AnnotationHider(viewer, session, self)
        self.correction_tool = CorrectionTool(
            viewer, session, self.annotation_hider, self.correction, self
        )
        self.locked_outlines = LockedOutlines(viewer, session, self)
        self.explanation = ExplanationController(viewer, session, self.annotation_hider, self)
        self.scoring = ScoringController(viewer, session, self.images, self.large, self)
        self.series = SeriesChoice(viewer, self)
        stored = LinkStorage(session, self.autosave, self.project, self.series, self)
        self.linking = LinkingController(viewer, session, self.series, stored, self)
        self.link_tool = LinkTool(viewer, session, self.annotation_hider, self.linking, self)
        self.track_export = TrackExport(session, self.linking, self)
        self.following = FollowingFrames(
            viewer, session, self.images, self.correction, self.linking, self.object_import, self
        )
        used = self.images, self.annotation, self.annotation_actions, self.prediction
        self.start_maps = StartMaps(viewer, session, self.images, self.prediction, self)
        drawn = viewer, session, self.annotation, self.annotation_actions, self.start_maps
        self.click_tool, self.dots = ClickTool(*drawn, self), DotImport(*drawn, self)
        self.object_size = SizeController(viewer, session, self.images, self.prediction, self)
        correcting = self.correction, self.correction_tool
        self.review = ObjectReview(viewer, session, self.images, *correcting, self)
        tools = self.correction_tool, self.explanation, self.link_tool, self.click_tool, self.review
        acting = self.annotation, self.annotation_actions, *tools
        self.active_tool = ActiveTool(viewer, *acting, self)
        adding = self.annotation_actions, self.object_import
        self.next_region = NextRegion(viewer, session, self.images, *adding, self)
        self.view_follower = ViewFollower(viewer, session, *used, self)
        self.arrows = ArrowsLayer(viewer, session, self)
        self.expected = ExpectedColours(viewer, session, self)
        self.models = ModelLibrary(session, self)
        written = self.images, self.project_images, self.prediction, self.linking
        self.export = ExportController(viewer, session, *written, self)
        kept = self.autosave, self.project, self.prediction
        self.training = TrainingController(session, *kept, self)
        shown = self.prediction, self.start_maps, self.large, self.export, self.linking
        self.activity = ActivityController(session, *shown, self)
        opened = self.images, self.autosave, self.prediction, self.frame_maps
        self.reopening = Reopening(session, *opened, self)
        self.image_choice = ImageChoice(viewer, session, self.images, self)
        owners = self.images, self.image_choice, self.active_tool, self.annotation
        self.message_subject = MessageSubject(viewer, session, [x.changed for x in owners], self)
        made = [x for name, x in vars(self).items() if name not in before]
        self._owners = [x for x in made if hasattr(x, "close")]

    def _build_steps(self) -> list[StepArea]:
        """Build what is on the screen, from top to bottom."""
        session = self.session
        self._train = TrainStep(session, self.images, self.annotation, self.training)
        imports = self.object_import, self.all_corrections, self.following, self.review
        predicting = self.prediction, self.large, self.object_size
        self._tune = TuneStep(
            session,
            *(self.reclustering, self.frame_reclustering, self.arrows, self.expected),
            PredictSection(session, self.images, self.listed, *predicting),
            ExplainSection(session, self.explanation),
            CorrectSection(session, self.correction, self.correction_tool, *imports),
            ScoresSection(self.scoring),
            ExportSection(session, self.export),
        )
        listed = ImageList(session, self.project, self.listed, self.annotation, self.prediction)
        choices = self._train.start_model, self._tune.predict.model, listed
        self.model_access = ModelAccess(session, self.models, self.project, choices, self)
        owners = self.images, self.image_choice, self.project, self.project_images
        drawing = self.images, self.annotation, self.annotation_actions, self.object_import
        taken = self.object_import, self.series_import, self.dots, self.file_import
        helpers = self.region_check, self.interpolation, ExistingObjects(session, *taken)
        aids = self.click_tool, NextRegionRow(session, self.next_region)
        return [
            DataStep(session, *owners, listed),
            AnnotateStep(session, *drawing, *helpers, *aids),
            self._train,
            self._tune,
            TrackStep(self.series, self.linking, self.link_tool, self.track_export),
        ]

    def _actions(self) -> dict[str, Callable[[], object]]:
        """Return what the shortcuts do."""
        tool, explain = self.annotation_actions.use_tool, self._tune.explain.toggle
        hide = partial(toggle, self.viewer, self.session)
        return {
            "Draw": partial(tool, "draw"),
            "Background": partial(tool, "background"),
            "Erase": partial(tool, "erase"),
            "Mark region": partial(tool, "region"),
            "Interpolate": self.interpolation.start,
            "Click": self.click_tool.toggle,
            "Next": self.next_region.next,
            "Accept": self.next_region.accept,
            "Skip": self.next_region.skip,
            "Review": self.review.next,
            "Copy to next frame": self.following.copy,
            "Apply": self.following.apply,
            "Start training": self._train.start,
            "This view": partial(self._click, self._tune.predict.view),
            "Explain": partial(self._click, explain),
            "Next image": partial(self.listed.step, 1),
            "Image before": partial(self.listed.step, -1),
            "Annotations": partial(hide, ANNOTATION_ROLES, "annotations"),
            "Instances": partial(hide, OBJECT_ROLES, "objects"),
            "Leave": self.active_tool.leave,
        }

    def _click(self, button: QAbstractButton) -> None:
        """Click a button, or show why it cannot be pressed."""
        if button.isEnabled():
            button.click()
        else:
            reason = button.toolTip()
            self.session.say(reason, "warning", lambda: button.toolTip() == reason)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Fit the layers into what the dock leaves of the canvas, once, if all were seen."""
        super().showEvent(event)
        if not self._opened and self._all_seen:
            QTimer.singleShot(0, self, lambda: fit_all(self.viewer))
        if not self._opened and self.parent() is not None:
            shorten_title(self.parent(), TITLE)
        self._opened = True

    def least_width(self) -> int:
        """Return the width in which no step is cut: more with a large font."""
        return max(MIN_WIDTH, self.column.minimumSizeHint().width())

    @property
    def message(self) -> str:
        """The message that is shown."""
        return self.status.message.text

    @property
    def idle(self) -> bool:
        """Whether nothing runs or waits in the background, but for a training."""
        busy = any(getattr(owner, "busy", False) for owner in self._owners)
        return not (busy or self.prediction.running or self.export.copying)

    def _follow_training(self) -> None:
        """Show the step of a training that starts; where its button is in view, nothing moves."""
        if self.session.training.status == "starting" and not self._train.button_in_view:
            self._train.set_open(True)
            self.column.scroll_to(self._train)

    def may_close(self, what: str) -> bool:
        """Ask whether a training is to end with what is closed."""
        return self.training.may_close(what)

    def end(self) -> None:
        """Stop what runs in the background, and save."""
        parting = self.training.parting
        self.shortcuts.close()
        self.autosave.flush()
        for step in self.steps:
            step.close_down()
        for controller in reversed(self._owners):
            controller.close()
        self.status.close_down()
        self.session.training_changed.disconnect(self._follow_training)
        if parting:  # where the window stays, napari shows it
            show_warning(f"The training was ended with the dock: {parting}.")
