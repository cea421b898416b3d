"""Outlines in napari's layers of shapes and points."""
