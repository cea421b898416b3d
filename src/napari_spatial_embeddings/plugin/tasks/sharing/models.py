"""Import and export of models in a worker: paths in, a report for each out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError, to_message
from napari_spatial_embeddings.plugin.state.session import Kind

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.exchange import exporting


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


def export_model(model: str, kind: exporting.Kind, output: Path) -> Iterator[ModelReport]:
    """Export a model, and report where it is."""
    from napari_spatial_embeddings.inference.exchange import exporting

    written = exporting.export_model(model, kind, output)
    yield ModelReport(f"wrote the model to {written}")
