"""Files of annotations of any format: what kind each is, and which image it is of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from napari_spatial_embeddings.core.text import listed
from napari_spatial_embeddings.files.endings import IMAGES, JPEG, MICROSCOPES
from napari_spatial_embeddings.files.errors import FileError, reading
from napari_spatial_embeddings.files.folders import find_images, images_in_folder, stem
from napari_spatial_embeddings.files.ome_zarr import is_zarr
from napari_spatial_embeddings.files.settings import is_ours

from .cellpose import ENDING, is_seg, read_seg
from .coco import CocoFile, read_coco
from .fit_labels import fit_labels
from .fit_outlines import fit_outlines, joined
from .geojson import read_geojson
from .json_files import is_coco, is_geojson, read_json
from .label_files import NPY, label_groups, read_label_file
from .outlines import Outlines
from .roi import is_roi_set, read_rois
from .shapes import read_shape_table
from .target import Fitted, Target

SHAPES = ".shapes.csv"
"""Ending of our tables of shapes; others may be tables of anything."""

LABELS = tuple(x for x in (*IMAGES, NPY) if x not in (*JPEG, *MICROSCOPES))
"""Endings of label images."""

WORDS = (
    "cp_masks|cp_outlines|masks?|labels?|seg|segmentation|instances?|roi_?set|rois?|annotations?"
    "|outlines|shapes?|gt|objects|detections"
)
SUFFIX = re.compile(rf"[_\-. ]+({WORDS})$", re.IGNORECASE)
PREFIX = re.compile(rf"^({WORDS})[_\-. ]+", re.IGNORECASE)
"""What programs add to the name of an image for the file of its annotations."""

IMAGE_SUFFIX = re.compile(r"[_\-. ]+(img|image|raw)$", re.IGNORECASE)

FOLDERS = ("masks", "labels", "annotations", "label", "mask", "rois", "gt")
"""Names of folders of annotations beside one of images, as Labkit and others have them."""


class AnnotationFile:
    """A file of annotations, read when it is asked for.

    Parameters
    ----------
    path : path
        A ROI or a set of them, GeoJSON, COCO, a table of shapes of napari, ``_seg.npy`` of
        Cellpose, a label image, or the labels in an OME-Zarr image.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @cached_property
    def kind(self) -> str:
        """One of "roi", "geojson", "coco", "shapes", "seg" and "labels".

        Raises
        ------
        FileError
            If it is none of these, or cannot be read.
        """
        path, ending = self.path, self.path.suffix.lower()
        with reading(path):
            if ending == ".roi" or (ending == ".zip" and path.is_file() and is_roi_set(path)):
                return "roi"
            if ending == ".geojson" or path.name.lower().endswith(".geojson.gz"):
                return "geojson"
            if ending == ".csv":
                return "shapes"
            if is_seg(path):
                return "seg"
            if ending in (".json", ".gz"):
                facts = read_json(path)
                if is_coco(facts):
                    return "coco"
                if is_geojson(facts):
                    return "geojson"
                raise FileError(
                    f"{path} is JSON of another kind; expected COCO, with images and annotations,"
                    " or GeoJSON, with features"
                )
        if ending in LABELS or is_zarr(path):
            return "labels"
        raise FileError(
            f"{path} is no file of annotations that is known; expected ROIs of Fiji (.zip, .roi),"
            f" GeoJSON, COCO (.json), shapes of napari (.csv), *{ENDING} of Cellpose, or a label"
            " image (TIFF, PNG, OME-Zarr, NumPy)"
        )

    @property
    def names(self) -> list[str]:
        """Names of the images that it is of, without endings; see `plain_name`."""
        if self.path.suffix.lower() in (".json", ".gz") and self.kind == "coco":
            return list(self._coco.names)
        if self.path.parent.name == "labels" and is_zarr(self.path):
            return [stem(self.path.parent.parent)]  # the image that the labels are in
        return [_stem(self.path)]

    @property
    def outlined(self) -> bool:
        """Whether it holds outlines, so that several files of one image add up."""
        return self.kind in ("roi", "geojson", "shapes")

    @cached_property
    def _coco(self) -> CocoFile:
        return read_coco(self.path)

    def outlines(self, name: str | None = None) -> Outlines:
        """Return the outlines that it holds of an image.

        Raises
        ------
        FileError
            If it cannot be read, or holds labels.
        """
        if self.kind == "roi":
            return read_rois(self.path)
        if self.kind == "geojson":
            return read_geojson(self.path)
        if self.kind == "shapes":
            return read_shape_table(self.path)
        if self.kind == "coco":
            return self._coco.outlines(name)
        raise FileError(f"{self.path} holds labels; expected outlines")

    def fitted(self, target: Target) -> Fitted:
        """Return what it annotates of an image.

        Raises
        ------
        FileError
            If it cannot be read, or does not fit the image.
        """
        if self.kind == "seg":
            found, ours = read_seg(self.path)[0], is_ours(self.path)
            return fit_labels(found, target, str(self.path), ours=ours)
        if self.kind != "labels":
            return fit_outlines(self.outlines(target.name), target, str(self.path))
        inside = label_groups(self.path)
        if len(inside) > 1:
            raise FileError(
                f"{self.path} holds the labels {listed([one.name for one in inside])}; choose one:"
                f" {inside[0]}"
            )
        return read_label_file(inside[0] if inside else self.path, target)


