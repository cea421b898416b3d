"""Annotations of other programs: outlines, masks and labels, and their way to an image's pixels."""
