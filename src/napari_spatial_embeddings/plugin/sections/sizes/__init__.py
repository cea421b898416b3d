"""Boxes and buttons for the typical diameter of the objects."""
