"""Writers of results, in the formats of other programs."""

from .colours import image_colours, instance_colours, offset_colours
from .formats import FORMATS, Format, Segmented, export
from .labels import write_labels
from .maps import write_maps
from .objects import objects_table, write_objects
from .overlay import overlay, write_overlay
from .picture import overview
from .regions import write_regions
from .tracks import (
    tracks_table,
    write_ctc,
    write_geff,
    write_label_series,
    write_tracks_csv,
)

__all__ = [
    "FORMATS",
    "Format",
    "Segmented",
    "export",
    "image_colours",
    "instance_colours",
    "objects_table",
    "offset_colours",
    "overlay",
    "overview",
    "tracks_table",
    "write_ctc",
    "write_geff",
    "write_label_series",
    "write_labels",
    "write_maps",
    "write_objects",
    "write_overlay",
    "write_regions",
    "write_tracks_csv",
]
