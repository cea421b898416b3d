"""Layers of images that are too large to be worked on as a whole."""
