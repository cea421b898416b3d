"""Label images in further formats: PNG, NumPy, Cellpose's own, OME-Zarr."""
