"""Task of segmenting one large image: what is read, how, and where it is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.files import stem
from napari_spatial_embeddings.files.folders import COPIES
from napari_spatial_embeddings.files.ome_zarr import is_zarr

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

TIFF = (".tif", ".tiff", ".btf")
"""Endings of an output that is one TIFF."""


@dataclass(frozen=True, slots=True)
class LargeJob:
    """An image, where its objects are written, and how they are found.

    Parameters
    ----------
    model : SpatialEmbeddings
    name : str
        The model's name or folder.
    image : ImageData
    source : str
        Which image it is, in which state: a later run goes on only with the same.
    output : path
        Of a TIFF, a store of its own, or labels of an image.
    clustering, prediction, blocks
        The settings.
    table : path, optional
        Of the table of objects, if it is written: see `table_of`.
    path : path, optional
        Of the image's file or store, if it has one.
    """

    model: SpatialEmbeddings
    name: str
    image: ImageData
    source: str
    output: Path
    clustering: ClusteringSettings
    prediction: PredictionSettings
    blocks: BlockSettings
    table: Path | None
    path: Path | None = None

    @property
    def tiff(self) -> bool:
        """Whether the output is a TIFF."""
        return self.output.suffix.lower() in TIFF

    @property
    def host(self) -> Path | None:
        """The image that the output is to be labels of, if it is."""
        return host_of(self.output)

    @property
    def beside(self) -> Path:
        """What the files are written beside that are kept meanwhile."""
        host = self.host
        return self.output if host is None else host.with_name(f"{host.name}.{self.output.name}")


def table_of(output: Path) -> Path:
    """Return where the table of an output is: beside it, or beside the image that has it."""
    if (host := host_of(output)) is None:
        # "a.labels.zarr" lies beside the image: "a.csv" might be a table of the user's own.
        copy = output.name.endswith(COPIES)
        return output.with_suffix(".csv") if copy else output.with_name(f"{stem(output)}.csv")
    return host.with_name(f"{stem(host)}.{output.name}.csv")


def host_of(path: Path) -> Path | None:
    """Return the image of a path such as ``image.zarr/labels/nuclei``."""
    host = path.parent.parent
    named = any(p.suffix == ".zarr" for p in path.parent.parents)
    return host if path.parent.name == "labels" and (named or is_zarr(host)) else None
