"""Endings of the names of image files."""

TIFF = (".tif", ".tiff")
PNG = (".png",)
JPEG = (".jpg", ".jpeg")
ZARR = (".zarr",)
IMAGES = (*TIFF, *PNG, *JPEG, *ZARR)
