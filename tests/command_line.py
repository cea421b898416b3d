"""Calls of the command line and their outcomes, and small data for them."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_spatial_embeddings import PROGRAM, cli, samples

TINY = ("--width", 8, "--levels", 2, "--crop-size", 32, "--epochs", 1)
"""Flags of a training of about a second."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The lines of JSON on stdout; every line must be one."""
        return [json.loads(line) for line in self.out.splitlines()]


def call(*arguments: object) -> Outcome:
    """Run a command in this process."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            code = cli.main([str(a) for a in arguments])
        except SystemExit as stop:  # --help and --version
            code = stop.code if isinstance(stop.code, int) else 1
    return Outcome(code, out.getvalue(), err.getvalue())


def done(*arguments: object) -> Outcome:
    """Run a command that must succeed, with nothing on stderr."""
    outcome = call(*arguments)
    assert (outcome.code, outcome.err) == (0, ""), outcome
    return outcome


def refused(*arguments: object, code: int = 2) -> str:
    """Run a command that must fail with one sentence on stderr; return the sentence."""
    outcome = call(*arguments)
    assert outcome.code == code, outcome
    (sentence,) = outcome.err.splitlines()
    assert sentence.startswith(f"{PROGRAM}: "), sentence
    return sentence.removeprefix(f"{PROGRAM}: ")


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return all that is in a folder, however deep: files' bytes, and None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def cells(
    shape: tuple[int, ...], seed: int = 0, spacing: tuple[float, ...] | None = None
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return an image of round cells and their labels, both (*S)."""
    rng = np.random.default_rng(seed)
    labels = samples.capsules(rng, shape, 8, (5, 8), spacing=spacing)
    return samples.render(rng, labels, spacing=spacing), labels.astype(np.uint16)


def save(path: Path, array: NDArray[Any], **options: Any) -> Path:
    """Write a TIFF, and the folder for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, array, **options)
    return path


def training_set(folder: Path, count: int = 3, edge: int = 64) -> Path:
    """Write ``images`` and ``labels`` of cells, 0.3 micrometres a pixel."""
    for i in range(count):
        image, labels = cells((edge, edge), i)
        scale = {"imagej": True, "resolution": (1 / 0.3, 1 / 0.3), "metadata": {"unit": "um"}}
        save(folder / "images" / f"{i}.tif", image, **scale)
        save(folder / "labels" / f"{i}.tif", labels)
    return folder


def pairs(folder: Path) -> tuple[object, ...]:
    """Return the flags that name a training set's folders."""
    return "--images", folder / "images", "--labels", folder / "labels"


DATE = re.compile(rb'(date(?:\\*"|&quot;): (?:\\*"|&quot;))[-0-9T:+]{25}')
"""When a file was written, as its record has it."""


def undated(content: bytes | None) -> bytes | None:
    """Return a file's bytes without when it was written, and without zeros; None for a folder."""
    return content and DATE.sub(rb"\1", content.replace(b"\0", b""))  # ImageJ's notes are UTF-16
