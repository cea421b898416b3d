"""Speed and memory of ``predict`` beside StarDist and Cellpose on one image, on a processor.

``python -m benchmarks.compared IMAGES --stardist PYTHON MODEL --cellpose PYTHON MODEL``:
PYTHON is that of an environment with the package, MODEL what `benchmarks/peers` trained there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import tifffile
import zarr

from . import page, table
from .runs import mosaic, predict, run

SCRIPT = Path(__file__).parent / "peers" / "predict.py"
TITLES = {"stardist": "StarDist 0.9, grid 2", "cellpose": "Cellpose 3.1"}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    for tool in TITLES:
        parser.add_argument(f"--{tool}", nargs=2, metavar=("PYTHON", "MODEL"))
    parser.add_argument("--edge", type=int, default=2048, help="of the image, in pixels [2048]")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    rows: list[table.Row] = []
    with tempfile.TemporaryDirectory() as home:
        folder, image = Path(home), Path(home) / "image.tif"
        mosaic(options.images, folder / "image.zarr", options.edge)
        tifffile.imwrite(image, np.asarray(zarr.open_group(folder / "image.zarr", mode="r")["0"]))
        done = predict(image, folder / "out", "--model", "nuclei-2d")
        objects = int(tifffile.imread(folder / "out" / "image.tif").max())
        size = f"{options.edge} x {options.edge}"
        row = {"image": size, "method": "this project, nuclei-2d", "objects": objects}
        row |= {"seconds": round(done.seconds, 1), "peak memory": f"{done.peak:.1f} GB"}
        rows.append(row | {"seconds of both processors": round(done.processor, 1)})
        for tool, title in TITLES.items():
            if not (given := getattr(options, tool)):
                continue
            python, model = given
            other = run(SCRIPT, tool, image, model, folder / "other.tif", python=python)
            said = json.loads(other.said.splitlines()[-1])
            rows.append(
                {
                    "image": size,
                    "method": title,
                    "objects": said["objects"],
                    "seconds": round(other.seconds, 1),
                    "peak memory": f"{other.peak:.1f} GB",
                    "seconds of both processors": round(other.processor, 1),
                    "prediction alone": f"{said['seconds']:.1f} s",
                    "of our seconds": f"{other.seconds / done.seconds:.1f} times",
                    "of our memory": f"{other.peak / done.peak:.1f} times",
                }
            )
            print(rows[-1], flush=True)
    print(table.markdown(rows))
    if options.page:
        table.remember("compared", rows, 2)
        print(f"\nwritten: {page.write()}")


if __name__ == "__main__":
    main()
