"""``export``: the objects of label images in the formats of other programs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.cli.flags import Subparsers, add_flags, checked_folder, read_flags
from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.command import NAMES as FORMATS

if TYPE_CHECKING:
    from napari_spatial_embeddings.export import CocoSet
    from napari_spatial_embeddings.export.segmented import Results

    from .label_files import LabelFile


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    text = "write the objects of label images for other programs"
    parser = subparsers.add_parser("export", help=text)
    parser.description = (
        "Write the objects of label images as other programs read them. A table beside the labels,"
        " NAME.csv as 'predict --table' writes it, gives classes, scores and measurements."
    )
    parser.add_argument(
        "labels",
        nargs="+",
        metavar="LABELS",
        help="Label images, of this program or any other, or folders of these.",
    )
    parser.add_argument(
        "--format",
        nargs="+",
        required=True,
        choices=list(FORMATS),
        help="What to write of each: NAME.RoiSet.zip for ImageJ and Fiji, NAME.geojson for QuPath,"
        " NAME.coco.json, or instances.json of several label images, NAME.shapes.csv for napari,"
        " NAME.csv, NAME_seg.npy for Cellpose, NAME.labels.zarr, NAME.labels16.png,"
        " NAME.labels.npy, NAME.tif, NAME.ome.tif, NAME.parquet, NAME.h5ad for AnnData, and"
        " pictures of the objects: NAME.overlay.png, NAME.overlay.svg, NAME.overlay.pdf, and"
        " NAME.panels.png, for which NAME.maps.zarr has to be beside the labels.",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="Folder for the files.")
    parser.add_argument(
        "--image",
        metavar="PATH",
        help="The labels' image, or the folder of their images, which have the same names: for"
        " intensities, sizes of pixels, pictures, and the names that files state.",
    )
    parser.add_argument(
        "--axes",
        metavar="AXES",
        help="Meaning of the label files' axes, such as YX, ZYX; read or guessed if not given.",
    )
    parser.add_argument(
        "--frame",
        type=int,
        metavar="N",
        help="Of a time series, this frame alone, counted from 0: pictures show one.",
    )
    parser.add_argument("--json", action="store_true", help="Print a summary as JSON.")
    add_flags(parser, ExportSettings, title="outlines and pictures")
    parser.set_defaults(run=export)


def export(options: argparse.Namespace) -> int:
    """Write the files of each label image; one that cannot be used does not stop the rest."""
    from napari_spatial_embeddings.export import CocoSet, Segmented
    from napari_spatial_embeddings.export.formats import PICTURE_FORMATS
    from napari_spatial_embeddings.export.pictures.plane import with_slice

    from .label_files import label_files

    settings = read_flags(vars(options), ExportSettings())
    folder = checked_folder(options.output)
    files = label_files(options.labels, options.image, options.axes)
    keys = [FORMATS[name] for name in dict.fromkeys(options.format)]
    with CocoSet(folder, settings) as several:
        run = _Run(folder, settings, options, several if len(files) > 1 else None)
        for one in files:
            try:
                found = one.read(
                    overlaps=settings.overlaps,
                    maps="panels" in keys,
                    frame=options.frame,
                )
                run.settings = settings
                if isinstance(found, Segmented) and not set(PICTURE_FORMATS).isdisjoint(keys):
                    run.settings = with_slice(settings, found)
            except InputError as error:
                if len(files) == 1:
                    raise
                run.fail(one, error)
                continue
            for key in keys:
                try:
                    run.write(one, found, key)
                except InputError as error:
                    if len(files) == len(keys) == 1:
                        raise
                    run.fail(one, error)
    return run.summary()


class _Run:
    """Writes files, prints what becomes of each image, and remembers those that failed."""

    def __init__(
        self,
        folder: Path,
        settings: ExportSettings,
        options: argparse.Namespace,
        several: CocoSet | None,
    ) -> None:
        self.folder, self.settings, self.several = folder, settings, several
        self.as_json = bool(options.json)
        self.written: list[dict[str, Any]] = []
        self.failed: list[str] = []

    def write(self, one: LabelFile, found: Results, key: str) -> None:
        """Write an image in one format, with a bar."""
        from tqdm import tqdm

        from napari_spatial_embeddings.export import Segmented, export_steps
        from napari_spatial_embeddings.export.formats import PICTURE_FORMATS
        from napari_spatial_embeddings.export.pictures.plane import slice_note

        spare = [one.path, *([one.image] if one.image else [])]
        steps = export_steps(
            self.folder, found, [key], spare=spare, settings=self.settings, several=self.several
        )
        with tqdm(disable=True if self.as_json else None, leave=False) as bar:
            for step in steps:
                bar.set_description(step.path.name, refresh=False)
                bar.total, bar.n = step.total, step.done
                bar.refresh()
        facts: dict[str, Any] = {"labels": str(one.path), "file": str(step.path)}
        if isinstance(found, Segmented):
            facts["objects"] = len(found.instances)
            what = plural(len(found.instances), "object")
            at = self.settings.slice
            if key in PICTURE_FORMATS and (note := slice_note(at, found.instances.labels)):
                facts["slice"] = at
                what = f"{what}, {note}"
        else:
            facts["frames"] = len(found.numbers)
            what = plural(len(found.numbers), "frame")
        self.written.append(facts)
        self._line(f"{step.path}: {what}", sys.stdout)

    def fail(self, one: LabelFile, error: InputError) -> None:
        """Report a label image that cannot be used, or not in a format."""
        text = str(error) if one.path.name in str(error) else f"{one.path}: {error}"
        self.failed.append(text)
        self._line(text, sys.stderr)

    def summary(self) -> int:
        """Print a summary, with all that failed; return the exit code."""
        if self.as_json:
            summary = {"written": self.written, "failed": self.failed}
            sys.stdout.write(json.dumps(summary) + "\n")
        if self.failed:
            head = f"{plural(len(self.failed), 'file')} could not be used or written:"
            self._line("\n  ".join([head, *self.failed]), sys.stderr)
        return 1 if self.failed else 0

    def _line(self, text: str, file: Any) -> None:
        from napari_spatial_embeddings.cli.output import write_line

        if file is sys.stderr or not self.as_json:
            write_line(text, file)
