"""Annotations of other programs, read and brought to an image in a worker."""
