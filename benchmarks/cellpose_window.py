"""Files for Cellpose in Cellpose's own window: opened, compared with the labels, saved, read again.

``python -m benchmarks.cellpose_window PYTHON LABELS... [--images FOLDER]``, with the Python of an
environment that has ``cellpose[gui]``, and label images, by default of noise and of volumes. Its
window opens each ``_seg.npy`` of ours by its own loader, and saves it; its file is then read as an
import reads it. No model is loaded. To be run by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.export import export
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.files import read_image, read_labels, stem
from napari_spatial_embeddings.files.annotations.cellpose import read_seg

WINDOW = """
import json, logging, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np
from qtpy.QtWidgets import QApplication
from cellpose.gui import io
from cellpose.version import version
app = QApplication([])
facts = []
for path, deep in json.loads(sys.argv[1]):
    if deep:
        from cellpose.gui.gui3d import MainW_3d
        window = MainW_3d(image=None, logger=logging.getLogger("cellpose"))
    else:
        from cellpose.gui.gui import MainW
        window = MainW(image=None, logger=logging.getLogger("cellpose"))
    io._load_seg(window, filename=path, load_3D=deep)
    count = window.ncells
    facts.append({
        "loaded": bool(window.loaded),
        "count": int(count.get() if hasattr(count, "get") else count),
        "image": list(np.shape(window.stack)),
        "colours": np.asarray(window.cellcolors)[1:].tolist(),
    })
    np.save(path + ".shown.npy", np.asarray(window.cellpix))
    if not deep:
        io._save_sets(window)
    facts[-1]["saved"] = str(window.filename)
print("cellpose", version, file=sys.stderr)
print("FACTS " + json.dumps(facts))
"""


def opened(python: str, files: list[tuple[Path, bool]]) -> list[dict[str, Any]]:
    """Open files in the window of that environment, one after another."""
    given = json.dumps([[str(path), deep] for path, deep in files])
    run = subprocess.run(
        [python, "-c", WINDOW, given],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    (line,) = (line for line in run.stdout.splitlines() if line.startswith("FACTS "))
    facts: list[dict[str, Any]] = json.loads(line.removeprefix("FACTS "))
    return facts


def cases(paths: list[Path], images: Path | None) -> dict[str, tuple[NDArray[Any], Path | None]]:
    """Return label images by name, each with its image if there is one."""
    if paths:
        known = {} if images is None else {stem(path): path for path in images.iterdir()}
        return {stem(path): (read_labels(path), known.get(stem(path))) for path in paths}
    rng = np.random.default_rng(0)
    blobs = rng.integers(0, 40, (15, 20)).repeat(4, 0).repeat(4, 1)
    deep = rng.integers(0, 20, (5, 10, 12)).repeat(4, 1).repeat(4, 2)
    return {
        "noise": (rng.integers(0, 9, (60, 80)), None),
        "gaps": (blobs * 7, None),
        "many": (np.arange(280 * 280).reshape(280, 280), None),
        "volume": (deep, None),
    }


def main() -> None:
    """Compare, and fail if a pixel differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("python")
    parser.add_argument("labels", nargs="*", type=Path)
    parser.add_argument("--images", type=Path)
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder, files, expected = Path(name), list[tuple[Path, bool]](), list[NDArray[Any]]()
        for case, (labels, source) in cases(options.labels, options.images).items():
            image = np.zeros((1, *labels.shape), np.uint8)
            if source is not None:
                image = np.asarray(read_image(source).data)
            if source is not None or labels.ndim == 3:  # version 3 knows no volume in the file
                source = folder / f"{case}.tif"  # beside which Cellpose saves
                pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
                tifffile.imwrite(source, pixels, photometric="minisblack")
            found = segmented_labels(case, labels, image=image)
            (path,) = export(folder, replace(found, source=source), ["seg"])
            files.append((path, labels.ndim == 3))
            expected.append(numbered(labels)[1])
        for (path, deep), labels, facts in zip(
            files, expected, opened(options.python, files), strict=True
        ):
            shown = np.load(f"{path}.shown.npy").reshape(labels.shape)
            wrong = int((shown != labels).sum()) if facts["loaded"] else labels.size
            colours = len({*map(tuple, facts["colours"])})
            again = "not saved"
            if not deep:
                back, _ = read_seg(path)
                again = f"{int((back != labels).sum())} differ in what it saved"
                wrong += int((back != labels).sum())
            good &= not wrong and facts["count"] == labels.max()
            print(
                f"{path.name}: {labels.shape}, {facts['count']} objects in {colours} colours,"
                f" image {facts['image']}, {wrong} pixels differ, {again}"
            )
    sys.exit(not good)


if __name__ == "__main__":
    main()
