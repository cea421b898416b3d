from .colours import image_colours, instance_colours, offset_colours
from .formats import FORMATS, Format, export, export_steps
from .labels import write_labels
from .maps import write_maps
from .objects import objects_table, write_objects
from .outlines.coco import CocoSet
from .pictures.overlay import write_picture
from .places import results_beside
from .regions import write_regions
from .segmented import Segmented, SegmentedSeries
from .step import ExportStep

__all__ = [
    "FORMATS",
    "CocoSet",
    "ExportStep",
    "Format",
    "Segmented",
    "SegmentedSeries",
    "export",
    "export_steps",
    "image_colours",
    "instance_colours",
    "objects_table",
    "offset_colours",
    "results_beside",
    "write_labels",
    "write_maps",
    "write_objects",
    "write_picture",
    "write_regions",
]