@dataclass(frozen=True, slots=True)
class Annotated:
    """An image, and the files that annotate it: one, or several of outlines."""

    image: Path
    files: tuple[AnnotationFile, ...]

    def fitted(self, target: Target) -> Fitted:
        """Return what the files annotate of the image; see `AnnotationFile.fitted`."""
        if len(self.files) == 1:
            return self.files[0].fitted(target)
        found = joined([one.outlines(target.name) for one in self.files])
        return fit_outlines(found, target, f"{self.files[0].path} and others")


def plain_name(name: str) -> str:
    """Return the name of an image without what programs add for the file of its annotations."""
    shorter = SUFFIX.sub("", name)
    return PREFIX.sub("", shorter or name) or name


def _stem(path: Path) -> str:
    """Return a file's name without endings."""
    name = path.name
    for ending in (".geojson.gz", ".json.gz", ".geojson", ".zip", ".roi", SHAPES, NPY, ".gz"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return stem(name[: -len(ending)])
    return stem(path)


def may_be_annotations(path: Path) -> bool:
    """Whether a file is one of annotations by its name, its first bytes, or the zip that it is."""
    name = path.name.lower()
    if name.endswith((".roi", ".geojson", ".geojson.gz", SHAPES, ENDING)):
        return True
    if name.endswith(".zip"):
        return path.is_file() and is_roi_set(path)
    if name.endswith(".csv.json"):  # of a table, which holds how its objects were made
        return False
    return name.endswith((".json", ".json.gz")) and name != "project.json" and path.is_file()


def find_annotations(paths: Iterable[str | Path]) -> list[AnnotationFile]:
    """List files of annotations.

    Parameters
    ----------
    paths : paths
        Files, and folders of these. Of a folder that has one of `FOLDERS` in it, that one is meant.
        Of a folder that holds images as well, the files that are called like one, with an ending
        such as ``_masks``, ``_cp_masks`` or ``_seg``, and those that can be nothing else.

    Raises
    ------
    FileError
        If one does not exist, or a folder has none.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise FileError(f"there is no file or folder {path}")
        if not path.is_dir() or is_zarr(path):
            found[path] = None
            continue
        inside = next((path / n for n in FOLDERS if (path / n).is_dir()), path)
        here = _in_folder(inside)
        if not here:
            raise FileError(
                f"{path} holds no file of annotations; expected label images, ROIs of Fiji, "
                f" GeoJSON, COCO or *{ENDING}"
            )
        found.update(dict.fromkeys(here))
    if not found:
        raise FileError("no file of annotations is given")
    return [AnnotationFile(path) for path in found]


def _in_folder(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    certain = [path for path in files if path.is_file() and may_be_annotations(path)]
    try:
        images = images_in_folder(folder)
    except FileError:
        images = []
    images = [path for path in images if path.suffix.lower() in LABELS]
    images += [x for x in files if x.suffix.lower() == NPY and not is_seg(x)]
    names = _image_names(images)
    beside = [x for x in images if _is_beside(x, names)]
    labels = beside or ([] if certain else images)
    # What was saved both as an image of labels and as a file of Cellpose is used once.
    known = {plain_name(_stem(path)) for path in labels}
    kept = [x for x in certain if not (is_seg(x) and plain_name(_stem(x)) in known)]
    return sorted({*kept, *labels})


def match(
    files: Sequence[AnnotationFile], images: Sequence[Path]
) -> tuple[list[Annotated], list[tuple[AnnotationFile, str]]]:
    """Find the image of each file of annotations, by their names.

    Parameters
    ----------
    files : sequence of AnnotationFile
    images : sequence of path

    Returns
    -------
    matched : list of Annotated
        In the order of the images.
    failed : list of (file, sentence)
        Files that are of no image, or cannot be read.
    """
    by_name: dict[str, Path] = {}
    for image in images:
        name = stem(image)
        by_name.setdefault(IMAGE_SUFFIX.sub("", name) or name, image)
        by_name[name] = image
    found: dict[Path, list[AnnotationFile]] = {}
    failed: list[tuple[AnnotationFile, str]] = []
    outlined = all(_is_outlined(one) for one in files)
    for one in files:
        if len(images) == 1 and (len(files) == 1 or outlined):
            found.setdefault(images[0], []).append(one)
            continue
        try:
            names = one.names
        except FileError as error:
            failed.append((one, str(error)))
            continue
        own = {by_name.get(name) or by_name.get(plain_name(name)) for name in names} - {None}
        for its in own:
            if its is not None:
                found.setdefault(its, []).append(one)
        if not own:
            text = (
                f"{one.path} is of none of the images: expected the name of one, such as"
                f" {stem(images[0])}, with or without an ending such as _masks"
            )
            failed.append((one, text))
    matched = []
    for image in images:
        own_files = found.get(image, [])
        if len(own_files) > 1 and not all(_is_outlined(one) for one in own_files):
            names = [str(one.path) for one in own_files]
            text = f"{listed(names)} are all of {image.name}: give one of them"
            failed.append((own_files[0], text))
        elif own_files:
            matched.append(Annotated(image, tuple(own_files)))
    return matched, failed


def _image_names(paths: Iterable[Path]) -> set[str]:
    """Return the names of images, with and without what some of them end with."""
    names = {_stem(path) for path in paths}
    return names | {IMAGE_SUFFIX.sub("", name) for name in names}


def _is_beside(path: Path, names: set[str]) -> bool:
    """Whether a file is called like an image, with what programs add for its annotations."""
    name = plain_name(_stem(path))
    return name != _stem(path) and name in names


def _is_outlined(one: AnnotationFile) -> bool:
    return one.path.suffix.lower() in (".roi", ".zip", ".geojson", ".csv")


def find_like(paths: Iterable[str | Path]) -> list[Path]:
    """List the images that annotations are for.

    Of a folder that has ``images`` in it, that one is meant; files that are called like another one
    there, with an ending such as ``_masks``, are label images and left out.

    Raises
    ------
    FileError
        As `files.find_images`.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        folder = path.is_dir() and not is_zarr(path)
        inside = path / "images" if folder and (path / "images").is_dir() else path
        images = find_images([inside])
        if folder:
            names = _image_names(images)
            images = [x for x in images if not _is_beside(x, names)]
        found += images
    return list(dict.fromkeys(found))
