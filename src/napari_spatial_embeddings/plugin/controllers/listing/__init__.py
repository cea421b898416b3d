"""Helpers of the list of images: its rows, those of the project, and the search for files."""
