"""Queries about the open images: their layers, axes and pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.names import frame_number, series_key
from napari_spatial_embeddings.plugin.layers import image as image_layer
from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.placement import layer_shape
from napari_spatial_embeddings.plugin.layers.tags import Grey
from napari_spatial_embeddings.plugin.state.open_image import OpenImage, Series
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ModelSettings
    from napari_spatial_embeddings.inference.normalisation import Scale


class ImageQueries(QObject):
    """Answers what the open images are; changes nothing.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session

    Attributes
    ----------
    left : OpenImage, optional
        The image whose belongings are being saved, while its layer shows another one already.
    """

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self.left: OpenImage | None = None

    def layers(self) -> list[Image]:
        """Return the image layers that can be chosen."""
        return image_layer.image_layers(self._viewer)

    @property
    def layer(self) -> Image | None:
        """The current image's layer."""
        return self.layer_of(self._session.image)

    def layer_of(self, key: str | None) -> Image | None:
        """Return an image's layer, if it is open; that of a series for all its frames."""
        records = self._session.images
        if key is None:
            return None
        if key in records:
            return records[key].layer
        image = self.record_of_series(key)
        return None if image is None else image.layer

    def record_of_series(self, key: str) -> OpenImage | None:
        """Return the frame in view of the series that a frame's key belongs to, if it is open."""
        records = self._session.images.values()
        known = (x for x in records if x.series and x.series.key == series_key(key) and x.in_view)
        return next(known, None)

    @property
    def axes(self) -> str:
        """Meaning of the axes of the current image's array; empty if there is none."""
        layer = self.layer
        tag = None if layer is None else tags.tag_of(layer)
        return "" if tag is None else tag.axes

    @property
    def grey(self) -> Grey:
        """What is made of the colours of the current image."""
        layer = self.layer
        tag = None if layer is None else tags.tag_of(layer)
        return "" if tag is None else tag.grey

    @property
    def colours(self) -> bool:
        """Whether the channels of the current image are red, green and blue."""
        layer = self.layer
        return layer is not None and bool(layer.rgb) and not self.grey

    def channel_layers(self, key: str | None = None) -> tuple[list[Image], str]:
        """Return the layers of an image, one or one per channel, and what their axes mean.

        The current image's if no key is given.

        Raises
        ------
        InputError
            If no image is chosen, or its layer is gone.
        """
        layer = self.layer_of(key or self._session.image)
        tag = None if layer is None else tags.tag_of(layer)
        if layer is None or tag is None:
            raise InputError("there is no image: open one, and choose it under Data")
        others = [x for x in self.layers() if str(x.unique_id) in tag.channels and x is not layer]
        return [layer, *others], tag.axes

    def image_data(self, key: str | None = None) -> ImageData:
        """Return an image, the current one if no key is given; no pixel is read.

        Of a time series, the frame with that key.

        Raises
        ------
        InputError
            If no image is chosen, its layer is gone, or it cannot be used.
        """
        record = self._session.images.get(key or self._session.image or "")
        kept = record is not None and (record is self.left or record.series is not None)
        if record is not None and kept and record.image is not None:
            return record.image  # of what its layer may show no more
        layers, axes = self.channel_layers(key)
        tag = tags.tag_of(layers[0])
        how = ("", None) if tag is None else (tag.grey, tag.whole)
        image = image_layer.image_data(layers, axes, *how)
        return image if image.frames is None else image.frame(frame_number(str(key)) or 0)

    def scale(self, image: ImageData) -> Callable[[ModelSettings], Scale] | None:
        """Return what returns the normalisation of what the current image is a part of.

        That of a time series or a large image, which is computed once; None if it is no part.
        """
        from napari_spatial_embeddings.plugin.tasks.predict_frames import scale_of

        series, whole = self.series, self.whole
        if series is not None and series.image is not None:
            return partial(scale_of, series.image.data, series.scales)
        if whole is not None and image.whole is not None:
            return partial(scale_of, image.whole, whole.scales)
        return None

    @property
    def series(self) -> Series | None:
        """The time series that the current image is a frame of."""
        image = self._session.current
        return None if image is None else image.series

    @property
    def whole(self) -> tags.Whole | None:
        """The large image that the current one is a view of."""
        tag = None if self.layer is None else tags.tag_of(self.layer)
        return None if tag is None else tag.whole

    @property
    def problem(self) -> str:
        """Why the current image cannot be used; empty if it can."""
        try:
            self.image_data()
        except InputError as error:
            return str(error)
        return ""

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of an image along its spatial axes; empty if it is not open."""
        layer = self.layer_of(key)
        tag = None if layer is None else tags.tag_of(layer)
        if layer is None or tag is None:
            return ()
        shape = layer_shape(layer)
        return tuple(shape[axis] for axis in image_layer.spatial(tag.axes))

    def transform(self, key: str | None = None) -> dict[str, Any]:
        """Return where layers of an image must lie to cover it."""
        key = key or self._session.image
        return {} if key is None else image_layer.transform(self._viewer, key)

    def kind(self) -> tuple[int, int]:
        """Return the number of channels and of spatial axes of the current image.

        Raises
        ------
        InputError
            As `image_data`.
        """
        image = self.image_data()
        return image.channels, image.ndim
