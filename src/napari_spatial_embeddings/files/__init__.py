"""Readers of files: images, labels, regions, classes and maps.

Fast to import: imaging libraries are loaded when a file of their kind is read. Whatever is wrong
with a file raises `FileError`, in one sentence.
"""

from .errors import FileError
from .file_axes import FileAxes, read_axes
from .folders import Side, find_images, find_regions, pair, stem
from .images import read_image, read_labels, read_pixel_size
from .maps import StoredMaps, read_maps
from .names import distinct, file_name
from .regions import Region, read_regions, read_shapes
from .settings import read_settings
from .tables import read_classes

__all__ = [
    "FileAxes",
    "FileError",
    "Region",
    "Side",
    "StoredMaps",
    "distinct",
    "file_name",
    "find_images",
    "find_regions",
    "pair",
    "read_axes",
    "read_classes",
    "read_image",
    "read_labels",
    "read_maps",
    "read_pixel_size",
    "read_regions",
    "read_settings",
    "read_shapes",
    "stem",
]
