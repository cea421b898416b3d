"""Outlines of objects as rings, the masks that they come from, and the way back.

One convention: a pixel is a square, the first one from 0 to 1 along each axis, its middle at 0.5.
Points are (x, y), as ImageJ, QuPath and COCO count them. An index into an array, as of
`Instances.centre`, is half a pixel less.
"""
