"""GeoJSON of objects as QuPath's own code reads, fills and writes it, compared with the labels.

``python -m benchmarks.qupath CLASSPATH LABELS...``, with a JDK, and a class path that has the
classes of ``qupath-core`` and what it needs (gson, JTS, slf4j, guava, commons-math, ij); without
LABELS, on labels of noise, of images, volumes and series. ``PathIO`` reads each file;
``BufferedImageTools`` makes the masks; what ``PathIO`` exports is imported. To be run by hand.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.export import Segmented, SegmentedSeries, export
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.files import is_series, read_label_series, read_labels
from napari_spatial_embeddings.files.annotations.sources import AnnotationFile
from napari_spatial_embeddings.files.annotations.target import Target

from .fiji import series_of

READ = """
import java.io.*; import java.nio.*; import java.nio.file.*; import java.util.*;
import qupath.lib.awt.common.BufferedImageTools; import qupath.lib.common.ColorTools;
import qupath.lib.io.PathIO; import qupath.lib.objects.*;
public class ReadObjects {
  public static void main(String[] a) throws Exception {
    int w = Integer.parseInt(a[3]), h = Integer.parseInt(a[4]), z = Integer.parseInt(a[5]);
    int t = Integer.parseInt(a[6]);
    float[] values = new float[w * h * z * t];
    int kinds = 0, measured = 0, classified = 0, labelled = 0;
    double most = 0;
    Set<UUID> ids = new HashSet<>();
    List<PathObject> objects = PathIO.readObjects(Path.of(a[0]));
    for (PathObject one : objects) {
      var roi = one.getROI();
      int start = (roi.getT() * z + roi.getZ()) * w * h;
      int x = (int) roi.getBoundsX(), y = (int) roi.getBoundsY();
      int wide = (int) Math.ceil(roi.getBoundsWidth());
      int high = (int) Math.ceil(roi.getBoundsHeight());
      var mask = BufferedImageTools.createROIMask(wide, high, roi, x, y, 1).getRaster();
      int count = 0;
      for (int j = 0; j < high; j++)
        for (int i = 0; i < wide; i++)
          if (mask.getSample(i, j, 0) != 0) {
            values[start + (y + j) * w + x + i] = Float.parseFloat(one.getName());
            count++;
          }
      most = Math.max(most, Math.abs(roi.getArea() - count));
      String kind = one.isCell() ? "cell" : one.isDetection() ? "detection" : "annotation";
      kinds += kind.equals(a[7]) ? 1 : 0;
      labelled += one.getMetadata().containsKey("label") ? 1 : 0;
      measured += one.getMeasurements().isEmpty() ? 0 : 1;
      classified += one.getPathClass() == null ? 0 : 1;
      ids.add(one.getID());
    }
    try (OutputStream file = new BufferedOutputStream(new FileOutputStream(a[1]))) {
      ByteBuffer out = ByteBuffer.allocate(4 * values.length);
      out.asFloatBuffer().put(values);
      file.write(out.array());
    }
    PathIO.exportObjectsAsGeoJSON(
        Path.of(a[2]), objects, PathIO.GeoJsonExportOptions.FEATURE_COLLECTION);
    System.out.println("{\\"objects\\": " + objects.size() + ", \\"kinds\\": " + kinds
        + ", \\"labelled\\": " + labelled + ", \\"measured\\": " + measured
        + ", \\"classified\\": " + classified
        + ", \\"ids\\": " + ids.size() + ", \\"area\\": " + most + "}");
  }
}
"""


def read_by_qupath(
    class_path: str, geojson: Path, again: Path, shape: tuple[int, ...], kind: str
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Return the labels (T, Z, Y, X) that QuPath's masks of a file are, and facts of its objects.

    Parameters
    ----------
    class_path : str
    geojson, again : path
        What is read, and where QuPath exports the objects.
    shape : T, Z, Y, X
    kind : str
        What the objects should be.
    """
    with tempfile.TemporaryDirectory() as name:
        (source := Path(name) / "ReadObjects.java").write_text(READ)
        out = Path(name) / "masks"
        sizes = map(str, (shape[3], shape[2], shape[1], shape[0]))
        java = ["java", "-Xmx3g", "-Djava.awt.headless=true", "-cp", class_path, str(source)]
        run = subprocess.run(
            [*java, str(geojson), str(out), str(again), *sizes, kind],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        values = np.fromfile(out, ">f4").astype(np.int64)
    return values.reshape(shape), json.loads(run.stdout.splitlines()[-1])


def compare(
    class_path: str, name: str, labels: NDArray[np.integer], *, time: bool, kind: str
) -> bool:
    """Compare masks and what is imported again with the labels, and print how that went."""
    spatial = labels.shape[time:]
    shape = (labels.shape[0] if time else 1, spatial[0] if len(spatial) == 3 else 1, *spatial[-2:])
    found: Segmented | SegmentedSeries
    if time:
        found = series_of(labels)
    else:
        table = {"label": [int(n) for n in np.unique(labels) if n]}
        table["class"] = [f"class {n % 2}" for n in table["label"]]  # type: ignore[misc]
        found = segmented_labels(name, labels, table)
        found = replace(found, name="image")
    with tempfile.TemporaryDirectory() as folder:
        settings = ExportSettings.model_validate({"object_type": kind})
        (path,) = export(folder, found, ["geojson"], settings=settings)
        again = path.with_name("again.geojson")
        shown, facts = read_by_qupath(class_path, path, again, shape, kind)
        target = Target("image", spatial, len(labels) if time else None)
        back = AnnotationFile(again).fitted(target)
    wrong = int((shown != labels.reshape(shape)).sum())
    left, count = int((back.labels.reshape(shape) != labels.reshape(shape)).sum()), facts["objects"]
    if facts["labelled"] < count:  # QuPath before 0.6 drops what detections have there
        left = int(((back.labels.reshape(shape) > 0) != (labels.reshape(shape) > 0)).sum())
    same = {facts[name] for name in ("kinds", "measured", "ids")} == {count}
    same &= facts["classified"] == (0 if time else count)
    print(
        f"{name}: {labels.shape}, {count} {kind}s, {wrong} pixels of masks differ, {left} of what"
        f" is imported again ({'; '.join(back.notes)}); areas differ by {facts['area']:g}; {facts}"
    )
    return same and not wrong and not left and facts["area"] == 0


def main() -> None:
    """Compare, and fail if a pixel differs, or an object is not what it was written as."""
    class_path, *paths = sys.argv[1:]
    good = []
    for path in map(Path, paths):
        time = is_series(path)
        labels = np.asarray(read_label_series([path]).data[:]) if time else read_labels(path)
        good.append(compare(class_path, path.name, labels, time=time, kind="detection"))
    if not paths:
        rng = np.random.default_rng(0)
        shapes = {"image": (60, 80), "volume": (7, 30, 40), "series": (6, 30, 40)}
        for name, shape in {**shapes, "series of volumes": (4, 5, 20, 30)}.items():
            for kind in ("detection", "annotation", "cell"):
                noise = rng.integers(0, 9, shape)
                time = name.startswith("series")
                good.append(compare(class_path, name, noise, time=time, kind=kind))
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
