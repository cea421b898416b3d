"""Search for the frames of a time series in which a correction is to be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_spatial_embeddings.plugin.state.open_image import OpenImage

from .correction import Corrected, corrections_of
from .correction_actions import Change, Scene

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.tracking.tracks import Tracks


@dataclass(frozen=True, slots=True, eq=False)
class FrameAsItIs:
    """A frame whose objects are looked through.

    Parameters
    ----------
    image : OpenImage
    result : Segmentation
    corrections : Corrections, optional
    """

    image: OpenImage
    result: Segmentation
    corrections: Corrections | None

    @classmethod
    def of(cls, image: OpenImage) -> FrameAsItIs | None:
        """Return a frame as it is now; None if it is not predicted."""
        result = image.result
        return None if result is None else cls(image, result, result.corrections)

    @property
    def unchanged(self) -> bool:
        """Whether it has the same objects still; its maps may have been moved into a file."""
        now = self.image.result
        return (
            now is not None
            and now.instances.ids is self.result.instances.ids
            and now.corrections is self.corrections
        )

    def scene(self) -> Scene:
        """Return its objects as corrections take them."""
        result = self.result
        known = corrections_of(self.corrections, result)
        return Scene(known, result.instances, result.maps, result.settings)


@dataclass(frozen=True, slots=True, eq=False)
class LinkedFrames:
    """Tracks of a series, and the objects of its frames when they were linked.

    Parameters
    ----------
    tracks : Tracks
    objects : mapping
        The ids of the instances of each frame, by which it is known whether they are others now.
    """

    tracks: Tracks
    objects: Mapping[int, object]


@dataclass(frozen=True, slots=True, eq=False)
class RepeatRequest:
    """A correction, and the frames in which it may be repeated.

    Parameters
    ----------
    corrected : Corrected
    frames : sequence of FrameAsItIs
        Those after that of the correction, in order.
    linked : LinkedFrames, optional
        If the series was linked.
    """

    corrected: Corrected
    frames: Sequence[FrameAsItIs]
    linked: LinkedFrames | None = None

    def run(self) -> list[tuple[FrameAsItIs, Change]]:
        """Return the frames to which the correction plainly applies, and what repeats it there."""
        from napari_spatial_embeddings.editing.repetition import REPETITIONS, repeated

        made, source = self.corrected.made, self.corrected.image.frame
        kind = REPETITIONS.get(made.tool)
        if kind is None:
            return []
        before, after = self.corrected.before.instances, self.corrected.after.instances
        repetition = kind(source, before, after, made.pixels, self._next)
        frames = {one.image.frame: one for one in self.frames}
        scenes = ((t, one.scene()) for t, one in frames.items())
        return [(frames[t], act) for t, act in repeated(repetition, scenes)]

    def _next(self, frame: int, label: int, other: int) -> int | None:
        """Return which object of a frame has the track of an object of another one."""
        linked = self.linked
        known = {self.corrected.image.frame: self.corrected.before.instances.ids}
        known |= {one.image.frame: one.result.instances.ids for one in self.frames}
        if linked is None or any(linked.objects.get(t) is not known[t] for t in (frame, other)):
            raise KeyError(frame)
        found = linked.tracks.detections
        track = linked.tracks.track[found.index[frame, label]]
        part = found.of_frame(other)
        own = found.label[part][linked.tracks.track[part] == track]
        return int(own[0]) if len(own) else None
