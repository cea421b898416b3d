"""Import and export of models in a worker: paths in, a report for each out."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError, to_message
from napari_spatial_embeddings.inference.model_card import WEIGHTS
from napari_spatial_embeddings.plugin.state.session import Kind

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.exchange import exporting


ZIP, ONNX = ".zip", ".onnx"
PARTS = (WEIGHTS, "model.onnx")
"""Files of which a model has one at least."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What was imported or exported, or why it was not.

    Parameters
    ----------
    message : str
    kind : "info" or "error"
    imported : path, optional
        The folder of an imported model.
    """

    message: str
    kind: Kind = "info"
    imported: Path | None = None


def is_model(path: Path) -> bool:
    """Return whether a path is meant as a model, by what lies in it: a zip may be ROIs."""
    if path.is_dir():
        return any((path / name).is_file() for name in PARTS)
    if path.suffix.lower() != ZIP:
        return path.suffix.lower() == ONNX
    try:
        with zipfile.ZipFile(path) as archive:
            return any(PurePosixPath(name).name in PARTS for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def import_models(paths: Sequence[Path]) -> Iterator[ModelReport]:
    """Import models into the user's library, and report each; one that fails stops no other."""
    from napari_spatial_embeddings.inference.exchange.importing import import_model

    for path in paths:
        try:
            folder = import_model(path)
        except (InputError, OSError) as error:
            yield ModelReport(to_message(error), "error")
            continue
        yield ModelReport(f"Imported the model {folder.name}.", imported=folder)


def export_model(
    model: str,
    kind: exporting.Kind,
    output: Path,
    authors: Sequence[str] = (),
    licence: str | None = None,
) -> Iterator[ModelReport]:
    """Export a model, and report where it is."""
    from napari_spatial_embeddings.inference.exchange import exporting

    written = exporting.export_model(model, kind, output, authors=authors, licence=licence)
    yield ModelReport(f"wrote the model to {written}")
