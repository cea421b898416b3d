"""Layers: the only code that touches napari's layers, viewer and camera."""
