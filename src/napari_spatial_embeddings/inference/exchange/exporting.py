"""Export of models for others: as a zip of this program's, as ONNX, for bioimage.io."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.library import SHIPPED
from napari_spatial_embeddings.inference.model_card import CARD, WEIGHTS, ModelCard
from napari_spatial_embeddings.inference.registry import find_folder
from napari_spatial_embeddings.system.atomic import write_atomically

from .archive import ZIP, write_files
from .importing import ONNX, ONNX_FILE, digest_of, name_of

Kind = Literal["zip", "onnx", "bioimageio"]
KINDS: tuple[Kind, ...] = ("zip", "onnx", "bioimageio")

ENDINGS: dict[Kind, tuple[str, ...]] = {"zip": (ZIP,), "onnx": (ONNX, ZIP), "bioimageio": (ZIP,)}
"""Endings of the files that each kind makes; any other name is that of a folder."""


def export_model(
    model: str | Path,
    kind: Kind,
    output: str | Path,
    *,
    authors: Sequence[str] = (),
    licence: str | None = None,
) -> Path:
    """Write a model for others, whole or not at all; return where it is.

    ``zip`` is a zip of the model's folder. ``onnx`` is a folder, a ``.zip`` of it, or a single
    ``.onnx``; ``bioimageio`` a folder or a ``.zip``. `importing.import_model` takes them back.

    Parameters
    ----------
    model : path or str
        A model's folder, or the name of a shipped or an imported one.
    kind : "zip", "onnx" or "bioimageio"
    output : path
        New.
    authors : sequence of str
        Of the model; the card's, if it has some, or the package's if it is a shipped one.
    licence : str, optional
        By its name in SPDX, such as CC-BY-4.0; the card's or the package's if not given.

    Raises
    ------
    ModelError
        If there is no such model, or it cannot be loaded.
    InputError
        If the output exists or has another ending than its kind, or a package is missing.
    OSError
        If the system refuses.
    """
    folder, output = find_folder(model), Path(output)
    _check_output(kind, output)
    card = ModelCard.read(folder)
    own = {
        WEIGHTS: (folder / WEIGHTS).read_bytes(),
        CARD: json.dumps(card.facts(), indent=1, allow_nan=False).encode(),
    }
    if kind == "zip":
        write_files(own, output)
        return output
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

    from .facts import README, REFERENCE, describe, page, reference_source
    from .onnx_file import onnx_bytes

    loaded = SpatialEmbeddings.load(folder)
    facts = describe(loaded, name_of(folder), digest_of(folder))
    graph = onnx_bytes(loaded, facts)
    if output.suffix.lower() == ONNX:
        if output.exists():
            raise InputError(f"{output} exists already: choose another name, or delete it first")
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, graph)
        return output
    files = {ONNX_FILE: graph, REFERENCE: reference_source().encode(), **own}
    if kind == "bioimageio":
        from .bioimageio import described

        rights = rights_of(folder, card, authors, licence)
        files = described(loaded, facts, files, *rights)
    else:
        names = sorted([*files, README])
        files[README] = page(facts, card.about, names).encode()
    write_files(files, output)
    return output


def _check_output(kind: Kind, output: Path) -> None:
    """Refuse a name that is not one of the kind's.

    Raises
    ------
    InputError
    """
    if output.exists():
        raise InputError(f"{output} exists already: choose another name, or delete it first")
    ending, allowed = output.suffix.lower(), ENDINGS[kind]
    if kind == "zip" and ending != ZIP:
        raise InputError(f"{output} should end with {ZIP}")
    if ending in (ZIP, ONNX) and ending not in allowed:
        raise InputError(
            f"{output} should be a folder, or end with {' or '.join(allowed)}, for {kind}"
        )


def rights_of(
    folder: Path, card: ModelCard, authors: Sequence[str] = (), licence: str | None = None
) -> tuple[list[str], str | None]:
    """Return who made a model, and its licence: those that are given, else the card's."""
    shipped = folder.parent == SHIPPED
    known: Any = card.about.get("authors")
    names = [str(name) for name in known] if isinstance(known, list) else []
    own = card.about.get("licence")
    return (
        list(authors) or names or ["napari-spatial-embeddings developers"] * shipped,
        licence or (own if isinstance(own, str) else "BSD-3-Clause" if shipped else None),
    )
