"""Outlines of objects in the formats of other programs: ImageJ's ROIs, GeoJSON, COCO."""
