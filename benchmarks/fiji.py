"""ROI sets as ImageJ itself opens and fills them: compared with the labels, pixel by pixel.

``python -m benchmarks.fiji IJ_JAR LABELS...``, with Java, ImageJ's ``ij.jar`` and label images or
series; without LABELS, on labels of noise, of images, volumes and series. ROIs are opened, put on
their planes and filled by its ROI manager, which needs a screen, such as ``xvfb-run`` gives one. To
be run by hand.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import roifile
from numpy.typing import NDArray

from napari_spatial_embeddings.export import Segmented, SegmentedSeries, export
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.files import is_series, read_label_series, read_labels

FILL = """
import ij.*; import ij.gui.*; import ij.plugin.frame.RoiManager; import ij.process.*;
import java.io.*; import java.nio.*;
public class Fill {
  public static void main(String[] a) throws Exception {
    int w = Integer.parseInt(a[2]), h = Integer.parseInt(a[3]), c = Integer.parseInt(a[4]);
    int z = Integer.parseInt(a[5]), t = Integer.parseInt(a[6]);
    ImagePlus imp = IJ.createImage("x", "32-bit black", w, h, c * z * t);
    imp.setDimensions(c, z, t);
    imp.setOpenAsHyperStack(c > 1 || (z > 1 && t > 1));
    RoiManager manager = new RoiManager(true);
    manager.runCommand("Open", a[0]);
    for (int k = 0; k < manager.getCount(); k++) {
      manager.select(imp, k);
      Roi roi = imp.getRoi();
      ImageProcessor ip = imp.getStack().getProcessor(imp.getCurrentSlice());
      ip.setValue(Double.parseDouble(roi.getProperty("label")));
      ip.fill(roi);
    }
    System.err.println("ImageJ " + IJ.getVersion() + ", " + manager.getCount() + " ROIs");
    ByteBuffer out = ByteBuffer.allocate(4 * w * h);
    try (OutputStream file = new BufferedOutputStream(new FileOutputStream(a[1]))) {
      for (int s = 1; s <= c * z * t; s++) {
        out.clear();
        out.asFloatBuffer().put((float[]) imp.getStack().getPixels(s));
        file.write(out.array());
      }
    }
    System.exit(0);
  }
}
"""


def filled_by_imagej(
    jar: Path, rois: Path, shape: tuple[int, ...], *, time: bool, channels: int = 1
) -> NDArray[np.int64]:
    """Return the labels (T, Z, C, Y, X) that the ROIs of a set fill, by their planes."""
    frames, slices = (shape[0] if time else 1), (shape[-3] if len(shape) == 3 + time else 1)
    with tempfile.TemporaryDirectory() as folder:
        (source := Path(folder) / "Fill.java").write_text(FILL)
        out = Path(folder) / "filled"
        sizes = (shape[-1], shape[-2], channels, slices, frames)
        java = ["java", "-Xmx3g", "-cp", str(jar), str(source)]
        # Without Fiji's folder of colours, it complains of one that a ROI's group would have.
        command = [*java, str(rois), str(out), *map(str, sizes)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        values = np.fromfile(out, ">f4").astype(np.int64)
    return values.reshape(frames, slices, channels, *shape[-2:])


def series_of(labels: NDArray[np.integer], channels: int = 1) -> SegmentedSeries:
    """Return frames (T, *S) as what is exported."""

    def frame(t: int) -> Segmented:
        image = np.zeros((channels, *labels.shape[1:]), np.uint8)
        return segmented_labels("series", np.asarray(labels[t]), image=image)

    every = tuple(range(len(labels)))
    return SegmentedSeries("series", every, frame, len(every), labels.shape[1:], ())


def compare(
    jar: Path, name: str, labels: NDArray[np.integer], *, time: bool, channels: int
) -> bool:
    """Fill the ROIs of some labels, and report whether they are the labels again."""
    found: Segmented | SegmentedSeries
    if time:
        found = series_of(labels, channels)
    else:
        found = segmented_labels(
            "image", labels, image=np.zeros((channels, *labels.shape), np.uint8)
        )
    with tempfile.TemporaryDirectory() as folder:
        (path,) = export(folder, found, ["roi"])
        count = len(roifile.roiread(path)) if labels.any() else 0
        back = filled_by_imagej(jar, path, labels.shape, time=time, channels=channels)
    expected = np.zeros_like(back)
    # Where there are channels, the manager goes to the first one.
    expected[:, :, 0] = labels.reshape(back.shape[0], back.shape[1], *labels.shape[-2:])
    wrong = int((back != expected).sum())
    print(f"{name}: {labels.shape}, {count} ROIs, {wrong} pixels differ")
    return not wrong


def main() -> None:
    """Compare, and fail if a pixel differs."""
    jar, *paths = map(Path, sys.argv[1:])
    good = []
    for path in paths:
        time = is_series(path)
        labels = np.asarray(read_label_series([path]).data[:]) if time else read_labels(path)
        good.append(compare(jar, path.name, labels, time=time, channels=1))
    if not paths:
        rng = np.random.default_rng(0)
        shapes = {"image": (60, 80), "volume": (7, 30, 40), "series": (6, 30, 40)}
        for kind, shape in {**shapes, "series of volumes": (4, 5, 20, 30)}.items():
            for channels in (1, 2):
                for ids in (3, 40):
                    noise = rng.integers(0, ids, shape)
                    blobs = noise[..., ::4, ::4].repeat(4, -1).repeat(4, -2)
                    for labels in (noise, blobs[..., : shape[-2], : shape[-1]]):
                        name, time = f"{kind}, {channels} channels", kind.startswith("series")
                        good.append(compare(jar, name, labels, time=time, channels=channels))
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
