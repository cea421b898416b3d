"""The request that a call of ``train`` makes: its flags, by what they are about."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .flags import checked_channels, checked_pixel_size


@dataclass(frozen=True, slots=True)
class AnnotatedFolders:
    """Flags of images and labels, and of the labels' meaning; empty if not given."""

    images: str
    labels: str
    val_images: str
    val_labels: str
    unlabelled: Literal["background", "ignore"] | None
    regions: str
    classes: str
    scribbles: bool
    axes: str
    pixel_size: tuple[float, ...]
    image_suffix: str = ""
    label_suffix: str = ""
    channels: tuple[int, ...] | None = None
    grey: str = ""

    @classmethod
    def of(cls, options: argparse.Namespace) -> AnnotatedFolders:
        """Return the flags of a parsed command line."""
        return cls(
            options.images or "",
            options.labels or "",
            options.val_images or "",
            options.val_labels or "",
            options.unlabelled,
            options.regions or "",
            options.classes or "",
            options.scribbles,
            options.axes or "",
            checked_pixel_size(options.pixel_size) or (),
            options.image_suffix or "",
            options.label_suffix or "",
            checked_channels(options.channels),
            options.grey or "",
        )

    def given(self) -> list[str]:
        """Return the names of the flags that were given."""
        return [name for name in self.__slots__ if getattr(self, name)]


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """A call of ``train``.

    Parameters
    ----------
    folders : AnnotatedFolders
        Images and labels, if they are not a project's.
    project, model, output : str
        As the flags of these names; empty if not given.
    from_scratch, resume : bool
        The same.
    flags : mapping
        Values of the flags of settings that were given, by the fields' names.
    """

    folders: AnnotatedFolders
    project: str
    model: str
    output: str
    from_scratch: bool
    resume: bool
    flags: Mapping[str, Any]

    @classmethod
    def of(cls, options: argparse.Namespace) -> TrainRequest:
        """Return the request of a parsed command line."""
        return cls(
            AnnotatedFolders.of(options),
            options.project or "",
            options.model or "",
            options.output or "",
            options.from_scratch,
            options.resume,
            vars(options),
        )
