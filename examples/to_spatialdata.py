"""Make one SpatialData of an image's exported labels, outlines and table of objects.

python examples/to_spatialdata.py FOLDER NAME OUT.zarr

FOLDER has NAME.tif, NAME.geojson and NAME.h5ad, as ``predict`` or ``export`` write them with the
formats ``tiff``, ``geojson`` and ``anndata``. It needs ``pip install spatialdata``. Of images only:
outlines of a volume are those of its slices.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anndata
import geopandas
import shapely
import tifffile
from spatialdata import SpatialData
from spatialdata.models import Labels2DModel, ShapesModel, TableModel


def main(folder: Path, name: str, out: Path) -> None:
    """Write labels, outlines and table as elements that know of each other."""
    labels = tifffile.imread(folder / f"{name}.tif")
    table = anndata.read_h5ad(folder / f"{name}.h5ad")  # names the labels' element as its region
    features = json.loads((folder / f"{name}.geojson").read_text("utf-8"))["features"]
    outlines = geopandas.GeoDataFrame(
        geometry=[shapely.from_geojson(json.dumps(one["geometry"])) for one in features],
        index=[int(one["properties"]["name"]) for one in features],
    )
    data = SpatialData(
        labels={name: Labels2DModel.parse(labels, dims=("y", "x"))},
        shapes={f"{name}_outlines": ShapesModel.parse(outlines)},
        tables={"objects": TableModel.parse(table)},
    )
    data.write(out)
    print(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
