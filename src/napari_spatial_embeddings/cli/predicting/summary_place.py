"""Check of the place of a summary."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_spatial_embeddings.cli.flags import CallError, checked_folder


def check_summary(path: Path, others: Iterable[Path | None]) -> None:
    """Refuse a place for the table where it would be none, or replace another file.

    Parameters
    ----------
    path : path
    others : paths
        Of the tables of objects; None for one that is not written.

    Raises
    ------
    CallError
    """
    from napari_spatial_embeddings.export.places import check_place
    from napari_spatial_embeddings.export.record import record_beside
    from napari_spatial_embeddings.prediction.summary import wells_path

    if path.suffix.lower() != ".csv" or path.is_dir():
        raise CallError(f"--summary: {path} is no name for a table; expected NAME.csv")
    checked_folder(path.parent, "--summary")
    places = {one.resolve() for one in (path, wells_path(path))}
    if other := next((one for one in others if one and one.resolve() in places), None):
        raise CallError(f"--summary: {other} is an image's table of objects; choose another name")
    for table in places:
        check_place(record_beside(table))
