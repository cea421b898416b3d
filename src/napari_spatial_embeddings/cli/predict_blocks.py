"""``predict`` of one image that may be larger than memory, block by block, into one file."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.text import plural

from .flags import CallError
from .stop_request import StopRequest

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.export.label_store import LabelGrid
    from napari_spatial_embeddings.inference.block_segmentation import BlockReport
    from napari_spatial_embeddings.inference.found_blocks import FoundBlocks
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

TIFF = (".tif", ".tiff", ".btf")
"""Endings of an output that is one TIFF."""

TILE = 1024
"""Edge of tiles in 2D, if not given: the halo, as wide as the network sees, costs less with it."""

ENOUGH_BLOCKS = 3
"""Blocks after which it is stated what the whole image takes."""


@dataclass(frozen=True, slots=True)
class BlockJob:
    """An image, where its objects are written, and how they are found.

    Parameters
    ----------
    model : SpatialEmbeddings
    name : str
        The model's name or folder.
    image : ImageData
    path, output : path
        Of the image; of a TIFF, a store of its own, or labels of an image.
    clustering, prediction, blocks
        The settings.
    table, as_json : bool
        As the flags.
    """

    model: SpatialEmbeddings
    name: str
    image: ImageData
    path: Path
    output: Path
    clustering: ClusteringSettings
    prediction: PredictionSettings
    blocks: BlockSettings
    table: bool
    as_json: bool

    @property
    def tiff(self) -> bool:
        """Whether the output is a TIFF."""
        return self.output.suffix.lower() in TIFF

    @property
    def host(self) -> Path | None:
        """The image that the output is to be labels of, if it is."""
        return _host(self.output)

    @property
    def table_path(self) -> Path:
        """Where the table is written: beside the output, or beside the image that has it."""
        from napari_spatial_embeddings.files import stem

        if self.host is None:
            return self.output.with_name(f"{stem(self.output)}.csv")
        return self.host.with_name(f"{stem(self.host)}.{self.output.name}.csv")


def is_one_file(output: str | None) -> bool:
    """Whether an output is one file or store, and no folder for the results of several images."""
    if output is None:
        return False
    path = Path(output)
    return path.suffix.lower() in (*TIFF, ".zarr") or _host(path) is not None


def _host(path: Path) -> Path | None:
    """Return the image of a path such as ``image.zarr/labels/nuclei``."""
    from napari_spatial_embeddings.files.ome_zarr import is_zarr

    host = path.parent.parent
    named = any(p.suffix == ".zarr" for p in path.parent.parents)
    return host if path.parent.name == "labels" and (named or is_zarr(host)) else None


def check_output(options: argparse.Namespace, inputs: int) -> Path:
    """Return where to write.

    Raises
    ------
    InputError
        If that cannot be, or the flags do not fit together.
    """
    from napari_spatial_embeddings.export.label_store import check_place

    path = Path(options.output)
    if inputs != 1:
        raise CallError(
            f"--output: {path} is one file, but there are {inputs} images; name a folder, or give"
            " one image"
        )
    if options.maps:
        raise CallError("--maps: those of one file's blocks are not kept; name a folder --output")
    if options.ome:
        raise CallError("--ome: name an --output that ends in .ome.tif instead")
    if path.suffix.lower() in TIFF:
        if path.is_dir():
            raise CallError(f"--output: {path} is a folder; choose another name")
        return path
    check_place(path)
    host = _host(path)
    if host is not None and not host.is_dir():
        raise CallError(f"--output: there is no image {host}; it would hold the labels")
    return path


def check_not_itself(job: BlockJob) -> None:
    """Refuse to write labels in the place of their image."""
    if job.output.resolve() == job.path.resolve():
        raise CallError(f"--output: {job.output} is the image itself; choose another name")


def predict_in_blocks(job: BlockJob) -> int:
    """Segment an image block by block and write its labels, and its table if asked for."""
    from napari_spatial_embeddings.core.units import spacing_of
    from napari_spatial_embeddings.export.label_store import LabelGrid, publish

    image = job.image
    check_not_itself(job)
    if job.host is not None:
        grid = LabelGrid.like(job.host, image.shape)
    else:
        spacing = spacing_of(image.pixel_size) or job.model.settings.spacing
        grid = LabelGrid.of(image.shape, spacing, image.pixel_size, image.unit)
    stop = StopRequest()
    with _scratch(job.host or job.output) as folder, stop.signals():
        last = _find(job, folder, stop)
        _write(job, last, grid, folder, stop)
        if not job.tiff:
            publish(folder / "labels", job.output, job.host)
    return _summary(job, last)


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """Yield a folder beside an output, which is deleted in the end."""
    from napari_spatial_embeddings.files.errors import writing

    with writing(beside):
        folder = Path(
            tempfile.mkdtemp(dir=beside.parent, prefix=f".{beside.name}.", suffix=".part")
        )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find(job: BlockJob, folder: Path, stop: StopRequest) -> BlockReport:
    """Find the objects, with a bar, and state what that takes after the first blocks."""
    from tqdm import tqdm

    from napari_spatial_embeddings.files.errors import writing
    from napari_spatial_embeddings.inference.block_segmentation import segment_blocks

    silent = True if job.as_json else None
    stated = job.as_json
    settings = job.clustering, job.prediction, job.blocks
    work = segment_blocks(job.model, job.image, *settings, folder, cancelled=stop.cancelled)
    with (
        writing(job.host or job.output),
        tqdm(disable=silent, unit="block", desc=job.image.name) as bar,
    ):
        for report in work:
            bar.total = report.total
            bar.update(report.done - bar.n)
            if not stated and ENOUGH_BLOCKS <= report.done < report.total:
                stated = True
                _line(_estimate(report))
    return report


def _estimate(report: BlockReport) -> str:
    """Return a sentence about what an image takes, from its first blocks."""
    from napari_spatial_embeddings.system.memory import peak_memory

    minutes = (report.seconds_left or 0) / 60
    left = f"{minutes:.0f} min" if minutes >= 2 else f"{60 * minutes:.0f} s"
    return (
        f"{report.total} blocks: about {left} left, {size(peak_memory())} of memory and up to"
        f" {size(report.disk)} of disk meanwhile"
    )


def size(count: float) -> str:
    """Return a number of bytes for users."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _write(
    job: BlockJob, last: BlockReport, grid: LabelGrid, folder: Path, stop: StopRequest
) -> None:
    from tqdm import tqdm

    from napari_spatial_embeddings.export.label_store import LabelStore
    from napari_spatial_embeddings.export.large_tiff import write_large_tiff
    from napari_spatial_embeddings.export.objects import objects_writer
    from napari_spatial_embeddings.files import stem

    found = last.found
    if found is None:
        raise KeyboardInterrupt
    about = {
        "model": job.name,
        "clustering": job.clustering.model_dump(),
        "blocks": job.blocks.model_dump(),
    }
    store = LabelStore(folder / "labels", grid, found.blocks.edges, len(found), planes=job.tiff)
    silent = True if job.as_json else None
    with ExitStack() as opened:
        bar = opened.enter_context(tqdm(disable=silent, desc="writing", leave=False))
        add = opened.enter_context(objects_writer(job.table_path)) if job.table else None
        if add is not None:
            add(_rows(job, found, None))

        def written() -> None:
            bar.update()
            if stop.cancelled():
                raise KeyboardInterrupt

        for k in range(len(found.blocks)):
            store.write(found.blocks.core(k), found.labels(k))
            if add is not None:
                add(_rows(job, found, k))
            written()
        if job.tiff:
            image = job.image
            write_large_tiff(job.output, store.finest, image.pixel_size, image.unit, about, written)
            return
        source = None if job.host is None else "../../"
        for _ in store.finish(stem(job.output), about, source):
            written()


