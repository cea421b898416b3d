"""Maps of the frames of a time series, as one array that is computed where it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import LazyArray, Part
from napari_spatial_embeddings.plugin.state.open_image import Series

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from napari_spatial_embeddings.core.maps import EmbeddingMaps

    Make = Callable[[EmbeddingMaps], NDArray[Any]]


class SeriesMaps(LazyArray):
    """Images of the maps of all frames, (T, *S) or (T, *S, 3); 0 where nothing was predicted.

    napari reads the frame in view, and only if the layer is visible.

    Parameters
    ----------
    series : Series
    shape : tuple of ints
        Of the image of a frame.
    dtype : dtype
    make : callable
        Returns the image of a frame's maps.
    """

    def __init__(
        self, series: Series, shape: tuple[int, ...], dtype: DTypeLike, make: Make
    ) -> None:
        super().__init__((series.frames, *shape), dtype)
        self._records, self._make = series.records, make
        self._last: tuple[EmbeddingMaps, NDArray[Any]] | None = None

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        first, rest = wanted[0], wanted[1:]
        if isinstance(first, int):
            return self._frame(first)[rest]
        return np.stack([self._frame(t)[rest] for t in range(*first.indices(self.shape[0]))])

    def _frame(self, t: int) -> NDArray[Any]:
        record = self._records.get(t)
        if record is None or record.result is None:
            return np.broadcast_to(self.dtype.type(0), self.shape[1:])
        maps = record.result.maps
        if self._last is None or self._last[0] is not maps:
            self._last = maps, self._make(maps)
        return self._last[1]
