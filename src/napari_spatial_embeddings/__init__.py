"""Teach microscope images to segment themselves: spatial embeddings, in napari and outside it."""

__version__ = "0.1.0"

PROGRAM = "napari-spatial-embeddings"
"""Name of the command line, and of our entries in files and in layers' metadata."""
