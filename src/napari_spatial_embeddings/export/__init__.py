"""Writers of results, in the formats of other programs.

The window lists the formats when it opens; what it does not list, `tracks` and `picture`, is
imported from its own module.
"""

from .colours import image_colours, instance_colours, offset_colours
from .formats import FORMATS, Format, Segmented, export
from .labels import write_labels
from .maps import write_maps
from .objects import objects_table, write_objects
from .overlay import overlay, write_overlay
from .regions import write_regions

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
    "write_labels",
    "write_maps",
    "write_objects",
    "write_overlay",
    "write_regions",
]
