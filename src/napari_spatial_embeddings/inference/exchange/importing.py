"""Import of models into the user's library: from a folder, a zip, or a file of ONNX."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from napari_spatial_embeddings.core.text import listed
from napari_spatial_embeddings.inference.library import (
    checked_name,
    free_name,
    imported,
    library_folder,
)
from napari_spatial_embeddings.inference.model_card import CARD, WEIGHTS, ModelCard, ModelError
from napari_spatial_embeddings.system.atomic import write_atomically

from .archive import find_entry, opened, staged, unpack

ONNX = ".onnx"
ONNX_FILE = f"model{ONNX}"


def import_model(path: str | Path, name: str | None = None) -> Path:
    """Copy a model into the user's library, whole or not at all; return its folder there.

    Only its weights and its card are taken. A model that the library holds already is not copied
    again.

    Parameters
    ----------
    path : path
        A model's folder; what `exporting.export_model` wrote, as a folder or a zip; or a single
        ``.onnx`` of it.
    name : str, optional
        For the model; that of the file or folder if not given, numbered if it is taken.

    Raises
    ------
    ModelError
        If there is no model, it is damaged or from a newer version, a zip is not harmless, or the
        name is taken.
    InputError
        If a package is missing that an ``.onnx`` needs.
    OSError
        If the system refuses.
    """
    path = Path(path)
    if not path.exists():
        raise ModelError(f"there is no {path}: expected a model's folder, zip or {ONNX}")
    wanted = free_name(name_of(path)) if name is None else checked_name(name)
    target = library_folder() / wanted
    with staged(target) as part:
        _fetch(path, part)
        check_model(part, path)
        digest = digest_of(part)
        for known, folder in imported().items():
            if name in (None, known) and digest_of(folder) == digest:
                return folder
        if target.exists():
            raise ModelError(f"there is a model '{wanted}' already; choose another name")
        part.rename(target)
    return target


def name_of(path: Path) -> str:
    """Return what a model is called, by its path; a project's model has the project's name."""
    path = path.absolute()
    name = path.name if path.is_dir() else path.stem
    return path.parent.name if name == "model" else name


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of a model's weights with their card, as hexadecimal digits."""
    with (folder / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(path: Path, part: Path) -> None:
    """Put the weights of what is imported into a folder."""
    weights = part / WEIGHTS
    if path.is_dir():
        if (path / WEIGHTS).is_file():
            shutil.copyfile(path / WEIGHTS, weights)
        else:
            _convert(_only_onnx(path, sorted(p.name for p in path.glob(f"*{ONNX}"))), part)
    elif path.suffix.lower() == ONNX:
        _convert(path, part)
    else:
        with opened(path) as archive:
            if entry := find_entry(archive, WEIGHTS):
                unpack(archive, entry, weights)
            elif entry := find_entry(archive, ONNX_FILE):
                unpack(archive, entry, part / ONNX_FILE)
                _convert(part / ONNX_FILE, part)
                (part / ONNX_FILE).unlink()
            else:
                raise ModelError(_none(path))


def _only_onnx(path: Path, names: list[str]) -> Path:
    if len(names) > 1:
        raise ModelError(f"{path} holds several models: import one of {listed(names)}")
    if not names:
        raise ModelError(_none(path))
    return path / names[0]


def _none(path: Path) -> str:
    return (
        f"{path} holds no model of this program: expected {WEIGHTS} or {ONNX_FILE}, as 'models"
        " export' writes them"
    )


def _convert(file: Path, part: Path) -> None:
    from .onnx_file import read_model

    try:
        read_model(file).save(part)
    except ModelError as error:
        raise ModelError(str(error).replace(str(part), str(file))) from error


def check_model(folder: Path, origin: Path) -> ModelCard:
    """Check that a folder holds a whole model, and write its card beside the weights.

    Raises
    ------
    ModelError
        If it does not; ``origin`` is what the message names.
    """
    try:
        card = ModelCard.read(folder)
        _check_weights(folder, card)
    except ModelError as error:
        raise ModelError(str(error).replace(str(folder), str(origin))) from error
    text = json.dumps(card.facts(), indent=1, allow_nan=False)
    write_atomically(folder / CARD, text.encode())
    return card


def _check_weights(folder: Path, card: ModelCard) -> None:
    """Compare names and shapes of the weights with the card's, before any network is built."""
    from safetensors import safe_open

    from .shapes import weight_shapes

    wanted = weight_shapes(card.settings, folder)
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        found = {k: tuple(file.get_slice(k).get_shape()) for k in file.keys()}  # noqa: SIM118
        wrong = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
        if wrong:
            raise ModelError(f"{folder} does not fit together: its card and '{wrong[0]}' differ")
        for name in found:
            tensor = file.get_tensor(name)
            if not tensor.is_floating_point() or not tensor.isfinite().all():
                raise ModelError(f"{folder} is damaged: '{name}' holds values that are no numbers")
