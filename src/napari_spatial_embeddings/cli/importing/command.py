"""``import``: label images of the annotations that other programs wrote."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.cli.flags import (
    CallError,
    Subparsers,
    add_axes_flag,
    checked_folder,
)
from napari_spatial_embeddings.cli.image_reader import ImageReader
from napari_spatial_embeddings.cli.output import write_line
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import Failure, InputError

from .classes import ClassTable, class_of_each, notes_on

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.files.annotations.sources import Annotated
    from napari_spatial_embeddings.files.annotations.target import Fitted


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    text = "label images of annotations that other programs wrote: ROIs, GeoJSON, COCO, Cellpose"
    parser = subparsers.add_parser("import", help=text)
    parser.description = (
        "Write label images of annotations that other programs wrote, for 'train': ROIs of Fiji,"
        " GeoJSON of QuPath, COCO, _seg.npy of Cellpose, and label images of any format."
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILES",
        help="Files of annotations, or folders of these; each is called like its image, with or"
        " without an ending such as _masks.",
    )
    parser.add_argument(
        "--like",
        nargs="+",
        required=True,
        metavar="IMAGES",
        help="Images that they are of, or folders of these.",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="Folder for label images.")
    parser.add_argument(
        "--partial",
        action="store_true",
        help="Not every object is annotated: what is not marked is unknown, and no background.",
    )
    add_axes_flag(parser)
    parser.add_argument("--json", action="store_true", help="Print a summary as JSON.")
    parser.set_defaults(run=import_annotations)


def import_annotations(options: argparse.Namespace) -> int:
    """Write the labels of each image that has annotations; return the exit code."""
    from napari_spatial_embeddings.files import stem
    from napari_spatial_embeddings.files.annotations.sources import (
        find_annotations,
        find_like,
        match,
    )

    files, images = find_annotations(options.files), find_like(options.like)
    names: dict[str, Path] = {}
    for image in images:
        if (other := names.setdefault(stem(image), image)) is not image:
            raise CallError(
                f"{other} and {image} would both become {stem(image)}.tif; give them an --output"
                " each"
            )
    folder = checked_folder(options.output)
    for image in {image.parent: image for image in images}.values():
        if image.parent.resolve() == folder.resolve():
            raise CallError(
                f"--output: {folder} holds {image.name}, an image; choose another folder, or labels"
                " would mix with images"
            )
    matched, failed = match(files, images)
    table = ClassTable(folder / "classes.csv")
    job = _Job(options, folder, table, len(matched) + len(failed))
    for _, text in failed:
        job.fail(text)
    for annotated in matched:
        job.do(annotated)
    without = [image.name for image in images if image not in {one.image for one in matched}]
    if without and matched:
        more = f" and {len(without) - 3} more" if len(without) > 3 else ""
        text = f"{plural(len(without), 'image')} without annotations: {', '.join(without[:3])}"
        write_line(text + more, sys.stderr)
    return job.close()


@dataclass(slots=True)
class _Job:
    """What is written, and what could not be used."""

    options: argparse.Namespace
    folder: Path
    table: ClassTable
    count: int
    written: list[dict[str, Any]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    scribbled: int = 0

    def fail(self, error: str | InputError | Failure) -> None:
        """Report what cannot be used; an error, if it is all that there is."""
        if self.count == 1:
            raise error if isinstance(error, Failure) else CallError(str(error))
        self.failed.append(str(error))
        write_line(str(error), sys.stderr)

    def do(self, annotated: Annotated) -> None:
        """Write the labels of an image."""
        from napari_spatial_embeddings.export.places import check_place
        from napari_spatial_embeddings.files import stem
        from napari_spatial_embeddings.files.annotations.target import Target

        path = self.folder / f"{stem(annotated.image)}.tif"
        try:
            check_place(path)
            image = ImageReader(self.options.axes or "").read(annotated.image)
            target = Target(
                image.name, image.shape, image.frames, image.channels, image.pixel_size, image.unit
            )
            found = annotated.fitted(target)
            classes = class_of_each(found)
            _write(path, image, found, annotated, partial=self.options.partial)
            self.table.add(stem(annotated.image), classes)
        except (InputError, Failure) as error:
            text = str(error)
            named = any(str(p) in text for p in (annotated.image, path, annotated.files[0].path))
            kind = Failure if isinstance(error, Failure) else CallError
            self.fail(error if named else kind(f"{annotated.files[0].path}: {text}"))
            return
        self.scribbled += found.scribbled
        notes = [*found.notes, *notes_on(found, classes)]
        facts = {"labels": str(path), "image": str(annotated.image), "objects": found.objects}
        self.written.append({**facts, "notes": notes})
        if not self.options.json:
            write_line(f"{path}: {plural(found.objects, 'object')}", sys.stdout)
        for note in notes:
            write_line(f"{annotated.files[0].path}: {note}", sys.stderr)

    def close(self) -> int:
        """Report how to train on the labels, and all that failed; return the exit code."""
        table = self.table.written
        if self.options.json:
            facts: dict[str, Any] = {"written": self.written, "failed": self.failed}
            facts["classes"] = None if table is None else str(table)
            sys.stdout.write(json.dumps(facts) + "\n")
        elif self.written:
            flags = f"--labels {self.folder}" + (f" --classes {table}" if table else "")
            flags += " --scribbles" if self.scribbled == len(self.written) else ""
            write_line(f"train on them with {flags}", sys.stdout)
        if self.failed:
            count = f"{plural(len(self.failed), 'file')} could not be used"
            write_line("\n  ".join([f"{count}:", *self.failed]), sys.stderr)
        return 1 if self.failed else 0


def _write(
    path: Path, image: ImageData, found: Fitted, annotated: Annotated, *, partial: bool
) -> None:
    from napari_spatial_embeddings.export.label_series import write_frames
    from napari_spatial_embeddings.export.labels import write_labels
    from napari_spatial_embeddings.files.annotations.partial import with_unknown

    labels = with_unknown(found.labels, image.spacing) if partial else found.labels
    about = {"imported": [one.path.name for one in annotated.files], "partial": partial}
    size, unit = image.pixel_size, image.unit
    if image.frames is None:
        write_labels(path, labels, size, unit, about, unknown=True)
        return
    interval, highest = image.frame_interval, int(labels.max(initial=0))
    unknown = bool(labels.min(initial=0) < 0)
    write_frames(path, labels, labels.shape, highest, size, unit, interval, about, unknown=unknown)
