"""The examples, run as scripts."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from builders import capsules, picture
from napari_spatial_embeddings.export import export
from napari_spatial_embeddings.export.from_labels import segmented_labels

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *arguments: str | Path, warnings: str = "error") -> str:
    command = [sys.executable, "-W", warnings, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" or warnings == "ignore"
    return done.stdout


def test_every_example_is_run() -> None:
    names = {"few_objects.py", "live_thresholds.py", "to_spatialdata.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == names


def test_few_objects() -> None:
    assert "objects found" in run("few_objects.py", "0.001")


def test_larger_minima_leave_fewer_objects() -> None:
    counts = [int(line.split(":")[1].split()[0]) for line in run("live_thresholds.py").splitlines()]
    assert len(counts) == 5
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


@pytest.mark.skipif(not find_spec("spatialdata"), reason="spatialdata is not installed")
@pytest.mark.filterwarnings("ignore")  # of its packages, about each other
def test_labels_outlines_and_table_are_one_spatialdata(tmp_path: Path) -> None:
    import spatialdata

    labels = capsules((60, 70))
    labels[labels == labels[labels > 0][0]] = 900
    labels[5:12, 50:60] = 3  # with a hole, and another piece
    labels[7:9, 53:55] = labels[20, 65:] = 0
    labels[20, 68] = 3
    labels[40, 60:] = 0
    labels[40, 66] = 5
    ids = np.unique(labels)[1:].tolist()
    table = {"label": ids, "class": ["long" if i % 2 else "round" for i in ids]}
    found = segmented_labels("cells", labels, table, image=picture(labels))
    assert len([*export(tmp_path, found, ["labels", "geojson", "anndata"])]) == 3
    run("to_spatialdata.py", tmp_path, "cells", tmp_path / "all.zarr", warnings="ignore")
    data = spatialdata.read_zarr(tmp_path / "all.zarr")
    np.testing.assert_array_equal(data["cells"], labels)
    joined = spatialdata.match_table_to_element(data, "cells", "objects")
    assert sorted(joined.obs["label"]) == ids
    sizes = dict(zip(joined.obs["label"], joined[:, "size_px"].X.ravel(), strict=True))
    outlines = data["cells_outlines"]
    assert {k: outlines.area[k] for k in ids} == sizes == {k: (labels == k).sum() for k in ids}
    centres = spatialdata.get_centroids(data["cells"]).compute().loc[joined.obs["label"]]
    np.testing.assert_allclose(centres[["x", "y"]], joined.obsm["spatial"] + 0.5, atol=1e-4)
    raster = spatialdata.rasterize(
        outlines,
        ["x", "y"],
        min_coordinate=[0, 0],
        max_coordinate=[70, 60],
        target_coordinate_system="global",
        target_unit_to_pixels=1,
        return_regions_as_labels=True,
    )
    rows = np.asarray(raster.data).astype(int)
    np.testing.assert_array_equal(np.array([0, *outlines.index])[rows], labels)
