"""Damage to files, and the check that a damaged one is refused with nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from command_line import contents, refused, save
from napari_spatial_embeddings.errors import InputError

WRONG: tuple[Any, ...] = (None, True, -1, 2.5, "text", [], [[1, 2], [3]], {}, {"a": 1})
"""Values of JSON, one of each kind, and of some shapes."""

Spoil = Callable[[Path], None]
"""Damages something in a folder."""

Change = Callable[[NDArray[Any]], NDArray[Any]]


def assert_refused(folder: Path, *arguments: object, says: str, code: int = 2) -> None:
    """Expect that a call is refused with a message that contains ``says``, with nothing written."""
    before = contents(folder)
    sentence = refused(*arguments, code=code)
    assert says in sentence
    assert contents(folder) == before


def cases(table: dict[str, tuple[Spoil, str]]) -> pytest.MarkDecorator:
    """Make one test of each kind of damage, with a part of the expected message."""
    values = [pytest.param(*case, id=name) for name, case in table.items()]
    return pytest.mark.parametrize(("spoil", "says"), values)


def both(*spoils: Spoil) -> Spoil:
    """Do one damage after another."""

    def spoil(folder: Path) -> None:
        for one in spoils:
            one(folder)

    return spoil


def remove(name: str) -> Spoil:
    """Remove a file or a folder."""

    def spoil(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def empty(name: str) -> Spoil:
    """Leave an empty folder."""

    def spoil(folder: Path) -> None:
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()

    return spoil


def write(name: str, content: str | bytes) -> Spoil:
    """Write a file, whatever was there."""

    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return spoil


def cut(name: str) -> Spoil:
    """Keep the first half of a file."""

    def spoil(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return spoil


def tiff(name: str, array: NDArray[Any], **options: Any) -> Spoil:
    """Write a TIFF."""

    def spoil(folder: Path) -> None:
        save(folder / name, array, **options)

    return spoil


def changed(name: str, change: Change) -> Spoil:
    """Write the TIFFs of a pattern again, changed."""

    def spoil(folder: Path) -> None:
        for path in folder.glob(name):
            save(path, change(tifffile.imread(path)))

    return spoil


def copied(source: str, name: str) -> Spoil:
    """Put a copy of a file in the place of another."""

    def spoil(folder: Path) -> None:
        shutil.copy(folder / source, folder / name)

    return spoil


def picture(name: str) -> Spoil:
    """Write a PNG or a JPEG."""

    def spoil(folder: Path) -> None:
        Image.fromarray(np.eye(64, dtype=np.uint8)).save(folder / name)

    return spoil


def edited(name: str, change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """Write a JSON file again, changed."""

    def spoil(folder: Path) -> None:
        facts = json.loads((folder / name).read_text())
        change(facts)
        (folder / name).write_text(json.dumps(facts))

    return spoil


def with_nan(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image with a pixel that is NaN."""
    out = image.astype(np.float32)
    out[3, 3] = np.nan
    return out


def broken(facts: Mapping[str, Any], *inside: str) -> Iterator[dict[str, Any]]:
    """Yield JSON without each of its keys, and with each kind of value for each; some inside."""
    for key, value in facts.items():
        yield {k: v for k, v in facts.items() if k != key}
        yield from ({**facts, key: wrong} for wrong in WRONG)
        if key in inside and isinstance(value, dict):
            yield from ({**facts, key: part} for part in broken(value))
        elif key in inside:
            yield from ({**facts, key: [part, *value[1:]]} for part in broken(value[0]))


def refusals(
    facts: Mapping[str, Any],
    use: Callable[[dict[str, Any]], object],
    kind: type[InputError],
    *inside: str,
) -> list[str]:
    """Return the sentences that broken JSON is refused with; what is not refused is of use."""
    sentences = []
    for changed in broken(facts, *inside):
        try:
            use(changed)
        except kind as error:
            sentences.append(str(error))
    assert not any("\n" in sentence for sentence in sentences)
    return sentences
