"""Trainable instance segmentation of microscope images by spatial embeddings."""

__version__ = "0.1.0"

PROGRAM = "napari-spatial-embeddings"
"""Name of the command line, and of our entries in files and in layers' metadata."""
