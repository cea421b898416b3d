"""Models that the user imported, each a folder with a name of its own."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from .model_card import WEIGHTS, ModelError

VARIABLE = "NAPARI_SPATIAL_EMBEDDINGS_MODELS"
"""Environment variable that names another folder for them."""

SHIPPED = Path(__file__).parents[1] / "models"
"""The models that come with the package, whose names are taken."""

NAME = re.compile(r"\w[\w. -]{0,79}(?<![. ])")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows does not take for files."""


def library_folder() -> Path:
    """Return the folder that holds the imported models; it may not exist yet."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("napari-spatial-embeddings", appauthor=False) / "models"


def imported() -> dict[str, Path]:
    """Return the folders of the imported models, by name."""
    folder = library_folder()
    if not folder.is_dir():
        return {}
    found = sorted(folder.glob(f"*/{WEIGHTS}"), key=lambda path: path.parent.name.lower())
    return {path.parent.name: path.parent for path in found if not _is_part(path.parent)}


def _is_part(folder: Path) -> bool:
    """Return whether a folder is that of an import that was cut off."""
    return folder.name.startswith(".")


def checked_name(name: str) -> str:
    """Return a name for an imported model.

    Raises
    ------
    ModelError
        If it is no name for a folder, or a shipped model has it.
    """
    if not NAME.fullmatch(name) or RESERVED.fullmatch(name):
        raise ModelError(
            f"'{name}' cannot be a model's name: use up to 80 letters, digits, spaces, and . _ -,"
            " starting with a letter or a digit"
        )
    if (SHIPPED / name).is_dir():
        raise ModelError(f"'{name}' is the name of a model of the package; choose another name")
    return name


def free_name(wanted: str) -> str:
    """Return a name that no model has: the one that is wanted, made fit, or numbered."""
    base = re.sub(r"[^\w. -]", "_", wanted).strip("._- ")[:70].rstrip(". ") or "model"
    base = f"model {base}" if RESERVED.fullmatch(base) else base
    name, number = base, 1
    while (library_folder() / name).exists() or (SHIPPED / name).is_dir():
        number += 1
        name = f"{base}-{number}"
    return name


def folder_of(name: str) -> Path:
    """Return the folder of an imported model.

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    known = imported()
    if name not in known:
        which = f"they are: {', '.join(known)}" if known else "there are none"
        raise ModelError(f"no imported model is called '{name}'; {which}")
    return known[name]


def rename(name: str, new: str) -> Path:
    """Give an imported model another name; return its folder.

    Raises
    ------
    ModelError
        If there is no such model, or the new name cannot be one or is taken.
    OSError
        If the system refuses.
    """
    folder, target = folder_of(name), library_folder() / checked_name(new)
    if name == new:
        return folder
    same = target.exists() and target.samefile(folder)  # where case does not count
    if target.exists() and not same:
        raise ModelError(f"there is a model '{new}' already; choose another name")
    folder.rename(target)
    return target


def delete(name: str) -> None:
    """Delete an imported model.

    Raises
    ------
    ModelError
        If there is no such model.
    OSError
        If the system refuses.
    """
    folder = folder_of(name)
    if folder.is_symlink():  # what it leads to is not ours
        folder.unlink()
        return
    (folder / WEIGHTS).unlink()  # from now on it is none, whatever becomes of the rest
    shutil.rmtree(folder)
