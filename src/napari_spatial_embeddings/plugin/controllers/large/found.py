"""Labels of large images that are in stores: where they may be, found again, and shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings import export, files
from napari_spatial_embeddings.files.names import distinct, file_name
from napari_spatial_embeddings.plugin.layers.large.labels import LargeLabels, fit
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray
    from napari_spatial_embeddings.large.state import LargeState
    from napari_spatial_embeddings.plugin.tasks.large.prediction import Places


class FoundLabels(QObject):
    """Looks, in a worker, which open images have labels in a store, or an unfinished run.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session

    Attributes
    ----------
    layers : LargeLabels
        Which show them.
    """

    changed = Signal()
    """What is known may have changed."""

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self.layers = LargeLabels(viewer, self)
        self._chosen: dict[str, Path] = {}
        self._looked_at: Places = {}
        self._found: dict[str, tuple[Path, LargeState]] = {}
        self._looker = LatestWorker(_look, self)
        self._looker.done.connect(self._take)
        self._looker.failed.connect(session.say)

    def close(self) -> None:
        """Look at nothing any more."""
        self.layers.close()
        self._looker.close()

    @property
    def busy(self) -> bool:
        """Whether it is being looked."""
        return self._looker.busy

    def state(self, image: OpenImage | None) -> LargeState | None:
        """Return what there is of the labels of an image, if there is anything."""
        return None if image is None else self._found.get(image.key, (None, None))[1]

    def complete(self, image: OpenImage | None) -> PixelArray | None:
        """Return the labels of an image, as its layer has them, if there are all of them."""
        state, layer = self.state(image), self.layers.layer(image.key) if image else None
        if state is None or layer is None or not state.complete or state.unfinished is not None:
            return None
        labels: PixelArray = layer.data[0] if layer.multiscale else layer.data
        return labels

    def path(self, image: OpenImage) -> Path | None:
        """Return where the labels of an image are, or are to be, if that is known."""
        found = self._found.get(image.key)
        return self._chosen.get(image.key) or (found[0] if found is not None else None)

    def choose(self, image: OpenImage, path: Path) -> None:
        """Have the labels of an image at a place."""
        self._chosen[image.key] = path

    def forget_places(self) -> None:
        """Forget the places that were chosen."""
        self._chosen.clear()

    def places(self, image: OpenImage) -> tuple[Path, ...]:
        """Return where the labels of an image may be, the likeliest place first.

        In the project's folder of results, or beside the image's file.
        """
        places, project, key = [], self._session.project, image.key
        if project is not None:
            names = project.card.result_names
            (own,) = [names[key]] if key in names else distinct([image.layer.name], names.values())
            places.append(project.results_folder / f"{own}.zarr")
        file = source_path(image.layer)
        name = file_name(image.layer.name) if file is None else files.stem(file)
        if file is not None or not places:
            folder = Path.home() if file is None else export.results_beside(file).parent
            places.append(folder / f"{name}.labels.zarr")
        return (*([self._chosen[key]] if key in self._chosen else ()), *places)

    def look(self, *, again: bool = False) -> None:
        """Look which of the open images have labels, and show them.

        Parameters
        ----------
        again : bool
            Also where it was looked before.
        """
        records = self._session.images.values()
        places = {x.key: self.places(x) for x in records if x.series is None and x.image}
        for key in self._looked_at.keys() - places.keys():
            self._found.pop(key, None)
        if again or places != self._looked_at:
            self._looked_at = places
            self._looker.request(dict(places))
        self.changed.emit()

    def look_at_large(self, *_: object) -> None:
        """Look again if a large image is open: a prediction of all images may have written some."""
        if any(x.image is not None and x.image.large for x in self._session.images.values()):
            self.look(again=True)

    def _take(self, places: Places, found: dict[str, tuple[Path, LargeState]]) -> None:
        for key in places:
            image = self._session.images.get(key)
            if image is None or image.image is None:
                continue
            before, new = self._found.pop(key, None), found.get(key)
            if new is not None and _is_of(new[1], image.image.shape):
                self._found[key] = new
                shown = before is not None and before[0] == new[0]
                if not shown:
                    self.layers.show(key, new[1].levels)
        self.changed.emit()


def _look(places: Places) -> dict[str, tuple[Path, LargeState]]:
    from napari_spatial_embeddings.plugin.tasks.large.prediction import find_labels

    return find_labels(places)


def _is_of(state: LargeState, shape: tuple[int, ...]) -> bool:
    """Whether labels, or an unfinished run, are those of an image of some shape."""
    if state.levels:
        return fit(state.levels, shape)
    return state.unfinished is not None and state.unfinished.shape == shape
