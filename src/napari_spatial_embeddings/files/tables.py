"""Readers of tables: CSV, with classes or objects in them, and tracks."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .errors import FileError, reading
from .folders import stem

TRACK_TABLES = ("res_track.txt", "man_track.txt")
"""Names of the tables, of results and of annotations."""


def read_classes(path: str | Path) -> dict[str, dict[int, str]]:
    """Read the classes of labels.

    Parameters
    ----------
    path : path
        A CSV table with the columns ``label,class``, for all images, or ``image,label,class``.

    Returns
    -------
    dict of dicts
        Class of each label, for each image by its name without endings; "" stands for all images.

    Raises
    ------
    FileError
        If a column is missing or a row is not understood; the message gives its line.
    """
    path = Path(path)
    classes: dict[str, dict[int, str]] = {}
    for line, row in rows(path, ("label", "class")):
        try:
            label = int(row["label"])
        except ValueError:
            raise FileError(
                f"{path}, line {line}: the label is '{row['label']}'; expected a whole number"
            ) from None
        if not row["class"]:
            raise FileError(f"{path}, line {line}: label {label} has no class")
        image = stem(row["image"]) if row.get("image") else ""
        known = classes.setdefault(image, {}).setdefault(label, row["class"])
        if known != row["class"]:
            raise FileError(
                f"{path}, line {line}: label {label} is '{row['class']}' here and '{known}' above"
            )
    return classes


def read_objects(path: str | Path) -> dict[str, list[int | float | str]]:
    """Read a table of objects, such as ``predict --table`` writes.

    Returns
    -------
    dict of lists, one value per object
        Columns by name, ``label`` among them, also where there is no object; values that are
        numbers as such, others as text.

    Raises
    ------
    FileError
        If there is no column ``label``, or it holds something else than whole numbers.
    """
    path = Path(path)
    table: dict[str, list[int | float | str]] = {name: [] for name in columns(path)}
    for line, row in rows(path, ("label",)):
        for name, cell in row.items():
            table[name].append(_value(cell))
        if not isinstance(table["label"][-1], int):
            raise FileError(
                f"{path}, line {line}: the label is '{row['label']}'; expected a whole number"
            )
    return table


def _value(cell: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


def columns(path: Path) -> list[str]:
    """Return the names of a table's columns, which are in its first line."""
    with reading(path), _text(path) as file:
        return _columns(file.readline())[0]


def _columns(header: str) -> tuple[list[str], str]:
    """Return the names of the columns, and what separates them."""
    separator = next((s for s in ";\t" if s in header), ",")
    cells = next(csv.reader([header], delimiter=separator), [])
    return [name.strip().lower() for name in cells], separator


def rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield a table's rows with their line numbers; commas, semicolons or tabs separate cells."""
    with reading(path), _text(path) as file:
        header = file.readline()
        names, separator = _columns(header)
        missing = [name for name in needed if name not in names]
        if missing:
            raise FileError(
                f"{path} has no column '{missing[0]}': its first line is '{header.strip()[:80]}',"
                f" expected {','.join(needed)}"
            )
        for line, cells in enumerate(csv.reader(file, delimiter=separator), 2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                raise FileError(
                    f"{path}, line {line}: {len(cells)} values for {len(names)} columns"
                )
            yield line, {n: c.strip() for n, c in zip(names, cells, strict=True)}


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """Open a text in UTF-8, or in UTF-16, which spreadsheets write with tabs."""
    with path.open("rb") as file:
        marked = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        with path.open(encoding="utf-16" if marked else "utf-8-sig", newline="") as text:
            yield text
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is no text in UTF-8 ({error.reason}); save it again so") from error


def find_track_table(folder: str | Path) -> Path | None:
    """Return the table of tracks in a folder, if there is one."""
    return next((p for p in (Path(folder) / name for name in TRACK_TABLES) if p.is_file()), None)


def read_track_table(path: str | Path) -> dict[int, tuple[int, int, int]]:
    """Read a table of tracks.

    Returns
    -------
    dict of tuples
        First frame, last frame and parent, 0 for none, of each track by its label.

    Raises
    ------
    FileError
        If a row is not understood, a label is there twice, or a parent is unknown or ends too late.
    """
    path = Path(path)
    with reading(path):
        lines = path.read_text("utf-8").splitlines()
    tracks: dict[int, tuple[int, int, int]] = {}
    for number, line in enumerate(lines, 1):
        cells = line.split()
        if not cells:
            continue
        try:
            label, first, last, parent = map(int, cells)
        except ValueError:
            raise FileError(
                f"{path}, line {number}: '{line.strip()[:80]}'; expected four whole numbers: label,"
                " first frame, last frame, parent"
            ) from None
        if label in tracks or first > last or label <= 0 or min(first, parent) < 0:
            raise FileError(
                f"{path}, line {number}: label {label} is there twice, or its frames are not in"
                " order"
            )
        tracks[label] = first, last, parent
    for label, (first, _, parent) in tracks.items():
        if parent and (parent not in tracks or tracks[parent][1] >= first):
            raise FileError(
                f"{path}: track {label} starts in frame {first}, but its parent {parent} is unknown"
                " or ends later"
            )
    return tracks
