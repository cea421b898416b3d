"""Owner of the imported models: their import, export, names and removal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.inference import library
from napari_spatial_embeddings.inference.model_card import WEIGHTS, ModelCard
from napari_spatial_embeddings.inference.registry import find_folder, shipped
from napari_spatial_embeddings.plugin.controllers.tools.file_writing import FileWriting
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.sharing.models import ModelReport

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.exchange.exporting import Kind


class ModelLibrary(FileWriting):
    """Imports and exports models, one after the other, in a worker; renames and deletes them.

    Parameters
    ----------
    session : Session
    """

    closing = Signal()
    """The dock is being closed."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session, parent)
        self._use_next = False

    def close(self) -> None:
        """Stop after the file that is being written, and disconnect."""
        self.closing.emit()
        super().close()

    # ------------------------------------------------------------------ what there is

    def known(self) -> dict[str, str]:
        """Return the models by title: the project's, the shipped and the imported ones."""
        project, found = self._session.project, dict[str, str]()
        if project is not None and project.has_model:
            found["Project's model"] = str(project.model_folder)
        found |= {name: name for name in shipped()}
        found |= {name: str(folder) for name, folder in library.imported().items()}
        listed = {str(find_folder(model)) for model in found.values()}
        model = self._session.model
        if model and Path(model).is_dir() and model not in listed:
            found[f"{Path(model).name} (folder)"] = model
        return found

    @staticmethod
    def imported_name(model: str) -> str | None:
        """Return the name of an imported model, given by its folder; None if it is another one."""
        return next((n for n, f in library.imported().items() if str(f) == model), None)

    # ------------------------------------------------------------------ actions

    def use(self, model: str) -> None:
        """Predict with a model from now on, or show why that is not possible."""
        with self._session.errors_as_messages():
            card = ModelCard.read(find_folder(model))
            self._session.set_model(model, card.clustering)

    def take(self, paths: Sequence[Path]) -> None:
        """Use a model that was dropped: a folder where it is, a file once it is imported."""
        ready = [path for path in paths if (path / WEIGHTS).is_file()]
        if ready:
            self.use(str(ready[0]))
        if files := [path for path in paths if path not in ready]:
            self.import_models(files, use=not ready)

    def import_models(self, paths: Sequence[Path], *, use: bool = False) -> None:
        """Import models; with ``use``, predict with the first from then on."""
        from napari_spatial_embeddings.plugin.tasks.sharing.models import import_models

        self._use_next = use
        self._start(partial(import_models, tuple(paths)))

    def export(
        self,
        model: str,
        kind: Kind,
        output: Path,
        authors: Sequence[str] = (),
        licence: str | None = None,
    ) -> None:
        """Export a model; authors and licence as for `exchange.exporting.export_model`."""
        from napari_spatial_embeddings.plugin.tasks.sharing.models import export_model

        self._start(partial(export_model, model, kind, output, authors, licence))

    def rename(self, model: str, new: str) -> str:
        """Rename an imported model, given by its folder; return its folder from then on.

        Where it is in use, it stays so.
        """
        folder = Path(model)
        with self._session.errors_as_messages():
            folder = library.rename(folder.name, new.strip())
            if self._session.model == model:
                self._session.set_model(folder, None)
            self._announce()
        return str(folder)

    def delete(self, model: str) -> None:
        """Delete an imported model, given by its folder."""
        with self._session.errors_as_messages():
            library.delete(Path(model).name)
            if self._session.model == model:
                self._session.set_model(None, None)
            self._announce()

    def _start(self, work: Any) -> None:
        if self.busy:
            self._session.say("a model is being read or written: wait for its end", "warning")
        else:
            self._run(work)

    def _report(self, report: ModelReport) -> None:
        super()._report(report)
        if report.imported is not None:
            if self._use_next:
                self._use_next = False
                self.use(str(report.imported))
            self._announce()

    def _announce(self) -> None:
        self._session.models_changed.emit()
        self.changed.emit()
