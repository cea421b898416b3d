"""Measurements agree with theory, and with scikit-image where that measures the same."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.measure import regionprops

from napari_spatial_embeddings.core.measuring import sums
from napari_spatial_embeddings.core.measuring.borders import border_weights, steps_around
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.export.measures import measure_steps, measures

Labels = NDArray[np.int32]


def measured(labels: Labels, *where: Any) -> dict[str, NDArray[np.float64]]:
    """Columns, with nan for an empty cell."""
    table = measures(segmented_labels("a", labels).instances, *where)
    return {name: np.array(values, np.float64) for name, values in table.items()}


def blobs(shape: tuple[int, ...], ids: int = 1) -> Labels:
    """Objects of all forms and sizes, some of one pixel, that touch each other and the border."""
    rng = np.random.default_rng(len(shape))
    noise = ndi.gaussian_filter(rng.normal(size=shape), 2)
    parts, count = ndi.label(noise > noise.std())
    zone = rng.integers(0, 2, [n // 8 + 1 for n in shape])
    for axis in range(len(shape)):
        zone = np.repeat(zone, 8, axis)
    labels = parts * 2 + zone[tuple(map(slice, shape))]
    labels[parts == 0] = 0
    labels[(1,) * len(shape)] = 2 * count + 5
    return np.asarray(labels * ids, np.int32)


def ellipse(radii: tuple[float, ...], turn: float = 0.0, step: tuple[float, ...] = ()) -> Labels:
    """An ellipse or ellipsoid in the middle of an image, sampled at some step along each axis."""
    step = step or (1.0,) * len(radii)
    reach = max(radii) + 3
    grid = np.meshgrid(*(np.arange(-reach, reach, s) + 0.13 for s in step), indexing="ij")
    a = math.cos(turn) * grid[-2] + math.sin(turn) * grid[-1]
    b = math.cos(turn) * grid[-1] - math.sin(turn) * grid[-2]
    turned = [*grid[:-2], a, b]
    scaled = np.stack([g / r for g, r in zip(turned, radii, strict=True)])
    return np.asarray((scaled**2).sum(0) <= 1).astype(np.int32)


@pytest.mark.parametrize("shape", [(90, 110), (24, 30, 36)])
@pytest.mark.parametrize("ids", [1, 10_000_019])
def test_scikit_image_measures_the_same(
    shape: tuple[int, ...], ids: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In blocks smaller than objects; ids have gaps, and may be high."""
    monkeypatch.setitem(sums.EDGE, len(shape), 17)
    labels = blobs(shape)
    image = np.random.default_rng(1).normal(1000, 50, (2, *shape))
    found = measured(labels if ids == 1 else labels * np.int32(ids // labels.max()), image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of flat objects, and those on the border
        props = regionprops(labels, np.moveaxis(image, 0, -1))
    assert len(props) > 10
    for k, one in enumerate(props):
        n = len(shape)
        want: dict[str, float] = {
            "size_px": one.area,
            "major_axis_px": one.axis_major_length,
            "extent": one.extent,
        }
        for d, axis in enumerate("zyx"[-n:]):
            want[f"centroid_{axis}_px"] = one.centroid[d]
            want[f"bbox_min_{axis}_px"], want[f"bbox_max_{axis}_px"] = one.bbox[d], one.bbox[n + d]
        for c in range(2):
            values = image[c][labels == one.label]
            for name in ("mean", "min", "max", "sum", "std"):
                want[f"{name}_intensity_{c}"] = getattr(values, name)()
        if n == 2:
            want |= {"minor_axis_px": one.axis_minor_length, "eccentricity": one.eccentricity}
            want["perimeter_px"] = one.perimeter_crofton
            if one.eccentricity > 1e-3:
                want["orientation_deg"] = math.degrees(one.orientation)
        if n == 2 or min(one.image.shape) > 2:
            want["solidity"] = one.solidity
        for name, value in want.items():
            assert found[name][k] == pytest.approx(value, rel=1e-6, abs=1e-6), (name, one.label)
        around = ndi.binary_dilation(labels == one.label, np.ones((3,) * n))
        others = set(np.unique(labels[around]).tolist()) - {0, one.label}
        assert found["neighbours"][k] == len(others)
        at_border = any(
            start == 0 or stop == size
            for start, stop, size in zip(one.bbox[:n], one.bbox[n:], shape, strict=True)
        )
        assert found["touches_border"][k] == at_border


@pytest.mark.parametrize("radius", [6.0, 15.0, 40.0])
def test_a_disc(radius: float) -> None:
    found = measured(ellipse((radius, radius)), None, (0.5, 0.5), "um")
    assert found["perimeter_px"] == pytest.approx(2 * math.pi * radius, rel=0.03)
    assert found["perimeter_um"] == pytest.approx(found["perimeter_px"] / 2)
    for name in ("major_axis", "minor_axis"):
        assert found[f"{name}_px"] == pytest.approx(2 * radius, rel=0.02)
        assert found[f"{name}_um"] == pytest.approx(found[f"{name}_px"] / 2)
    assert found["eccentricity"] < 0.3
    assert 0.94 < found["solidity"] <= 1


def test_a_ball() -> None:
    found = measured(ellipse((12.0, 12.0, 12.0)), None, (0.5, 0.5, 0.5), "um")
    assert found["surface_px2"] == pytest.approx(4 * math.pi * 144, rel=0.03)
    assert found["surface_um2"] == pytest.approx(found["surface_px2"] / 4)
    assert found["major_axis_px"] == pytest.approx(24, rel=0.02)
    assert found["solidity"] > 0.93
    assert "eccentricity" not in found
    assert "orientation_deg" not in found


@pytest.mark.parametrize("degrees", [-80, -30, 0, 20, 45, 75])
def test_rotation(degrees: float) -> None:
    still = measured(ellipse((25.0, 10.0)))
    found = measured(ellipse((25.0, 10.0), math.radians(degrees)))
    assert found["orientation_deg"] == pytest.approx(degrees, abs=0.5)
    for name in ("perimeter_px", "major_axis_px", "minor_axis_px", "eccentricity", "solidity"):
        assert found[name] == pytest.approx(still[name], rel=0.03), name


@pytest.mark.parametrize(
    ("radii", "step"),
    [((24.0, 10.0), (3.0, 1.0)), ((9.0, 20.0, 12.0), (3.0, 1.0, 1.0))],
)
@pytest.mark.parametrize("degrees", [0, 35])
def test_the_size_of_pixels_counts(
    radii: tuple[float, ...], step: tuple[float, ...], degrees: float
) -> None:
    """An image with coarse pixels along an axis measures as the one with fine pixels."""
    turn = math.radians(degrees)
    size = tuple(0.2 * s for s in step)
    coarse = measured(ellipse(radii, turn, step), None, size, "um")
    fine = measured(ellipse(radii, turn), None, (0.2,) * len(radii), "um")
    names = ["major_axis_um", "minor_axis_um", "solidity", "extent"]
    names += ["perimeter_um", "eccentricity"] if len(radii) == 2 else ["surface_um2"]
    for name in names:
        near = 0.15 if name.startswith(("perimeter", "surface")) else 0.08
        assert coarse[name] == pytest.approx(fine[name], rel=near), name
    if len(radii) == 2:
        assert coarse["orientation_deg"] == pytest.approx(degrees, abs=3)


@pytest.mark.parametrize("shape", [(9, 9), (9, 9, 9)])
def test_one_pixel(shape: tuple[int, ...]) -> None:
    labels = np.zeros(shape, np.int32)
    labels[(4,) * len(shape)] = 7
    found = measured(labels, np.full((1, *shape), 3.0))
    assert found["solidity"] == found["extent"] == 1
    assert found["major_axis_px"] == found["minor_axis_px"] == found["std_intensity_0"] == 0
    assert found["centroid_x_px"] == 4
    assert found["neighbours"] == found["touches_border"] == 0
    if len(shape) == 2:
        assert found["eccentricity"] == 0
        assert np.isnan(found["orientation_deg"])


def test_flat_objects_of_volumes() -> None:
    """In a plane along the axes they are as solid as in an image; diagonal ones have a hull too."""
    labels = np.zeros((20, 30, 60), np.int32)
    flat = np.asarray(ellipse((8.0, 5.0), 0.4) > 0)
    flat[8:12, 11:14] = False
    labels[3, : flat.shape[0], : flat.shape[1]] = flat
    for k in range(6):
        labels[10 + k, 10 + k, 40:44] = 2  # a diagonal plane
        labels[10 + k, 20 + k, 50 + k] = 3  # a line
    found = measured(labels)
    image = measured(flat.astype(np.int32))
    assert found["solidity"][0] == pytest.approx(image["solidity"][0])
    assert found["solidity"][1:].tolist() == [1, 1]
    assert found["minor_axis_px"].tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_no_objects_and_unknown_sizes() -> None:
    nothing = measured(np.zeros((8, 9), np.int32), np.ones((2, 8, 9)))
    some = measured(ellipse((4.0, 3.0)), np.ones((2, 15, 15))[:, :14, :14])
    assert [*nothing] == [*some]
    assert {len(column) for column in nothing.values()} == {0}
    volume = np.ones((2, 3, 4), np.int32)
    partly = measured(volume, None, (None, 0.5, 0.5), "um")
    assert [name for name in partly if "um" in name] == ["centroid_y_um", "centroid_x_um"]
    assert not [name for name in measured(volume, None, (2, 1, 1)) if "um" in name]


def test_values_that_are_no_numbers() -> None:
    image = np.ones((1, 4, 6))
    image[0, 0, 0], image[0, 0, 4] = np.nan, np.inf
    found = measured(np.repeat([[1, 2, 3]], 4, 0).repeat(2, 1).astype(np.int32), image)
    assert np.isnan(found["mean_intensity_0"]).tolist() == [True, False, True]
    assert found["std_intensity_0"][1] == 0


def test_reports() -> None:
    instances = segmented_labels("a", blobs((90, 110))).instances
    steps = [*measure_steps(instances)]
    assert len({total for _, total in steps}) == 1
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 1.0), (1.0, 1.0, 1.0), (3.0, 1.0, 1.0)])
def test_weights_of_borders(spacing: tuple[float, ...]) -> None:
    """Straight borders of all directions have their length on average, and none is far off."""
    ndim = len(spacing)
    normals = np.random.default_rng(0).normal(size=(20_000, ndim))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    steps = steps_around(ndim) * np.array(spacing)
    weights = border_weights(spacing)
    np.testing.assert_allclose(weights, weights[::-1])
    # A border of unit area is crossed, from inside, by so many pairs of pixels.
    crossings = np.maximum(normals @ steps.T, 0) / math.prod(spacing)
    found = crossings @ weights
    assert found.mean() == pytest.approx(1, abs=0.01)
    assert found.min() > (0.83 if max(spacing) > 1 else 0.92)
    assert found.max() < 1.12
