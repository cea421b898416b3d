"""Files of ours as the libraries of other programs read them, with the versions that are installed.

``python -m benchmarks.readers``: an image, a volume and a time series of labels, with gaps in the
ids, holes and objects of one pixel, are written in each format and read by what is installed of
ome-zarr-py, ngff-zarr, yaozarrs, ome-zarr-models, napari-ome-zarr, tifffile, roifile, pycocotools,
shapely, geff, anndata and pyarrow. It needs no torch and no napari, so that new versions on a new
Python are soon tried; what is not installed is named. It fails if a value differs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.export import Segmented, export
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.export.image_labels import write_image_labels
from napari_spatial_embeddings.export.label_series import label_series
from napari_spatial_embeddings.export.track_files.geff_file import write_geff
from napari_spatial_embeddings.tracking.detections import detect
from napari_spatial_embeddings.tracking.tracks import tracks_of_ids

Labels = NDArray[np.int32]
SIZE, UNIT = (2.0, 0.5, 0.25), "um"


def labels_of(shape: tuple[int, ...]) -> Labels:
    """Return noise in blocks of 4 x 4 pixels, with single pixels, holes and gaps in the ids."""
    rng = np.random.default_rng(0)
    small = (*shape[:-2], shape[-2] // 4, shape[-1] // 4)
    labels = (7 * rng.integers(0, 40, small)).astype(np.int32).repeat(4, -2).repeat(4, -1)
    labels[..., 9, 9] = 0
    labels[..., 20, 30] = 70_001
    return labels


def found_of(labels: Labels) -> Segmented:
    """Return labels as they are exported."""
    image = np.zeros((1, *labels.shape), np.uint8)
    size = SIZE[-labels.ndim :]
    return segmented_labels("cells", labels, image=image, pixel_size=size, unit=UNIT)


def zarrs(folder: Path) -> Iterator[tuple[str, Path, Labels]]:
    """Yield OME-Zarr labels of each kind, with what they hold: an image's own last."""
    for name, shape in {"image": (600, 800), "volume": (5, 60, 80)}.items():
        labels = labels_of(shape)
        # Deep below, as napari-ome-zarr makes a group of the folder two above.
        (path,) = export(folder / name / "of" / "labels", found_of(labels), ["ome-zarr"])
        yield name, path, labels
    film = labels_of((3, 60, 80))
    image = ImageData(film[:, None], "TCYX", SIZE[1:], UNIT, "film", frame_interval=30.0)
    path = folder / "film" / "of" / "labels" / "film.zarr"
    path.parent.mkdir(parents=True)
    with label_series(path, image, (2.0, 1.0), {"model": "m"}) as add:
        for t, frame in enumerate(film):
            add(t, frame)
    yield "series", path, film
    host = folder / "host.zarr"
    group, shape = zarr.open_group(host, mode="w"), (60, 80)
    group.create_array("0", data=np.ones(shape, np.uint16), dimension_names=["y", "x"])
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
    scale = [{"type": "scale", "scale": [0.5, 0.25]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    facts = {"version": "0.5", "multiscales": [{"name": "a", "axes": axes, "datasets": levels}]}
    group.attrs["ome"] = facts
    labels = labels_of(shape)
    yield "labels of an image", write_image_labels(host, "cells", labels, {}), labels


def scale_of(labels: Labels, kind: str) -> list[float]:
    """Return what a reader should find as the size of a pixel."""
    return [30.0, *SIZE[1:]] if kind == "series" else [*SIZE[-labels.ndim :]]


def by_ome_zarr(path: Path, labels: Labels, kind: str) -> bool:
    """Read labels with ome-zarr-py."""
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    location = parse_url(path)
    assert location is not None
    (node,) = (node for node in Reader(location)() if node.zarr.path == location.path)
    finest = node.metadata["coordinateTransformations"][0][0]["scale"]
    values = np.asarray(node.data[0]).reshape(labels.shape)
    return np.array_equal(values, labels) and np.allclose(finest, scale_of(labels, kind))


def by_ngff_zarr(path: Path, labels: Labels, kind: str) -> bool:
    """Read labels with ngff-zarr."""
    import ngff_zarr

    image = ngff_zarr.from_ngff_zarr(path).images[0]
    axes = "tyx" if kind == "series" else "zyx"[-labels.ndim :]
    scale = [image.scale[axis] for axis in axes]
    units = [(image.axes_units or {}).get(axis) for axis in axes[-2:]]
    same = np.array_equal(np.asarray(image.data).reshape(labels.shape), labels)
    return same and np.allclose(scale, scale_of(labels, kind)) and units == ["micrometer"] * 2


def by_yaozarrs(path: Path, _labels: Labels, kind: str) -> bool:
    """Validate a store with yaozarrs, and of an image's labels that of the image."""
    import yaozarrs

    yaozarrs.validate_zarr_store(str(path))
    if kind == "labels of an image":
        yaozarrs.validate_zarr_store(str(path.parents[1]))
    return True


def by_models(path: Path, _labels: Labels, kind: str) -> bool:
    """Validate a store with ome-zarr-models."""
    from ome_zarr_models import open_ome_zarr

    at = path.parents[1] if kind == "labels of an image" else path
    open_ome_zarr(zarr.open_group(at, mode="r"))
    return True


def by_napari_ome_zarr(path: Path, labels: Labels, kind: str) -> bool:
    """Read labels with napari's plugin; those of an image with it."""
    from napari_ome_zarr import napari_get_reader

    at = path.parents[1] if kind == "labels of an image" else path
    read = napari_get_reader(str(at))
    if read is None:
        return False
    shown = [one for one in read(str(at)) if len(one) > 2 and one[2] == "labels"] or read(str(at))
    data = shown[0][0]
    values = np.asarray(data[0] if isinstance(data, list) else data)
    last = [*shown[0][1]["scale"]][-2:]
    return np.array_equal(values.reshape(labels.shape), labels) and np.allclose(last, SIZE[1:])


def by_tifffile(folder: Path, labels: Labels, found: Segmented) -> bool:
    """Read TIFF and OME-TIFF."""
    import tifffile

    paths = export(folder, found, ["labels", "ome"])
    return all(np.array_equal(tifffile.imread(path), labels) for path in paths)


def by_roifile(folder: Path, labels: Labels, found: Segmented) -> bool:
    """Read ROIs, and fill all paths of each."""
    import roifile
    from skimage.draw import polygon2mask

    (path,) = export(folder, found, ["roi"])
    back = np.zeros_like(labels)
    rois = roifile.roiread(path)
    for roi in rois:
        plane = back if labels.ndim == 2 else back[max(roi.z_position, 1) - 1]
        inside = np.zeros(plane.shape, bool)
        for ring in roi.coordinates(multi=True):
            inside ^= polygon2mask(plane.shape, np.asarray(ring)[:, ::-1] - 0.5)
        plane[inside] = int(roi.properties["label"])
    return np.array_equal(back, labels)


def by_pycocotools(folder: Path, labels: Labels, found: Segmented) -> bool:
    """Read COCO, and decode the masks."""
    from pycocotools.coco import COCO

    (path,) = export(folder, found, ["coco"])
    coco, back = COCO(path), np.zeros_like(labels)
    planes = back.reshape(-1, *labels.shape[-2:])
    for one in coco.loadAnns(coco.getAnnIds()):
        planes[one["image_id"] - 1][coco.annToMask(one) > 0] = one["label"]
    return np.array_equal(back, labels)


def by_shapely(folder: Path, labels: Labels, found: Segmented) -> bool:
    """Read GeoJSON: valid polygons, whose areas are numbers of pixels."""
    import shapely

    (path,) = export(folder, found, ["geojson"])
    areas: dict[int, float] = {}
    valid = True
    for one in json.loads(path.read_text("utf-8"))["features"]:
        shape = shapely.from_geojson(json.dumps(one["geometry"]))
        label = int(one["properties"]["name"])
        areas[label] = areas.get(label, 0) + shape.area
        valid &= shape.is_valid
    ids, sizes = np.unique(labels[labels > 0], return_counts=True)
    return valid and areas == dict(zip(ids.tolist(), sizes.tolist(), strict=True))


def by_geff(folder: Path, _labels: Labels, _found: Segmented) -> bool:
    """Read tracks as a graph."""
    import geff

    film = labels_of((3, 60, 80))
    *_, last = detect(film, SIZE[1:], UNIT)
    assert last.result is not None
    tracks = tracks_of_ids(last.result)
    path = write_geff(folder / "a.geff", tracks, SIZE[1:], UNIT, {"model": "m"})
    graph, _ = geff.read(path)
    return bool(len(graph) == len(tracks.detections))


def by_anndata(folder: Path, labels: Labels, found: Segmented) -> bool:
    """Read the table as AnnData."""
    import anndata

    (path,) = export(folder, found, ["anndata"])
    data = anndata.read_h5ad(path)
    return data.obs["label"].tolist() == np.unique(labels[labels > 0]).tolist()


def by_pyarrow(folder: Path, labels: Labels, found: Segmented) -> bool:
    """Read the table as Parquet."""
    from pyarrow import parquet

    (path,) = export(folder, found, ["parquet"])
    table = parquet.read_table(path)
    return bool(table["label"].to_pylist() == np.unique(labels[labels > 0]).tolist())


OF_ZARR: dict[str, Callable[[Path, Labels, str], bool]] = {
    "ome-zarr": by_ome_zarr,
    "ngff-zarr": by_ngff_zarr,
    "yaozarrs": by_yaozarrs,
    "ome-zarr-models": by_models,
    "napari-ome-zarr": by_napari_ome_zarr,
}
OF_FILES: dict[str, Callable[[Path, Labels, Segmented], bool]] = {
    "tifffile": by_tifffile,
    "roifile": by_roifile,
    "pycocotools": by_pycocotools,
    "shapely": by_shapely,
    "geff": by_geff,
    "anndata": by_anndata,
    "pyarrow": by_pyarrow,
}


def installed(package: str) -> str | None:
    """Return the version of a package, if it is installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def outcome(read: Callable[..., bool], *given: Any) -> str:
    """Return how a reading went."""
    try:
        return "the same" if read(*given) else "OTHER VALUES"
    except Exception as error:  # noqa: BLE001 - of any kind, by other programs
        return f"REFUSED: {type(error).__name__}: {error}"


def main() -> None:
    """Print what each reader finds, and fail if one finds anything else."""
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}, zarr {zarr.__version__}")
    seen = list[str]()
    with tempfile.TemporaryDirectory() as name:
        for kind, path, labels in zarrs(Path(name)):
            for package, read_zarr in OF_ZARR.items():
                known = installed(package)
                how = outcome(read_zarr, path, labels, kind) if known else "not installed"
                seen.append(f"{package} {known or ''}, {kind}: {how}")
        for shape in ((60, 80), (5, 60, 80)):
            labels = labels_of(shape)
            for package, read in OF_FILES.items():
                known, folder = installed(package), Path(name) / f"{package} {len(shape)}"
                folder.mkdir()
                how = outcome(read, folder, labels, found_of(labels)) if known else "not installed"
                seen.append(f"{package} {known or ''}, {len(shape)} axes: {how}")
    print("\n".join(seen))
    sys.exit(any("OTHER" in line or "REFUSED" in line for line in seen))


if __name__ == "__main__":
    main()
