"""Registry of the open images: records that follow the layers which show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files.names import frame_key, series_key
from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.axes import (
    contradicted,
    finest,
    leave_out_transparency,
    possible_axes,
)
from napari_spatial_embeddings.plugin.layers.frames import seen_frame
from napari_spatial_embeddings.plugin.layers.image import image_layers, known_pixel_size
from napari_spatial_embeddings.plugin.layers.tags import Grey, LayerTag, PixelSize
from napari_spatial_embeddings.plugin.layers.viewport import look_at, show_middle
from napari_spatial_embeddings.plugin.state.open_image import OpenImage, Series
from napari_spatial_embeddings.plugin.state.session import Session

from .described import described, image_of
from .frames import add_frame, take_over
from .recognition import key_for

MAX_LABEL = np.iinfo(np.int32).max


class ImageRegistry:
    """Gives image layers their tags and records, for the `ImageController`.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    save : callable
        Queues the writing of what belongs to an image that its layer shows no more.

    Attributes
    ----------
    describing : bool
        Whether a layer's axes are being rearranged here.
    """

    def __init__(
        self, viewer: ViewerModel, session: Session, save: Callable[[OpenImage], object]
    ) -> None:
        self._viewer, self._session, self._save = viewer, session, save
        self.describing = False

    def sync(self) -> None:
        """Have a record for each tagged image layer, and no other."""
        found = tags.tagged(self._viewer, "image")
        there = {str(tags.image_key(layer)): layer for layer in found}
        records = self._session.images
        for key, record in list(records.items()):
            if record.layer is not there.get(record.layers_key):
                del records[key]
                record.close()
        for key, layer in there.items():
            if key not in records:
                tag = tags.tag_of(layer)
                image = None if tag is None else self._image_of(layer, tag)
                if tag is not None and tag.frame is not None:
                    series = Series(series_key(key), layer, image, tag.frame)
                    add_frame(records, series, tag.frame)
                else:
                    records[key] = OpenImage(key, layer, image)

    def record_of(self, layer: Layer) -> OpenImage | None:
        """Return the record of a layer's image, also where its tag fits it no more.

        Of a time series, that of the frame in view.
        """
        records = self._session.images.values()
        return next((x for x in records if x.layer is layer and x.in_view), None)

    def with_channel(self, layer: Layer) -> list[OpenImage]:
        """Return the images of which a layer is a further channel."""
        own = str(layer.unique_id)
        tagged = ((x, tags.stored_tag(x.layer)) for x in self._session.images.values())
        return [record for record, tag in tagged if tag is not None and own in tag.channels]

    def check_channel(self, layer: Layer) -> list[OpenImage]:
        """Return the images of which a layer is still a channel, though it has other data.

        It is no channel any more where it covers other pixels.
        """
        kept = []
        for record in self.with_channel(layer):
            if layer.data.shape == record.layer.data.shape:
                kept.append(record)
            else:
                self._drop(record, layer, "has another shape now")
        return kept

    def drop_channel(self, layer: Layer) -> None:
        """Have a layer that was removed be no channel any more."""
        for record in self.with_channel(layer):
            self._drop(record, layer, "was removed")

    def _drop(self, record: OpenImage, layer: Layer, why: str) -> None:
        tag = tags.tag_of(record.layer)
        if tag is None:
            return
        left = tuple(key for key in tag.channels if key != str(layer.unique_id))
        tags.update_tag(record.layer, channels=left)
        self.look(record.key)
        self._session.say(
            f"{layer.name} {why}: it is no channel of {record.layer.name} any more. Choose another"
            " one beside Channels, or go on with what is left.",
            "warning",
        )

    def contradiction(self, layer: Image) -> str | None:
        """Return what a layer's axes mean by its labels and units, if it is taken for another."""
        tag = tags.tag_of(layer)
        if tag is None or not tag.axes or not contradicted(layer, tag.axes):
            return None
        likeliest = next(iter(possible_axes(layer)), tag.axes)
        return None if likeliest == tag.axes else likeliest

    def look(self, key: str) -> None:
        """Take over what else changed of an image, such as its pixel size."""
        record = self._session.images.get(key)
        tag = None if record is None else tags.tag_of(record.layer)
        if record is not None and tag is not None:
            take_over(record, self._image_of(record.layer, tag))

    def register(
        self,
        layer: Image,
        axes: str | None,
        channels: tuple[Image, ...] | None,
        grey: Grey | None,
    ) -> tuple[str, bool]:
        """Have a tag and a record for an image layer.

        A layer of another spatial shape or number of frames than before, be it that its data were
        replaced or that its axes mean something else, is another image: what belongs to the one
        before is saved. The key of a time series is that of its frame in view.

        Parameters
        ----------
        layer : Image
        axes, channels, grey : optional
            What the user chose: see `described`.

        Returns
        -------
        key : str
        changed : bool
            Whether it is the same image as before with other axes, channels or colours.

        Raises
        ------
        InputError
            If the axes cannot be put in the order of images.
        """
        record, old = self.record_of(layer), tags.stored_tag(layer)
        given, self.describing = finest(layer), True
        try:
            cleared = leave_out_transparency(layer)
            array = finest(layer)
            again = record is not None and old is not None and _lengthened(record, old, array.shape)
            new = described(layer, axes, channels, grey, again=again)
        finally:
            self.describing = False
        if finest(layer) is not given:
            if len(self._viewer.layers) == 1:
                show_middle(self._viewer)
            look_at(self._viewer, layer)
        if cleared:
            self._session.say(f"The transparency of {layer.name} was left out: it is no channel.")
        if finest(layer) is not array:
            self._session.say(
                f"The axes of {layer.name} were put in the order {new.axes}, so that annotations"
                " can lie on it."
            )
        image = self._image_of(layer, new)
        if record is not None and record.image is not None and not _same_pixels(record, image):
            self._leave(record, image)
            record, new = None, replace(new, image="", frame=None, project="")
        key = new.image or key_for(self._session, layer, new, self._taken())
        if image is not None and image.frames is not None and new.frame is None:
            frame = seen_frame(self._viewer, layer, new.axes) or 0
            key, new = frame_key(key, frame), replace(new, frame=frame)
        if new.axes and (new.pixel_size is None or new.pixel_size[0] != new.axes):
            size = self._project_pixel_size(key) or known_pixel_size(layer, new.axes)
            new = replace(new, pixel_size=(new.axes, size))
        new = replace(new, image=key)
        tags.set_tag(layer, new)
        self.sync()
        take_over(self._session.images[key], image)
        return key, record is not None and old is not None and _chosen(old) != _chosen(new)

    def check_labels(self, layer: Labels) -> None:
        """Leave an annotation that covers its image no more to the user; keep labels as int32.

        napari converts layers to types that have no labels for further objects. Objects that cover
        their image no more are replaced by the next result.
        """
        record, shape = self._session.images.get(tags.image_key(layer) or ""), layer.data.shape
        if record is not None and record.image is not None and shape != _shape_of(record):
            if tags.role_of(layer) != "annotations":
                return
            tags.remove_tag(layer)
            self._session.say(
                f"{layer.name} has the shape {shape} now, its image {_shape_of(record)}: it is a"
                " layer of your own. Press Annotate to go on with what was saved.",
                "warning",
            )
        elif layer.data.dtype != np.int32 and np.max(layer.data, initial=0) <= MAX_LABEL:
            layer.data = np.asarray(layer.data, np.int32)
            self._session.say(
                f"{layer.name} stays of the type int32, which has labels for all objects to come."
            )

    def _taken(self) -> set[str]:
        """Return the keys of all layers, also of those whose image was removed."""
        return {key for layer in self._viewer.layers if (key := tags.image_key(layer))}

    def _image_of(self, layer: Image, tag: LayerTag) -> ImageData | None:
        return image_of(layer, tag, image_layers(self._viewer))

    def _project_pixel_size(self, key: str) -> PixelSize | None:
        project = self._session.project
        entry = None if project is None else project.card.find(key)
        if entry is None or (entry.shape is None and entry.pixel_size is None):
            return None  # nothing but its name is known
        return entry.pixel_size, entry.unit

    # -------------------------------------------------------------- other images

    def _leave(self, record: OpenImage, image: ImageData | None) -> None:
        """Save what belongs to an image whose layer shows another one, and forget it."""
        frames = [record] if record.series is None else record.series.records.values()
        predicted = any(one.result is not None for one in frames)
        self._save(record)
        kept = self._release_layers(record)
        if kept is not None or predicted:
            self._session.say(_sentence(record, image, kept), "warning")
        tags.remove_tag(record.layer)
        self.sync()
        if self._session.image == record.key:
            self._session.set_image(None)

    def _release_layers(self, record: OpenImage) -> Labels | None:
        """Remove the other layers of an image.

        Its annotations become a layer of the user's own, which is returned, if there is something
        in it.
        """
        kept = None
        for layer in list(self._viewer.layers):
            if layer is record.layer or tags.image_key(layer) != record.key:
                continue
            drawn = record.count is None or record.count.total or record.count.background
            drawn = drawn or record.series is not None
            if isinstance(layer, Labels) and tags.role_of(layer) == "annotations" and drawn:
                tags.remove_tag(layer)
                layer.mode = "pan_zoom"
                layer.visible = False  # it would lie over what is painted from now on
                layer.name = f"{layer.name} before"
                kept = layer
            else:
                self._viewer.layers.remove(layer)
        return kept


