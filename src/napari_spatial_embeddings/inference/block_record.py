"""Record of what an unfinished segmentation by blocks was made from, and whether it may go on.

What it holds is that of the same image, model and settings, or it is deleted.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.text import listed
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.system.atomic import write_atomically

from .block_progress import COUNT, PREFIX, RECORD, progress_of
from .block_work import Facts
from .model import SpatialEmbeddings
from .normalisation import Scale

log = logging.getLogger(__name__)


def facts_of(
    model: SpatialEmbeddings,
    image: ImageData,
    scale: Scale,
    source: str,
    clustering: ClusteringSettings,
    prediction: PredictionSettings,
    settings: BlockSettings,
) -> Facts:
    """Return all that decides the objects of an image.

    Parameters
    ----------
    scale : float64 (2, C)
        The image's normalisation.
    source : str
        Which file it is, in which state.
    model, image, clustering, prediction, settings
        As of `block_segmentation.segment_blocks`.
    """
    facts = {
        "the image": [
            source,
            image.data.shape,
            image.data.dtype.str,
            image.pixel_size,
            image.unit,
            scale.tolist(),
        ],
        "the model": digest_of_model(model),
        "the clustering settings": clustering.model_dump(),
        "the prediction settings": prediction.model_dump(),
        "the block settings": settings.model_dump(),
        "the program's version": __version__,
    }
    return dict(json.loads(json.dumps(facts)))


def differing(one: Facts, other: Facts) -> tuple[str, ...]:
    """Return the names of the facts that differ."""
    return tuple(name for name in one if one[name] != other.get(name))


def digest_of_model(model: SpatialEmbeddings) -> str:
    """Return a digest of a model's settings and weights."""
    digest = hashlib.blake2b(digest_size=16)
    card = (model.settings.model_dump(), model.pixel_size, model.unit, model.image_diameter)
    digest.update(repr(card).encode())
    for name, weights in sorted(model.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights.cpu().numpy()).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Record:
    """What is written of a segmentation under way.

    Parameters
    ----------
    folder : path
    facts : dict
        From `facts_of`, of the settings that were asked for.
    tile, block : int
        Edges that are used, which are smaller where memory was short.
    changed : tuple of str
        Which facts are others than those of what was in the folder, which is deleted then.
    """

    folder: Path
    facts: Facts
    tile: int
    block: int
    changed: tuple[str, ...] = ()

    @property
    def place(self) -> Path:
        """A folder for tiles and blocks that no process of another segmentation writes into."""
        digest = hashlib.blake2b(self._text().encode(), digest_size=6)
        return self.folder / f"{PREFIX}{digest.hexdigest()}"

    def _text(self) -> str:
        return json.dumps({"facts": self.facts, "tile": self.tile, "block": self.block}, indent=1)

    def write(self) -> None:
        """Write the record, and delete what is not of it."""
        write_atomically(self.folder / RECORD, self._text().encode())
        for other in self.folder.glob(f"{PREFIX}*"):
            if other != self.place:
                shutil.rmtree(other, ignore_errors=True)
        for part in (*self.folder.glob(".*.part"), *self.place.rglob(".*.part")):
            part.unlink(missing_ok=True)  # of a process that was killed

    def write_count(self, blocks: int) -> None:
        """Write how many blocks there are, for `progress_of`."""
        write_atomically(self.place / COUNT, json.dumps(blocks).encode())

    def smaller(self, *, tile: int | None = None, block: int | None = None) -> Record:
        """Return that of smaller tiles or blocks."""
        return replace(self, tile=tile or self.tile, block=block or self.block, changed=())


class OtherRun(InputError):
    """What a folder holds is of another image, model or settings, and is not to be deleted.

    Parameters
    ----------
    changed : tuple of str
        The names of the facts that differ.
    done, total : int
        Its blocks.
    """

    def __init__(self, changed: tuple[str, ...], done: int, total: int) -> None:
        super().__init__(f"{listed(changed)} changed since {done} of {total} blocks were done")
        self.changed, self.done, self.total = changed, done, total


def open_record(
    folder: Path, facts: Facts, tile: int, block: int, *, again: bool, discard: bool = True
) -> Record:
    """Return the record of a folder if it is of the same facts; else write a new one.

    Parameters
    ----------
    folder : path
        Of this segmentation alone.
    facts : dict
    tile, block : int
        Edges that are asked for.
    again : bool
        Whether what is in the folder may be used.
    discard : bool
        Whether blocks that are of other facts may be deleted.

    Raises
    ------
    OtherRun
        If there are such blocks, and they may not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    changed: tuple[str, ...] = ()
    path = folder / RECORD
    if not again:
        path.unlink(missing_ok=True)
        for other in folder.glob(f"{PREFIX}*"):
            shutil.rmtree(other, ignore_errors=True)
    if path.exists():
        try:
            known = json.loads(path.read_text("utf-8"))
            before, used = known["facts"], (int(known["tile"]), int(known["block"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is damaged (%s): nothing of it is used", path, error)
            before, used = {}, (tile, block)
        changed = differing(facts, before)
        if not changed:
            tile, block = used
        elif not discard and (known := progress_of(folder)) is not None and known.done:
            raise OtherRun(changed, known.done, known.total)
    record = Record(folder, facts, tile, block, changed)
    record.write()
    return record
