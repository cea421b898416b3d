"""One image of the list."""

from __future__ import annotations

from dataclasses import dataclass

from napari.layers import Image

from napari_spatial_embeddings.files.names import series_key


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image of the list.

    Parameters
    ----------
    key : str
        Empty for an open image that was not chosen yet.
    name : str
    layer : Image, optional
        None for an image that is not open.
    saved : bool
        Whether it is in the project.
    frames : tuple of str
        Keys of the frames that are known of a time series; ``key`` is that of one of them.
    well : str
        Of a plate; empty if there is none.
    """

    key: str
    name: str
    layer: Image | None = None
    saved: bool = False
    frames: tuple[str, ...] = ()
    well: str = ""

    def has(self, key: str | None) -> bool:
        """Return whether a key is that of the image, or of one of its frames."""
        return bool(self.key and key) and series_key(self.key) == series_key(str(key))

    @property
    def id(self) -> str:
        """Key or name: what is known of every image, and of no two of them."""
        return series_key(self.key) or self.name

    @property
    def group(self) -> str:
        """Name of its plate and well; empty if it is no field of a plate."""
        return self.name.rpartition("_")[0] or self.well if self.well else ""
