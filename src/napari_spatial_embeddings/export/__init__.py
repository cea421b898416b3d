"""Results in the formats that people open next."""

from .colours import instance_colours, offset_colours
from .labels import write_labels
from .maps import open_maps, write_maps
from .objects import objects_table, write_objects
from .picture import overview

__all__ = [
    "instance_colours",
    "objects_table",
    "offset_colours",
    "open_maps",
    "overview",
    "write_labels",
    "write_maps",
    "write_objects",
]
