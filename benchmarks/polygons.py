"""Polygons of exported objects, as programs that read them take them: compared with the masks.

``python -m benchmarks.polygons SET...``: folders of label images, or label images and series. Each
object, or part of one in a slice or a frame, is compared with what its GeoJSON and its COCO give:
as exact polygons (shapely), filled by Java's ``Graphics2D``, as QuPath makes masks (class
``BufferedImageTools``), if there is a Java, and filled by pycocotools.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from napari_spatial_embeddings.core.outlines.masks import masks_of
from napari_spatial_embeddings.export import Segmented, SegmentedSeries, export
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.files import find_images, is_series, read_label_series, read_labels

from . import table
from .fiji import series_of

SMALLEST = 30
"""Pixels from which an object counts."""

FILL = """
import java.awt.*; import java.awt.geom.*; import java.awt.image.*; import java.io.*;
public class FillRings {
  public static void main(String[] a) throws Exception {
    BufferedReader in = new BufferedReader(new FileReader(a[0]));
    OutputStream out = new BufferedOutputStream(new FileOutputStream(a[1]));
    for (String line; (line = in.readLine()) != null; ) {
      String[] parts = line.split(";");
      String[] box = parts[0].split(" ");
      Path2D path = new Path2D.Double(Path2D.WIND_EVEN_ODD);
      for (int k = 1; k < parts.length; k++) {
        String[] n = parts[k].split(" ");
        for (int i = 0; i < n.length; i += 2) {
          double x = Double.parseDouble(n[i]), y = Double.parseDouble(n[i + 1]);
          if (i == 0) path.moveTo(x, y); else path.lineTo(x, y);
        }
        path.closePath();
      }
      int w = Integer.parseInt(box[2]), h = Integer.parseInt(box[3]);
      BufferedImage mask = new BufferedImage(w, h, BufferedImage.TYPE_BYTE_GRAY);
      Graphics2D g = mask.createGraphics();
      g.translate(-Double.parseDouble(box[0]), -Double.parseDouble(box[1]));
      g.setColor(Color.WHITE);
      g.fill(path);
      out.write(((DataBufferByte) mask.getRaster().getDataBuffer()).getData());
    }
    out.close();
  }
}
"""

Rings = list[list[list[float]]]
Key = tuple[int, int, int]
"""Frame, slice and label."""


class Masks:
    """The masks of an image's objects, each in its box with a frame of one pixel."""

    def __init__(self, labels: NDArray[np.integer]) -> None:
        # As frames of slices.
        planes = labels.reshape(-1, labels.shape[-3] if labels.ndim > 2 else 1, *labels.shape[-2:])
        self.boxes: dict[Key, tuple[int, int, NDArray[np.bool_]]] = {}
        for t, volume in enumerate(planes):
            for z, plane in enumerate(volume):
                for one in masks_of(plane):
                    if one.mask.sum() >= SMALLEST:
                        y, x = one.start
                        self.boxes[t, z, one.label] = x - 1, y - 1, np.pad(one.mask, 1)

    def iou(self, key: Key, mask: NDArray[np.bool_]) -> float:
        """Return the IoU of an object with the mask that a reader has in its box."""
        own = self.boxes[key][2]
        return float((mask & own).sum() / (mask | own).sum())

    def exact_iou(self, key: Key, shape: shapely.Geometry) -> float:
        """Return the IoU of an object's pixels, as squares, with polygons."""
        x, y, own = self.boxes[key]
        change = np.diff(own.astype(np.int8), axis=1)
        rows, first = np.nonzero(change == 1)
        last = np.nonzero(change == -1)[1]
        runs = shapely.box(x + first + 1, y + rows, x + last + 1, y + rows + 1)
        pixels = shapely.union_all(runs)
        shared = float(shape.intersection(pixels).area)
        return shared / (shape.area + pixels.area - shared)


def from_geojson(path: Path) -> Iterator[tuple[Key, shapely.Geometry]]:
    """Yield the objects of a file as polygons."""
    for feature in json.loads(path.read_text("utf-8"))["features"]:
        plane = feature["geometry"].get("plane", {"t": 0, "z": 0})
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        yield (plane["t"], plane["z"], int(feature["properties"]["name"])), shape


Shapes = dict[Key, shapely.Geometry]