def _chosen(tag: LayerTag) -> tuple[object, ...]:
    return tag.axes, tag.channels, tag.grey


def _lengthened(record: OpenImage, tag: LayerTag, shape: tuple[int, ...]) -> bool:
    """Whether channels or frames, of which there was one, are several now.

    Their meaning was not chosen: with one of them, it made no difference.
    """
    if record.image is None or tag.grey or len(tag.axes) != len(shape):
        return False
    single = {"C": record.image.channels == 1, "T": record.series is None}
    return any(n > 1 and single.get(a) for a, n in zip(tag.axes, shape, strict=True))


def _shape(image: ImageData | None) -> tuple[int, ...]:
    """Return the shape of an image, or that of a series with the number of its frames."""
    if image is None:
        return ()
    return image.shape if image.frames is None else (image.frames, *image.shape)


def _shape_of(record: OpenImage) -> tuple[int, ...]:
    return _shape(record.image if record.series is None else record.series.image)


def _sentence(record: OpenImage, image: ImageData | None, kept: Labels | None) -> str:
    """Return the message about a layer that shows an image of another shape."""
    assert record.image is not None
    now, before = (" x ".join(map(str, one)) for one in (_shape(image), _shape_of(record)))
    now = f"has {now} pixels now and" if now else "cannot be used as it is now;"
    text = f"{record.layer.name} {now} had {before} before: it is another image."
    if kept is not None:
        text += (
            f" What was annotated is in the layer '{kept.name}': bring that to the same shape, and"
            " press Use."
        )
    elif image is not None:
        text += " Predict it again."
    return text


def _same_pixels(record: OpenImage, image: ImageData | None) -> bool:
    """Whether what belongs to an image can lie on what its layer shows now."""
    kinds = (record.series is not None, image is not None and image.frames is not None)
    return kinds[0] == kinds[1] and _shape_of(record) == _shape(image)
