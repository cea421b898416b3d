"""Segmentation of an image layer without the dock, as a function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from pydantic import ValidationError

from napari_spatial_embeddings.config import PredictionSettings, first_error
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.annotation import LayerTuple
from napari_spatial_embeddings.plugin.layers.axes import (
    finest,
    leave_out_transparency,
    likeliest_axes,
    space_last,
)
from napari_spatial_embeddings.plugin.layers.image import (
    image_data,
    known_pixel_size,
    spatial_transform,
)
from napari_spatial_embeddings.plugin.layers.map_layers import map_layers
from napari_spatial_embeddings.plugin.layers.tags import Grey
from napari_spatial_embeddings.plugin.tasks.segment import SegmentRequest, segment

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation, SegmentationReport

DEFAULT_MODEL = "nuclei-2d"


def segment_layer(
    image: Image,
    model: str | Path = DEFAULT_MODEL,
    object_diameter: float | None = None,
    device: str = "auto",
    maps: bool = False,
    axes: str | None = None,
    grey: Grey = "",
) -> list[LayerTuple]:
    """Segment an image layer.

    Parameters
    ----------
    image : napari.layers.Image
        YX or ZYX, with or without channels; channels are put before the spatial axes, in the
        layer.
    model : str or path
        Name of a shipped model, or the folder of another.
    object_diameter : float, optional
        Typical diameter of the objects in pixels; as the model knows them if not given.
    device : str
        auto, cpu, cuda, cuda:1, mps.
    maps : bool
        Whether to return the maps as well.
    axes : str, optional
        Meaning of the axes of the layer's array, such as "ZCYX"; the likeliest one if not given.
    grey : "", "grey" or "inverted"
        What is made of the colours of an RGB layer: nothing, or one channel, dark or bright.

    Returns
    -------
    list of layer tuples
        The labels, int32 with the layer's transform, named "NAME · instances"; before them the
        maps.

    Raises
    ------
    InputError, Failure
        If the image, the model or a setting cannot be used, or memory is short.
    """
    job = SegmentJob.of(image, str(model), object_diameter, device, maps, axes, grey)
    *_, layers = job.run()
    assert isinstance(layers, list)
    return layers


@dataclass(frozen=True, slots=True)
class SegmentJob:
    """A request, and what its layers need to know of the image's layer."""

    request: SegmentRequest
    transform: dict[str, Any]
    maps: bool

    @classmethod
    def of(
        cls,
        image: Image,
        model: str,
        object_diameter: float | None,
        device: str,
        maps: bool,
        axes: str | None,
        grey: Grey,
    ) -> SegmentJob:
        """Return the job of a layer; reads no pixel."""
        try:
            prediction = PredictionSettings(object_diameter=object_diameter, device=device)
        except ValidationError as error:
            raise InputError(first_error(error)) from error
        if leave_out_transparency(image) and axes and len(axes) > finest(image).ndim:
            axes = axes.replace("C", "")
        axes = axes or likeliest_axes(image)
        axes = space_last(image, axes) if axes else ""
        data = image_data([image], axes, grey)
        if data.frames is not None:
            raise InputError(
                f"{image.name} is a time series of {data.frames} frames: use the dock widget, which"
                " segments its frames, or choose another meaning of its axes"
            )
        if data.pixel_size is None:
            size, unit = known_pixel_size(image, axes)
            data = replace(data, pixel_size=size, unit=unit)
        request = SegmentRequest(data, model, prediction)
        return cls(request, spatial_transform(image, axes), maps)

    def run(self) -> Iterator[SegmentationReport | list[LayerTuple]]:
        """Yield reports, and the layers at last; may run in a thread."""
        result: Segmentation | None = None
        for report in segment(self.request):
            result = report.result
            yield report
        assert result is not None
        name = self.request.image.name
        options = {"name": f"{name} · instances", **self.transform}
        maps = map_layers(name, result.maps, result.classes, self.transform) if self.maps else []
        yield [*maps, (result.instances.labels, options, "labels")]
