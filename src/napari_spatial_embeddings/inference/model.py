"""A network with everything that is needed to use it, saved as a folder."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise

from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.first_layer import carried_over, pooled_channels
from napari_spatial_embeddings.core.image_data import PixelArray, arranged
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import SIGMA_GAIN, EmbeddingMaps
from napari_spatial_embeddings.core.network import BranchedNet
from napari_spatial_embeddings.core.quality.calibration import Calibration
from napari_spatial_embeddings.core.units import Lengths, spacing_of
from napari_spatial_embeddings.system.atomic import write_atomically

from .devices import choose_device
from .image_check import check_image
from .model_card import (
    CARD,
    SCHEMA,
    WEIGHTS,
    ModelCard,
    ModelError,
    Places,
    check_folder,
    parsed,
    reason,
)
from .normalisation import Scale, normalisation
from .resampling import TOLERANCE, Resampling
from .tiling import Progress, predict_tiles

__all__ = ["CARD", "SCHEMA", "WEIGHTS", "ModelError", "SpatialEmbeddings"]


@dataclass
class SpatialEmbeddings:
    """A model: trained, or from scratch.

    Parameters
    ----------
    settings : ModelSettings
        Architecture and input of the network.
    network : BranchedNet, optional
        Untrained if not given.
    clustering : ClusteringSettings
        The thresholds that suit it, chosen on validation data.
    pixel_size : tuple of D floats, optional
        Size of a pixel of the images it was trained on, in ``unit``.
    unit : str, optional
    image_diameter : float, optional
        Typical diameter of the objects in the images that it is meant for, in their pixels; as the
        model knows them (``settings.working_diameter``) if not given.
    history : list of dicts
        Reports of its trainings, one entry per validation.
    about : dict
        Free text: training data, licence, scores.
    calibration : Calibration, optional
        What its scores promise.
    places : Places, optional
        Those of the objects of its trainings; None if they are not known.
    """

    settings: ModelSettings
    network: BranchedNet = None  # type: ignore[assignment]
    clustering: ClusteringSettings = ClusteringSettings()
    pixel_size: Lengths | None = None
    unit: str | None = None
    image_diameter: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    places: Places | None = None

    def __post_init__(self) -> None:
        if self.network is None:
            self.network = BranchedNet(self.settings)
        self.network.eval()

    # ------------------------------------------------------------------ use

    def predict_maps(
        self,
        image: PixelArray,
        settings: PredictionSettings | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> EmbeddingMaps:
        """Return the maps of an image, in its own pixels, computed by tiles.

        Parameters
        ----------
        image : (C, *S) or, for one channel, (*S); any real dtype
            Read tile by tile; may be larger than memory.
        settings : PredictionSettings, optional
        spacing : tuple of D floats, optional
            Size of the image's pixels along each axis, the finest being 1; the model's if not
            given.

        Raises
        ------
        ModelError
            If the image does not fit the model, or is not finite.
        """
        return _last(self.predicting(image, settings, spacing=spacing)).maps

    def predicting(
        self,
        image: PixelArray,
        settings: PredictionSettings | None = None,
        window: tuple[slice, ...] | None = None,
        out: EmbeddingMaps | None = None,
        spacing: tuple[float, ...] | None = None,
        scale: Scale | None = None,
    ) -> Iterator[Progress]:
        """Yield progress after every tile; the last report's maps are complete.

        Other parameters, and errors, as in `predict_maps`.

        Parameters
        ----------
        window : tuple of D slices, optional
            The part to predict; the rest of the maps stays as it is. All of it if not given. The
            image is normalised as a whole in any case.
        out : EmbeddingMaps, optional
            The maps to fill, which may be stored elsewhere than in memory; new ones without any
            object if not given.
        scale : float64 (2, C), optional
            From `normalisation.normalisation`, of the image or time series that this one is a part
            of; that of the image itself if not given.
        """
        settings = settings or PredictionSettings()
        image = self.check(image)
        device = choose_device(settings.device)
        network = self.network.to(device)
        if scale is None:
            scale = normalisation(image, self.settings)
        resampling = self.resampling(settings.object_diameter, spacing)
        yield from predict_tiles(
            network, self.settings, image, scale, settings, device, out, window, resampling
        )

    def resampling(
        self, diameter: float | None = None, spacing: tuple[float, ...] | None = None
    ) -> Resampling:
        """Return the transform of an image to the model's scale.

        Parameters
        ----------
        diameter : float, optional
            Typical diameter of its objects in pixels of its finest axis; that of the images that
            the model is meant for if not given.
        spacing : tuple of D floats, optional
            Of its pixels; the model's if not given.
        """
        return Resampling.between(self.settings, diameter or self.image_diameter, spacing)

    def learn_diameter(self, diameter: float, most: float) -> None:
        """Adopt a diameter as the model's own, if it is about the same already.

        The network's output stays the same, in pixels: only the unit of sigma and the scale that
        images are brought to change.

        Parameters
        ----------
        diameter : float
            In pixels of the finest axis.
        most : float
            The factor by which it may differ; beyond, and within `TOLERANCE`, nothing changes.
        """
        ratio = diameter / self.settings.working_diameter
        if not 1 / most < ratio < most or 1 / TOLERANCE < ratio < TOLERANCE:
            return
        self.settings = self.settings.updated(working_diameter=diameter)
        bias = self.network.get_parameter("instance.out.bias")
        ndim = self.settings.ndim
        with torch.no_grad():
            bias[ndim : ndim + self.settings.sigma_components] -= math.log(ratio) / SIGMA_GAIN

    def diameter_at(self, pixel_size: Lengths | None, unit: str | None) -> float | None:
        """Return `ModelCard.diameter_at`."""
        return self._card.diameter_at(pixel_size, unit)

    def suited(
        self,
        settings: PredictionSettings,
        pixel_size: Lengths | None,
        unit: str | None,
    ) -> tuple[PredictionSettings, tuple[float, ...] | None]:
        """Return the settings for an image, with the diameter of its objects, and its spacing.

        A diameter that is not set is derived from the pixel size of the image and that of the
        images that the model was trained on.
        """
        if settings.object_diameter is None:
            known = self.diameter_at(pixel_size, unit)
            settings = settings.updated(object_diameter=known and max(2.0, known))
        return settings, spacing_of(pixel_size)

    def predicting_normalised(
        self,
        image: NDArray[np.float32],
        settings: PredictionSettings,
        spacing: tuple[float, ...] | None = None,
    ) -> Iterator[Progress]:
        """Yield progress on an image (C, *S) that has been normalised already."""
        device = choose_device(settings.device)
        scale = np.stack([np.zeros(len(image)), np.ones(len(image))])
        network = self.network.to(device)
        resampling = self.resampling(settings.object_diameter, spacing)
        yield from predict_tiles(
            network, self.settings, image, scale, settings, device, resampling=resampling
        )

    def check(self, image: PixelArray) -> PixelArray:
        """Return the image as (C, *S) if the model can take it; its pixels are not read.

        Raises
        ------
        ModelError
            As `image_check.check_image`.
        """
        if image.ndim == self.settings.ndim and self.settings.in_channels == 1:
            image = arranged(image, "ZYX"[-image.ndim :])
        check_image(self.settings, image.shape, image.dtype)
        return image

    def segment(
        self,
        image: PixelArray,
        clustering: ClusteringSettings | None = None,
        prediction: PredictionSettings | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> Instances:
        """Return the instances of an image; the model's own thresholds if none are given."""
        maps = self.predict_maps(image, prediction, spacing)
        return cluster(maps, clustering or self.clustering)

    def with_classes(self, classes: tuple[str, ...]) -> SpatialEmbeddings:
        """Return a model of other classes that starts from the weights of this one.

        A class of the same name keeps its seed map; a new one starts from the mean of all.
        """
        own = self.settings.classes
        if classes == own:
            return self
        settings = self.settings.updated(classes=classes)
        model = replace(self, settings=settings, network=BranchedNet(settings))
        weights = self.network.state_dict()
        for name, axis in (("seed.out.weight", 1), ("seed.out.bias", 0)):
            rows = dict(zip(own, weights[name].unbind(axis), strict=True))
            mean = weights[name].mean(axis)
            weights[name] = torch.stack([rows.get(c, mean) for c in classes], axis)
        model.network.load_state_dict(weights)
        return model

    def with_channels(self, channels: int) -> SpatialEmbeddings:
        """Return a model of another number of channels that starts from the weights of this one.

        Channels correspond in turn: where several take the place of one, their mean does. So the
        maps are the same on an image that repeats its channels, and all channels count alike until
        training weighs them.
        """
        own = self.settings
        if channels == own.in_channels:
            return self
        pooled = pooled_channels(own)
        settings = own.updated(in_channels=channels, mixtures=pooled)
        model = replace(self, settings=settings, network=BranchedNet(settings))
        weights = carried_over(self.network.state_dict(), pooled, channels)
        model.network.load_state_dict(weights)
        return model

    # ----------------------------------------------------------------- files

    def card(self) -> dict[str, Any]:
        """Return the content of ``model.json``: everything but the weights."""
        return self._card.facts()

    @property
    def _card(self) -> ModelCard:
        return ModelCard(**{f.name: getattr(self, f.name) for f in fields(ModelCard)})

    def save(self, folder: str | Path, *, half: bool = False) -> Path:
        """Write the model into a folder, whole or not at all.

        The weights' file repeats the card in its header, so that one rename publishes both;
        ``model.json`` is a copy to look at, and may be missing or older after a crash.

        Parameters
        ----------
        folder : path
            Made if missing; an older model in it is replaced.
        half : bool
            Store the weights in half precision.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        card = json.dumps(self.card(), indent=1, allow_nan=False)
        weights = {
            k: (v.half() if half else v.float()).cpu().contiguous()
            for k, v in self.network.state_dict().items()
        }
        write_atomically(folder / WEIGHTS, serialise(weights, {"card": card}))
        write_atomically(folder / CARD, card.encode())
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> SpatialEmbeddings:
        """Read a model from a folder. Nothing in it is executed or unpickled.

        Raises
        ------
        ModelError
            If it is missing, damaged, or from a newer version.
        """
        folder = Path(folder)
        check_folder(folder)
        try:
            with safe_open(folder / WEIGHTS, framework="pt") as file:
                card = (file.metadata() or {}).get("card", "null")
                weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{folder / WEIGHTS} is damaged: {error}") from error
        read = ModelCard.checked(folder, parsed(card, folder / WEIGHTS))
        model = cls(**{f.name: getattr(read, f.name) for f in fields(ModelCard)})
        try:
            model.network.load_state_dict(weights)
        except (TypeError, RuntimeError) as error:
            raise ModelError(f"{folder} does not fit together: {reason(error)}") from error
        return model


def _last(reports: Iterator[Progress]) -> Progress:
    return deque(reports, maxlen=1)[0]