def _rows(job: BlockJob, found: FoundBlocks, k: int | None) -> dict[str, list[Any]]:
    """Return the table of a block's objects; without rows, of no block."""
    from napari_spatial_embeddings.core.image_data import sliced
    from napari_spatial_embeddings.core.instances import Corrections
    from napari_spatial_embeddings.export.objects import objects_table

    image, data = job.image, None
    one = None if k is None else found.instances(k)
    if one is None:
        instances = Corrections.none((1,) * image.ndim).instances()
        data = sliced(image.data, (slice(None), *(slice(0, 1),) * image.ndim))
    else:
        instances, window = one
        data = sliced(image.data, (slice(None), *window))
    return objects_table(
        instances,
        job.model.settings.classes,
        data,
        image.pixel_size,
        image.unit,
        found.spacing,
    )


def _summary(job: BlockJob, last: BlockReport) -> int:
    found = last.found
    assert found is not None
    if job.as_json:
        written: dict[str, Any] = {"labels": str(job.output), "objects": len(found)}
        written |= {"cut": last.cut, "narrow": last.narrow, "contested": found.contested}
        sys.stdout.write(json.dumps({"written": [written], "failed": []}) + "\n")
    else:
        _line(f"{job.output}: {plural(len(found), 'object')}")
    if last.cut:
        places = ", ".join(str(tuple(pixel)) for pixel in last.cut[:3])
        sys.stderr.write(
            f"{plural(len(last.cut), 'object')} did not fit in a block's halo and may lack a part,"
            f" at {places}{' ...' if len(last.cut) > 3 else ''}; choose a larger --block\n"
        )
    if found.contested:
        sys.stderr.write(
            f"{plural(found.contested, 'pixel')} were claimed by two blocks and went to the object"
            " of higher score; a larger --block-halo avoids that\n"
        )
    return 0


def _line(text: str) -> None:
    from tqdm import tqdm

    tqdm.write(text, sys.stdout)
