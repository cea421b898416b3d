"""Endings of the names of image files."""

TIFF = (".tif", ".tiff", ".btf", ".tf8", ".lsm", ".stk")
PNG = (".png",)
JPEG = (".jpg", ".jpeg")
ZARR = (".zarr",)
IMAGES = (*TIFF, *PNG, *JPEG, *ZARR)
