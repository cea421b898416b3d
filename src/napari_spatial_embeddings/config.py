"""Settings: frozen, validated models with units, bounds and descriptions.

Every field's description feeds the command line's help, the plugin's form and the docs.
Lengths are in *pixels of the finest axis*: a coarser axis counts ``spacing`` pixels per step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator


@dataclass(frozen=True, slots=True)
class Unit:
    """Unit of a field, for forms."""

    symbol: str


Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Pixels, Seconds, Percent = Unit("px"), Unit("s"), Unit("%")


def first_error(error: ValidationError) -> str:
    """Return the first error in one line: which field, and what is wrong with it."""
    first = error.errors()[0]
    where, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what


class Settings(BaseModel):
    """Base of all settings: frozen, and an unknown key is an error rather than a silent typo."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[dict[str, str]] = {}
    """Old names of fields, as in older files, with today's."""

    @model_validator(mode="before")
    @classmethod
    def _accept_old_names(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not cls.renamed.keys() & values.keys():
            return values
        return {cls.renamed.get(name, name): value for name, value in values.items()}

    def updated(self, **changes: object) -> Self:
        """Return a copy with ``changes`` applied and validated.

        Raises
        ------
        pydantic.ValidationError
            If a name is unknown or a value is out of bounds.
        """
        return type(self).model_validate({**self.model_dump(), **changes})


class ClusteringSettings(Settings):
    """Settings of the clustering of maps into instances; the network need not run again."""

    renamed: ClassVar[dict[str, str]] = {"margin": "margin_factor"}

    seed_threshold: Fraction = Field(
        0.8, description="Lowest seed value (0 to 1) at which an object may start."
    )
    foreground_threshold: Fraction = Field(
        0.4, description="Pixels whose seed value (0 to 1) is not above this belong to no object."
    )
    margin_factor: Positive = Field(
        1.0, le=10, description="Widens (> 1) or narrows (< 1) the learned margin of every object."
    )
    min_size: Annotated[int, Pixels] = Field(
        12, ge=1, description="Objects with fewer pixels (or voxels) than this are dropped."
    )
    min_free_fraction: Fraction = Field(
        0.5, description="An object is kept if more than this share of its pixels was still free."
    )


class PredictionSettings(Settings):
    """Settings of running the network over an image."""

    tile: Annotated[int, Pixels] = Field(
        1024, ge=16, description="Edge of a tile's core in pixels (2D); volumes use its 2/3 power."
    )
    halo: Annotated[int | None, Pixels] = Field(
        None,
        ge=0,
        description="Context in pixels read around each tile and discarded. As much as the network"
        " sees if not given, but 48 voxels in volumes.",
    )
    object_diameter: Annotated[float | None, Pixels] = Field(
        None,
        ge=2,
        description="Typical diameter of the image's objects in pixels; the image is resampled to"
        " the size that the model knows. As in the model's training images if not given.",
    )
    flips: bool = Field(
        False,
        description="Test-time augmentation: average over flips and quarter turns. Slower, "
        "often a little better.",
    )
    device: str = Field(
        "auto", description="Where to compute: auto, cpu, cuda, cuda:1, mps.", min_length=2
    )


class BlockSettings(Settings):
    """Settings of the segmentation of an image that is larger than memory, block by block."""

    block: Annotated[int, Pixels] = Field(
        1024, ge=64, description="Edge of a block's core in pixels (2D); volumes use its 2/3 power."
    )
    block_halo: Annotated[int | None, Pixels] = Field(
        None,
        ge=1,
        description="Width of the halo that a block starts with; it grows where an object needs"
        " more, up to half the block. Four diameters of an object if not given.",
    )


BACKGROUND = "background"
"""Class name of labels that are not objects but background."""

FOUND = ("ndim", "in_channels", "mixtures", "classes", "spacing")
"""Fields of a model that are known from the images, the annotations and the start model."""


class ModelSettings(Settings):
    """Architecture of a network and the data that it takes. Stored beside its weights."""

    renamed: ClassVar[dict[str, str]] = {"object_diameter": "working_diameter"}

    ndim: Literal[2, 3] = Field(2, description="Number of spatial axes.")
    in_channels: int = Field(1, ge=1, description="Image channels the model reads.")
    mixtures: int | None = Field(
        None, ge=0, description="Sums of channels that are pooled, where it was carried over."
    )
    classes: tuple[str, ...] = Field(
        ("object",), min_length=1, description="Names of the object classes, one seed map each."
    )
    spacing: tuple[Positive, ...] = Field(
        (1.0, 1.0), description="Size of a pixel along each axis, the finest axis being 1."
    )
    sigma_per_axis: bool = Field(
        True, description="One sigma per axis (ellipses) rather than one for all (circles)."
    )
    working_diameter: Annotated[Positive, Pixels] = Field(
        20.0,
        description="Typical object diameter in pixels, at the scale that the network sees; sets"
        " the margin that training starts from.",
    )
    offset_range: Annotated[Positive, Pixels] = Field(
        100.0, description="Largest offset the network can express, in pixels."
    )
    width: int = Field(
        24, ge=4, multiple_of=4, description="Channels of the first level; sets the cost."
    )
    levels: int = Field(4, ge=1, le=6, description="Number of times the resolution is halved.")
    convolutions: int = Field(
        1, ge=1, le=3, description="Convolutions of each block; with more, a step takes longer."
    )
    low_percentile: Annotated[float, Percent] = Field(
        1.0, ge=0, lt=50, description="Percentile of an image's channel that is mapped to 0."
    )
    high_percentile: Annotated[float, Percent] = Field(
        99.8, gt=50, le=100, description="Percentile of an image's channel that is mapped to 1."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.spacing) != self.ndim:
            raise ValueError(f"spacing has {len(self.spacing)} values for {self.ndim} axes")
        if not math.isclose(min(self.spacing), 1.0, rel_tol=1e-6):
            raise ValueError(f"the finest axis must have spacing 1, not {min(self.spacing):g}")
        if self.mixtures is not None and self.mixtures >= self.width:
            raise ValueError(f"the mixtures must be fewer than the width, {self.width}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"class names must differ: {', '.join(self.classes)}")
        return self

    @property
    def sigma_components(self) -> int:
        """Number of sigma maps: one, or one per axis."""
        return self.ndim if self.sigma_per_axis else 1


class TrackingSettings(Settings):
    """Settings of the linking of objects over the frames of a time series."""

    max_step: Positive | None = Field(
        None,
        description="Largest distance between the centres of an object and its successor, in the"
        " unit of `step_unit`; two thirds of the objects' median diameter if not given.",
    )
    step_unit: Literal["px", "um"] = Field(
        "px", description="Unit of the largest step: pixels of the finest axis, or micrometres."
    )
    overlap_weight: Fraction = Field(
        0.5,
        description="Weight of the overlap (IoU) of an object with its successor against their"
        " distance: 0 is distance alone, 1 overlap alone.",
    )
    max_gap: Annotated[int, Unit("frames")] = Field(
        1, ge=0, le=100, description="Frames in a row in which an object may be missing."
    )
    divisions: bool = Field(
        False,
        description="Let an object end in two daughters that take its place: of similar sizes, with"
        " about its size together.",
    )


class LossSettings(Settings):
    """Weights of the loss; the published ones are the defaults (Neven et al. 2019)."""

    instance_weight: float = Field(1.0, ge=0, description="Weight of the Lovasz hinge (IoU) term.")
    variance_weight: float = Field(10.0, ge=0, description="Weight of sigma's smoothness term.")
    seed_weight: float = Field(1.0, ge=0, description="Weight of the seed regression.")
    foreground_weight: float = Field(
        10.0, ge=0, description="Weight of a foreground pixel in the seed regression."
    )
    centre: Literal["centroid", "medoid", "learnable"] = Field(
        "centroid", description="The point of an object that its pixels point to."
    )


class TrainingSettings(Settings):
    """Settings of a training. Time or epochs end it, whichever comes first.

    From a trained model, it also ends once it only makes that worse; the best is kept.
    """

    renamed: ClassVar[dict[str, str]] = {"presume": "pseudo_labels"}

    minutes: Annotated[Positive | None, Unit("min")] = Field(
        None, description="Stop after this many minutes."
    )
    epochs: Positive | None = Field(
        None, description="Stop after this many epochs; an epoch shows as many crops as objects."
    )
    object_diameter: Annotated[float | None, Pixels] = Field(
        None,
        ge=2,
        description="Typical diameter of the objects in the training images, in pixels; measured"
        " on the annotated objects if not given, which scribbles do not allow.",
    )
    batch_size: int | None = Field(
        None, ge=1, description="Crops in one step; 4 of images or 2 of volumes if not given."
    )
    crop_size: Annotated[int | None, Pixels] = Field(
        None,
        ge=16,
        description="Edge of the small, object-centred crops in pixels; chosen from the objects' "
        "size if not given.",
    )
    large_crop_factor: float = Field(
        1.5, ge=1, le=8, description="Edge of the later, larger crops relative to the small ones."
    )
    large_crop_share: Fraction = Field(
        0.3, description="Last share of the training that uses the larger crops."
    )
    learning_rate: Positive | None = Field(
        None,
        description="Highest learning rate of AdamW; 0.002 for a model from scratch and 0.001"
        " for one that is trained already, if not given.",
    )
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay of AdamW.")
    average: float = Field(
        0.995, ge=0, lt=1, description="Decay of the running average of the weights; 0 for none."
    )
    augment: bool = Field(True, description="Flip, turn, scale, bend, brighten, blur the crops.")
    scale: float = Field(
        1.4,
        ge=1,
        le=8,
        description="Largest factor by which crops are magnified or shrunk. More, such as 4, for a"
        " model that is to know objects of other sizes than the annotated ones.",
    )
    invert: Fraction = Field(
        0.0,
        description="Share of the crops whose contrast is inverted, for a model that is to know"
        " both dark and bright objects.",
    )
    pseudo_labels: bool = Field(
        True,
        description="When starting from a trained model: let it complete scribbles to whole"
        " objects, and mark unannotated pixels that it confidently predicts as background.",
    )
    validation_share: float = Field(
        0.1,
        ge=0,
        le=0.5,
        description="Share of the images kept aside to choose the best model by; 0 for none. Of few"
        " images, a tenth of the annotated objects is kept aside, and a share of the weights of a"
        " trained start model is kept, unless this is 0.",
    )
    report_seconds: Annotated[Positive, Seconds] = Field(
        1.0, description="Seconds between two reports."
    )
    validation_seconds: Annotated[Positive, Seconds] = Field(
        45.0, description="Seconds between two validations; the first ones come earlier."
    )
    mixed_precision: bool = Field(True, description="Use half precision where the device gains.")
    device: str = Field("auto", description="Where to compute: auto, cpu, cuda, cuda:1, mps.")
    seed: int = Field(0, ge=0, description="Seed of the random numbers.")
    loss: LossSettings = Field(LossSettings(), description="Weights of the loss.")

    @property
    def budget(self) -> tuple[float, float]:
        """Seconds and epochs allowed; 15 minutes when neither was given."""
        if self.minutes is None and self.epochs is None:
            return 900.0, math.inf
        return (self.minutes or math.inf) * 60, self.epochs or math.inf


class ExportSettings(Settings):
    """What is written into files of outlines, into OME-Zarr, and into pictures."""

    overlaps: bool = Field(
        False,
        description="Write objects that lie behind others whole, with the pixels that both claim:"
        " in outlines, SVG and PDF, and in OME-Zarr as several label images. Their maps have to be"
        " known.",
    )
    object_type: Literal["detection", "annotation", "cell"] = Field(
        "detection", description="What the objects are in QuPath."
    )
    ids: bool = Field(False, description="Write the id of each object into pictures.")
    scale_bar: bool = Field(
        True,
        description="Draw a scale bar into pictures, in pixels where the size of one is unknown.",
    )
    slice: int | None = Field(
        None, ge=0, description="Slice of a volume in pictures, from 0; else that of most objects."
    )
    contrast: tuple[float, ...] = Field(
        (), description="Dark and bright values in pictures, two a channel; else percentiles."
    )

    @field_validator("contrast")
    @classmethod
    def _pairs(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        low, high = values[::2], values[1::2]
        if len(low) != len(high) or any(a >= b for a, b in zip(low, high, strict=True)):
            raise ValueError("the values should be two for each channel, the lower one first")
        return values
