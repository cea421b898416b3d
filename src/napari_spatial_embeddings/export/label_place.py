"""Places of label images in OME-Zarr, and what an image lists."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.ome_zarr import ome

from .places import check_place


def publish(folder: Path, path: Path, image: Path | None = None) -> None:
    """Move a finished label image to its place; if this is an image's, list it there.

    An older one of ours is not listed any more before it is replaced.

    Parameters
    ----------
    folder : path
        That of a `label_store.LabelStore`.
    path : path
    image : path, optional
        The image whose labels it is one of, ``image/labels/name``.

    Raises
    ------
    FileError
        If something else is there, or nothing can be written.
    """
    check_place(path)
    with writing(path):
        if image is not None:
            _list(image, path.name, listed=False)
        old = folder.with_name("old")
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
            path.replace(old)
        folder.replace(path)
        shutil.rmtree(old, ignore_errors=True)
        if image is not None:
            _list(image, path.name, listed=True)


def _list(image: Path, name: str, *, listed: bool) -> None:
    """List a name among an image's labels, or no more."""
    import zarr

    root = zarr.open_group(image, mode="r", use_consolidated=False)
    kind: Any = root.metadata.zarr_format
    labels = zarr.open_group(image / "labels", mode="a", zarr_format=kind, use_consolidated=False)
    facts = ome(labels)
    names = [other for other in facts.get("labels", ()) if other != name]
    facts["labels"] = [*names, name] if listed else names
    labels.attrs.update({"ome": {"version": "0.5", **facts}} if kind == 3 else facts)
    consolidated = zarr.open_group(image, mode="r").metadata.consolidated_metadata
    if consolidated is not None:  # a copy of all metadata, which readers prefer
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is no part of the format
            zarr.consolidate_metadata(image, zarr_format=kind)
