"""Models in files that others use: zips, ONNX, bioimage.io; written here and read back."""