def filled_by_java(images: list[tuple[Masks, Shapes]]) -> Iterator[float]:
    """Yield the IoU of each object of some images as Java fills its polygons."""
    objects = [(masks, *one) for masks, shapes in images for one in shapes.items()]
    lines = []
    for masks, key, shape in objects:
        x, y, own = masks.boxes[key]
        polygons = [shape] if shape.geom_type == "Polygon" else list(shape.geoms)
        rings = [ring.coords[:-1] for p in polygons for ring in (p.exterior, *p.interiors)]
        texts = [" ".join(f"{n}" for point in ring for n in point) for ring in rings]
        lines.append(";".join([f"{x} {y} {own.shape[1]} {own.shape[0]}", *texts]))
    with tempfile.TemporaryDirectory() as folder:
        source, given, out = (Path(folder) / n for n in ("FillRings.java", "rings", "masks"))
        source.write_text(FILL)
        given.write_text("\n".join(lines))
        call = ["java", "-Djava.awt.headless=true", str(source), str(given), str(out)]
        subprocess.run(call, check=True)
        values = np.fromfile(out, np.uint8) > 0
    start = 0
    for masks, key, _ in objects:
        own = masks.boxes[key][2]
        yield masks.iou(key, values[start : start + own.size].reshape(own.shape))
        start += own.size


def from_coco(path: Path, masks: Masks, slices: int) -> Iterator[tuple[str, float]]:
    """Yield the IoU of each object as pycocotools fills it, and as its polygons are."""
    from pycocotools.coco import COCO

    coco = COCO(path)
    for one in coco.loadAnns(coco.getAnnIds()):
        t, z = divmod(one["image_id"] - 1, slices)
        key = (t, z, one["label"])
        if key not in masks.boxes:
            continue
        x, y, own = masks.boxes[key]
        mask = np.pad(coco.annToMask(one).astype(bool), 1)
        box = mask[y + 1 : y + 1 + own.shape[0], x + 1 : x + 1 + own.shape[1]]
        whole = masks.iou(key, box) if box.sum() == mask.sum() else 0.0
        yield "COCO, pycocotools", whole
        if isinstance(one["segmentation"], list):
            rings = [shapely.Polygon(np.reshape(flat, (-1, 2))) for flat in one["segmentation"]]
            yield "COCO, as polygons", masks.exact_iou(key, shapely.union_all(rings))


def measure(
    labels: NDArray[np.integer], *, time: bool
) -> tuple[Masks, Shapes, list[tuple[str, float]]]:
    """Return an image's masks, its polygons of GeoJSON, and the IoU of each by reader."""
    found: Segmented | SegmentedSeries = (
        series_of(labels) if time else segmented_labels("image", labels)
    )
    spatial = labels.shape[time:]
    slices = spatial[0] if len(spatial) == 3 else 1
    masks = Masks(labels.reshape(-1, slices, *spatial[-2:]))
    with tempfile.TemporaryDirectory() as folder:
        geojson, coco = export(folder, found, ["geojson", "coco"])
        shapes = {key: shape for key, shape in from_geojson(geojson) if key in masks.boxes}
        assert shapes.keys() == masks.boxes.keys()
        ious = [("GeoJSON, as polygons", masks.exact_iou(*one)) for one in shapes.items()]
        return masks, shapes, [*ious, *from_coco(coco, masks, slices)]


def main() -> None:
    """Print a row for each set and reader."""
    rows: list[dict[str, Any]] = []
    for given in sys.argv[1:]:
        found: dict[str, list[float]] = defaultdict(list)
        images: list[tuple[Masks, Shapes]] = []
        for path in find_images([given]):
            time = is_series(path)
            labels = np.asarray(read_label_series([path]).data[:]) if time else read_labels(path)
            masks, shapes, ious = measure(labels, time=time)
            images.append((masks, shapes))
            for reader, iou in ious:
                found[reader].append(iou)
        if shutil.which("java"):
            found["GeoJSON, filled by Java"] = list(filled_by_java(images))
        for reader, values in found.items():
            low = f"{min(values):.4f}", f"{np.mean(values):.4f}"
            below = int(np.sum(np.array(values) < 0.98))
            counts = {"objects": len(values), "below 0.98": below}
            facts = {"worst IoU": low[0], "mean": low[1]}
            rows.append({"set": given, "read from": reader, **counts, **facts})
    print(table.markdown(rows))


if __name__ == "__main__":
    main()
