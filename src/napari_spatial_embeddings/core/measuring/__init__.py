"""Measurements of the objects of a label image: sums over their pixels, borders, convex hulls.

Lengths are in pixels of the finest axis. Everything is read block by block, or object by object
within its bounding box.
"""
