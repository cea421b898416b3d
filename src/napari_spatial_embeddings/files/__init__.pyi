from .collections.position import Position
from .collections.positions import positions
from .errors import FileError, PixelError
from .file_axes import FileAxes, read_axes
from .folders import Side, find_images, find_regions, pair, state_of, stem
from .images import read_image, read_labels, read_pixel_size
from .maps import StoredMaps, read_maps
from .names import distinct, file_name
from .regions import Region, read_regions, read_shapes
from .series import LabelSeries, is_series, read_label_series
from .settings import read_settings
from .tables import find_track_table, read_classes, read_objects, read_track_table

__all__ = [
    "FileAxes",
    "FileError",
    "LabelSeries",
    "PixelError",
    "Position",
    "Region",
    "Side",
    "StoredMaps",
    "distinct",
    "file_name",
    "find_images",
    "find_regions",
    "find_track_table",
    "is_series",
    "pair",
    "positions",
    "read_axes",
    "read_classes",
    "read_image",
    "read_label_series",
    "read_labels",
    "read_maps",
    "read_objects",
    "read_pixel_size",
    "read_regions",
    "read_settings",
    "read_shapes",
    "read_track_table",
    "state_of",
    "stem",
]
