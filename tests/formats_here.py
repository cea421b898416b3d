"""Formats of an export that can be written with the packages that are installed."""

from __future__ import annotations

from importlib.util import find_spec

from napari_spatial_embeddings.export import FORMATS

HERE = tuple(key for key, kind in FORMATS.items() if not kind.needs or find_spec(kind.needs))
