"""Helpers of the controller of images: records, descriptions and recognition of open images."""
