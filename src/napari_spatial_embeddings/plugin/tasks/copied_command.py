"""The command line that segments an open image: by its file, some channels of it, or a copy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.export.command import predict_command
from napari_spatial_embeddings.files import FileError, file_name, read_image
from napari_spatial_embeddings.project.copies import write_copy
from napari_spatial_embeddings.project.image_source import ImageSource, OpenedImage
from napari_spatial_embeddings.project.sources import checked, same_pixels


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """What a command repeats.

    Parameters
    ----------
    opened : OpenedImage
        It is compared with its file.
    frame : int, optional
        Which frame of it, if it is a time series.
    folder : path
        For the results.
    model : str
    clustering, prediction : settings
    table, maps, ome, panels : bool
        As in `export.command.predict_command`.
    """

    opened: OpenedImage
    frame: int | None
    folder: Path
    model: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    table: bool
    maps: bool
    ome: bool
    panels: bool = False


@dataclass(frozen=True, slots=True)
class CopiedCommand:
    """A command, and the file that was written for it, if there is one.

    Parameters
    ----------
    text : str
    copy : path, optional
    alone : bool
        Whether the command normalises the image alone, and the window as a part of another one.
    """

    text: str
    copy: Path | None
    alone: bool

    @property
    def message(self) -> str:
        """What the user should know of it."""
        saved = f"The image is saved as {self.copy}. " if self.copy else ""
        alone = (
            " It takes the brightness of this part alone: what it finds may differ a little from"
            " what is seen here."
        )
        return f"{saved}The command is copied: paste it into a terminal.{alone * self.alone}"


def copied_command(request: CommandRequest) -> Iterator[CopiedCommand]:
    """Yield the command; the image is saved beside the results if it is no file, or part of one.

    Raises
    ------
    InputError, Failure
        If that copy cannot be written.
    """
    from napari_spatial_embeddings.files.collections.positions import positions

    copy, image, frame = None, request.opened.image, request.frame
    source, alone = request.opened.source(), image.whole is not None
    if source is None or len(positions(source.path)) > 1:  # which one it is no flag names
        alone = alone or frame is not None
        image, frame = image if frame is None else image.frame(frame), None
        copy = _copy(image, request.folder / "images")
        source = ImageSource(copy)
    grey = "plain" if source.grey == "grey" else source.grey
    text = predict_command(
        [source.path],
        request.model,
        request.folder,
        request.clustering,
        request.prediction,
        axes=source.axes,
        channels=source.channels,
        grey=grey,
        pixel_size=source.pixel_size,
        unit=source.unit,
        frames=None if frame is None else [frame],
        table=request.table,
        maps=request.maps,
        ome=request.ome,
        panels=request.panels,
    )
    yield CopiedCommand(text, copy, alone)


def _copy(image: ImageData, folder: Path) -> Path:
    """Write an image into a folder, unless it is there already; files of others are kept."""
    pixels, name = checked(image.data, image.name), file_name(image.name)
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    for path in (folder / f"{name}.tif" for name in names):
        if not path.exists():
            write_copy(path, pixels, image.pixel_size, image.unit)
            return path
        try:
            there = read_image(path)
        except FileError:
            continue
        if there.pixel_size == image.pixel_size and same_pixels(pixels, there.data):
            return path
    raise AssertionError("names have no end")
