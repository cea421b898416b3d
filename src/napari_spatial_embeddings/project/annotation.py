"""Annotations as files: label images, and tables of regions beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from napari_spatial_embeddings.config import BACKGROUND, Settings, first_error
from napari_spatial_embeddings.core.units import Lengths
from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.export.regions import write_regions
from napari_spatial_embeddings.files import Region, read_labels, read_settings, read_shapes
from napari_spatial_embeddings.files.errors import FileError, writing
from napari_spatial_embeddings.files.regions import covered
from napari_spatial_embeddings.training.annotation import annotate

Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """The annotation of one image.

    Parameters
    ----------
    labels : int32 (*S)
        0 is unlabelled; each other value is one object, or a stroke of background.
    classes : mapping
        Class name of each label; `config.BACKGROUND` marks
        strokes that are no object. Labels that are not listed have the project's first class.
    regions : sequence of Region
        Where every object is labelled.
    scribbled : bool
        Labels cover only part of their objects.
    proposed : frozenset of ints
        Labels that a model proposed and the user did not edit: no score is taken of them.
    """

    labels: Labels
    classes: Mapping[int, str] = field(default_factory=dict)
    regions: Sequence[Region] = ()
    scribbled: bool = False
    proposed: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything is annotated."""
        return bool(self.regions) or bool(self.labels.any())

    def resolved(self, unlabelled: Literal["background", "ignore"]) -> Labels:
        """Return what is known of each pixel: objects from 1 on, 0 background, negative unknown.

        Parameters
        ----------
        unlabelled : {"background", "ignore"}
            As in `training.annotation.annotate`.

        Raises
        ------
        AnnotationError
            If nothing is annotated.
        """
        shape = self.labels.shape
        return annotate(
            np.broadcast_to(np.uint8(0), (1, *shape)),
            self.labels,
            unlabelled=unlabelled,
            region=covered(self.regions, shape) if self.regions else None,
            classes={k: name for k, name in self.classes.items() if name == BACKGROUND},
            scribbled=self.scribbled,
        ).labels


class _Meaning(Settings):
    """The labels' metadata in their file."""

    classes: dict[int, str] = Field(default_factory=dict, description="Class of each label.")
    scribbled: bool = Field(False, description="Labels cover only part of their objects.")
    proposed: list[int] = Field(
        default_factory=list, description="Labels that a model proposed and the user did not edit."
    )


def write_annotation(
    labels: Path,
    regions: Path,
    annotation: Annotation,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
) -> None:
    """Write an annotation.

    The labels' file holds their classes too, so that one rename publishes both.

    Raises
    ------
    FileError, Failure
        If a label is negative, a region encloses nothing, or the system refuses.
    """
    proposed = annotation.proposed
    there = sorted(proposed & set(np.unique(annotation.labels).tolist())) if proposed else []
    meaning = _Meaning(
        classes=dict(annotation.classes), scribbled=annotation.scribbled, proposed=there
    )
    facts = meaning.model_dump(mode="json", exclude=None if there else {"proposed"})
    write_labels(labels, annotation.labels, pixel_size, unit, facts)
    if annotation.regions:
        write_regions(regions, annotation.regions)
    elif regions.exists():
        with writing(regions):
            regions.unlink()


def read_annotation(labels: Path, regions: Path, shape: tuple[int, ...]) -> Annotation:
    """Read an annotation of an image (*shape).

    Raises
    ------
    FileError
        If a file is damaged, or of another shape.
    """
    array = read_stored(labels, shape)
    try:
        meaning = _Meaning.model_validate(read_settings(labels))
    except ValidationError as error:
        raise FileError(f"{labels} is damaged: {first_error(error)}") from error
    shapes = read_shapes(regions, len(shape)) if regions.exists() else []
    proposed = frozenset(meaning.proposed)
    return Annotation(array, meaning.classes, shapes, meaning.scribbled, proposed)


def read_stored(path: Path, shape: tuple[int, ...]) -> Labels:
    """Read labels (*shape) as int32.

    Raises
    ------
    FileError
        If the file is damaged, or its shape or its values do not fit.
    """
    labels = read_labels(path, "ZYX" if len(shape) == 3 else "YX")
    if labels.shape != shape:
        raise FileError(
            f"{path} has shape {labels.shape}, its image {shape}; they must cover the same pixels"
        )
    if labels.size and int(labels.max()) > np.iinfo(np.int32).max:
        raise FileError(f"{path} holds labels above {np.iinfo(np.int32).max}")
    return labels.astype(np.int32)
